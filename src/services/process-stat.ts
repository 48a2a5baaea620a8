/** What Linux tells of a process in /proc. Other systems, and what is hidden there, give undefined. */
import { readFileSync, readlinkSync } from "node:fs";

/** Whether this process may use its terminal: one in the background is stopped by the system when it tries. */
export function ownsTerminal(): boolean {
  const stat = readStat("self");
  return stat === undefined || stat.group === stat.foregroundGroup;
}

/** Which run of this machine it is, all its containers included. */
export function bootOfMachine(): string | undefined {
  return tryRead(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
}

/**
 * Which processes are numbered together with this one: those of its container, or of the machine. See
 * pid_namespaces(7).
 */
export function spaceOfProcess(): string | undefined {
  return tryRead(() => readlinkSync("/proc/self/ns/pid"));
}

/**
 * When a process was started: which boot of the machine, and the clock ticks since then. With its number it tells it
 * from any other, before and after.
 *
 * @param self the number of this process: where /proc has another for it, it speaks of other processes
 */
export function startOfProcess(pid: number, self: number): string | undefined {
  const boot = bootOfMachine();
  const isOurs = tryRead(() => readlinkSync("/proc/self")) === String(self);
  const ticks = isOurs ? readStat(pid)?.ticks : undefined;
  return boot === undefined || ticks === undefined ? undefined : `${boot} ${ticks}`;
}

function tryRead(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** The number of the process that started it, or that took its place. */
export function parentOfProcess(pid: number): number | undefined {
  const parent = readStat(pid)?.parent;
  return parent === undefined ? undefined : Number(parent);
}

interface Stat {
  readonly parent: string | undefined;
  readonly group: string | undefined;
  /** Of the processes that may use the terminal. */
  readonly foregroundGroup: string | undefined;
  readonly ticks: string | undefined;
}

function readStat(pid: number | "self"): Stat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Behind the name, which may hold anything. See proc_pid_stat(5); the first one here is its third.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { parent: fields[1], group: fields[2], foregroundGroup: fields[5], ticks: fields[19] };
  } catch {
    return undefined;
  }
}
