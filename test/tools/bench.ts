/**
 * `npm run bench [-- --quick] [-- --keep]`: the verifier beside its neighbours, each in a process of its own, in turn,
 * several times. Compares medians of CPU time, and writes docs/BENCHMARKS.md. The files that it makes (about 8 GB,
 * under .cache) are removed at the end unless `--keep` is given; `--quick` leaves out the large ones and writes
 * nothing.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { cache, carPath, generate, type Size } from "../bench/generate.ts";
import { aliceDid } from "../repo/tools/account.ts";
import { orders, type Order } from "../repo/tools/build.ts";

const [, , first, name, records] = process.argv;
if (first === "--generate") {
  console.log(await generate({ name: name ?? "", records: Number(records) }));
  process.exit();
}

const quick = process.argv.includes("--quick");
const root = new URL("../../", import.meta.url);

interface Run {
  cpu: number;
  wall: number;
  megabytes: number;
}

interface Series {
  task: string;
  size: Size;
  order: Order;
}

const small: Size = { name: "1k", records: 1000 };
const middle: Size = { name: "100k", records: 100_000 };
const large: Size = { name: "1m", records: 1_000_000 };
const huge: Size = { name: "4m", records: 4_000_000 };

/** Tasks are run as JavaScript, so that none pays for a translation. */
mkdirSync(cache, { recursive: true });
const taskFile = new URL("task.js", cache);
writeFileSync(new URL("package.json", cache), '{"type":"module"}');
const source = readFileSync(new URL(import.meta.resolve("../bench/task.ts")), "utf8");
writeFileSync(taskFile, stripTypeScriptTypes(source));

/** Whole commands, whose cost a module that is loaded before them writes down when they end. */
const usageFile = new URL("usage.json", cache);
const reportFile = new URL("report.js", cache);
writeFileSync(
  reportFile,
  `import { writeFileSync } from "node:fs";
process.on("exit", () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const usage = { cpu: (userCPUTime + systemCPUTime) / 1e6, wall: process.uptime(), megabytes: maxRSS / 1024 };
  writeFileSync(${JSON.stringify(fileURLToPath(usageFile))}, JSON.stringify(usage));
});
`,
);
const emptyFile = new URL("empty.js", cache);
writeFileSync(emptyFile, "");
const commands: Record<string, (car: string, didKey: string) => string[]> = {
  nothing: () => [fileURLToPath(emptyFile)],
  verify: (car, didKey) => [
    fileURLToPath(new URL("bin/decamp.js", root)),
    "verify",
    car,
    "--did",
    aliceDid,
    "--signing-key",
    didKey,
  ],
};

const runs = new Map<string, Run[]>();

function nameOf({ task, size, order }: Series): string {
  return `${task} ${size.name} ${order}`;
}

function runOnce(series: Series, didKey: string): void {
  const { task, size, order } = series;
  const car = fileURLToPath(carPath(size, order));
  const command = commands[task]?.(car, didKey);
  const args =
    command === undefined
      ? ["--max-old-space-size=12000", fileURLToPath(taskFile), task, car, didKey]
      : ["--import", reportFile.href, ...command];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`${nameOf(series)}: ${stderr}`);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the task prints
  const run = JSON.parse(command === undefined ? stdout : readFileSync(usageFile, "utf8")) as Run;
  runs.set(nameOf(series), [...(runs.get(nameOf(series)) ?? []), run]);
  console.error(`${nameOf(series)}: ${run.cpu.toFixed(2)} s, ${Math.round(run.megabytes)} MiB`);
}

/** Runs all series in turn, so many times. */
function rounds(count: number, all: readonly Series[], didKey: string): void {
  for (let i = 0; i < count; i++) {
    for (const series of all) {
      runOnce(series, didKey);
    }
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middleIndex = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middleIndex]! : (sorted[middleIndex - 1]! + sorted[middleIndex]!) / 2;
}

function cpu(task: string, size: Size, order: Order): number {
  return median((runs.get(nameOf({ task, size, order })) ?? []).map((run) => run.cpu));
}

function peak(task: string, size: Size, order: Order): number {
  const bytes = (runs.get(nameOf({ task, size, order })) ?? []).map(({ megabytes }) => megabytes * 1.048576);
  return Math.max(...bytes);
}

execFileSync("npm", ["run", "build"], { cwd: root, stdio: "ignore" });
const sizes = quick ? [small, middle] : [small, middle, large, huge];
let didKey = "";
for (const size of sizes) {
  console.error(`making the account of ${size.records} records`);
  // In a process of its own: what it takes of memory would count as the peak of each process that is started from here.
  const args = ["--max-old-space-size=8000", process.argv[1] ?? "", "--generate", size.name, `${size.records}`];
  didKey = execFileSync(process.execPath, args, { encoding: "utf8" }).trim();
}

rounds(
  9,
  ["nothing", "verify", "empty", "decamp"].map((task) => ({ task, size: small, order: "pds" })),
  didKey,
);
rounds(
  quick ? 2 : 3,
  ["decamp", "reference"].map((task) => ({ task, size: middle, order: "pds" })),
  didKey,
);
if (!quick) {
  const decamp = orders.map((order): Series => ({ task: "decamp", size: large, order }));
  const hash: Series = { task: "hash", size: large, order: "pds" };
  rounds(3, [...decamp, hash, { task: "atcute", size: large, order: "pds" }], didKey);
  rounds(6, [decamp[1]!, hash], didKey);
  rounds(
    3,
    orders.map((order) => ({ task: "decamp", size: huge, order })),
    didKey,
  );
}

interface Bar {
  what: string;
  wanted: string;
  measured: string;
  holds: boolean;
}

function ratio(what: string, wanted: number, measured: number, atLeast: boolean): Bar {
  return {
    what,
    wanted: `${atLeast ? "at least" : "at most"} ${wanted} times`,
    measured: `${measured.toFixed(2)} times`,
    holds: atLeast ? measured >= wanted : measured <= wanted,
  };
}

function memory(what: string, wanted: number, measured: number): Bar {
  return { what, wanted: `at most ${wanted} MB`, measured: `${measured.toFixed(0)} MB`, holds: measured <= wanted };
}

const bars: Bar[] = [
  ratio(
    "CPU of `verifyRepoCar` over ours, 100,000 records",
    25,
    cpu("reference", middle, "pds") / cpu("decamp", middle, "pds"),
    true,
  ),
];
for (const [what, task, without] of [
  ["`decamp verify`", "verify", "nothing"],
  ["the library", "decamp", "empty"],
] as const) {
  const added = (cpu(task, small, "pds") - cpu(without, small, "pds")) * 1000;
  bars.push({
    what: `CPU of ${what} on 1,000 records, over an empty process`,
    wanted: "at most 100 ms",
    measured: `${added.toFixed(0)} ms`,
    holds: added <= 100,
  });
}
if (!quick) {
  const ours = cpu("decamp", large, "pds");
  bars.unshift(
    ratio("CPU of composed @atcute over ours, 1,000,000 records", 8, cpu("atcute", large, "pds") / ours, true),
  );
  bars.push(ratio("our CPU over hashing only, 1,000,000 records", 2.3, ours / cpu("hash", large, "pds"), false));
  for (const size of [large, huge]) {
    bars.push(
      ratio(
        `random over PDS order, CPU, ${size.records} records`,
        2,
        cpu("decamp", size, "random") / cpu("decamp", size, "pds"),
        false,
      ),
    );
    for (const order of orders) {
      const most = order === "random" ? 100 + (110 * size.records) / 1e6 : 100;
      bars.push(memory(`peak memory, ${order}, ${size.records} records`, most, peak("decamp", size, order)));
    }
  }
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

const labels: Record<string, string> = {
  decamp: "decamp, everything",
  hash: "hash of each block only (`crypto.hash`)",
  atcute: "composed of @atcute/car, cid, mst, cbor, crypto",
  reference: "@atproto/repo `verifyRepoCar`",
  empty: "an empty process, of this benchmark",
  nothing: "Node on an empty file",
  verify: "`decamp verify`, the whole command",
};

const measured = [...runs].map(([name, all]) => {
  const [task = "", size = "", order = ""] = name.split(" ");
  const times = all.map((run) => run.cpu).sort((a, b) => a - b);
  const wall = median(all.map((run) => run.wall));
  const most = Math.max(...all.map(({ megabytes }) => megabytes * 1.048576));
  const cells = [times[0]!, median(times), times.at(-1)!].map((time) => time.toFixed(2));
  return [labels[task] ?? task, size, order, `${all.length}`].concat(cells, wall.toFixed(2), most.toFixed(0));
});

function version(name: string): string {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a package.json
  const { version: found } = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, root), "utf8")) as {
    version: string;
  };
  return `${name} ${found}`;
}

const barTable = table(
  ["what", "wanted", "measured", ""],
  bars.map(({ what, wanted, measured: value, holds }) => [what, wanted, value, holds ? "holds" : "**missed**"]),
);
const packages = ["@atproto/repo", "@atcute/car", "@atcute/cid", "@atcute/mst", "@atcute/cbor", "@atcute/crypto"];
const page = `# Benchmarks

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, Node ${process.versions.node},
${packages.map(version).join(", ")}. Other work ran on the same machine: compare ratios, not seconds.

Accounts are generated: 60 % likes, 20 % posts with replies, images and links, the rest reposts and follows; signed with
k256. Block orders: \`pds\` is what the reference server sends (newest first), \`preorder\` what the specification prefers,
\`random\` what a server sends of an account that was once imported. Each run is a process of its own, the series take turns.
CPU is user and system time of the whole process, start included; memory is its peak, in units of 10^6 bytes.

The composed check hashes every block, checks the signature, walks the tree and decodes every record; it does not find
subtrees in the wrong place. \`verifyRepoCar\` checks neither the shape of the tree nor the records (see docs/RULES.md for
what decamp looks for).

## Bars

${barTable}

## Measured

${table(["what", "records", "order", "runs", "CPU s, least", "median", "most", "wall s, median", "peak MB"], measured)}

Files: ${sizes.map((size) => `${size.name} ${(statSync(carPath(size, "pds")).size / 1e6).toFixed(1)} MB`).join(", ")}.
`;
console.log(barTable);
if (!quick) {
  writeFileSync(new URL("docs/BENCHMARKS.md", root), page);
  execFileSync(fileURLToPath(new URL("node_modules/.bin/prettier", root)), ["--write", "docs/BENCHMARKS.md"], {
    cwd: root,
  });
}
if (!process.argv.includes("--keep")) {
  rmSync(cache, { recursive: true, force: true });
}
process.exitCode = bars.every(({ holds }) => holds) ? 0 : 1;
