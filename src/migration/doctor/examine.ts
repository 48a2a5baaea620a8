/**
 * An account seen from outside: everything that anybody can ask, and what of it is wrong; and what its server says to
 * the owner, where that is asked for. Nothing is changed anywhere.
 */

import { timeAtDirectory } from "../../account/directory-time.ts";
import { claimedHandle } from "../../account/find.ts";
import type { Place } from "../../account/places.ts";
import { readLog } from "../../account/read-log.ts";
import { readWebIdentity, type WebIdentity } from "../../account/web/any-identity.ts";
import { isDecampError } from "../../errors.ts";
import { isWebDid } from "../../identity/names.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { contentOf, signingKeyOf } from "../../plc/operation.ts";
import type { MigrationServices } from "../context.ts";
import { checkBlobs } from "./blob-check.ts";
import { findNamed, requireRemembered } from "./by-memory.ts";
import { madeHere } from "../../services/disk/remembered/made-operations.ts";
import { recentChanges, withoutStrangers, type RecentChanges } from "./change-checks.ts";
import { fine, found, type Health, type HealthCheck, type Subject } from "./health.ts";
import { askElsewhere, askStanding, checkElsewhere, checkHome, type Standing } from "./home-checks.ts";
import { checkDocument, checkHandle, checkLog, checkTombstone, withoutDocument } from "./identity-checks.ts";
import { checkKeys } from "./key-checks.ts";
import { checkAsOwner, type OwnerAnswers } from "./owner-checks.ts";
import { checkMove, withMove } from "./move-checks.ts";
import { checkAppView, checkRelay, checkRelayHost } from "./network-checks.ts";
import { checkSignature } from "./signature-check.ts";

/** What is asked about. */
export interface HealthQuestion {
  /** A handle or a DID. */
  readonly account: string;
  /** Origin of the server that is asked for the handle, before others are. */
  readonly from?: string | undefined;
  /** Folder of decamp's own state: a journal there may know a handle that leads nowhere any more. */
  readonly stateDir?: string | undefined;
  /** Leave out what reads the whole repository. */
  readonly quick: boolean;
  readonly allowPrivateHosts: boolean;
  /** Sign in at the server of the account, and look at what only its owner is told, too. */
  readonly owner?: OwnerAnswers | undefined;
}

/**
 * Looks an account over.
 *
 * @throws DecampError what finding the account and reading its log throw, but for a log that does not verify; as
 *   `checkAsOwner`
 */
export async function examine(
  { account, from, stateDir, quick, allowPrivateHosts, owner }: HealthQuestion,
  services: MigrationServices,
  signal: AbortSignal,
): Promise<Health> {
  const named = await findNamed(services, account, { from, stateDir }, signal);
  const { did, asked, memory } = named;
  const how = memory === undefined ? [] : [memory.check];
  if (isWebDid(did)) {
    let identity: WebIdentity;
    try {
      identity = await readWebIdentity(services, did, signal);
    } catch (error) {
      if (!isDecampError(error, "account-not-found", "bad-answer", "identity-invalid")) {
        throw error;
      }
      return healthOf({ did }, [...how, withoutDocument(did, error.message)]);
    }
    const { document, past } = identity;
    const first = fine("identity", `The document of ${did} is on its host, which alone vouches for it.`);
    return lookOver({ did, past, handle: document.handle, signingKey: document.signingKey }, [...how, first]);
  }
  let log: VerifiedLog;
  try {
    ({ log } = await readLog(services, did, signal));
  } catch (error) {
    if (!isDecampError(error, "identity-invalid")) {
      throw error;
    }
    return healthOf({ did }, [...how, found("identity", "fault", error.message, { help: error.hint })]);
  }
  requireRemembered(named, log);
  const { operation } = log.head;
  if (operation.type === "plc_tombstone") {
    return healthOf({ did }, [...how, checkTombstone(services, log)]);
  }
  const handle = claimedHandle(contentOf(operation)?.alsoKnownAs ?? []);
  const subject = { did, past: log, handle, signingKey: signingKeyOf(operation) };
  const made = await madeHere(stateDir, did, signal);
  const changes = recentChanges(services, log, made);
  const document = await checkDocument(services, log, signal);
  return lookOver(subject, [...how, checkLog(log), document, checkKeys(log, made, timeAtDirectory(services))], changes);

  async function lookOver(subject: Subject, first: readonly HealthCheck[], changes?: RecentChanges): Promise<Health> {
    const standing = await askStanding(services, subject, signal);
    const { home, active } = standing;
    const question = { did, claimed: subject.handle, asked, home: active ? home?.url : undefined, allowPrivateHosts };
    const move = checkMove(services, subject, stateDir, signal);
    const outside = Promise.all([
      checkHandle(services, question, signal),
      askElsewhere(services, subject, standing, stateDir, signal).then(async (places) => [
        await checkHome(services, subject, standing, places, signal),
        ...[checkElsewhere(subject, standing, places) ?? []].flat(),
      ]),
      ...(home === undefined
        ? []
        : [
            active ? checkSignature(services, subject, home.url, signal) : undefined,
            active && !quick ? checkBlobs(services, subject, home.url, signal) : undefined,
            ...carriedChecks(subject, standing, home),
          ]),
    ]).then((checks) => checks.flat().flatMap((check) => check ?? []));
    const [checks, inside] = await Promise.all([
      outside,
      owner === undefined ? [] : checkAsOwner(services, subject, standing, { owner, from }, outside, signal),
    ]);
    const seen = withMove([...first, ...checks, ...inside], await move);
    const all = withoutStrangers([...[changes?.check ?? []].flat(), ...seen], changes);
    return healthOf({ did, handle: subject.handle, home: home?.url }, all);
  }

  function carriedChecks(
    { handle }: Subject,
    { active }: Standing,
    { url, state, head }: Place,
  ): Promise<HealthCheck>[] {
    const { relay, appView } = services;
    const carried = { did, handle, pds: services.openPds(url), rev: head?.rev, active, now: services.now(), signal };
    return [
      // Of a server that is not there, nobody has to ask the relay.
      ...(relay === undefined || state === "unreachable" ? [] : [checkRelayHost(relay, carried)]),
      ...(relay === undefined ? [] : [checkRelay(relay, carried)]),
      ...(appView === undefined ? [] : [checkAppView(appView, carried)]),
    ];
  }
}

function healthOf(
  {
    did,
    handle,
    home,
  }: { readonly did: string; readonly handle?: string | undefined; readonly home?: string | undefined },
  checks: readonly HealthCheck[],
): Health {
  return {
    did,
    ...(handle === undefined ? {} : { handle }),
    ...(home === undefined ? {} : { home }),
    checks,
    ok: checks.every(({ state }) => state !== "fault"),
  };
}
