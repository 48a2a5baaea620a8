/**
 * Where the account is: decided by the log and the servers, never by a journal, a flag or the name in an identity
 * alone. Each test is a state in which something was lost, or nearly.
 */
import { globSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, inject, test, vi } from "vitest";
import { createAccount, login, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { addOwnParts, auditLog, changeIdentity, generateUserKey, lastOperation } from "../network/identity.ts";
import type { PdsHandle } from "../network/pds.ts";
import { applyWrites, createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { listRecords, repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp, type Ended, type Move } from "../network/run-decamp.ts";
import { procedure, query } from "../network/xrpc.ts";
import { drop, loseAnswer, meanwhile, refuse } from "../faults/faults.ts";
import { openLane } from "../faults/lane.ts";

vi.setConfig({ maxConcurrency: 2 });

const network = connectNetwork(inject("network"));
const preload = new URL("../faults/hurry.ts", import.meta.url);

async function filled(name: string, pds: PdsHandle = network.a): Promise<Account> {
  return createFilled(pds, name, { records: 24, blobs: 2, seed: 61 });
}

interface Status {
  livesAt: string;
  state: string;
  dark: boolean;
  moves: {
    state: string;
    phase: string;
    reversible: boolean;
    isHistory: boolean;
    next?: string;
    undo?: string;
    undoKeys?: string[];
  }[];
}

async function status(move: Move, name: string, ...flags: string[]): Promise<Status> {
  const args = ["migrate", "status", name, "--plc-url", network.plcUrl, "--allow-private-hosts", ...flags];
  const { code, stdout, stderr } = await runDecamp([...args, "--state-dir", move.stateDir, "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Status;
}

interface Failure {
  code: string;
  message: string;
  hint: string;
  exitCode: number;
  data: Record<string, unknown>;
}

function failure({ stderr }: Ended): Failure {
  return JSON.parse(stderr.trim().split("\n").at(-1) ?? "") as Failure;
}

function result({ stdout }: Ended): Record<string, unknown> {
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
}

/** Replaces the value of a flag, or adds the flag. */
function withFlag(args: readonly string[], flag: string, value: string): string[] {
  const at = args.indexOf(flag);
  return at < 0 ? [...args, flag, value] : args.map((arg, index) => (index === at + 1 ? value : arg));
}

/** The command for the way back: the passwords the other way round. */
async function prepareReturn(account: Account, away: Move, to: PdsHandle, from: PdsHandle): Promise<Move> {
  const there = { ...account, pds: from, email: away.newEmail, handle: away.newHandle, password: away.newPassword };
  const back = await prepareMove(network, there, to);
  writeFileSync(path.join(back.folder, "new"), account.password, { mode: 0o600 });
  return { ...back, args: withFlag(back.args, "--state-dir", away.stateDir), stateDir: away.stateDir };
}

const post = (text: string, rkey: string) => ({
  collection: "app.bsky.feed.post",
  rkey,
  value: { $type: "app.bsky.feed.post", text, createdAt: new Date().toISOString() },
});

/**
 * Makes the account at `target` by other means than decamp, and lets the identity name it, before any data is there.
 */
async function switchByHand(account: Account, move: Move, target: PdsHandle): Promise<string> {
  const lxm = "com.atproto.server.createAccount";
  const { token } = await query<{ token: string }>(account.pds.url, "com.atproto.server.getServiceAuth", {
    token: account.accessJwt,
    params: { aud: target.did, lxm },
  });
  const input = { did: account.did, handle: move.newHandle, email: move.newEmail, password: move.newPassword };
  const { accessJwt } = await procedure<{ accessJwt: string }>(target.url, lxm, input, { token });
  const wanted = await query<Parameters<Parameters<typeof changeIdentity>[2]>[0]>(
    target.url,
    "com.atproto.identity.getRecommendedDidCredentials",
    { token: accessJwt },
  );
  await changeIdentity(network, account, () => wanted);
  return accessJwt;
}

test.concurrent.each([
  ["deactivated", "switched"],
  ["active", "switched-empty"],
] as const)(
  "an identity that names a server before any data is there, where the account is %s: the data comes first",
  async (there, state) => {
    const account = await filled(`early-${there}`);
    const before = await lookBefore(network.plcUrl, account);
    const move = await prepareMove(network, account, network.b);
    const token = await switchByHand(account, move, network.b);
    if (there === "active") {
      await procedure(network.b.url, "com.atproto.server.activateAccount", undefined, { token });
    }
    // decamp has not made that here: nobody is led to the new address before it is settled whose change it was.
    const doctor = expect.stringMatching(`^decamp doctor ${account.did} `) as string;
    expect(await status(move, account.did)).toMatchObject({
      livesAt: network.b.url,
      state,
      moves: [{ unsettled: network.b.url, next: doctor }],
    });
    if (there === "deactivated") {
      const activate = ["account", "activate", account.did, "--password-file", path.join(move.folder, "new")];
      const more = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--no-input", "--json"];
      const refused = failure(await runDecamp([...activate, ...more, "--state-dir", move.stateDir]));
      expect(refused).toMatchObject({ code: "refused", data: { next: doctor } });
      expect(refused.hint).not.toContain("--to");
    }

    const { code, stdout, stderr } = await runDecamp([...move.args, "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain('"data-first"');
    const moved = { handle: move.newHandle, password: move.newPassword };
    const checks = await proveMove(network.plcUrl, before, network.b, moved);
    // One operation more, which was made by hand before this.
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("deactivated");
    await move.remove();
  },
);

test.concurrent(
  "an identity that names a server without the account: nothing is touched, and plc undo is the way",
  async () => {
    const account = await filled("nowhere");
    const key = await addOwnParts(network, account);
    const move = await prepareMove(network, account, network.b);
    await changeIdentity(network, account, ({ services }) => ({
      services: { ...services, atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: network.b.url } },
    }));
    const where = await status(move, account.did);
    expect(where).toMatchObject({ livesAt: network.b.url, state: "switched-absent", dark: true });
    expect(where.moves[0]?.next).toMatch(
      /^decamp plc undo did:plc:\w+ --plc-url .* --allow-private-hosts --state-dir /,
    );
    expect(where.moves[0]?.undoKeys).toEqual([key.didKey]);

    const ended = await runDecamp([...move.args, "--json"]);
    expect(failure(ended)).toMatchObject({ code: "refused", exitCode: 9, data: { state: "switched-absent" } });
    expect(failure(ended).hint).toMatch(
      new RegExp(`decamp plc undo ${account.did} --plc-url .* --allow-private-hosts --state-dir `),
    );
    expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");

    const held = path.join(move.folder, "key");
    writeFileSync(held, key.privateKeyHex, { mode: 0o600 });
    const undo = ["plc", "undo", account.did, "--rotation-key-file", held, "--confirm-did", account.did, "--no-input"];
    const where2 = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--state-dir", move.stateDir, "--json"];
    const undone = await runDecamp([...undo, "--password-file", path.join(move.folder, "old"), ...where2]);
    expect([undone.code, result(undone)]).toMatchObject([0, { state: "undone", targetStillActive: false }]);
    expect(await status(move, account.did)).toMatchObject({ livesAt: network.a.url, dark: false });
    await move.remove();
  },
);

test.concurrent(
  "an old server that is no longer home is refused, in flags and environment; its old data is not moved",
  async () => {
    const [third, home] = await Promise.all([
      network.addPds({ name: "third-place" }),
      network.addPds({ name: "real-home" }),
    ]);
    const account = await filled("stale-from");
    const move = await prepareMove(network, account, home);
    expect((await runDecamp(move.args)).code).toBe(0);
    const there = await login(home, move.newHandle, move.newPassword);
    await applyWrites({ ...there, email: move.newEmail }, [post("Only at home.", "3kstalefrom22")]);

    const on = await prepareMove(network, account, third);
    on.args[1] = account.did;
    const log = await auditLog(network.plcUrl, account.did);
    const named = await runDecamp([...on.args, "--json"]);
    expect(failure(named)).toMatchObject({
      code: "refused",
      exitCode: 9,
      data: { reason: "not-home", home: home.url, from: network.a.url, identity: "unchanged" },
    });
    expect(failure(named).message).toMatch(/revision \w{13} of 20/);
    const bare = on.args.filter((arg, index, all) => ![arg, all[index - 1]].includes("--from"));
    const byName = await runDecamp([...bare, "--json"], { env: { DECAMP_SOURCE_PDS: network.a.url } });
    expect(failure(byName)).toMatchObject({ code: "refused", data: { reason: "not-home" } });
    expect(await repoStatus({ url: third.url, did: account.did })).toBe("absent");

    // A home that cannot be reached is no licence.
    await network.stopPds(home);
    const silent = await runDecamp([...on.args, "--json"]);
    expect([silent.code, failure(silent).code]).toEqual([5, "unreachable"]);
    const lost = await runDecamp([...on.args, "--home-is-lost", "--dry-run", "--json"]);
    expect(lost.code).toBe(0);
    expect(lost.stdout).toContain('"home-is-lost"');
    expect(await auditLog(network.plcUrl, account.did)).toEqual(log);
    await Promise.all([move.remove(), on.remove()]);
  },
);

test.concurrent(
  "a move that went back is history: its state is said, nothing of it is cancelled; and late writes are looked for again",
  async () => {
    const account = await filled("to-and-fro");
    const away = await prepareMove(network, account, network.b);
    expect((await runDecamp(away.args)).code).toBe(0);
    expect(await status(away, account.did)).toMatchObject({ state: "moved", moves: [{ phase: "done" }] });
    // Pointed the wrong way round.
    expect(await status(away, account.did, "--from", network.b.url, "--to", network.b.url)).toMatchObject({
      livesAt: network.b.url,
      state: "moved",
      moves: [{ state: "moved" }],
    });
    const wrong = withFlag(["migrate", "cancel", account.did, ...away.args.slice(2), "--json"], "--to", network.a.url);
    expect(failure(await runDecamp(wrong))).toMatchObject({ code: "refused", data: { reason: "lived-there" } });
    expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("deactivated");

    const back = await prepareReturn(account, away, network.a, network.b);
    const home = await runDecamp(back.args);
    expect([home.code, home.code === 0 ? "" : home.stderr]).toEqual([0, ""]);
    const now = await status(away, account.did);
    expect(now.livesAt).toBe(network.a.url);
    expect(now.moves.map(({ state }) => state).sort()).toEqual(["moved", "returned"]);
    expect(now.moves.filter(({ isHistory }) => isHistory)).toHaveLength(1);
    expect(now.moves.filter(({ next }) => next !== undefined)).toEqual([]);
    const cancel = ["migrate", "cancel", account.did, ...away.args.slice(2), "--json"];
    expect(failure(await runDecamp(cancel))).toMatchObject({ code: "refused", data: { reason: "lived-there" } });
    expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("deactivated");

    // Away again with the same journal: what it says of the first time does not count.
    const again = withFlag(
      away.args,
      "--plc-token-command",
      (away.args[away.args.indexOf("--plc-token-command") + 1] ?? "").replace(/\d+$/, String(Date.now())),
    );
    expect((await runDecamp([...again, "--until", "submit-operation"])).code).toBe(8);
    const late = await login(network.a, account.handle, account.password);
    await applyWrites({ ...late, email: account.email }, [post("Too late.", "3ktoandfro222")]);
    const ended = await runDecamp([...again, "--json"]);
    expect([ended.code, result(ended)]).toMatchObject([8, { lateWrites: ["app.bsky.feed.post/3ktoandfro222"] }]);
    await Promise.all([away.remove(), back.remove()]);
  },
);

test.concurrent("a frozen account whose journal is lost is active again before its copy is deleted", async () => {
  const account = await filled("frozen-lost");
  const move = await prepareMove(network, account, network.b);
  expect((await runDecamp([...move.args, "--freeze", "--until", "compare"])).code).toBe(8);
  rmSync(path.join(move.stateDir, "migrations"), { recursive: true });
  const where = await status(move, account.did, "--to", network.b.url);
  expect(where).toMatchObject({ livesAt: network.a.url, state: "frozen", dark: true });
  const readMail = move.args[move.args.indexOf("--plc-token-command") + 1] ?? "";
  const code = readMail.replace(account.email, move.newEmail).concat(" 'Account Deletion'");
  const rest = [...move.args.slice(2), "--delete-token-command", code, "--json"];
  const ended = await runDecamp(["migrate", "cancel", account.did, ...rest]);
  expect([ended.code, result(ended)]).toMatchObject([0, { targetAccount: "deleted", reactivated: true }]);
  expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");
  expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("absent");
  await move.remove();
});

test.concurrent("a handle is whose it is now, whatever a journal remembers", async () => {
  const x = await filled("reused");
  const move = await prepareMove(network, x, network.b);
  expect((await runDecamp(move.args)).code).toBe(0);
  const authorization = `Basic ${Buffer.from(`admin:${network.a.adminPassword}`).toString("base64")}`;
  const admin = { headers: { authorization } };
  await procedure(network.a.url, "com.atproto.admin.deleteAccount", { did: x.did }, admin);
  // Nobody answers to the old name: the journal helps, and the log shows that X had it.
  expect(await status(move, x.handle, "--from", network.a.url)).toMatchObject({ did: x.did, state: "moved" });
  const y = await createAccount(network.a, { handle: x.handle, email: "y@old.example.com", password: "of-y" });
  expect(await status(move, x.handle, "--from", network.a.url)).toMatchObject({ did: y.did, livesAt: network.a.url });
  const planned = await runDecamp([...move.args, "--dry-run", "--json"]);
  expect(planned.stdout).toContain(y.did);
  expect(planned.stdout).not.toContain(x.did);
  await move.remove();
});

test.concurrent("a key that the user has added since the move stays when it is undone", async () => {
  const account = await filled("added-since");
  const first = await addOwnParts(network, account);
  const before = await lastOperation(network.plcUrl, account.did);
  const move = await prepareMove(network, account, network.b);
  expect((await runDecamp(move.args)).code).toBe(0);
  const second = await generateUserKey();
  const there = { ...(await login(network.b, move.newHandle, move.newPassword)), email: move.newEmail };
  await changeIdentity(network, there, ({ rotationKeys }) => ({ rotationKeys: [second.didKey, ...rotationKeys] }));

  const held = path.join(move.folder, "key");
  writeFileSync(held, first.privateKeyHex, { mode: 0o600 });
  const passwords = [
    "--password-file",
    path.join(move.folder, "old"),
    "--new-password-file",
    path.join(move.folder, "new"),
  ];
  const where = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--state-dir", move.stateDir, "--no-input"];
  const undo = ["plc", "undo", account.did, "--rotation-key-file", held, "--confirm-did", account.did, ...passwords];
  const ended = await runDecamp([...undo, ...where, "--json"]);
  expect([ended.code, result(ended)]).toMatchObject([0, { state: "undone" }]);
  const { prev: _prev, sig: _sig, ...now } = await lastOperation(network.plcUrl, account.did);
  const { prev: _old, sig: _oldSig, ...then } = before;
  expect(now).toEqual({ ...then, rotationKeys: [second.didKey, ...then.rotationKeys] });
  await move.remove();
});

test.concurrent("what is needed of the new server after the switch is seen to work before it", async () => {
  await using lane = await openLane(network, "needed");
  const subject = await lane.newSubject({ blobs: 2 });
  expect((await runDecamp([...subject.move.args, "--until", "create-account"])).code).toBe(0);
  lane.proxies.target.when({ kind: "com.atproto.server.checkAccountStatus" }, async (exchange) => {
    lane.proxies.target.when({ kind: "com.atproto.sync.getRepoStatus" }, refuse(500, "InternalServerError"));
    await exchange.pass();
  });
  const ended = await runDecamp([...subject.move.args, "--json"]);
  expect(ended.code).toBe(5);
  expect(failure(ended).data).toMatchObject({ identity: "unchanged" });
  lane.proxies.target.behave();
  expect(await subject.changes()).toEqual([]);
  expect((await runDecamp(subject.move.args)).code).toBe(0);
  expect(await subject.flaws()).toEqual([]);
  await subject.move.remove();
});

test.concurrent("without an account, status lists the moves that this machine remembers", async () => {
  const account = await filled("listed");
  const move = await prepareMove(network, account, network.b);
  const flags = ["--plc-url", network.plcUrl, "--allow-private-hosts"];
  const args = ["migrate", "status", "--state-dir", move.stateDir, ...flags];
  expect((await runDecamp(args)).stdout).toContain("remembers no move");
  expect((await runDecamp([...move.args, "--until", "export"])).code).toBe(0);
  const { code, stdout } = await runDecamp([...args, "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    knownMoves: [{ did: account.did, handle: account.handle, source: network.a.url, target: network.b.url }],
  });
  await move.remove();
});

test.concurrent("records that were never brought are seen before the old account is deactivated", async () => {
  // Both are active, and the identity names the new one, which has only a part: as after another tool's move.
  const account = await filled("half-there");
  const move = await prepareMove(network, account, network.b);
  const token = await switchByHand(account, move, network.b);
  await procedure(network.b.url, "com.atproto.server.activateAccount", undefined, { token });
  const there = { ...account, pds: network.b, accessJwt: token };
  await applyWrites(there, [post("Written at the new server.", "3khalfthere22")]);
  const old = await listRecords({ url: network.a.url, did: account.did });

  const ended = await runDecamp([...move.args, "--json"]);
  expect(ended.code).toBe(8);
  expect(result(ended)).toMatchObject({ state: "moved", sourceStillActive: true });
  expect((result(ended)["lateWrites"] as string[]).length).toBe(old.length);
  expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");
  expect(await listRecords({ url: network.a.url, did: account.did })).toEqual(old);

  // Brought along when it is asked for; only then is the old account left.
  expect((await runDecamp([...move.args, "--bring-late-writes"])).code).toBe(0);
  expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("deactivated");
  const now = await listRecords({ url: network.b.url, did: account.did });
  expect(now).toHaveLength(old.length + 1);
  await move.remove();
});

test.concurrent("a run can stop after every step, the first one too", async () => {
  const account = await filled("first-step");
  const move = await prepareMove(network, account, network.b);
  for (const step of ["resolve", "preflight", "sign-in"]) {
    const ended = await runDecamp([...move.args, "--until", step, "--json"]);
    expect([step, ended.code, result(ended)]).toMatchObject([step, 0, { state: "stopped", target: network.b.url }]);
  }
  await move.remove();
});

test.concurrent(
  "journals that cannot be read hold nobody up after the switch, nor anybody else's before it",
  async () => {
    const account = await filled("unreadable");
    const move = await prepareMove(network, account, network.b);
    const folder = path.join(move.stateDir, "migrations");
    mkdirSync(path.join(folder, "did-plc-somebody-to-https-x.example.journal"), { recursive: true, mode: 0o700 });
    expect((await runDecamp([...move.args, "--until", "submit-operation"])).code).toBe(8);
    const own =
      readdirSync(folder).find((name) => name.includes(account.did.slice(8)) && name.endsWith(".journal")) ?? "";
    rmSync(path.join(folder, own));
    mkdirSync(path.join(folder, own));
    expect(await status(move, account.did)).toMatchObject({ state: "switched", dark: true });
    const ended = await runDecamp([...move.args, "--json"]);
    expect([ended.code, ended.stdout.includes('"journal-lost"')]).toEqual([0, true]);
    expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("active");
    await move.remove();
  },
);

test.concurrent("a post that only the old copy at the way back home has is not imported away", async () => {
  const account = await filled("late-return");
  const away = await prepareMove(network, account, network.b);
  expect((await runDecamp([...away.args, "--until", "submit-operation"])).code).toBe(8);
  await applyWrites(account, [post("Written too late.", "3klatereturn2")]);
  expect((await runDecamp(away.args)).code).toBe(8);
  // Left there, and switched off by hand.
  await procedure(network.a.url, "com.atproto.server.deactivateAccount", {}, { token: account.accessJwt });
  const back = await prepareReturn(account, away, network.a, network.b);
  const refused = await runDecamp([...back.args, "--json"]);
  expect(failure(refused)).toMatchObject({
    code: "target-in-use",
    data: { records: ["app.bsky.feed.post/3klatereturn2"] },
  });
  expect((await runDecamp([...back.args, "--replace-copy"])).code).toBe(0);
  const [kept = ""] = globSync(path.join(away.stateDir, "archives", "*", "replaced-*.car"));
  expect((await runDecamp(["repo", "ls", kept])).stdout).toContain("3klatereturn2");
  await Promise.all([away.remove(), back.remove()]);
});

test.concurrent(
  "a key of one's own that stands last, as other tools add it, can still take the move back",
  async () => {
    const account = await filled("key-last");
    const key = await generateUserKey();
    await changeIdentity(network, account, ({ rotationKeys }) => ({ rotationKeys: [...rotationKeys, key.didKey] }));
    const move = await prepareMove(network, account, network.b);
    expect((await runDecamp(move.args)).code).toBe(0);
    const where = await status(move, account.did);
    expect(where.moves[0]?.undoKeys).toEqual([key.didKey]);
    const held = path.join(move.folder, "key");
    writeFileSync(held, key.privateKeyHex, { mode: 0o600 });
    const undo = ["plc", "undo", account.did, "--rotation-key-file", held, "--confirm-did", account.did];
    const passwords = [
      "--password-file",
      path.join(move.folder, "old"),
      "--new-password-file",
      path.join(move.folder, "new"),
    ];
    const rest = [
      "--plc-url",
      network.plcUrl,
      "--allow-private-hosts",
      "--state-dir",
      move.stateDir,
      "--no-input",
      "--json",
    ];
    const ended = await runDecamp([...undo, ...passwords, ...rest]);
    expect([ended.code, result(ended)]).toMatchObject([0, { state: "undone", targetState: "deactivated" }]);
    expect((await lastOperation(network.plcUrl, account.did)).rotationKeys[0]).toBe(key.didKey);
    await move.remove();
  },
);

test.concurrent("a freeze that the old server does not answer is seen, or it is said that nobody knows", async () => {
  await using lane = await openLane(network, "unanswered");
  const { source } = lane.proxies;
  const deactivation = "com.atproto.server.deactivateAccount";
  const first = await lane.newSubject({ blobs: 2 });
  source.when({ kind: deactivation }, loseAnswer());
  const seen = await runDecamp([...first.move.args, "--freeze", "--until", "freeze", "--json"], { preload });
  expect([seen.code, result(seen)]).toMatchObject([8, { state: "stopped", dark: true }]);
  await first.move.remove();

  source.behave();
  const second = await lane.newSubject({ blobs: 2 });
  source.when({ kind: deactivation }, async (exchange) => {
    source.when({}, drop());
    await loseAnswer()(exchange);
  });
  const unknown = await runDecamp([...second.move.args, "--freeze"], { preload });
  expect(unknown.code).toBe(5);
  expect(unknown.stderr).toContain("Nobody knows whether");
  expect(unknown.stderr).toContain(`decamp migrate cancel ${second.account.did} --to `);
  await second.move.remove();
});

test.concurrent(
  "what is written while the account is being deactivated is named, and waits to be brought",
  async () => {
    await using lane = await openLane(network, "between");
    const { account, move } = await lane.newSubject({ blobs: 2 });
    const late = "app.bsky.feed.post/3kbetween2222";
    lane.proxies.source.when(
      { kind: "com.atproto.server.deactivateAccount", times: 1 },
      meanwhile("before", async () => applyWrites(account, [post("At the last moment.", "3kbetween2222")])),
    );
    const ended = await runDecamp([...move.args, "--json"]);
    expect([ended.code, result(ended)]).toMatchObject([8, { lateWrites: [late], sourceState: "deactivated" }]);
    const brought = await runDecamp([...move.args.with(1, account.did), "--bring-late-writes"]);
    expect(brought.code).toBe(0);
    const there = await listRecords({ url: lane.target.url, did: account.did });
    expect(there.some(({ uri }) => uri.endsWith("3kbetween2222"))).toBe(true);
    await move.remove();
  },
);

test.concurrent(
  "an old server that hides its head is compared record by record; one that breaks off then holds nothing up",
  async () => {
    await using lane = await openLane(network, "hidden");
    const { account, move } = await lane.newSubject({ blobs: 2 });
    const { source } = lane.proxies;
    expect((await runDecamp([...move.args, "--until", "activate"])).code).toBe(0);
    const late = "app.bsky.feed.post/3khidden22222";
    await applyWrites(account, [post("Written too late.", "3khidden22222")]);
    rmSync(path.join(move.stateDir, "migrations"), { recursive: true });

    // The archive is the same as what the new server has: it must not speak for an old server that is active.
    source.when({ kind: "com.atproto.sync.getBlocks" }, refuse(501, "MethodNotImplemented"));
    const compared = await runDecamp([...move.args, "--json"]);
    expect([compared.code, result(compared)]).toMatchObject([8, { sourceStillActive: true, lateWrites: [late] }]);
    expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");

    // Its head is seen in the first download, its records in the second; it breaks before them, and then before they
    // are brought.
    for (const [whole, why] of [
      [1, /nothing here proves that/],
      [2, /answered 500/],
    ] as const) {
      let downloads = 0;
      source.behave();
      source.when({ kind: "com.atproto.sync.getBlocks" }, refuse(501, "MethodNotImplemented"));
      source.when({ kind: "com.atproto.sync.getRepo" }, async (exchange) => {
        downloads += 1;
        await (downloads <= whole ? exchange.pass() : refuse(500, "InternalServerError")(exchange));
      });
      const broken = await runDecamp([...move.args, "--bring-late-writes", "--json"], { preload });
      expect([broken.code, broken.stderr, result(broken)]).toMatchObject([
        8,
        "",
        { state: "moved", sourceStillActive: true, sourceState: "active" },
      ]);
      const kept = broken.stdout.split("\n").find((line) => line.includes('"source-still-active"'));
      expect(kept).toMatch(why);
      expect(downloads).toBeGreaterThan(whole);
    }
    expect(await repoStatus({ url: lane.target.url, did: account.did })).toBe("active");
    await move.remove();
  },
);
