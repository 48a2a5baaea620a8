/** A command for a person to type next: complete, with every flag that this run needed. */
import { isDecampError, ownHint, withOwnHint } from "../errors.ts";
import { commandLine } from "./command-line.ts";
import { defaultPlcUrl } from "../services/defaults.ts";
import type { GlobalFlags, RawGlobals } from "./globals.ts";

/** What of a run the next one needs, too. */
export interface RunFlags {
  readonly raw: RawGlobals;
  readonly globals: Pick<GlobalFlags, "plcUrl" | "allowPrivateHosts">;
  /** `--archive`, where the command is a migration. */
  readonly archive?: string | undefined;
}

/** Makes a command complete, from the command and its own arguments. */
export type Complete = (words: readonly string[]) => string;

/**
 * @param words the command and its own arguments, as a use case names them
 * @returns one line for a shell
 */
export function nextCommand(words: readonly string[], run: RunFlags): string {
  return commandLine(completeWords(words, run));
}

/** The same, word by word. */
export function completeWords(words: readonly string[], { raw, globals, archive }: RunFlags): string[] {
  return [
    ...words,
    ...(words[0] === "migrate" && archive !== undefined ? ["--archive", archive] : []),
    ...(globals.plcUrl === defaultPlcUrl ? [] : ["--plc-url", globals.plcUrl]),
    ...(globals.allowPrivateHosts ? ["--allow-private-hosts"] : []),
    ...(raw.plain === true ? ["--plain"] : []),
    ...(raw.stateDir === undefined ? [] : ["--state-dir", raw.stateDir]),
    ...(raw.limitRate === undefined ? [] : ["--limit-rate", String(raw.limitRate)]),
    ...(raw.logFile === undefined ? [] : ["--log-file", raw.logFile]),
    ...Object.entries(raw.limit ?? {}).flatMap(([name, value]) => ["--limit", `${name}=${value}`]),
  ];
}

/** The same for whoever does not know the run. */
export function completer(run: RunFlags): Complete {
  return (words) => nextCommand(words, run);
}

/**
 * The same for a run that was given the file of the key that a command asks for. @param path none where it is unknown,
 * or `-`, where it is no file
 */
export function withKeyFile(complete: Complete, given: string | undefined): Complete {
  const path = given === "-" ? undefined : given;
  return (words) =>
    complete(
      words.map((word, index) =>
        word === "FILE" && words[index - 1] === "--rotation-key-file" ? (path ?? word) : word,
      ),
    );
}

/** An error whose next command needs a rotation key, with the flags of the key that this run has used. */
export function withOwnKey(error: unknown, flags: readonly string[]): unknown {
  const words = isDecampError(error) ? error.data["next"] : undefined;
  if (!isDecampError(error) || !Array.isArray(words) || words.at(-2) !== "--rotation-key-file") {
    return error;
  }
  return withOwnHint(error, ownHint(error), { next: [...words.slice(0, -2).map(String), ...flags] });
}

/** An error whose data names the words of the next command, with that command complete behind its hint. */
export function withNextCommand(error: unknown, run: RunFlags): unknown {
  const words = isDecampError(error) ? error.data["next"] : undefined;
  if (!isDecampError(error) || !Array.isArray(words) || words.length === 0) {
    return error;
  }
  const next = nextCommand(words.map(String), run);
  return withOwnHint(error, `${ownHint(error)}\n  ${next}`, { next });
}
