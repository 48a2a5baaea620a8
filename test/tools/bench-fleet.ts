/**
 * `npm run bench-fleet [-- --accounts N] [--only first|latency|blobs|nights]`: nights over very many accounts, and
 * their first export, beside their bars. Writes docs/BENCHMARKS-FLEET.md, with `--only` its own lines there, and with
 * `--accounts`, a short form, nothing. Needs 12 GB of disk and 5 GB of memory for a while, and half an hour.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startFleet, type FleetServer } from "../bench/start-fleet.ts";
import type { Usage } from "../bench/usage.ts";
import { run } from "./run.ts";

const { values } = parseArgs({ options: { accounts: { type: "string" }, only: { type: "string" } } });
const isShort = values.accounts !== undefined;
const accounts = Number(values.accounts ?? 20_000);
/** With more accounts the same memory has to do. */
const more = isShort ? 2 * accounts : 100_000;
const newAccounts = Math.min(accounts, 500);
const rounds = isShort ? 1 : 3;
/** Files are most of a first export, and what they cost differs by a third from one minute to the next. */
const firstRounds = isShort ? 1 : 15;
const latency = 50;
/** What happens in the directory in a day, beside these accounts. */
const traffic = accounts;
const root = new URL("../../", import.meta.url);
const bin = fileURLToPath(new URL("bin/decamp.js", root));
const bare = fileURLToPath(new URL("../bench/bare-export.ts", import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), "decamp-bench-fleet-"));

interface Cost extends Usage {
  /** seconds */
  wall: number;
  asked: { server: number; directory: number; export: number };
}

/** Runs a command, which has to succeed, and tells what it has cost. */
async function measure(server: FleetServer, args: readonly string[]): Promise<Cost> {
  await server.control("asked");
  const usageFile = path.join(folder, "usage.json");
  const usage = new URL("../bench/usage.ts", import.meta.url).href;
  const output = openSync(path.join(folder, "output"), "w");
  const started = performance.now();
  const child = spawn(process.execPath, ["--import", usage, ...args], {
    env: { ...process.env, USAGE_FILE: usageFile },
    stdio: ["ignore", output, "inherit"],
  });
  const [code] = (await once(child, "exit")) as [number | null];
  const wall = (performance.now() - started) / 1000;
  closeSync(output);
  if (code !== 0) {
    throw new Error(`${args.join(" ")}: ${code} ${readFileSync(path.join(folder, "output"), "utf8").slice(-2000)}`);
  }
  const asked = await server.control<Cost["asked"]>("asked");
  return { ...(JSON.parse(readFileSync(usageFile, "utf8")) as Usage), wall, asked };
}

async function night(server: FleetServer, to: string, ...flags: readonly string[]): Promise<Cost> {
  const where = ["--pds", server.server, "--plc-url", server.directory, "--allow-private-hosts"];
  const state = ["--state-dir", path.join(folder, "state"), "--no-input"];
  return measure(server, [bin, "export", "--all", "-o", to, "-q", ...where, ...state, ...flags]);
}

/** What the last run has said. */
function said(): string {
  return readFileSync(path.join(folder, "output"), "utf8");
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

const bars: string[][] = [];
const rows: string[][] = [];
let isMissed = false;

function bar(what: string, wanted: string, measured: string, holds: boolean): void {
  isMissed ||= !holds;
  bars.push([what, wanted, measured, holds ? "holds" : "**missed**"]);
  console.error(`${holds ? "holds " : "MISSED"} ${what}: ${measured} (wanted: ${wanted})`);
}

function row(what: string, costs: readonly Cost[]): void {
  const [{ asked } = { asked: { server: 0, directory: 0 } }] = costs;
  rows.push([
    what,
    `${costs.length}`,
    median(costs.map(({ wall }) => wall)).toFixed(2),
    median(costs.map(({ cpu }) => cpu)).toFixed(2),
    Math.max(...costs.map(({ megabytes }) => megabytes)).toFixed(0),
    `${asked.server}`,
    `${asked.directory}`,
  ]);
  console.error(rows.at(-1)?.join("  "));
}

/**
 * First exports, decamp and the bare script in turns. What they write stays until the end: for minutes after very many
 * files were removed, ext4 looks at each of them again for every file and folder that is made, which would be most of
 * what is measured.
 *
 * @returns seconds of CPU for an account, start included
 */
async function firstExports(): Promise<number> {
  const server = await startFleet(newAccounts, 1, 0);
  try {
    const ours: Cost[] = [];
    const theirs: Cost[] = [];
    for (let round = 0; round < firstRounds; round += 1) {
      const to = path.join(folder, `first-${round}`);
      ours.push(await night(server, to));
      if (round === 0) {
        execFileSync(process.execPath, [bin, "verify", to], { stdio: "ignore" });
      }
      theirs.push(await measure(server, [bare, server.server, server.directory, `${to}-bare`, "4"]));
    }
    row(`first export of ${newAccounts} accounts`, ours);
    row("the bare script", theirs);
    const ratio = median(ours.map(({ cpu }) => cpu)) / median(theirs.map(({ cpu }) => cpu));
    const what = "first export of small accounts, beside a bare script";
    bar(what, "at most 1.3 times the CPU", `${ratio.toFixed(2)} times`, ratio <= 1.3);
    return median(ours.map(({ cpu }) => cpu)) / newAccounts;
  } finally {
    await server.stop();
  }
}

/** First exports from a slow server. */
async function atOnce(): Promise<void> {
  const server = await startFleet(newAccounts, 1, latency);
  try {
    const pace: Record<string, number> = {};
    for (const jobs of ["1", "32"]) {
      const cost = await night(server, path.join(folder, `slow-${jobs}`), "--jobs", jobs);
      row(`the same at ${latency} ms, \`--jobs ${jobs}\``, [cost]);
      pace[jobs] = newAccounts / cost.wall;
    }
    const ratio = (pace["32"] ?? 0) / (pace["1"] ?? 1);
    const what = `accounts a second at ${latency} ms, \`--jobs 32\` beside \`--jobs 1\``;
    bar(what, "at least 12 times", `${ratio.toFixed(1)} times`, ratio >= 12);
  } finally {
    await server.stop();
  }
}

/** Nights in which nothing has changed, and one in which one account in a hundred has. */
async function unchanged(count: number, first: number | undefined): Promise<Cost> {
  const server = await startFleet(count, 1, 0);
  const to = path.join(folder, `night-${count}`);
  mkdirSync(to);
  try {
    await server.control(`archives?folder=${encodeURIComponent(to)}`);
    await server.control(`traffic?count=${traffic}`);
    // Nobody has looked at these archives: half of the identities is looked up, then the other half.
    row(`${count} accounts, the first night`, [await night(server, to)]);
    await night(server, to);
    const costs: Cost[] = [];
    for (let round = 0; round < rounds; round += 1) {
      costs.push(await night(server, to));
    }
    row(`${count} accounts, a night`, costs);
    const cpu = median(costs.map((cost) => cost.cpu));
    if (count === accounts) {
      const most = count * 0.0002 + count * 0.000003;
      const requests = Math.max(...costs.map(({ asked }) => asked.server));
      const wanted = Math.max(6, Math.ceil(count / 80));
      bar(
        `${count} unchanged accounts, requests to the server`,
        `at most ${wanted}`,
        `${requests}`,
        requests <= wanted,
      );
      const what = `${count} unchanged accounts with a blob each`;
      bar(what, `at most ${most.toFixed(2)} s of CPU`, `${cpu.toFixed(2)} s`, cpu <= most);
    }
    if (count === accounts && first !== undefined) {
      const changed = Math.floor(count / 100);
      await server.control(`change?count=${changed}`);
      const cost = await night(server, to);
      row(`${count} accounts, ${changed} of them changed`, [cost]);
      const ratio = cost.cpu / (changed * first + cpu);
      const both = "1 % changed, beside a night and 1 % of a first export";
      bar(both, "at most 1.3 times the CPU", `${ratio.toFixed(2)} times`, ratio <= 1.3);
    }
    await night(server, to, "--json");
    const summary = said().trim().split("\n").at(-1) ?? "";
    if (!summary.includes(`"total":${count},"complete":${count},"unchanged":${count},`)) {
      throw new Error(summary);
    }
    if (count === more) {
      await lookOver(server, to, count);
    }
    return { ...costs[0]!, megabytes: Math.max(...costs.map(({ megabytes }) => megabytes)) };
  } finally {
    await server.stop();
    rmSync(to, { recursive: true });
  }
}

/** What looks at all archives of a folder. */
async function lookOver(server: FleetServer, to: string, count: number): Promise<void> {
  for (const words of [
    ["archive", "status"],
    ["archive", "status", "--on-disk"],
    ["archive", "ls"],
    ["archive", "prune", "--keep-daily", "7", "--dry-run"],
    ["verify", "--sample", "1%"],
  ]) {
    row(`\`${words.join(" ")}\` of ${count} archives`, [await measure(server, [bin, ...words, to, "-q"])]);
  }
}

/**
 * Accounts with many blobs. Which ones are in their turn, and have their content proved, follows from their DIDs: so
 * several servers with other accounts, and of so many that one in a hundred is no matter of luck.
 */
async function blobs(): Promise<void> {
  const [count, each] = isShort ? [20, 100] : [1000, 100];
  const costs: Record<number, Cost[]> = { 0: [], [each]: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const [blobsEach, nights] of Object.entries(costs)) {
      const server = await startFleet(count, Number(blobsEach), 0);
      const to = path.join(folder, "blobs");
      mkdirSync(to);
      try {
        await server.control(`archives?folder=${encodeURIComponent(to)}`);
        await night(server, to);
        await night(server, to);
        for (let again = 0; again < 3; again += 1) {
          nights.push(await night(server, to));
        }
      } finally {
        await server.stop();
        rmSync(to, { recursive: true });
      }
    }
  }
  const [without = 0, within = 0] = Object.entries(costs).map(([blobsEach, nights]) => {
    row(`${count} accounts with ${blobsEach} blobs each, a night`, nights);
    return nights.reduce((sum, { cpu }) => sum + cpu, 0) / nights.length;
  });
  const micros = ((within - without) / (count * each)) * 1e6;
  bar("a blob of an unchanged account", "at most 3 µs of CPU", `${micros.toFixed(1)} µs`, micros <= 3);
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Whether a line of a table is the one that was measured anew; in the table of bars what is wanted is the same. */
function isOf(line: string, [what = "", second]: readonly string[]): boolean {
  const [, first, next = ""] = line.split("|").map((cell) => cell.trim());
  return first === what && (next === second || /^[0-9]+$/.test(next));
}

/** The page with the lines that were measured anew in the place of those that say the same. */
function withNew(page: string, lines: readonly (readonly string[])[]): string {
  return page
    .split("\n")
    .map((line) => {
      const own = line.startsWith("|") ? lines.find((one) => isOf(line, one)) : undefined;
      return own === undefined ? line : `| ${own.join(" | ")} |`;
    })
    .join("\n");
}

execFileSync("npm", ["run", "build"], { cwd: root, stdio: "ignore" });
try {
  const { only } = values;
  const first = only === undefined || only === "first" ? await firstExports() : undefined;
  if (only === undefined || only === "latency") {
    await atOnce();
  }
  if (only === undefined || only === "blobs") {
    await blobs();
  }
  if (only === undefined || only === "nights") {
    const few = await unchanged(accounts, first);
    const many = await unchanged(more, undefined);
    const most = Math.max(few.megabytes, many.megabytes);
    bar(`peak memory, ${more} accounts`, "under 150 MB", `${most.toFixed(0)} MB`, most < 150);
    const growth = many.megabytes - few.megabytes;
    bar(`memory from ${accounts} to ${more} accounts`, "at most 15 MB more", `${growth.toFixed(0)} MB`, growth <= 15);
  }
  const page = new URL("docs/BENCHMARKS-FLEET.md", root);
  if (!isShort && only !== undefined) {
    writeFileSync(page, withNew(readFileSync(page, "utf8"), [...bars, ...rows]));
    await run("prettier", ["--write", "--log-level", "warn", fileURLToPath(page)]);
  }
  if (!isShort && only === undefined) {
    const head = ["what", "runs", "wall s, median", "CPU s, median", "peak MB", "to the server", "to the directory"];
    const text = `# Very many accounts, measured

Written by \`npm run bench-fleet\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, Node ${process.versions.node}.
A server and a directory in a process of their own on the same machine, scripted, because a real one does not have so many
accounts on demand; every account has an identity, a signed repository of ten records, and a blob. Costs are those of whole commands, start included, with \`-q\`.
The bare script makes the same requests, files and fsyncs, proves the same with decamp's own library, and knows no failure.
What first exports write is removed at the end: for minutes after many files were removed, ext4 takes ten times as long to make new ones.
The archives of the nights were written by hand as an export writes them. The directory has ${traffic} operations of other identities a day.
Memory is the peak of the process, in units of 10^6 bytes. With \`--only\` a part of it was measured later than the rest.

## Bars

${table(["what", "wanted", "measured", ""], bars)}

## Measured

${table(head, rows)}
`;
    writeFileSync(page, text);
    await run("prettier", ["--write", "--log-level", "warn", fileURLToPath(page)]);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = isMissed ? 1 : 0;
