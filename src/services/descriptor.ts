/** What a descriptor leads to. */
import { fstatSync, statSync } from "node:fs";
import { devNull } from "node:os";
import { ownRules } from "./system-rules.ts";

/**
 * Whether a descriptor may lead to a terminal: to a device that is not the one which swallows everything. Told without
 * Node's code for terminals, which takes its time to load; whether it is one, `isatty` says.
 */
export function mayBeTerminal(fd: number): boolean {
  if (!ownRules.numbersDevices) {
    return true;
  }
  try {
    const stat = fstatSync(fd);
    return stat.isCharacterDevice() && stat.rdev !== statSync(devNull).rdev;
  } catch {
    return false; // it is closed
  }
}
