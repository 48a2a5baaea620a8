/** A CAR file of a small account for tests of the commands that read one. */
import { CidLink, cidFor } from "../../../src/data/cid.ts";
import { makeAccount, makeRecords, type Account, type Record } from "../../repo/tools/account.ts";
import { makeCar } from "../../repo/tools/build.ts";

export const pictures = { new: Buffer.from("a picture"), old: Buffer.from("an old picture") };
export const picture = cidFor("raw", pictures.new);
export const oldPicture = cidFor("raw", pictures.old);

/** Records that a listing has to show in a special way. */
export const special: readonly Record[] = [
  {
    key: "app.bsky.actor.profile/self",
    value: {
      $type: "app.bsky.actor.profile",
      displayName: "Alice\u202e",
      avatar: { $type: "blob", ref: new CidLink(picture), mimeType: "image/png", size: 9 },
    },
  },
  {
    key: "app.example.note/Ab:c",
    value: {
      $type: "app.example.note",
      big: 9007199254740993n,
      bytes: new Uint8Array([1, 2]),
      link: new CidLink(picture),
      old: { cid: oldPicture, mimeType: "image/gif" },
    },
  },
  {
    key: "app.example.note/ab:c",
    value: {
      $type: "app.example.note",
      avatar: { $type: "blob", ref: new CidLink(picture), mimeType: "image/png", size: 9 },
    },
  },
];

export interface CarOfAlice {
  readonly account: Account;
  readonly bytes: Buffer;
}

export async function carOfAlice(count = 50): Promise<CarOfAlice> {
  const account = await makeAccount({ records: [...makeRecords(1, count), ...special] });
  return { account, bytes: makeCar(account.commit.cid, account.blocks) };
}
