/**
 * Reads units of systemd and runs what they run, as it stands there: without a shell, with the environment, the
 * credentials and the specifiers that systemd gives. What keeps a service from doing more than it should is left to
 * `systemd-analyze verify`.
 */
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathOf, type Ended, type Machine } from "./machine.ts";

const units = "/etc/systemd/system";

/** Directives that say when, as whom and within what it is run. Another one than these and those below is a mistake. */
const aside: ReadonlySet<string> = new Set(
  (
    "Description Wants After Type TimeoutStartSec Restart RestartPreventExitStatus RestartSec StartLimitIntervalSec " +
    "StartLimitBurst User DynamicUser StateDirectory StateDirectoryMode UMask ProtectHome " +
    "PrivateDevices CapabilityBoundingSet Nice NoNewPrivileges RestrictAddressFamilies SystemCallArchitectures " +
    "LockPersonality RestrictRealtime RestrictSUIDSGID RestrictNamespaces ProtectKernelTunables ProtectKernelModules " +
    "ProtectKernelLogs ProtectControlGroups ProtectClock ProtectHostname"
  ).split(" "),
);

/** The files of a unit, in the order in which systemd reads them: `decamp-export@alice.example.com.service`. */
function filesOf(machine: Machine, unit: string): string[] {
  const template = unit.replace(/@.*\.(\w+)$/, "@.$1");
  const dropIns = [`${template}.d`, `${unit}.d`].flatMap((folder) => {
    const place = machine.at(path.join(units, folder));
    return exists(place).map((name) => path.join(place, name));
  });
  return [machine.at(path.join(units, template)), ...dropIns];
}

function exists(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/**
 * Runs a service once.
 *
 * @param isRun which of its commands; the others have been run before
 * @returns how each of them ended, up to the first that fails
 */
export async function startService(
  machine: Machine,
  unit: string,
  isRun: (command: string) => boolean,
): Promise<readonly (Ended & { readonly command: string })[]> {
  const instance = /@(.*)\.service$/.exec(unit)?.[1] ?? "";
  const credentials = machine.at("/run/credentials");
  const specifiers: Record<string, string> = { i: instance, S: machine.at("/var/lib"), d: credentials };
  mkdirSync(credentials, { recursive: true });
  const commands: Record<"ExecStart" | "ExecStartPost", string[]> = { ExecStart: [], ExecStartPost: [] };
  for (const line of filesOf(machine, unit).flatMap((file) => readFileSync(file, "utf8").split("\n"))) {
    const [, name = "", value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name === "ExecStart" || name === "ExecStartPost") {
      commands[name] = value === "" ? [] : [...commands[name], value];
    } else if (name === "LoadCredential") {
      const [id = "", from = ""] = value.split(":");
      copyFileSync(from, path.join(credentials, id));
      chmodSync(path.join(credentials, id), 0o400);
    } else if (name === "" ? !/^(?:\[(?:Unit|Service)\]|#.*|)$/.test(line) : !aside.has(name)) {
      throw new Error(`nobody here knows ${line}`);
    }
  }
  if (commands.ExecStart.length !== 1) {
    throw new Error(`the account is exported once, not ${commands.ExecStart.length} times`);
  }
  const env = { LANG: "C.UTF-8", PATH: `${pathOf(machine)}:/usr/sbin:/sbin`, HOME: "/", USER: "decamp" };
  const ended: (Ended & { command: string })[] = [];
  for (const command of [...commands.ExecStart, ...commands.ExecStartPost].filter((one) => isRun(one))) {
    if (/["'\\$;]/.test(command)) {
      throw new Error(`systemd reads more in ${command} than is read here`);
    }
    const words = command.split(" ").map((word) =>
      word.replaceAll(/%(.)/g, (all, letter: string) => {
        const value = specifiers[letter];
        if (value === undefined) {
          throw new Error(`nobody here knows ${all}`);
        }
        return value;
      }),
    );
    const [program = "", ...args] = words;
    ended.push({ command, ...(await machine.run(program, args, { env, cwd: "/" })) });
    if (ended.at(-1)?.code !== 0) {
      break;
    }
  }
  return ended;
}

/** What systemd itself says against units. @returns undefined where it is not installed */
export async function verifyUnits(machine: Machine, names: readonly string[]): Promise<Ended | undefined> {
  const env = { PATH: "/usr/bin:/bin", SYSTEMD_UNIT_PATH: `${machine.at(units)}:` };
  return machine.run("systemd-analyze", ["verify", "--man=no", ...names], { env }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return undefined;
    }
    throw error;
  });
}
