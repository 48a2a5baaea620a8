/**
 * Waiting until the host of a did:web serves the document that it has to. decamp cannot put it there: its owner does.
 *
 * In plain words:
 * - The host is asked anew each time, and told to use no cache. A document counts once all fields of it fit in two asks
 *   in a row, a moment apart: behind one name there may be several machines, of which not all have it yet.
 * - Each field may be as it was, or as it has to be. Anything else is somebody's mistake, or somebody else's work, and
 *   is named at once.
 */

import { DecampError, isDecampError } from "../../errors.ts";
import { parseDidDocument, type DidDocument } from "../../identity/did-document.ts";
import { documentUrl } from "../../identity/names.ts";
import {
  documentDifferences,
  fieldStates,
  unmetFields,
  type DocumentDifference,
  type DocumentFields,
  type FieldState,
} from "../../identity/web-document.ts";
import type { AccountServices } from "../services.ts";

/** The last of them repeats (milliseconds). */
const pauses = [1000, 2000, 3000, 5000, 10_000];
/** Between two asks that have to agree (milliseconds). */
const moment = 1000;

/** A document that is to be published. */
export interface Publication {
  readonly did: string;
  readonly wanted: DocumentFields;
  /** The one that was published when this was planned, and the one that takes its place, as parsed JSON. */
  readonly before: unknown;
  readonly planned: unknown;
  /** The file that has it, for the hint. */
  readonly file?: string | undefined;
}

/** What the host serves. */
export interface Published {
  readonly document: DidDocument;
  /** Where it is not what was planned. The fields that AT Protocol reads are. */
  readonly differences: readonly DocumentDifference[];
}

/**
 * Waits for a document.
 *
 * @param until when to give up, epoch milliseconds; asked is at least once
 * @param seen told what the host serves, each time
 * @throws DecampError `not-published` if it is not served in time, with data `fields`; `refused` with data `reason`
 *   `document-changed` and `fields` if something else is; what the services throw that does not pass
 */
export async function waitForDocument(
  { webDocument, now, sleep }: Pick<AccountServices, "webDocument" | "now" | "sleep">,
  publication: Publication,
  until: number,
  seen: (document: DidDocument) => void,
  signal: AbortSignal,
): Promise<Published> {
  const { did, planned } = publication;
  let fits = 0;
  for (let attempt = 0; ; attempt += 1) {
    const asked = await ask(async () => webDocument(did, signal), did, signal);
    if ("document" in asked) {
      const { document } = asked;
      seen(document);
      const unmet = requireExpected(publication, document);
      fits = unmet.length === 0 ? fits + 1 : 0;
      if (fits === 2) {
        return { document, differences: documentDifferences(planned, document.raw) };
      }
      if (fits === 0 && now() >= until) {
        throw notPublished(publication, unmet.map(describe).join("; "), unmet);
      }
    } else {
      fits = 0;
      if (now() >= until) {
        throw notPublished(publication, asked.because, []);
      }
    }
    const pause = pauses[Math.min(attempt, pauses.length - 1)] ?? moment;
    await sleep(fits > 0 ? moment : Math.min(pause, Math.max(until - now(), 0)), signal);
  }
}

/** What the host serves now; or, while somebody is at work there, why nothing that can be used. */
async function ask(
  document: () => Promise<unknown>,
  did: string,
  signal: AbortSignal,
): Promise<{ readonly document: DidDocument } | { readonly because: string }> {
  try {
    return { document: parseDidDocument(await document(), did) };
  } catch (error) {
    signal.throwIfAborted();
    const passes = ["unreachable", "bad-answer", "server-refused", "account-not-found", "identity-invalid"] as const;
    if (!isDecampError(error, ...passes)) {
      throw error;
    }
    return { because: error.message.replace(/\.$/, "") };
  }
}

/** @returns the fields that are as they were @throws DecampError `refused` for anything but old and new */
function requireExpected({ did, wanted, before }: Publication, { raw }: DidDocument): FieldState[] {
  const old = new Map(fieldStates(before, did, wanted).map(({ field, found }) => [field, found]));
  const unmet = unmetFields(raw, did, wanted);
  const strange = unmet.filter(({ field, found }) => found !== old.get(field));
  if (strange.length > 0) {
    throw changed(
      did,
      strange.map(describe),
      strange.map(({ field }) => field),
    );
  }
  const isUntouched = unmet.length > 0 && unmet.length === unmetFields(before, did, wanted).length;
  const meanwhile = isUntouched ? documentDifferences(before, raw) : [];
  if (meanwhile.length > 0) {
    // The file was made from what was there before, and would take this away again.
    const fields = meanwhile.map(({ field }) => field);
    throw changed(did, [`since it was looked at, this has changed: ${fields.slice(0, 5).join(", ")}`], fields);
  }
  return unmet;
}

function describe({ field, wanted, found }: FieldState): string {
  return `${field} is ${found ?? "missing"} and not ${wanted}`;
}

function changed(did: string, what: readonly string[], fields: readonly string[]): DecampError {
  return new DecampError(
    "refused",
    `${documentUrl(did)} is neither what it was nor what it has to be: ${what.join("; ")}.`,
    {
      hint: "If that is a mistake, mend it there. Then run the same command again: it looks at what is there, and makes the document anew from that.",
      data: { reason: "document-changed", did, fields },
    },
  );
}

function notPublished({ did, file }: Publication, why: string, unmet: readonly FieldState[]): DecampError {
  const url = documentUrl(did);
  return new DecampError("not-published", `${url} is not as it has to be so far: ${why}.`, {
    hint: `${file === undefined ? "Publish the document there" : `Publish ${file} there`}, then run the same command again: it goes on from there.`,
    data: { did, url, fields: unmet.map(({ field }) => field), ...(file === undefined ? {} : { file }) },
  });
}
