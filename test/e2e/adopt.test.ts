/** The account is on the new server already: what an earlier try left is used, and everything else stops the move. */
import { globSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import path from "node:path";
import { expect, inject, test } from "vitest";
import type { Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { auditLog } from "../network/identity.ts";
import { applyWrites, createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { getLatestCommit, repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp, type Move } from "../network/run-decamp.ts";
import { procedure, procedureBytes, query, queryBytes } from "../network/xrpc.ts";

const network = connectNetwork(inject("network"));
const carType = "application/vnd.ipld.car";

async function newAccount(name: string): Promise<Account> {
  return createFilled(network.a, name, { records: 25, blobs: 3, seed: name.length });
}

/** Makes the account on the new server by other means than decamp; returns a token of it. */
async function makeThere(account: Account, move: Move): Promise<string> {
  const lxm = "com.atproto.server.createAccount";
  const { token } = await query<{ token: string }>(network.a.url, "com.atproto.server.getServiceAuth", {
    token: account.accessJwt,
    params: { aud: network.b.did, lxm },
  });
  const input = { did: account.did, handle: move.newHandle, email: move.newEmail, password: move.newPassword };
  return (await procedure<{ accessJwt: string }>(network.b.url, lxm, input, { token })).accessJwt;
}

async function getCar(account: Account): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await queryBytes(network.a.url, "com.atproto.sync.getRepo", { params: { did: account.did } }));
}

async function importCar(url: string, token: string, car: Uint8Array<ArrayBuffer>): Promise<void> {
  await procedureBytes(url, "com.atproto.repo.importRepo", car, carType, { token });
}

function post(text: string, rkey: string) {
  const value = { $type: "app.bsky.feed.post", text, createdAt: new Date().toISOString() };
  return { collection: "app.bsky.feed.post", rkey, value };
}

/** Runs a move that has to stop; returns its error. Neither the identity nor either server may change. */
async function stopped(account: Account, move: Move, there?: string): Promise<{ message: string; hint: string }> {
  const reader = { url: network.b.url, did: account.did, token: there };
  const head = await getLatestCommit(reader);
  const { code, stderr } = await runDecamp([...move.args, "--json"]);
  expect(code).toBe(9);
  const error = JSON.parse(stderr) as { code: string; message: string; hint: string };
  expect(error.code).toBe("target-in-use");
  expect(await getLatestCommit(reader)).toEqual(head);
  expect(await auditLog(network.plcUrl, account.did)).toHaveLength(1);
  expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");
  return error;
}

test("an empty account that somebody made there is used", async () => {
  const account = await newAccount("adopt-empty");
  const before = await lookBefore(network.plcUrl, account);
  const move = await prepareMove(network, account, network.b);
  await makeThere(account, move);
  expect((await runDecamp(move.args)).code).toBe(0);
  const moved = { handle: move.newHandle, password: move.newPassword };
  const checks = await proveMove(network.plcUrl, before, network.b, moved);
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
});

test("an older state of the same repository, imported by another tool, is brought up to date", async () => {
  const account = await newAccount("adopt-older");
  const move = await prepareMove(network, account, network.b);
  await importCar(network.b.url, await makeThere(account, move), await getCar(account));
  await applyWrites(account, [post("Written since then.", "3kadoptolder2")]);
  const before = await lookBefore(network.plcUrl, account);
  expect((await runDecamp(move.args)).code).toBe(0);
  const moved = { handle: move.newHandle, password: move.newPassword };
  const checks = await proveMove(network.plcUrl, before, network.b, moved);
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
});

test("the repository of another account stops the move", async () => {
  const [account, other] = await Promise.all([newAccount("adopt-main"), newAccount("adopt-alt")]);
  const move = await prepareMove(network, account, network.b);
  const there = await makeThere(account, move);
  await importCar(network.b.url, there, await getCar(other));
  const { message, hint } = await stopped(account, move, there);
  expect(message).toContain(other.did);
  expect(hint).toContain("decamp migrate cancel");
});

test("a newer state of the same repository stops the move: an import would take it back", async () => {
  const account = await newAccount("adopt-newer");
  const move = await prepareMove(network, account, network.b);
  const there = await makeThere(account, move);
  const older = await getCar(account);
  await applyWrites(account, [post("Only the new server keeps this.", "3kadoptnewer2")]);
  await importCar(network.b.url, there, await getCar(account));
  // The old server falls back to what it had, as if it were restored from a backup.
  await importCar(network.a.url, account.accessJwt, older);
  const { message } = await stopped(account, move, there);
  expect(message).toContain(
    "1 records that are not as in what would be imported, such as app.bsky.feed.post/3kadoptnewer2",
  );
  // Only with a flag, and then it is kept.
  const replaced = await runDecamp([...move.args, "--replace-copy", "--until", "import-repo", "--json"]);
  expect(replaced.code).toBe(0);
  const [kept] = globSync(path.join(move.stateDir, "archives", "*", "replaced-*.car"));
  expect((await runDecamp(["repo", "ls", kept ?? ""])).stdout).toContain("3kadoptnewer2");
});

test("an active account with records of its own stops the move before anybody signs in", async () => {
  const account = await newAccount("adopt-active");
  const move = await prepareMove(network, account, network.b, ["--password-file", "--new-password-file"]);
  const there = await makeThere(account, move);
  const database = new DatabaseSync(path.join(network.b.dataDirectory, "account.sqlite"));
  const { changes } = database.prepare("update actor set deactivatedAt = null where did = ?").run(account.did);
  database.close();
  expect(changes).toBe(1);
  const { collection, rkey, value: record } = post("Written at the new server.", "3kadoptactiv2");
  const input = { repo: account.did, collection, rkey, record };
  await procedure(network.b.url, "com.atproto.repo.createRecord", input, { token: there });
  const { message } = await stopped(account, move, there);
  expect(message).toContain("active");
});
