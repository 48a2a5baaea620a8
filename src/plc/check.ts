/**
 * Whether an operation should be made at all. What is allowed here is allowed by the did:plc specification and by the
 * directory's own, partly tighter, partly looser limits; reading (log.ts) is more lenient.
 */
import { holdsPrivateKey, shownKey } from "../identity/key-guard.ts";
import { parseDidKey } from "../identity/keys.ts";
import { operationBytes } from "./operation.ts";
import type { UnsignedOperation } from "./operation.ts";

/** Something that speaks against an operation. */
export interface OperationFinding {
  /** `plc/…`, stable. */
  readonly rule: string;
  /** An error must stop the operation; a warning has to be shown. */
  readonly severity: "error" | "warning";
  readonly message: string;
}

/** What is known about the plan. Everything is optional: what is not given is not checked. */
export interface CheckContext {
  /** Keys of the user: they have to be there, in this order, with no key above them that is not above them already. */
  readonly userKeys?: readonly string[];
  /** The rotation keys of the operation that this one follows, in their order. */
  readonly headKeys?: readonly string[];
  /** Keys that are expected to be new, such as those of the new server. */
  readonly expectedKeys?: readonly string[];
  /** Keys that are expected to leave, such as those of the old server. */
  readonly leavingKeys?: readonly string[];
  /**
   * A person wrote the operation: keys that come, go or lose rank are then warnings, since nobody else knows what was
   * meant.
   */
  readonly byHand?: boolean;
  /** What `services.atproto_pds.endpoint` has to be. */
  readonly endpoint?: string;
  /** What `verificationMethods.atproto` has to be, a did:key. */
  readonly signingKey?: string;
  /** The handle that the first alias has to name. */
  readonly handle?: string;
  /** When the DID's operations were taken by the directory (ISO 8601), and the time now (epoch milliseconds). */
  readonly history?: { readonly createdAt: readonly string[]; readonly now: number };
}

/** So many rotation keys an operation may have. */
export const mostRotationKeys = 5;

/** Limits for what is created, the tighter of specification and directory. */
const limits = {
  operationBytes: 4000,
  rotationKeys: mostRotationKeys,
  verificationMethods: 10,
  methodIdLength: 32,
  methodKeyLength: 256,
  aliases: 10,
  aliasLength: 258,
  services: 10,
  serviceIdLength: 32,
  serviceTypeLength: 256,
  endpointLength: 512,
  perHour: 10,
  perDay: 30,
  perWeek: 100,
} as const;

/** Everything that speaks against an operation; an empty list if nothing does. */
export function checkOperation(operation: UnsignedOperation, context: CheckContext = {}): OperationFinding[] {
  return [
    ...checkRotationKeys(operation.rotationKeys),
    ...checkPower(operation.rotationKeys, context),
    ...checkMethods(operation, context),
    ...checkAliases(operation.alsoKnownAs, context),
    ...checkServices(operation, context),
    ...checkSize(operation),
    ...checkRate(context),
  ];
}

function checkRotationKeys(keys: readonly string[]): OperationFinding[] {
  const findings: OperationFinding[] = [];
  if (keys.length === 0) {
    findings.push(error("plc/no-rotation-key", "Without a rotation key nobody could ever change this identity again."));
  }
  if (keys.length > limits.rotationKeys) {
    const text = `There are ${keys.length} rotation keys, and ${limits.rotationKeys} are allowed.`;
    findings.push(error("plc/too-many-rotation-keys", text));
  }
  for (const key of new Set(keys.filter((key, index) => keys.indexOf(key) !== index))) {
    findings.push(error("plc/duplicate-rotation-key", `A rotation key is listed twice: ${key}.`));
  }
  for (const key of keys.filter((key) => !isUsable(key))) {
    findings.push(error("plc/rotation-key", `A rotation key is not a k256 or p256 did:key: ${shownKey(key)}.`));
  }
  return findings;
}

function checkPower(keys: readonly string[], context: CheckContext): OperationFinding[] {
  const { userKeys = [], headKeys, expectedKeys = [], leavingKeys = [], byHand = false } = context;
  const findings: OperationFinding[] = [];
  const lost = userKeys.filter((key) => !keys.includes(key));
  for (const key of lost) {
    findings.push(error("plc/user-key-lost", `Your own rotation key would be gone: ${key}.`));
  }
  for (const [index, key] of userKeys.entries()) {
    // what may stand above it: your own keys before it, and what stands there already
    const above = new Set([...userKeys.slice(0, index), ...keysAbove(headKeys ?? [], key)]);
    if (keysAbove(keys, key).some((other) => !above.has(other))) {
      findings.push(error("plc/user-key-demoted", `Your own rotation key would lose its rank: ${key}.`));
    }
  }
  if (headKeys === undefined) {
    return findings;
  }
  for (const key of keys) {
    if (![...headKeys, ...userKeys, ...expectedKeys].includes(key)) {
      findings.push(
        byHand
          ? warning("plc/unknown-key", `A rotation key is new: ${key}.`)
          : error("plc/unknown-key", `A rotation key is new, and nobody asked for it: ${key}.`),
      );
    }
  }
  for (const key of new Set(headKeys)) {
    if (!keys.includes(key) && !userKeys.includes(key) && !leavingKeys.includes(key)) {
      findings.push(
        byHand
          ? warning("plc/key-lost", `A rotation key would be gone: ${key}.`)
          : error("plc/key-lost", `A rotation key that is not the old server's would be gone: ${key}.`),
      );
    }
  }
  return byHand ? [...findings, ...checkRanks(keys, headKeys, userKeys)] : findings;
}

/** Whose key is whose, nobody said: every key that gets another above it is named, and which one that is. */
function checkRanks(
  keys: readonly string[],
  headKeys: readonly string[],
  userKeys: readonly string[],
): OperationFinding[] {
  return [...new Set(headKeys)].flatMap((key): OperationFinding[] => {
    const before = keysAbove(headKeys, key);
    const above = new Set(keysAbove(keys, key).filter((other) => !before.includes(other)));
    if (above.size === 0 || userKeys.includes(key)) {
      return [];
    }
    const text = `A rotation key would be demoted: ${key}, below ${[...above].join(" and ")}.`;
    return [warning("plc/key-demoted", text)];
  });
}

function checkMethods({ verificationMethods }: UnsignedOperation, { signingKey }: CheckContext): OperationFinding[] {
  const findings: OperationFinding[] = [];
  const methods = Object.entries(verificationMethods);
  if (methods.length > limits.verificationMethods) {
    const text = `There are ${methods.length} verification methods, and ${limits.verificationMethods} are allowed.`;
    findings.push(error("plc/too-many-verification-methods", text));
  }
  for (const [id, key] of methods) {
    const short = id.length <= limits.methodIdLength && key.length <= limits.methodKeyLength;
    const formed = /^did:key:z[1-9A-HJ-NP-Za-km-z]+$/.test(key) && !holdsPrivateKey(key);
    if (!short || !formed || (id === "atproto" && !isUsable(key))) {
      findings.push(
        error("plc/verification-method", `The verification method ${id} is too long, or no did:key: ${shownKey(key)}.`),
      );
    }
  }
  const atproto = new Map(methods).get("atproto");
  if (signingKey !== undefined && atproto !== signingKey) {
    const text = `The signing key is not the one that the server made: ${atproto ?? "none"}.`;
    findings.push(error("plc/wrong-signing-key", text));
  }
  return findings;
}

function checkAliases(aliases: readonly string[], { handle }: CheckContext): OperationFinding[] {
  const findings: OperationFinding[] = [];
  if (aliases.length > limits.aliases) {
    findings.push(
      error("plc/too-many-aliases", `There are ${aliases.length} aliases, and ${limits.aliases} are allowed.`),
    );
  }
  for (const alias of aliases) {
    if (alias.length > limits.aliasLength || !/^[a-z][a-z0-9+.-]*:\S+$/i.test(alias)) {
      findings.push(error("plc/alias", `An alias is no URI, or longer than ${limits.aliasLength} letters: ${alias}.`));
    }
  }
  for (const alias of new Set(aliases.filter((alias, index) => aliases.indexOf(alias) !== index))) {
    findings.push(error("plc/duplicate-alias", `An alias is listed twice: ${alias}.`));
  }
  if (handle !== undefined && aliases[0] !== `at://${handle}`) {
    const text = `The first alias is not the handle at://${handle}: ${aliases[0] ?? "none"}.`;
    findings.push(error("plc/wrong-handle", text));
  }
  return findings;
}

function checkServices({ services }: UnsignedOperation, { endpoint }: CheckContext): OperationFinding[] {
  const findings: OperationFinding[] = [];
  const entries = Object.entries(services);
  if (entries.length > limits.services) {
    findings.push(
      error("plc/too-many-services", `There are ${entries.length} services, and ${limits.services} are allowed.`),
    );
  }
  for (const [id, service] of entries) {
    if (
      id.length > limits.serviceIdLength ||
      service.type.length > limits.serviceTypeLength ||
      service.endpoint.length > limits.endpointLength
    ) {
      findings.push(error("plc/service", `The service ${id} is longer than the directory allows.`));
    }
  }
  const pds = new Map(entries).get("atproto_pds");
  if (endpoint !== undefined && (pds?.endpoint !== endpoint || pds.type !== "AtprotoPersonalDataServer")) {
    findings.push(error("plc/wrong-endpoint", `The server is not ${endpoint}, but ${pds?.endpoint ?? "none"}.`));
  }
  return findings;
}

function checkSize(operation: UnsignedOperation): OperationFinding[] {
  // any signature has this length
  const size = operationBytes({ ...operation, sig: "A".repeat(86) }).length;
  return size <= limits.operationBytes
    ? []
    : [error("plc/too-large", `The operation has ${size} bytes, and ${limits.operationBytes} are allowed.`)];
}

/** How many operations the directory still takes for a DID. */
export interface OperationsLeft {
  readonly hour: number;
  readonly day: number;
  readonly week: number;
}

const hour = 60 * 60 * 1000;
const spans = [
  ["hour", hour, limits.perHour],
  ["day", 24 * hour, limits.perDay],
  ["week", 7 * 24 * hour, limits.perWeek],
] as const;

/**
 * How many operations are left of what the directory takes in an hour, a day, a week.
 *
 * @param createdAt when the DID's operations were taken (ISO 8601) @param now epoch milliseconds
 */
export function operationsLeft(createdAt: readonly string[], now: number): OperationsLeft {
  const [hourly, daily, weekly] = spans.map(([, span, most]) => Math.max(0, most - countSince(createdAt, now - span)));
  return { hour: hourly ?? 0, day: daily ?? 0, week: weekly ?? 0 };
}

/**
 * When the directory takes the next operation of a DID, epoch milliseconds; undefined if it takes one now.
 *
 * @param createdAt when the DID's operations were taken (ISO 8601) @param now epoch milliseconds
 */
export function nextOperationAt(createdAt: readonly string[], now: number): number | undefined {
  const times = createdAt.map((created) => Date.parse(created)).sort((a, b) => b - a);
  for (const [, span, most] of spans) {
    const oldest = times[most - 1];
    if (oldest !== undefined && now - oldest < span) {
      return oldest + span;
    }
  }
  return undefined;
}

function countSince(createdAt: readonly string[], time: number): number {
  return createdAt.filter((created) => Date.parse(created) > time).length;
}

function checkRate({ history }: CheckContext): OperationFinding[] {
  if (history === undefined) {
    return [];
  }
  const { createdAt, now } = history;
  return spans.flatMap(([name, span, most]): OperationFinding[] => {
    const count = countSince(createdAt, now - span);
    if (count >= most) {
      return [error("plc/rate", `The directory takes ${most} operations a ${name}, and ${count} were made.`)];
    }
    return name === "hour" && count >= most - 2
      ? [warning("plc/rate", `${most - count} more operations are possible in this hour.`)]
      : [];
  });
}

function keysAbove(keys: readonly string[], key: string): readonly string[] {
  return keys.slice(0, Math.max(0, keys.indexOf(key)));
}

function isUsable(key: string): boolean {
  try {
    parseDidKey(key);
    return true;
  } catch {
    return false;
  }
}

function warning(rule: string, message: string): OperationFinding {
  return { rule, severity: "warning", message };
}

function error(rule: string, message: string): OperationFinding {
  return { rule, severity: "error", message };
}
