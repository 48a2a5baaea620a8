/** What a server sends that is too large to be held: a stream of bytes. */
import type { Limits } from "../../data/budgets.ts";

/** A body on its way: read it to the end. */
export interface Download {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Bytes, if the server announces them. */
  readonly length?: number;
  readonly mimeType?: string;
  /** The limits of this run; the defaults, unless given. */
  readonly limits?: Limits;
}

/**
 * Its first bytes: `least`, and the rest of the piece that they end in; fewer if there are no more. Nothing else is
 * read.
 */
export async function readStart({ bytes }: Download, least: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of bytes) {
    pieces.push(piece);
    size += piece.length;
    if (size >= least) {
      break;
    }
  }
  return Buffer.concat(pieces);
}
