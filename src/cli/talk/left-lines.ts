/** What a move leaves behind, for people: before they confirm it, and at its end. */
import type { BlobNotMoved, LeftBehind, MissingBlob } from "../../migration/events.ts";
import { bytesText, countText, plural } from "./reporters/amounts.ts";
import type { Line } from "./terminal.ts";

/** So many missing blobs are named on the screen; `--json` has them all. */
const namedBlobs = 20;

/** "150 blobs", or "149 of 150 blobs" where one is left behind. @param archived how many the archive has */
export function blobsFigure({ missingBlobs, blobsNotMoved = [] }: LeftBehind, archived: number): string {
  const left = missingBlobs.length + blobsNotMoved.length;
  const all = archived + missingBlobs.length + blobsNotMoved.filter((blob) => !blob.archived).length;
  return someOf(all - left, all);
}

/** The same by its two numbers. */
export function someOf(there: number, all: number): string {
  return there === all ? plural(all, "blob") : `${countText(there)} of ${plural(all, "blob")}`;
}

/** What does not come along: blobs with why and the records that need them, and the preferences. */
export function leftLines(left: LeftBehind): Line[] {
  const { missingBlobs, blobsNotMoved = [], preferencesNotMoved, preferencesFromArchive } = left;
  return [
    ...blobList(missingBlobs, (count) => `Missing: ${count} that your old server did not give`),
    ...blobList(blobsNotMoved, (count) => `Left behind: ${count}`),
    ...(preferencesNotMoved === undefined
      ? []
      : [
          [],
          [{ text: "Left behind: preferences", style: "yellow" } as const],
          [`  ${preferencesNotMoved.reason}`],
          ...(preferencesNotMoved.archived === undefined ? [] : [[`  they are in ${preferencesNotMoved.archived}`]]),
        ]),
    ...(preferencesFromArchive === undefined
      ? []
      : [
          [],
          [{ text: `Preferences: those of the archive, of ${preferencesFromArchive.of}`, style: "yellow" } as const],
          [`  of the old server ${preferencesFromArchive.reason}`],
        ]),
  ];
}

function blobList(blobs: readonly (MissingBlob | BlobNotMoved)[], title: (count: string) => string): Line[] {
  if (blobs.length === 0) {
    return [];
  }
  const more = blobs.length - namedBlobs;
  return [
    [],
    [{ text: title(plural(blobs.length, "blob")), style: "yellow" }],
    ...blobs.slice(0, namedBlobs).flatMap((blob) => blobLines(blob)),
    ...(more > 0 ? [[`  and ${more} more; --json names them all`]] : []),
  ];
}

function blobLines(blob: MissingBlob | BlobNotMoved): Line[] {
  const { cid, reason, records } = blob;
  const size = "size" in blob && blob.size !== undefined ? `${bytesText(blob.size)}  ` : "";
  const kept = "archived" in blob && blob.archived ? "; the archive has it" : "";
  const needed = records.slice(0, 3).map((path): Line => [`    needed by ${path}`]);
  return [[`  ${cid}  ${size}${reason}${kept}`], ...needed];
}
