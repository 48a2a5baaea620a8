/**
 * A restore is killed before and after each request that changes something, and before, in the middle of and after each
 * line of its journal, and of the file with its temporary key. The same command goes on each time, and in the end the
 * account is back, with exactly two operations.
 *
 * One account goes through all of them in turn. `npm run faults` gives each point an account of its own.
 */
import { describe, expect, inject, test, vi } from "vitest";
import { connectNetwork } from "../network/control.ts";
import { archivedAccount, type Archived } from "../network/restore.ts";
import { runDecamp, startDecamp, type Ended } from "../network/run-decamp.ts";
import { end } from "./faults.ts";
import { describeEnd, isLong, onlyCases, openLane, type Lane, type Side } from "./lane.ts";

vi.setConfig({ testTimeout: 600_000, maxConcurrency: 2 });

const network = connectNetwork(inject("network"));
const breakFiles = new URL("break-files.ts", import.meta.url);

/** A moment at which the process is killed: at a request, or at an operation on a file. */
type Point = { name: string } & (
  | { side: Side; kind: string; moment: "before" | "after" }
  | { path: string; nth: number; how: "before" | "torn" | "after" }
);

const requests: [Side, string][] = [
  ["directory", "POST DID"],
  ["target", "com.atproto.server.createAccount"],
  ["target", "com.atproto.repo.importRepo"],
  ["target", "com.atproto.repo.uploadBlob"],
  ["target", "app.bsky.actor.putPreferences"],
  ["target", "com.atproto.identity.submitPlcOperation"],
  ["target", "com.atproto.server.activateAccount"],
];
/** The lines of the journal, in their order. */
const lines = ["begin", "handle", "temporary-key", "compared", "signed", "temporary-key gone"];

const atRequests: Point[] = requests.flatMap(([side, kind]) =>
  (["before", "after"] as const).map((moment) => ({ name: `${moment} ${kind}`, side, kind, moment })),
);
const atFiles = (isOwn: boolean): Point[] => [
  ...lines.flatMap((line, index) =>
    (["before", "torn", "after"] as const).map((how) => ({
      name: `${how} the line ${line}`,
      path: ".journal",
      // Whatever was written stays, so the first line that a run writes is the next one.
      nth: isOwn ? index + 1 : 1,
      how,
    })),
  ),
  ...(["before", "torn", "after"] as const).map((how) => ({
    name: `${how} the key file`,
    path: "temporary-key.age",
    nth: 1,
    how,
  })),
];

async function killedAt(lane: Lane, { args }: Archived, point: Point): Promise<Ended> {
  if ("path" in point) {
    const { path, nth, how } = point;
    return runDecamp(args, { preload: breakFiles, env: { DECAMP_BREAK: JSON.stringify({ path, nth, how }) } });
  }
  const { side, kind, moment } = point;
  const run = startDecamp([...args, "--concurrency", "1"]);
  lane.proxies[side].when(
    { kind, times: 1 },
    end(moment, async () => {
      run.child.kill("SIGKILL");
      await run.ended;
    }),
  );
  const ended = await run.ended;
  lane.proxies[side].behave();
  return ended;
}

let accounts = 0;
async function newSubject(lane: Lane, label: string): Promise<Archived> {
  accounts += 1;
  const name = `${label}${accounts}`;
  const seen = { plcUrl: lane.proxies.directory.url };
  return archivedAccount(network, { home: network.a, target: lane.target, name }, seen, { blobs: 3, seed: accounts });
}

async function finish(subject: Archived): Promise<void> {
  expect(describeEnd(await runDecamp(subject.args))).toBe("exit 0");
  expect(await subject.flaws()).toEqual([]);
  await subject.remove();
}

const series: [name: string, points: Point[]][] = [
  ["request", atRequests],
  ["journal", atFiles(false).filter(({ name }) => name.includes("line"))],
];

describe.runIf(!isLong)("one account", () => {
  test.concurrent.each(series)("SIGKILL at each %s in turn", async (label, points) => {
    await using lane = await openLane(network, `r${label}`);
    const subject = await newSubject(lane, `r${label}`);
    for (const point of points) {
      const { code, signal } = await killedAt(lane, subject, point);
      expect({ point: point.name, code, signal }).toEqual({ point: point.name, code: null, signal: "SIGKILL" });
    }
    await finish(subject);
  });
});

test.runIf(isLong)(
  "every point with an account of its own",
  async () => {
    await using lane = await openLane(network, "rlong");
    const points = [...atRequests, ...atFiles(true)].filter(({ name }) => onlyCases.test(name));
    let converged = 0;
    for (const point of points) {
      const subject = await newSubject(lane, "rlong");
      const { code, signal } = await killedAt(lane, subject, point);
      expect({ point: point.name, code, signal }).toEqual({ point: point.name, code: null, signal: "SIGKILL" });
      await finish(subject);
      converged += 1;
    }
    console.log(`${converged} of ${points.length} points converged`);
    expect(converged).toBe(points.length);
  },
  3_600_000,
);
