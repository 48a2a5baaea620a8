/** A planned operation against the log that it is to enter: what it changes, and everything that speaks against it. */
import { changeFacts, type ChangeFacts, type KeyKnowledge } from "./change-facts.ts";
import {
  checkOperation,
  operationsLeft,
  type CheckContext,
  type OperationFinding,
  type OperationsLeft,
} from "./check.ts";
import { diffOperations, type Difference } from "./diff.ts";
import type { VerifiedLog } from "./log.ts";
import { contentOf, rotationKeysOf, type UnsignedOperation } from "./operation.ts";
import { placeOperation, type Place } from "./place.ts";

/** What was asked for: what is not named is not expected to change. */
export interface Intent extends Omit<CheckContext, "headKeys" | "history"> {
  /** Who owns which key; that `userKeys` are the user's unless given. */
  readonly known?: KeyKnowledge;
}

/** What is to be said of an operation before anybody signs it. */
export interface Judgement {
  readonly place: Place;
  /** Against what the identity says now; after a tombstone, against what it said last. */
  readonly differences: readonly Difference[];
  /** What it means: server, handle, keys, and who can undo it. */
  readonly facts: ChangeFacts;
  /** An error must stop it; a warning has to be shown. */
  readonly findings: readonly OperationFinding[];
  /** How many operations the directory still takes; one that nullifies others does not count. */
  readonly left: OperationsLeft;
}

/**
 * Judges an operation.
 *
 * @param now epoch milliseconds
 * @throws DecampError `refused` as `placeOperation`
 */
export function judgeOperation(log: VerifiedLog, operation: UnsignedOperation, intent: Intent, now: number): Judgement {
  const place = placeOperation(log, operation);
  const { base, nullified } = place;
  const before = contentOf(log.head.operation) ?? contentOf(base.operation) ?? operation;
  const createdAt = log.entries.map((entry) => entry.createdAt);
  const differences = diffOperations(before, operation);
  const findings = [
    ...checkOperation(operation, {
      ...intent,
      headKeys: rotationKeysOf(base.operation),
      ...(nullified.length > 0 ? {} : { history: { createdAt, now } }),
    }),
    ...checkChange(before, operation, intent, log),
    ...(differences.length === 0 && nullified.length === 0
      ? [warning("plc/no-change", "This operation changes nothing.")]
      : []),
  ];
  const facts = changeFacts(log, operation, intent.known ?? { user: intent.userKeys ?? [] });
  return { place, differences, facts, findings, left: operationsLeft(createdAt, now) };
}

/** What is allowed, and seldom meant. */
function checkChange(
  before: UnsignedOperation,
  after: UnsignedOperation,
  intent: Intent,
  { entries }: VerifiedLog,
): OperationFinding[] {
  const findings: OperationFinding[] = [];
  const [oldKey, newKey] = [before, after].map((operation) => operation.verificationMethods["atproto"]);
  if (oldKey !== undefined && newKey === undefined) {
    findings.push(
      warning("plc/no-signing-key", "The signing key would be gone: no server could write for the account."),
    );
  }
  const [oldPds, newPds] = [before, after].map((operation) => operation.services["atproto_pds"]?.endpoint);
  if (oldPds === newPds || (oldPds !== undefined && newPds !== undefined && isSameOrigin(oldPds, newPds))) {
    return findings;
  }
  // What the identity has said of this server before belongs to it.
  const past = entries.map(({ operation }) => contentOf(operation)).filter((one) => one !== undefined);
  const atHome = past.filter(({ services }) => services["atproto_pds"]?.endpoint === newPds);
  const hadKey = atHome.some(({ verificationMethods }) => verificationMethods["atproto"] === newKey);
  const hadAlias = atHome.some(({ alsoKnownAs }) => alsoKnownAs[0] === after.alsoKnownAs[0]);
  if (newPds === undefined) {
    return [...findings, warning("plc/no-server", "The server would be gone: nobody could find the account.")];
  }
  if (intent.endpoint === undefined && !isOrigin(newPds)) {
    const text = `The address of the server is more than an address, or not https: ${newPds}.`;
    findings.push(warning("plc/endpoint-form", text));
  }
  if (oldKey !== undefined && oldKey === newKey && !hadKey) {
    findings.push(
      warning("plc/old-signing-key", "The server changes, and the signing key does not: every server has its own."),
    );
  }
  const [alias] = after.alsoKnownAs;
  if (alias !== undefined && alias === before.alsoKnownAs[0] && intent.handle === undefined && !hadAlias) {
    const text = `The server changes, and ${alias} stays first. If it is a name of the old server, it will no longer lead to the account.`;
    findings.push(warning("plc/old-handle-first", text));
  }
  return findings;
}

function isSameOrigin(one: string, other: string): boolean {
  return URL.canParse(one) && URL.canParse(other) && new URL(one).origin === new URL(other).origin;
}

function isOrigin(endpoint: string): boolean {
  return URL.canParse(endpoint) && endpoint.startsWith("https://") && new URL(endpoint).origin === endpoint;
}

function warning(rule: string, message: string): OperationFinding {
  return { rule, severity: "warning", message };
}
