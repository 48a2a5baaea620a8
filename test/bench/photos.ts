/** Posts with photos, for accounts that have many. */
import type { Account } from "../network/account.ts";
import type { Picture } from "../network/pictures.ts";
import { applyWrites, uploadBlob } from "../network/populate.ts";
import { bytes, seededRandom, type Random } from "../network/random.ts";
import { tid, type NewRecord } from "../network/records.ts";

/** Photos in a post. */
const together = 4;
/** Uploads at once. */
const lanes = 16;
/** Earlier than any other record of a made-up account (microseconds). */
const firstTime = 1_600_000_000_000_000;

/** Uploads `count` photos of `size` bytes, and writes posts with up to four of each. @returns how many posts */
export async function postPhotos(
  account: Account,
  { count, size, seed }: { count: number; size: number; seed: number },
): Promise<number> {
  const random = seededRandom(seed);
  const posts = Array.from({ length: Math.ceil(count / together) }, (_, index) => index);
  const queue = posts.values();
  const records: NewRecord[] = [];
  const lane = async (): Promise<void> => {
    for (const index of queue) {
      const images = [];
      for (let left = Math.min(together, count - index * together); left > 0; left -= 1) {
        images.push({ alt: "", image: await uploadBlob(account, photo(random, size)) });
      }
      const embed = { $type: "app.bsky.embed.images", images };
      const value = { $type: "app.bsky.feed.post", text: `${index}`, createdAt: new Date(0).toISOString(), embed };
      records[index] = { collection: "app.bsky.feed.post", rkey: tid(firstTime + index), value };
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await applyWrites(account, records);
  return records.length;
}

/** As large as a photo, and no other has the same bytes: the head of a JPEG file, and noise. */
function photo(random: Random, size: number): Picture {
  const noise = bytes(random, 64);
  const whole = new Uint8Array(size);
  whole.set([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0]);
  for (let at = 16; at < size; at += 64) {
    whole.set(noise.subarray(0, Math.min(64, size - at)), at);
  }
  return { bytes: whole, mimeType: "image/jpeg", width: 1, height: 1 };
}
