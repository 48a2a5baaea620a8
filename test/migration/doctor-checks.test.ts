/** What the doctor makes of a log and of what servers said: no state is called green, and no stranger is helped. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Place } from "../../src/account/places.ts";
import type { Past } from "../../src/account/web/past.ts";
import { judgeWhere } from "../../src/account/where.ts";
import { cidFor, cidToBytes } from "../../src/data/cid.ts";
import { DecampError } from "../../src/errors.ts";
import type { MigrationServices } from "../../src/migration/context.ts";
import { askBlob } from "../../src/migration/doctor/blob-check.ts";
import { findNamed } from "../../src/migration/doctor/by-memory.ts";
import { recentChanges, withoutStrangers } from "../../src/migration/doctor/change-checks.ts";
import { found } from "../../src/migration/doctor/health.ts";
import { checkElsewhere, checkHome, type Elsewhere } from "../../src/migration/doctor/home-checks.ts";
import { withoutDocument } from "../../src/migration/doctor/identity-checks.ts";
import { checkKeys } from "../../src/migration/doctor/key-checks.ts";
import { withMove } from "../../src/migration/doctor/move-checks.ts";
import { checkRelay, checkRelayHost } from "../../src/migration/doctor/network-checks.ts";
import { strangersServers } from "../../src/plc/strangers.ts";
import { isOlder, judgeHead } from "../../src/migration/doctor/signature-check.ts";
import { verifyLog, type VerifiedLog } from "../../src/plc/log.ts";
import { writeCar } from "../../src/repo/write/car-write.ts";
import type { Pds } from "../../src/services/servers/pds.ts";
import type { Relay } from "../../src/services/servers/relay.ts";
import { did, makeArchive } from "../cli/support/archive.ts";
import { makeAccount } from "../repo/tools/account.ts";
import { at, hour, logOf, servedAt, testKey, type TestStep } from "../tools/plc.ts";

const real = "https://real.example.com";
const evil = "https://evil.example.com";
const [server, user, stranger, other] = await Promise.all(
  ["server", "user", "stranger", "other"].map(async (name) => testKey(name)),
);
const born: TestStep = { keys: [server!], by: server!, change: servedAt(real) };
const keyed: TestStep = { keys: [user!, server!], by: server!, change: servedAt(real) };
/** The server was made to take the user's key out. */
const robbed: TestStep = { keys: [stranger!, server!], by: server!, change: servedAt(real) };
const away: TestStep = { keys: [stranger!], by: stranger!, change: servedAt(evil) };
const forever = new AbortController().signal;
/** While what was done last can be taken back. */
const early = Date.parse(at(5 * hour));

async function log(...steps: TestStep[]): Promise<VerifiedLog> {
  const entries = await logOf(steps);
  return verifyLog(entries[0]!.did, entries);
}

/** Services of which only clocks are asked. @param now hours after the beginning of the log */
function clocks(now: number): MigrationServices {
  return {
    now: () => Date.parse(at(now * hour)),
    clockOffset: () => 0,
    directory: { origin: "https://plc.example.com" },
  } as unknown as MigrationServices;
}

test("what a stranger did is said first, with the way back, and nobody is sent to the address", async () => {
  const stolen = await log(born, keyed, robbed, away);
  const [, , theft] = stolen.entries;
  const changes = recentChanges(clocks(5), stolen, []);
  expect(changes).toMatchObject({
    server: true,
    check: { id: "changes", state: "fault", next: ["plc", "recover", stolen.did, "--operation", theft?.cid] },
  });
  expect(changes.check?.message).toContain(`Changed on ${at(2 * hour)}: `);
  expect(changes.check?.message).toContain("most likely yours, left");
  expect(changes.check?.message).toContain("evil.example.com, and was real.example.com");
  expect(changes.check?.help).toContain(at(74 * hour));

  const checks = [
    found("home", "fault", "deactivated", { help: "This mends it:", next: ["account", "activate", stolen.did] }),
    found("elsewhere", "fault", "active", { help: "So:", next: ["migrate", stolen.did, "--from", real, "--to", evil] }),
    changes.check ?? expect.fail(),
  ];
  const [home, elsewhere, first] = withoutStrangers(checks, changes);
  expect(home?.help).toMatch(/Only if it was: This mends it:$/);
  expect(elsewhere?.next).toBeUndefined();
  expect(elsewhere?.help).not.toContain(evil);
  expect(first).toBe(changes.check);
  expect(strangersServers(stolen, [], Date.parse(at(5 * hour)))).toEqual([evil]);
  // A server that was named before is no stranger's, whoever goes back there.
  const back = await log(born, keyed, robbed, away, { ...away, change: servedAt(real) });
  expect(strangersServers(back, [], Date.parse(at(5 * hour)))).toEqual([evil]);
  expect(strangersServers(back, [], Date.parse(at(200 * hour)))).toEqual([]);
  // Those that decamp has made here are the user's, and of what is old it is too late to say anything.
  const made = stolen.entries.map(({ cid }) => cid);
  expect(recentChanges(clocks(5), stolen, made)).toEqual({ check: undefined, server: false });
  expect(recentChanges(clocks(200), stolen, [])).toEqual({ check: undefined, server: false });
  expect(withoutStrangers(checks, { check: undefined, server: false })).toBe(checks);
});

test("a stolen key is a fault while it can be undone, and a warning later", async () => {
  const stolen = await log(born, keyed, robbed);
  expect(recentChanges(clocks(3), stolen, [])).toMatchObject({ server: false, check: { state: "fault" } });
  expect(checkKeys(stolen, [], early)).toMatchObject({ state: "warning", next: ["plc", "history", stolen.did] });
  expect(checkKeys(stolen, [], early).message).toContain("A key of unknown owner");
  // Who changes keys with decamp here knows of it.
  expect(checkKeys(stolen, [stolen.head.cid], early)).toMatchObject({ state: "ok" });
});

test("a key that was only added is asked about, and one that the user's key has signed is not", async () => {
  const added = await log(born, keyed);
  expect(recentChanges(clocks(2), added, [])).toMatchObject({ check: { state: "warning" } });
  // It is signed by the first key: nobody can take it back.
  expect(recentChanges(clocks(2), added, []).check?.next).toBeUndefined();
  const second = await log(born, keyed, { keys: [user!, other!, server!], by: user!, change: servedAt(real) });
  expect(recentChanges(clocks(100), second, [])).toEqual({ check: undefined, server: false });
  const handle = await log(born, keyed, { ...keyed, change: { ...servedAt(real), alsoKnownAs: ["at://b.example"] } });
  expect(recentChanges(clocks(74), handle, [])).toEqual({ check: undefined, server: false });
});

test("keys: whose they are is asked, and not said", async () => {
  const below = await log(born, { keys: [server!, stranger!], by: server!, change: servedAt(real) });
  expect(checkKeys(below, [], early)).toMatchObject({
    state: "fault",
    next: ["plc", "add-key", below.did, stranger!.did],
  });
  expect(checkKeys(below, [], early).help).toMatch(/^Is it yours\?.*Only if you made it/);
  expect(checkKeys(below, [below.head.cid], early).help).toMatch(/^decamp has put it there/);
  expect(checkKeys(await log(born), [], early)).toMatchObject({ state: "warning" });
  const fine = checkKeys(await log(born, keyed), [], early);
  expect(fine.state).toBe("ok");
  expect(fine.message.length).toBeLessThan(160);
  const alone = checkKeys(await log(born, keyed, { keys: [user!], by: user!, change: servedAt(real) }), [], early);
  expect(alone).toMatchObject({ state: "warning" });
  expect(alone.message).toContain("No rotation key of a server");
  // A server's key that was put back, as by plc repair, came by itself, too: nobody knows that it is none.
  const two: TestStep = { keys: [user!, other!], by: user!, change: servedAt(real) };
  expect(checkKeys(await log(born, keyed, two), [], early)).toMatchObject({ state: "ok" });
});

interface Said {
  readonly home: string;
  readonly before?: string;
  readonly steps?: readonly TestStep[];
  /** Hours since the log began. */
  readonly now?: number;
}

/** What is said of a server and of the one before it. */
async function homeChecks({
  home,
  before = "active",
  steps = [born, keyed, { ...keyed, change: servedAt(evil) }],
  now = 3,
}: Said) {
  const past = await log(...steps);
  const target: Place = { url: evil, state: home };
  const source: Place = { url: real, state: before };
  const where = judgeWhere(past, { home: target, source, target }, Date.parse(at(3 * hour)));
  const standing = { where, home: target, active: home === "active" };
  const places: Elsewhere[] = [{ url: real, host: "real.example.com", state: before, isJournalled: true }];
  const subject = { did: past.did, past, handle: undefined, signingKey: undefined };
  const services = {
    ...clocks(now),
    openPds: (origin: string) => ({
      host: new URL(origin).host,
      version: async () => Promise.resolve("1"),
      describe: async () => Promise.reject(new DecampError("unreachable", "no")),
    }),
  } as unknown as MigrationServices;
  return {
    did: past.did,
    head: past.head.cid,
    home: await checkHome(services, subject, standing, places, forever),
    elsewhere: checkElsewhere(subject, standing, places),
    none: await checkHome(services, subject, { where, home: undefined, active: false }, places, forever),
  };
}

test.each(["absent", "unreachable", "unknown", "takendown", "deactivated"])(
  "the only live copy is not called one too many: the home is %s",
  async (home) => {
    const { elsewhere } = await homeChecks({ home });
    expect(elsewhere).toMatchObject({ state: "warning" });
    expect(elsewhere?.next).toBeUndefined();
    expect(`${elsewhere?.message} ${elsewhere?.help}`).not.toContain("deactivates");
  },
);

const absent = async (before: string, steps: readonly TestStep[]) =>
  (await homeChecks({ home: "absent", before, steps })).home;

test("gone from the server that the identity names: who still has it is said, and only who holds a key is told to sign", async () => {
  const own: TestStep[] = [born, keyed, { ...keyed, change: servedAt(evil) }];
  const servers: TestStep[] = [born, { keys: [other!], by: server!, change: servedAt(evil) }];
  const asleep = await absent("deactivated", own);
  expect(asleep.next?.slice(0, 2)).toEqual(["plc", "undo"]);
  expect(asleep.help).toContain("real.example.com still has it. With the rotation key ");

  const save = ["--from", real];
  const keyless = await absent("deactivated", servers);
  expect(keyless.next).toEqual(["export", expect.any(String), ...save, "--sign-in"]);
  expect(keyless.help).toContain("still has it, deactivated");
  expect(keyless.help).toContain("No rotation key of your own");
  const live = await absent("active", servers);
  expect(live.next).toEqual(["export", expect.any(String), ...save]);
  expect(live.help).toContain("if you or that server hold a rotation key");
  const nowhere = await absent("absent", servers);
  expect(nowhere.next).toBeUndefined();
  expect(nowhere.help).not.toContain("plc undo");

  const saving = found("home", "fault", "x", { help: "h", next: ["export", "did:plc:x", ...save] });
  const changes = { check: undefined, server: true };
  expect(withoutStrangers([saving], changes)).toEqual([saving]);
  // At the address that a stranger may have put there, nobody signs in unwarned.
  const signing = { ...saving, next: ["export", "did:plc:x", "--sign-in"] };
  expect(withoutStrangers([signing], changes)[0]?.help).toMatch(/^First settle/);
});

test("taken down: the operator is asked, and what the server still gives out to the owner is saved", async () => {
  const { home } = await homeChecks({ home: "takendown", before: "absent" });
  expect(home).toMatchObject({ state: "fault", next: ["export", expect.any(String), "--sign-in"] });
  expect(home.help).toMatch(/^Ask the operator of evil\.example\.com why\./);
  expect(home.help).toContain("decamp restore");
  expect((await homeChecks({ home: "desynchronized" })).home).not.toHaveProperty("next");
});

test("no rotation key is left: taken back while there is time, and nobody's word after that", async () => {
  const frozen = await log(born, keyed, { keys: [], by: server!, change: servedAt(real) });
  const { did, head } = frozen;
  const soon = checkKeys(frozen, [], early);
  expect(soon).toMatchObject({ id: "keys", state: "fault", next: ["plc", "recover", did, "--operation", head.cid] });
  expect(soon.message).toContain(`No rotation key is left in the identity since ${at(2 * hour)}`);
  const late = checkKeys(frozen, [], Date.parse(at(100 * hour)));
  expect(late).toMatchObject({ state: "fault", next: ["export", did] });
  expect(late.help).toMatch(/^Nobody can mend that/);
});

test("a did:web is mended in its document, and by no rotation key", async () => {
  const did = "did:web:alice.example.com";
  const past = { did, home: real, signingKeys: [], moves: [] };
  const said = async (state: string) => {
    const home: Place = { url: real, state };
    const where = judgeWhere(past, { home, source: undefined, target: undefined }, 0);
    const services = { ...clocks(1), openPds: () => ({ host: "real.example.com" }) } as unknown as MigrationServices;
    const subject = { did, past, handle: undefined, signingKey: undefined };
    return checkHome(services, subject, { where, home, active: false }, [], forever);
  };
  for (const state of ["absent", "unreachable"]) {
    const check = await said(state);
    expect(check).toMatchObject({ state: "fault" });
    expect(check.help).toContain("https://alice.example.com/.well-known/did.json");
    expect(check.help).not.toMatch(/rotation key|plc/);
  }
  const gone = withoutDocument(did, "alice.example.com has no DID document.");
  expect(gone).toMatchObject({ id: "identity", state: "fault" });
  expect(gone.help).toContain("/.well-known/did.json");
});

test("where both have it, it is one too many; where the home lacks it, one command mends it", async () => {
  const both = await homeChecks({ home: "active" });
  expect(both.elsewhere).toMatchObject({ state: "fault", next: ["migrate", both.did, "--from", real, "--to", evil] });
  const absent = await homeChecks({ home: "absent" });
  expect(absent.home.next).toEqual(["plc", "undo", absent.did]);
  // The server before has not got it, either: an undo would lead nowhere.
  const nowhere = await homeChecks({ home: "absent", before: "absent" });
  expect(nowhere.home.next).toBeUndefined();
  expect(nowhere.home.help).toContain("decamp restore");
});

test("a server that is gone: a restore needs a key, and a word of the protocol is said in words", async () => {
  const gone = await homeChecks({ home: "unreachable", before: "absent" });
  expect(gone.home.help).toContain("With your rotation key and an archive");
  const steps: TestStep[] = [born, { keys: [server!], by: server!, change: servedAt(evil) }];
  const keyless = await homeChecks({ home: "unreachable", before: "absent", steps });
  expect(keyless.home.help).toContain("No rotation key of your own");
  expect(keyless.home.help).not.toContain("restore");
  expect((await homeChecks({ home: "takendown" })).home.message).toContain("has taken the account down");
  expect((await homeChecks({ home: "unreachable" })).home.help).toContain("decamp plc repair");
});

test("no server is named: the change that made it so is taken back, or an archive proves the old one", async () => {
  const steps: TestStep[] = [born, keyed, { ...keyed, change: { services: {} } }];
  const none = await homeChecks({ home: "absent", steps });
  expect(none.none).toMatchObject({ state: "fault", next: ["plc", "recover", none.did, "--operation", none.head] });
  expect((await homeChecks({ home: "absent", steps, now: 100 })).none.next?.[0]).toBe("export");
  const powerless: TestStep[] = [born, { ...born, change: { services: {} } }];
  expect((await homeChecks({ home: "absent", steps: powerless })).none.help).toContain(`plc repair`);
});

test("a deactivated account whose keys were changed is repaired before it is woken up", async () => {
  const past = await log(born, keyed, {
    ...keyed,
    change: { ...servedAt(real), verificationMethods: { atproto: other!.did } },
  });
  const asleepAt = async (log: VerifiedLog) => {
    const home: Place = { url: real, state: "deactivated" };
    const where = judgeWhere(log, { home, source: undefined, target: undefined }, Date.parse(at(3 * hour)));
    const services = { openPds: () => ({ host: "real.example.com" }) } as unknown as MigrationServices;
    const subject = { did: log.did, past: log, handle: undefined, signingKey: undefined };
    return checkHome(services, subject, { where, home, active: false }, [], forever);
  };
  expect((await asleepAt(await log(born, keyed))).next?.slice(0, 2)).toEqual(["account", "activate"]);
  expect((await asleepAt(await log(born, { ...keyed, change: servedAt(`${real}/`) }))).next?.[1]).toBe("repair");
  expect((await asleepAt(await log(born, keyed, { ...keyed, keys: [user!] }))).next?.[1]).toBe("repair");
  const check = await asleepAt(past);
  expect(check).toMatchObject({ next: ["plc", "repair", past.did] });
  expect(check.help).toContain("account activate");
  // A move that is under way comes before both.
  const move = found("move", "warning", "m", { help: "h", next: ["migrate", "status", past.did] });
  const asleep = found("home", "fault", "x", { next: ["account", "activate", past.did] });
  expect(withMove([asleep], move)).toEqual([move, { ...asleep, help: "h", next: move.next }]);
  expect(withMove([asleep], undefined)).toEqual([asleep]);
});

const rev = { old: "3kaaaaaaaaa22", middle: "3lbbbbbbbbb22", newer: "3mccccccccc22" };

test("a relay that has seen more than the server, or does not reach it, is no good sign", async () => {
  let said: unknown = { active: true, rev: rev.newer };
  let host: unknown = { status: "offline" };
  const relay = {
    host: "relay.example.com",
    accountStatus: async () => Promise.resolve(said),
    hostStatus: async () => Promise.resolve(host),
  } as unknown as Relay;
  const pds = {
    host: "real.example.com",
    latestCommit: async () => Promise.reject(new DecampError("server-refused", "no")),
  } as unknown as Pds;
  const carried = { did: "did:plc:x", handle: undefined, pds, rev: rev.middle, active: true, now: 0, signal: forever };
  // Asked again, the server does not say it: nobody knows.
  expect(await checkRelay(relay, carried)).toMatchObject({ state: "unknown" });
  expect(await checkRelayHost(relay, carried)).toMatchObject({ state: "fault" });
  host = { status: "active" };
  expect(await checkRelayHost(relay, carried)).toMatchObject({ state: "ok" });
  // Whom to ask depends on what it says of the account.
  const help: Record<string, RegExp> = {
    throttled: /stays so, also once there is room again/,
    deactivated: /^It may have missed that something changed/,
    desynchronized: /^It may have missed that something changed/,
    takendown: /^Ask the operator of relay\.example\.com/,
  };
  for (const [status, words] of Object.entries(help)) {
    said = { active: false, status };
    const check = await checkRelay(relay, carried);
    expect([check.state, check.message.includes(status)]).toEqual(["fault", true]);
    expect(check.help).toMatch(words);
  }
  said = undefined;
  const unknown = await checkRelay(relay, { ...carried, active: false });
  expect(unknown).toMatchObject({ state: "warning" });
  expect(unknown.help).not.toContain("post");
  expect(await checkRelay(relay, carried)).toMatchObject({ state: "fault" });
});

/** A server that answers a blob with these bytes. */
function giving(bytes: Uint8Array, answer: { readonly mimeType?: string; readonly length?: number }): Pds {
  async function* stream() {
    yield await Promise.resolve(bytes);
  }
  return { getBlob: async () => Promise.resolve({ bytes: stream(), ...answer }) } as unknown as Pds;
}

test("a blob that comes as nothing, as a page or as other bytes is not there", async () => {
  const image = Buffer.from("picture");
  const cid = cidFor("raw", image);
  const blob = { size: image.length, mimeType: "image/png" };
  const ask = async (bytes: Uint8Array, answer: { mimeType?: string; length?: number }, whole = false) =>
    askBlob(giving(bytes, answer), "did:plc:x", { cid, blob, whole }, forever);
  expect(await ask(image, { mimeType: "image/png", length: image.length }, true)).toBe("there");
  expect(await ask(image, { mimeType: "text/html" })).toBe("there");
  expect(await ask(Buffer.alloc(0), { mimeType: "image/png" })).toBe("something-else");
  expect(await ask(Buffer.from("<html>"), { mimeType: "text/html; charset=utf-8" })).toBe("something-else");
  expect(await ask(Buffer.from("other"), { length: 5 })).toBe("something-else");
  expect(await ask(Buffer.from("pictura"), {}, true)).toBe("something-else");
});

test("a commit that came along from a server whose clock was ahead is older; one that was written since is not", async () => {
  const moved = await log(born, keyed, {
    keys: [user!, other!],
    by: user!,
    change: { ...servedAt(evil), verificationMethods: { atproto: other!.did } },
  });
  const since = at(2 * hour);
  const revAt = (milliseconds: number): string => tidAt(Date.parse(since) + milliseconds);
  const question = (signingKey: string, late: number) => ({ signingKey, rev: revAt(late), since, home: evil });
  // With a key of the server before, which this one does not have.
  expect(isOlder(clocks(5), moved, question(server!.did, 120_000))).toBe(true);
  expect(isOlder(clocks(5), moved, question(server!.did, 3_600_000))).toBe(false);
  // With a key of its own: its clock is known.
  const skewed = {
    clockOffset: (origin: string) => (origin === evil ? 120_000 : 0),
    directory: { origin: "https://plc.example.com" },
  } as unknown as MigrationServices;
  expect(isOlder(skewed, moved, question(other!.did, 118_000))).toBe(true);
  expect(isOlder(clocks(5), moved, question(other!.did, 118_000))).toBe(false);
  expect(isOlder(skewed, moved, question(other!.did, 130_000))).toBe(false);
});

test("a newest commit: of another account, of another key, of a time to come, and of none that is named", async () => {
  const then = tidAt(Date.parse(at(0)));
  const mine = await makeAccount({ records: [], rev: then });
  const theirs = await makeAccount({ records: [], rev: then, did: "did:plc:rxgnghojssy5733m33iry7o2" });
  const carOf = ({ commit }: typeof mine) =>
    Buffer.concat([...writeCar(commit.cid, [{ cid: cidToBytes(commit.cid), data: commit.bytes }], 0)]);
  const web = { did: mine.did, home: real, signingKeys: [mine.signer.didKey], moves: [] };
  const plc = { ...(await log(born)), did: mine.did, signingKeys: [mine.signer.didKey] };
  const judge = async (past: Past, commit: typeof mine, signingKey: string | undefined = past.signingKeys[0]) =>
    judgeHead(
      clocks(0),
      { did: mine.did, past, handle: undefined, signingKey },
      { commit: carOf(commit), host: "real.example.com", home: real },
    );
  expect(await judge(plc, mine)).toMatchObject({ id: "signature", state: "ok" });

  // Left over on a server that has room for one account: no key is the matter, and none is put into the identity.
  const left = await judge(plc, theirs);
  expect(left).toMatchObject({ state: "fault", help: expect.stringMatching(/^Ask the operator/) as string });
  expect(left.message).toContain(`the repository of ${theirs.did}`);
  expect(left).not.toHaveProperty("next");

  const strange = [theirs.signer.didKey];
  expect(await judge({ ...plc, signingKeys: strange }, mine)).toMatchObject({ next: ["plc", "repair", mine.did] });
  // Of the past of a did:web nobody knows all, and nothing signs an operation for it.
  const bySite = await judge({ ...web, signingKeys: strange }, mine);
  expect(bySite).toMatchObject({ state: "fault", next: ["doctor", mine.did, "--sign-in"] });
  expect(bySite.message).toContain("another key than the document names");
  const none = await judge({ ...plc, signingKeys: [] }, mine);
  expect(none).toMatchObject({ state: "fault", next: ["plc", "repair", mine.did] });
  expect(none.message).toContain("names no signing key");

  const ahead = await judge(plc, await makeAccount({ records: [], rev: tidAt(Date.parse(at(48 * hour))) }));
  expect(ahead).toMatchObject({ state: "fault", help: expect.stringContaining("real.example.com") as string });
  expect(ahead.message).toContain("a time to come");
});

/** A revision of a time (spec: TID). */
function tidAt(milliseconds: number): string {
  const letters = "234567abcdefghijklmnopqrstuvwxyz";
  let value = BigInt(milliseconds) * 1000n * 1024n;
  let text = "";
  for (let place = 0; place < 13; place += 1) {
    text = letters.charAt(Number(value % 32n)) + text;
    value /= 32n;
  }
  return text;
}

test("the handle of a deactivated account, which leads nowhere, stands in an archive of decamp's own folder", async () => {
  const state = mkdtempSync(path.join(tmpdir(), "decamp-doctor-"));
  onTestFinished(() => rmSync(state, { recursive: true }));
  mkdirSync(path.join(state, "archives"));
  const archive = makeArchive(path.join(state, "archives"), (manifest) => ({
    ...manifest,
    handle: "alice.example.com",
  }));
  const services = { handles: { resolve: async () => Promise.resolve(undefined) } } as unknown as MigrationServices;
  const find = async (name: string) => findNamed(services, name, { stateDir: state }, forever);
  const named = await find("alice.example.com");
  expect(named).toMatchObject({ did, memory: { check: { id: "journal", state: "warning" } } });
  expect(named.memory?.check.message).toContain(archive);
  await expect(find("bob.example.com")).rejects.toMatchObject({
    code: "account-not-found",
    hint: expect.stringContaining("deactivated") as string,
  });
});

test("docs/DOCTOR.md has every line that can be a fault among the states in which accounts get stuck", () => {
  const page = readFileSync("docs/DOCTOR.md", "utf8").split("## States in which accounts get stuck")[1] ?? "";
  const rows = page.split("\n").filter((row) => /^\| (?!state |-)/.test(row));
  const named = rows.flatMap((row) => [...(row.split("|")[2] ?? "").matchAll(/`([a-z-]+)`/g)].map(([, id = ""]) => id));
  const folder = "src/migration/doctor";
  const code = readdirSync(folder).map((file) => readFileSync(path.join(folder, file), "utf8"));
  const faults = code.flatMap((text) =>
    [...text.matchAll(/found\(\s*"([a-z-]+)",\s*("fault"|\w+ \? "fault")/g)].map(([, id = ""]) => id),
  );
  expect(faults).toContain("relay");
  expect([...new Set(faults)].filter((id) => !named.includes(id))).toEqual([]);
  const ids = /HealthCheckId =\s*((?:\| "[a-z-]+"\s*)+);/.exec(
    readFileSync(path.join(folder, "health.ts"), "utf8"),
  )?.[1];
  expect(named.filter((id) => id !== "--server" && !(ids ?? "").includes(`"${id}"`))).toEqual([]);
  // Each row ends with a command, or with somebody.
  const ways =
    /`decamp |line that is printed|operator|write something|settings of your app|whoever|publish|looks again/;
  expect(rows.filter((row) => !ways.test(row.split("|")[3] ?? ""))).toEqual([]);
});
