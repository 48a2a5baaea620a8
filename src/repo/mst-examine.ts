/**
 * What is wrong with a node of the tree. This is the long way, for nodes that NodeReader does not recognise as good: it
 * decodes, names every rule that is broken, and gathers whatever can still be followed.
 */
import { isDecampError } from "../errors.ts";
import { CidLink, cidToBytes, isCborCid, type Cid } from "../data/cid.ts";
import { decodeCbor, isCborMap, type CborMap, type CborValue } from "../data/cbor.ts";
import { howToRaise, type RepoLimits } from "./limits.ts";
import { anyLevel, type Collection, type Collections, type NodeEntries } from "./mst.ts";
import { keyDepth, keyFault, maxKeyLength } from "./path.ts";
import type { FindingDetails, Findings } from "./report.ts";
import type { RuleId } from "./rules.ts";
import type { Place } from "./tables.ts";
import { latin1 } from "../data/latin1.ts";

/** Empty nodes that may stand above the first key: no tree has more levels than this. */
const maxLevels = 128;

/** What could be read of a node that is not good. */
export interface ExaminedNode extends NodeEntries {
  /** Links to records that are not dag-cbor, with their keys: they are awaited under their whole CID. */
  looseRecords: { key: string; cid: Cid }[];
}

/**
 * Examines a node and adds a finding for each rule that it breaks.
 *
 * @param cid the node's CID, for the findings
 * @param isRoot whether it is the top node
 * @returns what can be followed from here, or undefined if that is nothing
 */
export function examineNode(
  bytes: Uint8Array,
  cid: Cid,
  place: Place,
  isRoot: boolean,
  known: Collections,
  limits: RepoLimits,
  findings: Findings,
): ExaminedNode | undefined {
  return new Examination(cid, place, isRoot, known, limits, findings).examine(bytes);
}

/** What to say about a key that stands on a level on which it does not belong. */
export function wrongLevel(key: string, level: number, cid: Cid): FindingDetails {
  const depth = keyDepth(Buffer.from(key, "latin1"));
  return { key, cid, message: `The key belongs on level ${depth} of the tree, and stands on level ${level}.` };
}

class Examination {
  private readonly cid: Cid;
  private readonly place: Place;
  private readonly isRoot: boolean;
  private readonly known: Collections;
  private readonly limits: RepoLimits;
  private readonly findings: Findings;
  private level: number;
  private readonly keys: string[] = [];
  private readonly collections: (Collection | undefined)[] = [];
  private readonly records: (CidLink | undefined)[] = [];
  private readonly children: (CidLink | undefined)[] = [];
  private readonly looseRecords: { key: string; cid: Cid }[] = [];

  constructor(cid: Cid, place: Place, isRoot: boolean, known: Collections, limits: RepoLimits, findings: Findings) {
    this.cid = cid;
    this.place = place;
    this.isRoot = isRoot;
    this.known = known;
    this.limits = limits;
    this.findings = findings;
    this.level = place.level;
  }

  examine(bytes: Uint8Array): ExaminedNode | undefined {
    let node: CborValue;
    try {
      node = decodeCbor(bytes, 8, true);
    } catch (error) {
      if (isDecampError(error, "damaged")) {
        const isLink = error.data["fault"] === "link";
        this.add(isLink ? "mst/node-link" : "mst/node-cbor", { message: `A node cannot be read. ${error.message}` });
        return undefined;
      }
      throw error;
    }
    if (!isCborMap(node) || !Array.isArray(node["e"])) {
      this.add("mst/node-type");
      return undefined;
    }
    if (node["e"].length > this.limits.nodeEntries) {
      const { nodeEntries } = this.limits;
      const message = `A node has ${node["e"].length} entries; the limit is ${nodeEntries}. ${howToRaise("nodeEntries")}`;
      this.add("limit/node-entries", { message });
      return undefined;
    }
    if (!("l" in node) || Object.keys(node).length !== 2) {
      this.add("mst/node-fields");
    }
    this.entries(node["e"]);
    const left = this.child(node["l"] ?? null);
    if (node["e"].length === 0) {
      const hasLeft = "l" in node && node["l"] !== null;
      if (!hasLeft && !this.isRoot) {
        this.add("mst/empty-node");
      }
      if (hasLeft && this.place.level < 0) {
        this.add("mst/empty-root");
      }
    }
    return this.result(left);
  }

  private add(rule: RuleId, details: { key?: string; message?: string } = {}): void {
    this.findings.add(rule, { cid: this.cid, ...details });
  }

  private entries(entries: readonly CborValue[]): void {
    let previous: Buffer = Buffer.alloc(0);
    for (const [i, entry] of entries.entries()) {
      if (
        !isCborMap(entry) ||
        !(entry["k"] instanceof Uint8Array) ||
        typeof entry["p"] !== "number" ||
        entry["p"] < 0
      ) {
        this.add("mst/node-type");
        return;
      }
      if (!("t" in entry && "v" in entry) || Object.keys(entry).length !== 4) {
        this.add("mst/entry-fields");
      }
      const { k: suffix, p: prefix } = entry;
      if (prefix > previous.length) {
        this.add(i === 0 ? "mst/first-prefix" : "mst/prefix-too-long");
        if (i > 0) {
          return;
        }
      }
      const bytes = Buffer.concat([previous.subarray(0, prefix), suffix]);
      if (bytes.length > maxKeyLength) {
        this.add("mst/key-length");
        return;
      }
      this.key(i, bytes, previous, prefix);
      this.links(entry, latin1(bytes, 0, bytes.length));
      previous = bytes;
    }
  }

  private key(i: number, bytes: Buffer, previous: Buffer, prefix: number): void {
    const key = latin1(bytes, 0, bytes.length);
    const fault = keyFault(key);
    if (fault !== undefined) {
      this.add(fault, { key });
    }
    if (i > 0) {
      const order = Buffer.compare(previous, bytes);
      if (order === 0) {
        this.add("mst/duplicate-key", { key });
      } else if (order > 0) {
        this.add("mst/key-order", { key });
      }
      if (prefix < bytes.length && prefix < previous.length && bytes[prefix] === previous[prefix]) {
        this.add("mst/prefix-not-maximal", { key });
      }
    }
    const { lower, upper } = this.place;
    if ((lower !== undefined && key <= lower) || (upper !== undefined && key >= upper)) {
      this.add("mst/key-range", { key });
    }
    const depth = keyDepth(bytes);
    if (this.level < 0 && this.level !== anyLevel) {
      this.level = depth;
    } else if (depth !== this.level && this.level !== anyLevel) {
      this.findings.add("mst/key-depth", wrongLevel(key, this.level, this.cid));
    }
    this.keys.push(key);
    this.collections.push(fault === undefined ? this.known.find(key.slice(0, key.indexOf("/"))) : undefined);
  }

  private links(entry: CborMap, key: string): void {
    const value = (entry as Record<string, CborValue | undefined>)["v"];
    let record: CidLink | undefined;
    if (!(value instanceof CidLink)) {
      this.add("mst/node-type", { key });
    } else if (isCborCid(value.cid)) {
      record = value;
    } else {
      this.add("mst/record-link", { key });
      this.looseRecords.push({ key, cid: value.cid });
    }
    this.records.push(record);
    this.children.push(this.child(entry["t"] ?? null));
  }

  /** The subtree that a field leads to, if it leads to one that can be followed. */
  private child(value: CborValue): CidLink | undefined {
    if (value === null) {
      return undefined;
    }
    if (!(value instanceof CidLink)) {
      this.add("mst/node-type");
      return undefined;
    }
    if (!isCborCid(value.cid)) {
      this.add("mst/node-link");
      return undefined;
    }
    if (this.level === 0 || (this.level <= -maxLevels && this.level !== anyLevel)) {
      this.add("mst/too-deep");
      return undefined;
    }
    return value;
  }

  private result(left: CidLink | undefined): ExaminedNode {
    const count = this.keys.length;
    const digests = new Uint8Array(32 * (2 * count + 2));
    const valueAt = new Int32Array(count);
    const childAt = new Int32Array(count);
    // Place 0 stands for "none".
    let at = 32;
    const put = (link: CidLink | undefined): number => {
      if (link === undefined) {
        return 0;
      }
      digests.set(cidToBytes(link.cid).subarray(4), at);
      at += 32;
      return at - 32;
    };
    for (let i = 0; i < count; i++) {
      valueAt[i] = put(this.records[i]);
      childAt[i] = put(this.children[i]);
    }
    const leftAt = put(left);
    return {
      view: new DataView(digests.buffer),
      count,
      level: this.level,
      leftAt,
      valueAt,
      childAt,
      keys: this.keys,
      collections: this.collections,
      looseRecords: this.looseRecords,
    };
  }
}
