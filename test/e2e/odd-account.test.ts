/**
 * An account that is not as it should be, and moves all the same: its identity names no handle, the clock of its server
 * has run ahead, and the server does not give out its preferences until the end.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { Secp256k1Keypair } from "@atproto/crypto";
import { blocksToCarFile, MemoryBlockstore, readCarWithRoot, Repo, signCommit } from "@atproto/repo";
import { expect, inject, test } from "vitest";
import { login, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { changeIdentity, lastOperation } from "../network/identity.ts";
import { applyWrites } from "../network/populate.ts";
import { getLatestCommit, getPreferences } from "../network/read.ts";
import { tid } from "../network/records.ts";
import { runDecamp, type Ended } from "../network/run-decamp.ts";
import { procedureBytes, queryBytes } from "../network/xrpc.ts";
import { meanwhile, status } from "../faults/faults.ts";
import { openLane } from "../faults/lane.ts";

const network = connectNetwork(inject("network"));
const preload = new URL("../faults/hurry.ts", import.meta.url);
const future = tid((Date.now() + 3_600_000) * 1000);

/** The same records under a commit of the future, signed with the key that the server keeps for the account. */
async function runAhead({ pds, did, accessJwt }: Account): Promise<void> {
  const { root, blocks } = await readCarWithRoot(
    await queryBytes(pds.url, "com.atproto.sync.getRepo", { params: { did } }),
  );
  const { data } = (await Repo.load(new MemoryBlockstore(blocks), root)).commit;
  const folder = createHash("sha256").update(did).digest("hex").slice(0, 2);
  const key = readFileSync(path.join(pds.dataDirectory, "actors", folder, did, "key"));
  const unsigned = { did, version: 3 as const, prev: null, rev: future, data };
  const commit = await blocks.add(await signCommit(unsigned, await Secp256k1Keypair.import(key)));
  blocks.delete(root);
  const car = new Uint8Array(await blocksToCarFile(commit, blocks));
  await procedureBytes(pds.url, "com.atproto.repo.importRepo", car, "application/vnd.ipld.car", { token: accessJwt });
}

function lastLine(text: string): Record<string, unknown> {
  return JSON.parse(text.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
}

const failure = ({ code, stderr }: Ended): unknown => ({ code, error: lastLine(stderr) });

test("no handle, a revision in the future, and preferences that come at last", async () => {
  await using lane = await openLane(network, "oddacc");
  const { account, move, changes } = await lane.newSubject({
    prepare: async (filled) => {
      await changeIdentity(network, filled, () => ({ alsoKnownAs: [] }));
      await runAhead(filled);
    },
  });
  const { did } = account;
  const preferences = await getPreferences({ url: account.pds.url, token: account.accessJwt });
  const args = ["migrate", did, ...move.args.slice(2), "--json"];
  const at = args.indexOf("--new-handle");

  const nameless = await runDecamp(args.toSpliced(at, 2));
  expect(failure(nameless)).toMatchObject({
    code: 7,
    error: { code: "input-needed", message: expect.stringContaining("names no handle") as string },
  });

  const refused = await runDecamp(args);
  expect(failure(refused)).toMatchObject({
    code: 9,
    error: { code: "refused", data: { reason: "future-rev", rev: future, identity: "unchanged" } },
  });
  expect(await changes()).toEqual([]);

  // An export keeps the data, and says it as verify does.
  const folder = path.join(move.folder, "backup");
  const flags = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--state-dir", move.stateDir, "--json"];
  const exported = await runDecamp(["export", did, "-o", folder, ...flags]);
  expect([exported.code, lastLine(exported.stdout)]).toMatchObject([3, { rev: future, futureRev: true, missing: [] }]);

  let isActive = false;
  lane.proxies.source.when({ kind: "app.bsky.actor.getPreferences" }, async (exchange) =>
    isActive ? exchange.pass() : status(502)(exchange),
  );
  lane.proxies.target.when(
    { kind: "com.atproto.server.activateAccount" },
    meanwhile("after", async () => Promise.resolve(void (isActive = true))),
  );
  const moved = await runDecamp([...args, "--accept-future-rev"], { preload });
  expect([moved.code, moved.stderr]).toEqual([0, ""]);
  const result = lastLine(moved.stdout);
  expect(result).toMatchObject({ state: "moved", oldHandle: "handle.invalid", handle: move.newHandle });
  expect(result).not.toHaveProperty("preferencesNotMoved");
  expect((await lastOperation(network.plcUrl, did)).alsoKnownAs).toEqual([`at://${move.newHandle}`]);
  const there = await login(lane.target, move.newHandle, move.newPassword);
  expect(await getPreferences({ url: lane.target.url, token: there.accessJwt })).toEqual(preferences);

  // Whatever is written there has a greater revision still.
  const value = { $type: "app.bsky.feed.post", text: "At home.", createdAt: new Date().toISOString() };
  await applyWrites({ ...there, email: move.newEmail }, [
    { collection: "app.bsky.feed.post", rkey: "3koddacc22222", value },
  ]);
  expect((await getLatestCommit({ url: lane.target.url, did })).rev > future).toBe(true);
  await move.remove();
});
