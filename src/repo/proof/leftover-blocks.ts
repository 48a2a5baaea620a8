/**
 * What is left when all blocks of a file have come: blocks that are still awaited, blocks that nothing led to, and
 * records with a fault whose keys are not known yet. A second look at the file, without hashing, tells what each is.
 */
import { hash } from "node:crypto";
import { cidFromBytes, cidFromDigest, cidToBytes, type Cid } from "../../data/cid.ts";
import { SliceCounter, type Slices } from "../../data/slices.ts";
import { cborCidHead, framedBlocks, type FramedBlock } from "../car.ts";
import type { RepoLimits } from "../limits.ts";
import { Collections, NodeReader, anyLevel, type NodeEntries } from "../mst.ts";
import { examineNode } from "../mst-examine.ts";
import { Findings } from "../report.ts";
import type { RuleId } from "../rules.ts";
import type { RepoSource } from "../source.ts";
import { DigestTable, type ExpectedBlocks, type Place, type StrayBlocks } from "../tables.ts";

export interface Leftovers {
  expected: ExpectedBlocks;
  early: StrayBlocks;
  /** Records that break rules, and which. */
  faulty: ReadonlyMap<Cid, readonly RuleId[]>;
  /** All blocks that came, where the data cannot be read again. */
  seen: DigestTable | undefined;
  source: RepoSource | undefined;
  /** Up to where the file is well framed. */
  framedBytes: number;
  allowPartial: boolean;
}

export interface Settled {
  strays: number;
  duplicates: number;
  missing: number;
}

/** Adds the findings about what is left, and counts the rest. */
export function* settleLeftovers(left: Leftovers, limits: RepoLimits, findings: Findings): Slices<Settled> {
  const { expected, early, faulty, seen, source, framedBytes, allowPartial } = left;
  const present = new Set<number>();
  const repeated = new Set<number>();
  const counter = new SliceCounter();
  if (seen !== undefined) {
    for (const id of expected.table.ids()) {
      if (seen.find(viewOf(expected.table.digest(id)), 0) >= 0) {
        present.add(id);
      }
    }
  } else if (source !== undefined && expected.table.size + early.table.size > 0) {
    for (const block of framedBlocks(source, framedBytes)) {
      const { view, start, end, offset } = block;
      if (counter.isOver(end - start)) {
        yield;
      }
      if (view.getInt32(start - 36) !== cborCidHead) {
        continue;
      }
      const awaited = expected.table.find(view, start - 32);
      if (awaited >= 0 && !present.has(awaited) && isProved(block)) {
        present.add(awaited);
      }
      const stray = early.table.find(view, start - 32);
      // The tree has taken a good copy that came before the stray: then the stray is a duplicate.
      if (stray >= 0 && offset < early.offset(stray) && isProved(block)) {
        repeated.add(stray);
      }
    }
  }

  let missing = 0;
  const missingRecords: Cid[] = [];
  for (const id of expected.table.ids()) {
    if (counter.isOver()) {
      yield;
    }
    const place = expected.place(id);
    if (present.has(id)) {
      if (place !== undefined) {
        findings.add("mst/shared-node", { cid: cidFromDigest("dag-cbor", expected.table.digest(id)) });
      }
      continue;
    }
    missing++;
    if (allowPartial) {
      continue;
    }
    const cid = findings.full ? undefined : cidFromDigest("dag-cbor", expected.table.digest(id));
    if (place !== undefined) {
      findings.add("mst/missing-node", { cid, message: describePlace(place) });
    }
    if (expected.isRecord(id)) {
      if (cid === undefined || missingRecords.length >= limits.findings) {
        findings.add("mst/missing-record", { cid });
      } else {
        missingRecords.push(cid);
      }
    }
  }

  const named = missingRecords.length + faulty.size > 0 ? [...missingRecords, ...faulty.keys()] : [];
  const keys = source === undefined ? new Map<Cid, string[]>() : yield* findKeys(source, framedBytes, named, limits);
  for (const cid of missingRecords) {
    for (const key of keys.get(cid) ?? [undefined]) {
      findings.add("mst/missing-record", { cid, key });
    }
  }
  for (const [cid, broken] of faulty) {
    for (const key of keys.get(cid) ?? [undefined]) {
      broken.forEach((rule) => findings.add(rule, { cid, key }));
    }
  }
  return { strays: early.table.size - repeated.size, duplicates: repeated.size, missing };
}

function isProved({ bytes, start, end }: FramedBlock): boolean {
  const digest = hash("sha256", bytes.subarray(start, end));
  return digest === Buffer.from(bytes.subarray(start - 32, start)).toString("hex");
}

/** The keys under which records stand, from all nodes in the file. */
function* findKeys(
  source: RepoSource,
  end: number,
  cids: readonly Cid[],
  limits: RepoLimits,
): Slices<Map<Cid, string[]>> {
  const found = new Map<Cid, string[]>();
  if (cids.length === 0) {
    return found;
  }
  const wanted = new DigestTable();
  const byId: Cid[] = [];
  for (const cid of cids) {
    const view = viewOf(cidToBytes(cid).slice(4));
    if (wanted.find(view, 0) < 0) {
      byId[wanted.insert(view, 0)] = cid;
    }
  }
  const reader = new NodeReader(new Collections(), limits.nodeEntries);
  const counter = new SliceCounter();
  for (const block of framedBlocks(source, end)) {
    if (counter.isOver(block.end - block.start)) {
      yield;
    }
    const node = readAnyNode(block, reader, limits);
    if (node === undefined) {
      continue;
    }
    for (let i = 0; i < node.count; i++) {
      const at = node.valueAt[i]!;
      const id = at === 0 ? -1 : wanted.find(node.view, at);
      if (id >= 0) {
        const cid = byId[id]!;
        const keys = found.get(cid) ?? [];
        const key = node.keys[i]!;
        if (!keys.includes(key) && keys.length < 100) {
          keys.push(key);
        }
        found.set(cid, keys);
      }
    }
  }
  return found;
}

const anyPlace: Place = { level: anyLevel, lower: undefined, upper: undefined };

/** The entries of a block that is, or nearly is, a node. */
function readAnyNode(block: FramedBlock, reader: NodeReader, limits: RepoLimits): NodeEntries | undefined {
  const { bytes, view, start, end } = block;
  if (end - start < 8 || bytes[start + 1] !== 0x61 || view.getInt32(start - 36) !== cborCidHead) {
    return undefined;
  }
  if (reader.read(bytes, view, start, end, anyLevel, undefined, undefined, true)) {
    return reader;
  }
  const cid = cidFromBytes(bytes.subarray(start - 36, start));
  const data = bytes.subarray(start, end);
  return examineNode(data, cid, anyPlace, false, new Collections(), limits, new Findings(limits));
}

function describePlace({ lower, upper }: Place): string {
  if (lower === undefined && upper === undefined) {
    return "The top node of the tree is not in the file.";
  }
  const bounds = [lower === undefined ? "" : `above ${lower}`, upper === undefined ? "" : `below ${upper}`];
  return `A node of the tree is not in the file, that of the keys ${bounds.filter((bound) => bound !== "").join(" and ")}.`;
}

function viewOf(digest: Uint8Array): DataView {
  return new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
}
