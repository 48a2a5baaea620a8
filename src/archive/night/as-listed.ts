/**
 * Whether an archive holds what a server's list of its accounts says of one: then that account need not be asked for.
 *
 * Nothing is remembered for it: the newest manifest is read each time, and its files are looked for on the disk, with
 * their sizes; so are its blobs, and where there are more than a few, a third of them, each day another one. A look at
 * a file costs more than all else that is done for a blob, and a disk that holds very many keeps them far apart.
 *
 * A list is believed only in what it costs nothing to believe: whoever names the head of the archive says that there is
 * nothing new. Accounts in their turn are asked all the same, so that a list which stands still is noticed, and the
 * content of files is proved then, as in every export.
 */
import { contentAtOnce, foldersAtOnce, sizeAtOnce } from "../../services/disk/quick-look.ts";
import type { ListedRepo } from "../../services/servers/pds.ts";
import { blobFiles, compareSnapshotNames, snapshotFiles, snapshotName, snapshotsFolder } from "../layout.ts";
import { hasAllBlobs, parseSoundManifest, partsLeftOut, type Manifest } from "../manifest.ts";
import { partInTurn } from "../state/shard.ts";

/** A longer manifest is left to the export itself (bytes): to read it here would hold everything else up. */
const longest = 16 << 20;

/** Of an account with no more blobs than these, all are looked at. */
const fewBlobs = 8;

/** Of one with more, one in so many. */
const blobTurns = 3;

/**
 * Looks whether the newest snapshot of an archive has the head that is stated, lacks no blob, and lies on the disk with
 * all files, and the blobs whose turn it is, in the sizes that its manifest names.
 *
 * @param origin of the server whose list it is: the snapshot has to come from there
 * @param now epoch milliseconds: whose turn it is
 * @returns undefined if that is not so, or cannot be seen, for whatever reason: then an export finds out
 */
export function keptAsListed(
  archive: string,
  did: string,
  origin: string,
  stated: ListedRepo,
  now: number,
): Manifest | undefined {
  const snapshots = snapshotsFolder(archive);
  let newest = "";
  for (const name of foldersAtOnce(snapshots) ?? []) {
    newest = snapshotName.test(name) && (newest === "" || compareSnapshotNames(name, newest) > 0) ? name : newest;
  }
  if (newest === "") {
    return undefined;
  }
  // Very many are looked at: to join the parts of each path anew takes as long as a look at the disk.
  const folder = `${snapshots}/${newest}`;
  const bytes = contentAtOnce(`${folder}/${snapshotFiles.manifest}`, longest);
  const manifest = bytes === undefined ? undefined : parseSoundManifest(bytes);
  if (
    manifest === undefined ||
    manifest.snapshot !== newest ||
    manifest.did !== did ||
    manifest.source !== origin ||
    manifest.commit !== stated.head ||
    manifest.rev !== stated.rev ||
    !hasAllBlobs(manifest) ||
    partsLeftOut(manifest).length > 0
  ) {
    return undefined;
  }
  const { files, blobs } = manifest;
  const pathOf = blobFiles(archive);
  const [turns, turn] = blobs.length <= fewBlobs ? [1, 0] : [blobTurns, partInTurn(blobTurns, now)];
  const isWhole =
    Object.entries(files).every(([name, { size }]) => sizeAtOnce(`${folder}/${name}`) === size) &&
    blobs.every(({ cid, size }, index) => index % turns !== turn || sizeAtOnce(pathOf(cid)) === size);
  return isWhole ? manifest : undefined;
}
