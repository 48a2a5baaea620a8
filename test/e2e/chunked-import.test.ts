/** A new server that does not take the repository as a whole: with --chunked-import it takes it in parts. */
import { afterAll, expect, inject, test } from "vitest";
import { collect } from "../../src/data/slices.ts";
import { splitRepo } from "../../src/repo/write/split.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { loseAnswer, status } from "../faults/faults.ts";
import { startProxy } from "../faults/proxy.ts";
import { connectNetwork } from "../network/control.ts";
import { auditLog } from "../network/identity.ts";
import { createFilled } from "../network/populate.ts";
import { freePort } from "../network/ports.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));
const port = await freePort();
const target = await network.addPds({ name: "narrow", publicPort: port, maxImportSize: 140_000 });
const proxy = await startProxy({ port, targetPort: target.port });
afterAll(async () => proxy.stop());

const hurry = new URL("../faults/hurry.ts", import.meta.url);

const importRepo = "com.atproto.repo.importRepo";

/**
 * What the imports were answered that came since so many requests, the too large ones apart: those are answered, or
 * broken off before they have come whole.
 */
function imports(since: number): (number | undefined)[] {
  const all = proxy.recording.requests
    .slice(since)
    .flatMap(({ kind, status: code }) => (kind === importRepo ? [code] : []));
  return all.filter((code) => code !== 413);
}

test("a repository over the limit for imports", async () => {
  const account = await createFilled(network.a, "large", { records: 1400, blobs: 20, seed: 91 });
  const repo = new Uint8Array(
    await (await fetch(`${network.a.url}/xrpc/com.atproto.sync.getRepo?did=${account.did}`)).arrayBuffer(),
  );
  const move = await prepareMove(network, account, target);

  // Unasked, nothing unusual is done; what would help is said. A server that answers early may be heard, or not.
  const refused = await runDecamp([...move.args, "--json"]);
  expect(refused.code).toBe(5);
  const { message, hint } = JSON.parse(refused.stderr) as Record<string, string>;
  expect(message).toMatch(/takes no repository of \d+ bytes|broke off an import of \d+ bytes/);
  expect(hint).toContain("--chunked-import");
  expect(imports(0)).not.toContain(200);

  // Asked, it goes part by part, in smaller ones when they are still too large. Then something else goes wrong.
  const first = proxy.recording.requests.length;
  proxy.when({ kind: importRepo }, async (exchange) =>
    imports(first).filter((code) => code === 200).length < 2 ? exchange.pass() : status(500)(exchange),
  );
  const stopped = await runDecamp([...move.args, "--chunked-import", "--json"]);
  expect(stopped.code).toBe(5);
  expect(imports(first)).toEqual([200, 200, undefined]);
  expect(await auditLog(network.plcUrl, account.did)).toHaveLength(1);
  expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");

  // The same command goes on behind what is there. An answer is lost on the way.
  proxy.behave();
  const second = proxy.recording.requests.length;
  const lost = proxy.when({ kind: importRepo, nth: 4 }, loseAnswer());
  const before = await lookBefore(network.plcUrl, account);
  const moved = await runDecamp([...move.args, "--chunked-import", "--json"]);
  expect({ code: moved.code, stderr: moved.stderr }).toEqual({ code: 0, stderr: "" });
  expect(moved.stdout).toContain('"chunked-import"');
  expect(lost.hits).toHaveLength(1);
  const sent = imports(second);
  expect(sent.every((answer) => answer === 200)).toBe(true);
  // Half of it was still too large, a quarter was not. The first two parts came with the run before.
  const parts = await collect(splitRepo(bytesSource(repo), repo.length >> 2));
  expect(parts.length).toBeGreaterThan(4);
  expect(sent).toHaveLength(parts.length - 2);
  const checks = await proveMove(network.plcUrl, before, target, {
    handle: move.newHandle,
    password: move.newPassword,
  });
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  await move.remove();
});

test("an import that takes longer than what stands before the server allows", async () => {
  const account = await createFilled(network.a, "slow-import", { records: 40, blobs: 2, seed: 92 });
  const move = await prepareMove(network, account, target);
  const gone = proxy.when({ kind: importRepo }, status(524));
  const refused = await runDecamp([...move.args, "--json"], { preload: hurry });
  expect(refused.code).toBe(5);
  const { message, hint } = JSON.parse(refused.stderr) as Record<string, string>;
  expect(message).toMatch(/524|takes no repository/);
  expect(hint).toContain("--chunked-import");
  expect(gone.hits).toHaveLength(1);

  // The server was told to stop waiting, and went on all the same: that is seen, and nothing is sent twice.
  proxy.behave();
  const late = proxy.when({ kind: importRepo }, async (exchange) => {
    await exchange.ask();
    await status(524)(exchange);
  });
  const before = await lookBefore(network.plcUrl, account);
  const moved = await runDecamp([...move.args, "--json"], { preload: hurry });
  expect({ code: moved.code, stderr: moved.stderr }).toEqual({ code: 0, stderr: "" });
  expect(late.hits).toHaveLength(1);
  proxy.behave();
  const checks = await proveMove(network.plcUrl, before, target, {
    handle: move.newHandle,
    password: move.newPassword,
  });
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  await move.remove();
});
