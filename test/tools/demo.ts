/**
 * `npm run demo`: a real directory and two real servers on this machine, an account with everything that people have, a
 * move with the real command, and the proof from outside. Exit code 1 if anything of the proof is wrong.
 */
import { addOwnParts, ownParts } from "../network/identity.ts";
import { startNetwork } from "../network/index.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { prepareMove, runDecamp } from "../network/run-decamp.ts";
import { run } from "./run.ts";

const started = Date.now();
if ((await run("node", ["test/tools/build.ts"])) !== 0) {
  process.exit(1);
}
console.log("Starting a directory of identities and two servers on this machine …");
const network = await startNetwork();
let ok = false;
try {
  console.log(`  directory   ${network.plcUrl}`);
  console.log(`  old server  ${network.a.url}`);
  console.log(`  new server  ${network.b.url}`);
  console.log("\nMaking alice.a.test, with posts, pictures, likes, follows, a list and preferences …");
  const account = await createFilled(network.a, "alice", { records: 320, blobs: 44 });
  const { didKey } = await addOwnParts(network, account);
  const before = await lookBefore(network.plcUrl, account);
  console.log(`  ${account.did}: ${before.records.length} records, ${before.blobs.length} blobs`);
  console.log("  and, in the identity, a rotation key, a service and an alias of her own");

  const move = await prepareMove(network, account, network.b);
  try {
    console.log(`\n$ decamp migrate ${account.handle} --to ${network.b.url} …\n`);
    const { code } = await runDecamp(move.args, { show: true });
    if (code !== 0) {
      throw new Error(`decamp ended with exit code ${code}`);
    }
    console.log("\nAsking both servers and the directory, without decamp:");
    const checks = await proveMove(
      network.plcUrl,
      before,
      network.b,
      { handle: move.newHandle, password: move.newPassword },
      { userKey: didKey, parts: ownParts },
    );
    for (const { name, ok: good, detail } of checks) {
      console.log(`  ${good ? "ok     " : "FAILED "} ${name}: ${detail}`);
    }
    ok = checks.every((check) => check.ok);
    const seconds = Math.round((Date.now() - started) / 1000);
    console.log(
      ok
        ? `\nThe account lives on the new server now, with everything it had. All ${checks.length} checks are right. (${seconds} s)`
        : "\nSomething is not right: see the checks that FAILED.",
    );
  } finally {
    await move.remove();
  }
} finally {
  await network.stop();
}
process.exit(ok ? 0 : 1);
