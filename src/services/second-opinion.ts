/**
 * What cannot be taken back is looked at by somebody else's code, too: a maker that judges with its own code cannot see
 * its own fault. Where both do not agree, nothing goes on, and nothing is said about who is right. The other code is
 * loaded here and nowhere else, and only when it is asked.
 */
import { hash } from "node:crypto";
import type { Cid } from "../data/cid.ts";
import { DecampError, type ErrorData } from "../errors.ts";
import { findSigner, unsignedBytes, type PlcOperation } from "../plc/operation.ts";
import type { PrivateKey } from "../identity/private-key.ts";
import type { Upload } from "./upload.ts";

/** Loads what `agreeOnCar` needs. */
export async function loadCarReader(): Promise<void> {
  await import("@ipld/car/iterator");
}

/** Loads what `agreeOnOperation` needs. */
export async function loadOperationJudges(): Promise<void> {
  await Promise.all([import("@ipld/dag-cbor"), import("@atproto/crypto")]);
}

/**
 * Has the did:key of a private key derived by `@atproto/crypto`.
 *
 * @throws DecampError `second-opinion` if it is another one
 */
export async function agreeOnKey(key: Pick<PrivateKey, "curve" | "didKey" | "reveal">): Promise<void> {
  const { multibaseToBytes, P256Keypair, Secp256k1Keypair } = await import("@atproto/crypto");
  const Keypair = { k256: Secp256k1Keypair, p256: P256Keypair }[key.curve];
  let theirs: string | undefined;
  try {
    // Two bytes say which curve it is.
    theirs = (await Keypair.import(multibaseToBytes(key.reveal()).slice(2))).did();
  } catch {
    // What was thrown may repeat the key.
  }
  if (theirs !== key.didKey) {
    const other = theirs === undefined ? "cannot read it" : `derives ${theirs}`;
    throw differ("key", `The public part of a key: decamp derives ${key.didKey}, and @atproto/crypto ${other}.`, {
      ours: key.didKey,
      theirs,
    });
  }
}

/**
 * Has a signature that is good verified by `@atproto/crypto`.
 *
 * @param signature 64 bytes r‖s, S in the lower half
 * @throws DecampError `second-opinion` if it does not find it good
 */
export async function agreeOnSignature(didKey: string, data: Uint8Array, signature: Uint8Array): Promise<void> {
  if (!(await isGood(didKey, data, signature))) {
    throw differ("signature", `A signature by ${didKey}: decamp finds it good, and @atproto/crypto does not.`, {
      ours: didKey,
    });
  }
}

/**
 * Has a signed operation encoded by `@ipld/dag-cbor`, and its signature verified by `@atproto/crypto`.
 *
 * @param cid that of the operation, for messages
 * @param keys those that may sign it
 * @throws DecampError `second-opinion` if the bytes, or the key that signed, are not what decamp finds; or if neither
 *   finds one
 */
export async function agreeOnOperation(operation: PlcOperation, cid: Cid, keys: readonly string[]): Promise<void> {
  const [{ encode }, { multibaseToBytes }] = await Promise.all([import("@ipld/dag-cbor"), import("@atproto/crypto")]);
  const { sig, ...unsigned } = operation;
  let bytes: Uint8Array | undefined;
  let signature: Uint8Array | undefined;
  try {
    bytes = encode(unsigned);
    signature = multibaseToBytes(`u${sig}`);
  } catch {
    // stays undefined, and is no agreement
  }
  if (bytes === undefined || Buffer.compare(bytes, unsignedBytes(operation)) !== 0) {
    throw differ("operation", `The bytes of the operation ${cid}: decamp and @ipld/dag-cbor do not encode it alike.`, {
      cid,
    });
  }
  const ours = findSigner(operation, keys);
  let theirs: string | undefined;
  for (const key of keys) {
    if (signature !== undefined && (await isGood(key, bytes, signature))) {
      theirs = key;
      break;
    }
  }
  if (ours === undefined || ours !== theirs) {
    throw differ(
      "signature",
      `The signature of the operation ${cid}: by ${nameOf(ours)} for decamp, by ${nameOf(theirs)} for @atproto/crypto.`,
      { cid, ours, theirs },
    );
  }
}

/**
 * Has a CAR file read by `@ipld/car`: one root, its block among the others, every block with the SHA-256 that its CID
 * names, and nothing left over. In memory is one block at a time.
 *
 * @param root the CID that the header has to name
 * @throws DecampError `second-opinion`; the signal's reason; and what reading throws
 */
export async function agreeOnCar({ length, open }: Upload, root: Cid, signal: AbortSignal): Promise<void> {
  const { CarBlockIterator } = await import("@ipld/car/iterator");
  const stream = open();
  const source = new Pieces(stream);
  let fault: string | undefined;
  try {
    const car = await CarBlockIterator.fromIterable(source);
    const roots = (await car.getRoots()).map(String);
    let hasRoot = false;
    fault = roots.length === 1 && roots[0] === root ? undefined : `names the roots ${roots.join(", ")}, not ${root}`;
    for await (const { cid, bytes } of car) {
      signal.throwIfAborted();
      const { code, digest } = cid.multihash;
      if (!codecs.has(cid.code)) {
        fault ??= `has a block of another kind than a repository has: ${cid.toString()}`;
      }
      if (code !== sha256 || Buffer.compare(hash("sha256", bytes, "buffer"), digest) !== 0) {
        fault ??= `has a block that is not what its CID says: ${cid.toString()}`;
      }
      hasRoot ||= cid.toString() === root;
    }
    fault ??= hasRoot ? undefined : `does not have the block of its root ${root}`;
    fault ??= source.bytes === length ? undefined : `has ${source.bytes} bytes, not ${length}`;
  } catch (error) {
    signal.throwIfAborted();
    if (source.failed || !(error instanceof Error)) {
      throw error;
    }
    fault = `cannot be read: ${error.message}`;
  } finally {
    stream.destroy();
  }
  if (fault !== undefined) {
    throw differ("car", `A CAR file that decamp was about to send: as @ipld/car reads it, it ${fault}.`, { root });
  }
}

/** The multicodecs of SHA-256, and of the two kinds of blocks: DAG-CBOR and bytes. */
const sha256 = 0x12;
const codecs: ReadonlySet<number> = new Set([0x71, 0x55]);

/** What a stream carries, counted; and whether it was the stream that failed. */
class Pieces implements AsyncIterable<Uint8Array> {
  bytes = 0;
  failed = false;
  readonly #stream: AsyncIterable<Uint8Array>;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#stream = stream;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of this.#stream) {
        this.bytes += piece.length;
        yield piece;
      }
    } catch (error) {
      this.failed = true;
      throw error;
    }
  }
}

async function isGood(didKey: string, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const { verifySignature } = await import("@atproto/crypto");
  try {
    return signature.length === 64 && (await verifySignature(didKey, data, signature));
  } catch {
    return false;
  }
}

function nameOf(didKey: string | undefined): string {
  return didKey ?? "none of the keys that may sign it";
}

function differ(about: "key" | "signature" | "operation" | "car", message: string, data: ErrorData): DecampError {
  return new DecampError("second-opinion", message, { data: { about, ...data } });
}
