/** The names in a folder that may have very many. */
import { opendirSync, type Dirent } from "node:fs";
import { opendir } from "node:fs/promises";
import { storageError } from "./files.ts";

/** So many are put in order; where there are more, the rest come as the disk has them. */
const sorted = 10_000;

/** The names in a folder, sorted unless there are too many to keep in mind. @throws DecampError `storage` */
export async function* folderNames(path: string): AsyncGenerator<string> {
  const first: string[] = [];
  let handedOver = false;
  try {
    for await (const { name } of await opendir(path)) {
      if (first.length < sorted) {
        first.push(name);
        continue;
      }
      if (!handedOver) {
        handedOver = true;
        yield* first.sort();
      }
      yield name;
    }
  } catch (error) {
    throw storageError(path, error);
  }
  if (!handedOver) {
    yield* first.sort();
  }
}

/** What lies in a folder, as the disk has it, one after another and in place. Throws what the system says. */
export function* entriesInTurn(path: string): Generator<Dirent> {
  const folder = opendirSync(path);
  try {
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
      yield entry;
    }
  } finally {
    folder.closeSync();
  }
}
