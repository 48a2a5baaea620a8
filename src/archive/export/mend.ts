/**
 * Puts good files in the place of damaged ones. A bad file is replaced only by one that is proved, in one step; where
 * there is none, it stays as it is, and is named.
 */

import type { Cid } from "../../data/cid.ts";
import { joinPath, writeWhole } from "../../services/disk/files.ts";
import { inTheWay, removeFile, replaceByLink } from "../../services/disk/plain-entries.ts";
import { isGoodFile, type Damage } from "../check/damage.ts";
import { formatOf, isRepoName, repoPartOf, snapshotFile, snapshotFiles, snapshotFolder } from "../layout.ts";
import type { ArchivedFile, Manifest } from "../manifest.ts";
import type { Part } from "./small-files.ts";
import type { StoredRepo } from "./repository.ts";

/** What is damaged and stays so: a file of a snapshot, or a blob that only older snapshots need. */
export type Unmended =
  | { readonly snapshot: string; readonly file: string; readonly reason: string }
  | { readonly cid: Cid; readonly reason: string };

/** How many damaged files and blobs are good again. */
export interface Mended {
  readonly files: number;
  readonly blobs: number;
}

/** Replaces the manifest of a snapshot. */
type WriteManifest = (manifest: Manifest) => Promise<void>;

/** The files of an archive's snapshots while they are mended. */
export class Mending {
  readonly #archive: string;
  readonly #manifests: Manifest[];
  readonly #damaged: Map<string, Set<string>>;
  readonly #signal: AbortSignal;
  /** Of all blobs, those that are missing or changed. */
  readonly blobs: ReadonlySet<Cid>;
  #mended = 0;
  /** Paths of files that could be mended if nothing else lay in their place. */
  readonly #blocked = new Set<string>();

  /** @param manifests of all complete snapshots, oldest first */
  constructor(archive: string, manifests: readonly Manifest[], { files, blobs }: Damage, signal: AbortSignal) {
    this.#archive = archive;
    this.#manifests = [...manifests];
    this.#damaged = new Map([...files].map(([snapshot, names]) => [snapshot, new Set(names)]));
    this.#signal = signal;
    this.blobs = blobs;
  }

  /** The manifests as they are by now. */
  get manifests(): readonly Manifest[] {
    return this.#manifests;
  }

  get last(): Manifest | undefined {
    return this.#manifests.at(-1);
  }

  /** Files that are good again. */
  get mended(): number {
    return this.#mended;
  }

  /** Snapshots whose repository is missing or changed. */
  get damagedRepos(): ReadonlySet<string> {
    return new Set([...this.#damaged].flatMap(([snapshot, names]) => ([...names].some(isRepoName) ? [snapshot] : [])));
  }

  /** Forgets what is good by now, because another run was faster. To be called with the lock held. */
  async lookAgain(): Promise<void> {
    for (const { manifest, name, file } of this.#all()) {
      if (await isGoodFile(this.#path(manifest, name), file, this.#signal)) {
        this.#forget(manifest.snapshot, name);
      }
    }
  }

  /**
   * Writes damaged small files again, those whose content the account has today.
   *
   * @param parts on their way; waited for if anything is damaged
   * @param write as for `fromRepo`
   */
  async fromParts(parts: Promise<readonly Part[]>, updatedAt: string, write: WriteManifest): Promise<void> {
    for (const { manifest, name, file } of this.#all()) {
      const part = (await parts).find(({ described }) => described.sha256 === file.sha256);
      if (part !== undefined && name === snapshotFiles[part.part] && (await this.#isFree(manifest, name))) {
        await writeWhole(this.#path(manifest, name), part.text);
        await this.#describe(manifest, name, part.described, updatedAt, write);
        this.#settle(manifest.snapshot, name);
      }
    }
  }

  /**
   * Gives all snapshots of its commit the repository that was just proved. Its bytes can be others than before, in
   * another order, and it can be compressed where it was not, or the other way round: then the manifests say so.
   *
   * @param updatedAt ISO 8601
   * @param write replaces a manifest
   */
  async fromRepo(repo: StoredRepo, updatedAt: string, write: WriteManifest): Promise<void> {
    const good = snapshotFile(this.#archive, repo.snapshot, repo.part);
    const now = snapshotFiles[repo.part];
    for (const { manifest, name } of this.#all()) {
      if (!isRepoName(name) || manifest.commit !== repo.commit || !(await this.#isFree(manifest, now))) {
        continue;
      }
      if (manifest.snapshot !== repo.snapshot) {
        await replaceByLink(good, this.#path(manifest, now));
      }
      await this.#describe(manifest, now, repo.file, updatedAt, write);
      if (name !== now) {
        await removeFile(this.#path(manifest, name));
      }
      this.#settle(manifest.snapshot, name);
    }
  }

  /** Replaces what is still damaged by the same file of another snapshot. */
  async fromTwins(): Promise<void> {
    for (const { manifest, name, file } of this.#all()) {
      for (const other of this.#manifests) {
        const isSame = !(this.#damaged.get(other.snapshot)?.has(name) ?? false) && isSameFile(other.files[name], file);
        if (
          isSame &&
          (await this.#isFree(manifest, name)) &&
          (await isGoodFile(this.#path(other, name), file, this.#signal))
        ) {
          await replaceByLink(this.#path(other, name), this.#path(manifest, name));
          this.#settle(manifest.snapshot, name);
          break;
        }
      }
    }
  }

  /** The files that stay damaged. */
  unmended(): Unmended[] {
    return this.#all().map(({ manifest, name, file }) => ({
      snapshot: manifest.snapshot,
      file: name,
      reason: this.#blocked.has(this.#path(manifest, name))
        ? "a folder is in its place: move it away, then export with --recheck"
        : file.private
          ? "it is private, and comes only with a password, if it has not changed since"
          : isRepoName(name)
            ? "the server has another revision by now"
            : "what stands there by now is not the same",
    }));
  }

  #all(): { readonly manifest: Manifest; readonly name: string; readonly file: ArchivedFile }[] {
    return this.#manifests.flatMap((manifest) =>
      [...(this.#damaged.get(manifest.snapshot) ?? [])].flatMap((name) => {
        const file = manifest.files[name];
        return file === undefined ? [] : [{ manifest, name, file }];
      }),
    );
  }

  /** Whether a file can be put in its place; else that is remembered. */
  async #isFree(manifest: Manifest, name: string): Promise<boolean> {
    const path = this.#path(manifest, name);
    const isFree = (await inTheWay(path)) === undefined;
    if (!isFree) {
      this.#blocked.add(path);
    }
    return isFree;
  }

  /** Has the manifest say what lies there now. */
  async #describe(
    { snapshot }: Manifest,
    name: string,
    file: ArchivedFile,
    updatedAt: string,
    write: WriteManifest,
  ): Promise<void> {
    const at = this.#manifests.findIndex((one) => one.snapshot === snapshot);
    const manifest = this.#manifests[at];
    const said = manifest?.files[name];
    if (manifest === undefined || isSameFile(said, file)) {
      return;
    }
    const changed = { ...manifest, updatedAt, ...withFile(manifest, name, file) };
    await write(changed);
    this.#manifests[at] = changed;
  }

  #path({ snapshot }: Manifest, name: string): string {
    return joinPath(snapshotFolder(this.#archive, snapshot), name);
  }

  #settle(snapshot: string, name: string): void {
    this.#forget(snapshot, name);
    this.#mended += 1;
  }

  #forget(snapshot: string, name: string): void {
    this.#damaged.get(snapshot)?.delete(name);
  }
}

/** Whether a manifest says the same of two files, also of what they unpack to. */
function isSameFile(one: ArchivedFile | undefined, other: ArchivedFile): boolean {
  const { car } = other;
  return (
    one?.sha256 === other.sha256 &&
    one.size === other.size &&
    one.car?.sha256 === car?.sha256 &&
    one.car?.size === car?.size
  );
}

/** What a manifest says with another file in it: a repository takes the place of one in the other form. */
function withFile(manifest: Manifest, name: string, file: ArchivedFile): Pick<Manifest, "format" | "files"> {
  const others = Object.entries(manifest.files).filter(
    ([one]) => !(isRepoName(one) && isRepoName(name) && one !== name),
  );
  const files = { ...Object.fromEntries(others), [name]: file };
  return { format: formatOf(repoPartOf({ files })), files };
}
