/**
 * Repositories whose records are broken in all ways, with the seed that makes each of them again. Reading a record must
 * end without an error, with no more refs than there is room for; and the verifier, wherever it meets a record, must
 * find the same blobs as whoever reads the records one by one.
 */
import { recordBlobRefs } from "../../../src/data/blob-refs.ts";
import { decodeCbor, encodeCbor } from "../../../src/data/cbor.ts";
import { CidLink, cidFor, parseCid } from "../../../src/data/cid.ts";
import { looseJson } from "../../../src/data/json.ts";
import { isDecampError } from "../../../src/errors.ts";
import { readBlobRefs } from "../../../src/repo/records.ts";
import { bytesSource } from "../../../src/repo/source.ts";
import { createRepoVerifier } from "../../../src/repo/verify.ts";
import { Records, assemble, good, ok, repo } from "../fixtures/fixture.ts";
import { makeRecords } from "../tools/account.ts";
import { Random } from "../tools/random.ts";

const recordsInOne = 20;

export interface RecordFuzzResult {
  records: number;
  /** Distinct blobs that were found, and records whose blobs are not known: to see that there is something to find. */
  blobs: number;
  unknown: number;
}

/** Changes a record in some places, or cuts it, or puts something into it. */
function damage(original: Uint8Array, random: Random): Buffer {
  let bytes = Buffer.from(original);
  for (let i = random.below(4); i > 0 && bytes.length > 0; i--) {
    const at = random.below(bytes.length);
    const piece = random.pick([
      "f93c00",
      "f7",
      "61ff",
      "9f",
      "bf",
      "ff",
      "7f",
      "c1",
      "1c",
      "d82a4101",
      "1801",
      "0101",
      "a0",
    ]);
    switch (random.below(5)) {
      case 0:
        bytes[at] = random.pick([0, 0x1c, 0x7f, 0x9f, 0xbf, 0xff, 0xc1, 0xf7, 0xfb, random.below(256)]);
        break;
      case 1:
        bytes = bytes.subarray(0, random.below(4) === 0 ? at : bytes.length);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(20))]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(piece, "hex"), bytes.subarray(at)]);
    }
  }
  return bytes;
}

/** A record with refs of both kinds, at a different place each time. */
function pictures(i: number): Uint8Array {
  const cid = cidFor("raw", Uint8Array.of(i & 255, i >> 8));
  const blob = { $type: "blob", ref: new CidLink(cid), mimeType: "image/png", size: i };
  const old = { cid: cidFor("raw", Uint8Array.of(i & 255, i >> 8, 1)), mimeType: "image/gif" };
  return encodeCbor({ $type: "app.example.pictures", a: i, list: [blob, { inner: [old] }], z: "end" });
}

/** Reads one record in all ways. @returns a sentence about what is wrong with that */
function readOne(bytes: Uint8Array): string | undefined {
  const { refs, isAll } = recordBlobRefs(bytes);
  if (refs.length > bytes.length / 36) {
    return `${refs.length} refs in ${bytes.length} bytes`;
  }
  looseJson(bytes);
  try {
    decodeCbor(bytes);
    return isAll ? undefined : "a good record whose blobs are not known";
  } catch (error) {
    return isDecampError(error, "damaged") ? undefined : String(error);
  }
}

/** Runs until `stop` says so, or there were so many repositories. @throws Error with the seed of what went wrong */
export async function fuzzRecords(seed: number, most: number, stop: () => boolean): Promise<RecordFuzzResult> {
  const random = new Random(seed);
  const pool = makeRecords(seed, 40).map(({ value }) => encodeCbor(value));
  const result: RecordFuzzResult = { records: 0, blobs: 0, unknown: 0 };
  for (let turn = 0; turn < most && !stop(); turn++) {
    const where = `seed ${seed}, repository ${turn}`;
    const records = new Records();
    for (let i = 0; i < recordsInOne; i++) {
      const bytes = damage(random.below(3) === 0 ? random.pick(pool) : pictures(random.below(500)), random);
      const wrong = readOne(bytes);
      if (wrong !== undefined) {
        throw new Error(`${where}: ${wrong}: ${bytes.toString("hex")}`);
      }
      records.addBytes(`app.example.note/${i}`, bytes);
    }
    const fixture = await repo("fuzz", "", ok, { records });
    const unknown = new Set<string>();
    const wanted = readBlobRefs(bytesSource(assemble(fixture, "as-made")), {
      onUnknown: ({ cid }) => unknown.add(cid),
    });
    // The verifier counts digests by their first 63 bits, and a CID that was damaged may have them in common with
    // another.
    const digests = new Set([...wanted.keys()].map((cid) => Buffer.from(parseCid(cid).digest).readBigUInt64BE() | 1n))
      .size;
    for (const order of ["as-made", "reversed", "random"] as const) {
      const car = assemble(fixture, order);
      for (const options of [{ source: bytesSource(car) }, {}]) {
        const verifier = createRepoVerifier(good, options);
        verifier.write(car);
        const { ok: isGood, blobs, findings } = verifier.end();
        const found = findings.filter(({ rule }) => rule === "record/blobs-unknown").map(({ cid }) => cid);
        if (!isGood || blobs.referenced !== digests || new Set(found).size !== unknown.size) {
          throw new Error(
            `${where}, ${order}: ${blobs.referenced} blobs and ${new Set(found).size} records that are not known, where there are ${digests} and ${unknown.size}.`,
          );
        }
      }
    }
    result.records += recordsInOne;
    result.blobs += wanted.size;
    result.unknown += unknown.size;
  }
  return result;
}
