/** `npm run sequences`: the long form of test/faults/sequences.test.ts, and its microscope. `--help` has its flags. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connectNetwork, type NetworkHandle } from "../network/control.ts";
import type { Sequence } from "../faults/sequences/actions.ts";
import { campaign, failureText, neverVisited, shorten, visitLines } from "../faults/sequences/campaign.ts";
import { play, type Outcome } from "../faults/sequences/play.ts";
import { openStage } from "../faults/sequences/stage.ts";
import { run } from "./run.ts";
import { orEnd, sequencesCall } from "./usage.ts";

/** So many are enough for every state to be reached. */
const enough = 200;

const values = orEnd(sequencesCall(process.argv.slice(2), enough));
const { count } = values;
if (values.decamp === undefined && (await run("node", ["test/tools/build.ts"])) !== 0) {
  process.exit(1);
}
const bin = values.decamp === undefined ? undefined : path.resolve(values.decamp, "bin", "decamp.js");
const networkProcess = fileURLToPath(new URL("../network/network-process.ts", import.meta.url));
const servers = spawn(process.execPath, [networkProcess], { stdio: ["pipe", "pipe", "inherit"] });
const ended = once(servers, "exit");
const [handle] = (await once(createInterface({ input: servers.stdout }), "line")) as [string];
const network = connectNetwork(JSON.parse(handle) as NetworkHandle);
try {
  process.exitCode = values.replay === undefined ? await playAll() : await playOne(values.replay);
} finally {
  servers.stdin.end();
  await ended;
}

async function playOne(text: string): Promise<number> {
  await using stage = await openStage(network, "replay");
  const outcome = await play(stage, JSON.parse(text) as Sequence, { bin });
  show(outcome);
  return outcome.violations.length === 0 ? 0 : 1;
}

async function playAll(): Promise<number> {
  let ended = 0;
  const result = await campaign(network, {
    seed: values.seed,
    count,
    lanes: values.lanes,
    name: "seq",
    bin,
    onOutcome: (outcome) => {
      ended += 1;
      const { sequence, violations } = outcome;
      const kinds = [...new Set(violations.map(({ invariant }) => invariant))].join("; ");
      console.log(`${ended}/${count} seed ${sequence.seed} ${kinds === "" ? "ok" : `FAILED ${kinds}`}`);
      if (values.story || kinds !== "") {
        show(outcome);
      }
    },
  });
  const failed = result.outcomes.filter(({ violations }) => violations.length > 0);
  if (values.shrink) {
    await shortenAll(failed);
  }
  console.log(visitLines(result).join("\n"));
  const missing = neverVisited(result);
  console.log(`${failed.length} of ${result.outcomes.length} failed; never visited: ${missing.join(", ") || "none"}`);
  return failed.length > 0 || (count >= enough && missing.length > 0) ? 1 : 0;
}

/** One of each kind. */
async function shortenAll(failed: readonly Outcome[]): Promise<void> {
  await using stage = await openStage(network, "short");
  const seen = new Set<string>();
  for (const { sequence, violations } of failed) {
    const kind = violations.at(-1)?.invariant ?? "";
    if (!seen.has(kind)) {
      seen.add(kind);
      const failing = async (shorter: Sequence): Promise<Outcome | undefined> => {
        const outcome = await play(stage, shorter, { bin });
        return outcome.violations.some(({ invariant }) => invariant === kind) ? outcome : undefined;
      };
      const shortest = await shorten(sequence, async (shorter) => (await failing(shorter)) !== undefined);
      const outcome = await failing(shortest);
      console.log(`${kind}, as short as it gets:`);
      if (outcome !== undefined) {
        show(outcome);
      }
    }
  }
}

function show(outcome: Outcome): void {
  console.log(
    outcome.violations.length > 0 ? failureText(outcome) : outcome.story.map((line) => `  ${line}`).join("\n"),
  );
}
