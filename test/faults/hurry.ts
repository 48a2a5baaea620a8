/**
 * Loaded into decamp before its own code: its waits and its deadlines pass ten times as fast, so that a test of a
 * server that does not answer takes seconds. Nothing else is changed.
 */
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers";
import promises from "node:timers/promises";

const pace = 10;
const { setTimeout: original } = timers;
const delay = promises.setTimeout;
const hurried = (callback: (...args: unknown[]) => void, milliseconds = 0, ...args: unknown[]): NodeJS.Timeout =>
  original(callback, milliseconds / pace, ...args);
globalThis.setTimeout = Object.assign(hurried, original);
timers.setTimeout = globalThis.setTimeout;
promises.setTimeout = (async (milliseconds = 0, value?: unknown, options?: object) =>
  delay(milliseconds / pace, value, options)) as typeof delay;
syncBuiltinESMExports();
