/**
 * Runs a transcript without a shell and without processes: a command line is read here and handed to `main`. So it has
 * to be a plain one: `decamp` and its words, perhaps quoted, with `NAME=VALUE` before it and `< FILE` behind it.
 */
import { readFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import path from "node:path";
import { main } from "../../src/cli/main.ts";
import { captured, type StreamOptions } from "../cli/support/streams.ts";
import { runTranscript, type Manner, type Problem } from "./run.ts";
import type { Transcript } from "./parse.ts";

/** Runs one command. */
type Perform = Manner["shell"];

/**
 * Where a command does not say which files there are, there must be no new ones.
 *
 * @returns what is not as it is written
 */
export async function runInProcess({ setting, sessions }: Transcript): Promise<Problem[]> {
  const before = process.cwd();
  const strict = sessions.map((session) => ({ ...session, files: session.files ?? [] }));
  try {
    const perform = inProcess(setting.terminals ?? []);
    const how = setting.modes === undefined || setting.modes.length === 0 ? perform : unprivileged(perform);
    return await runTranscript({ setting, sessions: strict }, { env: {}, known: asWritten }, { shell: how });
  } finally {
    process.chdir(before);
  }
}

/** What is named in other transcripts stands for itself: `<key>` is how an argument is named. */
const asWritten = Object.fromEntries(["did", "cid", "key", "rev", "text"].map((name) => [name, `<${name}>`]));

function inProcess(terminals: readonly string[]): Perform {
  return async (command, folder, env) => {
    process.chdir(folder);
    const { variables, argv, input } = readLine(command);
    const { parts, stdout, stderr } = captured({
      env: { XDG_STATE_HOME: path.join(folder, "state"), ...onlyOurs(env), ...variables },
      terminals: terminals as NonNullable<StreamOptions["terminals"]>,
      ...(terminals.includes("stdin") ? {} : { input: input === undefined ? "" : readFileSync(input) }),
    });
    const code = await main(argv, parts);
    return { code, stdout: stdout(), stderr: stderr() };
  };
}

/** Modes of files mean nothing to root: who is root is nobody meanwhile. */
function unprivileged(perform: Perform): Perform {
  const isRoot = process.getuid?.() === 0;
  return async (command, folder, env) => {
    await chmod(folder, 0o777);
    if (isRoot) {
      // Nobody gets through the folders that were made for this run alone.
      for (let above = path.dirname(folder); path.basename(above).startsWith("decamp-"); above = path.dirname(above)) {
        await chmod(above, 0o755);
      }
    }
    if (isRoot) {
      process.seteuid?.(65_534);
    }
    try {
      return await perform(command, folder, env);
    } finally {
      if (isRoot) {
        process.seteuid?.(0);
      }
    }
  };
}

/** What the transcript has set, and nothing of this machine's. */
function onlyOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => /^(?:DECAMP_|ATP_|PLC_|NEW_|PATH$|LANG$|NO_COLOR$)/.test(name)),
  );
}

/** The parts of a command line. @throws Error for what only a shell understands */
export function readLine(command: string): {
  readonly variables: NodeJS.ProcessEnv;
  readonly argv: readonly string[];
  readonly input: string | undefined;
} {
  const words = wordsOf(command.replaceAll(/\\\n\s*/g, ""));
  const at = words.indexOf("decamp");
  const variables = words.slice(0, at).map((word) => word.split("=", 2) as [string, string]);
  const behind = words.slice(at + 1);
  const from = behind.at(-2) === "<" ? behind.at(-1) : undefined;
  const argv = from === undefined ? behind : behind.slice(0, -2);
  const isPlain = words.slice(0, at).every((word) => /^[A-Z_]+=/.test(word));
  if (at === -1 || !isPlain || argv.some((word) => /^[|<>&]|;$/.test(word))) {
    throw new Error(`only a shell can run this: ${command}`);
  }
  return { variables: Object.fromEntries(variables), argv, input: from };
}

function wordsOf(line: string): string[] {
  return Array.from(line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g), ([word]) =>
    word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_, one?: string, two?: string) => one ?? two ?? ""),
  );
}
