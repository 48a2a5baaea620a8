/** What a night leaves of itself: figures for whoever watches it, and what `archive status` says afterwards. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { takeLock } from "../../src/services/disk/lock.ts";
import { isMuchMissed } from "../../src/archive/night/night.ts";
import { archiveName } from "../../src/archive/layout.ts";
import { nightLock } from "../../src/archive/state/run-files.ts";
import { Fleet, type FleetAccount } from "../bench/fleet.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { isListedOld } from "../../src/cli/export/odd-list.ts";
import { testNow, tid } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";
import { readExposition, type Family } from "../tools/exposition.ts";
import { run, type Ran } from "./support/run.ts";

let folder = "";
let backups = "";
let figures = "";
let server: ScriptedServer;
const accounts: FleetAccount[] = [];
/** What the server does now. */
const now = {
  refused: "",
  hidden: "",
  /** What the list says of the first account in place of what is so. */
  old: {},
  lists: true,
  isShort: false,
  isEmpty: false,
  onRepo: (): void => undefined,
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "decamp-metrics-"));
  backups = join(folder, "backups");
  figures = join(folder, "decamp.prom");
  server = await scriptedServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
    const method = pathname.replace("/xrpc/com.atproto.sync.", "");
    const [, did = "", log] = pathname.split("/");
    const account = accounts.find((one) => one.did === (searchParams.get("did") ?? did));
    if (method === "listRepos") {
      const shown = now.isShort ? accounts.slice(3) : accounts;
      const repos = shown.filter((one) => one.did !== now.hidden && !now.isEmpty).map((one) => listed(one));
      return now.lists ? sendJson(response, 200, { repos }) : sendJson(response, 400, { error: "No", message: "no" });
    }
    if (account === undefined || account.did === now.refused) {
      return sendJson(response, 400, { error: "InvalidRequest", message: "no" });
    }
    const { status } = listed(account);
    if (status !== undefined && method !== pathname) {
      // Also to whoever comes on the day of its turn for the real head.
      return sendJson(response, 400, { error: status === "deactivated" ? "RepoDeactivated" : "RepoTakendown" });
    }
    if (method === "getRepo") {
      now.onRepo();
      response.writeHead(200, { "content-type": "application/vnd.ipld.car" });
      return response.end(makeCar(account.commit, account.blocks));
    }
    const answers = { getLatestCommit: { cid: account.commit, rev: account.rev }, listBlobs: { cids: [] } };
    const known = Object.entries(answers).find(([name]) => name === method)?.[1];
    return sendJson(response, 200, known ?? (log === undefined ? account.document : account.log));
  });
  const fleet = await Fleet.create(server.origin, { records: 2, blobs: 0, blobSize: 0 });
  for (let index = 0; index < 5; index += 1) {
    accounts.push(await fleet.account(index));
  }
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

interface ListedAccount {
  did: string;
  head: string;
  rev: string;
  active: boolean;
  status?: string;
}

/** The last two of the list are not active. */
function listed({ did, commit, rev }: FleetAccount): ListedAccount {
  const status = [undefined, undefined, undefined, "deactivated", "takendown"][
    accounts.findIndex((a) => a.did === did)
  ];
  const said = did === accounts[0]?.did ? now.old : {};
  return { did, head: commit, rev, active: status === undefined, ...(status === undefined ? {} : { status }), ...said };
}

async function night(...more: string[]): Promise<Ran & { text: string; families: Map<string, Family> }> {
  const where = ["--plc-url", server.origin, "--allow-private-hosts", "--state-dir", join(folder, "state")];
  const pds = more.includes("--pds") ? [] : ["--pds", server.origin];
  const all = ["export", "--all", ...pds, "-o", backups, "--metrics-file", figures];
  const ran = await run([...all, ...where, "--no-input", "--json", ...more]);
  const text = await readFile(figures, "utf8");
  return { ...ran, text, families: readExposition(text) };
}

/** A figure of this server by its name and its other label, if it has one. */
function figure(families: Map<string, Family>, name: string, label?: string): number | undefined {
  const whose = `server="${server.origin}"`;
  const labels = [...(label === undefined ? [] : [label]), whose].toSorted().join(",");
  return families.get(`decamp_export_${name}`)?.samples.get(labels);
}

function outcomes(families: Map<string, Family>): object {
  const words = ["exported", "unchanged", "incomplete", "inactive", "taken_down", "moved", "gone", "not_looked_at"];
  const all = [...words, "failed"].map((word) => [word, figure(families, "accounts", `outcome="${word}"`)]);
  return Object.fromEntries(all.filter(([, value]) => value !== 0));
}

const status = async (...more: string[]): Promise<{ exitCode: number; seen: Seen }> => {
  const { exitCode, stdout } = await run(["archive", "status", backups, "--json", ...more]);
  return { exitCode, seen: JSON.parse(stdout) as Seen };
};
interface Seen {
  runs: { state: string; behind: number; exitCode?: number }[];
  notRenewed?: { count: number; archives: { did: string; at: string }[] };
}

const iso = (seconds: number | undefined): string => new Date((seconds ?? 0) * 1000).toISOString();
let first: Map<string, Family>;
/** When the account that fails was up to date for the last time. */
let since = 0;

/** When the newest snapshot of an account was made. */
async function snapshotTime({ did }: FleetAccount): Promise<number> {
  const snapshots = join(backups, archiveName(did), "snapshots");
  const [newest = ""] = (await readdir(snapshots)).toSorted().slice(-1);
  const manifest = await readFile(join(snapshots, newest, "manifest.json"), "utf8");
  return Date.parse((JSON.parse(manifest) as { createdAt: string }).createdAt) / 1000;
}

test("a night in which all is well", async () => {
  const umask = process.umask(0o077);
  const { exitCode, stdout, text, families } = await night().finally(() => process.umask(umask));
  first = families;
  expect(exitCode).toBe(0);
  expect(outcomes(families)).toEqual({ exported: 3, inactive: 1, taken_down: 1 });
  expect(figure(families, "exit_code")).toBe(0);
  expect(figure(families, "archived_accounts")).toBe(3);
  expect(figure(families, "runs_total", 'result="good"')).toBe(1);
  expect(figure(families, "requests_total")).toBe(server.requests.length);
  const bytes = accounts.slice(0, 3).reduce((sum, { commit, blocks }) => sum + makeCar(commit, blocks).length, 0);
  expect(figure(families, "received_bytes_total")).toBe(bytes);
  const [start = 0, end = 0] = ["start", "end"].map((word) => figure(families, `${word}_timestamp_seconds`));
  expect(figure(families, "duration_seconds")).toBeCloseTo(end - start, 3);
  expect(figure(families, "last_success_timestamp_seconds")).toBe(end);
  expect(figure(families, "oldest_renewal_timestamp_seconds")).toBe(start);
  expect(figure(families, "oldest_snapshot_timestamp_seconds")).toBeGreaterThanOrEqual(start);
  expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
    startedAt: iso(start),
    endedAt: iso(end),
    renewedAt: iso(start),
    requests: server.requests.length,
    receivedBytes: bytes,
    failedByCode: [],
  });
  // Somebody else than who runs it collects it; nothing in it is about one account, and nothing lies beside it.
  expect((await stat(figures)).mode & 0o777).toBe(0o644);
  expect(text).not.toMatch(/did:|\.example/);
  // What was seen of the identities lies in the archives.
  expect((await readdir(folder)).toSorted()).toEqual(["backups", "decamp.prom"]);
});

test("accounts that fail are counted by the code, and have waited since they were up to date", async () => {
  const [, second, third] = accounts as [FleetAccount, FleetAccount, FleetAccount];
  const fleet = await Fleet.create(server.origin, { records: 2, blobs: 0, blobSize: 0 });
  accounts[1] = await fleet.account(1, 1);
  now.refused = second.did;
  now.hidden = third.did;
  const { exitCode, stdout, families } = await night();
  now.hidden = "";
  expect(exitCode).toBe(6);
  expect(outcomes(families)).toEqual({ unchanged: 1, inactive: 1, taken_down: 1, gone: 1, failed: 1 });
  expect([...(families.get("decamp_export_failures")?.samples ?? [])]).toEqual([
    [`code="server-refused",server="${server.origin}"`, 1],
  ]);
  expect(figure(families, "exit_code")).toBe(6);
  expect(figure(families, "archived_accounts")).toBe(3);
  for (const result of ["good", "incomplete"]) {
    expect(figure(families, "runs_total", `result="${result}"`)).toBe(1);
  }
  expect(figure(families, "requests_total")).toBe(server.requests.length);
  const success = "last_success_timestamp_seconds";
  expect(figure(families, success)).toBe(figure(first, success));
  since = await snapshotTime(second);
  expect(figure(families, "oldest_renewal_timestamp_seconds")).toBe(since);
  expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
    accounts: { takenDown: 1, inactive: 2 },
    failedByCode: [{ code: "server-refused", count: 1 }],
    renewedAt: iso(since),
  });
});

test("a list that cannot be had, and a run that is interrupted, leave figures, too", async () => {
  now.lists = false;
  const failed = await night();
  now.lists = true;
  expect(failed.exitCode).toBe(5);
  expect(figure(failed.families, "exit_code")).toBe(5);
  expect(figure(failed.families, "runs_total", 'result="failed"')).toBe(1);
  expect(outcomes(failed.families)).toEqual({});

  now.refused = "";
  now.onRepo = () => {
    process.emit("SIGINT");
  };
  const stopped = await night();
  now.onRepo = () => undefined;
  expect(stopped.exitCode).toBe(130);
  expect(figure(stopped.families, "exit_code")).toBe(130);
  expect(figure(stopped.families, "runs_total", 'result="interrupted"')).toBe(1);
  // What was done before that is told.
  const lines = stopped.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string });
  const total = lines.filter(({ type }) => type === "account").length;
  expect(total).toBeGreaterThan(0);
  expect(lines.at(-1)).toMatchObject({ type: "result", ok: false, accounts: { total } });
  // What was not reached is as far behind as before.
  const waits = "oldest_renewal_timestamp_seconds";
  expect(figure(stopped.families, waits)).toBe(since);
});

test("a list without anybody, of a server of which there are archives, is no good night", async () => {
  now.isEmpty = true;
  const { exitCode, stderr, families } = await night().finally(() => (now.isEmpty = false));
  expect(exitCode).toBe(5);
  expect(stderr).toContain("lists no account at all");
  expect(figure(families, "exit_code")).toBe(5);
  expect(outcomes(families)).toEqual({});
});

test("a night that ends before it begins is one that failed, and not the last good one", async () => {
  const before = await readdir(backups);
  const { exitCode, families } = await night("--admin-password-file", join(folder, "no-such-file"));
  expect(exitCode).toBe(2);
  expect(figure(families, "exit_code")).toBe(2);
  expect(outcomes(families)).toEqual({});
  expect((await status()).seen.runs).toMatchObject([{ state: "ended", exitCode: 2 }]);
  expect(await readdir(backups)).toEqual(before);
});

test("a second run at the same time touches nothing", async () => {
  const owner = { pid: 1, host: "here", isAlive: () => true };
  const unlock = await takeLock(nightLock({ folder: backups }), owner, Date.now());
  const before = await readFile(figures, "utf8");
  const { exitCode, text } = await night();
  expect({ exitCode, text }).toEqual({ exitCode: 11, text: before });
  await unlock();
});

test("what has not been renewed for long is named, and an old snapshot in which nothing has changed is not", async () => {
  const [, second] = accounts as [FleetAccount, FleetAccount];
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3 * 86_400_000 });
  try {
    expect(await status("--older-than", "2d")).toMatchObject({ exitCode: 6, seen: { notRenewed: { count: 3 } } });
    now.refused = second.did;
    expect((await night()).exitCode).toBe(6);
    const { exitCode, seen } = await status("--older-than", "2d");
    expect(exitCode).toBe(6);
    expect(seen.notRenewed).toMatchObject({ count: 1, archives: [{ did: second.did, at: iso(since) }] });
    expect(seen.runs).toMatchObject([{ state: "ended", exitCode: 6, behind: 1 }]);
    now.refused = "";
    expect((await night()).exitCode).toBe(0);
    expect(await status("--older-than", "2d")).toMatchObject({ exitCode: 0, seen: { notRenewed: { count: 0 } } });
  } finally {
    vi.useRealTimers();
  }
});

test("an address that gives no list, as a wrong one, takes nothing from what is noted of another server", async () => {
  const file = join(backups, "last-run.json");
  const before = await readFile(file, "utf8");
  now.lists = false;
  const wrong = await night("--pds", server.origin.replace("127.0.0.1", "localhost"));
  now.lists = true;
  expect(wrong.exitCode).toBe(5);
  expect(await readFile(file, "utf8")).toBe(before);
});

test("a run that was killed has not said how it ended", async () => {
  const file = join(backups, "last-run.json");
  const { endedAt: _, ...begun } = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  await writeFile(file, JSON.stringify(begun));
  expect((await status()).seen.runs).toMatchObject([{ state: "killed" }]);
  const owner = { pid: 1, host: "elsewhere", isAlive: () => true };
  const unlock = await takeLock(nightLock({ folder: backups }), owner, Date.now());
  expect((await status()).seen.runs).toMatchObject([{ state: "running" }]);
  await unlock();
  await writeFile(file, "{");
  expect((await status()).seen.runs).toEqual([]);
});

test("figures of a folder", async () => {
  const path = join(folder, "archives.prom");
  const { exitCode } = await run(["archive", "status", backups, "--on-disk", "--metrics-file", path]);
  expect(exitCode).toBe(0);
  const families = readExposition(await readFile(path, "utf8"));
  const one = (name: string, labels = ""): number | undefined =>
    families.get(`decamp_archive_${name}`)?.samples.get(labels);
  expect(one("archives", 'state="complete"')).toBe(3);
  expect(one("records")).toBe(7);
  expect(one("disk_bytes")).toBeGreaterThan(one("content_bytes") ?? Infinity);
  expect((await stat(path)).mode & 0o777).toBe(0o644);
});

const result = ({ stdout }: Ran): unknown => JSON.parse(stdout.trim().split("\n").at(-1) ?? "");

test("a list that lacks much at once is no good night, until three days have passed; those that left one by one are", async () => {
  const memory = join(backups, "night.json");
  now.isShort = true;
  try {
    for (const _ of ["the first night", "the next one"]) {
      const short = await night();
      expect(short.exitCode).toBe(6);
      expect(outcomes(short.families)).toEqual({ inactive: 1, taken_down: 1, gone: 3 });
      expect(figure(short.families, "missed_accounts")).toBe(3);
      expect(result(short)).toMatchObject({ ok: false, missed: { count: 3, of: 3, much: true } });
    }
    const where = ["--plc-url", server.origin, "--allow-private-hosts", "--state-dir", join(folder, "state")];
    const person = await run(["export", "--all", "--pds", server.origin, "-o", backups, ...where, "--quiet"]);
    expect(person.exitCode).toBe(6);
    const day = new Date().toISOString().slice(0, 10);
    expect(person.stdout).toContain(
      `Much of the list is gone: of 3 accounts with an archive the list lacks 3, first noted on ${day}.`,
    );
    const known = JSON.parse(await readFile(memory, "utf8")) as { gone: Record<string, number> };
    const noted = Object.entries(known.gone).map(([did], at) => [did, Date.now() - (at < 2 ? 73 : 71) * 3_600_000]);
    await writeFile(memory, JSON.stringify({ ...known, gone: Object.fromEntries(noted) as object }));
    const later = await night();
    expect(later.exitCode).toBe(0);
    expect(figure(later.families, "missed_accounts")).toBe(1);
    expect(result(later)).toMatchObject({ ok: true, missed: { count: 1, of: 1, much: false } });
  } finally {
    now.isShort = false;
  }
  const back = await night();
  expect({ exitCode: back.exitCode, missed: figure(back.families, "missed_accounts") }).toEqual({
    exitCode: 0,
    missed: 0,
  });
  expect(result(back)).not.toHaveProperty("missed");
});

test("a list that names an older commit than was there before the run is old, and what it calls unchanged may not be", async () => {
  now.old = { head: accounts[1]!.commit, rev: tid(testNow * 1000 - 1) };
  try {
    const { exitCode, ...ran } = await night();
    expect(result({ exitCode, ...ran })).toMatchObject({ ok: false, listedOld: 1, accounts: { unchanged: 3 } });
    expect(exitCode).toBe(6);
    // Each account was asked for.
    const whole = await night("--recheck");
    expect({ exitCode: whole.exitCode, old: result(whole) }).not.toHaveProperty("old.listedOld");
    expect(whole.exitCode).toBe(0);
  } finally {
    now.old = {};
  }
});

test("what has changed while the run went on says nothing of the list", () => {
  const begun = Date.UTC(2026, 0, 1);
  const rev = (seconds: number): string => tid((begun + seconds * 1000) * 1000);
  const old = (stated: object, seconds: number): boolean =>
    isListedOld({ did: "did:plc:x", ...stated }, { commit: "new", rev: rev(seconds) }, begun);
  const stated = { head: "old", rev: rev(-9000) };
  expect([old(stated, -301), old(stated, -299), old(stated, 1)]).toEqual([true, false, false]);
  // One that is as new, one that says nothing, and a server that has an older one than it lists.
  expect([old({ ...stated, head: "new" }, -301), old({}, -301), old({ ...stated, rev: rev(0) }, -301)]).toEqual([
    false,
    false,
    false,
  ]);
});

test.each([
  [2, 2, false],
  [3, 3, true],
  [3, 6, false],
  [9, 18, false],
  [9, 17, true],
  [10, 100, false],
  [10, 99, true],
  [10_000, 100_000, false],
  [10_001, 100_000, true],
])("%i of %i accounts with an archive are missed: %s", (count, of, isMuch) => {
  expect(isMuchMissed({ count, of, since: 0 })).toBe(isMuch);
});
