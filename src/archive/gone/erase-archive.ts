/**
 * The whole archive of an account, removed for good. It gets another name first, in one step: whoever is interrupted
 * leaves a whole archive, or one that is none any more, and that the next run removes to its end.
 */
import { DecampError, isDecampError } from "../../errors.ts";
import { isCid } from "../../data/cid.ts";
import { joinPath, splitPath } from "../../services/disk/files.ts";
import { folderNames } from "../../services/disk/folder-names.ts";
import { takeLock, type LockOwner } from "../../services/disk/lock.ts";
import {
  isPlainFolder,
  listEntries,
  removeWithContent,
  renameFolder,
  type Entry,
} from "../../services/disk/plain-entries.ts";
import {
  blobsFolder,
  heldFolder,
  isBeingRemoved,
  isOlderPart,
  isUnfinishedFile,
  lockFile,
  markerFile,
  removedManifest,
  removingName,
  snapshotFiles,
  snapshotFolder,
  snapshotName,
  snapshotsFolder,
} from "../layout.ts";
import { readableManifests } from "../manifest.ts";

/**
 * Removes an archive with all its snapshots, held ones too, and its blobs, which no other archive has. One in which
 * something lies that decamp has not made stays as it is, and so does one that has got a snapshot since it was judged:
 * a person may take hours to say yes, and the account may be back.
 *
 * @param newest the name of its newest snapshot when it was judged
 * @param now epoch milliseconds
 * @throws DecampError `refused` for what is not decamp's, with the path of it, and for one with a newer snapshot;
 *   `locked` while a run is at work on it; `storage`
 */
export async function eraseArchive(archive: string, newest: string, lockOwner: LockOwner, now: number): Promise<void> {
  // It is touched while the archive is looked over, so a run on another machine does not take it for left behind.
  const unlock = await takeLock(lockFile(archive), lockOwner, now, () => undefined);
  const { folder, name } = splitPath(archive);
  const doomed = joinPath(folder, removingName(name));
  try {
    await requireOnlyOurs(archive);
    // The last look before it goes: it holds also if the lock was lost meanwhile.
    await requireNothingNew(archive, newest);
    if (!(await renameFolder(archive, doomed))) {
      throw new DecampError("refused", `${archive} is no folder any more, or ${doomed} is in the way.`, {
        hint: "Run the same command again. If that does not help, look at what lies there.",
        data: { path: archive },
      });
    }
  } finally {
    await unlock();
  }
  await removeWithContent(doomed);
}

/** @throws DecampError `refused` if the newest snapshot is another one */
async function requireNothingNew(archive: string, newest: string): Promise<void> {
  const snapshot = (await readableManifests(archive)).at(-1)?.snapshot;
  if (snapshot !== newest) {
    throw new DecampError(
      "refused",
      `${archive} is not as it was when its account was looked up: nothing was removed.`,
      {
        hint: "An export may have seen the account again. Run the same command once more: it asks anew who is gone.",
        data: { path: archive },
      },
    );
  }
}

/**
 * Removes to its end what an interrupted run has begun to remove. What is only called like that, and has something in
 * it that decamp has not made, stays as it is.
 *
 * @returns names of the archives, and why one stays
 * @throws DecampError `storage`
 */
export async function finishErasing(
  folder: string,
): Promise<readonly { readonly archive: string; readonly error?: DecampError }[]> {
  const done: { archive: string; error?: DecampError }[] = [];
  for (const name of await findErasing(folder)) {
    const path = joinPath(folder, name);
    const archive = name.slice(removingName("").length);
    try {
      await requireOnlyOurs(path);
    } catch (error) {
      if (!isDecampError(error, "refused")) {
        throw error;
      }
      done.push({ archive, error });
      continue;
    }
    await removeWithContent(path);
    done.push({ archive });
  }
  return done;
}

/** The folders of archives that are being removed, by name. @throws DecampError `storage` */
export async function findErasing(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const name of folderNames(folder)) {
    if (isBeingRemoved(name) && (await isPlainFolder(joinPath(folder, name)))) {
      found.push(name);
    }
  }
  return found;
}

/**
 * Makes sure that nothing in an archive is anybody else's. A link is; what it leads to is not looked at.
 *
 * @throws DecampError `refused`, `storage`
 */
export async function requireOnlyOurs(archive: string): Promise<void> {
  const claim = (folder: string, { name }: Entry, isOurs: boolean): void => {
    if (!isOurs) {
      const path = joinPath(folder, name);
      throw new DecampError("refused", `${path} is not decamp's: nothing of ${archive} was removed.`, {
        hint: "Move it out of the archive. What others put there decamp does not remove.",
        data: { path },
      });
    }
  };
  const { name: marker } = splitPath(markerFile(archive));
  const { name: held } = splitPath(heldFolder(archive));
  for (const entry of await listEntries(archive)) {
    const { name, kind } = entry;
    const isPart = name === held ? kind === "folder" : kind === "file" && (name === marker || isUnfinishedFile(name));
    claim(archive, entry, isPart || isOlderPart(name, kind) || isIncoming(name, kind));
  }
  for (const shelf of await listEntries(blobsFolder(archive))) {
    claim(blobsFolder(archive), shelf, shelf.kind === "folder" && /^[2-7a-z]{2}$/.test(shelf.name));
    const path = joinPath(blobsFolder(archive), shelf.name);
    for (const blob of await listEntries(path)) {
      claim(path, blob, blob.kind === "file" && isCid(blob.name.replace(/\.part$/, "")));
    }
  }
  for (const mark of await listEntries(heldFolder(archive))) {
    const of = mark.name.replace(/\.json(?:\.part)?$/, "");
    claim(heldFolder(archive), mark, mark.kind === "file" && snapshotName.test(of));
  }
  const listed = (await readableManifests(archive)).flatMap(({ files }) => Object.keys(files));
  const known = new Set<string>([...Object.values(snapshotFiles), removedManifest, ...listed]);
  for (const snapshot of await listEntries(snapshotsFolder(archive))) {
    claim(snapshotsFolder(archive), snapshot, snapshot.kind === "folder" && snapshotName.test(snapshot.name));
    const path = snapshotFolder(archive, snapshot.name);
    for (const file of await listEntries(path)) {
      claim(path, file, file.kind === "file" && known.has(file.name.replace(/\.part$/, "")));
    }
  }
}

/** A repository that is on its way into an archive. */
function isIncoming(name: string, kind: Entry["kind"]): boolean {
  return kind === "file" && /^(?:incoming(?:-diff)?|passing(?:-also|-[0-9a-f]{16})?)\.car$/.test(name);
}
