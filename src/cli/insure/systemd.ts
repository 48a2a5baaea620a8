/** An insurance as units of systemd, for the user's own manager (systemd.unit(5), systemd.service(5)). From 250 on. */
import { jobsOf, jobVariable, type Insurance, type Job, type Unit, type Units } from "./jobs.ts";

const folder = "~/.config/systemd/user";

const times: Readonly<Record<Job["id"], { readonly calendar: string; readonly delay: string }>> = {
  export: { calendar: "*-*-* 03:00", delay: "1h" },
  watch: { calendar: "hourly", delay: "30min" },
  check: { calendar: "Sun *-*-* 05:00", delay: "1h" },
};

/** The name of what tells of a job that failed; what failed stands behind the @. */
const notifier = "decamp-notify@.service";

export function systemdUnits(insurance: Insurance): Units {
  const { passwordFile, notifyCommand } = insurance;
  // The copy that systemd makes for the service.
  const jobs = jobsOf(insurance, passwordFile === undefined ? undefined : credential);
  const units = [
    ...jobs.flatMap((job) => [service(job, passwordFile), timer(job)]),
    unit(notifier, [
      "[Unit]",
      "Description=Tells that %i has failed",
      "",
      "[Service]",
      "Type=oneshot",
      ...(notifyCommand === undefined
        ? [`ExecStart=notify-send --urgency=critical decamp "%i has failed. journalctl --user -u %i says why."`]
        : ["Environment=DECAMP_FAILED=%i", `ExecStart=${commandOf(["/bin/sh", "-c", notifyCommand])}`]),
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
  };
}

/** `%d` is a folder that only the service sees. */
const credential = "%d/password";

function service(job: Job, passwordFile: string | undefined): Unit {
  const { id, name, says, commands } = job;
  return unit(`decamp-${name}.service`, [
    "[Unit]",
    `Description=${specifiersOf(says)}`,
    `OnFailure=${notifier.replace("@", "@%n")}`,
    "",
    "[Service]",
    "Type=oneshot",
    `Environment=${jobVariable}=${name}`,
    ...(id === "export" && passwordFile !== undefined ? [`LoadCredential=password:${specifiersOf(passwordFile)}`] : []),
    ...commands.map((words) => `ExecStart=${commandOf(words)}`),
    "TimeoutStartSec=12h",
    "UMask=0077",
    "NoNewPrivileges=yes",
    "Nice=10",
  ]);
}

function timer({ id, name, says }: Job): Unit {
  const { calendar, delay } = times[id];
  return unit(`decamp-${name}.timer`, [
    "[Unit]",
    `Description=${specifiersOf(says)}, again and again`,
    "",
    "[Timer]",
    `OnCalendar=${calendar}`,
    `RandomizedDelaySec=${delay}`,
    "Persistent=true",
    "",
    "[Install]",
    "WantedBy=timers.target",
  ]);
}

function unit(name: string, lines: readonly string[]): Unit {
  return { name, path: `${folder}/${name}`, content: `${lines.join("\n")}\n` };
}

/** A text in which `%` stands for itself. */
function specifiersOf(text: string): string {
  return text.replaceAll("%", "%%");
}

/** A command: in the program's own path `$` is no variable, in all other words it is unless it is doubled. */
function commandOf([program = "", ...words]: readonly string[]): string {
  return [
    quoted(program),
    ...words.map((word) => (word === credential ? word : quoted(word).replaceAll("$", "$$$$"))),
  ].join(" ");
}

function quoted(word: string): string {
  const text = specifiersOf(word);
  // A lone ; would divide two commands.
  return /^[\w@%+=:,./$-]+$/.test(text) && !/^[-@:+]/.test(text.replace(/^--?\w/, ""))
    ? text
    : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
