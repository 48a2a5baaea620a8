/**
 * systemd as it runs on a machine, but apart from it: processes, mounts and control groups are in namespaces of their
 * own. Only the network is the same, and the disk, but for `/run`, `/var/lib`, and what is laid over it. Needs root.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";

const program = "/usr/lib/systemd/systemd";

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface OwnSystemd extends AsyncDisposable {
  /** Runs a command of a shell there. */
  readonly run: (command: string) => Promise<Ended>;
  /** What the services have printed: no journal runs there. */
  readonly heard: () => string;
}

/** What is laid over the machine: a path of it → the folder that lies there. */
export interface Laid {
  readonly home: string;
  readonly over?: Readonly<Record<string, string>>;
}

const apart = ["--mount", "--pid", "--fork", "--mount-proc", "--uts", "--ipc", "--kill-child", "--propagation"];
const heard = "/run/heard";
const cgroups = "umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup";

/** Why it cannot be had here; empty where it can. */
export const whyNoSystemd: string = ((): string => {
  if (!existsSync(program)) {
    return "systemd is not installed";
  }
  const tried = spawnSync("unshare", [...apart, "private", "--cgroup", "sh", "-c", cgroups]);
  return tried.status === 0 ? "" : "there are no namespaces for systemd here";
})();

/**
 * @param kind `user` is a user's own manager, with the units below `home`; `system` is the first process of a system,
 *   with the units of `/etc/systemd/system` alone
 */
export async function startSystemd(kind: "user" | "system", { home, over = {} }: Laid): Promise<OwnSystemd> {
  const group = `decamp-${randomBytes(6).toString("hex")}`;
  const script = path.join(home, `${group}.sh`);
  const [manager, ready, units] =
    kind === "user"
      ? [`${program} --user & wait`, "run/user/0/systemd/private", "/run/user/0/systemd/user"]
      : [
          `exec ${program} --system --unit=timers.target --show-status=no`,
          "run/systemd/private",
          "/run/systemd/system",
        ];
  writeFileSync(
    script,
    [
      // As on every system that systemd has started: else nobody sees the credentials that it mounts for a service.
      "mount --make-rshared /",
      "umount /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup",
      "mount -t tmpfs none /run; mkdir -p /run/systemd/system /run/user; mkdir -m 700 /run/user/0",
      "mount -t tmpfs none /var/lib",
      ...Object.entries(over).map(([on, folder]) => `mkdir -p '${on}'; mount --bind '${folder}' '${on}'`),
      `mkdir -p ${units}/service.d`,
      `printf '[Service]\\nStandardOutput=append:${heard}\\nStandardError=append:${heard}\\n' > ${units}/service.d/heard.conf`,
      manager,
    ].join("\n"),
  );
  const env = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LANG: "C.UTF-8",
    HOME: home,
    ...(kind === "user"
      ? { XDG_RUNTIME_DIR: "/run/user/0" }
      : {
          container: "other",
          SYSTEMD_UNIT_PATH: "/etc/systemd/system:/run/systemd/system",
          SYSTEMD_LOG_TARGET: "console",
        }),
  };
  const joined = `${cgroups} && mkdir /sys/fs/cgroup/${group} && echo $$ > /sys/fs/cgroup/${group}/cgroup.procs`;
  const child = spawn(
    "unshare",
    [...apart, "private", "sh", "-c", `${joined} && exec unshare --cgroup sh '${script}'`],
    { env, stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const dispose = async (): Promise<void> => {
    await ended(child);
    spawnSync("unshare", [
      "--mount",
      "--propagation",
      "private",
      "sh",
      "-c",
      `${cgroups} && find /sys/fs/cgroup/${group} -depth -type d -exec rmdir {} +`,
    ]);
  };
  for (let tries = 0; ; tries += 1) {
    const first = firstProcess(child);
    if (first !== undefined && existsSync(path.join("/proc", first, "root", ready))) {
      const inside = ["--target", first, "--mount", "--pid", "--", "sh", "-c"];
      return {
        run: async (command) => {
          const run = spawn("nsenter", [...inside, command], { env, stdio: ["ignore", "pipe", "pipe"] });
          const texts = { stdout: "", stderr: "" };
          for (const name of ["stdout", "stderr"] as const) {
            run[name].setEncoding("utf8").on("data", (text: string) => (texts[name] += text));
          }
          const [code] = (await once(run, "close")) as [number | null];
          return { code, ...texts };
        },
        heard: () => {
          const file = path.join("/proc", first, "root", heard);
          return existsSync(file) ? readFileSync(file, "utf8") : "";
        },
        [Symbol.asyncDispose]: dispose,
      };
    }
    if (child.exitCode !== null || tries > 200) {
      await dispose();
      throw new Error(`systemd does not start: ${said}`);
    }
    await setTimeout(100);
  }
}

/** The first process inside, by its number outside. */
function firstProcess({ pid }: ChildProcess): string | undefined {
  try {
    const [first = ""] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    return first === "" ? undefined : first;
  } catch {
    return undefined;
  }
}

/** Kills all of it: where the first process ends, the others do. */
async function ended(child: ChildProcess): Promise<void> {
  const first = firstProcess(child);
  if (child.exitCode === null && child.signalCode === null) {
    const closed = once(child, "close");
    process.kill(first === undefined ? (child.pid ?? 0) : Number(first), "SIGKILL");
    await closed;
  }
}

/** Units that a system needs to start at all, with nothing in them. */
export function putTargets(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of ["sysinit", "basic", "timers", "shutdown", "network-online", "multi-user", "umount"]) {
    writeFileSync(path.join(folder, `${name}.target`), `[Unit]\nDescription=${name}\n`);
  }
}
