/**
 * The record by which a domain of one's own leads to an account (spec: Handle, "Resolution"), and waiting until the
 * world sees it. decamp cannot set it: the owner of the domain does.
 */

import type { AccountServices } from "../../account/services.ts";
import { readWebIdentity } from "../../account/web/any-identity.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { documentUrl, isWebDid } from "../../identity/names.ts";
import { whereItLeads, type SeenHandle } from "../checks/handle-outside.ts";

/** The last of them repeats (milliseconds). */
const pauses = [2000, 3000, 5000, 10_000, 15_000];

/** What has to be set: the entry in DNS, or the file. Either does. */
export interface HandleRecord {
  readonly did: string;
  readonly handle: string;
  /** Name and text of an entry of type TXT. */
  readonly dnsName: string;
  readonly dnsValue: string;
  /** Address and content of a file. */
  readonly fileUrl: string;
  readonly fileContent: string;
  /** Of a did:web also: the address of its document, whose first handle has to be this one. */
  readonly url?: string;
}

/** The record of a handle. */
export function handleRecord(did: string, handle: string): HandleRecord {
  return {
    did,
    handle,
    dnsName: `_atproto.${handle}`,
    dnsValue: `did=${did}`,
    fileUrl: `https://${handle}/.well-known/atproto-did`,
    fileContent: did,
    ...(isWebDid(did) ? { url: documentUrl(did) } : {}),
  };
}

/** What is seen of a record. */
export interface SeenRecord {
  readonly state: "there" | "not-there" | "elsewhere";
  /** A sentence, for what is not there. */
  readonly because: string;
}

/**
 * Looks once where the handle leads, and, of a did:web, what the document claims.
 *
 * @param isGivenOut the server answers for the handle: only the document is looked at
 * @throws the signal's reason; what a document throws that does not pass
 */
export async function seeRecord(
  services: AccountServices,
  { did, handle, url }: HandleRecord,
  isGivenOut: boolean,
  signal: AbortSignal,
): Promise<SeenRecord> {
  if (!isGivenOut) {
    const { seen, message } = await whereItLeads({ services, identity: { did }, signal }, handle);
    if (seen !== "leads-here") {
      return { state: seen === "leads-elsewhere" ? "elsewhere" : "not-there", because: message };
    }
  }
  const because = url === undefined ? undefined : await unclaimed(services, { did, handle, url }, signal);
  return because === undefined ? { state: "there", because: "" } : { state: "not-there", because };
}

/** Why the document of a did:web does not claim the handle; undefined if it does. */
async function unclaimed(
  services: AccountServices,
  { did, handle, url }: Pick<HandleRecord, "did" | "handle"> & { readonly url: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { document: live } = await readWebIdentity(services, did, signal);
    return live.handle?.toLowerCase() === handle ? undefined : `${url} names ${live.handle ?? "no handle"}.`;
  } catch (error) {
    signal.throwIfAborted();
    if (!isDecampError(error, "unreachable", "bad-answer", "server-refused", "account-not-found", "identity-invalid")) {
      throw error;
    }
    return error.message;
  }
}

/**
 * Waits until the record is seen.
 *
 * @param until when to give up, epoch milliseconds; asked is at least once
 * @param seen told what is seen, each time that it is not there
 * @throws DecampError `not-published` if it is not seen in time, with the record in the data; `handle-taken` if the
 *   handle leads to another account; as `seeRecord`
 */
export async function waitForRecord(
  services: AccountServices,
  record: HandleRecord,
  { until, isGivenOut }: { readonly until: number; readonly isGivenOut: boolean },
  seen: (because: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { now, sleep } = services;
  for (let attempt = 0; ; attempt += 1) {
    const { state, because } = await seeRecord(services, record, isGivenOut, signal);
    if (state === "there") {
      return;
    }
    if (state === "elsewhere") {
      throw leadsElsewhere(record, because);
    }
    if (now() >= until) {
      throw notThere(record, isGivenOut, because);
    }
    seen(because);
    const pause = pauses[Math.min(attempt, pauses.length - 1)] ?? 0;
    await sleep(Math.min(pause, Math.max(until - now(), 0)), signal);
  }
}

/** The error for a handle that leads to another account. */
export function leadsElsewhere(
  { handle, dnsName, dnsValue }: HandleRecord,
  because: SeenHandle["message"],
): DecampError {
  return new DecampError("handle-taken", because, {
    hint: `If ${handle} is your domain, let the record ${dnsName} say ${dnsValue}, and nothing else; then run the same command again.`,
    data: { handle },
  });
}

function notThere(record: HandleRecord, isGivenOut: boolean, because: string): DecampError {
  const { did, handle, dnsName, dnsValue, fileUrl, fileContent, url } = record;
  const own = isGivenOut
    ? ""
    : `Set the record ${dnsName} of type TXT to ${dnsValue}, or the file ${fileUrl} to ${fileContent}. Name servers remember for a while that there was none. `;
  const web = url === undefined ? "" : `Let at://${handle} be the first handle of alsoKnownAs in ${url}. `;
  return new DecampError("not-published", because, {
    hint: `${own}${web}Then run the same command again.`,
    data: { did, handle, ...(isGivenOut ? {} : { dnsName, dnsValue, fileUrl, fileContent }), url },
  });
}
