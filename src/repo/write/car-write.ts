/** Writing CAR files, version 1. (Spec: Repository, "CAR File".) Reading is `car.ts`. */
import { encodeCbor } from "../../data/cbor.ts";
import { CidLink, type Cid } from "../../data/cid.ts";

/** A block to write. */
export interface CarBlock {
  /** The CID, 36 bytes. */
  cid: Uint8Array;
  data: Uint8Array;
}

/** So many bytes are gathered before they are handed over. */
const defaultPiece = 1 << 18;

/**
 * A CAR file in pieces, with one root and the blocks in the order in which they come. Nothing is hashed or judged here.
 *
 * @param blocks their memory is used only until the next one is asked for
 * @param pieceBytes about so many bytes are in a piece; a larger block makes a larger piece
 * @returns pieces whose memory is the receiver's until it asks for the next one
 */
export function* writeCar(
  root: Cid,
  blocks: Iterable<CarBlock>,
  pieceBytes: number = defaultPiece,
): Generator<Uint8Array, void> {
  const header = encodeCbor({ roots: [new CidLink(root)], version: 1 });
  let piece = new Uint8Array(Math.max(pieceBytes, header.length + maxVarint));
  let filled = putVarint(piece, 0, header.length);
  piece.set(header, filled);
  filled += header.length;
  for (const { cid, data } of blocks) {
    const length = cid.length + data.length;
    if (filled + maxVarint + length > piece.length) {
      yield piece.subarray(0, filled);
      filled = 0;
      if (maxVarint + length > piece.length) {
        piece = new Uint8Array(maxVarint + length);
      }
    }
    filled = putVarint(piece, filled, length);
    piece.set(cid, filled);
    piece.set(data, filled + cid.length);
    filled += length;
  }
  yield piece.subarray(0, filled);
}

/** A number below 2^53 takes no more than so many bytes. */
const maxVarint = 8;

/** Writes an unsigned LEB128 number in its shortest form. @returns where the next byte goes */
function putVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let left = value;
  while (left >= 0x80) {
    bytes[at++] = (left % 0x80) | 0x80;
    left = Math.floor(left / 0x80);
  }
  bytes[at++] = left;
  return at;
}
