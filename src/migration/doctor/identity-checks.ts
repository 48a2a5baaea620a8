/** The identity of an account as the doctor sees it: its log, its document, its rotation keys, its handle. */

import { directoryTime } from "../../account/directory-time.ts";
import { readDocument } from "../../account/read-identity.ts";
import { expectedFailure } from "../../errors.ts";
import { documentUrl, isHandle, isReservedHandle } from "../../identity/names.ts";
import { undoDeadline } from "../../plc/history.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { normalizeOperation } from "../../plc/operation.ts";
import { handleFromOutside } from "../checks/handle-outside.ts";
import type { MigrationServices } from "../context.ts";
import { fine, found, type HealthCheck } from "./health.ts";

/** What was verified of the log. */
export function checkLog({ entries, head }: VerifiedLog): HealthCheck {
  const undone = entries.filter(({ nullified }) => nullified).length;
  const count = entries.length === 1 ? "1 operation, of" : `${entries.length} operations, the last one of`;
  const taken = undone === 0 ? "" : `; ${undone} of them undone`;
  return fine("identity", `The log of the identity is proved: ${count} ${head.createdAt}${taken}.`);
}

/** A log that ends with a tombstone. */
export function checkTombstone(services: MigrationServices, log: VerifiedLog): HealthCheck {
  const { did, head } = log;
  const until = undoDeadline(head);
  const message = `The identity was given up on ${head.createdAt}: its last operation is a tombstone.`;
  const now = directoryTime(services);
  return now === undefined || now <= until
    ? found("identity", "fault", message, {
        help: `Until ${new Date(until).toISOString()} a rotation key that stands above the signer's can undo that:`,
        next: ["plc", "recover", did, "--operation", head.cid],
      })
    : found("identity", "fault", message, { help: "The time in which that could be undone, 72 hours, is over." });
}

/** A did:web whose host does not give out its document. @param why what came in its place, a sentence */
export function withoutDocument(did: string, why: string): HealthCheck {
  return found("identity", "fault", `${why} Nobody can find the account.`, {
    help: `If the name is right, publish its document at ${documentUrl(did)}: the one that was there last is in every archive of the account.`,
  });
}

/** Whether the document that others read says what the log says. */
export async function checkDocument(
  services: MigrationServices,
  log: VerifiedLog,
  signal: AbortSignal,
): Promise<HealthCheck> {
  const { operation } = log.head;
  if (operation.type === "plc_tombstone") {
    throw new TypeError("a tombstone has no document");
  }
  try {
    await readDocument(services, log.did, normalizeOperation(operation), signal);
    return fine("document", "The DID document says the same as the log.");
  } catch (error) {
    const { code, message } = expectedFailure(error, signal);
    return code === "identity-invalid"
      ? found("document", "fault", message, { help: "Apps read the document. Ask whoever runs the directory." })
      : found("document", "unknown", `What the DID document says is not known: ${message}`);
  }
}

/** Who asks for a handle. */
interface HandleQuestion {
  readonly did: string;
  /** The handle that the identity claims, if it claims one. */
  readonly claimed: string | undefined;
  /** The handle that the account was asked for by. */
  readonly asked: string | undefined;
  /** Origin of the server that the identity names, if it has the account active: others lead no handle there. */
  readonly home: string | undefined;
  readonly allowPrivateHosts: boolean;
}

/** Whether the handle leads to the account, and the account claims it. */
export async function checkHandle(
  services: MigrationServices,
  question: HandleQuestion,
  signal: AbortSignal,
): Promise<HealthCheck> {
  const { did, claimed, asked, home, allowPrivateHosts } = question;
  if (claimed === undefined) {
    return found("handle", "fault", "The identity claims no handle: apps show the account as handle.invalid.", {
      ...((await handleThere(services, question, signal)) ?? {
        help: `Set one with decamp account handle, with ${did} and the name that it is to have.`,
      }),
    });
  }
  if (asked !== undefined && asked.toLowerCase() !== claimed) {
    const message = `${asked} leads to the account, and the account calls itself ${claimed}.`;
    return found("handle", "fault", `${message} Apps do not show it as ${asked}.`, {
      help: `If ${asked} is to be its handle, this sets it:`,
      next: ["account", "handle", did, asked.toLowerCase()],
    });
  }
  const context = { identity: { did }, services, signal, options: { allowPrivateHosts } };
  const { seen, message } = await handleFromOutside(context, claimed);
  switch (seen) {
    case "leads-here":
      return fine("handle", `The handle leads to the account, and the account claims it: ${claimed}.`);
    case "not-asked":
      return checkInside(services, { ...question, claimed }, message, signal);
    case "unreachable":
      return found("handle", "unknown", message);
    case "nowhere":
    case "leads-elsewhere":
      if (seen === "nowhere" && home === undefined) {
        return found("handle", "warning", `${message} Many servers lead no handle to an account that is not active.`);
      }
      return found("handle", "fault", `${message} Apps show the account as handle.invalid.`, {
        ...((await handleThere(services, question, signal)) ?? {
          help: `If ${claimed} is a domain of your own, this says which record it needs, and looks whether it is there. Otherwise ask the operator of your server.`,
          next: ["account", "handle", did, claimed],
        }),
      });
  }
}

/** A handle of which only its own server can know. */
async function checkInside(
  services: MigrationServices,
  question: HandleQuestion & { readonly claimed: string },
  because: string,
  signal: AbortSignal,
): Promise<HealthCheck> {
  const { did, claimed, home } = question;
  if (home === undefined) {
    return found("handle", "warning", `${because} Its server is not asked as long as the account is not active there.`);
  }
  const pds = services.openPds(home);
  try {
    const leads = await pds.resolveHandle(claimed, signal);
    if (leads === did) {
      return fine("handle", `${pds.host} leads ${claimed} to the account. ${because}`);
    }
    const where = leads === undefined ? "to no account" : `to another account, ${leads}`;
    return found("handle", "fault", `By what ${pds.host} says, ${claimed} leads ${where}.`, {
      ...((await handleThere(services, question, signal)) ?? { help: `Ask the operator of ${pds.host}.` }),
    });
  } catch (error) {
    const { message } = expectedFailure(error, signal);
    return found("handle", "unknown", `Where ${claimed} leads could not be found out. ${message}`);
  }
}

/** What the server calls the account, if that leads to it there, and is not what the identity claims. */
async function handleThere(
  services: MigrationServices,
  { did, claimed, home }: HandleQuestion,
  signal: AbortSignal,
): Promise<Pick<HealthCheck, "help" | "next"> | undefined> {
  if (home === undefined) {
    return undefined;
  }
  const pds = services.openPds(home);
  try {
    const stated = (await pds.statedHandle(did, signal))?.toLowerCase();
    if (
      stated === undefined ||
      stated === claimed ||
      !isHandle(stated) ||
      isReservedHandle(stated) ||
      (await pds.resolveHandle(stated, signal)) !== did
    ) {
      return undefined;
    }
    return {
      help: `${pds.host} calls the account ${stated}, which leads to it there. This lets the identity name it:`,
      next: ["account", "handle", did, stated],
    };
  } catch (error) {
    expectedFailure(error, signal);
    return undefined;
  }
}
