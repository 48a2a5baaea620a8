/**
 * Accounts of any size for the benchmark, in three block orders, written to a folder that is not committed. The mix is
 * that of real accounts: 60 % likes, 20 % posts, reposts, follows; every record is a commit of its own.
 */
import { hash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { CidLink, cidFor, cidFromDigest, cidToBytes } from "../../src/data/cid.ts";
import { encodeCbor, type CborMap, type CborValue } from "../../src/data/cbor.ts";
import { aliceDid, testRev, tid } from "../repo/tools/account.ts";
import { carHeader, depthOf, makeCommit, makeSigner, orders, varint, type Order } from "../repo/tools/build.ts";
import { Random } from "../repo/tools/random.ts";

export const cache: URL = new URL("../../.cache/bench/", import.meta.url);

export interface Size {
  name: string;
  records: number;
  /** whose it is; alice's unless said otherwise */
  did?: string;
  /** whether posts refer to pictures; they do unless said otherwise */
  pictures?: boolean;
}

export function carPath({ name }: Size, order: Order): URL {
  return new URL(`${name}-${order}.car`, cache);
}

const words =
  "the a of to and in is it you that he was for on are with as his they at be this have from or one had by word but not what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more write go see number no way could people my than first water been call who oil its now find long down day did get come made may part".split(
    " ",
  );
const farewells = ["", "", "", " Grüße!", " 朝ごはん 🍙", " naïve café", " — да"];

interface Made {
  collection: string;
  rkey: string;
  time: number;
  value: CborMap;
}

function makeRecord(random: Random, time: number, pictures: boolean): Made {
  const rkey = tid(time, random.below(1024));
  const createdAt = new Date(Math.floor(time / 1000)).toISOString();
  const did = `did:plc:${Buffer.from(random.bytes(15)).toString("hex").slice(0, 24)}`;
  const strongRef = (): CborMap => ({
    uri: `at://${did}/app.bsky.feed.post/${tid(time - random.below(1e9))}`,
    cid: cidFor("dag-cbor", random.bytes(8)),
  });
  const kind = random.below(100);
  if (kind < 60) {
    const via = random.below(100) < 15 ? { via: strongRef() } : {};
    const value = { $type: "app.bsky.feed.like", subject: strongRef(), createdAt, ...via };
    return { collection: "app.bsky.feed.like", rkey, time, value };
  }
  if (kind < 80) {
    return { collection: "app.bsky.feed.post", rkey, time, value: makePost(random, createdAt, strongRef, pictures) };
  }
  if (kind < 88) {
    const value = { $type: "app.bsky.feed.repost", subject: strongRef(), createdAt };
    return { collection: "app.bsky.feed.repost", rkey, time, value };
  }
  const value = { $type: "app.bsky.graph.follow", subject: did, createdAt };
  return { collection: "app.bsky.graph.follow", rkey, time, value };
}

function makePost(random: Random, createdAt: string, strongRef: () => CborMap, pictures: boolean): CborMap {
  const text =
    Array.from({ length: 4 + random.below(30) }, () => random.pick(words)).join(" ") + random.pick(farewells);
  const post: CborMap = { $type: "app.bsky.feed.post", text, langs: ["en"], createdAt };
  if (random.below(2) === 0) {
    post["reply"] = { root: strongRef(), parent: strongRef() };
  }
  if (pictures && random.below(5) === 0) {
    const images = Array.from({ length: 1 + random.below(3) }, (): CborValue => {
      const ref = new CidLink(cidFor("raw", random.bytes(8)));
      const image = { $type: "blob", ref, mimeType: "image/jpeg", size: 20_000 + random.below(900_000) };
      return { alt: "", image, aspectRatio: { width: 1200, height: 900 } };
    });
    post["embed"] = { $type: "app.bsky.embed.images", images };
  }
  if (random.below(6) === 0) {
    const uri = `https://example.com/${random.below(1e6)}`;
    post["facets"] = [
      { index: { byteStart: 0, byteEnd: 3 }, features: [{ $type: "app.bsky.richtext.facet#link", uri }] },
    ];
  }
  return post;
}

/** All blocks of an account, one behind the other, and what is needed to sort them. */
class Blocks {
  count = 0;
  /** Sections as they stand in a CAR. */
  private readonly chunks: Buffer[] = [];
  private chunk: Buffer = Buffer.alloc(0);
  private used = 0;
  private readonly chunkOf: Int32Array;
  private readonly start: Int32Array;
  private readonly length: Int32Array;
  readonly rev: Float64Array;
  readonly digests: Buffer;

  constructor(capacity: number) {
    this.chunkOf = new Int32Array(capacity);
    this.start = new Int32Array(capacity);
    this.length = new Int32Array(capacity);
    this.rev = new Float64Array(capacity);
    this.digests = Buffer.alloc(capacity * 32);
  }

  add(bytes: Uint8Array, rev: number): number {
    const id = this.count++;
    const digest = hash("sha256", bytes, "buffer");
    const head = varint(36 + bytes.length);
    const length = head.length + 36 + bytes.length;
    if (this.used + length > this.chunk.length) {
      this.chunk = Buffer.allocUnsafe(1 << 26);
      this.chunks.push(this.chunk);
      this.used = 0;
    }
    this.chunk.set(head, this.used);
    this.chunk.set([1, 0x71, 0x12, 0x20], this.used + head.length);
    this.chunk.set(digest, this.used + head.length + 4);
    this.chunk.set(bytes, this.used + head.length + 36);
    this.digests.set(digest, id * 32);
    this.chunkOf[id] = this.chunks.length - 1;
    this.start[id] = this.used;
    this.length[id] = length;
    this.rev[id] = rev;
    this.used += length;
    return id;
  }

  section(id: number): Buffer {
    const start = this.start[id]!;
    return this.chunks[this.chunkOf[id]!]!.subarray(start, start + this.length[id]!);
  }

  digest(id: number): Buffer {
    return this.digests.subarray(id * 32, id * 32 + 32);
  }

  cid(id: number): string {
    return cidFromDigest("dag-cbor", this.digest(id));
  }
}

/** Builds the tree over sorted keys. @returns all blocks in preorder, the top node first */
function buildTree(keys: readonly string[], records: Int32Array, blocks: Blocks): number[] {
  const preorder: number[] = [];
  const depths = Uint8Array.from(keys, depthOf);
  const build = (from: number, to: number, level: number): number => {
    const place = preorder.push(-1) - 1;
    let rev = 0;
    const link = (id: number): CidLink => {
      rev = Math.max(rev, blocks.rev[id]!);
      return new CidLink(blocks.cid(id));
    };
    const below = (start: number, end: number): CidLink | null =>
      start === end ? null : link(build(start, end, level - 1));
    const e: CborMap[] = [];
    let previous = "";
    let start = from;
    let left: CidLink | null = null;
    const close = (end: number): void => {
      const child = below(start, end);
      const last = e.at(-1);
      if (last === undefined) {
        left = child;
      } else {
        last["t"] = child;
      }
    };
    for (let i = from; i < to; i++) {
      if (depths[i] !== level) {
        continue;
      }
      close(i);
      const key = keys[i]!;
      let p = 0;
      while (p < previous.length && previous[p] === key[p]) {
        p++;
      }
      previous = key;
      const record = records[i]!;
      preorder.push(record);
      e.push({ k: new Uint8Array(Buffer.from(key.slice(p))), p, t: null, v: link(record) });
      start = i + 1;
    }
    close(to);
    const id = blocks.add(encodeCbor({ e, l: left }), rev);
    preorder[place] = id;
    return id;
  };
  build(
    0,
    keys.length,
    depths.reduce((a, b) => Math.max(a, b), 0),
  );
  return preorder;
}

function sortedIds(preorder: readonly number[], blocks: Blocks, order: Order): Int32Array {
  const ids = Int32Array.from(preorder);
  if (order === "pds") {
    ids.sort((a, b) => blocks.rev[b]! - blocks.rev[a]! || (blocks.cid(a) < blocks.cid(b) ? 1 : -1));
  } else if (order === "random") {
    ids.sort((a, b) => Buffer.compare(blocks.digest(a), blocks.digest(b)));
  }
  return ids;
}

function writeCar(path: URL, header: Uint8Array, commit: Uint8Array, ids: Int32Array, blocks: Blocks): void {
  const part = new URL(`${path.href}.part`);
  const file = openSync(part, "w");
  let waiting: Uint8Array[] = [header, commit];
  let size = 0;
  for (const id of ids) {
    const section = blocks.section(id);
    waiting.push(section);
    size += section.length;
    if (size > 1 << 24) {
      writeSync(file, Buffer.concat(waiting));
      waiting = [];
      size = 0;
    }
  }
  writeSync(file, Buffer.concat(waiting));
  closeSync(file);
  renameSync(part, path);
}

/** Makes the files of an account, unless they are there. @returns the did:key that it is signed with */
export async function generate(size: Size): Promise<string> {
  const signer = await makeSigner("k256", "bench");
  if (orders.every((order) => existsSync(carPath(size, order)))) {
    return signer.didKey;
  }
  mkdirSync(cache, { recursive: true });
  const random = new Random(size.records);
  const blocks = new Blocks(Math.ceil(size.records * 1.4) + 100);
  const firstTime = 1_680_000_000_000_000;
  const step = Math.floor(112_000_000_000_000 / size.records);
  const made = Array.from({ length: size.records }, (_, i) => {
    const { collection, rkey, time, value } = makeRecord(
      random,
      firstTime + i * step + random.below(step),
      size.pictures ?? true,
    );
    return { key: `${collection}/${rkey}`, id: blocks.add(encodeCbor(value), time) };
  });
  made.sort((a, b) => (a.key < b.key ? -1 : 1));
  const keys = made.map(({ key }) => key);
  const preorder = buildTree(
    keys,
    Int32Array.from(made, ({ id }) => id),
    blocks,
  );
  const data = new CidLink(blocks.cid(preorder[0]!));
  const commit = await makeCommit({ did: size.did ?? aliceDid, version: 3, data, rev: testRev, prev: null }, signer);
  const header = carHeader({ version: 1, roots: [new CidLink(commit.cid)] });
  const section = Buffer.concat([varint(36 + commit.bytes.length), cidToBytes(commit.cid), commit.bytes]);
  for (const order of orders) {
    writeCar(carPath(size, order), header, section, sortedIds(preorder, blocks, order), blocks);
  }
  writeFileSync(
    new URL(`${size.name}.json`, cache),
    JSON.stringify({ records: size.records, blocks: preorder.length + 1 }),
  );
  return signer.didKey;
}
