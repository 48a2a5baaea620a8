/** What differs between two operations, field by field; and whether a signed answer is what was asked for. */
import { shortened } from "../data/shortened.ts";
import type { Cid } from "../data/cid.ts";
import { isJsonObject } from "../data/json-object.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { concealKeys } from "../identity/key-guard.ts";
import {
  findSigner,
  normalizeOperation,
  operationBytes,
  operationCid,
  parseSignedOperation,
  rotationKeysOf,
} from "./operation.ts";
import type { PlcOperation, SignedOperation, UnsignedOperation } from "./operation.ts";

/** A field in which two operations differ. */
export interface Difference {
  /** Where: `rotationKeys[1]`, `verificationMethods.atproto`, `services.atproto_pds.endpoint`, `alsoKnownAs`, … */
  readonly field: string;
  readonly kind: "added" | "removed" | "changed" | "reordered";
  readonly before?: string;
  readonly after?: string;
}

/** The operation that another is to follow. */
export interface Predecessor {
  readonly cid: Cid;
  readonly operation: SignedOperation;
  /** The keys that may sign what follows; all rotation keys of the operation unless given (a recovery allows fewer). */
  readonly signers?: readonly string[];
}

/**
 * The differences from one operation to another: rotation keys, verification methods, aliases, services. `prev` and
 * the signature are not compared. Items of a list are named by their place in the list that has them.
 */
export function diffOperations(before: UnsignedOperation, after: UnsignedOperation): Difference[] {
  const fields = ["rotationKeys", "verificationMethods", "alsoKnownAs", "services"] as const;
  return fields.flatMap((field) => diffValues(field, before[field], after[field]));
}

/** A difference as one line of text. It may hold text from a server: escape it before it is printed. */
export function describeDifference({ field, kind, before, after }: Difference): string {
  return `${field} ${kind}: ${[before, after].filter((text) => text !== undefined).join(" → ")}`;
}

/** An operation that was signed as asked, and its CID. */
export interface SignedAnswer {
  readonly operation: PlcOperation;
  readonly cid: Cid;
}

/**
 * Whether a server signed what it was asked to sign: the same operation in every field, and a signature by a key that
 * has the power to follow `head`.
 *
 * @param asked the operation that the server was asked to sign; its `prev` is the CID of `head`
 * @param answered the operation of the answer, parsed JSON
 * @returns the operation to submit, and its CID
 * @throws DecampError `operation-differs` with data `differences`, one line of text each; `head-moved` if `asked` does
 * not follow `head`
 */
export function compareSigned(asked: UnsignedOperation, answered: unknown, head: Predecessor): SignedAnswer {
  if (asked.prev !== head.cid) {
    throw new DecampError("head-moved", "The operation that was planned does not follow the head of the log.");
  }
  if (!isJsonObject(answered)) {
    throw differs([{ field: "operation", kind: "changed", before: "an operation", after: show(answered) }]);
  }
  const differences = diffLoosely(asked, answered);
  let operation: SignedOperation;
  try {
    operation = parseSignedOperation(answered);
  } catch (error) {
    if (!isDecampError(error)) {
      throw error;
    }
    // A fault in the form that is no difference by itself, such as a padded signature, is named by its own sentence.
    if (differences.length === 0 || error.data["rule"] === "plc/signature-form") {
      differences.push({ field: "sig", kind: "changed", before: "a valid signature", after: error.message });
    }
    throw differs(differences);
  }
  if (findSigner(operation, head.signers ?? rotationKeysOf(head.operation)) === undefined) {
    const by = "a signature by a rotation key that may sign this";
    differences.push({ field: "sig", kind: "changed", before: by, after: "a signature by none of them" });
  }
  if (operation.type !== "plc_operation" || differences.length > 0) {
    throw differs(differences);
  }
  // The comparison above is for people. This one leaves nothing out.
  const { sig } = operation;
  if (!Buffer.from(operationBytes(operation)).equals(operationBytes({ ...normalizeOperation(asked), sig }))) {
    throw differs([{ field: "operation", kind: "changed", before: "what was asked", after: "something else" }]);
  }
  return { operation, cid: operationCid(operation) };
}

function differs(differences: readonly Difference[]): DecampError {
  const lines = differences.slice(0, 100).map((difference) => describeDifference(difference));
  const few = lines.slice(0, 10).join("; ");
  const message = `What the server signed is not what it was asked to sign: ${few}${lines.length > 10 ? "; …" : "."}`;
  return new DecampError("operation-differs", message, { data: { differences: lines } });
}

/** Compares even where the answer has not the form of an operation. */
function diffLoosely(asked: UnsignedOperation, answered: Record<string, unknown>): Difference[] {
  const differences: Difference[] = [];
  const expected = Object.entries({ ...normalizeOperation(asked), sig: "" });
  for (const [field, value] of expected) {
    if (!Object.hasOwn(answered, field)) {
      differences.push({ field, kind: "removed", before: show(value) });
    } else if (field !== "sig") {
      differences.push(...diffValues(field, value, answered[field]));
    }
  }
  for (const [field, value] of Object.entries(answered)) {
    if (!expected.some(([name]) => name === field)) {
      differences.push({ field, kind: "added", after: show(value) });
    }
  }
  return differences;
}

function diffValues(field: string, asked: unknown, answered: unknown): Difference[] {
  if (isTexts(asked) && isTexts(answered)) {
    return diffLists(field, asked, answered);
  }
  if (isJsonObject(asked) && isJsonObject(answered)) {
    const ids = [...new Set([...Object.keys(asked), ...Object.keys(answered)])];
    return ids.flatMap((id): Difference[] => {
      const name = `${field}.${id}`;
      if (!Object.hasOwn(asked, id)) {
        return [{ field: name, kind: "added", after: show(answered[id]) }];
      }
      return Object.hasOwn(answered, id)
        ? diffValues(name, asked[id], answered[id])
        : [{ field: name, kind: "removed", before: show(asked[id]) }];
    });
  }
  return asked === answered ? [] : [{ field, kind: "changed", before: show(asked), after: show(answered) }];
}

function diffLists(field: string, before: readonly string[], after: readonly string[]): Difference[] {
  const removed = without(before, after);
  const added = without(after, before);
  const differences: Difference[] = [
    ...removed.map((index) => ({ field: `${field}[${index}]`, kind: "removed" as const, before: before[index] ?? "" })),
    ...added.map((index) => ({ field: `${field}[${index}]`, kind: "added" as const, after: after[index] ?? "" })),
  ];
  const keptBefore = before.filter((_, index) => !removed.includes(index));
  const keptAfter = after.filter((_, index) => !added.includes(index));
  if (keptBefore.some((item, index) => item !== keptAfter[index])) {
    differences.push({ field, kind: "reordered", before: keptBefore.join(", "), after: keptAfter.join(", ") });
  }
  return differences;
}

/** The places of the items of `list` that `other` does not have, or has fewer times. */
function without(list: readonly string[], other: readonly string[]): number[] {
  const left = [...other];
  return [...list.keys()].filter((index) => {
    const found = left.indexOf(list[index] ?? "");
    if (found >= 0) {
      left.splice(found, 1);
    }
    return found < 0;
  });
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function show(value: unknown): string {
  const text = concealKeys(typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing"));
  return shortened(text);
}
