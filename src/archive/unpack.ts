/** The records of a repository as files that people can read: one JSON file a record. */
import { defaultBudgets } from "../data/budgets.ts";
import { decodeCbor } from "../data/cbor.ts";
import { hasMoreValues } from "../data/cbor-count.ts";
import { cborFaultText, isCborFault } from "../data/cbor-scan.ts";
import { isCborCid } from "../data/cid.ts";
import { looseJson, toJson } from "../data/json.ts";
import { isDecampError } from "../errors.ts";
import { recordFileName } from "./record-files.ts";
import { recordsInTurns, type RepoRecord } from "../repo/records.ts";
import type { RepoSource } from "../repo/source.ts";
import type { NewFolder } from "../services/disk/new-folder.ts";

/** What was written, and what was not. */
export interface Unpacked {
  /** Files that were written. */
  readonly records: number;
  /** Paths of records that break the data model, so that something in their files is marked (docs/RULES.md). */
  readonly marked: readonly string[];
  /**
   * Paths of records that have no JSON form: they cannot be read to their end, or are nested too deeply. They are left
   * out.
   */
  readonly unreadable: readonly string[];
  /** Paths of records with more values than `jsonValues` allows. They are left out, too. */
  readonly oversized: readonly string[];
}

/**
 * Writes every record into `folder`, and finishes it; discards it if that fails.
 *
 * @throws DecampError `damaged` as readRecords, `storage`; the signal's reason
 */
export async function unpackRecords(
  source: RepoSource,
  folder: NewFolder,
  options: { signal?: AbortSignal; onProgress?: (records: number) => void; jsonValues?: number } = {},
): Promise<Unpacked> {
  const { signal, onProgress, jsonValues = defaultBudgets.jsonValues } = options;
  const unreadable: string[] = [];
  const oversized: string[] = [];
  const marked: string[] = [];
  let records = 0;
  try {
    for await (const record of recordsInTurns(source, signal === undefined ? {} : { signal })) {
      const { path } = record;
      if (hasMoreValues(record.bytes, jsonValues)) {
        oversized.push(path);
        continue;
      }
      const { json, fault } = recordJson(record);
      if (json === undefined) {
        unreadable.push(path);
        continue;
      }
      await folder.write(recordFileName(path), `${json}\n`);
      if (fault !== undefined) {
        marked.push(path);
      }
      records += 1;
      onProgress?.(records);
    }
    await folder.finish();
  } catch (error) {
    await folder.discard();
    throw error;
  }
  return { records, marked, unreadable, oversized };
}

export interface RecordJson {
  /** Undefined if the record cannot be read to its end, or is nested too deeply. */
  readonly json?: string;
  /**
   * A sentence about the first thing in which the record breaks the data model. What has no form in JSON is marked
   * then.
   */
  readonly fault?: string;
}

/** A record as JSON, whether it keeps to the data model or not. @param indent as in `toJson` */
export function recordJson({ cid, bytes }: Pick<RepoRecord, "cid" | "bytes">, indent: number = 2): RecordJson {
  if (!isCborCid(cid)) {
    return { json: toJson(bytes, indent), fault: "The link to it is not a dag-cbor CID: these are its bytes." };
  }
  try {
    return { json: toJson(decodeCbor(bytes), indent) };
  } catch (error) {
    if (!isDecampError(error, "damaged")) {
      throw error;
    }
    const found = error.data["fault"];
    const json = looseJson(bytes, indent);
    return {
      ...(json === undefined ? {} : { json }),
      fault: isCborFault(found) ? cborFaultText[found] : error.message,
    };
  }
}
