/** What can be typed next, for the shells: commands, flags, what a flag may be, accounts that are known here. */
import { knownAccounts, type KnownAccounts } from "../../services/disk/known-accounts.ts";
import { stateDirectory } from "../../services/defaults.ts";
import { topicNames } from "./asked.ts";
import { table, type CommandWords, type FlagWords, type Value } from "./command-table.ts";

/** What a shell offers. */
export interface Offer {
  /** A word, and what it is, in a few words. */
  readonly words: readonly (readonly [word: string, says: string])[];
  /** What the shell itself finds beside them. */
  readonly others: "none" | "files" | "folders";
}

/**
 * What can be typed in the place of the last word.
 *
 * @param typed the words behind `decamp`, whole
 * @param current what has been typed of the next one; it may be empty
 * @param known the accounts that are offered, asked for only where one can stand
 */
export function complete(typed: readonly string[], current: string, known: () => KnownAccounts): Offer {
  const place = follow(typed.filter((word) => word !== ""));
  const [, flagName = "", equals = "", rest = ""] = /^(--[a-z-]+)(=)(.*)$/s.exec(current) ?? [];
  const flag = place.open ?? (equals === "" ? undefined : findFlag(place, flagName));
  if (flag?.value !== undefined) {
    const lead = place.open === undefined ? `${flagName}=` : "";
    return offerValue(flag.value, known, { lead, begun: place.open === undefined ? rest : current });
  }
  if (current.startsWith("-") && !place.onlyWords) {
    const given = new Set(typed);
    const free = flagsAt(place).filter(({ again, names }) => again === true || !names.some((name) => given.has(name)));
    const words = free.flatMap(({ names: [long = ""], says }) => (long === "" ? [] : [[long, says] as const]));
    return { words: begunWith(current, [...words, ["--help", "show help, with examples"]]), others: "none" };
  }
  const { below, args } = commandAt(place);
  const commands = place.values > 0 ? [] : below.map((word) => [word, saysOf(place, word)] as const);
  if (place.forHelp) {
    const topics = place.name === "" ? topicNames.map((name) => [name.replaceAll(" ", "-"), "a topic"] as const) : [];
    return { words: begunWith(current, [...commands, ...topics]), others: "none" };
  }
  const value = args[place.values] ?? [];
  const { words, others } = offerValue(value, known, { lead: "", begun: current });
  return { words: [...begunWith(current, commands), ...words], others };
}

/** All flags of decamp, with their dashes. */
export function flagNames(): ReadonlySet<string> {
  return new Set(table.flags.flatMap(({ names }) => names));
}

/** Where the words that were typed lead to. */
interface Place {
  /** Name of the command. */
  name: string;
  /** How many arguments have been given. */
  values: number;
  /** A flag whose value comes next. */
  open: FlagWords | undefined;
  /** Whether `--` was given. */
  onlyWords: boolean;
  /** Whether it is the name of a command that `help` is to explain. */
  forHelp: boolean;
}

function follow(words: readonly string[]): Readonly<Place> {
  const place: Place = { name: "", values: 0, open: undefined, onlyWords: false, forHelp: false };
  for (const word of words) {
    if (place.open !== undefined) {
      place.open = undefined;
    } else if (word === "--") {
      place.onlyWords = true;
    } else if (word.startsWith("-") && word !== "-" && !place.onlyWords) {
      const flag = findFlag(place, word);
      place.open = flag?.value === undefined ? undefined : flag;
    } else if (word === "help" && place.name === "" && !place.forHelp) {
      place.forHelp = true;
    } else if (place.values === 0 && commandAt(place).below.includes(word)) {
      place.name = below(place, word);
    } else {
      place.values += 1;
    }
  }
  return place;
}

function below({ name }: Readonly<Place>, word: string): string {
  return name === "" ? word : `${name} ${word}`;
}

function commandAt({ name }: Readonly<Place>): CommandWords {
  return table.commands[name] ?? { says: "", below: [], args: [], flags: [] };
}

function saysOf(place: Readonly<Place>, word: string): string {
  return table.commands[below(place, word)]?.says ?? "";
}

/** The flags of the command, and of those that it stands under: all are taken there. */
function flagsAt({ name }: Readonly<Place>): FlagWords[] {
  const words = name.split(" ");
  const names = [
    ...words.map((_, index) => words.slice(0, words.length - index).join(" ")),
    ...(name === "" ? [] : [""]),
  ];
  return names.flatMap((one) => table.commands[one]?.flags ?? []).flatMap((number) => table.flags[number] ?? []);
}

function findFlag(place: Readonly<Place>, name: string): FlagWords | undefined {
  return flagsAt(place).find(({ names }) => names.includes(name));
}

/** @param lead what stands before the value in the same word, and `begun` how the value begins */
function offerValue(
  value: Value,
  known: () => KnownAccounts,
  { lead, begun }: { readonly lead: string; readonly begun: string },
): Offer {
  const offered = (words: readonly string[], says: string): Offer["words"] =>
    begunWith(
      begun,
      words.map((word) => [word, says]),
    ).map(([word, what]) => [`${lead}${word}`, what]);
  if (typeof value === "object") {
    return { words: offered(value, ""), others: "none" };
  }
  if (value === "file" || value === "folder") {
    return { words: [], others: value === "file" ? "files" : "folders" };
  }
  const { handles, dids } = known();
  // A handle says more than a DID, which is offered once something was typed.
  const accounts = value === "did" ? dids : begun === "" ? handles : [...handles, ...dids];
  return { words: offered(accounts, "known here"), others: value === "account or file" ? "files" : "none" };
}

function begunWith(
  begun: string,
  words: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  return words.filter(([word]) => word.startsWith(begun));
}

/**
 * Answers a shell, as its script asks (`shell-scripts.ts`): `SHELL =CURRENT WORD...`; bash gives its whole line up to
 * the cursor in place of `CURRENT`, and then the letters at which it breaks words.
 *
 * @param configured the folder of the state that the configuration file names, if it does
 * @returns a word a line, with a tab and what it is; the last line is `:none`, `:files` or `:folders`
 */
export function answerShell(
  [shell, current = "", ...more]: readonly string[],
  env: Readonly<NodeJS.ProcessEnv>,
  configured?: unknown,
): string {
  const isBash = shell === "bash";
  const given = current.replace(/^=/, "");
  const [typed, last] = isBash ? lastOf(wordsOf(given).slice(1)) : [more, given];
  const named = stateDirOf(typed) ?? (typeof configured === "string" ? configured : undefined);
  const { words, others } = complete(typed, last, () => knownAccounts(stateDirectory(named, env)));
  // bash replaces only what stands behind the last of its breaks.
  const kept = isBash ? Math.max(-1, ...Array.from(more[0] ?? "", (letter) => last.lastIndexOf(letter))) + 1 : 0;
  const lines = words.map(([word, says]) => (isBash ? word.slice(kept) : says === "" ? word : `${word}\t${says}`));
  return [...lines, `:${others}`, ""].join("\n");
}

function stateDirOf(typed: readonly string[]): string | undefined {
  const at = typed.indexOf("--state-dir");
  const given = at === -1 ? typed.findLast((word) => word.startsWith("--state-dir="))?.slice(12) : typed[at + 1];
  return given === "" ? undefined : given;
}

function lastOf(words: readonly string[]): [readonly string[], string] {
  return [words.slice(0, -1), words.at(-1) ?? ""];
}

/** The words of a line as a shell reads it; the last one is empty where a space ends the line. */
function wordsOf(line: string): string[] {
  const raw = /(?:\\.|"(?:\\.|[^"\\])*"?|'[^']*'?|[^\s\\"'])+|\\$/gs;
  const words = Array.from(line.matchAll(raw), ([word]) =>
    word.replaceAll(
      /\\(.)|"((?:\\.|[^"\\])*)"?|'([^']*)'?/gs,
      (_, one?: string, double?: string, single?: string) => one ?? double?.replaceAll(/\\(.)/gs, "$1") ?? single ?? "",
    ),
  );
  return /(?:^|[^\\])\s$/.test(line) ? [...words, ""] : words;
}
