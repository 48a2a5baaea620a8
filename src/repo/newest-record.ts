/** The record that was made last, as far as the keys show it: most apps name a record by the time (spec: TID). */
import { cidToBytes, isCborCid, type Cid } from "../data/cid.ts";
import { inTurns, SliceCounter, type Slices } from "../data/slices.ts";
import { BlockIndex } from "./block-index.ts";
import type { RepoRecord } from "./records.ts";
import type { RepoSource } from "./source.ts";
import { Walk } from "./walk.ts";

const tid = /^[234567abcdefghij][2-7a-z]{12}$/;

/**
 * The newest record by its key; undefined if none is named by a time. Only its own block is read, and those of the
 * tree.
 *
 * @param rev the revision of the repository: a key that claims to be later is passed over
 * @throws DecampError `damaged` as `readRecords`; the signal's reason
 */
export async function newestRecord(
  source: RepoSource,
  rev: string,
  signal: AbortSignal,
): Promise<Pick<RepoRecord, "path" | "rkey" | "bytes"> | undefined> {
  return inTurns(find(source, rev), signal);
}

function* find(source: RepoSource, rev: string): Slices<Pick<RepoRecord, "path" | "rkey" | "bytes"> | undefined> {
  const index = yield* BlockIndex.slices(source);
  const walk = new Walk(index, index.topNode());
  const counter = new SliceCounter();
  let best: { readonly path: string; readonly rkey: string; readonly cid: Cid } | undefined;
  while (walk.state !== "end") {
    if (counter.isOver()) {
      yield;
    }
    if (walk.state === "subtree") {
      walk.enter();
      continue;
    }
    const { key: path } = walk;
    const rkey = path.slice(path.indexOf("/") + 1);
    if (tid.test(rkey) && rkey <= rev && rkey > (best?.rkey ?? "")) {
      best = { path, rkey, cid: walk.cid };
    }
    walk.next();
  }
  if (best === undefined) {
    return undefined;
  }
  const { path, rkey, cid } = best;
  if (!isCborCid(cid)) {
    yield* index.prepareOthers();
    return { path, rkey, bytes: index.readOther(cid) };
  }
  const digest = cidToBytes(cid).slice(4);
  return { path, rkey, bytes: index.read(new DataView(digest.buffer), 0) };
}
