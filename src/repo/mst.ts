/**
 * Nodes of the Merkle search tree (spec: Repository, "MST Structure").
 *
 * A node is a map {l, e}: `l` links to the subtree to the left of all entries, or is null; `e` is a list of entries. An
 * entry is a map {p, k, v, t}: its key is the first `p` bytes of the key before it and then `k`, `v` links to the
 * record, `t` to the subtree to the right of the entry, or is null.
 *
 * What holds in a good tree:
 * - The level of a key is half of the zero bits at the start of its SHA-256, rounded down. It says nothing of the order
 *   of keys.
 * - All keys of a node are of one level, that of the node.
 * - A subtree is one level below its node. A node without entries is allowed only as a step on the way down.
 * - The top node has entries, unless the repository is empty; then it is the only node, and has no subtree.
 * - The keys of a node ascend, byte by byte, and none stands twice.
 * - A subtree holds the keys between those of the entries beside it, and no others. So where every node is within its
 *   bounds, all keys of the tree ascend.
 * - `p` is as large as it can be; that of the first entry is 0.
 * - The encoding is canonical: one tree has one form, and one CID.
 * So a good node is recognised by its literal bytes, without decoding. What is not recognised here is looked at by
 * mst-examine.ts, which says what is wrong with it.
 *
 * Levels are numbers from 0, at the bottom, to 128. Below 0 they say what is known: −1 that the first key tells the
 * level, −1 − n the same with n empty nodes above, `anyLevel` that any will do. Where a place in a block stands for a
 * link, 0 is none.
 */
import { shortKey, type KeyBatch } from "./hashing/key-batch.ts";
import { isNsid, keyDepth, maxKeyLength, maxRkeyLength, rkeyCharacters } from "./path.ts";
import { latin1 } from "../data/latin1.ts";

/** A collection, and how many keys of it were counted. */
export interface Collection {
  name: string;
  count: number;
}

/** The collections of a repository by name. Names that are none are refused. */
export class Collections {
  private readonly byName = new Map<string, Collection>();
  private last: Collection | undefined;

  /** Like `find`, for a name in bytes. The name that was found last is tried first. */
  findBytes(key: Buffer, length: number): Collection | undefined {
    const { last } = this;
    if (last !== undefined && last.name.length === length) {
      let i = 0;
      while (i < length && last.name.charCodeAt(i) === key[i]) {
        i++;
      }
      if (i === length) {
        return last;
      }
    }
    const found = this.find(latin1(key, 0, length));
    this.last = found ?? last;
    return found;
  }

  /** @param text a name as it stands in a key */
  find(text: string): Collection | undefined {
    const known = this.byName.get(text);
    if (known !== undefined || !isNsid(text)) {
      return known;
    }
    const collection: Collection = { name: text, count: 0 };
    this.byName.set(text, collection);
    return collection;
  }

  /** Counts of the collections that have keys, by name. */
  counts(): Record<string, number> {
    const found = [...this.byName.values()].filter(({ count }) => count > 0);
    return Object.fromEntries(found.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, count }) => [name, count]));
  }
}

/** The level of a node that may be on any. */
export const anyLevel = -1000;

/**
 * Entries of one node: what a read left behind. All places are places of 32-byte digests in `view`.
 */
export interface NodeEntries {
  view: DataView;
  count: number;
  /** Level of the node; −1 if there is no key to tell it by. */
  level: number;
  /** The subtree to the left of everything, or 0. */
  leftAt: number;
  /** The record of each entry, or 0 where it cannot be awaited. */
  valueAt: Int32Array;
  /** The subtree to the right of each entry, or 0. */
  childAt: Int32Array;
  /** The keys as latin1 text; only filled where the node has subtrees or the caller asked for them. */
  keys: string[];
  collections: (Collection | undefined)[];
}

/** Reads nodes; one reader is enough for any number of nodes. */
export class NodeReader implements NodeEntries {
  view: DataView = new DataView(new ArrayBuffer(0));
  count = 0;
  level = 0;
  leftAt = 0;
  valueAt: Int32Array = new Int32Array(64);
  childAt: Int32Array = new Int32Array(64);
  keys: string[] = [];
  collections: (Collection | undefined)[] = [];
  private readonly known: Collections;
  private readonly maxEntries: number;
  private readonly key: Buffer = Buffer.alloc(maxKeyLength + 64);
  private readonly keyView = new DataView(this.key.buffer, this.key.byteOffset, this.key.length);

  private readonly batch: KeyBatch | undefined;
  /** Where the keys of this node start in the batch, or −1 if they are proved one by one. */
  private mark = -1;

  /** @param batch where the levels of keys may be proved later; the CID must stand before each node then */
  constructor(known: Collections, maxEntries: number, batch?: KeyBatch) {
    this.known = known;
    this.maxEntries = maxEntries;
    this.batch = batch;
  }

  /**
   * Reads the node that stands in `bytes` from `start` to `end`, and checks everything that its place asks for.
   *
   * @param view a DataView over the same memory as `bytes`, from the same place
   * @param level the level on which it has to be; −1 if its first key tells it; `anyLevel` to let it be anything
   * @param lower the key that all of its keys are above, if there is one
   * @param upper the key that all of its keys are below, if there is one
   * @param wantKeys whether `keys` has to be filled in any case
   * @returns whether it is a good node with at least one entry, or without entries and with a subtree; if not, what is
   *   left behind means nothing
   */
  read(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    level: number,
    lower: string | undefined,
    upper: string | undefined,
    wantKeys: boolean,
  ): boolean {
    this.mark = -1;
    const isGood = this.readNode(bytes, view, start, end, level, lower, upper, wantKeys);
    if (!isGood && this.mark >= 0) {
      this.batch?.goBack(this.mark);
    }
    return isGood;
  }

  private readNode(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    level: number,
    lower: string | undefined,
    upper: string | undefined,
    wantKeys: boolean,
  ): boolean {
    const { key, keyView } = this;
    this.view = view;
    // a2 61 "e" (list head)
    if (end - start < 8 || view.getUint16(start) !== 0xa261 || bytes[start + 2] !== 0x65) {
      return false;
    }
    let at = start + 3;
    let count = bytes[at++]! - 0x80;
    if (count >= 24) {
      if (count === 24) {
        count = bytes[at++]!;
        if (count < 24) {
          return false;
        }
      } else if (count === 25) {
        count = view.getUint16(at);
        at += 2;
        if (count < 256) {
          return false;
        }
      } else {
        return false;
      }
    }
    // An entry has 54 bytes at least: what follows stays within the block if the count does.
    if (count < 0 || count > this.maxEntries || count * 54 > end - at) {
      return false;
    }
    if (count > this.valueAt.length) {
      this.valueAt = new Int32Array(count * 2);
      this.childAt = new Int32Array(count * 2);
    }
    const { valueAt, childAt, keys, collections } = this;
    const keepKeys = wantKeys || level !== 0;
    const { batch } = this;
    if (batch !== undefined && level >= 0) {
      this.mark = batch.begin(view, start - 32, count);
    }
    const inBatch = this.mark >= 0;
    let keyLength = 0;
    let slash = -1;
    let collection: Collection | undefined;
    for (let i = 0; i < count; i++) {
      // a4 61 "k" (bytes head)
      if (end - at < 54 || view.getUint16(at) !== 0xa461 || bytes[at + 2] !== 0x6b) {
        return false;
      }
      at += 3;
      let length = bytes[at++]! - 0x40;
      if (length >= 24) {
        if (length === 24) {
          length = bytes[at++]!;
          if (length < 24) {
            return false;
          }
        } else if (length === 25) {
          length = view.getUint16(at);
          at += 2;
          if (length < 256) {
            return false;
          }
        } else {
          return false;
        }
      }
      const suffix = at;
      at += length;
      // 61 "p" (number), 61 "t", 61 "v" and a link are still to come: 49 bytes at least.
      if (length <= 0 || end - at < 49 || view.getUint16(at) !== 0x6170) {
        return false;
      }
      let prefix = bytes[at + 2]!;
      at += 3;
      if (prefix >= 24) {
        if (prefix === 24) {
          prefix = bytes[at++]!;
          if (prefix < 24) {
            return false;
          }
        } else if (prefix === 25) {
          prefix = view.getUint16(at);
          at += 2;
          if (prefix < 256) {
            return false;
          }
        } else {
          return false;
        }
      }
      // One comparison proves both that the prefix is maximal and that the key is above the one before.
      if (
        prefix > keyLength ||
        prefix + length > maxKeyLength ||
        (i === 0 ? prefix !== 0 : prefix < keyLength && bytes[suffix]! <= key[prefix]!)
      ) {
        return false;
      }
      keyLength = prefix + length;
      if (prefix <= slash || slash < 0) {
        // The collection may be another one than that of the key before.
        slash = -1;
        for (let j = 0; j < length; j++) {
          const character = bytes[suffix + j]!;
          key[prefix + j] = character;
          if (character === 0x2f) {
            if (slash >= 0) {
              return false;
            }
            slash = prefix + j;
          } else if (rkeyCharacters[character] === 0) {
            return false;
          }
        }
        if (slash < 0 || slash > 317) {
          return false;
        }
        collection = this.known.findBytes(key, slash);
        if (collection === undefined) {
          return false;
        }
      } else {
        let good = 1;
        for (let j = 0; j < length; j++) {
          const character = bytes[suffix + j]!;
          key[prefix + j] = character;
          good &= rkeyCharacters[character]!;
        }
        if (good === 0) {
          return false;
        }
      }
      const rkeyLength = keyLength - slash - 1;
      if (rkeyLength <= 2) {
        if (rkeyLength === 0 || (key[slash + 1] === 0x2e && (rkeyLength === 1 || key[slash + 2] === 0x2e))) {
          return false;
        }
      } else if (rkeyLength > maxRkeyLength) {
        return false;
      }
      collections[i] = collection;

      if (keepKeys) {
        keys[i] = latin1(key, 0, keyLength);
      } else {
        if (i === 0 && lower !== undefined && !isAbove(key, keyLength, lower)) {
          return false;
        }
        if (i === count - 1 && upper !== undefined && !isBelow(key, keyLength, upper)) {
          return false;
        }
      }
      if (inBatch && keyLength <= shortKey) {
        batch!.add(keyView, keyLength, level);
      } else if (level !== anyLevel) {
        const depth = keyDepth(key.subarray(0, keyLength));
        if (depth !== level) {
          if (level >= 0) {
            return false;
          }
          level = depth;
        }
      }

      // 61 "t" (null or link)
      if (end - at < 3 || view.getUint16(at) !== 0x6174) {
        return false;
      }
      if (bytes[at + 2] === 0xf6) {
        childAt[i] = 0;
        at += 3;
      } else {
        if (level === 0 || end - at < 43 || !isLink(bytes, view, at + 2)) {
          return false;
        }
        childAt[i] = at + 11;
        at += 43;
      }
      // 61 "v" (link)
      if (end - at < 43 || view.getUint16(at) !== 0x6176 || !isLink(bytes, view, at + 2)) {
        return false;
      }
      valueAt[i] = at + 11;
      at += 43;
    }
    // 61 "l" (null or link)
    if (end - at < 3 || view.getUint16(at) !== 0x616c) {
      return false;
    }
    if (bytes[at + 2] === 0xf6) {
      if (count === 0) {
        return false;
      }
      this.leftAt = 0;
      at += 3;
    } else {
      if (level === 0 || (level < 0 && level !== anyLevel) || end - at < 43 || !isLink(bytes, view, at + 2)) {
        return false;
      }
      this.leftAt = at + 11;
      at += 43;
    }
    if (keepKeys && count > 0) {
      if (lower !== undefined && keys[0]! <= lower) {
        return false;
      }
      if (upper !== undefined && keys[count - 1]! >= upper) {
        return false;
      }
    }
    this.count = count;
    this.level = level;
    return at === end;
  }
}

/** d8 2a 58 25 00 01 71 12 20, and a digest follows. */
function isLink(bytes: Uint8Array, view: DataView, at: number): boolean {
  return view.getInt32(at) === 0xd82a5825 << 0 && view.getInt32(at + 4) === 0x00017112 && bytes[at + 8] === 0x20;
}

function isAbove(key: Uint8Array, length: number, bound: string): boolean {
  return compare(key, length, bound) > 0;
}

function isBelow(key: Uint8Array, length: number, bound: string): boolean {
  return compare(key, length, bound) < 0;
}

function compare(key: Uint8Array, length: number, bound: string): number {
  const shared = Math.min(length, bound.length);
  for (let i = 0; i < shared; i++) {
    const difference = key[i]! - bound.charCodeAt(i);
    if (difference !== 0) {
      return difference;
    }
  }
  return length - bound.length;
}
