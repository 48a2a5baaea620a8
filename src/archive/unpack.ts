/** The records of a repository as files that people can read: one JSON file a record. */
import { decodeCbor } from "../data/cbor.ts";
import { toJson } from "../data/json.ts";
import { isDecampError } from "../errors.ts";
import { recordFileName } from "../repo/file-names.ts";
import { recordsInTurns } from "../repo/records.ts";
import type { RepoSource } from "../repo/source.ts";
import type { NewFolder } from "../services/new-folder.ts";

export interface Unpacked {
  /** Files that were written. */
  readonly records: number;
  /** Paths of records that are not canonical DAG-CBOR, and so have no JSON form. They are left out. */
  readonly unreadable: readonly string[];
}

/**
 * Writes every record into `folder`, which is made final only when all are there.
 *
 * @throws DecampError `damaged` as readRecords, `storage`; the signal's reason
 */
export async function unpackRecords(
  source: RepoSource,
  folder: NewFolder,
  options: { signal?: AbortSignal; onProgress?: (records: number) => void } = {},
): Promise<Unpacked> {
  const { signal, onProgress } = options;
  const unreadable: string[] = [];
  let records = 0;
  try {
    for await (const { path, bytes } of recordsInTurns(source, signal === undefined ? {} : { signal })) {
      const json = recordJson(bytes);
      if (json === undefined) {
        unreadable.push(path);
        continue;
      }
      await folder.write(recordFileName(path), `${json}\n`);
      records += 1;
      onProgress?.(records);
    }
    await folder.finish();
  } catch (error) {
    await folder.discard();
    throw error;
  }
  return { records, unreadable };
}

/** A record as JSON; undefined if it is not canonical DAG-CBOR. @param indent as in `toJson` */
export function recordJson(bytes: Uint8Array, indent: number = 2): string | undefined {
  try {
    return toJson(decodeCbor(bytes), indent);
  } catch (error) {
    if (isDecampError(error, "damaged")) {
      return undefined;
    }
    throw error;
  }
}
