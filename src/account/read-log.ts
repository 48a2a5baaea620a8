/** The audit log of an account: fetched, verified, and compared with the head that was seen last. */

import { DecampError, isDecampError } from "../errors.ts";
import { proveLog, type VerifiedLog } from "../plc/log.ts";
import { whileItLags } from "./lag.ts";
import type { SeenHead } from "../services/disk/seen-heads.ts";
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

/** The error for a log that no longer has a head that was seen. @param seen that head; `place`: where it is kept */
export function heldBack({ did, cid, seenAt, place }: SeenHead & { readonly place: string }): DecampError {
  return new DecampError(
    "identity-invalid",
    `The log of ${did} no longer has the operation that was its head on ${seenAt}: ${cid}.`,
    {
      hint:
        "Either the directory lags, or it hides an operation, or you asked another directory then. " +
        `Do not go on before the reason is known. What was seen is kept in ${place}.`,
      data: { rule: seenHead, cid, did },
    },
  );
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
    const has = (head: SeenHead): boolean => log.entries.some(({ cid }) => cid === head.cid);
    const missing = [seen, seen?.besides].find((one) => one !== undefined && !has(one));
    if (missing === undefined) {
      const { cid } = log.head;
      if (cid !== seen?.cid) {
        await heads.remember({ did, cid, seenAt: new Date(now()).toISOString() });
      }
      return { log, rawLog };
    }
    if (last) {
      throw heldBack({ ...missing, place: missing.place ?? heads.place(did) });
    }
    return undefined;
  });
}
