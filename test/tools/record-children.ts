/**
 * Loaded before a program: writes what every process that it starts gets to see to the file that CHILDREN_LIST names, a
 * line of JSON each: arguments, the environment, and on Linux the command line as everybody on the machine can read it.
 */
import { ChildProcess } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";

const list = process.env["CHILDREN_LIST"] ?? "";
const prototype = ChildProcess.prototype as unknown as {
  spawn: (this: ChildProcess, options: { args?: string[]; envPairs?: string[] }) => unknown;
};
const { spawn } = prototype;
prototype.spawn = function (options) {
  const result = spawn.call(this, options);
  const seen = process.platform === "linux" ? readFileSync(`/proc/${this.pid}/cmdline`, "latin1") : "";
  appendFileSync(list, `${JSON.stringify({ args: options.args, env: options.envPairs, seen })}\n`);
  return result;
};
