/**
 * `npm run watch-long [-- ACCOUNTS [DAYS]]`: what a watch of very many accounts takes, 10,000 over 30 days unless
 * given. It is the command as it is built; the days pass on a clock of their own, the requests are real. Only on Linux,
 * which says how much memory there was. Ends with 1 when a bar is missed.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";

const accounts = Number(process.argv[2] ?? 10_000);
const days = Number(process.argv[3] ?? 30);
const minute = 60_000;
const mostMegabytes = 110;
const folder = mkdtempSync(path.join(tmpdir(), "decamp-watch-long-"));
const failures: string[] = [];
const hold = (name: string, isKept: boolean, says: string): void => {
  console.log(`${isKept ? "ok    " : "MISSED"} ${name}: ${says}`);
  if (!isKept) {
    failures.push(name);
  }
};
const exportServer = new URL("../bench/export-server.ts", import.meta.url).pathname;
const passDaysFile = new URL("../bench/pass-days.ts", import.meta.url).pathname;
const bin = new URL("../../bin/decamp.js", import.meta.url).pathname;

/** What the run has noted; see pass-days.ts. */
interface Fact {
  readonly changed?: string;
  readonly told?: string;
  readonly said?: string;
  readonly at?: number;
  readonly rss?: number;
  readonly peak?: number;
}

const idle = "console.log(/VmHWM:\\s+([0-9]+)/.exec(require('fs').readFileSync('/proc/self/status', 'utf8'))[1])";
const empty = (Number(execFileSync(process.execPath, ["-e", idle], { encoding: "utf8" })) * 1024) / 1e6;
const server = spawn(process.execPath, [exportServer, String(accounts)], {
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const [first] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
  await passDays(first.trim());
} finally {
  server.kill();
  rmSync(folder, { recursive: true });
}
process.exitCode = failures.length > 0 ? 1 : 0;

async function passDays(url: string): Promise<void> {
  const dids = (await (await fetch(`${url}/dids`)).text()).split("\n");
  console.log(`${dids.length} accounts, ${days} days; an empty Node.js takes ${empty.toFixed(1)} MB`);
  const log = path.join(folder, "log");
  const preload = path.join(folder, "pass-days.mjs");
  // Node.js reading TypeScript by itself would take another 60 MB of the process that is measured.
  writeFileSync(preload, stripTypeScriptTypes(readFileSync(passDaysFile, "utf8")));
  const watch = ["plc", "watch", ...dids, "--plc-url", url, "--allow-private-hosts", "--state-dir", folder, "--json"];
  const child = spawn(process.execPath, ["--import", preload, bin, ...watch], {
    stdio: ["ignore", "pipe", "ignore"],
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      WATCH_DAYS: String(days),
      WATCH_LOG: log,
      WATCH_DIRECTORY: url,
      WATCH_ACCOUNTS: String(dids.length),
    },
  });
  child.stdout.resume();
  const [code] = (await once(child, "close")) as [number | null];
  const facts = readFileSync(log, "utf8")
    .trim()
    .split("\n")
    .map((line): Fact => JSON.parse(line) as Fact);
  const counts = (await (await fetch(`${url}/counts`)).json()) as { exports: number; audits: number };
  const changedAt = new Map(facts.flatMap(({ changed, at = 0 }) => (changed === undefined ? [] : [[changed, at]])));
  const told = facts.filter((fact) => fact.told !== undefined);
  const lateness = told.map((fact) => (fact.at ?? 0) - (changedAt.get(fact.told ?? "") ?? 0));
  const memory = facts.flatMap(({ rss, peak = 0 }) =>
    rss === undefined ? [] : [{ rss: rss / 1e6, peak: peak / 1e6 }],
  );
  const minutes = days * 24 * 60;
  const late = Math.max(...lateness);
  const [early, last] = [memory[0], memory.at(-1)].map((one) => one?.rss ?? NaN);
  const most = Math.max(...memory.map(({ peak }) => peak));
  hold("end", code === 130 && memory.length === days, `exit code ${code}, ${memory.length} days`);
  hold(
    "requests a minute",
    counts.exports <= minutes + 1,
    `${(counts.exports / minutes).toFixed(3)} (${counts.exports} in ${minutes} minutes)`,
  );
  hold(
    "logs read",
    counts.audits === dids.length + changedAt.size,
    `${counts.audits} for ${dids.length} accounts and ${changedAt.size} changes`,
  );
  hold(
    "told",
    told.length === changedAt.size && new Set(told.map((fact) => fact.told)).size === changedAt.size,
    `${told.length} of ${changedAt.size}`,
  );
  hold(
    "nothing else told",
    facts.every(({ said }) => said === undefined),
    "",
  );
  hold("noticed within one interval", late <= minute, `${late / 1000} s at most`);
  hold(
    "no growth",
    (last ?? NaN) <= (early ?? NaN) * 1.1,
    `${early?.toFixed(1)} MB after a day, ${last?.toFixed(1)} MB at the end`,
  );
  hold("memory", most <= mostMegabytes, `${most.toFixed(1)} MB at most`);
}
