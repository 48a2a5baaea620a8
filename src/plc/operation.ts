/**
 * PLC operations: their three forms, their bytes, their signatures (did:plc specification, "Operation Serialization,
 * Signing, and Validation"). Reading is strict: no field may be missing, and none may be added, since what a reader
 * drops would not be in the hash.
 */
import { encodeBase32, cidFor, parseCid } from "../data/cid.ts";
import type { Cid } from "../data/cid.ts";
import { encodeCbor } from "../data/cbor.ts";
import type { CborValue } from "../data/cbor.ts";
import { defaultBudgets, overLimit, type Limits } from "../data/budgets.ts";
import { isJsonObject } from "../data/json-object.ts";
import { DecampError } from "../errors.ts";
import { concealKeys, shownKey } from "../identity/key-guard.ts";
import { parseDidKey, verifySignature } from "../identity/keys.ts";

/** A service of an identity, such as its PDS. */
export type PlcService = { readonly type: string; readonly endpoint: string };

/** An operation before it is signed: the whole state that the DID has after it. */
export type UnsignedOperation = {
  readonly type: "plc_operation";
  /** did:keys that may sign the next operation, the most powerful first. */
  readonly rotationKeys: readonly string[];
  readonly verificationMethods: Readonly<Record<string, string>>;
  readonly alsoKnownAs: readonly string[];
  readonly services: Readonly<Record<string, PlcService>>;
  /** CID of the operation that this one follows; null only in the genesis. */
  readonly prev: Cid | null;
};

/** A signed operation. */
export type PlcOperation = UnsignedOperation & { readonly sig: string };

/** The end of a DID. */
export type PlcTombstone = { readonly type: "plc_tombstone"; readonly prev: Cid; readonly sig: string };

/** The form of the first genesis operations. It is no longer made, but many logs begin with one. */
export type LegacyCreate = {
  readonly type: "create";
  readonly signingKey: string;
  readonly recoveryKey: string;
  readonly handle: string;
  readonly service: string;
  readonly prev: null;
  readonly sig: string;
};

/** A signed operation of any of the three types. */
export type SignedOperation = PlcOperation | PlcTombstone | LegacyCreate;

const fields: Record<SignedOperation["type"], readonly string[]> = {
  plc_operation: ["type", "rotationKeys", "verificationMethods", "alsoKnownAs", "services", "prev", "sig"],
  plc_tombstone: ["type", "prev", "sig"],
  create: ["type", "signingKey", "recoveryKey", "handle", "service", "prev", "sig"],
};

/**
 * Reads a signed operation of any of the three types. The form is judged, and not whether the signature is true.
 *
 * @param value the parsed JSON
 * @param limits how much it may hold
 * @throws DecampError `identity-invalid`, with data `rule`: `plc/schema`, `plc/rotation-key`,
 *   `plc/verification-method`,
 * `plc/signature-form`; `limit-exceeded` for one that is larger than the limits `operationEntries` and `operationBytes`
 */
export function parseSignedOperation(value: unknown, limits: Limits = defaultBudgets): SignedOperation {
  const operation = parseSigned(value, limits);
  if (operationBytes(operation).length > limits.operationBytes) {
    throw overLimit("operationBytes", "A PLC operation has", limits.operationBytes, "bytes");
  }
  return operation;
}

function parseSigned(value: unknown, limits: Limits): SignedOperation {
  if (!isJsonObject(value)) {
    throw broken("plc/schema", "A PLC operation is not a JSON object.");
  }
  const type = value["type"];
  if (type !== "plc_operation" && type !== "plc_tombstone" && type !== "create") {
    throw broken("plc/schema", `A PLC operation has no type that is known: ${show(type)}.`);
  }
  requireFields(value, fields[type], type);
  const sig = text(value, "sig");
  if (decodeSignature(sig) === undefined) {
    throw broken(
      "plc/signature-form",
      "A signature is not 64 bytes in base64url, unpadded and with zero trailing bits.",
    );
  }
  if (type === "plc_tombstone") {
    return { type, prev: text(value, "prev"), sig };
  }
  return type === "create" ? parseCreate(value, sig) : { ...parseContent(value, limits), sig };
}

/**
 * Reads an operation that is not signed yet, such as one that a person has edited.
 *
 * @param value the parsed JSON
 * @throws DecampError `identity-invalid` as `parseSignedOperation`
 */
export function parseUnsignedOperation(value: unknown): UnsignedOperation {
  if (!isJsonObject(value) || value["type"] !== "plc_operation") {
    throw broken("plc/schema", "This is no PLC operation: an object whose type is plc_operation.");
  }
  requireFields(
    value,
    fields.plc_operation.filter((field) => field !== "sig"),
    "plc_operation that is not signed yet",
  );
  return parseContent(value, defaultBudgets);
}

/** How many entries there are is looked at before any of them is. */
function parseContent(value: Record<string, unknown>, { operationEntries: most }: Limits): UnsignedOperation {
  for (const field of ["rotationKeys", "verificationMethods", "alsoKnownAs", "services"]) {
    const entries = value[field];
    if (typeof entries === "object" && entries !== null && Object.keys(entries).length > most) {
      throw overLimit("operationEntries", `A PLC operation has under ${field}`, most, "entries");
    }
  }
  const operation: UnsignedOperation = {
    type: "plc_operation",
    rotationKeys: texts(value, "rotationKeys"),
    verificationMethods: map(value, "verificationMethods", (key, id) => textOf(key, id)),
    alsoKnownAs: texts(value, "alsoKnownAs"),
    services: map(value, "services", parseService),
    prev: value["prev"] === null ? null : text(value, "prev"),
  };
  requireKeys(operation.rotationKeys, operation.verificationMethods);
  return operation;
}

function parseCreate(value: Record<string, unknown>, sig: string): LegacyCreate {
  if (value["prev"] !== null) {
    throw broken("plc/schema", "A legacy create operation has a prev.");
  }
  const signingKey = text(value, "signingKey");
  const recoveryKey = text(value, "recoveryKey");
  requireKeys([recoveryKey, signingKey], {});
  const handle = text(value, "handle");
  return { type: "create", signingKey, recoveryKey, handle, service: text(value, "service"), prev: null, sig };
}

/** The CBOR of an operation just as it is given, signature included: what its CID is the hash of. */
export function operationBytes(operation: SignedOperation | UnsignedOperation): Uint8Array {
  return encodeCbor(plain(operation));
}

/** The CBOR of an operation without its signature: what is signed. `prev` is a string in it, and not a link. */
export function unsignedBytes(operation: SignedOperation | UnsignedOperation): Uint8Array {
  return encodeCbor(plain(Object.fromEntries(Object.entries(operation).filter(([key]) => key !== "sig"))));
}

/** The CID of a signed operation. */
export function operationCid(operation: SignedOperation): Cid {
  return cidFor("dag-cbor", operationBytes(operation));
}

/** The CID of what an operation says, without its signature: known before anybody has signed it. */
export function contentCid(operation: SignedOperation | UnsignedOperation): Cid {
  return cidFor("dag-cbor", unsignedBytes(operation));
}

/** The DID that a genesis operation founds: `did:plc:` and the first 24 letters of the base32 of its hash. */
export function didOfGenesis(genesis: SignedOperation): string {
  return `did:plc:${encodeBase32(parseCid(operationCid(genesis)).digest).slice(0, 24)}`;
}

/** The first of the keys that the operation is signed with, or undefined if it is none of them. */
export function findSigner(operation: SignedOperation, didKeys: readonly string[]): string | undefined {
  const signature = decodeSignature(operation.sig);
  if (signature === undefined) {
    return undefined;
  }
  const data = unsignedBytes(operation);
  return didKeys.find((key) => verifySignature(key, data, signature));
}

/**
 * What an operation says in today's form, without its signature. A legacy create gets `recoveryKey` and `signingKey` as
 * rotation keys, in this order. The CID and the signature are always those of the original.
 */
export function normalizeOperation(operation: PlcOperation | LegacyCreate | UnsignedOperation): UnsignedOperation {
  if (operation.type === "plc_operation") {
    const { type, rotationKeys, verificationMethods, alsoKnownAs, services, prev } = operation;
    return { type, rotationKeys, verificationMethods, alsoKnownAs, services, prev };
  }
  const { recoveryKey, signingKey, handle, service } = operation;
  return {
    type: "plc_operation",
    rotationKeys: [recoveryKey, signingKey],
    verificationMethods: { atproto: signingKey },
    alsoKnownAs: [handle.startsWith("at://") ? handle : `at://${handle.replace(/^https?:\/\//, "")}`],
    services: {
      atproto_pds: {
        type: "AtprotoPersonalDataServer",
        endpoint: /^https?:\/\//.test(service) ? service : `https://${service}`,
      },
    },
    prev: null,
  };
}

/** What an operation says in today's form; undefined for a tombstone, which says nothing. */
export function contentOf(operation: SignedOperation | UnsignedOperation): UnsignedOperation | undefined {
  return operation.type === "plc_tombstone" ? undefined : normalizeOperation(operation);
}

/** The keys that may sign what follows an operation, the most powerful first. None follow a tombstone. */
export function rotationKeysOf(operation: SignedOperation): readonly string[] {
  return contentOf(operation)?.rotationKeys ?? [];
}

/** The 64 bytes of a signature, or undefined if the text is not their one spelling. */
export function decodeSignature(sig: string): Uint8Array | undefined {
  // 512 bits are 85 letters and two bits: the last letter can be one of four
  return /^[A-Za-z0-9_-]{85}[AQgw]$/.test(sig) ? new Uint8Array(Buffer.from(sig, "base64url")) : undefined;
}

type Plain = string | null | readonly Plain[] | { readonly [key: string]: Plain };

function plain(value: Plain): CborValue {
  if (typeof value === "string" || value === null) {
    return value;
  }
  if (isList(value)) {
    return value.map((item) => plain(item));
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value);
}

function parseService(value: unknown, id: string): PlcService {
  if (!isJsonObject(value)) {
    throw broken("plc/schema", `The service ${show(id)} is not an object.`);
  }
  requireFields(value, ["type", "endpoint"], `service ${show(id)}`);
  return { type: text(value, "type"), endpoint: text(value, "endpoint") };
}

function requireFields(value: Record<string, unknown>, expected: readonly string[], what: string): void {
  const missing = expected.filter((field) => !Object.hasOwn(value, field));
  if (missing.length > 0) {
    throw broken("plc/schema", `A field is missing in a ${what}: ${missing.join(", ")}.`);
  }
  const extra = Object.keys(value).filter((field) => !expected.includes(field));
  if (extra.length > 0) {
    throw broken("plc/schema", `A field does not belong into a ${what}: ${extra.map(show).join(", ")}.`);
  }
}

function requireKeys(rotationKeys: readonly string[], methods: Readonly<Record<string, string>>): void {
  for (const key of rotationKeys) {
    try {
      parseDidKey(key);
    } catch (cause) {
      throw broken("plc/rotation-key", `A rotation key is not a k256 or p256 did:key: ${show(shownKey(key))}.`, cause);
    }
  }
  for (const [id, key] of Object.entries(methods)) {
    if (!/^did:key:z[1-9A-HJ-NP-Za-km-z]+$/.test(key)) {
      throw broken(
        "plc/verification-method",
        `The verification method ${show(id)} is not a did:key: ${show(shownKey(key))}.`,
      );
    }
  }
}

function text(value: Record<string, unknown>, field: string): string {
  return textOf(value[field], field);
}

function texts(value: Record<string, unknown>, field: string): string[] {
  const items = value[field];
  if (!Array.isArray(items)) {
    throw broken("plc/schema", `The field ${field} is not a list.`);
  }
  return items.map((item: unknown) => textOf(item, field));
}

function textOf(value: unknown, field: string): string {
  // a lone surrogate has no UTF-8, so no hash
  if (typeof value !== "string" || !value.isWellFormed()) {
    throw broken("plc/schema", `The field ${show(field)} is not a text, or holds something else.`);
  }
  return value;
}

function map<T>(
  value: Record<string, unknown>,
  field: string,
  read: (item: unknown, id: string) => T,
): Record<string, T> {
  const items = value[field];
  if (!isJsonObject(items)) {
    throw broken("plc/schema", `The field ${field} is not an object.`);
  }
  // fromEntries keeps a key such as __proto__ as a key
  return Object.fromEntries(Object.entries(items).map(([id, item]) => [textOf(id, field), read(item, id)]));
}

function show(value: unknown): string {
  const shown = concealKeys(JSON.stringify(value) ?? "nothing");
  return shown.length <= 120 ? shown : `${shown.slice(0, 120)}…`;
}

function broken(rule: string, message: string, cause?: unknown): DecampError {
  return new DecampError("identity-invalid", message, { data: { rule }, cause });
}

/** The signing key of an operation, a did:key; none for a tombstone, or for one that names no key. */
export function signingKeyOf(operation: SignedOperation | UnsignedOperation): string | undefined {
  return contentOf(operation)?.verificationMethods["atproto"];
}

/** The endpoint of the PDS that an operation names; none for a tombstone, or for no operation. */
export function pdsOf(operation: SignedOperation | UnsignedOperation | undefined): string | undefined {
  return operation === undefined ? undefined : contentOf(operation)?.services["atproto_pds"]?.endpoint;
}
