/** A change of the handle that a server makes: what it is expected to say, and what it has said. */
import { describeHistory } from "./history.ts";
import type { Cid } from "../data/cid.ts";
import type { LogEntry, VerifiedLog } from "./log.ts";
import { contentCid, contentOf, type UnsignedOperation } from "./operation.ts";
import { handleAmong, updateOperation, withHandle, type Base } from "./update.ts";

/**
 * What servers may say of an identity from `base` on, where nothing but the handle changes: the reference server puts
 * the new alias where the old one stood, others to the front.
 *
 * @throws DecampError `refused` if `base` is a tombstone
 */
export function handleChanges(base: Base, handle: string): readonly UnsignedOperation[] {
  return [aliasInPlace, withHandle].map((edit) =>
    updateOperation(base, (operation) => ({ ...operation, alsoKnownAs: edit(operation.alsoKnownAs, handle) })),
  );
}

function aliasInPlace(aliases: readonly string[], handle: string): readonly string[] {
  const alias = `at://${handle}`;
  const index = aliases.findIndex((one) => one.startsWith("at://"));
  return index < 0 ? [alias, ...aliases] : aliases.with(index, alias);
}

/** An operation that has brought a handle. */
export interface HandleChange {
  readonly entry: LogEntry;
  /** None if it is one of `handleChanges`; else all fields that it changed, such as `rotationKeys[0]`. */
  readonly more: readonly string[];
  /** What counts between it and the head that was seen before, oldest first. */
  readonly between: readonly Cid[];
}

/**
 * The operation that brought a handle, of those that count and came after `before`; undefined if none has.
 *
 * @param before CID of the head that was seen before
 */
export function handleChangeAfter(log: VerifiedLog, before: Cid, handle: string): HandleChange | undefined {
  const active = log.entries.filter(({ nullified }) => !nullified);
  const later = active.slice(active.findIndex(({ cid }) => cid === before) + 1);
  const at = later.findIndex(({ operation }) => isNamed(operation, handle));
  const entry = later[at];
  if (entry === undefined) {
    return undefined;
  }
  const previous = log.entries.find(({ cid }) => cid === entry.operation.prev);
  const expected = previous === undefined ? [] : handleChanges(previous, handle).map((one) => contentCid(one));
  const changes = describeHistory(log).find((item) => item.entry.cid === entry.cid)?.changes ?? [];
  return {
    entry,
    more: expected.includes(contentCid(entry.operation)) ? [] : [...new Set(changes.map(({ field }) => field))],
    between: later.slice(0, at).map(({ cid }) => cid),
  };
}

function isNamed(operation: LogEntry["operation"], handle: string): boolean {
  return handleAmong(contentOf(operation)?.alsoKnownAs ?? [])?.toLowerCase() === handle;
}
