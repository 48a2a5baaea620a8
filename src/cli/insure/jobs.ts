/** What an insurance is made of: three jobs, each a few commands. Whatever starts them has its own form for them. */
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
  /** The minute of its hour: not the same for everybody. */
  readonly minute: number;
}

/** No file may have a name of more than 255 bytes, and the longest one begins and ends with 35. */
const longest = 200;

/** An account in letters that every system takes as part of the name of a file: what is too long ends with its sum. */
function shortName(account: string): string {
  const short = account.replaceAll(/[^A-Za-z0-9.-]/g, "-");
  const sum = Array.from(account).reduce((all, letter) => (all * 31 + (letter.codePointAt(0) ?? 0)) >>> 0, 7);
  return short.length <= longest ? short : `${short.slice(0, longest - 9)}-${sum.toString(16).padStart(8, "0")}`;
}

/** @param passwordFile the path that the export is given */
export function jobsOf(
  insurance: Insurance,
  passwordFile: string | undefined = insurance.passwordFile,
): readonly Job[] {
  const { account, archive, launcher, complete, passwordCommand, pingCommand, watchPingCommand, ownKeys, config } =
    insurance;
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
    ...(watchPingCommand === undefined ? [] : ["--ping-command", watchPingCommand]),
  ];
  return [
    job("export", "decamp export of", [exporting, command("archive", "prune", archive, ...keep, "--quiet")]),
    // Of a did:web there is no log to watch.
    ...(account.startsWith("did:web:")
      ? []
      : [job("watch", "decamp watch over", [command("plc", "watch", account, ...watching, "--once", "--quiet")])]),
    job("check", "decamp check of", [command("doctor", account, "--archive", archive, "--quiet")]),
  ];
}
