/** Accounts with records of the usual kinds, the same each time for the same seed. */
import { CidLink, cidFor, type Cid } from "../../../src/data/cid.ts";
import { encodeCbor, type CborValue } from "../../../src/data/cbor.ts";
import {
  buildTree,
  makeCommit,
  makeSigner,
  treeBlocks,
  type Block,
  type Curve,
  type Leaf,
  type Signer,
} from "./build.ts";
import { Random } from "./random.ts";

const tidCharacters = "234567abcdefghijklmnopqrstuvwxyz";

/** The TID of a moment, in microseconds. */
export function tid(microseconds: number, clock: number = 0): string {
  let number = (BigInt(microseconds) << 10n) | BigInt(clock);
  let text = "";
  for (let i = 0; i < 13; i++) {
    text = tidCharacters.charAt(Number(number & 31n)) + text;
    number >>= 5n;
  }
  return text;
}

export const aliceDid = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
/** 2026-03-01T00:00:00Z, in milliseconds: when all test repositories were signed. */
export const testNow = 1_772_323_200_000;
export const testRev: string = tid(testNow * 1000);

export interface Record {
  key: string;
  value: CborValue;
}

export interface Account {
  did: string;
  signer: Signer;
  commit: Block;
  data: Cid;
  leaves: Leaf[];
  records: Map<Cid, Block>;
  /** Commit first, then the tree in preorder. */
  blocks: Block[];
}

function makeRecord(random: Random, collection: string, time: number): CborValue {
  const createdAt = new Date(time / 1000).toISOString();
  const subject = {
    uri: `at://did:plc:${Buffer.from(random.bytes(12)).toString("hex")}/app.bsky.feed.post/${tid(time - 1)}`,
    cid: cidFor("dag-cbor", random.bytes(8)),
  };
  switch (collection) {
    case "app.bsky.feed.post":
      return {
        $type: collection,
        text: random.pick(["Hello", "Grüße aus Köln", "朝ごはん 🍙", "naïve café"]) + ` ${random.below(1e6)}`,
        langs: ["en"],
        createdAt,
        ...(random.below(3) === 0 ? { embed: { $type: "app.bsky.embed.images", images: [makeImage(random)] } } : {}),
      };
    case "app.bsky.graph.follow":
      return { $type: collection, subject: subject.uri.slice(5, 37), createdAt };
    default:
      return { $type: collection, subject, createdAt };
  }
}

function makeImage(random: Random): CborValue {
  const size = random.below(1_000_000);
  const ref = new CidLink(cidFor("raw", random.bytes(8)));
  return { alt: "", image: { $type: "blob", ref, mimeType: "image/jpeg", size } };
}

/** Records with distinct keys. */
export function makeRecords(seed: number, count: number): Record[] {
  const random = new Random(seed);
  const collections = [
    ...Array.from({ length: 6 }, () => "app.bsky.feed.like"),
    "app.bsky.feed.post",
    "app.bsky.feed.post",
    "app.bsky.feed.repost",
    "app.bsky.graph.follow",
  ];
  return Array.from({ length: count }, (_, i) => {
    const collection = random.pick(collections);
    const time = 1_680_000_000_000_000 + i * 90_000_000 + random.below(80_000_000);
    return { key: `${collection}/${tid(time, random.below(1024))}`, value: makeRecord(random, collection, time) };
  });
}

export interface AccountOptions {
  records: readonly Record[];
  did?: string;
  curve?: Curve;
  prev?: CborValue;
  rev?: string;
}

/** A good account with these records. */
export async function makeAccount(options: AccountOptions): Promise<Account> {
  const { did = aliceDid, curve = "k256", prev = null, rev = testRev } = options;
  const signer = await makeSigner(curve, did);
  const records = new Map<Cid, Block>();
  const leaves = options.records.map(({ key, value }, i) => {
    const bytes = encodeCbor(value);
    const cid = cidFor("dag-cbor", bytes);
    records.set(cid, { cid, bytes, rev: i });
    return { key, value: cid };
  });
  const { root: data, blocks } = treeBlocks(buildTree(leaves), records);
  const commit = await makeCommit({ did, version: 3, data: new CidLink(data), rev, prev }, signer);
  return { did, signer, commit, data, leaves, records, blocks: [commit, ...blocks] };
}
