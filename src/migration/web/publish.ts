/**
 * A change of the identity of a did:web: shown, confirmed, written to a file, and waited for. decamp sends nothing: who
 * owns the host publishes the file there.
 */

import { pastOf, type WebIdentity } from "../../account/web/any-identity.ts";
import { waitForDocument } from "../../account/web/wait-for-document.ts";
import { livesAt } from "../../account/where.ts";
import { DecampError } from "../../errors.ts";
import { parseDidDocument, type DidDocument } from "../../identity/did-document.ts";
import {
  documentDifferences,
  editDocument,
  endpointOf,
  unmetFields,
  type DocumentFields,
} from "../../identity/web-document.ts";
import { documentUrl, noHandle } from "../../identity/names.ts";
import type { ChangeFacts } from "../../plc/change-facts.ts";
import { defaultDocumentWait } from "../../services/defaults.ts";
import type { Context } from "../context.ts";
import { leftBehindNow } from "../left-out.ts";
import { placeOfDocuments, writeDocuments, type DocumentFiles } from "./document-files.ts";
import { seenAs } from "./recall.ts";

/** What a change is for, where it is not the move itself. */
type Purpose = "temporary-key" | "old-signing-key";

/**
 * Has a document published. What the host serves meanwhile is what the context knows of the identity from then on.
 *
 * @param purpose what is said to who has to confirm it; the move unless given
 * @throws DecampError `not-published` if it is not there in time; `refused` if something else is; what the answers
 *   throw
 */
export async function publish(context: Context, wanted: DocumentFields, purpose?: Purpose): Promise<DidDocument> {
  const { services, signal, options, report } = context;
  const { did } = webOf(context);
  const before = await services.webDocument(did, signal);
  const live = parseDidDocument(before, did);
  requireSameHome(context, live);
  const planned = editDocument(before, did, wanted);
  // Published already, by somebody who had the file from an earlier run: all that is left is to be sure.
  const isThere = unmetFields(before, did, wanted).length === 0;
  const files = isThere ? undefined : await confirmAndWrite(context, { before, live, planned, wanted }, purpose);
  // From now on: whoever confirms may take their time.
  const until = services.now() + (options.documentWait ?? defaultDocumentWait);
  if (files !== undefined) {
    report({ type: "document", did, url: documentUrl(did), ...files, until: new Date(until).toISOString() });
  }
  const { document, differences } = await waitForDocument(
    services,
    { did, wanted, before, planned: isThere ? before : planned, file: files?.file },
    until,
    (seen) => {
      context.identity = seenAs(webOf(context), seen);
      context.switched = livesAt(pastOf(context.identity), context.targetOrigin);
    },
    signal,
  );
  if (differences.length > 0) {
    const places = differences.map(({ field }) => field);
    context.warn(
      "document-differs",
      `${documentUrl(did)} says what it has to, and differs from the file that decamp made in ${places.slice(0, 5).join(", ")}. Look whether that is meant.`,
    );
  }
  return document;
}

/** @returns where it lies, and what was there before */
async function confirmAndWrite(
  context: Context,
  change: {
    readonly before: unknown;
    readonly live: DidDocument;
    readonly planned: unknown;
    readonly wanted: DocumentFields;
  },
  purpose: Purpose | undefined,
): Promise<DocumentFiles> {
  const { answers, report, options } = context;
  const { did, handle } = webOf(context);
  const { before, live, planned, wanted } = change;
  const { file } = await placeOfDocuments(options.stateDir, did, before);
  const shown = {
    did,
    handle,
    differences: documentDifferences(before, planned),
    facts: factsOf(live, wanted),
    document: { url: documentUrl(did), file },
    ...(purpose === undefined ? leftBehindNow(context) : {}),
  };
  report({ type: "identity", ...shown });
  await answers.confirmIdentityChange({ ...shown, ...(purpose === undefined ? {} : { purpose }) });
  const files = await writeDocuments(options.stateDir, did, { before, planned });
  const { signingKey, pds } = wanted;
  await context.note({ type: "document", signingKey, pds, ...files });
  return files;
}

/** @throws DecampError `refused` if the document has been changed to a third server since this began */
function requireSameHome(context: Context, live: DidDocument): void {
  const { did, past } = webOf(context);
  const { home } = seenAs(webOf(context), live).past;
  if (home !== undefined && !livesAt(past, home) && home !== context.targetOrigin) {
    throw new DecampError("refused", `The document of ${did} names ${home} by now, not ${past.home ?? "no server"}.`, {
      hint: `See who changed ${documentUrl(did)}, and why.`,
      data: { reason: "home-changed", did, home },
    });
  }
}

/** What the change means: there are no rotation keys, and nobody but the owner of the host can take it back. */
function factsOf({ pds, handle }: DidDocument, wanted: DocumentFields): ChangeFacts {
  const after = wanted.handle ?? handle;
  return {
    server: { ...(pds === undefined ? {} : { before: pds }), after: wanted.pds },
    handle: { ...(handle === undefined ? {} : { before: handle }), ...(after === undefined ? {} : { after }) },
    keys: [],
    keyCount: 0,
    undo: { possible: "no", keys: [] },
  };
}

/** The document as it is, with another signing key; undefined if it names no server. */
export function withSigningKey(context: Context, signingKey: string): DocumentFields | undefined {
  const { did, document, handle } = webOf(context);
  const pds = endpointOf(document.raw, did);
  return pds === undefined ? undefined : { signingKey, pds, ...(handle === noHandle ? {} : { handle }) };
}

/** The identity, in what only a did:web has to do. */
export function webOf({ identity }: Context): WebIdentity {
  if (identity.log !== undefined) {
    throw new TypeError("a step of a did:web runs for a did:web");
  }
  return identity;
}

/** @throws DecampError `usage` for what is given and has no meaning for a did:web */
export function requireNoPlcWishes(did: string, given: Readonly<Record<string, boolean>>): void {
  const [first] = Object.entries(given).flatMap(([what, isGiven]) => (isGiven ? [what] : []));
  if (first !== undefined) {
    throw new DecampError(
      "usage",
      `${did} is a did:web: ${first} has no meaning for it. Its identity is a document on its own host, which no key and no mailed code changes.`,
      { hint: "Leave that out, and run the command again.", data: { did } },
    );
  }
}
