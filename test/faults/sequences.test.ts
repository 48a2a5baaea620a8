/**
 * Random sequences of moves, interruptions, ways back, undos, cancellations, lost journals, stale flags and posts, over
 * three real servers: no post is ever without a home, no account dark behind a command that says that it is done, no
 * key of the user's lost. What exactly has to hold is in sequences/invariants.ts.
 *
 * `npm test` plays the first seeds, as many as fit into a minute; `npm run faults` 200, in which every state is
 * reached; `npm run sequences` any, and makes one that fails shorter.
 */
import { expect, inject, test } from "vitest";
import { connectNetwork } from "../network/control.ts";
import { isLong } from "./lane.ts";
import { campaign, failureText, neverVisited, visitLines } from "./sequences/campaign.ts";

const network = connectNetwork(inject("network"));
/** How long sequences are begun in the short form (milliseconds): the last ones take some seconds more. */
const budget = 45_000;
const firstSeed = 1;

test(
  "whatever happens in whatever order, nothing is lost and nobody is left in the dark",
  { timeout: 14_400_000 },
  async () => {
    const result = await campaign(network, {
      seed: firstSeed,
      count: 200,
      ...(isLong ? {} : { until: Date.now() + budget, brief: true }),
      lanes: 2,
      name: "seq",
    });
    console.log(visitLines(result).join("\n"));
    const failed = result.outcomes.filter(({ violations }) => violations.length > 0);
    expect(failed.map(failureText).join("\n\n")).toBe("");
    expect(result.outcomes.length).toBeGreaterThan(1);
    if (isLong) {
      expect(neverVisited(result)).toEqual([]);
    }
  },
);
