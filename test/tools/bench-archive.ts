/**
 * `npm run bench-archive [-- --quick]`: exports, measured against a server in a process of its own that holds every
 * answer back. Writes docs/BENCHMARKS-ARCHIVE.md; `--quick` takes smaller accounts and writes nothing. Needs 12 GB of
 * disk for a while.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ArchiveServer } from "../bench/archive-server.ts";
import { cache } from "../bench/generate.ts";
import { run } from "./run.ts";

const quick = process.argv.includes("--quick");
const latency = 50;
const rounds = quick ? 1 : 3;
/** What takes less than a second is measured more often. */
const shortRounds = quick ? 1 : 9;
const root = new URL("../../", import.meta.url);
const bin = fileURLToPath(new URL("bin/decamp.js", root));
const folder = mkdtempSync(join(tmpdir(), "decamp-bench-archive-"));

interface Cost {
  /** seconds from before the process is started until it is gone, as for `curl` */
  wall: number;
  cpu: number;
  /** 10^6 bytes */
  megabytes: number;
}

interface Bar {
  what: string;
  wanted: string;
  measured: string;
  holds: boolean;
}

/** A module that writes down what the process has cost, when it ends. */
mkdirSync(cache, { recursive: true });
const usageFile = join(folder, "usage.json");
const reportFile = new URL("report.js", cache);
writeFileSync(new URL("package.json", cache), '{"type":"module"}');
writeFileSync(
  reportFile,
  `import { writeFileSync } from "node:fs";
process.on("exit", () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const cost = { cpu: (userCPUTime + systemCPUTime) / 1e6, megabytes: maxRSS * 1024 / 1e6 };
  writeFileSync(process.env.USAGE_FILE, JSON.stringify(cost));
});
`,
);

async function start(...args: readonly (string | number)[]): Promise<ArchiveServer & { stop(): Promise<void> }> {
  const script = fileURLToPath(new URL("../bench/archive-server.ts", import.meta.url));
  const command = ["--max-old-space-size=8000", script, ...args.map(String)];
  const child = spawn(process.execPath, command, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  let text = "";
  child.stdout.setEncoding("utf8");
  for await (const piece of child.stdout) {
    text += String(piece);
    if (text.endsWith("\n")) {
      break;
    }
  }
  return {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the server prints
    ...(JSON.parse(text) as ArchiveServer),
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** Runs the command, which has to succeed, and tells what it has cost. */
function decamp(...args: readonly string[]): Cost & { result: Record<string, unknown> } {
  const command = ["--import", reportFile.href, bin, ...args, "--json", "--no-input"];
  const started = performance.now();
  const { stdout, stderr, status } = spawnSync(process.execPath, command, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, USAGE_FILE: usageFile },
  });
  const wall = (performance.now() - started) / 1000;
  if (status !== 0) {
    throw new Error(`${args.join(" ")}: ${stderr} ${stdout.slice(-2000)}`);
  }
  return {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the module above writes
    ...(JSON.parse(readFileSync(usageFile, "utf8")) as Omit<Cost, "wall">),
    wall,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the last line is the result
    result: JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>,
  };
}

function exportFrom(
  { origin, did }: ArchiveServer,
  archive: string,
  ...more: readonly string[]
): ReturnType<typeof decamp> {
  const where = ["--from", origin, "--plc-url", origin, "--allow-private-hosts", "--state-dir", join(folder, "state")];
  return decamp("export", did, "-o", archive, ...where, ...more);
}

/** The time of `work` in seconds. */
async function timed(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** All blobs, one after another, on one connection: nothing is hashed or kept. */
async function oneAfterAnother({ origin, did, cids }: ArchiveServer): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (const cid of cids) {
    await new Promise<void>((resolve, reject) => {
      get(`${origin}/xrpc/com.atproto.sync.getBlob?did=${did}&cid=${cid}`, { agent }, (answer) => {
        answer.resume().on("end", resolve).on("error", reject);
      }).on("error", reject);
    });
  }
  agent.destroy();
}

/** Proves that it was not fast by leaving something out. */
function prove(archive: string, blobs: number): void {
  const { result } = decamp("verify", archive);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as documented
  const { archive: rest } = result as { archive: { blobs: { checked: number } } };
  if (rest.blobs.checked !== blobs) {
    throw new Error(`${rest.blobs.checked} blobs instead of ${blobs}`);
  }
}

const bars: Bar[] = [];
const rows: string[][] = [];

function row(what: string, costs: readonly Cost[]): void {
  const most = Math.max(...costs.map(({ megabytes }) => megabytes));
  const cells = [median(costs.map(({ wall }) => wall)).toFixed(2), median(costs.map(({ cpu }) => cpu)).toFixed(2)];
  rows.push([what, `${costs.length}`, ...cells, most.toFixed(0)]);
  console.error(rows.at(-1)?.join("  "));
}

function bar(what: string, wanted: string, measured: string, holds: boolean): void {
  bars.push({ what, wanted, measured, holds });
  console.error(`${holds ? "holds " : "MISSED"} ${what}: ${measured} (wanted: ${wanted})`);
}

function memoryBar(what: string, costs: readonly Cost[]): void {
  const most = Math.max(...costs.map(({ megabytes }) => megabytes));
  bar(`peak memory, ${what}`, "under 150 MB", `${most.toFixed(0)} MB`, most < 150);
}

async function smallBlobs(): Promise<void> {
  const count = quick ? 200 : 1000;
  const server = await start("blobs", count, latency, 200_000);
  try {
    const ours: Cost[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const archive = join(folder, "small");
      ours.push(exportFrom(server, archive));
      if (round === 0) {
        prove(archive, count);
      }
      rmSync(archive, { recursive: true });
    }
    const theirs = await timed(async () => oneAfterAnother(server));
    const what = `${count} blobs of 200 kB`;
    row(`export of ${what}`, ours);
    rows.push([`the same blobs, one after another, nothing hashed or kept`, "1", theirs.toFixed(2), "", ""]);
    const ratio = theirs / median(ours.map(({ wall }) => wall));
    bar(`${what}, beside one after another`, "at least 8 times as fast", `${ratio.toFixed(1)} times`, ratio >= 8);
    memoryBar(what, ours);
  } finally {
    await server.stop();
  }
}

async function largeBlobs(): Promise<void> {
  const count = quick ? 20 : 200;
  const server = await start("blobs", count, latency, 50_000_000);
  try {
    const archive = join(folder, "large");
    const cost = exportFrom(server, archive);
    prove(archive, count);
    rmSync(archive, { recursive: true });
    row(`export of ${count} blobs of 50 MB`, [cost]);
    memoryBar(`${count} blobs of 50 MB`, [cost]);
  } finally {
    await server.stop();
  }
}

async function manyRecords(): Promise<void> {
  const count = quick ? 10_000 : 100_000;
  const server = await start("records", count, latency);
  try {
    const ours: Cost[] = [];
    const curls: number[] = [];
    const verifies: Cost[] = [];
    const unchanged: Cost[] = [];
    const { origin, did, didKey } = server;
    const archive = join(folder, "records");
    const car = join(folder, "curl.car");
    for (let round = 0; round < shortRounds; round += 1) {
      rmSync(archive, { recursive: true, force: true });
      ours.push(exportFrom(server, archive));
      curls.push(
        await timed(() =>
          execFileSync("curl", ["-sS", "-o", car, `${origin}/xrpc/com.atproto.sync.getRepo?did=${did}`]),
        ),
      );
      verifies.push(decamp("verify", car, "--did", did, "--signing-key", didKey));
      if (round === 0) {
        prove(archive, 0);
      }
      await ask(`${origin}/requests`);
      const before = look(archive);
      unchanged.push(exportFrom(server, archive));
      const requests = await ask(`${origin}/requests`);
      if (round === 0) {
        bar(`requests for ${count} unchanged records`, "two", `${requests.length}`, requests.length === 2);
        const same = look(archive) === before;
        bar("what an unchanged account writes", "nothing", same ? "nothing" : "something", same);
      }
    }
    row(`export of ${count} records`, ours);
    rows.push(["`curl` of the same CAR", `${shortRounds}`, median(curls).toFixed(2), "", ""]);
    row("`decamp verify` of it", verifies);
    row(`export of ${count} records that have not changed`, unchanged);
    const ratio = median(ours.map(({ wall }) => wall)) / (median(curls) + median(verifies.map(({ wall }) => wall)));
    bar(
      `export of ${count} records, beside curl and decamp verify`,
      "at most 1.3 times the time",
      `${ratio.toFixed(2)} times`,
      ratio <= 1.3,
    );
    const seconds = median(unchanged.map(({ wall }) => wall));
    bar(`${count} unchanged records, start of Node included`, "under 1 s", `${seconds.toFixed(2)} s`, seconds < 1);
  } finally {
    await server.stop();
  }
}

async function ask(url: string): Promise<string[]> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the server answers
  return (await (await fetch(url)).json()) as string[];
}

/** Every file, with what tells whether it was written. */
function look(archive: string): string {
  return readdirSync(archive, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const { mtimeMs, ctimeMs, ino, size } = statSync(join(archive, name));
      return [name, mtimeMs, ctimeMs, ino, size].join(" ");
    })
    .join("\n");
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

execFileSync("npm", ["run", "build"], { cwd: root, stdio: "ignore" });
try {
  const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice("--only=".length);
  for (const [name, work] of Object.entries({ records: manyRecords, small: smallBlobs, large: largeBlobs })) {
    if (only === undefined || only === name) {
      await work();
    }
  }
  const barTable = table(
    ["what", "wanted", "measured", ""],
    bars.map(({ what, wanted, measured, holds }) => [what, wanted, measured, holds ? "holds" : "**missed**"]),
  );
  if (!quick && only === undefined) {
    const page = new URL("docs/BENCHMARKS-ARCHIVE.md", root);
    const text = `# Exports, measured

Written by \`npm run bench-archive\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, Node ${process.versions.node}.
A server in a process of its own on the same machine holds every answer back for ${latency} milliseconds; it is a scripted one, so that
the time is decamp's. Times are those of whole commands, start included; every command runs in a process of its own, and
the archives are proved with \`decamp verify\`. Memory is the peak of the process, in units of 10^6 bytes.

## Bars

${barTable}

## Measured

${table(["what", "runs", "wall s, median", "CPU s, median", "peak MB"], rows)}
`;
    writeFileSync(page, text);
    await run("prettier", ["--write", "--log-level", "warn", fileURLToPath(page)]);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
  rmSync(cache, { recursive: true, force: true });
}
process.exitCode = bars.every(({ holds }) => holds) ? 0 : 1;
