/**
 * A directory for work on very many accounts: once it has not answered, it is left alone for a while. Else every
 * account would wait for it, one after another, and each would be an error of its own.
 */
import { isDecampError, type DecampError } from "../../errors.ts";
import type { PlcDirectory } from "./plc-directory.ts";

/** So long it is left alone (milliseconds). */
const pause = 60_000;

/** The same directory, and what became of it. */
export interface PatientDirectory extends PlcDirectory {
  /** That it did not answer, the last time that it was asked in vain. Whoever asks meanwhile gets this very error. */
  readonly silence: DecampError | undefined;
}

/** @param now epoch milliseconds, at the moment */
export function withPatience(directory: PlcDirectory, now: () => number): PatientDirectory {
  let silence: DecampError | undefined;
  let until = 0;
  const ask = async <T>(request: () => Promise<T>): Promise<T> => {
    if (silence !== undefined && now() < until) {
      throw silence;
    }
    try {
      return await request();
    } catch (error) {
      if (!isDecampError(error, "unreachable")) {
        throw error;
      }
      // Those that asked at the same time have the same error.
      silence ??= error;
      until = now() + pause;
      throw silence;
    }
  };
  const { origin, limits } = directory;
  return {
    origin,
    ...(limits === undefined ? {} : { limits }),
    auditLog: async (did, signal) => ask(async () => directory.auditLog(did, signal)),
    document: async (did, signal) => ask(async () => directory.document(did, signal)),
    exported: async (after, signal) => ask(async () => directory.exported(after, signal)),
    submit: async (did, operation, signal) => directory.submit(did, operation, signal),
    get silence() {
      return silence;
    },
  };
}
