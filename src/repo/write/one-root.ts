/** A repository whose header names more than one root, for servers that take only one. */
import { encodeCbor } from "../../data/cbor.ts";
import { CidLink } from "../../data/cid.ts";
import { parseCarHeader, readVarint } from "../car.ts";
import { defaultLimits } from "../limits.ts";
import type { RepoSource } from "../source.ts";

/** A header with one root, and where the sections start that have to follow it. */
export interface NewHeader {
  readonly header: Uint8Array;
  /** In bytes from the start of the file. */
  readonly sectionsAt: number;
}

/** Undefined if the file needs none: it names one root, or is no CAR file. */
export function oneRootHeader(source: RepoSource): NewHeader | undefined {
  const start = Buffer.from(source.read(0, 10));
  const size = readVarint(start, 0, start.length);
  if (typeof size === "string" || size.value > defaultLimits.headerBytes) {
    return undefined;
  }
  const header = parseCarHeader(Buffer.from(source.read(size.length, size.value)));
  if (typeof header === "string" || header.others.length === 0) {
    return undefined;
  }
  const bytes = encodeCbor({ roots: [new CidLink(header.root)], version: 1 });
  // A header with one root has fewer than 128 bytes.
  return { header: Buffer.concat([Uint8Array.of(bytes.length), bytes]), sectionsAt: size.length + size.value };
}
