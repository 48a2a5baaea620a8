/**
 * New operations as functions of the one before: nothing is built from nothing, so nothing gets lost that nobody
 * wanted to change.
 */
import type { Cid } from "../data/cid.ts";
import { isJsonObject } from "../data/json-object.ts";
import { DecampError } from "../errors.ts";
import { parseDidKey } from "../identity/keys.ts";
import { isHandle } from "../identity/names.ts";
import { normalizeOperation } from "./operation.ts";
import type { PlcService, SignedOperation, UnsignedOperation } from "./operation.ts";

/** The operation that a new one follows: the verified head, or the fork point of a recovery. */
export interface Base {
  readonly cid: Cid;
  readonly operation: SignedOperation;
}

/** What a PDS wants to see in the identity of an account that moves to it (`getRecommendedDidCredentials`). */
export interface RecommendedCredentials {
  /** The server's own keys, k256 or p256 did:keys, at least one. */
  readonly rotationKeys: readonly string[];
  /** The signing key that the server made for the account. */
  readonly signingKey: string;
  readonly alsoKnownAs: readonly string[];
  readonly pds: PlcService;
}

/** What is known of a move, for the operation that makes it. */
export interface Move {
  readonly target: RecommendedCredentials;
  /** What the old server recommends as rotation keys: its own keys, which leave. */
  readonly sourceRotationKeys: readonly string[];
  /** The handle whose alias is replaced; the first handle alias unless given. */
  readonly oldHandle?: string;
  /** The handle from now on; what the target recommends unless given. */
  readonly newHandle?: string;
}

/**
 * The operation that follows `base`, as an edit of what `base` says.
 *
 * @param edit gets the content of `base` in today's form; what it answers as `prev` is replaced
 * @throws DecampError `refused` if `base` is a tombstone
 */
export function updateOperation(
  base: Base,
  edit: (operation: UnsignedOperation) => UnsignedOperation,
): UnsignedOperation {
  if (base.operation.type === "plc_tombstone") {
    throw new DecampError("refused", "This identity is at its end: its last operation is a tombstone.");
  }
  return { ...edit(normalizeOperation(base.operation)), prev: base.cid };
}

/**
 * The operation that moves an account to another PDS. Rotation keys: all that are not the old server's, in their order,
 * and then the new server's. The signing key, the PDS and the handle are replaced, the handle's alias stands first (a
 * PDS looks for it there). Other methods, services and aliases stay as they are, in their order.
 *
 * @throws DecampError `refused` if `base` is a tombstone
 */
export function moveOperation(base: Base, move: Move): UnsignedOperation {
  const { target, sourceRotationKeys } = move;
  return updateOperation(base, (operation) => ({
    ...operation,
    rotationKeys: unique([
      ...operation.rotationKeys.filter((key) => !sourceRotationKeys.includes(key)),
      ...target.rotationKeys,
    ]),
    verificationMethods: { ...operation.verificationMethods, atproto: target.signingKey },
    alsoKnownAs: replaceHandle(operation.alsoKnownAs, move),
    services: { ...operation.services, atproto_pds: target.pds },
  }));
}

function replaceHandle(aliases: readonly string[], { target, oldHandle, newHandle }: Move): readonly string[] {
  const next = newHandle ?? handleAmong(target.alsoKnownAs);
  return next === undefined ? aliases : withHandle(aliases, next, oldHandle);
}

/**
 * The aliases with another handle, which stands first. It takes the place of the alias of `oldHandle`; where there is
 * none, of the first that is a handle.
 */
export function withHandle(aliases: readonly string[], newHandle: string, oldHandle?: string): readonly string[] {
  const named = aliases.indexOf(`at://${oldHandle ?? ""}`);
  const replaced = named >= 0 ? named : aliases.findIndex(isHandleAlias);
  return unique([`at://${newHandle}`, ...aliases.filter((_, index) => index !== replaced)]);
}

/** The first of the aliases that is a handle. */
export function handleAmong(aliases: readonly string[]): string | undefined {
  return aliases.find(isHandleAlias)?.slice("at://".length);
}

/**
 * Reads the answer of `com.atproto.identity.getRecommendedDidCredentials`.
 *
 * @param keysNeeded whether there have to be rotation keys: a did:web has none
 * @throws DecampError `bad-answer` if rotation keys, the signing key `atproto` or the service `atproto_pds` are missing
 * or malformed, or an alias is no text
 */
export function parseRecommended(value: unknown, keysNeeded: boolean = true): RecommendedCredentials {
  const { rotationKeys = [], verificationMethods, alsoKnownAs = [], services } = record(value, "answer");
  const keys = texts(rotationKeys, "rotationKeys");
  if (keys.length === 0 && keysNeeded) {
    throw badAnswer("rotationKeys");
  }
  for (const key of keys) {
    requireKey(key, "rotationKeys");
  }
  const signingKey = text(record(verificationMethods, "verificationMethods")["atproto"], "verificationMethods.atproto");
  requireKey(signingKey, "verificationMethods.atproto");
  const service = record(record(services, "services")["atproto_pds"], "services.atproto_pds");
  const type = text(service["type"], "services.atproto_pds.type");
  const endpoint = text(service["endpoint"], "services.atproto_pds.endpoint");
  if (type !== "AtprotoPersonalDataServer" || !URL.canParse(endpoint) || !/^https?:/.test(endpoint)) {
    throw badAnswer("services.atproto_pds");
  }
  return { rotationKeys: keys, signingKey, alsoKnownAs: texts(alsoKnownAs, "alsoKnownAs"), pds: { type, endpoint } };
}

function isHandleAlias(alias: string): boolean {
  return alias.startsWith("at://") && isHandle(alias.slice("at://".length).toLowerCase());
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)];
}

function requireKey(key: string, field: string): void {
  try {
    parseDidKey(key);
  } catch (cause) {
    throw badAnswer(field, cause);
  }
}

function record(value: unknown, field: string): Record<string, unknown> {
  if (!isJsonObject(value)) {
    throw badAnswer(field);
  }
  return value;
}

function texts(value: unknown, field: string): string[] {
  if (!Array.isArray(value)) {
    throw badAnswer(field);
  }
  return value.map((item: unknown) => text(item, field));
}

function text(value: unknown, field: string): string {
  if (typeof value !== "string") {
    throw badAnswer(field);
  }
  return value;
}

function badAnswer(field: string, cause?: unknown): DecampError {
  return new DecampError("bad-answer", `The server recommends an identity that cannot be used: see ${field}.`, {
    data: { field },
    cause,
  });
}
