/** This process, as the holder of a lock. */
/* oxlint-disable no-restricted-globals -- whoever holds a lock is a process, and this is all that is known of it here */
import { hostname } from "node:os";
import type { LockOwner } from "./lock.ts";
import { bootOfMachine, spaceOfProcess, startOfProcess } from "../process-stat.ts";
import { systemCode } from "../system-error.ts";

/** Who this process is, to other processes and to later ones. */
export function thisProcess(): LockOwner {
  const { pid } = process;
  return {
    pid,
    host: hostname(),
    started: startOf(pid),
    boot: bootOfMachine(),
    space: spaceOfProcess(),
    isAlive,
  };
}

/** A process of the same number that was started at another time is another one: after a restart, or in a container. */
function isAlive(pid: number, started: string | undefined): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (systemCode(error) !== "EPERM") {
      return false;
    }
  }
  const now = startOf(pid);
  return started === undefined || now === undefined || now === started;
}

function startOf(pid: number): string | undefined {
  return startOfProcess(pid, process.pid);
}
