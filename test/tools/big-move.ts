/**
 * `npm run big-move [-- RECORDS BLOBS]`: 20,000 records and 1,500 blobs move to a server whose rate limits are on
 * (1,000 uploads a day), in two runs. Between them the server counts anew, as it would on the next day. Exit code 1 if
 * anything is wrong.
 */
import { startNetwork } from "../network/index.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { prepareMove, runDecamp, type Ended } from "../network/run-decamp.ts";
import { run } from "./run.ts";

const [records = 20_000, blobs = 1500] = process.argv.slice(2).map(Number);
if ((await run("node", ["test/tools/build.ts"])) !== 0) {
  process.exit(1);
}
const log = (text: string): void => console.log(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${text}`);
/** Has a process say at its end what it has cost. */
const usage = `process.on("exit", () => { const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
process.stderr.write("\\nusage: " + Math.round(maxRSS / 1024) + " MB, " + ((userCPUTime + systemCPUTime) / 1e6).toFixed(1) + " s of CPU\\n"); });`;
const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(usage)}` };

const network = await startNetwork({ b: { rateLimits: true } });
let ok = false;
try {
  const account = await createFilled(network.a, "large", { records, blobs, seed: 5 });
  const before = await lookBefore(network.plcUrl, account);
  log(`${before.records.length} records and ${before.blobs.length} blobs on the old server`);
  const move = await prepareMove(network, account, network.b);
  const attempt = async (): Promise<Ended> => {
    const ended = await runDecamp(move.args, { env });
    const told = ended.stderr.split("\n").filter((line) => /^(Warning|Error|Hint|usage)|takes no more/.test(line));
    log([`decamp ended with exit code ${ended.code}`, ...told].join("\n        "));
    return ended;
  };
  const first = await attempt();
  await network.stopPds(network.b);
  await network.startPds(network.b);
  const second = await attempt();
  // The proof asks much in little time, too.
  await network.stopPds(network.b);
  await network.startPds(network.b);
  const moved = { handle: move.newHandle, password: move.newPassword };
  const checks = await proveMove(network.plcUrl, before, network.b, moved);
  for (const { name, ok: good, detail } of checks) {
    log(`${good ? "ok     " : "FAILED "} ${name}: ${detail}`);
  }
  const codes = [blobs > 1000 ? 8 : 0, 0];
  ok = first.code === codes[0] && second.code === codes[1] && checks.every((check) => check.ok);
  await move.remove();
} finally {
  await network.stop();
}
process.exit(ok ? 0 : 1);
