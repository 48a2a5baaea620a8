/** A file for what only passes through: nobody else can read it, and it is gone with the process, however that ends. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NewFile, onDisk } from "./files.ts";
import { passingPlace } from "./passing-place.ts";

export interface Spool {
  readonly file: NewFile;
  /** Closes it, and removes what is left of it. */
  close(): Promise<void>;
}

/** @throws DecampError `storage` */
export async function createSpool(): Promise<Spool> {
  const place = await onDisk(join(tmpdir(), "decamp-"), async () => Promise.resolve(passingPlace()));
  try {
    const file = await NewFile.create(place.path);
    place.opened();
    return {
      file,
      close: async () => {
        await file.discard();
        place.remove();
      },
    };
  } catch (error) {
    place.remove();
    throw error;
  }
}
