/**
 * Submitting an operation: the one step that trying again does not take back.
 *
 * Tricky bits:
 * - The head is read anew just before. If it is not the one that the operation was made for, nothing is sent.
 * - A 200 is no proof, and submitting twice is refused. So the log is read back, and after a lost answer it decides.
 * - A rotation key that stands above the signer of an operation nullifies it, with an operation that has the same
 *   `prev`. The result names what was nullified.
 * - What an error says about the identity is said here, for everybody who submits: only this place knows what was sent.
 *   Once it was sent, no refusal and no log proves that it will never be taken.
 */

import type { Cid } from "../data/cid.ts";
import { DecampError, isDecampError, withStanding } from "../errors.ts";
import { describeHistory, undoPower } from "../plc/history.ts";
import type { LogEntry, VerifiedLog } from "../plc/log.ts";
import { rotationKeysOf } from "../plc/operation.ts";
import { isStorageError } from "../services/disk/files.ts";
import { agreeOnOperation } from "../services/second-opinion.ts";
import { readLog } from "./read-log.ts";
import type { SignedAnswer } from "../plc/diff.ts";
import type { LogServices } from "./services.ts";

/** A directory may lag: how often the log is read after the submission, and the pause (milliseconds). */
const lag = { attempts: 10, pause: 1000 };

/** An operation that is to be sent, and what is known of it. */
export interface Submission extends SignedAnswer {
  readonly did: string;
  /** The head of the log when the operation was planned. */
  readonly plannedHead: Cid;
  /** Sends it. */
  readonly send: (operation: object, signal: AbortSignal) => Promise<void>;
  /** Whom it is sent to. */
  readonly host: string;
  /** Keys that are a server's, or that nobody vouches for: they are not counted among those that can undo it. */
  readonly serverKeys?: readonly string[] | undefined;
}

/** An operation that the log has. */
export interface Submitted {
  readonly entry: LogEntry;
  /** The log that has it. */
  readonly log: VerifiedLog;
  /** The operations that it nullified, oldest first. */
  readonly nullified: readonly Cid[];
  /** The keys that can undo it: those that stand above the signer's and are not a server's. */
  readonly undoKeys: readonly string[];
  /** Until when they can (ISO 8601); missing where nobody can. */
  readonly recoverableUntil?: string;
}

/**
 * Submits a signed operation, unless the log has it already.
 *
 * @throws DecampError `head-moved` if somebody else was faster, `second-opinion` before anything is sent, `refused` if
 *   the log does not get it, what `send` throws if the log says that it was not taken, and as `readLog`; each with data
 *   `identity`: `unchanged` if nothing was sent, `sent` if it was, `changed` if the log has it
 */
export async function submitOperation(
  services: LogServices,
  submission: Submission,
  signal: AbortSignal,
): Promise<Submitted> {
  const progress = { sent: false };
  try {
    return await sendAndReadBack(services, submission, progress, signal);
  } catch (error) {
    // An error that the abort has caused is told as the abort.
    const stopped: unknown = signal.aborted && !isDecampError(error) ? signal.reason : error;
    throw progress.sent ? wasSent(stopped, submission) : notSent(stopped);
  }
}

/** The error of a change that stopped before anything was sent. */
export function notSent(error: unknown): unknown {
  return withStanding(error, "unchanged", "Nothing was sent: this run has not changed the identity.");
}

function wasSent(error: unknown, { did, host }: Submission): unknown {
  const told = `decamp tried to send the operation to ${host}, and has not seen it in the log so far.`;
  if (!isDecampError(error) || error.known !== undefined || error.data["next"] !== undefined) {
    return withStanding(error, "sent", told);
  }
  const { code, message, hint, data, cause } = error;
  return new DecampError(code, message, {
    hint: `${hint} This shows whether it gets there:`,
    data: { ...data, next: ["plc", "history", did] },
    cause,
    known: { identity: "sent", sentence: told },
  });
}

/** @param progress told when the operation is about to leave */
async function sendAndReadBack(
  services: LogServices,
  submission: Submission,
  progress: { sent: boolean },
  signal: AbortSignal,
): Promise<Submitted> {
  const { did, cid, operation, plannedHead, send, host, serverKeys } = submission;
  const { log: before } = await readLog(services, did, signal);
  const there = find(before, cid, serverKeys);
  if (there !== undefined) {
    return there;
  }
  if (before.head.cid !== plannedHead) {
    throw headMoved(before, plannedHead);
  }
  const previous = before.entries.find((entry) => entry.cid === operation.prev);
  await agreeOnOperation(operation, cid, previous === undefined ? [] : rotationKeysOf(previous.operation));
  // A watch that does not know whose it is only asks once more.
  await services.heads.noteMade?.(did, cid).catch(() => undefined);
  let failure: DecampError | undefined;
  progress.sent = true;
  try {
    await send(operation, signal);
  } catch (error) {
    if (!isDecampError(error)) {
      throw error;
    }
    failure = error; // the log says whether it was taken all the same
  }
  for (let attempt = 1; ; attempt += 1) {
    const last = attempt >= lag.attempts;
    const log = await readBack(services, did, signal).catch((error: unknown) => {
      // A directory that fails now says nothing about the operation.
      if (last || !isDecampError(error, "unreachable", "bad-answer", "server-refused", "identity-invalid")) {
        throw error;
      }
    });
    const submitted = log === undefined ? undefined : find(log, cid, serverKeys);
    if (submitted !== undefined) {
      return submitted;
    }
    if (log !== undefined && log.head.cid !== plannedHead) {
      throw headMoved(log, plannedHead, failure);
    }
    if (log !== undefined && failure !== undefined && !isLostAnswer(failure)) {
      throw failure;
    }
    if (last) {
      throw failure ?? new DecampError("refused", `The directory does not have the operation that ${host} took.`);
    }
    await services.sleep(lag.pause, signal);
  }
}

/**
 * The log after the submission. A disk that is full by now, or a path that leads nowhere, must not hold up what comes
 * next.
 */
async function readBack(services: LogServices, did: string, signal: AbortSignal): Promise<VerifiedLog> {
  const { heads } = services;
  const remember: typeof heads.remember = async (head) =>
    heads.remember(head).catch((error: unknown) => {
      if (!isStorageError(error)) {
        throw error;
      }
    });
  return (await readLog({ ...services, heads: { ...heads, remember } }, did, signal)).log;
}

function find(log: VerifiedLog, cid: Cid, serverKeys: readonly string[] | undefined): Submitted | undefined {
  const item = describeHistory(log).find(({ entry }) => entry.cid === cid);
  if (item === undefined) {
    return undefined;
  }
  const { entry, nullifies } = item;
  if (entry.nullified) {
    const error = new DecampError(
      "head-moved",
      "This operation is in the log already, and somebody has nullified it.",
      {
        data: { cid, by: item.nullifiedBy },
      },
    );
    throw withStanding(error, "changed", "The identity was changed by it, and changed again since.");
  }
  const power = undoPower(log, cid, serverKeys);
  return {
    entry,
    log,
    nullified: nullifies,
    undoKeys: power?.keys ?? [],
    ...(power === undefined ? {} : { recoverableUntil: new Date(power.until).toISOString() }),
  };
}

function headMoved(log: VerifiedLog, expected: Cid, cause?: DecampError): DecampError {
  const { cid, signer, createdAt } = log.head;
  return new DecampError(
    "head-moved",
    `The identity was changed by another operation meanwhile: ${cid}, signed by ${signer} on ${createdAt}.`,
    {
      hint: "Plan anew once you have seen what it changed:",
      data: { expected, found: cid, signer, createdAt, next: ["plc", "history", log.did] },
      cause,
    },
  );
}

function isLostAnswer(error: DecampError): boolean {
  return ["unreachable", "bad-answer"].includes(error.code) || Number(error.data["status"]) >= 500;
}
