/**
 * Every kind of start: a command up to the point where its own work begins, or up to an error about what was typed or
 * is missing. And first work: a start, and a small file that is read and proved.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const fixtures = fileURLToPath(new URL("../../fixtures", import.meta.url));

export interface Start {
  readonly words: string;
  /** The most CPU that it may take, in that of an empty script. */
  readonly most: number;
  /** The files of `dist` that it loads beside those of every start, without `.js`. */
  readonly files: readonly string[];
  /** The modules of Node.js among `costly` that it loads. */
  readonly modules: readonly string[];
}

/** Modules of Node.js that take their time to load, and that an empty script does not have. */
export const costly: readonly string[] = [
  "child_process",
  "crypto",
  "dns",
  "fs/promises",
  "http",
  "https",
  "inspector",
  "net",
  "perf_hooks",
  "readline",
  "timers/promises",
  "tls",
  "tty",
  "worker_threads",
  "zlib",
];

/** What every start loads. */
export const always: readonly string[] = ["basis", "cli/main"];

const typed = ["program"];
const opened = [...typed, "inputs"];

const start = (words: string, most: number, files: readonly string[], modules: readonly string[] = []): Start => ({
  words,
  most,
  files,
  modules,
});

export const starts: readonly Start[] = [
  start("--version", 1.5, []),
  start("--help", 1.5, ["cli/help/ready-help"]),
  start("help plc add-key", 1.5, ["cli/help/ready-help"]),
  start("help rotation key", 1.5, ["cli/help/topics", "cli/help/ready-help"]),
  start("completion zsh", 1.5, ["cli/help/shell-scripts"]),
  start("__complete zsh = migrate", 1.5, ["cli/help/complete"]),
  start("help bogus", 1.9, ["cli/help/ready-help", "cli/help/explain-word"]),
  start("verify", 1.9, typed),
  start("bogus", 1.9, typed),
  start("export a.test --concurrency many", 1.9, typed),
  start("doctor", 1.9, typed),
  start("export not_a_name", 1.9, [...opened, "core"]),
  start("migrate a.test", 1.9, opened),
  start("migrate status", 1.9, [...opened, "journal"]),
  start("verify missing.car", 1.9, opened),
  start("repo ls missing.car", 1.9, opened),
  start("archive ls empty", 1.9, opened),
  start("plc audit missing.json", 1.9, opened),
  start("key inspect missing.key", 1.9, opened),
];

export const firstWork: readonly Start[] = [
  start("repo ls small.car", 1.9, [...opened, "tree", "core"], ["crypto"]),
  start("verify small.car", 1.9, [...opened, "files", "tree", "core", "proof"], ["crypto"]),
  start("plc audit log.json", 1.9, [...opened, "identity", "core", "log"], ["crypto", "timers/promises"]),
];

/** The name of an empty script, which shows what Node.js costs by itself. */
export const emptyScript = "nothing.mjs";

/** Makes the files that the starts name, and the empty script, in a folder to run them in. */
export function prepareStarts(folder: string): void {
  mkdirSync(path.join(folder, "empty"));
  writeFileSync(path.join(folder, emptyScript), "");
  writeFileSync(path.join(folder, "small.car"), readFileSync(path.join(fixtures, "repo/valid/plain.car")));
  const { log } = JSON.parse(readFileSync(path.join(fixtures, "plc/valid/genesis.json"), "utf8")) as { log: unknown };
  writeFileSync(path.join(folder, "log.json"), JSON.stringify(log));
}
