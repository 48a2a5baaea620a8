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
 * The same, with the flags of the rotation key that this run was given in the place of `--rotation-key-file FILE`.
 *
 * @param flags none where they are unknown: then `FILE` stays, for the person to fill in
 */
export function withKey(complete: Complete, flags: readonly string[]): Complete {
  return (words) => complete(flags.length === 0 ? words : withKeyWords(words, flags));
}

/** An error whose next command needs a rotation key, with the flags of the key that this run has used, if any. */
export function errorWithKey(error: unknown, flags: readonly string[]): unknown {
  const words = nextWords(error);
  return isDecampError(error) && words !== undefined
    ? withOwnHint(error, ownHint(error), { next: withKeyWords(words, flags) })
    : error;
}

function withKeyWords(words: readonly string[], flags: readonly string[]): readonly string[] {
  const at = words.findIndex((word, index) => word === "FILE" && words[index - 1] === "--rotation-key-file");
  return at < 0 ? words : [...words.slice(0, at - 1), ...flags, ...words.slice(at + 1)];
}

/** The words of the next command that an error names. */
function nextWords(error: unknown): readonly string[] | undefined {
  const words = isDecampError(error) ? error.data["next"] : undefined;
  return Array.isArray(words) && words.length > 0 ? words.map(String) : undefined;
}

/** An error whose data names the words of the next command, with that command complete behind its hint. */
export function withNextCommand(error: unknown, run: RunFlags): unknown {
  const words = nextWords(error);
  if (!isDecampError(error) || words === undefined) {
    return error;
  }
  const next = nextCommand(words, run);
  return withOwnHint(error, `${ownHint(error)}\n  ${next}`, { next });
}
