/**
 * `npm run bench-start [-- --rounds N]`: the CPU of every kind of start, in turns, beside an empty script. Writes
 * docs/BENCHMARKS-START.md; with `--rounds` it only prints. Needs bash, whose `time` counts milliseconds.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { emptyScript, firstWork, prepareStarts, starts } from "../bench/starts.ts";
import { buildIfStale } from "./dist.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const given = process.argv.indexOf("--rounds");
const rounds = given === -1 ? 41 : Number(process.argv[given + 1]);
const folder = mkdtempSync(path.join(tmpdir(), "decamp-bench-start-"));
const timed = 'TIMEFORMAT="%3U %3S"; time "$@" >/dev/null 2>/dev/null </dev/null; true';

/** Milliseconds of user and system time, the end of the process included. */
function cpuOf(script: string, words: readonly string[]): number {
  const args = ["-c", timed, "bash", process.execPath, script, ...words];
  const env = { PATH: process.env["PATH"], HOME: folder, LC_ALL: "C" };
  const { stderr } = spawnSync("bash", args, { cwd: folder, env, encoding: "utf8" });
  const [user = Number.NaN, system = Number.NaN] = stderr.trim().split(" ").map(Number);
  return (user + system) * 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

if ((await buildIfStale()) !== 0) {
  throw new Error("there is no build to measure");
}
prepareStarts(folder);
const empty: number[] = [];
const series = [...starts, ...firstWork].map((start) => ({ ...start, measured: [] as number[] }));
for (let round = 0; round <= rounds; round++) {
  // The first fills the cache of compiled code, and does not count.
  const keep = (into: number[], value: number): void => void (round > 0 && into.push(value));
  keep(empty, cpuOf(path.join(folder, emptyScript), []));
  for (const { words, measured } of series) {
    keep(measured, cpuOf(path.join(root, "bin/decamp.js"), words.split(" ")));
  }
}
rmSync(folder, { recursive: true });

const base = median(empty);
const rows = series.map(({ words, most, measured }) => {
  const cpu = median(measured);
  const ratio = cpu / base;
  return {
    line: `| \`decamp ${words}\` | ${cpu.toFixed(0)} | ${ratio.toFixed(2)} | ${most} | ${ratio <= most ? "holds" : "**missed**"} |`,
    holds: ratio <= most,
  };
});
const tableOf = (lines: readonly string[]): string =>
  ["| command | CPU, ms | over an empty script | at most | |", "| --- | --- | --- | --- | --- |", ...lines].join("\n");
const begun = rows.slice(0, starts.length);
const startTable = tableOf([`| an empty script | ${base.toFixed(0)} | 1.00 | | |`, ...begun.map(({ line }) => line)]);
const workTable = tableOf(rows.slice(starts.length).map(({ line }) => line));
const missed = rows.filter(({ holds }) => !holds).length;
console.log(`${startTable}\n\n${workTable}`);
if (given === -1) {
  const page = `# What a start costs

Written by \`npm run bench-start\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, Node ${process.versions.node}.
Medians of ${rounds} runs in turns, user and system time of the whole process, its streams leading nowhere. Other work may
have run on the same machine: compare ratios, not milliseconds.

The bar is what a start may cost at most. ${missed === 0 ? "All of these are within it." : `${missed} of these ${rows.length} commands miss it.`} What each loads is held by
\`test/house/starts.test.ts\`.

## Starts

A command up to the point where its own work begins, or up to an error about what was typed or is missing.

${startTable}

## First work

A start, and then a small file that is read and proved. The bar is that of a start, and so leaves next to nothing for the work:
Node's code for hashes and signatures alone takes some 0.2 to load.

${workTable}
`;
  writeFileSync(path.join(root, "docs/BENCHMARKS-START.md"), page);
  execFileSync("npx", ["prettier", "--write", "docs/BENCHMARKS-START.md"], { cwd: root });
}
process.exitCode = rows.every(({ holds }) => holds) ? 0 : 1;
