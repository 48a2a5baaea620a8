/**
 * Nights over the accounts of a server, and a directory whose list of operations is there, is not, or fails. The
 * accounts are real ones, signed and all; a server with so many that this list is worth a request stands in for one.
 */
import { createServer, type ServerResponse } from "node:http";
import { access, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isInTurn, numberIn } from "../../src/archive/state/shard.ts";
import { judgeGone } from "../../src/archive/gone/judge-gone.ts";
import { parseSpan } from "../../src/archive/keep-rules.ts";
import { defaultBudgets } from "../../src/data/budgets.ts";
import { openServices } from "../../src/services/open.ts";
import { Fleet, type FleetAccount } from "../bench/fleet.ts";
import { documentOf } from "../cli/support/directory.ts";
import { listen, stopServer } from "../network/ports.ts";
import { runDecamp } from "../network/run-decamp.ts";
import { auditLog, operation, servedAt, signed, testCid, testKey, type Content, type TestEntry } from "../tools/plc.ts";

const preload = new URL("hurry.ts", import.meta.url);
const count = 60;
const hour = 3_600_000;
const size = { records: 2, blobs: 1, blobSize: 100 };
const accounts = new Map<string, FleetAccount>();
/** What the directory has: more than the accounts were made with. */
const logs = new Map<string, readonly TestEntry[]>();
const inactive = new Set<string>();
/** Accounts that the server has not any more, and those that it does not list although it has them. */
const gone = new Set<string>();
const unlisted = new Set<string>();
let breakRepos: ((response: ServerResponse) => void) | undefined;
/** Whether the server is not there at this moment; its directory is. */
let isAway: (method: string) => boolean = () => false;
let asked: string[] = [];
let base = "";
let folder = "";
/** What becomes of a request for the list of operations, if not what a directory does. */
let breakList: ((response: ServerResponse) => void) | undefined;
let pageSize = 1000;
let clock: ((date: Date) => string | undefined) | undefined;
let listed: () => { did: string; createdAt: string; [field: string]: unknown }[] = () => [];

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const asksFor = searchParams.get("did") ?? "";
  const account = gone.has(asksFor) ? undefined : accounts.get(asksFor);
  const json = (value: unknown): unknown =>
    response.setHeader("content-type", "application/json").end(JSON.stringify(value));
  const method = pathname.replace("/xrpc/com.atproto.sync.", "");
  if (pathname.startsWith("/xrpc/") && isAway(pathname)) {
    response.destroy();
    return;
  }
  const date = clock?.(new Date());
  if (clock !== undefined) {
    response.sendDate = false;
    response.setHeader("date", date ?? "");
  }
  if (method === "listRepos") {
    if (breakRepos !== undefined) {
      breakRepos(response);
      return;
    }
    const there = [...accounts.values()].filter(({ did }) => !gone.has(did) && !unlisted.has(did));
    const repos = there.map(({ did, commit, rev }) => ({
      did,
      head: commit,
      rev,
      ...(inactive.has(did) ? { active: false, status: "deactivated" } : { active: true }),
    }));
    json({ repos });
  } else if (pathname === "/export") {
    asked.push("export");
    if (breakList !== undefined) {
      breakList(response);
      return;
    }
    const after = searchParams.get("after") ?? "";
    const lines = listed().map((line, index) => ({ ...line, ...(/^\d+$/.test(after) ? { seq: index + 1 } : {}) }));
    const from = /^\d+$/.test(after)
      ? Number(after)
      : lines.findIndex(({ createdAt }) => Date.parse(createdAt) > Date.parse(after));
    const page = from < 0 ? [] : lines.slice(from, from + pageSize);
    response.end(page.map((line) => JSON.stringify(line)).join("\n"));
  } else if (pathname.startsWith("/did:plc:")) {
    const [, did = "", isLog] = pathname.split("/");
    asked.push(did);
    json(isLog === undefined ? documentFor(did) : logs.get(did));
  } else if (account !== undefined && method === "getRepoStatus") {
    json({ did: account.did, active: true });
  } else if (account === undefined || (inactive.has(account.did) && request.headers.authorization === undefined)) {
    response.statusCode = 400;
    json({ error: account === undefined ? "RepoNotFound" : "RepoDeactivated", message: "No." });
  } else if (method === "getLatestCommit") {
    json({ cid: account.commit, rev: account.rev });
  } else if (method === "listBlobs") {
    json({ cids: account.blobs });
  } else {
    response.statusCode = 404;
    json({ error: "NotFound" });
  }
});

function documentFor(did: string): object {
  return documentOf(did, logs.get(did)?.at(-1)?.operation as unknown as Content);
}

let origin = "";
beforeAll(async () => {
  origin = `http://127.0.0.1:${await listen(server, 0)}`;
  base = await mkdtemp(path.join(tmpdir(), "decamp-nights-"));
  const fleet = await Fleet.create(origin, size);
  for (let index = 0; index < count; index += 1) {
    const account = await fleet.account(index);
    accounts.set(account.did, account);
  }
});
afterAll(async () => {
  await stopServer(server);
  await rm(base, { recursive: true });
});

beforeEach(async () => {
  folder = await mkdtemp(path.join(base, "archives-"));
  const fleet = await Fleet.create(origin, size);
  inactive.clear();
  gone.clear();
  unlisted.clear();
  breakRepos = undefined;
  isAway = () => false;
  breakList = undefined;
  clock = undefined;
  pageSize = 1000;
  for (const account of accounts.values()) {
    logs.set(account.did, account.log);
    fleet.writeArchive(folder, account);
  }
  listed = () =>
    [...logs.values()].flat().sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1)) as unknown as ReturnType<
      typeof listed
    >;
});

async function exportAll(...flags: string[]): ReturnType<typeof runDecamp> {
  asked = [];
  const where = ["--pds", origin, "--plc-url", origin, "--allow-private-hosts", "--state-dir", `${folder}-state`];
  return runDecamp(["export", "--all", "-o", folder, ...where, "--no-input", "--json", ...flags], { preload });
}

/** Whose identity was looked up, without those in their turn for a whole export. */
async function night(...flags: string[]): Promise<{ lookedUp: string[]; pages: number; code: number | null }> {
  const { code, stderr } = await exportAll(...flags);
  expect(stderr).toBe("");
  const lookedUp = [...new Set(asked)].filter((did) => did !== "export" && !isInTurn(did, 100, Date.now()));
  return { lookedUp: lookedUp.sort(), pages: asked.filter((one) => one === "export").length, code };
}

/** Those who are looked up in one of two nights. */
const half = (rest: number): string[] =>
  [...accounts.keys()].filter((did) => numberIn(did, 8, 6) % 2 === rest && !isInTurn(did, 100, Date.now())).sort();

const nth = (index: number): string => half(index % 2)[index >> 1] ?? "";

/** The owner changes something in the identity. */
async function change(did: string, time: number, more: Partial<TestEntry> = {}): Promise<void> {
  const owner = await testKey("fleet owner");
  const log = logs.get(did) ?? [];
  const last = log.at(-1)!;
  const next = {
    ...last.operation,
    alsoKnownAs: [`at://changed-${log.length}.fleet.example`],
    prev: testCid(last.operation),
  };
  const [entry] = auditLog([await signed(next, owner)], { did });
  logs.set(did, [...log, { ...entry!, createdAt: new Date(time).toISOString(), ...more }]);
}

async function memory(): Promise<{
  gone?: Record<string, number>;
  identities?: { upTo: (number | null)[]; inDoubt: string[] };
}> {
  return JSON.parse(await readFile(path.join(folder, "night.json"), "utf8")) as ReturnType<typeof memory>;
}

/** The archive has an operation that the directory does not show. */
async function holdBack(did: string): Promise<string> {
  const before = logs.get(did)!;
  await change(did, Date.now());
  const fleet = await Fleet.create(origin, size);
  fleet.writeArchive(folder, { ...accounts.get(did)!, log: logs.get(did)! });
  const held = logs.get(did)!.at(-1)!.cid;
  logs.set(did, before);
  return held;
}

/** Makes an account live on another server, as its identity says. */
async function moveAway(did: string, home: string): Promise<void> {
  const owner = await testKey("fleet owner");
  const [genesis] = logs.get(did)!;
  const content = { ...genesis!.operation, ...servedAt(home), prev: testCid(genesis!.operation) };
  const [entry] = auditLog([await signed(operation(testCid(genesis!.operation), content), owner)], { did });
  logs.set(did, [genesis!, { ...entry!, createdAt: new Date().toISOString() }]);
}

/** The identity ends. */
async function giveUp(did: string): Promise<void> {
  const owner = await testKey("fleet owner");
  const log = logs.get(did) ?? [];
  const [entry] = auditLog([await signed({ type: "plc_tombstone", prev: testCid(log.at(-1)!.operation) }, owner)], {
    did,
  });
  logs.set(did, [...log, { ...entry!, createdAt: new Date().toISOString() }]);
}

/** Two nights, after which every identity was seen. */
async function seeAll(): Promise<void> {
  expect(await night()).toEqual({ lookedUp: half(0), pages: 0, code: 0 });
  expect(await night()).toEqual({ lookedUp: half(1), pages: 0, code: 0 });
}

test("a server that is started anew in the middle of a night is waited for, and no account fails", async () => {
  const [goesAfter, looksInVain] = [60, 2];
  let [requests, looks] = [0, 0];
  isAway = (method) => {
    requests += 1;
    looks += requests > goesAfter && method.endsWith(".describeServer") ? 1 : 0;
    return requests > goesAfter && looks <= looksInVain;
  };
  const { code, stdout, stderr } = await exportAll("--recheck");
  expect(stderr).toBe("");
  const warnings = stdout.split("\n").filter((line) => line.includes(`"type":"warning"`));
  expect(warnings).toEqual([expect.stringContaining(`"code":"server-away"`)]);
  expect(looks).toBe(looksInVain + 1);
  expect(stdout).toContain(`"total":${count},"complete":${count},`);
  expect(code).toBe(0);
});

test("once every identity was seen, only those with an operation since are looked up, by a page and not one by one", async () => {
  await seeAll();
  expect(await night()).toEqual({ lookedUp: [], pages: 1, code: 0 });
  const did = nth(4);
  await change(did, Date.now());
  expect(await night()).toMatchObject({ lookedUp: [did], pages: 2, code: 0 });
  const after = await memory();
  expect(after.identities).toMatchObject({ inDoubt: [] });
  // An operation that was seen once is seen again while clocks may differ, and does no harm.
  expect((await night()).lookedUp.filter((one) => one !== did)).toEqual([]);
});

test.each([
  ["has no such list", (response: ServerResponse) => response.writeHead(404).end("{}")],
  ["fails", (response: ServerResponse) => response.writeHead(500).end("{}")],
  ["answers with something else", (response: ServerResponse) => response.end("not a line\n")],
])("a directory that %s: halves are looked up, as before", async (_, how) => {
  await seeAll();
  breakList = how;
  expect(await night()).toMatchObject({ lookedUp: half(0), code: 0 });
  expect(await night()).toMatchObject({ lookedUp: half(1), code: 0 });
  // What happened meanwhile is not missed when the list is there again.
  const did = nth(2);
  await change(did, Date.now() - 2000);
  breakList = undefined;
  expect((await night()).lookedUp).toEqual([did]);
});

test("an operation that was undone counts: the one that undid it is newer than both", async () => {
  await seeAll();
  const did = nth(6);
  await change(did, Date.now() - hour, { nullified: true });
  // The list has the lines of the time before, too: this one is older than what was read, and its undoing is not.
  expect((await night()).lookedUp).toEqual([]);
  const [genesis] = logs.get(did)!;
  const undone = logs.get(did)!;
  logs.set(did, [genesis!]);
  await change(did, Date.now());
  logs.set(did, [genesis!, { ...undone[1]!, nullified: true }, logs.get(did)![1]!]);
  expect((await night()).lookedUp).toEqual([did]);
});

test("an account whose export fails stays in doubt until it does not, however old its operation is by then", async () => {
  await seeAll();
  const did = nth(8);
  const before = logs.get(did)!;
  const [genesis] = before;
  // A log that does not prove itself.
  logs.set(did, [genesis!, { ...genesis!, cid: testCid({ other: 1 }), createdAt: new Date().toISOString() }]);
  expect(await night()).toMatchObject({ lookedUp: [did], code: 6 });
  expect((await memory()).identities?.inDoubt).toEqual([did]);
  // The directory does not name it any more.
  listed = () => [];
  expect(await night()).toMatchObject({ lookedUp: [did], code: 6 });
  logs.set(did, before);
  expect(await night()).toMatchObject({ lookedUp: [did], code: 0 });
  expect((await memory()).identities?.inDoubt).toEqual([]);
  expect(await night()).toMatchObject({ lookedUp: [], code: 0 });
});

test("an identity that was changed while its account was not active is looked up when it is again", async () => {
  await seeAll();
  const did = nth(10);
  inactive.add(did);
  await change(did, Date.now());
  expect(await night()).toMatchObject({ lookedUp: [did], code: 0 });
  listed = () => [];
  inactive.delete(did);
  expect((await night()).lookedUp).toEqual([did]);
  expect((await memory()).identities?.inDoubt).toEqual([]);
});

test("one that has moved away and comes back is looked up", async () => {
  await seeAll();
  const did = nth(12);
  await moveAway(did, "https://new.example.com");
  inactive.add(did);
  expect((await night()).lookedUp).toEqual([did]);
  listed = () => [];
  expect((await night()).lookedUp).toEqual([]);
  inactive.delete(did);
  expect((await night()).lookedUp).toEqual([did]);
});

test("with the admin password, too, who has moved away is not exported, and who has not is as the list says", async () => {
  await seeAll();
  const [moved, resting] = [nth(12), nth(14)];
  await moveAway(moved, "https://new.example.com");
  inactive.add(moved).add(resting);
  const operator = ["--admin-password-command", "echo the-admin-password", "--fail-on"];
  expect(await night(...operator, "moved")).toMatchObject({ code: 6 });
  listed = () => [];
  expect(await night(...operator, "gone,inactive")).toMatchObject({ code: 0, lookedUp: [] });
  const { moved: known } = (await memory()) as { moved?: Record<string, string> };
  expect(known).toEqual({ [moved]: "https://new.example.com" });
});

/** Exports of an account or of a list, each with a state of its own. */
async function exported(...what: string[]): Promise<{ code: number | null; text: string }> {
  const where = ["--from", origin, "--plc-url", origin, "--allow-private-hosts", "--no-input", "--json"];
  const state = ["--state-dir", await mkdtemp(path.join(base, "state-"))];
  const { code, stdout, stderr } = await runDecamp(["export", ...what, ...where, ...state], { preload });
  return { code, text: stdout + stderr };
}

test("an operation that the archive has, and the directory holds back, is noticed by every export of it, with no state", async () => {
  const did = nth(16);
  const list = path.join(folder, "list.txt");
  await writeFile(list, `${did}\n`);
  await change(did, Date.now());
  expect(await exported("--accounts", list, "-o", folder)).toMatchObject({ code: 0 });
  const [genesis, changed] = logs.get(did)!;
  logs.set(did, [genesis!]);
  const text = expect.stringContaining(changed!.cid) as string;
  const both = [exported("--accounts", list, "-o", folder), exported(did, "-o", archiveOf(did))];
  expect(await Promise.all(both)).toMatchObject([
    { code: 6, text },
    { code: 9, text },
  ]);
  expect(await readdir(path.join(archiveOf(did), "snapshots"))).toHaveLength(2);
});

test("no move, restore or repair signs on top of a log that lacks what the archive has, with no state", async () => {
  const did = nth(16);
  const archive = archiveOf(did);
  const held = await holdBack(did);
  const where = ["--plc-url", origin, "--allow-private-hosts", "--no-input", "--json"];
  const to = "http://127.0.0.1:9";
  const commands = [
    ["migrate", did, "--to", to, "--archive", archive],
    ["restore", archive, "--to", to, "--rotation-key-command", "false"],
    ["plc", "repair", did, "--server", to, "--archive", archive],
  ];
  const ended = commands.map(async (words) => {
    const state = await mkdtemp(path.join(base, "state-"));
    const { code, stdout, stderr } = await runDecamp([...words, ...where, "--state-dir", state], { preload });
    return { code, text: stdout + stderr };
  });
  const text = expect.stringContaining(held) as string;
  expect(await Promise.all(ended)).toEqual(commands.map(() => ({ code: 9, text })));
});

test("so it is of accounts that are not active or gone, of which there is no export", async () => {
  const [resting, left, other] = [nth(16), nth(18), nth(20)];
  await holdBack(resting);
  await holdBack(left);
  inactive.add(resting).add(other);
  gone.add(left);
  const { code, stdout } = await exportAll();
  const lines = documents(stdout);
  const why = (wanted: string): unknown => lines.find(({ did }) => did === wanted)?.["code"];
  expect([resting, left, other].map(why)).toEqual(["identity-invalid", "identity-invalid", "account-unavailable"]);
  expect(code).toBe(6);
  expect(lines.at(-1)).toMatchObject({ ok: false, accounts: { total: count, failed: 2, inactive: 1, gone: 0 } });
});

test("more operations than are worth it: one page, and the halves", async () => {
  await seeAll();
  const [entry] = [...logs.values()].flat();
  const now = Date.now();
  listed = () =>
    Array.from({ length: 20_000 }, (_, index) => ({
      ...entry!,
      createdAt: new Date(now - 280_000 + 14 * index).toISOString(),
    }));
  expect(await night()).toMatchObject({ lookedUp: half(0), pages: 1, code: 0 });
});

test("pages may be short: the list is read until nothing is newer", async () => {
  await seeAll();
  const dids = [nth(4), nth(5), nth(6)];
  for (const [index, did] of dids.entries()) {
    await change(did, Date.now() - 60_000 + 20_000 * index);
  }
  pageSize = 2;
  expect(await night()).toMatchObject({ lookedUp: dids.sort(), pages: 3 });
  // With more of them than are worth it, nothing is believed.
  await change(nth(7), Date.now());
  expect(await night()).toMatchObject({ lookedUp: half(1), pages: 3 });
});

test("a directory that does not say what time it is is never believed to have said all", async () => {
  clock = () => undefined;
  await seeAll();
  expect((await memory()).identities?.upTo).toEqual([null, null]);
  expect(await night()).toMatchObject({ lookedUp: half(0), pages: 0 });
});

test("a clock that was ahead hides nothing that happens until its time comes", async () => {
  clock = (date) => new Date(date.getTime() + 10 * 24 * hour).toUTCString();
  await seeAll();
  clock = undefined;
  const did = nth(4);
  await change(did, Date.now());
  expect(await night()).toMatchObject({ lookedUp: [did], code: 0 });
  // Older versions have remembered such a time.
  const before = await memory();
  const ahead = Date.now() + 10 * 24 * hour;
  const file = path.join(folder, "night.json");
  await writeFile(file, JSON.stringify({ ...before, identities: { ...before.identities, upTo: [ahead, ahead] } }));
  expect(await night()).toMatchObject({ lookedUp: half(1), pages: 0, code: 0 });
  expect(await night()).toMatchObject({ lookedUp: half(0), pages: 0, code: 0 });
  const { pages } = await night();
  expect(pages).toBeGreaterThan(0);
});

test("a memory of another directory, or a broken one, asks for more", async () => {
  await seeAll();
  const file = path.join(folder, "night.json");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(`"directory":"${origin}"`, `"directory":"https://plc.example.com"`));
  expect(await night()).toMatchObject({ lookedUp: half(0), pages: 0 });
  await writeFile(file, text.slice(0, 40));
  expect(await night()).toMatchObject({ lookedUp: half(0), pages: 0 });
});

test("an archive that cannot be read of an account that the list has not has failed, and holds up nothing", async () => {
  await seeAll();
  const [broken, lost, old] = [nth(3), nth(4), nth(5)];
  const manifestOf = (did: string): string =>
    path.join(archiveOf(did), "snapshots", accounts.get(did)!.rev, "manifest.json");
  [broken, lost, old].forEach((did) => gone.add(did));
  await writeFile(manifestOf(broken), "{");
  await rm(archiveOf(lost), { recursive: true });
  await writeFile(archiveOf(lost), "no folder any more");
  const { code, stdout } = await exportAll();
  const lines = documents(stdout);
  const why = (wanted: string): unknown => lines.find(({ did }) => did === wanted)?.["code"];
  expect([broken, lost, old].map(why)).toEqual(["damaged", "unreadable-file", "account-not-found"]);
  expect(code).toBe(6);
  expect(lines.at(-1)).toMatchObject({ accounts: { total: count, failed: 2, gone: 1 } });
  expect(Object.keys((await memory()).gone ?? {})).toEqual([old]);
});

interface PrunedGone {
  code: number | null;
  error?: { code: string } | undefined;
  /** what became of each, by its DID */
  fates: Record<string, string>;
  archives?: { removed: number; stayed: number; failed: number; younger: number } | undefined;
}

function documents(text: string): Record<string, unknown>[] {
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Record<string, unknown>]));
}

function whereGone(): string[] {
  return ["--plc-url", origin, "--allow-private-hosts", "--state-dir", `${folder}-state`, "--no-input"];
}

async function prune(...flags: string[]): Promise<PrunedGone> {
  const ended = await runDecamp(["archive", "prune", folder, "--gone", "30d", ...whereGone(), "--json", ...flags]);
  const lines = documents(ended.stdout);
  const told = lines.filter(({ type, did }) => type === "account" && did !== undefined);
  return {
    code: ended.code,
    error: documents(ended.stderr)[0] as { code: string } | undefined,
    fates: Object.fromEntries(told.map(({ did, outcome, code }) => [String(did), String(outcome ?? code)])),
    archives: lines.at(-1)?.["archives"] as PrunedGone["archives"],
  };
}

/** A night, after which those who are gone have been so for that many days. */
async function goneFor(days: number): Promise<void> {
  await night();
  const file = path.join(folder, "night.json");
  const before = await memory();
  const since = Date.now() - days * 24 * hour;
  const missed = Object.keys(before.gone ?? {});
  await writeFile(file, JSON.stringify({ ...before, gone: Object.fromEntries(missed.map((did) => [did, since])) }));
}

const archiveOf = (did: string): string => path.join(folder, did.replaceAll(":", "-"));
const present = async (...dids: string[]): Promise<boolean[]> =>
  Promise.all(
    dids.map(async (did) =>
      access(path.join(archiveOf(did), "decamp.json")).then(
        () => true,
        () => false,
      ),
    ),
  );

const page = (text: string) => (response: ServerResponse) =>
  response.setHeader("content-type", "application/json").end(text);

describe("archive prune --gone", () => {
  test("a night remembers since when an account is missed, until it is there again", async () => {
    const did = nth(3);
    gone.add(did);
    await night();
    const first = (await memory()).gone;
    expect(Object.keys(first ?? {})).toEqual([did]);
    await night();
    expect((await memory()).gone).toEqual(first);
    // From a list that has nobody nothing is learned, and it is no good night.
    breakRepos = (response) => response.setHeader("content-type", "application/json").end('{"repos":[]}');
    const stderr = expect.stringContaining("lists no account at all") as string;
    expect(await exportAll()).toMatchObject({ code: 5, stderr });
    expect((await memory()).gone).toEqual(first);
    breakRepos = undefined;
    gone.clear();
    await night();
    expect((await memory()).gone).toEqual({});
  });

  test("with another number of parts it is remembered, too, and what a later one has seen counts", async () => {
    const [did, back] = [nth(3), nth(5)];
    [did, back].forEach((one) => gone.add(one));
    await night();
    const first = (await memory()).gone;
    expect(Object.keys(first ?? {}).sort()).toEqual([did, back].sort());
    gone.delete(back);
    const parts: Record<string, number> = {};
    for (const index of [0, 1]) {
      await night("--shard", `${index}/2`);
      const text = await readFile(path.join(folder, `night-${index}-of-2.json`), "utf8");
      Object.assign(parts, (JSON.parse(text) as Awaited<ReturnType<typeof memory>>).gone);
    }
    expect(parts).toEqual({ [did]: first?.[did] });
    // The whole again, whose own memory is older than that of the parts.
    gone.add(back);
    const begun = Date.now();
    await night();
    const { [did]: since, [back]: again } = (await memory()).gone ?? {};
    expect(since).toBe(first?.[did]);
    expect(again).toBeGreaterThanOrEqual(begun);
  });

  test("since when counts by the later one of two clocks, and never from the future on", async () => {
    const did = nth(3);
    gone.add(did);
    // As if the clock here were forty days behind.
    clock = (date) => new Date(date.getTime() + 40 * 24 * hour).toUTCString();
    await night();
    expect((await memory()).gone?.[did]).toBeGreaterThan(Date.now() + 39 * 24 * hour);
    clock = (date) => new Date(date.getTime() - 40 * 24 * hour).toUTCString();
    const begun = Date.now();
    await night();
    expect((await memory()).gone?.[did]).toBeGreaterThanOrEqual(begun);
    expect((await memory()).gone?.[did]).toBeLessThanOrEqual(Date.now());
  });

  test("who is gone is removed after a yes; who has moved, is there, or is not known stays, and so does everybody else", async () => {
    const [left, moved, tombstoned, back, hidden, unknown, foreign, young] = [3, 4, 5, 6, 7, 8, 9, 10].map(nth) as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    for (const did of [left, moved, tombstoned, back, unknown, foreign]) {
      gone.add(did);
    }
    unlisted.add(hidden);
    await moveAway(moved, "https://new.example.com");
    await giveUp(tombstoned);
    await goneFor(31);
    gone.add(young);
    await night();
    gone.delete(back);
    // A log that does not prove itself.
    const [genesis] = logs.get(unknown)!;
    logs.set(unknown, [genesis!, { ...genesis!, cid: testCid({ other: 1 }) }]);
    await writeFile(path.join(archiveOf(foreign), "notes.txt"), "mine");

    const fates = {
      [moved]: "moved",
      [back]: "there",
      [hidden]: "there",
      [unknown]: "identity-invalid",
      [foreign]: "refused",
    };
    const would = await prune("--dry-run");
    expect(would.fates).toEqual({ ...fates, [left]: "would-be-removed", [tombstoned]: "would-be-removed" });
    expect(would).toMatchObject({ code: 9, archives: { removed: 2, stayed: 3, failed: 2, younger: 1 } });
    const person = await runDecamp(["archive", "prune", folder, "--gone", "30d", "--dry-run", ...whereGone()]);
    expect(person.stdout).toContain(`would be removed: not listed by ${origin} since 20`);
    expect(person.stdout).toContain("stays: its identity names https://new.example.com, and this may be the last copy");
    expect(person.stdout).toMatch(
      /\n2 archives would be removed, 5 would stay\.\n1 more account: gone for less than 30d\.\n$/,
    );
    const unasked = await prune();
    expect(unasked).toMatchObject({ code: 7, error: { code: "input-needed" } });
    expect(await present(left, tombstoned)).toEqual([true, true]);

    const done = await prune("--yes");
    expect(done.fates).toEqual({ ...fates, [left]: "removed", [tombstoned]: "removed" });
    expect(await present(left, tombstoned)).toEqual([false, false]);
    expect(await present(moved, back, hidden, unknown, foreign, young)).toEqual([true, true, true, true, true, true]);
    expect((await readdir(folder)).filter((name) => name.startsWith("did-"))).toHaveLength(count - 2);

    const also = await prune("--yes", "--include-moved");
    expect(also.fates).toEqual({ ...fates, [moved]: "removed" });
    expect(await present(moved)).toEqual([false]);
  });

  test("where the server or the directory does not say it, nothing is removed", async () => {
    const did = nth(3);
    gone.add(did);
    await goneFor(31);
    breakRepos = (response) => response.writeHead(403).end("{}");
    expect(await prune("--yes")).toMatchObject({ code: 5, fates: {} });
    const failing: readonly (readonly [string, (response: ServerResponse) => void])[] = [
      ["unreachable", (response) => response.destroy()],
      ["bad-answer", page('{"repos":[]}')],
      ["bad-answer", page('{"repos":[null,{"did":"nobody"}]}')],
      ["bad-answer", page('{"repos":[{"did":"did:plc:222222222222222222222222"}],"cursor":"1"}')],
    ];
    const limits = { ...defaultBudgets, attempts: 1 };
    const judge = async (): Promise<unknown> => {
      const services = openServices({ plcUrl: origin, allowPrivateHosts: true, stateDir: `${folder}-state`, limits });
      const world = { ...services, sleep: async () => undefined };
      const judged = judgeGone(folder, parseSpan("30d")!, world, AbortSignal.timeout(30_000));
      return judged.finally(() => services.close());
    };
    for (const [code, how] of failing) {
      breakRepos = how;
      await expect(judge()).rejects.toMatchObject({ code });
    }
    breakRepos = undefined;
    expect(await judge()).toMatchObject({ accounts: [{ did, state: "gone" }], younger: 0 });
    // By the server's clock it is gone for eleven days.
    clock = (date) => new Date(date.getTime() - 20 * 24 * hour).toUTCString();
    expect(await judge()).toMatchObject({ accounts: [], younger: 1 });
    clock = undefined;
    // It was noted by a clock that was wrong: the archive is younger.
    const manifest = path.join(archiveOf(did), "snapshots", accounts.get(did)!.rev, "manifest.json");
    const text = await readFile(manifest, "utf8");
    const made = new Date(Date.now() - 29 * 24 * hour).toISOString();
    await writeFile(manifest, text.replace(/"createdAt": "[^"]*"/, `"createdAt": "${made}"`));
    expect(await judge()).toMatchObject({ accounts: [], younger: 1 });
    await writeFile(manifest, text);
    await holdBack(did);
    const data = expect.objectContaining({ rule: "plc/seen-head" }) as unknown;
    expect(await judge()).toMatchObject({ accounts: [{ did, state: "unknown", error: { data } }] });
    logs.delete(did);
    expect(await prune("--yes")).toMatchObject({ code: 5, archives: { removed: 0, failed: 1 } });
    expect(await present(did)).toEqual([true]);
  });
});
