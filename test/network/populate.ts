/** Fills an account with what a person's account holds. The same seed gives the same records and pictures. */
import { createAccount, type Account } from "./account.ts";
import type { PdsHandle } from "./pds.ts";
import { jpeg, png, type BlobRef, type Picture, type UploadedPicture } from "./pictures.ts";
import { seededRandom, type Random } from "./random.ts";
import { writeRecords, type NewRecord } from "./records.ts";
import { procedure, procedureBytes } from "./xrpc.ts";

export interface PopulateOptions {
  /** how many records in all; at least 20 */
  records?: number;
  /** how many different pictures in all, avatar and banner included; at least 2, and at most 4 for every post */
  blobs?: number;
  seed?: number;
}

export interface Population {
  /** how many there are */
  records: number;
  /** every picture that was uploaded, with its bytes */
  pictures: UploadedPicture[];
  preferences: unknown[];
}

/** Makes an account named `name` on `pds`, and fills it. */
export async function createFilled(pds: PdsHandle, name: string, options?: PopulateOptions): Promise<Account> {
  const account = await createAccount(pds, {
    handle: `${name}${pds.handleDomain}`,
    email: `${name}@old.example.com`,
    password: "the-old-password",
  });
  await populate(account, options);
  return account;
}

/** Uploads the pictures, writes the records, sets the preferences. */
export async function populate(account: Account, options: PopulateOptions = {}): Promise<Population> {
  const { records = 60, blobs = 12, seed = 1 } = options;
  const random = seededRandom(seed);
  const pictures = await uploadPictures(account, random, blobs);
  const writes = writeRecords(random, account, pictures, records);
  const preferences = preferencesOf(account);
  await Promise.all([
    applyWrites(account, writes),
    procedure(
      account.pds.url,
      "app.bsky.actor.putPreferences",
      { preferences },
      {
        token: account.accessJwt,
      },
    ),
  ]);
  return { records: writes.length, pictures, preferences };
}

/** Uploads one picture and gives the ref for a record. */
export async function uploadBlob(account: Account, picture: Picture): Promise<BlobRef> {
  const nsid = "com.atproto.repo.uploadBlob";
  const { url } = account.pds;
  const answer = await procedureBytes<{ blob: BlobRef }>(url, nsid, picture.bytes, picture.mimeType, {
    token: account.accessJwt,
  });
  return answer.blob;
}

/** Creates records, 200 a request: the server takes no more. */
export async function applyWrites(account: Account, records: readonly NewRecord[]): Promise<void> {
  for (let i = 0; i < records.length; i += 200) {
    const writes = records
      .slice(i, i + 200)
      .map((record) => Object.assign({ $type: "com.atproto.repo.applyWrites#create" }, record));
    await procedure(
      account.pds.url,
      "com.atproto.repo.applyWrites",
      { repo: account.did, writes },
      { token: account.accessJwt },
    );
  }
}

async function uploadPictures(account: Account, random: Random, count: number): Promise<UploadedPicture[]> {
  const pictures = Array.from({ length: count }, (_, i) => (i % 2 === 0 ? png(random) : jpeg(random)));
  const uploaded: UploadedPicture[] = [];
  const queue = pictures.entries();
  const worker = async (): Promise<void> => {
    for (const [i, picture] of queue) {
      uploaded[i] = { ...picture, blob: await uploadBlob(account, picture) };
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return uploaded;
}

function pref(name: string, value: object): object {
  return { $type: `app.bsky.actor.defs#${name}`, ...value };
}

function preferencesOf(account: Account): unknown[] {
  return [
    pref("personalDetailsPref", { birthDate: "1990-04-01T00:00:00.000Z" }),
    pref("adultContentPref", { enabled: false }),
    pref("contentLabelPref", { label: "graphic-media", visibility: "warn" }),
    pref("savedFeedsPrefV2", {
      items: [
        { id: "3kqzu2hh2ds2c", type: "timeline", value: "following", pinned: true },
        {
          id: "3kqzu2hh2ds2d",
          type: "feed",
          value: "at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.generator/whats-hot",
          pinned: false,
        },
      ],
    }),
    pref("feedViewPref", { feed: "home", hideReplies: false, hideRepliesByUnfollowed: true, hideReposts: true }),
    pref("threadViewPref", { sort: "oldest" }),
    pref("interestsPref", { tags: ["gardening", "trains", account.handle.split(".")[0]] }),
    pref("mutedWordsPref", {
      items: [{ id: "3kqzu2hh2ds2e", value: "spoiler", targets: ["content"], actorTarget: "all" }],
    }),
  ];
}
