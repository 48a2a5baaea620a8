/** Changes of an identity against the real directory and the real servers. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { Secp256k1Keypair } from "@atproto/crypto";
import { afterAll, describe, expect, inject, test } from "vitest";
import { onScreen } from "../cli/support/pty.ts";
import { loseAnswer } from "../faults/faults.ts";
import { startProxy } from "../faults/proxy.ts";
import { createAccount, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { addOwnParts, auditLog, changeIdentity, generateUserKey, lastOperation } from "../network/identity.ts";
import type { UserKey } from "../network/identity.ts";
import { runDecamp, type Ended } from "../network/run-decamp.ts";
import { signed, testCid } from "../tools/plc.ts";

const network = connectNetwork(inject("network"));
const folder = mkdtempSync(path.join(tmpdir(), "decamp-plc-e2e-"));
const readMail = fileURLToPath(new URL("../network/read-mail.ts", import.meta.url));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

let files = 0;
/** A file that only its owner can read. */
function fileWith(text: string): string {
  files += 1;
  const name = path.join(folder, `file-${files}`);
  writeFileSync(name, text, { mode: 0o600 });
  return name;
}

const keyFile = (key: UserKey): string => fileWith(key.privateKeyHex);

async function newAccount(name: string): Promise<Account> {
  return createAccount(network.a, {
    handle: `${name}.a.test`,
    email: `${name}@old.example.com`,
    password: "the-password",
  });
}

async function plc(args: readonly string[], plcUrl = network.plcUrl): Promise<Ended> {
  const state = path.join(folder, "state");
  return runDecamp(["plc", ...args, "--plc-url", plcUrl, "--allow-private-hosts", "--no-input", "--state-dir", state]);
}

/** The last thing on stdout, as JSON; the run has to have gone well. */
async function done(args: readonly string[], plcUrl?: string): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await plc([...args, "--json"], plcUrl);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** Flags for signing by the server that holds the account. */
function byToken(account: Account): string[] {
  const command = `node ${readMail} ${network.controlUrl} ${account.email} ${Date.now()}`;
  return ["--password-file", fileWith(account.password), "--plc-token-command", command];
}

const yes = (account: Account): string[] => ["--confirm-did", account.did];
const direct = (key: UserKey): string[] => ["--rotation-key-file", keyFile(key), "--via", "directory"];

async function rotationKeys(account: Account): Promise<string[]> {
  return (await lastOperation(network.plcUrl, account.did)).rotationKeys;
}

test("a key of one's own is put first: by the mailed code, then another by the first", async () => {
  const account = await newAccount("keys");
  const [first, second] = await Promise.all([generateUserKey(), generateUserKey()]);
  const before = await rotationKeys(account);
  const args = ["add-key", account.did, keyFile(first), ...byToken(account), ...yes(account)];
  const added = await done(args);
  expect(added).toMatchObject({ state: "added", key: first.didKey, proved: true, signer: before.at(-1) });
  expect(await rotationKeys(account)).toEqual([first.didKey, ...before]);
  const log = await auditLog(network.plcUrl, account.did);
  expect(log.at(-1)?.cid).toBe(added["cid"]);

  expect(await done(args)).toMatchObject({ state: "already-first" });
  expect(await auditLog(network.plcUrl, account.did)).toEqual(log);

  const next = await done(["add-key", account.did, second.didKey, ...direct(first), ...yes(account)]);
  expect(next).toMatchObject({ state: "added", proved: false, signer: first.didKey });
  expect(await rotationKeys(account)).toEqual([second.didKey, first.didKey, ...before]);
});

test("a key is replaced: by the mailed code, and by a key, through the server", async () => {
  const account = await newAccount("replaced");
  const old = await addOwnParts(network, account);
  const [first, second] = await Promise.all([generateUserKey(), generateUserKey()]);
  const before = await lastOperation(network.plcUrl, account.did);
  const server = before.rotationKeys.slice(1);
  await done(["add-key", account.did, keyFile(first), "--replace", old.didKey, ...byToken(account), ...yes(account)]);
  expect(await rotationKeys(account)).toEqual([first.didKey, ...server]);

  const byKey = ["--rotation-key-file", keyFile(first), "--password-file", fileWith(account.password)];
  const replace = ["add-key", account.did, keyFile(second), "--replace", first.didKey];
  const result = await done([...replace, ...byKey, ...yes(account)]);
  expect(result).toMatchObject({ signer: first.didKey, submittedTo: new URL(network.a.url).host });
  const { rotationKeys: keys, alsoKnownAs, services } = await lastOperation(network.plcUrl, account.did);
  expect(keys).toEqual([second.didKey, ...server]);
  expect({ alsoKnownAs, services }).toEqual({ alsoKnownAs: before.alsoKnownAs, services: before.services });
});

describe("an operation that is planned, signed offline and submitted", () => {
  test("arrives as it was written", async () => {
    const account = await newAccount("offline");
    const key = await addOwnParts(network, account);
    const spare = await generateUserKey();
    const operation = path.join(folder, "operation.json");
    const plan = await plc(["diff", account.did, "--add-rotation-key", spare.didKey, "-o", operation]);
    expect({ code: plan.code, stderr: plan.stderr }).toEqual({ code: 0, stderr: "" });
    expect(plan.stdout).toContain(`  + rotationKeys[0]: ${spare.didKey}\n`);

    const log = fileWith(JSON.stringify(await auditLog(network.plcUrl, account.did)));
    const nowhere = ["--log", log, "--rotation-key-file", keyFile(key)];
    const signed = await plc(["sign", operation, ...nowhere], "https://nowhere.invalid");
    expect(signed.code).toBe(0);
    expect(signed.stderr).toContain(`  + rotationKeys[0]: ${spare.didKey}\n`);
    const file = fileWith(signed.stdout);

    const submit = ["submit", account.did, file, "--via", "directory", ...yes(account)];
    expect(await done(submit)).toMatchObject({ state: "submitted", signer: key.didKey });
    expect((await lastOperation(network.plcUrl, account.did)).sig).toBe(
      (JSON.parse(readFileSync(file, "utf8")) as { sig: string }).sig,
    );
    // Once more is no harm, and no second request.
    expect(await done(submit)).toMatchObject({ state: "already-there" });
  });

  test("two writers at the same time: one wins, the other stops", async () => {
    const account = await newAccount("raced");
    const key = await addOwnParts(network, account);
    const log = fileWith(JSON.stringify(await auditLog(network.plcUrl, account.did)));
    const write = async (): Promise<string> => {
      const other = await generateUserKey();
      const { stdout } = await plc(["diff", account.did, "--add-rotation-key", other.didKey, "--json"]);
      const signing = ["sign", fileWith(stdout), "--log", log, "--rotation-key-file", keyFile(key), "--json"];
      return fileWith((await plc(signing)).stdout);
    };
    const operations = await Promise.all([write(), write()]);
    const submit = async (file: string): Promise<Ended> =>
      plc(["submit", account.did, file, "--via", "directory", ...yes(account), "--json"]);
    const ended = await Promise.all(operations.map(submit));
    const won = ended.find(({ code }) => code === 0);
    const lost = ended.find(({ code }) => code === 9);
    const { cid } = JSON.parse(won?.stdout ?? "") as { cid: string };
    expect(JSON.parse(lost?.stderr ?? "")).toMatchObject({ code: "head-moved", data: { found: cid } });
    const now = await auditLog(network.plcUrl, account.did);
    expect(now.slice(2).map((entry) => entry.cid)).toEqual([cid]);

    // And who comes later is stopped before anything is sent.
    const late = await submit(operations[ended.findIndex(({ code }) => code === 9)] ?? "");
    expect(late.code).toBe(9);
    expect(JSON.parse(late.stderr)).toMatchObject({ code: "head-moved" });
  });

  test("an answer that is lost on the way: the log decides, and nothing is sent twice", async () => {
    const account = await newAccount("lost");
    const key = await addOwnParts(network, account);
    const other = await generateUserKey();
    const proxy = await startProxy({ targetPort: Number(new URL(network.plcUrl).port) });
    const { hits } = proxy.when({ kind: "POST DID" }, loseAnswer());
    const args = ["add-key", account.did, keyFile(other), ...direct(key), ...yes(account)];
    expect(await done(args, proxy.url)).toMatchObject({ state: "added", signer: key.didKey });
    expect(hits).toMatchObject([{ path: `/${account.did}`, status: 200 }]);
    await proxy.stop();
    expect((await rotationKeys(account))[0]).toBe(other.didKey);
  });
});

/** An account whose server took the user's key away. */
async function robbed(name: string): Promise<{ account: Account; key: UserKey; before: unknown }> {
  const account = await newAccount(name);
  const key = await addOwnParts(network, account);
  const before = await lastOperation(network.plcUrl, account.did);
  const foreign = await generateUserKey();
  await changeIdentity(network, account, (last) => ({
    rotationKeys: [foreign.didKey, ...last.rotationKeys.filter((other) => other !== key.didKey)],
    alsoKnownAs: [`at://${name}.thief.test`],
  }));
  return { account, key, before };
}

describe("an operation that was not wanted", () => {
  test("is found, and nullified by the key that stood above", async () => {
    const { account, key, before } = await robbed("robbed");
    const hostile = (await auditLog(network.plcUrl, account.did)).at(-1);
    const result = await done(["recover", account.did, "--rotation-key-file", keyFile(key), ...yes(account)]);
    expect(result).toMatchObject({ state: "recovered", nullified: [hostile?.cid], signer: key.didKey, undoKeys: [] });
    const log = await auditLog(network.plcUrl, account.did);
    expect(log.map(({ nullified }) => nullified)).toEqual([false, false, true, false]);
    const { sig: _sig, prev: _prev, ...now } = log.at(-1)?.operation ?? {};
    expect(before).toMatchObject(now);
    expect(now).not.toEqual({});
  });

  test("the recovery is planned here, signed elsewhere, and submitted here", async () => {
    const { account, key } = await robbed("robbed-again");
    const server = (await rotationKeys(account)).at(-1) ?? "";
    const file = path.join(folder, "recovery.json");
    await done(["recover", account.did, "--held-key", key.didKey, "--drop-key", server, "-o", file]);
    const log = fileWith(JSON.stringify(await auditLog(network.plcUrl, account.did)));
    const sign = ["sign", file, "--log", log, "--rotation-key-file", keyFile(key)];
    // It would undo something: that has to be said.
    expect((await plc(sign)).code).toBe(9);
    const signed = fileWith((await plc([...sign, "--nullify"])).stdout);
    const submit = ["submit", account.did, signed, "--via", "directory", ...yes(account)];
    expect((await plc(submit)).code).toBe(9);
    expect(await done([...submit, "--nullify"])).toMatchObject({ state: "submitted" });
    expect(await rotationKeys(account)).toEqual([key.didKey]);
  });

  test("is undone even if it ended the identity", async () => {
    const account = await newAccount("ended");
    const lower = await addOwnParts(network, account);
    const upper = await generateUserKey();
    await done(["add-key", account.did, upper.didKey, ...direct(lower), ...yes(account)]);
    const log = await auditLog(network.plcUrl, account.did);
    const pair = await Secp256k1Keypair.import(lower.privateKeyHex);
    const signer = { did: lower.didKey, sign: async (data: Uint8Array) => pair.sign(data) };
    const tombstone = await signed({ type: "plc_tombstone", prev: log.at(-1)?.cid }, signer);
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify(tombstone);
    expect((await fetch(`${network.plcUrl}/${account.did}`, { method: "POST", headers, body })).status).toBe(200);

    const diff = await plc(["diff", account.did, "--handle", "a.a.test", "--json"]);
    expect(JSON.parse(diff.stderr)).toMatchObject({ code: "refused" });
    const result = await done(["recover", account.did, "--rotation-key-file", keyFile(upper), ...yes(account)]);
    expect(result).toMatchObject({ state: "recovered", nullified: [testCid(tombstone)] });
    expect((await lastOperation(network.plcUrl, account.did)).rotationKeys[0]).toBe(upper.didKey);
  });

  test("is not undone by a key without the power, and the reason is said", async () => {
    const { account } = await robbed("powerless");
    const [foreign, server] = await rotationKeys(account);
    const stranger = await generateUserKey();
    const log = await auditLog(network.plcUrl, account.did);
    for (const held of [stranger.didKey, foreign ?? "", server ?? ""]) {
      const { code, stderr } = await plc(["recover", account.did, "--held-key", held, "-o", "-", "--json"]);
      expect(code).toBe(9);
      expect(JSON.parse(stderr)).toMatchObject({ code: "refused", data: { reason: "key-without-power" } });
    }
    expect(await auditLog(network.plcUrl, account.did)).toEqual(log);
  });
});

/** Makes the code that the server has mailed twenty minutes old: it is good for fifteen. */
function expireCode(did: string): void {
  const database = new DatabaseSync(path.join(network.a.dataDirectory, "account.sqlite"));
  try {
    const past = new Date(Date.now() - 20 * 60_000).toISOString();
    expect(database.prepare("update email_token set requestedAt = ? where did = ?").run(past, did).changes).toBe(1);
  } finally {
    database.close();
  }
}

test("at a terminal: the change is shown, the DID typed, a wrong and an expired code asked again", async () => {
  const account = await newAccount("nervous");
  const key = await generateUserKey();
  const started = Date.now();
  const where = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--state-dir", path.join(folder, "state")];
  const bin = new URL("../../bin/decamp.js", import.meta.url);
  const screen = onScreen(bin, ["plc", "add-key", account.did, keyFile(key), ...where]);
  await screen.answers(`Password of ${account.handle} at your server, localhost`, `${account.password}\r`);
  await screen.shows("+ rotationKeys[0]:");
  await screen.answers("Type the DID or the handle to go on", "yes\r");
  await screen.answers("That is not this account.", `${account.did}\r`);
  await screen.shows(`The code comes by mail from your server, to ${account.email}.`);
  // What is typed before a question stands there is dropped: so wait for the question, not for what leads to it.
  await screen.answers("? Code from the mail", "AAAAA-AAAAA\r");
  await screen.shows("is not the right one");
  await screen.shows("? Code from the mail");
  const first = await network.waitForMail({ to: account.email, subject: "PLC Update", after: started });
  expireCode(account.did);
  const expired = Date.now();
  screen.type(`${first.token ?? ""}\r`);
  await screen.shows("has expired");
  const second = await network.waitForMail({ to: account.email, subject: "PLC Update", after: expired });
  await screen.answers("? Code from the mail", `${second.token ?? ""}\r`);
  await screen.shows("The directory has it: bafyrei");
  expect(await screen.ended).toBe(0);
  expect((await rotationKeys(account))[0]).toBe(key.didKey);
  expect(screen.raw()).not.toContain(account.password);
  expect(screen.raw()).not.toContain(key.privateKeyHex);
});
