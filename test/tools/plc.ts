/**
 * Makes PLC operations and audit logs for tests. Keys come from their names, signatures are deterministic, and bytes
 * and CIDs are made by other libraries than decamp's own code: the same call always gives the same log.
 */
import { createHash } from "node:crypto";
import { P256Keypair, Secp256k1Keypair } from "@atproto/crypto";
import * as dagCbor from "@ipld/dag-cbor";
import { base32 } from "multiformats/bases/base32";
import { CID } from "multiformats/cid";
import { create } from "multiformats/hashes/digest";

export interface TestKey {
  readonly did: string;
  sign(data: Uint8Array): Promise<Uint8Array>;
}

export type Json = { readonly [field: string]: unknown };

export interface TestEntry {
  readonly did: string;
  readonly operation: Json;
  readonly cid: string;
  readonly nullified: boolean;
  readonly createdAt: string;
}

/** The key pair that belongs to a name. */
export async function testKey(name: string, curve: "k256" | "p256" = "k256"): Promise<TestKey> {
  const secret = createHash("sha256").update(`decamp test key ${name}`).digest();
  const pair = curve === "k256" ? await Secp256k1Keypair.import(secret) : await P256Keypair.import(secret);
  return { did: pair.did(), sign: (data) => pair.sign(data) };
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

export function testCid(value: unknown): string {
  return CID.createV1(dagCbor.code, create(0x12, sha256(dagCbor.encode(value)))).toString();
}

export function testDid(genesis: unknown): string {
  return `did:plc:${base32.baseEncode(sha256(dagCbor.encode(genesis))).slice(0, 24)}`;
}

/** An operation signed by a key. A signature that it has already is left out and replaced. */
export async function signed<T extends Json>(operation: T, key: TestKey): Promise<T & { sig: string }> {
  const unsigned = { ...operation };
  delete (unsigned as { sig?: unknown })["sig"];
  const signature = await key.sign(dagCbor.encode(unsigned));
  return { ...unsigned, sig: Buffer.from(signature).toString("base64url") };
}

export interface Content extends Json {
  readonly rotationKeys: readonly string[];
  readonly verificationMethods: Readonly<Record<string, string>>;
  readonly alsoKnownAs: readonly string[];
  readonly services: Readonly<Record<string, { type: string; endpoint: string }>>;
}

/** An unsigned operation as an account on a usual server has it, with what is given in place of the usual. */
export function operation(
  prev: string | null,
  content: Partial<Content> & Json,
): Content & { type: string; prev: string | null } {
  return {
    type: "plc_operation",
    rotationKeys: [],
    verificationMethods: {},
    alsoKnownAs: ["at://alice.example.com"],
    services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://old.example.com" } },
    prev,
    ...content,
  };
}

/** A time, as the directory writes it, this many milliseconds after the beginning of the test logs. */
export function at(milliseconds: number): string {
  return new Date(Date.UTC(2026, 0, 5, 12) + milliseconds).toISOString();
}

export const hour: number = 60 * 60 * 1000;

/** An audit log of signed operations, an hour apart unless times are given. */
export function auditLog(
  operations: readonly Json[],
  options: { times?: readonly number[]; nullified?: readonly number[]; did?: string } = {},
): TestEntry[] {
  const did = options.did ?? testDid(operations[0]);
  return operations.map((operation, index) => ({
    did,
    operation,
    cid: testCid(operation),
    nullified: options.nullified?.includes(index) ?? false,
    createdAt: at(options.times?.[index] ?? index * hour),
  }));
}

const orders = {
  k256: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
  p256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
};

/** The other signature that ECDSA allows for the same data: S replaced by n − S. */
export function withHighS(sig: string, curve: "k256" | "p256"): string {
  const bytes = Buffer.from(sig, "base64url");
  const s = orders[curve] - BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  const flipped = Buffer.from(s.toString(16).padStart(64, "0"), "hex");
  return Buffer.concat([bytes.subarray(0, 32), flipped]).toString("base64url");
}

/** The same 64 bytes for a decoder that ignores the bits that are left over. */
export function withBitsLeftOver(sig: string): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return sig.slice(0, 85) + letters.charAt(letters.indexOf(sig.charAt(85)) + 1);
}

/** The same signature in DER, as most software writes it. */
export function inDer(sig: string): string {
  const bytes = Buffer.from(sig, "base64url");
  const body = Buffer.concat([bytes.subarray(0, 32), bytes.subarray(32)].map((half) => derInteger(half)));
  return Buffer.concat([Buffer.of(0x30, body.length), body]).toString("base64url");
}

function derInteger(half: Buffer): Buffer {
  const trimmed = half.subarray(half.findIndex((byte) => byte !== 0));
  const digits = trimmed[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), trimmed]) : trimmed;
  return Buffer.concat([Buffer.of(2, digits.length), digits]);
}

/** An operation of a log: the rotation keys after it, who signed it, and what else it changed. */
export interface TestStep {
  readonly keys: readonly TestKey[];
  readonly by: TestKey;
  readonly change?: Json;
}

/** The entries of a log of operations that follow each other, an hour apart. */
export async function logOf(steps: readonly TestStep[]): Promise<TestEntry[]> {
  const operations: Json[] = [];
  for (const { keys, by, change = {} } of steps) {
    const last = operations.at(-1);
    const rotationKeys = keys.map((key) => key.did);
    operations.push(
      await signed(operation(last === undefined ? null : testCid(last), { rotationKeys, ...change }), by),
    );
  }
  return auditLog(operations);
}

/** The services of an account at a server. */
export function servedAt(endpoint: string): Pick<Content, "services"> {
  return { services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint } } };
}
