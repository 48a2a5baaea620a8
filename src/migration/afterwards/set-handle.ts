/**
 * Another handle for an account: set at its server, which signs the change of the identity with a key of its own and
 * sends it. What has come of it, the log says, and never the answer.
 *
 * Tricky bits:
 * - A domain of one's own has to lead to the account before: the server looks for itself. A name below a domain of the
 *   server needs nothing.
 * - The server signs, so the CID of the operation is not known before. What it will say is: that is remembered, so that
 *   a watch on this machine knows whose it is.
 * - After a lost answer, or a refusal, the log is asked. Sending it twice would make two operations.
 */

import type { IdentityAnswers } from "../../account/answers.ts";
import { findAnyIdentity } from "../../account/find.ts";
import { readLog } from "../../account/read-log.ts";
import { signIn } from "../../account/sign-in.ts";
import { notSent } from "../../account/submit.ts";
import { pastOf, type AnyIdentity } from "../../account/web/any-identity.ts";
import { requireHome } from "../../account/where.ts";
import { DecampError, isDecampError, withStanding } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { noHandle, parseAccount } from "../../identity/names.ts";
import { handleChanges } from "../../plc/handle-change.ts";
import { contentCid } from "../../plc/operation.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { MigrationServices } from "../context.ts";
import { giverOf, requireFree } from "./handle-giver.ts";
import { outcomeOf, type Ending, type HandlePlan, type HandleSet } from "./handle-outcome.ts";
import { explained, readBack } from "./handle-read-back.ts";
import { handleRecord, leadsElsewhere, seeRecord, waitForRecord, type HandleRecord } from "./handle-record.ts";

/** What is asked for. */
export interface HandleRequest {
  /** A handle or a DID. */
  readonly account: string;
  /** The handle that it is to have, in lower case. */
  readonly newHandle: string;
  /** Origin of the server that is asked for the account by its handle. */
  readonly from?: string | undefined;
  /** How long the record of a domain is waited for (milliseconds). */
  readonly wait: number;
  readonly allowPrivateHosts: boolean;
}

/** Who is told and asked on the way. */
export interface HandleTalk {
  /** Called with the record that has to be set, and until when it is waited for (epoch milliseconds). */
  readonly record: (record: HandleRecord, until: number, givenOut: boolean) => void;
  /** Called whenever the record is not seen. */
  readonly waiting: (because: string) => void;
  /** The yes to the change; throws to stop it. */
  readonly confirm: (plan: HandlePlan) => Promise<void>;
}

/**
 * Sets a handle.
 *
 * @throws DecampError `handle-taken` for one that leads to another account; `not-published` for a domain whose record
 *   is not seen in time; `head-moved`; `server-refused`, with the words of the server; `refused` for a server that says
 *   that it is done, where the log does not have it; what finding the account, signing in and `talk.confirm` throw.
 *   Each with data `identity`, as `submitOperation`
 */
export async function setHandle(
  services: MigrationServices,
  answers: IdentityAnswers,
  request: HandleRequest,
  talk: HandleTalk,
  signal: AbortSignal,
): Promise<HandleSet> {
  const progress: Progress = { host: "", sent: false, changed: false };
  try {
    return await planAndSet(services, answers, request, talk, progress, signal);
  } catch (error) {
    const stopped: unknown = signal.aborted && !isDecampError(error) ? signal.reason : error;
    throw progress.changed
      ? withStanding(stopped, "changed", `${request.newHandle} is set, and not all of it was looked at.`)
      : progress.sent
        ? withStanding(
            stopped,
            "sent",
            `${progress.host} was asked to set the handle, and was not seen to have done it. Look before you try again: decamp doctor says how it is.`,
          )
        : notSent(stopped);
  }
}

/** How far it is, for who tells an error. */
interface Progress {
  host: string;
  sent: boolean;
  changed: boolean;
}

async function planAndSet(
  services: MigrationServices,
  answers: IdentityAnswers,
  { account, newHandle: handle, from, wait, allowPrivateHosts }: HandleRequest,
  talk: HandleTalk,
  progress: Progress,
  signal: AbortSignal,
): Promise<HandleSet> {
  const identity = await findAnyIdentity(services, parseAccount(account), { from, past: true }, signal);
  const { did } = identity;
  const server = parseServerUrl(requireHome(pastOf(identity)), { allowPrivateHosts });
  const pds = services.openPds(server);
  progress.host = pds.host;
  const before = claimOf(identity);
  const giver = await giverOf(services, pds, handle, signal);
  const givenOut = giver !== undefined;
  const plan: HandlePlan = { did, ...(before === undefined ? {} : { before }), handle, server, givenOut };
  const record = handleRecord(did, handle);
  if (giver !== undefined) {
    await requireFree(giver, record, signal);
  }
  const first = await seeRecord(services, record, givenOut, signal);
  if (first.state === "elsewhere") {
    throw leadsElsewhere(record, first.because);
  }
  const ending: Ending = { services, pds, plan, allowPrivateHosts, signal };
  const until = services.now() + wait;
  const waitUntilThere = async (): Promise<void> =>
    waitForRecord(services, record, { until, isGivenOut: givenOut }, talk.waiting, signal);
  if (first.state === "not-there" && wait > 0) {
    talk.record(record, until, givenOut);
  }
  if (before === handle && [handle, undefined].includes((await pds.statedHandle(did, signal))?.toLowerCase())) {
    await waitUntilThere();
    return outcomeOf(ending, "same", undefined);
  }
  if (first.state === "not-there" && wait === 0) {
    await waitUntilThere();
  }
  await talk.confirm(plan);
  try {
    await signIn(
      services,
      pds,
      { past: pastOf(identity), handle: before, named: [from] },
      answers,
      "sourcePassword",
      signal,
    );
    await waitUntilThere();
    const planned = await prepare(services, identity, handle, signal);
    progress.sent = true;
    const failure = await send(pds, handle, signal);
    try {
      const change = await readBack({ ...ending, identity, planned, failure });
      progress.changed = true;
      return await outcomeOf(ending, "set", change);
    } catch (error) {
      throw await explained(error, ending, identity);
    }
  } finally {
    await pds.signOut();
  }
}

/** The handle that the identity claims, in lower case. */
function claimOf({ handle }: AnyIdentity): string | undefined {
  return handle === noHandle ? undefined : handle.toLowerCase();
}

/**
 * The head of the log right before, and what is remembered of the operation that is to come.
 *
 * @returns undefined for a did:web
 * @throws DecampError `head-moved` if the identity was changed since it was looked at
 */
async function prepare(
  services: MigrationServices,
  { did, log: seen }: AnyIdentity,
  handle: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (seen === undefined) {
    return undefined;
  }
  const { head } = (await readLog(services, did, signal)).log;
  if (head.cid !== seen.head.cid) {
    throw new DecampError("head-moved", `The identity was changed meanwhile, by ${head.cid}.`, {
      data: { expected: seen.head.cid, found: head.cid, signer: head.signer, createdAt: head.createdAt },
    });
  }
  for (const cid of new Set(handleChanges(head, handle).map((one) => contentCid(one)))) {
    // A watch that does not know whose it is only asks once more.
    await services.heads.noteMade?.(did, cid).catch(() => undefined);
  }
  return head.cid;
}

/** @returns what the server answered, if it did not say that it is done */
async function send(pds: Pds, handle: string, signal: AbortSignal): Promise<DecampError | undefined> {
  try {
    await pds.updateHandle(handle, signal);
    return undefined;
  } catch (error) {
    if (!isDecampError(error)) {
      throw error;
    }
    return error;
  }
}
