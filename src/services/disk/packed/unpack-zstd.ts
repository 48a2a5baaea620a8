/**
 * What is compressed with Zstandard, unpacked as it comes. One frame is taken, whole, with nothing behind it: what is
 * more, or less, is damaged or was made by somebody else, and no version of Node.js finds all of that by itself.
 */
import { pipeline, Readable } from "node:stream";
import { promisify } from "node:util";
import { constants, createZstdDecompress } from "node:zlib";
import { overLimit, type Limits } from "../../../data/budgets.ts";
import { FrameScan, windowLog } from "../../../data/zstd-frame.ts";
import { DecampError } from "../../../errors.ts";
import { systemCode } from "../../system-error.ts";

export interface UnpackBounds {
  readonly limits: Limits;
  /** How many bytes have to come out, if that is known. */
  readonly size?: number | undefined;
  /** How many bytes are compressed, if that is known beforehand; else those count that have come. */
  readonly packedSize?: number | undefined;
}

/** So much comes out at a time (bytes). */
const pieceSize = 1 << 17;
/** The decoder takes no smaller bound for its window than this power of two. */
const leastWindow = 10;

/**
 * Unpacks what is compressed.
 *
 * @param packed what is compressed, from its first byte on
 * @param name what it is, for messages
 * @throws DecampError `damaged` where it is no frame, is cut off, has something behind it, or is not of `size`;
 *   `limit-exceeded` where it is larger than `packedRatio` allows, or takes more memory than `packedWindow`; what
 *   `packed` throws
 */
export async function* unpack(
  packed: AsyncIterable<Uint8Array>,
  name: string,
  { limits, size, packedSize }: UnpackBounds,
): AsyncGenerator<Uint8Array> {
  let came = 0;
  const frame = async function* (): AsyncGenerator<Uint8Array> {
    const scan = new FrameScan(name, limits);
    for await (const piece of packed) {
      const taken = scan.look(piece);
      came += piece.length;
      if (taken > 0) {
        yield piece.subarray(0, taken);
      }
      if (taken < piece.length) {
        throw new DecampError("damaged", `${name} has something behind the compressed data.`, {
          hint: "If it was put together of several files, unpack it with zstd -d, and give the CAR file.",
        });
      }
    }
    if (!scan.ended) {
      throw damaged(`${name} is cut off`);
    }
  };
  const params = { [constants.ZSTD_d_windowLogMax]: Math.max(windowLog(limits), leastWindow) };
  const decoder = createZstdDecompress({ params, chunkSize: pieceSize });
  const fed = promisify(pipeline)(Readable.from(frame()), decoder);
  fed.catch(() => undefined);
  let unpacked = 0;
  try {
    for await (const piece of decoder as AsyncIterable<Uint8Array>) {
      unpacked += piece.length;
      if (size !== undefined && unpacked > size) {
        throw damaged(`${name} unpacks to more than the ${size} bytes that it should have`);
      }
      if (unpacked > limits.packedRatio * (packedSize ?? came)) {
        throw overLimit("packedRatio", `${name} unpacks to`, limits.packedRatio, "times its size");
      }
      yield piece;
    }
    await fed;
  } catch (error) {
    throw /^(?:Z_|ZSTD_)/.test(systemCode(error) ?? "") ? damaged(`${name} cannot be unpacked`, error) : error;
  } finally {
    decoder.destroy();
    await fed.catch(() => undefined);
  }
  if (size !== undefined && unpacked < size) {
    throw damaged(`${name} unpacks to ${unpacked} bytes, and should have ${size}`);
  }
}

function damaged(what: string, cause?: unknown): DecampError {
  return new DecampError("damaged", `${what}.`, { cause });
}
