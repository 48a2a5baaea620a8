/** What an insurance is made of: three jobs, each a few commands. Whatever starts them has its own form for them. */
import { exitCodeOf } from "../../errors.ts";
import { configVariable } from "../../services/config-place.ts";
import type { Scheduler } from "../../services/system-rules.ts";
import { jobVariable } from "../secret-kinds.ts";

/** What is to be insured, and how. Paths are whole, and no value has a control character. */
export interface Insurance {
  /** As it was named: a handle or a DID. */
  readonly account: string;
  readonly archive: string;
  /** What starts decamp: a program, and what stands before decamp's own words. */
  readonly launcher: readonly string[];
  /** Makes decamp's own words complete, with what is the same for all commands. */
  readonly complete: (words: readonly string[]) => readonly string[];
  readonly passwordFile?: string | undefined;
  readonly passwordCommand?: string | undefined;
  readonly notifyCommand?: string | undefined;
  readonly pingCommand?: string | undefined;
  /** The configuration file, if the environment names another one than a timer would find. */
  readonly config?: string | undefined;
  /** That of the watch: one for both would hide that one of them has died. */
  readonly watchPingCommand?: string | undefined;
  /** did:keys of the owner: what they sign is no news for the watch. */
  readonly ownKeys?: readonly string[] | undefined;
}

/** A file of an insurance. */
export interface Unit {
  /** Of the file. */
  readonly name: string;
  /** Where it belongs; `~` is the home of the user. */
  readonly path: string;
  readonly content: string;
}

/** All files, and what installs them: commands to type. */
export interface Units {
  readonly system: Scheduler;
  readonly units: readonly Unit[];
  readonly install: readonly string[];
  /** Where the files belong, if that is a folder; `~` is the home of the user. */
  readonly folder?: string;
  /** What puts files into their places that lie in another folder. */
  readonly place: (folder: string) => readonly string[];
}

/** Something that is done again and again. */
export interface Job {
  readonly id: "export" | "watch" | "check";
  /** The job of this account, in letters that every system takes as the name of a file. */
  readonly name: string;
  /** What it is, for people. */
  readonly says: string;
  /** What the commands find in their environment, beside what the system gives. */
  readonly env: readonly (readonly [name: string, value: string])[];
  /** One after the other; the first that fails ends the job. */
  readonly commands: readonly (readonly string[])[];
  /** With this exit code it has told by itself what it has noticed. */
  readonly hasTold?: number;
  /** The minute of its hour: not the same for everybody. */
  readonly minute: number;
}

/** No file may have a name of more than 255 bytes, and the longest one begins and ends with 35. */
const longest = 200;

/** An account in letters that every system takes as part of the name of a file: what is too long ends with its sum. */
export function shortName(account: string): string {
  const short = account.replaceAll(/[^A-Za-z0-9.-]/g, "-");
  const sum = Array.from(account).reduce((all, letter) => (all * 31 + (letter.codePointAt(0) ?? 0)) >>> 0, 7);
  return short.length <= longest ? short : `${short.slice(0, longest - 9)}-${sum.toString(16).padStart(8, "0")}`;
}

/** What a form does in its own way. */
export interface JobsForm {
  /** The path that the export is given. */
  readonly passwordFile?: string | undefined;
  /** The command that puts a notice on the desktop, where none is named. Nobody need be there to see it. */
  readonly desktop?: string | undefined;
}

/** What is said of a job that has failed, after its name. */
export function failureOf(name: string, why: string): string {
  return `${name} has failed. ${why}`;
}

export function jobsOf(
  insurance: Insurance,
  { passwordFile = insurance.passwordFile, desktop }: JobsForm = {},
): readonly Job[] {
  const { account, archive, launcher, complete, passwordCommand, pingCommand, watchPingCommand, ownKeys, config } =
    insurance;
  // A screen takes nothing: what can still be undone is told again an hour later.
  const shown = desktop === undefined ? undefined : `${desktop} && exit ${exitCodeOf("rate-limited")}`;
  const telling = insurance.notifyCommand ?? shown;
  const command = (...words: string[]): string[] => [...launcher, ...complete(words)];
  const short = shortName(account);
  const minute = Array.from(account, (letter) => letter.charCodeAt(0)).reduce((sum, code) => sum + code, 0) % 60;
  const job = (id: Job["id"], says: string, commands: readonly (readonly string[])[]): Job => ({
    id,
    name: `${id}-${short}`,
    says: `${says} ${account}`,
    env: [[jobVariable, `${id}-${short}`], ...(config === undefined ? [] : [[configVariable, config] as const])],
    commands,
    minute,
  });
  const secret = [
    ...(passwordFile === undefined ? [] : ["--password-file", passwordFile]),
    ...(passwordCommand === undefined ? [] : ["--password-command", passwordCommand]),
  ];
  const ping = pingCommand === undefined ? [] : ["--ping-command", pingCommand];
  const exporting = command("export", account, "--output", archive, ...secret, ...ping, "--no-input", "--quiet");
  const keep = ["--keep-daily", "7", "--keep-weekly", "5", "--keep-monthly", "12"];
  const watching = [
    ...(ownKeys ?? []).flatMap((key) => ["--own-key", key]),
    ...(telling === undefined ? [] : ["--notify-command", telling]),
    ...(watchPingCommand === undefined ? [] : ["--ping-command", watchPingCommand]),
  ];
  const watch = job("watch", "decamp watch over", [command("plc", "watch", account, ...watching, "--once", "--quiet")]);
  return [
    job("export", "decamp export of", [exporting, command("archive", "prune", archive, ...keep, "--quiet")]),
    // Of a did:web there is no log to watch.
    ...(account.startsWith("did:web:")
      ? []
      : [telling === undefined ? watch : { ...watch, hasTold: exitCodeOf("damaged") }]),
    job("check", "decamp check of", [command("doctor", account, "--archive", archive, "--quiet")]),
  ];
}
