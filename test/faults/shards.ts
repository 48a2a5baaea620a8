/**
 * Nights in which the parts of deploy/kubernetes/export.yaml are killed, and started again as the Job's controller does
 * it: by the exit code, and so often as is allowed. What the pods run is the Job's own command line.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { cp, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { shardOf } from "../../src/archive/state/shard.ts";
import { startFleet, type FleetServer } from "../bench/start-fleet.ts";
import { integer, seededRandom, type Random } from "../network/random.ts";
import { runDecamp } from "../network/run-decamp.ts";
import { commandOfIndex, exportJob, judge } from "../tools/indexed-job.ts";
import type { Breakage } from "./break-files.ts";
import { filesIn, wrongIn } from "./stored-archive.ts";

const breakFiles = new URL("break-files.ts", import.meta.url);
const bin = fileURLToPath(new URL("../../bin/decamp.js", import.meta.url));
const job = exportJob();

export interface ShardsOptions {
  readonly accounts: number;
  /** so many parts are killed in each night */
  readonly killed: number;
  readonly seed: number;
  /** each pod in namespaces of its own, with a name of its own, as in a container: nobody sees whether it lives */
  readonly contained: boolean;
}

export interface Shards {
  deaths: number;
  /** what was not as it has to be */
  flaws: string[];
}

/** Why pods cannot be contained here; empty where they can. */
export const whyNotContained: string =
  spawnSync("sh", ["-c", "unshare --mount --pid --fork --mount-proc --uts hostname pod"]).status === 0
    ? ""
    : "there are no namespaces for it here";

interface Bed extends ShardsOptions {
  readonly server: FleetServer;
  readonly archives: string;
  readonly state: string;
  readonly random: Random;
  readonly shards: Shards;
}

/** A first night, one after some accounts have changed, and a prune: all of them killed, and gone on with. */
export async function killShards(options: ShardsOptions): Promise<Shards> {
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-shards-"));
  // Few on a page, so that a list has several; and slow enough that all parts work at once.
  const server = await startFleet(options.accounts, 2, 3, 5);
  const bed = bedIn(folder, server, options);
  const { shards } = bed;
  try {
    await night(bed, "first night", options.killed);
    const before = await snapshots(bed);
    expectSame(shards, "snapshots of an account", new Set(before.values()), new Set([1]));
    expectSame(shards, "archives", new Set(before.keys()), new Set(await listed(server)));
    const changed = Math.ceil(options.accounts / 3);
    await server.control(`change?count=${changed}`);
    await night(bed, "second night", options.killed);
    const after = [...(await snapshots(bed)).values()];
    expectSame(shards, "snapshots", [after.filter((one) => one === 2).length, Math.max(...after)], [changed, 2]);
    if (options.contained) {
      // Of a pod that died while it took a lock nobody can see that it is dead: what it has left there goes in the next
      // night, and a prune of that same minute would find the lock held.
      for (let index = 0; index < job.completions; index += 1) {
        passTime(bed.archives, index, 86_400);
      }
      await night(bed, "third night", 0);
    }
    await prune(bed);
    await expectWhole(bed, "in the end");
    return shards;
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A line of each archive. */
function linesOf(counts: ReadonlyMap<string, number>): string[] {
  return [...counts].map((pair) => pair.join(": ")).sort();
}

function bedIn(folder: string, server: FleetServer, options: ShardsOptions): Bed {
  return {
    ...options,
    server,
    archives: path.join(folder, "archives"),
    state: path.join(folder, "state"),
    random: seededRandom(options.seed),
    shards: { deaths: 0, flaws: [] },
  };
}

/**
 * A night that is killed at each of its operations on files, each time from the same beginning: of a few accounts one
 * is new, one has something new, one lacks a blob on the disk, and one is as it was. And a prune.
 */
export async function killEverywhere(how: Breakage["how"]): Promise<Shards> {
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-everywhere-"));
  const server = await startFleet(4, 2, 0, 3);
  const bed = bedIn(folder, server, { accounts: 4, killed: 1, seed: 1, contained: false });
  const { archives, state, shards } = bed;
  const base = path.join(folder, "base");
  const where = ["--state-dir", state, "--plc-url", server.directory, "--allow-private-hosts", "--no-input"];
  const exported = ["export", "--all", "--pds", server.server, "--output", archives, "--quiet", ...where];
  const pruned = ["archive", "prune", archives, "--keep", "1", "--no-input", "--state-dir", state];
  try {
    expectSame(shards, "the night before", (await runDecamp(exported)).code, 0);
    const [first = "", second = ""] = await listed(server);
    await rm(path.join(archives, first), { recursive: true });
    const blob = (await filesIn(path.join(archives, second))).find((name) => name.startsWith("blobs/")) ?? "";
    await rm(path.join(archives, second, blob));
    await server.control("change?count=2");
    await rename(archives, base);
    for (const [what, args] of Object.entries({ night: exported, prune: pruned })) {
      const log = path.join(folder, `${what}.log`);
      const run = async (nth: number): Promise<number | null> => {
        const breaks: Breakage = { path: archives, nth, how: nth === 0 ? "nothing" : how, removals: true, log };
        return (await runDecamp(args, { preload: breakFiles, env: { DECAMP_BREAK: JSON.stringify(breaks) } })).code;
      };
      await cp(base, archives, { recursive: true });
      expectSame(shards, what, await run(0), 0);
      const operations = readFileSync(log, "utf8").trim().split("\n");
      const whole = await snapshots(bed);
      for (const [index, operation] of operations.entries()) {
        const at = `${what}, ${how} ${index + 1}: ${operation}`;
        await rm(archives, { recursive: true });
        await cp(base, archives, { recursive: true });
        shards.deaths += (await run(index + 1)) === null ? 1 : 0;
        // With the blob that was removed by hand, of which a manifest speaks.
        const wrong = (await wrongInAll(archives)).filter((flaw) => !flaw.includes("is in the manifest"));
        const { code, stderr } = await runDecamp(args);
        expectSame(shards, at, { wrong, code, stderr }, { wrong: [], code: 0, stderr: "" });
        expectSame(shards, at, linesOf(await snapshots(bed)), linesOf(whole));
        await expectWhole(bed, at);
      }
      // The prune begins with what the night has left.
      await rm(base, { recursive: true });
      await rename(archives, base);
    }
    return shards;
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function expectSame(shards: Shards, what: string, found: unknown, wanted: unknown): void {
  const [one, other] = [found, wanted].map((value) =>
    JSON.stringify(value instanceof Set ? [...(value as Set<string | number>)].map(String).sort() : value),
  );
  if (one !== other) {
    shards.flaws.push(`${what}: ${one}, and not ${other}`);
  }
}

/** DIDs as the server lists them, in the form of a folder's name. */
async function listed({ server }: FleetServer): Promise<string[]> {
  const names: string[] = [];
  for (let cursor: string | undefined = "0"; cursor !== undefined;) {
    const answer = await fetch(`${server}/xrpc/com.atproto.sync.listRepos?cursor=${cursor}`);
    const page = (await answer.json()) as { repos: { did: string }[]; cursor?: string };
    names.push(...page.repos.map(({ did }) => did.replaceAll(":", "-")));
    ({ cursor } = page);
  }
  return names;
}

/** How many snapshots each archive has. */
async function snapshots({ archives }: Bed): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const name of await filesIn(archives)) {
    const [archive = "", , , file] = name.split("/");
    if (file === "manifest.json") {
      counts.set(archive, (counts.get(archive) ?? 0) + 1);
    }
  }
  return counts;
}

/** Every part at once, each until its index has succeeded. */
async function night(bed: Bed, what: string, killed: number): Promise<void> {
  const { random, shards } = bed;
  const indexes = Array.from({ length: job.completions }, (_, index) => index);
  const doomed = new Set(indexes.toSorted(() => random() - 0.5).slice(0, killed));
  const points = indexes.map((index) => (doomed.has(index) ? breakage(bed) : undefined));
  const told = await Promise.all(indexes.map(async (index) => succeed(bed, `${what}, ${index}`, index, points[index])));
  const owners = new Map<string, number>();
  told.forEach((dids, index) =>
    dids.forEach((did) => {
      if (owners.has(did)) {
        shards.flaws.push(`${what}: ${did} was exported by the parts ${owners.get(did)} and ${index}`);
      }
      owners.set(did, index);
    }),
  );
  expectSame(shards, `${what}, accounts`, owners.size, bed.accounts);
}

function breakage({ archives, random }: Bed): Breakage {
  const how = (["before", "torn", "after"] as const)[integer(random, 0, 2)] ?? "before";
  return { path: archives, nth: integer(random, 1, 40), how, removals: true };
}

/** The pods of one index. @returns the accounts that they have told of */
async function succeed(
  bed: Bed,
  what: string,
  index: number,
  first: Breakage | undefined,
): Promise<ReadonlySet<string>> {
  const { shards, server, archives, state } = bed;
  const values: Record<string, string> = {
    "https://pds.example.com": server.server,
    "/data/archives": archives,
    "/data/state": state,
  };
  const args = [
    ...commandOfIndex(job, index).map((word) => values[word] ?? word),
    "--plc-url",
    server.directory,
    "--allow-private-hosts",
    "--json",
  ];
  const dids = new Set<string>();
  let counted = 0;
  for (let pod = 0; counted <= job.backoffLimitPerIndex; pod += 1) {
    const { code, stdout, stderr } = await startPod(bed, index, args, pod === 0 ? first : undefined);
    for (const line of stdout.split("\n").filter((text) => text.endsWith("}"))) {
      const { type, did } = JSON.parse(line) as { type: string; did?: string };
      if (type === "account" && did !== undefined) {
        dids.add(did);
      }
    }
    if (code === 0) {
      return dids;
    }
    if (judge(job, code) === "FailIndex") {
      shards.flaws.push(`${what}: exit code ${code} ${stderr} ${stdout.split("\n").at(-2)}`);
      return dids;
    }
    counted += 1;
    if (code === 137) {
      shards.deaths += 1;
      shards.flaws.push(...(await wrongInAll(archives, index)).map((flaw) => `${what}, killed: ${flaw}`));
    } else if (code === 11) {
      // The controller waits longer each time.
      passTime(archives, index, 100);
    }
  }
  shards.flaws.push(`${what}: failed more often than is allowed`);
  return dids;
}

interface Pod {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function startPod(
  { contained }: Bed,
  index: number,
  args: readonly string[],
  breaks: Breakage | undefined,
): Promise<Pod> {
  const env = { ...process.env, ...(breaks === undefined ? {} : { DECAMP_BREAK: JSON.stringify(breaks) }) };
  const command = [process.execPath, ...(breaks === undefined ? [] : ["--import", breakFiles.href]), bin, ...args];
  // The first process of its namespace cannot kill itself: a shell is that.
  const inside = `hostname decamp-export-${index}; "$@"; exit $?`;
  const unshare = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--uts", "sh", "-c", inside, "sh"];
  const words = contained ? [...unshare, ...command] : command;
  const child = spawn("sh", ["-c", '"$@"; exit $?', "sh", ...words], { env, stdio: ["ignore", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => (texts[stream] += text));
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? 137, ...texts };
}

/** Which part has the account of an archive. */
const indexOf = (archive: string): number => shardOf(archive.replaceAll("-", ":"), job.completions);

/** As if so many seconds had passed for what the dead pods of an index hold. */
function passTime(archives: string, index: number, seconds: number): void {
  for (const name of readdirSync(archives, { recursive: true, encoding: "utf8" })) {
    const [top = ""] = name.split(path.sep);
    const isOfIndex = top.startsWith("did-") ? indexOf(top) === index : top.startsWith(`night-${index}-`);
    if (isOfIndex && /(?:^|[/.])lock(?:\.|$)/.test(name)) {
      const file = path.join(archives, name);
      const time = statSync(file).mtimeMs / 1000 - seconds;
      utimesSync(file, time, time);
    }
  }
}

/** @param index of the part whose archives are looked at: those of the others are being written */
async function wrongInAll(archives: string, index?: number): Promise<string[]> {
  // It may have been killed before there was a folder.
  const all = existsSync(archives) ? readdirSync(archives) : [];
  const names = all.filter((name) => name.startsWith("did-") && (index === undefined || indexOf(name) === index));
  const wrong = await Promise.all(
    names.map(async (name) => (await wrongIn(path.join(archives, name))).map((flaw) => `${name}: ${flaw}`)),
  );
  return wrong.flat();
}

/** Only the newest snapshot stays; killed once, and run again. */
async function prune(bed: Bed): Promise<void> {
  const { archives, shards, state } = bed;
  const args = ["archive", "prune", archives, "--keep", "1", "--state-dir", state, "--no-input"];
  const env = { DECAMP_BREAK: JSON.stringify(breakage(bed)) };
  const { signal } = await runDecamp(args, { preload: breakFiles, env });
  shards.deaths += signal === "SIGKILL" ? 1 : 0;
  shards.flaws.push(...(await wrongInAll(archives)).map((flaw) => `prune, killed: ${flaw}`));
  const { code, stdout, stderr } = await runDecamp(args);
  expectSame(shards, "prune", { code, last: code === 0 ? "" : `${stdout}${stderr}` }, { code: 0, last: "" });
  expectSame(shards, "snapshots after prune", new Set((await snapshots(bed)).values()), new Set([1]));
}

/** Everything is proved, and nothing lies there that nobody needs. */
async function expectWhole({ archives, shards }: Bed, when: string): Promise<void> {
  const { code, stdout } = await runDecamp(["verify", archives]);
  expectSame(shards, `${when}, verify`, { code, stdout: code === 0 ? "" : stdout }, { code: 0, stdout: "" });
  // A run that was killed when an archive was complete leaves its lock, and the next one takes none there.
  const known =
    /^(?:did-[^/]+\/(?:lock|decamp\.json|README\.txt|blobs\/..\/\w+|snapshots\/[^/]+\/(?:repo\.car|did\.json|plc-log\.json|manifest\.json))|(?:night|last-run)(?:-\d-of-\d)?\.json)$/;
  expectSame(
    shards,
    "left behind",
    (await filesIn(archives)).filter((name) => !known.test(name)),
    [],
  );
}
