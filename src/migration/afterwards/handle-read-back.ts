/** Whether a server has set a handle: what the log says, and what its refusal means. */

import { ownCredentials } from "../../account/plan-move.ts";
import { readLog } from "../../account/read-log.ts";
import type { AnyIdentity } from "../../account/web/any-identity.ts";
import { DecampError, isDecampError, withOwnHint, withStanding } from "../../errors.ts";
import { handleChangeAfter, type HandleChange } from "../../plc/handle-change.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import { isMissingMethod } from "../../services/servers/missing-method.ts";
import { quietly } from "./handle-giver.ts";
import type { Ending } from "./handle-outcome.ts";

/** How often it is looked whether the log has it, or the server says it, and the pause (milliseconds). */
const lag = { attempts: 10, pause: 1000 };

/** What was asked of the server, and what it answered. */
export interface Asked extends Ending {
  readonly identity: AnyIdentity;
  /** CID of the head before. */
  readonly planned: string | undefined;
  readonly failure: DecampError | undefined;
}

/**
 * Asks the log whether it has been done; where the log has said the same before, and of a did:web, the server.
 *
 * @throws DecampError the failure if it has not; `refused` if the server said that it has
 */
export async function readBack(asked: Asked): Promise<HandleChange | undefined> {
  const { services, pds, plan, planned, failure, signal } = asked;
  const { did, handle, before } = plan;
  const isOnlyStated = planned === undefined || before === handle;
  const isRefusal = failure !== undefined && !mayBeDone(failure);
  let head = planned;
  for (let attempt = 1; ; attempt += 1) {
    const last = attempt >= lag.attempts || isRefusal;
    try {
      if (planned !== undefined) {
        const { log } = await readLog(services, did, signal);
        head = log.head.cid;
        const change = handleChangeAfter(log, planned, handle);
        if (change !== undefined) {
          return change;
        }
        if (isRefusal && head === planned) {
          throw withStanding(failure, "unchanged", "The log of the identity is as it was.");
        }
      }
      if (isOnlyStated && (await pds.statedHandle(did, signal))?.toLowerCase() === handle) {
        return undefined;
      }
    } catch (error) {
      // A directory that fails now says nothing about the operation.
      if (last || !isDecampError(error, "unreachable", "bad-answer", "server-refused", "identity-invalid")) {
        throw error;
      }
    }
    if (last) {
      throw failure ?? notDone(asked, head);
    }
    await services.sleep(lag.pause, signal);
  }
}

/** Whether the server may have done it although it did not say so. */
function mayBeDone(failure: DecampError): boolean {
  return (
    !isMissingMethod(failure) &&
    (["unreachable", "bad-answer"].includes(failure.code) || Number(failure.data["status"]) >= 500)
  );
}

/** @param head CID of the head of the log by now */
function notDone({ pds, plan, planned }: Asked, head: string | undefined): DecampError {
  const { handle, before = "no handle" } = plan;
  if (head !== planned) {
    return new DecampError(
      "head-moved",
      `The identity was changed meanwhile, and not to ${handle}: by ${head ?? ""}.`,
      {
        data: { expected: planned, found: head },
      },
    );
  }
  return planned === undefined || before === handle
    ? new DecampError("refused", `${pds.host} answered that it is done, and does not call the account ${handle}.`, {
        hint: `Ask the operator of ${pds.host}.`,
      })
    : new DecampError(
        "refused",
        `${pds.host} answered that it is done, and the log of the identity has no new operation: it names ${before}.`,
        { hint: `If it stays like this, ask the operator of ${pds.host}.` },
      );
}

/** A refusal with what is known of its reason; any other error as it is. */
export async function explained(
  error: unknown,
  { pds, plan, signal }: Ending,
  { log, did }: AnyIdentity,
): Promise<unknown> {
  if (!isDecampError(error, "server-refused", "bad-answer") || signal.aborted) {
    return error;
  }
  const { handle, givenOut } = plan;
  const byKey = ["plc", "diff", did, "--handle", handle];
  if (isMissingMethod(error)) {
    const hint = `${pds.host} has no such method. With a rotation key of your own you can do it yourself. This plans it:`;
    return withReason(error, hint, log === undefined ? undefined : byKey);
  }
  const keys = log === undefined ? undefined : rotationKeysOf(log.head.operation);
  const own = keys === undefined ? undefined : await quietly(async () => ownCredentials(pds, signal), signal);
  if (own !== undefined && keys?.some((key) => own.rotationKeys.includes(key)) === false) {
    const hint = `The identity names none of the keys of ${pds.host}: it cannot sign this. With a rotation key of your own you can. This plans it:`;
    return withReason(error, hint, byKey);
  }
  return withReason(
    error,
    givenOut
      ? "Read what the server says; most likely another name will do."
      : `Read what the server says. If it does not see the record of ${handle}, it may later: name servers remember for a while that there was none.`,
  );
}

/** The same error with another hint, and the next command. */
function withReason(error: DecampError, hint: string, next?: readonly string[]): DecampError {
  return withOwnHint(error, hint, next === undefined ? {} : { next });
}
