/** What may go wrong later with an insurance, as far as it can be seen on this machine now. */
import type { Scheduler } from "../../services/system-rules.ts";
import type { Launcher } from "./launcher.ts";
import { isLocal } from "./written-commands.ts";

/** What is looked at. */
export interface Here {
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** The path behind all links; undefined where there is nothing. */
  readonly follow: (path: string) => string | undefined;
  /** Folders with programs, as the shell has them. */
  readonly folders: readonly string[];
}

/** What is printed: `isOwn` if it is for this machine, and not for another one that --for names. */
export interface Printed {
  readonly system: Scheduler;
  readonly isOwn: boolean;
  readonly launcher: Launcher;
  readonly passwordFile: string | undefined;
  readonly notifyCommand: string | undefined;
  readonly crontab: string | undefined;
  /** What runs commands of the user's, by their flags. */
  readonly commands: Readonly<Record<string, string | undefined>>;
}

/** Proxies and certificates that decamp takes from the environment. */
const fromEnvironment = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NODE_EXTRA_CA_CERTS"];

/** The longest line that every cron takes, without its five fields. */
const longestLine = 998;

/** @returns sentences */
export function foreseen(printed: Printed, { env, follow, folders }: Here): string[] {
  const { system, isOwn, launcher, passwordFile, notifyCommand, crontab = "", commands } = printed;
  const isMissing = (name: string, more: readonly string[] = []): boolean =>
    isOwn && ![...folders, ...more].some((folder) => follow(`${folder.replace(/\/+$/, "")}/${name}`) !== undefined);
  const variables = isOwn ? fromEnvironment.filter((name) => (env[name] ?? "") !== "") : [];
  const isTold = notifyCommand !== undefined;
  return [
    launcher.passing === undefined
      ? []
      : `${launcher.passing} is likely to be gone after an update of Node.js: run this command again then.`,
    system === "systemd" && !isTold && isMissing("notify-send")
      ? "notify-send is not on this machine, so nothing would tell you of a job that failed: name what does with --notify-command."
      : [],
    system === "cron" && !isTold && isMissing("sendmail", ["/usr/sbin", "/usr/lib"])
      ? "There is no program on this machine that sends mail, so cron cannot mail you what went wrong: name what tells you with --notify-command."
      : [],
    passwordFile === undefined || !isOwn || follow(passwordFile) !== undefined
      ? []
      : `${passwordFile} is not there yet, and the export needs it.`,
    Object.entries(commands).flatMap(([flag, command]) =>
      command === undefined || !isLocal(command)
        ? []
        : `${flag} names a path from the folder in which you are, and a timer starts it in another one: write the whole path.`,
    ),
    variables.length === 0
      ? []
      : `${variables.join(", ")} of this shell ${variables.length === 1 ? "is" : "are"} not known to what a timer starts: set it there, too.`,
    crontab.split("\n").some((line) => line.length > longestLine)
      ? "A line is so long that some crons do not take it: put its command into a file, and name that."
      : [],
  ].flat();
}
