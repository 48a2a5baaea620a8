/**
 * Answers that come compressed. decamp asks for none of it; some servers, and what stands before them, do it all the
 * same.
 *
 * Tricky bits:
 * - Whoever reads the body gets, and counts, what it unfolds to, a piece at a time; nothing is unfolded ahead of the
 *   reader.
 * - What unfolds to nothing would never reach a reader who counts, so much that gives little is given up here.
 * - A body without a byte is empty, whatever it is called.
 */

import { Transform, pipeline, type Readable } from "node:stream";
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { DecampError } from "../../errors.ts";
import { discardBody, type HttpAnswer } from "./http-answer.ts";

/** The largest window of zstd, as a power of two: what RFC 9659 allows over HTTP. */
const zstdWindow = 23;
/** So many encodings may lie around each other. */
const mostLayers = 3;
/** What is compressed is smaller than what it unfolds to, give or take so many bytes and a tenth. */
const slack = 1 << 20;

/** Bytes of a piece that comes out: fewer make more work. */
const chunkSize = 1 << 16;

const decoders: Readonly<Partial<Record<string, () => Transform>>> = {
  gzip: () => createGunzip({ chunkSize }),
  "x-gzip": () => createGunzip({ chunkSize }),
  deflate: () => createInflate({ chunkSize }),
  br: () => createBrotliDecompress({ chunkSize }),
  zstd: () => createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: zstdWindow } }),
};

/**
 * The answer with its body as it was before it was compressed.
 *
 * @throws DecampError `bad-answer` for an encoding that decamp does not read, and for more than three of them
 */
export function unfold(answer: HttpAnswer, url: URL): HttpAnswer {
  const { "content-encoding": encoding, "content-length": length, ...rest } = answer.headers;
  const names = [
    ...codings(encoding),
    ...codings(answer.headers["transfer-encoding"]).filter((name) => name !== "chunked"),
  ];
  if (names.length === 0 || length === "0" || answer.status === 204 || answer.status === 304) {
    return answer;
  }
  const made = codings(encoding).map((name) => (Object.hasOwn(decoders, name) ? decoders[name] : undefined));
  if (names.length > made.length || made.includes(undefined) || made.length > mostLayers) {
    discardBody(answer.body);
    throw new DecampError(
      "bad-answer",
      `${url.host} answered in an encoding that decamp does not read: ${names.join(", ").slice(0, 80)}.`,
      { data: { host: url.host, status: answer.status } },
    );
  }
  return { ...answer, headers: rest, body: through(answer.body, made.toReversed(), url) };
}

function codings(header: string | undefined): string[] {
  return (header ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity");
}

function through(body: Readable, made: readonly ((() => Transform) | undefined)[], url: URL): Readable {
  let came = 0;
  let given = 0;
  const before = new Transform({
    transform(piece: Uint8Array, _encoding, done): void {
      came += piece.length;
      done(
        came > given * 1.1 + slack
          ? new DecampError("bad-answer", `${url.host} sends much that unfolds to nothing.`)
          : null,
        piece,
      );
    },
  });
  const after = new Transform({
    transform(piece: Uint8Array, _encoding, done): void {
      given += piece.length;
      done(null, piece);
    },
  });
  const stages = made.map((make) => orEmpty(make!()));
  // An error of any of them ends all; whoever reads the last one gets it.
  return [before, ...stages, after].reduce<Readable>((from, to) => pipeline(from, to, () => undefined), body);
}

/** A decoder for which no byte at all is no error. */
function orEmpty(decoder: Transform & { readonly bytesWritten?: number }): Transform {
  // oxlint-disable no-underscore-dangle -- what Node asks at the end of the input
  const flush = decoder._flush.bind(decoder);
  decoder._flush = (done) => (decoder.bytesWritten === 0 ? done() : flush(done));
  // oxlint-enable no-underscore-dangle
  return decoder;
}
