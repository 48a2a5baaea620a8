/** What Linux tells of a process in /proc. Other systems, and what is hidden there, give undefined. */
import { readFileSync } from "node:fs";

/** Whether this process may use its terminal: one in the background is stopped by the system when it tries. */
export function ownsTerminal(): boolean {
  const stat = readStat("self");
  return stat === undefined || stat.group === stat.foregroundGroup;
}

/**
 * When a process was started: which boot of the machine, and the clock ticks since then. With its number it tells it from any
 * other, before and after.
 */
export function startOfProcess(pid: number): string | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const ticks = readStat(pid)?.ticks;
    return ticks === undefined ? undefined : `${boot} ${ticks}`;
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
