/** This process, as the holder of a lock. */
import { hostname } from "node:os";
import type { LockOwner } from "../services/lock.ts";
import { systemCode } from "../services/system-error.ts";

export function thisProcess(): LockOwner {
  return { pid: process.pid, host: hostname(), isAlive };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}
