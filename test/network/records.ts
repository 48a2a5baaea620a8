/** The records of an invented person: profile, posts, likes, follows, a list, articles. */
import { createHash } from "node:crypto";
import type { Account } from "./account.ts";
import type { UploadedPicture } from "./pictures.ts";
import { bytes, integer, pick, type Random } from "./random.ts";

/** One `create` of applyWrites. */
export interface NewRecord {
  collection: string;
  rkey: string;
  value: { $type: string } & Record<string, unknown>;
}

const words =
  "the rain on our garden is slow today and I walked past every bridge along this river before breakfast with coffee trains birds a good book some bread old friends new songs quiet light".split(
    " ",
  );
const extras = ["🌱", "ಠ_ಠ", "日本の庭", "Überraschung", "👩🏽‍🌾", "שלום", ""];

/**
 * Exactly `count` records, with every picture in one of them: the first two are avatar and banner of the profile, the
 * others stand in posts, up to four in one.
 */
export function writeRecords(
  random: Random,
  account: Pick<Account, "did" | "handle">,
  pictures: readonly UploadedPicture[],
  count: number,
): NewRecord[] {
  const [avatar, banner, ...inPosts] = pictures;
  if (avatar === undefined || banner === undefined || count < 20) {
    throw new Error("an account has at least 20 records and 2 pictures");
  }
  const clock = makeClock(random);
  const records: NewRecord[] = [];
  const add = (collection: string, value: Record<string, unknown>, rkey = clock.next().tid): string => {
    records.push({ collection, rkey, value: { $type: collection, ...value } });
    return `at://${account.did}/${collection}/${rkey}`;
  };
  const list = add("app.bsky.graph.list", {
    purpose: "app.bsky.graph.defs#curatelist",
    name: "People with gardens",
    description: sentence(random),
    createdAt: clock.now(),
  });
  add(
    "app.bsky.actor.profile",
    {
      displayName: `${account.handle.split(".")[0]} ${pick(random, extras)}`.trim(),
      description: sentence(random),
      avatar: avatar.blob,
      banner: banner.blob,
      createdAt: clock.now(),
    },
    "self",
  );
  while (records.length < count) {
    const left = count - records.length;
    const createdAt = clock.next().time;
    // A post with up to four pictures comes in every other place until all pictures are used.
    if (inPosts.length > 0 && (records.length % 2 === 0 || left <= Math.ceil(inPosts.length / 2))) {
      add("app.bsky.feed.post", {
        ...text(random),
        embed: imagesEmbed(random, inPosts.splice(0, left <= inPosts.length ? 4 : integer(random, 1, 4))),
        createdAt,
      });
      continue;
    }
    const chance = random();
    if (chance < 0.35) {
      const reply = random() < 0.3 ? { reply: { root: strongRef(random), parent: strongRef(random) } } : {};
      add("app.bsky.feed.post", { ...text(random), ...reply, createdAt });
    } else if (chance < 0.7) {
      add("app.bsky.feed.like", { subject: strongRef(random), createdAt });
    } else if (chance < 0.85) {
      add("app.bsky.graph.follow", { subject: plcDid(random), createdAt });
    } else if (chance < 0.92) {
      add("app.bsky.graph.listitem", { list, subject: plcDid(random), createdAt });
    } else if (chance < 0.96) {
      add("app.bsky.feed.repost", { subject: strongRef(random), createdAt });
    } else {
      // a lexicon that the servers do not know
      add("com.whtwnd.blog.entry", { title: sentence(random), content: `# ${sentence(random)}\n`, createdAt });
    }
  }
  if (inPosts.length > 0) {
    throw new Error(`${inPosts.length} pictures found no place in ${count} records`);
  }
  return records;
}

function text(random: Random): Record<string, unknown> {
  const said = sentence(random);
  const uri = "https://example.com/garden";
  const facets = [
    {
      index: { byteStart: Buffer.byteLength(said) + 1, byteEnd: Buffer.byteLength(said) + 1 + uri.length },
      features: [{ $type: "app.bsky.richtext.facet#link", uri }],
    },
  ];
  return random() < 0.2 ? { text: `${said} ${uri}`, facets, langs: ["en"] } : { text: said, langs: ["en"] };
}

function imagesEmbed(random: Random, pictures: readonly UploadedPicture[]): Record<string, unknown> {
  return {
    $type: "app.bsky.embed.images",
    images: pictures.map(({ blob, width, height }) => ({
      image: blob,
      alt: sentence(random),
      aspectRatio: { width, height },
    })),
  };
}

function sentence(random: Random): string {
  const said = Array.from({ length: integer(random, 4, 18) }, () => pick(random, words)).join(" ");
  return `${said} ${pick(random, extras)}`.trim();
}

function strongRef(random: Random): { uri: string; cid: string } {
  const cid = base32(Uint8Array.from([1, 0x71, 0x12, 32, ...createHash("sha256").update(bytes(random, 32)).digest()]));
  return {
    uri: `at://${plcDid(random)}/app.bsky.feed.post/${tid(1_700_000_000_000_000 + Math.floor(random() * 1e13))}`,
    cid: `b${cid}`,
  };
}

function plcDid(random: Random): string {
  return `did:plc:${base32(bytes(random, 15))}`;
}

/** Times that only grow, over about two years, each with its TID. */
function makeClock(random: Random): { now(): string; next(): { tid: string; time: string } } {
  let microseconds = Date.UTC(2023, 6, 1) * 1000;
  const now = (): string => new Date(microseconds / 1000).toISOString();
  return {
    now,
    next: () => {
      microseconds += integer(random, 1, 150_000) * 1_000_000 + integer(random, 0, 999_999);
      return { tid: tid(microseconds), time: now() };
    },
  };
}

/** A TID: 53 bits of microseconds, 10 bits of clock id (zero), 13 characters. */
export function tid(microseconds: number): string {
  let rest = BigInt(microseconds) << 10n;
  let out = "";
  for (let i = 0; i < 13; i += 1) {
    out = "234567abcdefghijklmnopqrstuvwxyz".charAt(Number(rest & 31n)) + out;
    rest >>= 5n;
  }
  return out;
}

function base32(data: Uint8Array): string {
  let out = "";
  let buffer = 0;
  let held = 0;
  for (const byte of data) {
    buffer = ((buffer << 8) | byte) & 0xfff;
    held += 8;
    while (held >= 5) {
      held -= 5;
      out += "abcdefghijklmnopqrstuvwxyz234567".charAt((buffer >> held) & 31);
    }
  }
  return held > 0 ? out + "abcdefghijklmnopqrstuvwxyz234567".charAt((buffer << (5 - held)) & 31) : out;
}
