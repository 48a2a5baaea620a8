/** What the doctor makes of a log and of what servers said: no state is called green, and no stranger is helped. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Place } from "../../src/account/places.ts";
import { judgeWhere } from "../../src/account/where.ts";
import { cidFor } from "../../src/data/cid.ts";
import { DecampError } from "../../src/errors.ts";
import type { MigrationServices } from "../../src/migration/context.ts";
import { askBlob } from "../../src/migration/doctor/blob-check.ts";
import { findNamed } from "../../src/migration/doctor/by-memory.ts";
import { recentChanges, withoutStrangers } from "../../src/migration/doctor/change-checks.ts";
import { found } from "../../src/migration/doctor/health.ts";
import { checkElsewhere, checkHome, isOlder, type Elsewhere } from "../../src/migration/doctor/home-checks.ts";
import { checkKeys } from "../../src/migration/doctor/key-checks.ts";
import { withMove } from "../../src/migration/doctor/move-checks.ts";
import { checkRelay, checkRelayHost } from "../../src/migration/doctor/network-checks.ts";
import { strangersServers } from "../../src/plc/strangers.ts";
import { verifyLog, type VerifiedLog } from "../../src/plc/log.ts";
import type { Pds } from "../../src/services/servers/pds.ts";
import type { Relay } from "../../src/services/servers/relay.ts";
import { did, makeArchive } from "../cli/support/archive.ts";
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
  expect(checkKeys(stolen, [])).toMatchObject({ state: "warning", next: ["plc", "history", stolen.did] });
  expect(checkKeys(stolen, []).message).toContain("A key of unknown owner");
  // Who changes keys with decamp here knows of it.
  expect(checkKeys(stolen, [stolen.head.cid])).toMatchObject({ state: "ok" });
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
  expect(checkKeys(below, [])).toMatchObject({ state: "fault", next: ["plc", "add-key", below.did, stranger!.did] });
  expect(checkKeys(below, []).help).toMatch(/^Is it yours\?.*Only if you made it/);
  expect(checkKeys(below, [below.head.cid]).help).toMatch(/^decamp has put it there/);
  expect(checkKeys(await log(born), [])).toMatchObject({ state: "warning" });
  const fine = checkKeys(await log(born, keyed), []);
  expect(fine.state).toBe("ok");
  expect(fine.message.length).toBeLessThan(160);
  const alone = checkKeys(await log(born, keyed, { keys: [user!], by: user!, change: servedAt(real) }), []);
  expect(alone).toMatchObject({ state: "warning" });
  expect(alone.message).toContain("No rotation key of a server");
  // A server's key that was put back, as by plc repair, came by itself, too: nobody knows that it is none.
  const two: TestStep = { keys: [user!, other!], by: user!, change: servedAt(real) };
  expect(checkKeys(await log(born, keyed, two), [])).toMatchObject({ state: "ok" });
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
  expect((await homeChecks({ home: "absent", steps, now: 100 })).none).not.toHaveProperty("next");
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
