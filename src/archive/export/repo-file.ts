/**
 * The file of a repository on its way into an archive. It is always written as it is, since what proves it reads back;
 * where it is to be compressed, that is done meanwhile, into a second file, and only that one is kept.
 */
import { budgets } from "../../data/budgets.ts";
import { NewFile } from "../../services/disk/files.ts";
import type { PackedFile } from "../../services/disk/packed/packed-file.ts";
import { incomingPackedRepo, incomingRepo, snapshotFile, type RepoPart } from "../layout.ts";
import type { ArchivedFile } from "../manifest.ts";

/** Where a repository is written, and read back. */
export type RepoSink = Pick<NewFile, "write" | "descriptor" | "path" | "size" | "discard">;

/** What of a repository goes into a snapshot. */
export interface FinishedRepo {
  readonly part: RepoPart;
  readonly file: ArchivedFile;
}

/** How a repository is kept. */
export type Compression = "zstd";

/** A repository that has no name yet: keep it, or discard it. */
export class RepoFile implements RepoSink {
  readonly #archive: string;
  readonly #plain: NewFile;
  readonly #packed: PackedFile | undefined;

  private constructor(archive: string, plain: NewFile, packed: PackedFile | undefined) {
    this.#archive = archive;
    this.#plain = plain;
    this.#packed = packed;
  }

  /** @throws DecampError `storage` */
  static async create(archive: string, compress: Compression | undefined): Promise<RepoFile> {
    if (compress === undefined) {
      return new RepoFile(archive, await NewFile.create(incomingRepo(archive)), undefined);
    }
    const { PackedFile } = await import("../../services/disk/packed/packed-file.ts");
    // What is not kept need not be brought to the disk.
    const plain = await NewFile.create(incomingRepo(archive), { isPassing: true });
    try {
      return new RepoFile(archive, plain, await PackedFile.create(incomingPackedRepo(archive)));
    } catch (error) {
      await plain.discard();
      throw error;
    }
  }

  /** What it is called in messages. */
  get path(): string {
    return this.#plain.path;
  }

  /** Bytes of the repository. */
  get size(): number {
    return this.#plain.size;
  }

  /** The descriptor, to read back what was written. */
  get descriptor(): number {
    return this.#plain.descriptor;
  }

  /** Adds bytes; they have to stay as they are until it resolves. @throws DecampError `storage` */
  async write(bytes: Uint8Array): Promise<void> {
    await Promise.all([this.#plain.write(bytes), this.#packed?.write(bytes)]);
  }

  /**
   * To be called once, when everything is written. What would unpack to more than readers take, who take it for a trap,
   * is kept as it is; whatever limits this run has.
   *
   * @throws DecampError `storage`
   */
  async finish(): Promise<FinishedRepo> {
    const car = { size: this.size, sha256: hex(this.#plain.digest()) };
    await this.#packed?.finish();
    return this.#packed === undefined || car.size > budgets.packedRatio.most * this.#packed.size
      ? { part: "repo", file: { ...car, private: false } }
      : {
          part: "packedRepo",
          file: { size: this.#packed.size, sha256: hex(this.#packed.digest()), private: false, car },
        };
  }

  /**
   * Gives it its place in a snapshot.
   *
   * @param isOneOfMany whether its name is made durable later, with the others (`syncFolders`)
   * @throws DecampError `storage`
   */
  async keep(snapshot: string, part: RepoPart, isOneOfMany: boolean): Promise<void> {
    const path = snapshotFile(this.#archive, snapshot, part);
    const [kept, other] = part === "packedRepo" ? [this.#packed, this.#plain] : [this.#plain, this.#packed];
    await (isOneOfMany ? kept?.place(path) : kept?.keep(path));
    await other?.discard();
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    await Promise.all([this.#plain.discard(), this.#packed?.discard()]);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
