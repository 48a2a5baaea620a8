/** The audit log of an account: fetched, verified, and compared with the head that was seen last. */

import { DecampError, isDecampError } from "../errors.ts";
import { proveLog, type VerifiedLog } from "../plc/log.ts";
import { whileItLags } from "./lag.ts";
import type { LogServices } from "./services.ts";

/** A log that was read and verified, and what was read. */
export interface ReadLog {
  readonly log: VerifiedLog;
  /** As the directory sent it. */
  readonly rawLog: unknown;
}

const seenHead = "plc/seen-head";

/** Whether an error says that a log no longer has the head that was seen last. */
export function isHeldBack(error: unknown): boolean {
  return isDecampError(error, "identity-invalid") && error.data["rule"] === seenHead;
}

/**
 * Reads and verifies the audit log of a DID. Its head is remembered; a log that no longer has the head that was seen
 * last is an alarm.
 *
 * @throws DecampError `identity-invalid` for a log that does not verify, and with rule `plc/seen-head` for one that
 *   lost the head that was seen last; `account-not-found`, and what the services throw
 */
export async function readLog(services: LogServices, did: string, signal: AbortSignal): Promise<ReadLog> {
  const { directory, heads, now } = services;
  // The answer takes longer than the disk.
  const [seen, first] = await Promise.all([heads.recall(did), directory.auditLog(did, signal)]);
  let ahead: unknown = first;
  return whileItLags(services, signal, async (last) => {
    const rawLog = ahead ?? (await directory.auditLog(did, signal));
    ahead = undefined;
    const log = await proveLog(did, rawLog, { signal, limits: directory.limits });
    if (seen === undefined || log.entries.some(({ cid }) => cid === seen.cid)) {
      const { cid } = log.head;
      if (cid !== seen?.cid) {
        await heads.remember({ did, cid, seenAt: new Date(now()).toISOString() });
      }
      return { log, rawLog };
    }
    if (last) {
      throw new DecampError(
        "identity-invalid",
        `The log of ${did} no longer has the operation that was its head on ${seen.seenAt}: ${seen.cid}.`,
        {
          hint:
            "Either the directory lags, or it hides an operation, or you asked another directory then. " +
            `Do not go on before the reason is known. What was seen is kept in ${seen.place ?? heads.place(did)}.`,
          data: { rule: seenHead, cid: seen.cid, did },
        },
      );
    }
    return undefined;
  });
}
