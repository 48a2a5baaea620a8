/**
 * `npm run watch-long [-- ACCOUNTS [DAYS]]`: what a watch of very many accounts takes, 10,000 over 30 days unless
 * given. The days pass on a clock of their own; the requests are real. Ends with 1 when a bar is missed.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { watchLogs } from "../../src/account/watch/watch-logs.ts";
import { DecampError, isDecampError } from "../../src/errors.ts";
import { findCollector, staySmall } from "../../src/cli/collector.ts";
import { openNetwork } from "../../src/services/open-network.ts";
import { collectWith } from "../../src/services/spent-memory.ts";
import { fetchExport } from "../../src/services/servers/plc-export.ts";

// As the command line has it.
collectWith(findCollector);
staySmall();

const startedWith = process.memoryUsage().rss / 1e6;
const accounts = Number(process.argv[2] ?? 10_000);
const days = Number(process.argv[3] ?? 30);
const minute = 60_000;
const day = 24 * 60 * minute;
const mostMegabytes = 110;
const folder = mkdtempSync(path.join(tmpdir(), "decamp-watch-long-"));
const failures: string[] = [];
const hold = (name: string, isKept: boolean, says: string): void => {
  console.log(`${isKept ? "ok    " : "MISSED"} ${name}: ${says}`);
  if (!isKept) {
    failures.push(name);
  }
};

const server = spawn(
  process.execPath,
  [new URL("../bench/export-server.ts", import.meta.url).pathname, String(accounts)],
  {
    stdio: ["ignore", "pipe", "inherit"],
  },
);
try {
  const [first] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
  const url = first.trim();
  const dids = (await (await fetch(`${url}/dids`)).text()).split("\n");
  console.log(`${dids.length} accounts, ${days} days; ${startedWith.toFixed(1)} MB before anything was asked`);
  await passDays(url, dids);
  await runCommand(url, dids);
} finally {
  server.kill();
  rmSync(folder, { recursive: true });
}
process.exitCode = failures.length > 0 ? 1 : 0;

/** The days on a clock of their own. Every few hours somebody changes an identity. */
async function passDays(url: string, dids: readonly string[]): Promise<void> {
  const { http, directory, close } = openNetwork({ plcUrl: url, allowPrivateHosts: true });
  const end = new AbortController();
  const start = Date.UTC(2026, 10, 1);
  const heads = new Map<string, readonly string[]>();
  const lateness: number[] = [];
  const memory: number[] = [];
  const changedAt = new Map<string, number>();
  let now = start;
  let exports = 0;
  let audits = 0;
  let afterFirst = 0;
  let nextChange = start + day / 4;
  let told = 0;
  const services = {
    directories: [
      {
        host: new URL(url).host,
        auditLog: async (did: string, signal: AbortSignal) => {
          audits += 1;
          return directory.auditLog(did, signal);
        },
        exported: async (after: Parameters<typeof fetchExport>[2], signal: AbortSignal) => {
          exports += 1;
          return fetchExport(http, url, after, signal);
        },
        clockOffset: () => 0,
      },
    ],
    ours: async () => ({ keys: [], made: [] }),
    known: (did: string) => heads.get(did) ?? [],
    seen: async () => [],
    save: async (more: ReadonlyMap<string, readonly string[]>) => more.forEach((cids, did) => heads.set(did, cids)),
    tell: async (event: {
      readonly event: string;
      readonly did?: string;
      readonly entry?: { readonly cid: string };
    }) => {
      told += 1;
      lateness.push(now - (changedAt.get(event.entry?.cid ?? "") ?? 0));
    },
    now: () => now,
    random: () => 0.5,
    sleep: async (milliseconds: number) => {
      afterFirst = afterFirst === 0 ? audits : afterFirst;
      const wakes = now + milliseconds;
      if (nextChange <= wakes && nextChange < start + days * day - day / 8) {
        const account = (changedAt.size * 7919) % dids.length;
        const answer = await fetch(`${url}/add?account=${account}&time=${nextChange}`);
        changedAt.set(await answer.text(), nextChange);
        nextChange += day / 4;
      }
      if (Math.floor((wakes - start) / day) > Math.floor((now - start) / day)) {
        memory.push(process.memoryUsage().rss / 1e6);
      }
      now = wakes;
      if (now >= start + days * day) {
        end.abort(new DecampError("interrupted", "over"));
      }
      end.signal.throwIfAborted();
    },
  };
  try {
    await watchLogs(services, { dids, interval: minute, signal: end.signal });
  } catch (error) {
    if (!isDecampError(error, "interrupted")) {
      throw error;
    }
  } finally {
    close();
  }
  const minutes = (now - start) / minute;
  const [early = 0, late = 0] = [memory[0], memory.at(-1)];
  hold("first reading", afterFirst === dids.length, `${afterFirst} requests`);
  hold(
    "requests a minute",
    exports <= minutes + 1,
    `${(exports / minutes).toFixed(3)} (${exports} in ${minutes} minutes)`,
  );
  hold(
    "logs read later",
    audits - afterFirst === changedAt.size,
    `${audits - afterFirst} for ${changedAt.size} changes`,
  );
  hold("told", told === changedAt.size, `${told} of ${changedAt.size}`);
  hold("noticed within one interval", Math.max(...lateness) <= minute, `${Math.max(...lateness) / 1000} s at most`);
  hold("no growth", late <= early * 1.1, `${early.toFixed(1)} MB after a day, ${late.toFixed(1)} MB at the end`);
  hold("memory of the loop", Math.max(...memory) <= mostMegabytes, `${Math.max(...memory).toFixed(1)} MB at most`);
}

/** The command as it is built: its first reading, and a quarter of an hour of its pace is not waited for. */
async function runCommand(url: string, dids: readonly string[]): Promise<void> {
  const bin = new URL("../../bin/decamp.js", import.meta.url).pathname;
  const args = ["plc", "watch", ...dids, "--plc-url", url, "--allow-private-hosts", "--state-dir", folder, "--quiet"];
  const child = spawn(process.execPath, [bin, ...args], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(child, "close");
  const most = await peakOf(child, 240);
  child.kill("SIGINT");
  await ended;
  hold("memory of the command", most <= mostMegabytes, `${most.toFixed(1)} MB at most, in its first four minutes`);
}

/** The most memory that a process has had (megabytes), seen for so many seconds. */
async function peakOf({ pid }: ChildProcess, seconds: number): Promise<number> {
  let most = 0;
  for (let count = 0; count < seconds; count += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const kilobytes = /VmHWM:\s+([0-9]+)/.exec(readFileSync(`/proc/${pid ?? 0}/status`, "utf8"))?.[1];
    most = Math.max(most, (Number(kilobytes) * 1024) / 1e6);
  }
  return most;
}
