/**
 * Loaded into a watch before its own code, as plain JavaScript: the days pass on a clock that only its waits move.
 * Every few hours somebody changes an identity. Says in a file, as JSON Lines, when that was, when it was told, and how
 * much memory there was at the end of each day. Nothing else is changed: the requests are real.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { get } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import promises from "node:timers/promises";

const { WATCH_DAYS = "1", WATCH_LOG = "", WATCH_DIRECTORY = "", WATCH_ACCOUNTS = "1" } = process.env;
const day = 24 * 60 * 60_000;
/** What waits for less is no watch that waits for its next round (milliseconds). */
const shortest = 1000;
const realNow = Date.now;
const start = realNow();
const end = start + Number(WATCH_DAYS) * day;
let ahead = 0;
let changes = 0;
let nextChange = start + day / 4;
Date.now = () => realNow() + ahead;
const realElapsed = performance.now.bind(performance);
performance.now = () => realElapsed() + ahead;

const note = (fact: object): void => appendFileSync(WATCH_LOG, `${JSON.stringify(fact)}\n`);

function bytesOf(field: string): number {
  return Number(new RegExp(`${field}:\\s+([0-9]+)`).exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
}

async function change(time: number): Promise<void> {
  const account = (changes * 7919) % Number(WATCH_ACCOUNTS);
  changes += 1;
  const cid = await new Promise<string>((resolve, reject) => {
    get(`${WATCH_DIRECTORY}/add?account=${account}&time=${time}`, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      answer.on("end", () => resolve(text));
    }).on("error", reject);
  });
  note({ changed: cid, at: time });
}

const delay = promises.setTimeout;
promises.setTimeout = (async (milliseconds = 0, value?: unknown, options?: object) => {
  if (milliseconds < shortest) {
    return delay(milliseconds, value, options);
  }
  const now = Date.now();
  const wakes = now + milliseconds;
  // The last ones are told before the end.
  if (nextChange <= wakes && nextChange < end - day / 8) {
    await change(nextChange);
    nextChange += day / 4;
  }
  if (Math.floor((wakes - start) / day) > Math.floor((now - start) / day)) {
    note({ day: Math.floor((wakes - start) / day), rss: bytesOf("VmRSS"), peak: bytesOf("VmHWM") });
  }
  if (wakes >= end) {
    process.kill(process.pid, "SIGINT");
    return delay(day, value, options);
  }
  ahead += milliseconds;
  return value;
}) as typeof delay;
syncBuiltinESMExports();

const { stdout } = process;
const write = stdout.write.bind(stdout);
stdout.write = (piece: string | Uint8Array, ...rest: never[]) => {
  const [, cid] = /"event":"operation".*?"cid":"([a-z2-7]+)"/.exec(String(piece)) ?? [];
  note(cid === undefined ? { said: String(piece).slice(0, 200) } : { told: cid, at: Date.now() });
  return write(piece, ...rest);
};
