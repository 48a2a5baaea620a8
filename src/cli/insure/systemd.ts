/** An insurance as units of systemd, for the user's own manager (systemd.unit(5), systemd.service(5)). From 250 on. */
import { exitCodeOf, type ErrorCode } from "../../errors.ts";
import { failedVariable, noticeVariable } from "../secret-kinds.ts";
import { quoted as forShell } from "./shell-line.ts";
import { failureOf, jobsOf, type Insurance, type Job, type Unit, type Units } from "./jobs.ts";

const folder = "~/.config/systemd/user";

/** When a job begins; and how often at the most in which time, with all further tries. */
interface Times {
  readonly calendar: string;
  readonly delay: string;
  readonly tries: number;
  readonly within: string;
}

/** Of the jobs of an insurance; and of what removes old snapshots, where that is a job of its own. */
const times: Readonly<Record<Job["id"] | "prune", Times>> = {
  export: { calendar: "*-*-* 03:00", delay: "1h", tries: 5, within: "6h" },
  watch: { calendar: "hourly", delay: "30min", tries: 3, within: "55min" },
  prune: { calendar: "*-*-* 10:00", delay: "1h", tries: 5, within: "6h" },
  check: { calendar: "Sun *-*-* 05:00", delay: "1h", tries: 5, within: "6h" },
};

/** What tells of a job that failed; the job stands behind the @. */
const notifier = (job: string): string => `decamp-notify@${job}.service`;

/** What puts a notice on the desktop. */
export const systemdNotice: string = `notify-send --urgency=critical decamp "$${noticeVariable}"`;

export function systemdUnits(insurance: Insurance): Units {
  const { passwordFile, notifyCommand = systemdNotice } = insurance;
  // The copy that systemd makes for the service.
  const secret = passwordFile === undefined ? undefined : credential;
  const jobs = jobsOf(insurance, { passwordFile: secret, desktop: systemdNotice });
  const units = [
    ...jobs.flatMap((job) => {
      const { id, name, says, commands, env, hasTold } = job;
      const credentials = id === "export" && passwordFile !== undefined ? [loadCredential(passwordFile)] : [];
      return [
        unit(`decamp-${name}.service`, [
          "[Unit]",
          `Description=${specifiersOf(says)}`,
          `OnFailure=${notifier(name)}`,
          ...triesOf(id),
          "",
          "[Service]",
          "Type=oneshot",
          ...env.map(([variable, value]) => `Environment=${quoted(`${variable}=${value}`)}`),
          ...credentials,
          ...commands.map((words) => `ExecStart=${commandOf(words)}`),
          ...(hasTold === undefined ? [] : [`SuccessExitStatus=${hasTold}`]),
          ...retrying,
          "UMask=0077",
          "NoNewPrivileges=yes",
          "Nice=10",
        ]),
        unit(`decamp-${name}.timer`, timerLines(id, `${specifiersOf(says)}, again and again`)),
      ];
    }),
    unit(notifier(""), [
      "[Unit]",
      "Description=Tells that %i has failed",
      "",
      "[Service]",
      "Type=oneshot",
      `Environment=${failedVariable}=%i`,
      `Environment="${noticeVariable}=${failureOf("%i", "journalctl --user -u decamp-%i says why.")}"`,
      `ExecStart=${commandOf(["/bin/sh", "-c", notifyCommand])}`,
    ]),
  ];
  const timers = jobs.map(({ name }) => `decamp-${name}.timer`);
  return {
    system: "systemd",
    units,
    install: [
      "systemctl --user daemon-reload",
      `systemctl --user enable --now ${timers.join(" ")}`,
      "loginctl enable-linger",
    ],
    folder,
    place: (from) => [`mkdir -p ${folder}`, `cp ${forShell(from)}/decamp-* ${folder}/`],
  };
}

/** `%d` is a folder that only the service sees. */
export const credential = "%d/password";

/** The copy of a file that only the service sees. */
export function loadCredential(passwordFile: string): string {
  return `LoadCredential=password:${specifiersOf(passwordFile)}`;
}

/** For `[Unit]`: after so many tries a job has failed. */
export function triesOf(id: keyof typeof times): readonly string[] {
  const { tries, within } = times[id];
  return [`StartLimitIntervalSec=${within}`, `StartLimitBurst=${tries}`];
}

/** A bug, or what has no code. */
const unexpected = 1;

/** What another try does not help against: see the table of exit codes in docs/SCRIPTING.md. */
const lasting: readonly ErrorCode[] = ["usage", "damaged", "auth-refused", "incomplete", "input-needed", "refused"];

/** For `[Service]`: a server that does not answer, or no network yet, is no failure. It is tried again. */
export const retrying: readonly string[] = [
  "Restart=on-failure",
  `RestartPreventExitStatus=${[unexpected, ...lasting.map(exitCodeOf)].join(" ")}`,
  "RestartSec=10min",
  "TimeoutStartSec=12h",
];

/** A timer: each job has its own times, and catches up on what it has missed. */
export function timerLines(id: keyof typeof times, says: string): readonly string[] {
  const { calendar, delay } = times[id];
  return [
    "[Unit]",
    `Description=${says}`,
    "",
    "[Timer]",
    `OnCalendar=${calendar}`,
    `RandomizedDelaySec=${delay}`,
    "Persistent=true",
    "",
    "[Install]",
    "WantedBy=timers.target",
  ];
}

function unit(name: string, lines: readonly string[]): Unit {
  return { name, path: `${folder}/${name}`, content: `${lines.join("\n")}\n` };
}

/** A text in which `%` stands for itself. */
function specifiersOf(text: string): string {
  return text.replaceAll("%", "%%");
}

/**
 * A command: in the program's own path `$` is no variable, in all other words it is unless it is doubled.
 *
 * @param meant words in which systemd is to put something in the place of what stands behind a `%`
 */
export function commandOf(
  [program = "", ...words]: readonly string[],
  meant: readonly string[] = [credential],
): string {
  return [
    quoted(program),
    ...words.map((word) => (meant.includes(word) ? word : quoted(word).replaceAll("$", "$$$$"))),
  ].join(" ");
}

function quoted(word: string): string {
  const text = specifiersOf(word);
  // A lone ; would divide two commands.
  return /^[\w@%+=:,./$-]+$/.test(text) && !/^[-@:+]/.test(text.replace(/^--?\w/, ""))
    ? text
    : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
