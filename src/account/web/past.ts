/**
 * What is known of the past of an account. Of a did:plc the verified log says it all. A did:web has a document, which
 * says how it is now and was changed without a trace; of before, this machine knows what it remembers, and that may be
 * a part. So of a did:web no answer about the past is taken as a no.
 */

import type { VerifiedLog } from "../../plc/log.ts";

/** A move of a did:web that this machine remembers. */
export interface WebMove {
  /** Origins. */
  readonly source: string;
  readonly target: string;
  /** Whether the target said that it has no such account, right before this move made one there. */
  readonly made: boolean;
  /** Whether the document was seen to name the target. */
  readonly published: boolean;
}

/** What is known of a did:web. */
export interface WebPast {
  readonly did: string;
  /** Origin of the server that the document names; undefined if it names none that can be used. */
  readonly home: string | undefined;
  /** did:keys: that of the document first, then those that this machine remembers. */
  readonly signingKeys: readonly string[];
  readonly moves: readonly WebMove[];
  /** Only a log has operations. */
  readonly entries?: undefined;
}

/** The past of an account, whatever its identity. */
export type Past = VerifiedLog | WebPast;

/** Whether it is that of a did:web. */
export function isWebPast(past: Past): past is WebPast {
  return past.entries === undefined;
}

/** Whether this machine remembers that the account has lived at a server. */
export function isRememberedAt({ home, moves }: WebPast, origin: string): boolean {
  return (
    home === origin ||
    moves.some(({ source, target, published }) => source === origin || (published && target === origin))
  );
}

/** Whether an account at a server is known to be a copy that a move has made, and nothing more. */
export function isKnownCopy(past: WebPast, origin: string): boolean {
  return !isRememberedAt(past, origin) && past.moves.some(({ target, made }) => made && target === origin);
}
