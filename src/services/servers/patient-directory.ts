/**
 * A directory for work on very many accounts: once it has not answered, it is left alone for a while. Else every
 * account would wait for it, one after another, and each would be an error of its own.
 *
 * - It has not answered where nobody was reached, where something before it says that nobody is there (502, 503, 504),
 *   and where it takes no more requests for now.
 * - Any other failure, such as 500 or a web page, may be about one account. After the third account in a row it is not.
 * - Its list of operations is a large answer of its own: that it is not given says nothing of the rest.
 */
import { isDecampError, type DecampError } from "../../errors.ts";
import type { PlcDirectory } from "./plc-directory.ts";
import { isLostAnswer } from "./refusal.ts";

/** So long it is left alone (milliseconds). */
const pause = 60_000;

/** With failures for so many accounts, and no answer between them, it is the directory that fails. */
const inARow = 3;

/** The same directory, and what became of it. */
export interface PatientDirectory extends PlcDirectory {
  /** That it did not answer, the last time that it was asked in vain. Whoever asks meanwhile gets this very error. */
  readonly silence: DecampError | undefined;
}

/** @param now epoch milliseconds, at the moment */
export function withPatience(directory: PlcDirectory, now: () => number): PatientDirectory {
  let silence: DecampError | undefined;
  let until = 0;
  /** Accounts for which it has failed since it has answered for one. */
  const failed = new Set<string>();
  const isSilent = (error: unknown, did: string): error is DecampError => {
    if (isLostAnswer(error) || isDecampError(error, "rate-limited")) {
      return true;
    }
    if (!isDecampError(error, "server-refused", "bad-answer")) {
      failed.clear();
      return false;
    }
    failed.add(did);
    return failed.size >= inARow;
  };
  const mind = (): void => {
    if (silence !== undefined && now() < until) {
      throw silence;
    }
  };
  const ask = async <T>(did: string, request: () => Promise<T>): Promise<T> => {
    mind();
    try {
      const answer = await request();
      failed.clear();
      return answer;
    } catch (error) {
      if (!isSilent(error, did)) {
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
    auditLog: async (did, signal) => ask(did, async () => directory.auditLog(did, signal)),
    document: async (did, signal) => ask(did, async () => directory.document(did, signal)),
    exported: async (after, signal) => {
      mind();
      return directory.exported(after, signal);
    },
    submit: async (did, operation, signal) => directory.submit(did, operation, signal),
    get silence() {
      return silence;
    },
  };
}
