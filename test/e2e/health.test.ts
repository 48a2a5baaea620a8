/**
 * The doctor, before accounts that are broken for real: each state is named, the exit code is not 0, and the command
 * that is offered, typed as it stands, mends it. What would be asked of a person is in the environment.
 */
import { execFile } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Secp256k1Keypair } from "@atproto/crypto";
import { afterAll, expect, inject, test, vi } from "vitest";
import { onProgram, type Screen } from "../cli/support/pty.ts";
import { flip } from "../faults/faults.ts";
import { startProxy } from "../faults/proxy.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { createAccount, login, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { addOwnParts, auditLog, changeIdentity, generateUserKey, sendOperation } from "../network/identity.ts";
import type { PdsHandle } from "../network/pds.ts";
import { freePort } from "../network/ports.ts";
import { applyWrites, createFilled } from "../network/populate.ts";
import { getLatestCommit, repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp } from "../network/run-decamp.ts";
import { procedure, query } from "../network/xrpc.ts";

vi.setConfig({ testTimeout: 120_000 });

const { addSignature } = createRequire(import.meta.url)("@did-plc/lib") as {
  addSignature: (value: object, key: Secp256k1Keypair) => Promise<object>;
};
const network = connectNetwork(inject("network"));
const { a, b, plcUrl } = network;
const home = mkdtempSync(path.join(tmpdir(), "decamp-doctor-"));
afterAll(() => rmSync(home, { recursive: true }));
const where = ["--plc-url", plcUrl, "--allow-private-hosts"];

interface Seen {
  code: number | null;
  /** id → state */
  states: Record<string, string>;
  /** those that are not in order */
  wrong: { id: string; state: string; message: string; help?: string; next?: string }[];
}

/** What the doctor says. */
async function look(account: string, ...flags: string[]): Promise<Seen> {
  const { code, stdout, stderr } = await runDecamp(["doctor", account, ...flags, ...where, "--json"]);
  expect(stderr).toBe("");
  const { checks } = JSON.parse(stdout) as { checks: Seen["wrong"] };
  return {
    code,
    states: Object.fromEntries(checks.map(({ id, state }) => [id, state])),
    wrong: checks.filter(({ state }) => state === "fault"),
  };
}

/** Types a printed line. @param env what would be asked for */
async function type(line: string | undefined, env: Record<string, string>, more = ""): Promise<void> {
  expect(line).toMatch(/^decamp /);
  const shell = `decamp() { "${process.execPath}" bin/decamp.js "$@"; }; ${line ?? ""} ${more}`;
  await promisify(execFile)("sh", ["-c", shell], { env: { PATH: process.env["PATH"], HOME: home, ...env } });
}

/** The same at a terminal, where a person is asked. @param command what it has to be */
function atTerminal(line: string | undefined, command: string): Screen {
  expect(line).toMatch(new RegExp(`^decamp ${command} `));
  const shell = `decamp() { "${process.execPath}" bin/decamp.js "$@"; }; ${line ?? ""}`;
  return onProgram("/bin/sh", ["-c", shell], { PATH: process.env["PATH"], HOME: home });
}

/** The headers of whoever runs a server. */
function asAdmin({ adminPassword }: PdsHandle): { headers: Record<string, string> } {
  return { headers: { authorization: `Basic ${Buffer.from(`admin:${adminPassword}`).toString("base64")}` } };
}

/** Types a printed line that makes an archive, and proves that. */
async function save(line: string | undefined, env: Record<string, string>, did: string): Promise<void> {
  const archive = path.join(mkdtempSync(path.join(home, "saved-")), "archive");
  expect(line).toMatch(new RegExp(`^decamp export ${did} `));
  await type(line, env, `-o ${archive}`);
  expect((await runDecamp(["verify", archive, ...where])).code).toBe(0);
}

async function filled(name: string): Promise<Account> {
  return createFilled(a, `${name}-doctor`, { records: 20, blobs: 2, seed: 181 });
}

const healthy = { identity: "ok", document: "ok", handle: "ok", home: "ok", blobs: "ok" };

test("an account that is well, by DID and by handle; then active on both servers, and then on neither", async () => {
  const account = await filled("well");
  expect(await look(account.did)).toMatchObject({ code: 0, states: { ...healthy, signature: "ok", keys: "warning" } });
  expect(await look(account.handle, "--from", a.url)).toMatchObject({ code: 0, states: healthy });

  const move = await prepareMove(network, account, b);
  await runDecamp([...move.args, "--until", "import-repo"]);
  const middle = await look(account.did, "--quick", "--state-dir", move.stateDir);
  expect(middle).toMatchObject({ code: 0, states: { move: "warning", home: "ok" } });
  await runDecamp([...move.args, "--until", "activate"]);
  // On another machine nobody knows whose move that was: no line leads to an address that may be a stranger's.
  const stranger = await look(account.did);
  expect(stranger).toMatchObject({ code: 3, states: { changes: "warning", elsewhere: "fault" } });
  expect(stranger.wrong[0]?.help).toMatch(/^First settle whether the change above was yours\. Only if it was: /);
  const here = ["--state-dir", move.stateDir];
  const unsettled = await runDecamp(["migrate", "status", account.did, ...where, "--json"]);
  expect(JSON.parse(unsettled.stdout)).toMatchObject({ moves: [{ state: "source-active", unsettled: b.url }] });
  expect(unsettled.stdout).not.toContain("--to");
  const both = await look(account.did, ...here);
  expect(both).toMatchObject({ code: 3, states: { home: "ok", elsewhere: "fault", signature: "warning" } });
  expect(both.states).not.toHaveProperty("changes");
  const status = await runDecamp(["account", "status", account.did, ...here, ...where, "--json"]);
  expect([status.code, JSON.parse(status.stdout)]).toMatchObject([
    3,
    {
      ok: false,
      servers: [
        { server: b.url, state: "active", home: true },
        { server: a.url, state: "active", home: false },
      ],
      checks: [
        { id: "home", state: "ok" },
        { id: "elsewhere", state: "fault", next: both.wrong[0]?.next },
      ],
    },
  ]);
  const env = {
    DECAMP_SOURCE_PASSWORD: account.password,
    DECAMP_TARGET_PASSWORD: move.newPassword,
    NEW_ACCOUNT_HANDLE: move.newHandle,
  };
  // Where the move was begun, it is finished.
  expect(both.wrong[0]?.next).toMatch(/^decamp migrate /);
  const screen = atTerminal(stranger.wrong[0]?.next, "account deactivate");
  await screen.answers("Type yes to deactivate", "yes\r");
  await screen.answers("Password of", `${account.password}\r`);
  expect(await screen.ended).toBe(0);
  expect(await repoStatus({ url: a.url, did: account.did })).toBe("deactivated");
  expect(await look(account.did)).toMatchObject({ code: 0, states: { ...healthy, elsewhere: "ok" } });

  const there = await login(b, move.newHandle, move.newPassword);
  await procedure(b.url, "com.atproto.server.deactivateAccount", {}, { token: there.accessJwt });
  const neither = await look(account.did, ...here);
  expect(neither).toMatchObject({ code: 3, states: { home: "fault", elsewhere: "ok" } });
  await type(neither.wrong[0]?.next, env, `--archive ${move.folder}/archive`);
  expect(await look(account.did)).toMatchObject({ code: 0, states: { home: "ok" } });

  // Deleted there: by the log no key is the user's, so what the old server still has is saved, and no undo is named.
  await procedure(b.url, "com.atproto.admin.deleteAccount", { did: account.did }, asAdmin(b));
  const deleted = await look(account.did, ...here);
  expect(deleted).toMatchObject({ code: 3, states: { home: "fault", elsewhere: "ok" } });
  expect(deleted.wrong[0]?.help).toContain("No rotation key of your own");
  await save(deleted.wrong[0]?.next, env, account.did);
  const undone = await runDecamp(["migrate", "status", account.did, ...here, ...where]);
  expect(undone.stdout).toContain("Ask the operator of that server");
  await move.remove();
});

test("deactivated at home, where it has always lived: account activate; taken down there: who to ask, and a copy", async () => {
  const account = await filled("asleep");
  await procedure(a.url, "com.atproto.server.deactivateAccount", {}, { token: account.accessJwt });
  const asleep = await look(account.did);
  expect(asleep).toMatchObject({ code: 3, states: { home: "fault" } });
  await type(asleep.wrong[0]?.next, { DECAMP_SOURCE_PASSWORD: account.password });
  expect(await look(account.did)).toMatchObject({ code: 0, states: healthy });

  const down = async (applied: boolean): Promise<unknown> =>
    procedure(
      a.url,
      "com.atproto.admin.updateSubjectStatus",
      { subject: { $type: "com.atproto.admin.defs#repoRef", did: account.did }, takedown: { applied } },
      asAdmin(a),
    );
  await down(true);
  const taken = await look(account.did);
  expect(taken).toMatchObject({ code: 3, states: { home: "fault" } });
  expect(taken.wrong[0]?.help).toMatch(/^Ask the operator of localhost:\d+ why/);
  await save(taken.wrong[0]?.next, { DECAMP_SOURCE_PASSWORD: account.password }, account.did);
  await down(false);
  expect(await look(account.did, "--quick")).toMatchObject({ code: 0, states: { home: "ok" } });
});

test("a key below the server's, a strange signing key, a handle of nobody, a server without the account, a tombstone", async () => {
  const account = await filled("broken");
  const key = await addOwnParts(network, account);
  const second = await generateUserKey();
  await changeIdentity(network, account, ({ rotationKeys }) => ({
    rotationKeys: [...rotationKeys.slice(1), key.didKey],
  }));
  const env = {
    PLC_SIGNING_KEY: key.privateKeyHex,
    DECAMP_SOURCE_PASSWORD: account.password,
    XDG_STATE_HOME: home,
  };
  const yes = `--confirm-did ${account.did}`;
  const below = await look(account.did);
  expect(below).toMatchObject({ code: 3, states: { keys: "fault" } });
  expect(below.wrong[0]?.message).toMatch(/1\. did:key:\S+ \(a server's\), 2\. did:key:\S+ \(came by itself/);
  const plan = await runDecamp(["plc", "add-key", account.did, key.didKey, ...where, "--no-input"], {
    env: { DECAMP_SOURCE_PASSWORD: account.password },
  });
  expect(plan.stderr).toContain("A rotation key stays, at rank 1 of 2");
  await type(below.wrong[0]?.next, env, yes);
  expect(await look(account.did)).toMatchObject({ code: 0, states: { ...healthy, keys: "ok" } });

  const [first] = await auditLog(plcUrl, account.did);
  const { verificationMethods, alsoKnownAs, services } = first?.operation ?? expect.fail();
  await changeIdentity(network, account, () => ({ verificationMethods: { atproto: second.didKey } }));
  const strange = await look(account.did);
  expect(strange).toMatchObject({ states: { signature: "warning" } });
  // What is written later shows that it is no move that has just been made.
  await sleep(5500);
  const value = { $type: "app.bsky.feed.post", text: "later", createdAt: new Date(0).toISOString() };
  await applyWrites(account, [{ collection: "app.bsky.feed.post", rkey: "3klater222222", value }]);
  const refused = await look(account.did);
  expect(refused).toMatchObject({ code: 3, states: { signature: "fault" } });
  await type(refused.wrong[0]?.next, env, yes);
  expect(await look(account.did)).toMatchObject({ code: 0, states: { ...healthy, signature: "ok" } });
  expect((await auditLog(plcUrl, account.did)).at(-1)?.operation.verificationMethods).toEqual(verificationMethods);

  await changeIdentity(network, account, () => ({ alsoKnownAs: ["at://nobody-at-all.a.test"] }));
  const nobody = await look(account.did);
  expect(nobody).toMatchObject({ code: 3, states: { handle: "fault" } });
  await type(nobody.wrong[0]?.next, env, "--yes");
  expect(await look(account.did)).toMatchObject({ code: 0, states: { ...healthy, keys: "ok" } });

  await changeIdentity(network, account, () => ({ alsoKnownAs: ["at://nobody-at-all.a.test"] }));
  const named = await look(account.handle, "--from", a.url);
  expect(named).toMatchObject({ code: 3, states: { handle: "fault" } });
  expect(named.wrong[0]?.message).toContain("calls itself nobody-at-all.a.test");
  await type(named.wrong[0]?.next, env, "--yes");
  expect(await look(account.handle, "--from", a.url)).toMatchObject({ code: 0, states: healthy });
  expect((await auditLog(plcUrl, account.did)).at(-1)?.operation.alsoKnownAs).toEqual(alsoKnownAs);

  await changeIdentity(network, account, () => ({ alsoKnownAs: [] }));
  const nameless = await look(account.did);
  expect(nameless).toMatchObject({ code: 3, states: { handle: "fault" } });
  await type(nameless.wrong[0]?.next, env, "--yes");
  expect(await look(account.did)).toMatchObject({ code: 0, states: healthy });

  await changeIdentity(network, account, ({ rotationKeys }) => ({
    rotationKeys: [key.didKey, second.didKey, ...rotationKeys.filter((one) => one !== key.didKey)],
    services: { ...services, atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: b.url } },
  }));
  const absent = await look(account.did);
  expect(absent).toMatchObject({ code: 3, states: { home: "fault" } });
  expect(absent.wrong[0]?.message).toContain("does not have the account");
  await type(absent.wrong[0]?.next, env, yes);
  expect(await look(account.did)).toMatchObject({ code: 0, states: healthy });
});

test("of a server that is gone nobody knows whether it has the account active", async () => {
  const account = await filled("gone");
  const key = await addOwnParts(network, account);
  const { services } = (await auditLog(plcUrl, account.did)).at(-1)?.operation ?? expect.fail();
  const gone = { type: "AtprotoPersonalDataServer", endpoint: "http://localhost:1" };
  await changeIdentity(network, account, () => ({ services: { ...services, atproto_pds: gone } }));
  // The server is at another address than the identity names: that is taken only from who types it, and with a proof.
  const archive = path.join(home, "gone");
  await runDecamp(["export", account.did, "--from", a.url, "-o", archive, ...where]);
  const env = { PLC_SIGNING_KEY: key.privateKeyHex, DECAMP_SOURCE_PASSWORD: account.password, XDG_STATE_HOME: home };
  const line = `decamp plc repair ${account.did} --server ${a.url} ${where.join(" ")} --no-input --confirm-did ${account.did}`;
  const value = { $type: "app.bsky.feed.post", text: "later", createdAt: new Date(0).toISOString() };
  await applyWrites(account, [{ collection: "app.bsky.feed.post", rkey: "3klater222222", value }]);
  await expect(type(line, env)).rejects.toMatchObject({
    code: 9,
    stderr: expect.stringContaining("--archive") as string,
  });
  await type(line, env, `--archive ${archive}`);
  expect((await auditLog(plcUrl, account.did)).at(-1)?.operation.services).toEqual(services);
  expect(await look(account.did, "--quick")).toMatchObject({ code: 0, states: { home: "ok", elsewhere: "warning" } });

  const flags = ["--quick", "--relay", "http://localhost:1", "--app-view", "http://localhost:1"];
  const { code, stdout } = await runDecamp(["doctor", account.did, ...flags, ...where]);
  expect(code).toBe(5);
  // Whoever reads it need not know whose address that is.
  expect(stdout).toContain("What the relay says of the account is not known: localhost:1 ");
  expect(stdout).toContain("What people see of the account is not known: localhost:1 ");
});

test("a tombstone can be taken back by a key above its signer", async () => {
  const account = await filled("ended");
  const key = await addOwnParts(network, account);
  const second = await generateUserKey();
  await changeIdentity(network, account, ({ rotationKeys: [mine = "", ...servers] }) => ({
    rotationKeys: [mine, second.didKey, ...servers],
  }));
  const head = (await auditLog(plcUrl, account.did)).at(-1);
  const signer = await Secp256k1Keypair.import(second.privateKeyHex);
  await sendOperation(
    plcUrl,
    account.did,
    await addSignature({ type: "plc_tombstone", prev: head?.cid ?? "" }, signer),
  );
  const ended = await look(account.did);
  expect(ended).toMatchObject({ code: 3, states: { identity: "fault" } });
  await type(ended.wrong[0]?.next, { PLC_SIGNING_KEY: key.privateKeyHex }, `--confirm-did ${account.did}`);
  expect(await look(account.did)).toMatchObject({ code: 0, states: healthy });
});

test("blobs that did not come along: from the archive, from a server that lies, from the old one to its owner", async () => {
  const account = await filled("blobless");
  const move = await prepareMove(network, account, b);
  const { cids } = (await (await fetch(`${a.url}/xrpc/com.atproto.sync.listBlobs?did=${account.did}`)).json()) as {
    cids: string[];
  };
  const [lost = "", other = ""] = cids;
  const archive = path.join(move.folder, "archive");
  await runDecamp([...move.args, "--archive", archive, "--skip-blob", lost, "--skip-blob", other]);
  const seen = await look(account.did);
  expect(seen).toMatchObject({ code: 3, states: { blobs: "fault" } });
  expect(seen.wrong[0]?.message).toMatch(new RegExp(`${lost}|${other}`));
  expect(await look(account.did, "--quick")).toMatchObject({ code: 0 });

  // The move was made with another state: here the server has to be named before a password goes there.
  const own = ["--from", b.url, "--password-file", path.join(move.folder, "new"), ...where, "--no-input", "--json"];
  const push = async (...more: string[]): Promise<unknown[]> => {
    // Where no server was named, that password goes nowhere.
    const env = { DECAMP_OLD_PASSWORD: account.password };
    const { code, stdout } = await runDecamp(["blob", "push", account.did, ...more, ...own], { env });
    return [code, JSON.parse(stdout)];
  };
  const [at = ""] = globSync(`${archive}/blobs/*/${lost}`);
  const bytes = readFileSync(at);
  writeFileSync(at, Buffer.alloc(bytes.length));
  await using liar = await scriptedServer(({ url = "" }, response) =>
    url.includes("getBlob")
      ? void response.end(Buffer.alloc(bytes.length))
      : sendJson(response, 200, { did: account.did, active: true }),
  );
  const state = path.join(move.folder, "other-state");
  const late = path.join(state, "archives", account.did.replaceAll(":", "-"));
  const elsewhere = ["--state-dir", state, ...where, "--json"];
  const get = async (...more: string[]): Promise<unknown[]> => {
    const { code, stdout } = await runDecamp(["blob", "get", account.did, ...more, ...elsewhere]);
    return code === 2 ? [code] : [code, JSON.parse(stdout)];
  };
  const old = ["--old-password-file", path.join(move.folder, "old")];
  const twoServers = ["--from", a.url, "--from", liar.origin];
  expect(await Promise.all([get(), get(...twoServers, ...old)])).toEqual([[2], [2]]);
  expect((await runDecamp(["export", account.did, "-o", late, ...where])).code).toBe(6);

  const reason = expect.stringContaining("other bytes") as string;
  const left = cids.toSorted().map((cid) => ({ cid, reason }));
  expect(await Promise.all([push("--from", liar.origin), get("--from", liar.origin)])).toMatchObject([
    [6, { missing: 2, pushed: [], left, ownerOnly: [] }],
    [6, { missing: 2, got: [], left, archive: late, ownerOnly: [{ server: a.url }] }],
  ]);

  const next = `decamp blob push ${account.did} ${archive} --from ${a.url} ${where.join(" ")}`;
  expect(await push(archive)).toMatchObject([
    6,
    {
      missing: 2,
      pushed: [other],
      left: [{ cid: lost, reason: expect.stringMatching(/was not sent; localhost:.*deactivated/) as string }],
      ownerOnly: [{ server: a.url }],
      next,
    },
  ]);
  expect(await get("--from", a.url, ...old)).toMatchObject([0, { got: cids.toSorted(), ownerOnly: [] }]);
  const kept = Promise.all([runDecamp(["verify", late, ...where]), get()]);

  const screen = atTerminal(seen.wrong[0]?.next, "blob push");
  await screen.answers("Password of", `${move.newPassword}\r`);
  await screen.answers("Sign in there?", "yes\r");
  await screen.answers("Password of", `${account.password}\r`);
  expect(await screen.ended).toBe(0);
  expect(await kept).toMatchObject([{ code: 0 }, [0, { missing: 0, got: [], left: [] }]]);
  expect(await Promise.all([push(), look(account.did)])).toMatchObject([
    [0, { missing: 0, pushed: [], left: [], ownerOnly: [] }],
    { code: 0, states: healthy },
  ]);
  const stranger = await filled("stranger");
  expect((await runDecamp(["blob", "push", stranger.did, archive, ...own])).code).toBe(9);
  await move.remove();
});

test("signed in: the address, what the server says to its owner, what it misses, what it needs, the preferences", async () => {
  const account = await filled("owned");
  const secret = path.join(home, "owned-password");
  writeFileSync(secret, account.password, { mode: 0o600 });
  const signIn = ["--sign-in", "--quick", "--password-file", secret];
  const inOrder = { "sign-in": "ok", "owner-status": "ok", "owner-head": "ok", "owner-blobs": "ok" };
  const whole = { ...inOrder, email: "warning", credentials: "ok", preferences: "ok" };
  expect(await look(account.did, ...signIn)).toMatchObject({ code: 0, states: whole });
  const told = await runDecamp(["account", "status", account.did, ...signIn.toSpliced(1, 1), ...where]);
  expect(told).toMatchObject({ code: 0, stderr: "" });
  expect(told.stdout).toMatch(/^ok {7}Signed in at localhost:\d+\.$/m);
  expect(told.stdout).not.toContain(account.password);

  // What an app password is not told is not called a fault.
  const { password } = await procedure<{ password: string }>(
    a.url,
    "com.atproto.server.createAppPassword",
    { name: "doctor" },
    { token: account.accessJwt },
  );
  writeFileSync(secret, password);
  const byApp = await look(account.did, ...signIn);
  expect(byApp.states).toMatchObject({ "sign-in": "ok", "owner-blobs": "ok", credentials: "ok" });
  expect(byApp.wrong).toEqual([]);

  writeFileSync(secret, "wrong");
  const refused = await runDecamp(["doctor", account.did, ...signIn, ...where]);
  expect(refused).toMatchObject({ code: 4, stdout: "" });
  const unread = await runDecamp(["doctor", account.did, "--sign-in", "--password-file", `${secret}-none`, ...where]);
  expect(unread).toMatchObject({ code: 2, stdout: "" });
  const unasked = await runDecamp(["doctor", account.did, "--sign-in", ...where]);
  expect(unasked).toMatchObject({ code: 7, stdout: "" });
  expect(unasked.stderr).toContain("--password-file");

  writeFileSync(secret, account.password);
  const key = await addOwnParts(network, account);
  const second = await generateUserKey();
  await changeIdentity(network, account, ({ rotationKeys: [mine = ""] }) => ({
    rotationKeys: [mine],
    verificationMethods: { atproto: second.didKey },
  }));
  const strange = await look(account.did, ...signIn);
  expect(strange).toMatchObject({ code: 3, states: { credentials: "fault" } });
  const env = { PLC_SIGNING_KEY: key.privateKeyHex, DECAMP_SOURCE_PASSWORD: account.password, XDG_STATE_HOME: home };
  const line = strange.wrong.find(({ id }) => id === "credentials")?.next;
  const yes = `--confirm-did ${account.did}`;
  await type(line, env, `--via directory ${yes}`);
  expect(await look(account.did, ...signIn)).toMatchObject({
    code: 0,
    states: { ...inOrder, "owner-status": "warning", keys: "warning", credentials: "warning" },
  });

  await procedure(a.url, "com.atproto.server.deactivateAccount", {}, { token: account.accessJwt });
  const asleep = await look(account.did, ...signIn);
  expect(asleep).toMatchObject({
    code: 3,
    states: { home: "fault", "owner-status": "fault", credentials: "fault", preferences: "ok" },
  });
  const lineOf = (id: string): string | undefined => asleep.wrong.find((one) => one.id === id)?.next;
  await type(lineOf("credentials"), env, yes);
  await type(lineOf("owner-status"), env);
  expect(await look(account.did, ...signIn)).toMatchObject({ code: 0, states: { ...whole, keys: "ok" } });
});

test("what a server lacks by its own count", async () => {
  const account = await filled("counted");
  const secret = path.join(home, "counted-password");
  const move = await prepareMove(network, account, b);
  const { cids } = (await (await fetch(`${a.url}/xrpc/com.atproto.sync.listBlobs?did=${account.did}`)).json()) as {
    cids: string[];
  };
  await runDecamp([...move.args, "--skip-blob", cids[0] ?? ""]);
  writeFileSync(secret, move.newPassword, { mode: 0o600 });
  const signIn = ["--sign-in", "--quick", "--password-file", secret];
  expect(await look(account.did, ...signIn)).toMatchObject({ code: 5, states: { "sign-in": "unknown" } });
  const seen = await look(account.did, ...signIn, "--state-dir", move.stateDir);
  expect(seen).toMatchObject({ code: 3, states: { "owner-status": "ok", "owner-head": "ok", "owner-blobs": "fault" } });
  expect(seen.wrong).toMatchObject([{ message: expect.stringContaining(cids[0] ?? "none") as string }]);
  await move.remove();
});

test("a blob that a server does not give, and does not say that it lacks, is not called lost", async () => {
  const port = await freePort();
  const pds = await network.addPds({ name: "silentdoctor", publicPort: port, rateLimits: true });
  const proxy = await startProxy({ port, targetPort: pds.port });
  const account = await createFilled({ ...pds, url: `http://localhost:${pds.port}` }, "silent", {
    records: 20,
    blobs: 2,
  });
  proxy.when({ kind: "com.atproto.sync.getBlob" }, (exchange) =>
    exchange.reply({ status: 500, headers: {}, body: Buffer.from("{}") }),
  );
  expect(await look(account.did)).toMatchObject({ code: 5, states: { ...healthy, blobs: "unknown" } });
  proxy.when({ kind: "com.atproto.sync.getBlob" }, (exchange) =>
    exchange.reply({ status: 200, headers: { "content-type": "text/html" }, body: Buffer.from("<html>none</html>") }),
  );
  const page = await look(account.did);
  expect(page).toMatchObject({ code: 3, states: { ...healthy, blobs: "fault" } });
  expect(page.wrong[0]?.message).toContain("gives something else in the place of 2");
  // A server with room for one account still has somebody else's repository, as after a move.
  const other = await filled("left-over");
  for (const kind of ["getLatestCommit", "getBlocks", "getRepo"]) {
    proxy.when({ kind: `com.atproto.sync.${kind}` }, async (exchange) => {
      const asked = `${a.url}${exchange.request.path}`.replace(encodeURIComponent(account.did), other.did);
      const answer = await fetch(asked);
      const headers = { "content-type": answer.headers.get("content-type") ?? "" };
      exchange.reply({ status: answer.status, headers, body: Buffer.from(await answer.arrayBuffer()) });
    });
  }
  const left = await look(account.did);
  expect(left).toMatchObject({ code: 3, states: { signature: "fault", blobs: "unknown" } });
  expect(left.wrong[0]?.message).toContain(`the repository of ${other.did}`);
  expect(left.wrong[0]).not.toHaveProperty("next");
  proxy.behave();
  proxy.when({ kind: "com.atproto.sync.getRepo" }, flip());
  const broken = await look(account.did);
  expect(broken).toMatchObject({ code: 3, states: { signature: "ok", blobs: "fault" } });
  expect(broken.wrong[0]?.message).toContain("does not give out a whole repository");
  proxy.behave();
  const { stdout } = await runDecamp(["account", "status", account.did, ...where]);
  // What the reference server allows every address (docs of @atproto/pds, "global" limit): 3000 in five minutes.
  expect(stdout).toContain(
    "New accounts need no invite code there. It takes pictures and videos of up to 5.2 MB. It answers 3000 requests in 300 seconds.",
  );
  await proxy.stop();
});

test("what the relay and the AppView say: throttled, unknown, behind; no profile, another handle, an old one", async () => {
  const account = await filled("carried");
  const text = "the newest post";
  const value = { $type: "app.bsky.feed.post", text, createdAt: new Date(0).toISOString() };
  await applyWrites(account, [{ collection: "app.bsky.feed.post", rkey: "3zzzzzzzzzz22", value }]);
  const { rev } = await getLatestCommit({ url: a.url, did: account.did });
  const says: Record<string, [number, unknown]> = {};
  await using network2: ScriptedServer = await scriptedServer((request, response) => {
    const method = (request.url ?? "").replace(/^\/xrpc\/([^?]*).*$/, "$1");
    sendJson(response, ...(says[method] ?? [404, {}]));
  });
  const flags = ["--quick", "--relay", network2.origin, "--app-view", network2.origin];
  const uri = `at://${account.did}/app.bsky.feed.post/3zzzzzzzzzz22`;
  const good: typeof says = {
    "com.atproto.sync.getHostStatus": [200, { hostname: "x", status: "active", accountCount: 12 }],
    "com.atproto.sync.getRepoStatus": [200, { did: account.did, active: true, rev }],
    "app.bsky.actor.getProfile": [
      200,
      { did: account.did, handle: account.handle, followersCount: 3, followsCount: 4 },
    ],
    "app.bsky.feed.getPosts": [200, { posts: [{ uri }] }],
  };
  const told = async (change: typeof says): Promise<Seen> => {
    Object.assign(says, good, change);
    return look(account.did, ...flags);
  };
  const allGood = { "relay-host": "ok", relay: "ok", "app-view": "ok" };
  expect(await told({})).toMatchObject({ code: 0, states: allGood });
  const relay = "com.atproto.sync.getRepoStatus";
  const did = account.did;
  const host = "com.atproto.sync.getHostStatus";
  expect(await told({ [host]: [200, { hostname: "x", status: "throttled" }] })).toMatchObject({
    code: 3,
    states: { ...allGood, "relay-host": "fault" },
  });
  expect(await told({ [host]: [200, { hostname: "x", status: "offline" }] })).toMatchObject({ code: 3 });
  // The server was set back to a backup.
  expect(await told({ [relay]: [200, { did, active: true, rev: "3zzzzzzzzzz22" }] })).toMatchObject({
    code: 3,
    states: { ...allGood, relay: "fault" },
  });
  for (const said of [
    [400, { error: "RepoNotFound" }],
    [200, { did, active: false, status: "throttled" }],
    [200, { did, active: true, rev: "3aaaaaaaaaa22" }],
  ] as const) {
    const seen = await told({ [relay]: [...said] });
    // What was written a moment ago may be on its way.
    const behind = said[1] !== undefined && "rev" in said[1];
    expect(seen).toMatchObject({ code: behind ? 0 : 3, states: { ...allGood, relay: behind ? "warning" : "fault" } });
  }
  const profile = "app.bsky.actor.getProfile";
  for (const change of [
    { [profile]: [400, { error: "InvalidRequest", message: "Profile not found" }] },
    { [profile]: [200, { did, handle: "handle.invalid" }] },
    { "app.bsky.feed.getPosts": [200, { posts: [] }] },
  ] as (typeof says)[]) {
    expect(await told(change)).toMatchObject({ code: 3, states: { ...allGood, "app-view": "fault" } });
  }
  expect(await told({ [profile]: [500, { error: "InternalServerError" }] })).toMatchObject({
    code: 5,
    states: { ...allGood, "app-view": "unknown" },
  });
});

test("an identity that somebody else has changed, and one that names no server: said first, and taken back", async () => {
  const account = await filled("robbed");
  const key = await addOwnParts(network, account);
  const thief = await generateUserKey();
  const env = { PLC_SIGNING_KEY: key.privateKeyHex };
  const yes = `--confirm-did ${account.did}`;
  const state = ["--state-dir", path.join(home, "robbed")];
  await changeIdentity(network, account, ({ rotationKeys, services }) => ({
    rotationKeys: [thief.didKey, ...rotationKeys.slice(1)],
    services: { ...services, atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: b.url } },
  }));
  const robbed = await look(account.did, ...state);
  expect(robbed).toMatchObject({ code: 3, states: { changes: "fault", keys: "warning", elsewhere: "warning" } });
  expect(robbed.wrong[0]).toMatchObject({ id: "changes" });
  expect(JSON.stringify(robbed.wrong)).not.toContain("--to ");
  const status = await runDecamp(["account", "status", account.did, ...state, ...where]);
  expect(status.code).toBe(3);
  expect(status.stdout).not.toContain("migrate");
  await type(robbed.wrong[0]?.next, env, yes);
  // That the key was put in is as new, and was not done with decamp, either.
  const back = await look(account.did, ...state);
  expect(back).toMatchObject({ code: 0, states: { ...healthy, keys: "ok", changes: "warning" } });

  await changeIdentity(network, account, () => ({ services: {} }));
  const none = await look(account.did, ...state);
  expect(none).toMatchObject({ code: 3, states: { home: "fault" } });
  await type(none.wrong.find(({ id }) => id === "home")?.next, env, yes);
  expect(await look(account.did, ...state)).toMatchObject({ code: 0, states: healthy });
});

test("a blob whose file is gone from the server's disk: the list of what is missing does not know, push asks", async () => {
  const account = await filled("burnt");
  const folder = mkdtempSync(path.join(home, "burnt-"));
  const archive = path.join(folder, "archive");
  await runDecamp(["export", account.did, "-o", archive, ...where]);
  const [cid = ""] = globSync(`${archive}/blobs/*/*`).map((file) => path.basename(file));
  for (const file of globSync(`${a.dataDirectory}/**/${cid}`)) {
    rmSync(file);
  }
  expect(await look(account.did)).toMatchObject({ code: 3, states: { blobs: "fault" } });
  const secret = path.join(folder, "password");
  writeFileSync(secret, account.password, { mode: 0o600 });
  const own = ["--password-file", secret, ...where, "--no-input"];
  const alone = await runDecamp(["blob", "push", account.did, ...own]);
  expect(alone).toMatchObject({ code: 6, stderr: "" });
  expect(alone.stdout).toMatch(/no other server to ask\nNo archive of it was found\..* name its folder/);
  const pushed = await runDecamp(["blob", "push", account.did, archive, ...own, "--json"]);
  const reason = expect.stringContaining("took it, and did not give it back: ") as string;
  expect(JSON.parse(pushed.stdout)).toMatchObject({ missing: 1, left: pushed.code === 0 ? [] : [{ cid, reason }] });
  // Whatever push says of it, the server now does that.
  const { states } = await look(account.did);
  expect(states["blobs"]).toBe(pushed.code === 0 ? "ok" : "fault");
});

const resultOf = (stdout: string): unknown => JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");

test("a move says what people saw before it and see after it, and waits for nobody who does not say it", async () => {
  const account = await filled("watched");
  const move = await prepareMove(network, account, b);
  const counts = (followersCount: number): [number, unknown] => [
    200,
    { did: account.did, handle: account.handle, followersCount, followsCount: 4, postsCount: 20 },
  ];
  let says: [number, unknown] | "nothing" = counts(12);
  await using view = await scriptedServer((_, response) =>
    says === "nothing" ? undefined : sendJson(response, ...says),
  );
  const env = { ATP_APPVIEW_HOST: view.origin };
  const before = { followers: 12, follows: 4, posts: 20 };
  const host = new URL(view.origin).host;
  const begun = await runDecamp([...move.args, "--until", "compare"], { env });
  expect(begun.code).toBe(0);
  says = counts(9);
  const moved = await runDecamp([...move.args, "--json"], { env });
  // Later it is known from the journal: nobody can be asked what was before.
  expect([moved.code, resultOf(moved.stdout)]).toMatchObject([
    0,
    {
      state: "moved",
      seenByOthers: { host, before, after: { ...before, followers: 9 } },
      warnings: expect.arrayContaining([expect.objectContaining({ code: "counts-differ" })]) as unknown,
    },
  ]);
  says = [400, { error: "AccountDeactivated", message: "Account is deactivated" }];
  const hidden = await runDecamp(move.args, { env });
  expect(hidden.code).toBe(0);
  expect(hidden.stderr).toContain(`${host} shows no profile of the account: Account is deactivated.`);
  expect(hidden.stderr).toContain(`decamp doctor ${account.did} --watch ${where.join(" ")}`);
  expect(hidden.stdout).toContain(`Seen    nothing yet at ${host}; before the move 12 followers, follows 4, 20 posts`);
  says = counts(12);
  const same = await runDecamp(move.args, { env });
  expect(same.stdout).toContain(`Seen    12 followers, follows 4, 20 posts at ${host}, as before the move`);
  expect(same.stderr).not.toContain("showed 12 followers");
  says = "nothing";
  const silent = await runDecamp([...move.args, "--json"], { env });
  expect([silent.code, resultOf(silent.stdout)]).toMatchObject([0, { state: "moved", seenByOthers: { host, before } }]);
  expect(resultOf(silent.stdout)).not.toHaveProperty("seenByOthers.after");

  // The old handle leads nowhere, and the journal of the move knows whose it was.
  const state = ["--state-dir", move.stateDir];
  const byOld = await runDecamp(["doctor", account.handle, "--quick", ...state, ...where]);
  expect(byOld.code).toBe(0);
  expect(byOld.stdout).toMatch(/^warning {2}Nobody says where \S+ leads now\. This machine's journal of /m);
  expect(byOld.stdout).toContain(account.did);
  const status = await runDecamp(["account", "status", account.handle, ...state, ...where, "--json"]);
  expect([status.code, JSON.parse(status.stdout)]).toMatchObject([
    0,
    { did: account.did, checks: [{ id: "journal", state: "warning" }, { id: "home" }, { id: "elsewhere" }] },
  ]);
  expect((await runDecamp(["doctor", account.handle, "--quick", ...where])).code).not.toBe(0);
  await move.remove();
});

test("whether a server would take an account; a report without names", async () => {
  const account = await filled("asking");
  const report = path.join(home, "report.json");
  const asked = await look(account.did, "--server", b.url, "--report", report);
  expect(asked).toMatchObject({
    code: 0,
    states: { server: "ok", admission: "ok", terms: "warning", limits: "ok", there: "ok" },
  });
  let smallDid = "did:web:other.example";
  await using small = await scriptedServer(({ url = "" }, response) =>
    url.includes("describeServer")
      ? sendJson(response, 200, {
          did: smallDid,
          availableUserDomains: [".small.example"],
          inviteCodeRequired: true,
          blobUploadLimit: 10,
        })
      : sendJson(response, 400, { error: "RepoNotFound", message: "Could not find repo" }),
  );
  // A move refuses a server that calls itself another.
  const misnamed = await look(account.did, "--server", small.origin);
  expect(misnamed).toMatchObject({ code: 3, states: { server: "fault" } });
  smallDid = `did:web:${new URL(small.origin).host.replace(":", "%3A")}`;
  expect(await look(account.did, "--server", small.origin)).toMatchObject({
    code: 3,
    states: { server: "ok", admission: "warning", limits: "fault", there: "ok" },
  });
  expect(await look(account.did, "--server", "http://localhost:1")).toMatchObject({
    code: 3,
    states: { server: "fault" },
  });
  const there = await runDecamp(["doctor", account.did, "--server", a.url, ...where]);
  expect(there).toMatchObject({ code: 0 });
  expect(there.stdout).toContain("lives at localhost");
  expect(there.stdout).toContain("Nothing speaks against this server");
  const text = readFileSync(report, "utf8");
  expect(text).toContain('"did": "ACCOUNT-1"');
  expect(text).not.toMatch(/did:|localhost|\.test/);
  const again = await runDecamp(["doctor", account.did, "--quick", "--report", report, ...where]);
  expect(again).toMatchObject({ code: 9, stdout: "" });
  const nowhere = await runDecamp(["doctor", account.did, "--quick", "--report", `${report}/no/x`, ...where]);
  expect(nowhere).toMatchObject({ code: 2, stdout: "" });
});

test("nobody is made active where the account does not live, and no empty copy", async () => {
  const account = await createAccount(a, {
    handle: "awake-doctor.a.test",
    email: "awake-doctor@old.example.com",
    password: "pw",
  });
  const again = await runDecamp(["account", "activate", account.did, ...where, "--no-input", "--json"]);
  expect([again.code, JSON.parse(again.stdout)]).toMatchObject([0, { state: "already-active", server: a.url }]);
});

test("preferences come back from an archive, and newer ones are not lost unasked", async () => {
  const account = await filled("tastes");
  const folder = mkdtempSync(path.join(home, "tastes-"));
  const secret = path.join(folder, "password");
  writeFileSync(secret, account.password, { mode: 0o600 });
  const own = ["--password-file", secret, ...where, "--no-input", "--json"];
  const session = { token: account.accessJwt };
  const kept = async (): Promise<unknown> => query(a.url, "app.bsky.actor.getPreferences", session);
  const old = await kept();
  const archive = path.join(folder, "archive");
  expect((await runDecamp(["export", account.did, "-o", archive, ...own])).code).toBe(0);
  const put = ["account", "preferences", account.did, archive, ...own];
  expect(JSON.parse((await runDecamp(put)).stdout)).toMatchObject({ state: "same", comes: [], goes: [] });

  const newer = [{ $type: "app.bsky.actor.defs#adultContentPref", enabled: true }];
  await procedure(a.url, "app.bsky.actor.putPreferences", { preferences: newer }, session);
  const unasked = await kept();
  const stopped = await runDecamp(put);
  expect(stopped.code).toBe(7);
  expect(stopped.stderr).toContain("--replace");
  expect(await kept()).toEqual(unasked);
  const replaced = await runDecamp([...put, "--replace"]);
  expect([replaced.code, JSON.parse(replaced.stdout)]).toMatchObject([0, { state: "put-back" }]);
  expect(await kept()).toEqual(old);

  await procedure(a.url, "app.bsky.actor.putPreferences", { preferences: [] }, session);
  expect(JSON.parse((await runDecamp(put)).stdout)).toMatchObject({ state: "put-back", goes: [] });
  expect(await kept()).toEqual(old);
});
