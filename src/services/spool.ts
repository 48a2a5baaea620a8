/** A file for what only passes through: nobody else can read it, and it is gone with the process, however that ends. */
import { mkdtemp, rm } from "node:fs/promises";
import { platform, tmpdir } from "node:os";
import { join } from "node:path";
import { NewFile, storageError } from "./files.ts";

export interface Spool {
  readonly file: NewFile;
  /** Closes it, and removes what is left of it. */
  close(): Promise<void>;
}

/** @throws DecampError `storage` */
export async function createSpool(): Promise<Spool> {
  const place = join(tmpdir(), "decamp-");
  const folder = await mkdtemp(place).catch((error: unknown) => {
    throw storageError(place, error);
  });
  const remove = async (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const file = await NewFile.create(join(folder, "repo.car"));
    if (platform() !== "win32") {
      // It needs no name. On Windows an open file keeps its own.
      await remove();
    }
    return {
      file,
      close: async () => {
        await file.discard();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
