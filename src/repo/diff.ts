/** What is different between two states of a repository, or between two repositories. */
import type { Cid } from "../data/cid.ts";
import { itemsAtOnce, itemsInTurns, SliceCounter, type Slices, type Steps } from "../data/slices.ts";
import { BlockIndex } from "./block-index.ts";
import type { RepoSource } from "./source.ts";
import { Walk } from "./walk.ts";

/** A record that is not the same in both. */
export type RecordChange =
  | { kind: "added"; path: string; after: Cid }
  | { kind: "changed"; path: string; before: Cid; after: Cid }
  | { kind: "removed"; path: string; before: Cid };

/** What ends the comparison early. */
export interface DiffOptions {
  signal?: AbortSignal;
}

/**
 * Compares two repositories, in ascending order of keys. Subtrees that are equal on both sides are not read: the work
 * goes with the differences, apart from the index of the blocks of each file. Signatures are not judged.
 *
 * @throws DecampError `damaged` where a node that is needed is missing or malformed; the signal's reason
 */
export function* diffRepos(
  before: RepoSource,
  after: RepoSource,
  { signal }: DiffOptions = {},
): Iterable<RecordChange> {
  for (const change of itemsAtOnce(diffSteps(before, after))) {
    signal?.throwIfAborted();
    yield change;
  }
}

/** The same, slice by slice: others have their turn meanwhile, and an abort is heard. */
export function diffInTurns(
  before: RepoSource,
  after: RepoSource,
  { signal }: DiffOptions = {},
): AsyncGenerator<RecordChange> {
  return itemsInTurns(diffSteps(before, after), signal);
}

function* diffSteps(before: RepoSource, after: RepoSource): Steps<RecordChange> {
  const left = yield* startWalk(before);
  const right = yield* startWalk(after);
  const counter = new SliceCounter();
  for (;;) {
    if (counter.isOver()) {
      yield undefined;
    }
    if (left.state === "end" && right.state === "end") {
      return;
    }
    if (left.state === "subtree" && right.state === "subtree") {
      if (left.cid === right.cid) {
        left.next();
        right.next();
      } else if (left.level >= right.level) {
        // The higher one may hold the other somewhere below.
        left.enter();
      } else {
        right.enter();
      }
      continue;
    }
    if (left.state === "subtree") {
      left.enter();
      continue;
    }
    if (right.state === "subtree") {
      right.enter();
      continue;
    }
    const order =
      left.state === "end" ? 1 : right.state === "end" || left.key < right.key ? -1 : +(left.key > right.key);
    if (order < 0) {
      yield { kind: "removed", path: left.key, before: left.cid };
      left.next();
    } else if (order > 0) {
      yield { kind: "added", path: right.key, after: right.cid };
      right.next();
    } else {
      if (left.cid !== right.cid) {
        yield { kind: "changed", path: left.key, before: left.cid, after: right.cid };
      }
      left.next();
      right.next();
    }
  }
}

function* startWalk(source: RepoSource): Slices<Walk> {
  const index = yield* BlockIndex.slices(source);
  return new Walk(index, index.topNode());
}
