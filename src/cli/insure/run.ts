/**
 * `decamp insure`: the files of an insurance, and what installs them, on one page. Nothing is asked or installed, and
 * nothing is written unless a folder is named.
 */
import { DecampError } from "../../errors.ts";
import { parseAccount } from "../../identity/names.ts";
import { configVariable, findConfig, isNowhere } from "../../services/config-place.ts";
import { configDirectory, namesState } from "../../services/defaults.ts";
import { isFolder, isNoFolder } from "../../services/disk/hash-file.ts";
import { behindLinks, runsSystemd } from "../../services/lasting-paths.ts";
import { ownRules, type Scheduler } from "../../services/system-rules.ts";
import type { Edge, Invocation } from "../command.ts";
import { requireDidKey } from "../did-key.ts";
import { readGlobals } from "../globals.ts";
import { completeWords } from "../next-command.ts";
import { cronLines } from "./cron.ts";
import type { InsureFlags } from "./declare.ts";
import type { Insurance, Unit, Units } from "./jobs.ts";
import { foreseen } from "./foreseen.ts";
import { findLauncher } from "./launcher.ts";
import { launchdUnits } from "./launchd.ts";
import { putFiles } from "./put-files.ts";
import { systemdUnits } from "./systemd.ts";
import { wholeCommand } from "./written-commands.ts";

const forms: Readonly<Record<Scheduler, (insurance: Insurance) => Units>> = {
  systemd: systemdUnits,
  launchd: launchdUnits,
  cron: cronLines,
};

/** Runs `decamp insure`. */
export async function insureCommand(
  { args: [name = ""], flags, globals: raw }: Invocation<InsureFlags>,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const named = parseAccount(name);
  const account = named.type === "did" ? named.did : named.handle;
  const { output, passwordFile, ownKey, write } = flags;
  if (output === undefined) {
    throw new DecampError("usage", "-o is missing: the archive that the export is to keep.", {
      hint: "Run decamp insure --help to see how it is used.",
    });
  }
  if (passwordFile !== undefined && flags.passwordCommand !== undefined) {
    throw new DecampError("usage", "--password-file and --password-command both name the password: give only one.");
  }
  if (passwordFile === "-") {
    throw new DecampError("usage", "--password-file - reads what is typed, and a timer types nothing.", {
      hint: "Name a file that only you can read.",
    });
  }
  if (output === "-" || (await isNoFolder(output)) || (/\.car$/i.test(output) && !(await isFolder(output)))) {
    throw new DecampError("usage", `${output} is a file, not an archive.`, {
      hint: "Name a folder: the export makes it if there is none.",
      data: { path: output },
    });
  }
  if (write === "-" || (write !== undefined && (await isNoFolder(write)))) {
    throw new DecampError("usage", `--write: ${write} is no folder.`, {
      hint: "Name a folder: it is made if there is none.",
      data: { path: write },
    });
  }
  const own = ownScheduler();
  const system = flags.for ?? own;
  if (system === undefined) {
    throw new DecampError("usage", "This system has neither systemd nor launchd nor cron.", {
      hint: "Name the one of another machine with --for.",
    });
  }
  const { path } = ownRules;
  const whole = (command: string | undefined): string | undefined =>
    command === undefined ? undefined : wholeCommand(command, (one) => path.resolve(one));
  const commands = {
    "--password-command": whole(flags.passwordCommand),
    "--notify-command": whole(flags.notifyCommand),
    "--ping-command": whole(flags.pingCommand),
    "--watch-ping-command": whole(flags.watchPingCommand),
  };
  const notifyCommand = commands["--notify-command"];
  const here = started(terminal.env);
  const launcher = findLauncher(here);
  const { plain: _, logFile, stateDir, ...rest } = raw;
  const lasting = {
    ...rest,
    ...(logFile === undefined ? {} : { logFile: path.resolve(logFile) }),
    // What names the folder here does not hold for what a timer starts.
    ...(stateDir === undefined && !namesState(terminal.env) ? {} : { stateDir: globals.stateDir }),
  };
  const insurance: Insurance = {
    account,
    archive: path.resolve(output),
    launcher: launcher.words,
    complete: (words) => completeWords(words, { raw: lasting, globals }),
    passwordFile: passwordFile === undefined ? undefined : path.resolve(passwordFile),
    passwordCommand: commands["--password-command"],
    notifyCommand,
    pingCommand: commands["--ping-command"],
    config: namedConfig(terminal.env),
    watchPingCommand: commands["--watch-ping-command"],
    ownKeys: ownKey?.map(requireDidKey),
  };
  refuseBroken(insurance);
  const { units, folder, place, ...made } = forms[system](insurance);
  const target = write === undefined ? undefined : path.resolve(write);
  const isInPlace = target !== undefined && target === folder?.replace("~", terminal.env["HOME"] ?? "~");
  const install =
    target === undefined
      ? made.install
      : [...(isInPlace ? [] : place(target)), ...(folder === undefined ? [] : made.install)];
  const warnings = foreseen(
    {
      system,
      isOwn: ownRules.schedulers.includes(system),
      launcher,
      passwordFile: insurance.passwordFile,
      notifyCommand,
      crontab: system === "cron" ? units[0]?.content : undefined,
      commands,
    },
    { env: terminal.env, ...here },
  );
  const written = target === undefined ? undefined : await putFiles(target, units);
  if (globals.json) {
    terminal.out.json({
      type: "result",
      version: 1,
      command: "insure",
      account,
      system,
      archive: insurance.archive,
      units,
      install,
      ...(written === undefined ? {} : { written }),
      warnings,
    });
    return 0;
  }
  const page =
    written === undefined
      ? [
          ...units.flatMap((unit) => [...headOf(unit), unit.content]),
          "# Nothing was installed. Once these are in place, type:",
          ...install,
          "",
        ]
      : [
          ...written.map((at) => `# ${at}`),
          "# These are written, and nothing is installed. For that, type:",
          ...install,
          "",
        ];
  terminal.out.text(page.join("\n"));
  for (const warning of warnings) {
    terminal.err.line({ text: "Warning:", style: "yellow" }, ` ${warning}`);
  }
  return 0;
}

/** What stands above a file: a comment of its own language, where it does not say itself where it belongs. */
function headOf({ path, content }: Unit): readonly string[] {
  return path === "crontab" ? ["# Lines for your crontab:"] : content.startsWith("<?xml") ? [] : [`# ${path}`];
}

/** What starts jobs here; undefined if that is nothing that is known here. */
function ownScheduler(): Scheduler | undefined {
  const [first, second] = ownRules.schedulers;
  return first === "systemd" && !runsSystemd() ? second : first;
}

/** The configuration file where a timer would not find it: it has the home of the user, and none of these variables. */
function namedConfig(env: Readonly<NodeJS.ProcessEnv>): string | undefined {
  const named = env[configVariable] ?? "";
  if (isNowhere(named)) {
    return "/dev/null";
  }
  const found = findConfig(env);
  const usual = configDirectory({ ...env, XDG_CONFIG_HOME: undefined });
  return found === undefined || (!found.isNamed && configDirectory(env) === usual) ? undefined : found.path;
}

function started({ PATH = "" }: Readonly<NodeJS.ProcessEnv>): Parameters<typeof findLauncher>[0] {
  const isOneFile = process.getBuiltinModule("node:sea").isSea();
  return {
    program: process.execPath,
    script: isOneFile ? undefined : process.argv[1],
    folders: PATH.split(ownRules.path.delimiter).filter((folder) => ownRules.path.isAbsolute(folder)),
    follow: behindLinks,
  };
}

/** @throws DecampError `usage` for what no unit can hold: a line in it would become one of the unit's */
function refuseBroken({
  archive,
  launcher,
  passwordFile,
  passwordCommand,
  notifyCommand,
  pingCommand,
  watchPingCommand,
  config,
}: Insurance): void {
  const commands = [passwordCommand, notifyCommand, pingCommand, watchPingCommand];
  const values = [archive, ...launcher, passwordFile, ...commands, config];
  if (values.some((value) => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value ?? ""))) {
    throw new DecampError("usage", "A path or a command has a line end, or a character that is not shown.", {
      hint: "A command of several lines belongs into a file of its own: name that.",
    });
  }
}
