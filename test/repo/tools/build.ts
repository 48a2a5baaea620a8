/**
 * Builds repositories from nothing, right or wrong: a tree of nodes, a signed commit, a CAR file. It shares the CBOR
 * encoder with the project and nothing of the verifier; tests hold it against @atproto/repo.
 */
import { createHash } from "node:crypto";
import { P256Keypair, Secp256k1Keypair } from "@atproto/crypto";
import { CidLink, cidFor, cidToBytes, type Cid } from "../../../src/data/cid.ts";
import { encodeCbor, type CborMap, type CborValue } from "../../../src/data/cbor.ts";
import type { Random } from "./random.ts";

export interface Block {
  cid: Cid;
  bytes: Uint8Array;
  /** Higher is newer; the order of the reference server goes by it. */
  rev: number;
}

export type Curve = "k256" | "p256";

export interface Signer {
  didKey: string;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** The same key each time for the same name. */
export async function makeSigner(curve: Curve, name: string): Promise<Signer> {
  const secret = createHash("sha256").update(`key of ${name}`).digest();
  const keypair = curve === "k256" ? await Secp256k1Keypair.import(secret) : await P256Keypair.import(secret);
  return { didKey: keypair.did(), sign: (bytes) => keypair.sign(bytes) };
}

/** Half of the leading zero bits of the hash. */
export function depthOf(key: string): number {
  let zeros = 0;
  for (const byte of createHash("sha256").update(key, "latin1").digest()) {
    if (byte !== 0) {
      zeros += Math.clz32(byte) - 24;
      break;
    }
    zeros += 8;
  }
  return Math.floor(zeros / 2);
}

/** A node that is not encoded yet. */
export interface TreeNode {
  level: number;
  left: TreeNode | Cid | null;
  entries: TreeEntry[];
  /** What stands in the node instead of what would: for wrong ones. Gets the right one. */
  change?: (node: { e: CborMap[]; l: CborValue }) => CborValue;
  /** The same for the bytes. */
  changeBytes?: (bytes: Uint8Array) => Uint8Array;
  /** The node is linked to, and is not in the file. */
  absent?: boolean;
}

interface TreeEntry {
  key: string;
  value: Cid;
  right: TreeNode | Cid | null;
}

export interface Leaf {
  key: string;
  value: Cid;
}

/** Bytes of a key: one a character, so that keys can be made that are no valid text. */
function keyBytes(key: string): Buffer {
  return Buffer.from(key, "latin1");
}

/** The one tree of these records. @param depth to build a wrong one */
export function buildTree(leaves: readonly Leaf[], depth: (key: string) => number = depthOf): TreeNode {
  const sorted = [...leaves].sort((a, b) => Buffer.compare(keyBytes(a.key), keyBytes(b.key)));
  const level = sorted.reduce((highest, { key }) => Math.max(highest, depth(key)), 0);
  return buildLevel(sorted, level, depth) ?? { level: 0, left: null, entries: [] };
}

function buildLevel(leaves: readonly Leaf[], level: number, depth: (key: string) => number): TreeNode | null {
  if (leaves.length === 0) {
    return null;
  }
  const entries: TreeEntry[] = [];
  let below: Leaf[] = [];
  let left: TreeNode | null = null;
  const close = (): void => {
    const child = buildLevel(below, level - 1, depth);
    const last = entries.at(-1);
    if (last === undefined) {
      left = child;
    } else {
      last.right = child;
    }
    below = [];
  };
  for (const leaf of leaves) {
    if (depth(leaf.key) >= level) {
      close();
      entries.push({ ...leaf, right: null });
    } else {
      below.push(leaf);
    }
  }
  close();
  return { level, left, entries };
}

/** The plain form of a node with its links. */
function encodeNode(node: TreeNode, link: (child: TreeNode | Cid) => Cid): Uint8Array {
  const asLink = (child: TreeNode | Cid | null): CborValue => (child === null ? null : new CidLink(link(child)));
  let previous: Buffer = Buffer.alloc(0);
  const e = node.entries.map(({ key, value, right }) => {
    const bytes = keyBytes(key);
    let shared = 0;
    while (shared < previous.length && shared < bytes.length && previous[shared] === bytes[shared]) {
      shared++;
    }
    previous = bytes;
    return { k: new Uint8Array(bytes.subarray(shared)), p: shared, t: asLink(right), v: new CidLink(value) };
  });
  const plain = { e, l: asLink(node.left) };
  const bytes = encodeCbor(node.change === undefined ? plain : node.change(plain));
  return node.changeBytes === undefined ? bytes : node.changeBytes(bytes);
}

/** All blocks of a tree, in preorder with the records between, which is the order that the specification prefers. */
export function treeBlocks(root: TreeNode, records: ReadonlyMap<Cid, Block>): { root: Cid; blocks: Block[] } {
  const encode = (node: TreeNode): { cid: Cid; rev: number; blocks: Block[] } => {
    const blocks: Block[] = [];
    const cids = new Map<TreeNode, Cid>();
    let rev = 0;
    const add = (child: TreeNode | Cid | null): void => {
      if (child === null || typeof child === "string") {
        return;
      }
      const below = encode(child);
      cids.set(child, below.cid);
      rev = Math.max(rev, below.rev);
      blocks.push(...below.blocks);
    };
    add(node.left);
    for (const { value, right } of node.entries) {
      const record = records.get(value);
      if (record !== undefined) {
        rev = Math.max(rev, record.rev);
        blocks.push(record);
      }
      add(right);
    }
    const bytes = encodeNode(node, (child) => (typeof child === "string" ? child : (cids.get(child) as Cid)));
    const cid = cidFor("dag-cbor", bytes);
    return { cid, rev, blocks: node.absent === true ? blocks : [{ cid, bytes, rev }, ...blocks] };
  };
  const { cid, blocks } = encode(root);
  const seen = new Set<Cid>();
  const distinct = blocks.filter((block) => !seen.has(block.cid) && seen.add(block.cid));
  return { root: cid, blocks: distinct };
}

/** Signs and encodes a commit. @param change what stands in it instead of what would, after signing */
export async function makeCommit(
  fields: CborMap,
  signer: Signer,
  change: (commit: CborMap) => CborValue = (commit) => commit,
): Promise<Block> {
  const sig = await signer.sign(encodeCbor(fields));
  const bytes = encodeCbor(change({ ...fields, sig: new Uint8Array(sig) }));
  return { cid: cidFor("dag-cbor", bytes), bytes, rev: Number.MAX_SAFE_INTEGER };
}

/** An unsigned LEB128 number. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) {
      bytes.push(rest);
      return Uint8Array.from(bytes);
    }
    bytes.push((rest % 128) | 0x80);
  }
}

export function section(cid: Uint8Array, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint(cid.length + bytes.length), cid, bytes]);
}

export function carHeader(header: CborValue): Buffer {
  const bytes = encodeCbor(header);
  return Buffer.concat([varint(bytes.length), bytes]);
}

export function makeCar(root: Cid, blocks: readonly Block[]): Buffer {
  const header = carHeader({ version: 1, roots: [new CidLink(root)] });
  return Buffer.concat([header, ...blocks.map(({ cid, bytes }) => section(cidToBytes(cid), bytes))]);
}

/** The orders of blocks that are met with: the specification's, the reference server's, that of an imported account. */
export const orders = ["preorder", "pds", "random"] as const;
export type Order = (typeof orders)[number];

export function sortBlocks(blocks: readonly Block[], order: Order, random: Random): Block[] {
  switch (order) {
    case "preorder":
      return [...blocks];
    case "pds":
      return blocks.toSorted((a, b) => b.rev - a.rev || (a.cid < b.cid ? 1 : -1));
    default:
      return random.shuffle(blocks);
  }
}
