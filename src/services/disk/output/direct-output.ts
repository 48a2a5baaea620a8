/**
 * A standard output that is written to at once, without Node's code for streams, which takes its time to load: a file,
 * what swallows everything, or a pipe. A terminal and a socket have to be written to in the usual way.
 */
import { constants, fstatSync, openSync, statSync } from "node:fs";
import { devNull } from "node:os";
import { writeAllSync, writeSomeSync } from "../write-whole.ts";
import { ownRules } from "../../system-rules.ts";

/**
 * Writes bytes before anything else happens.
 *
 * @returns those that a pipe does not take now, because it is full: they have to be written in the usual way
 * @throws what the system says when they cannot be written
 */
export type DirectOutput = (bytes: Uint8Array) => Uint8Array;

const none = new Uint8Array();

/** @returns undefined where a descriptor has to be written to in the usual way */
export function openDirectOutput(fd: number): DirectOutput | undefined {
  try {
    const stat = fstatSync(fd);
    if (
      stat.isFile() ||
      (ownRules.numbersDevices && stat.isCharacterDevice() && stat.rdev === statSync(devNull).rdev)
    ) {
      return (bytes) => {
        writeAllSync(fd, bytes);
        return none;
      };
    }
    return stat.isFIFO() && ownRules.hasProc ? toPipe(openSync(`/proc/self/fd/${fd}`, withoutWaiting)) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A pipe may be full, and nobody may ever read from it: that must not stop the process. Whether to wait is a matter of
 * how it was opened, and others may have it so, too: so it is opened once more.
 */
const withoutWaiting = constants.O_WRONLY | constants.O_NONBLOCK;

function toPipe(fd: number): DirectOutput {
  return (bytes) => bytes.subarray(writeSomeSync(fd, bytes));
}
