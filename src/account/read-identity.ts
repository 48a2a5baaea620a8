/** The identity of an account as the directory has it, judged before anything is believed. */

import { DecampError } from "../errors.ts";
import { parseDidDocument, type DidDocument } from "../identity/did-document.ts";
import type { VerifiedLog } from "../plc/log.ts";
import { noHandle } from "../identity/names.ts";
import { documentAgrees } from "../plc/document.ts";
import { normalizeOperation, type UnsignedOperation } from "../plc/operation.ts";
import { whileItLags } from "./lag.ts";
import { readLog } from "./read-log.ts";
import type { LogServices } from "./services.ts";

/** The account, as the directory and the verified log have it. */
export interface Identity {
  readonly did: string;
  /** The handle that the document claims now; `handle.invalid` if it claims none. */
  readonly handle: string;
  readonly document: DidDocument;
  readonly log: VerifiedLog;
  readonly rawLog: unknown;
}

/**
 * Reads and verifies the audit log, and checks that the document says the same as its head.
 *
 * @throws DecampError `identity-invalid` for a log that does not verify or lost the head that was seen last, a
 *   tombstone, or a document that contradicts the log; `account-not-found`, and what the services throw
 */
export async function readIdentity(services: LogServices, did: string, signal: AbortSignal): Promise<Identity> {
  return whileItLags(services, signal, async (last) => {
    const { log, rawLog } = await readLog(services, did, signal);
    const { operation } = log.head;
    if (operation.type === "plc_tombstone") {
      throw new DecampError("identity-invalid", `${did} was given up: its last operation is a tombstone.`, {
        hint: "Within 72 hours a rotation key that stands above its signer can undo that: see decamp plc recover.",
        data: { did, state: "tombstone" },
      });
    }
    const document = await askDocument(services, did, normalizeOperation(operation), last, signal);
    if (document === undefined) {
      return undefined;
    }
    return { did, handle: document.handle ?? noHandle, document, log, rawLog };
  });
}

/**
 * Reads the DID document of an account whose log is verified. One that lags behind the log is asked for again.
 *
 * @param content what the head of the log says
 * @throws DecampError `identity-invalid` if the document contradicts it, and what the services throw
 */
export async function readDocument(
  services: Pick<LogServices, "directory" | "sleep">,
  did: string,
  content: UnsignedOperation,
  signal: AbortSignal,
): Promise<DidDocument> {
  return whileItLags(services, signal, async (last) => askDocument(services, did, content, last, signal));
}

/** The document if it says what the log says; undefined for one that may lag. */
async function askDocument(
  { directory }: Pick<LogServices, "directory">,
  did: string,
  content: UnsignedOperation,
  last: boolean,
  signal: AbortSignal,
): Promise<DidDocument | undefined> {
  const document = parseDidDocument(await directory.document(did, signal), did);
  if (documentAgrees(document, content)) {
    return document;
  }
  if (last) {
    throw new DecampError("identity-invalid", `The DID document of ${did} contradicts the log of its operations.`, {
      data: { rule: "did-document/contradiction", did },
    });
  }
  return undefined;
}
