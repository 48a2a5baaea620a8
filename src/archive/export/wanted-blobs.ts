/** Which blobs belong to a snapshot: what the records refer to, and what the server lists beside that. */

import { isCid, type Cid } from "../../data/cid.ts";
import { overLimit } from "../../data/budgets.ts";
import { DecampError } from "../../errors.ts";
import { blobRefsInTurns } from "../../repo/records.ts";
import { openStoredCar } from "../../services/disk/car-file.ts";
import { isMissingMethod } from "../../services/servers/missing-method.ts";
import type { ReportExport } from "../events.ts";
import type { WantedBlob } from "./fetch-blobs.ts";
import type { Manifest } from "../manifest.ts";
import type { ExportSource } from "./export-options.ts";
import { asUnavailable } from "../unavailable.ts";

/**
 * The wanted blobs by CID, those of the records first.
 *
 * @param carPath the repository; undefined if no record refers to a blob
 * @param list what the server lists
 * @param known earlier snapshots: they know the media types of blobs that no record refers to
 * @param onUnknown told the path of each record that cannot be read to its end, and may need more blobs
 * @throws DecampError `bad-answer` for a list that is none or does not end, and what the services throw
 */
export async function wantedBlobs(
  carPath: string | undefined,
  list: AsyncIterable<string>,
  { pds, did }: ExportSource,
  known: readonly Manifest[],
  signal: AbortSignal,
  onUnknown: (path: string) => void,
): Promise<Map<Cid, WantedBlob>> {
  const wanted = carPath === undefined ? new Map<Cid, WantedBlob>() : await referredBlobs(carPath, signal, onUnknown);
  const types = new Map(known.flatMap(({ blobs }) => blobs.map(({ cid, mimeType }) => [cid, mimeType])));
  const listed = new Set<Cid>();
  let repeated = 0;
  try {
    for await (const cid of list) {
      if (!isCid(cid)) {
        throw new DecampError("bad-answer", `${pds.host} lists a blob under a name that is no CID.`);
      }
      repeated += listed.has(cid) ? 1 : 0;
      listed.add(cid);
      if (repeated > pds.limits.listRepeats) {
        throw overLimit("listRepeats", `${pds.host} repeats in its list of blobs`, pds.limits.listRepeats, "entries");
      }
      if (!wanted.has(cid)) {
        const mimeType = types.get(cid);
        wanted.set(cid, { records: [], ...(mimeType === undefined ? {} : { mimeType }) });
      }
    }
  } catch (error) {
    throw asUnavailable(error, pds, did);
  }
  return wanted;
}

/**
 * What a server lists. From one that has no such list nothing comes, and that is said: the records name the blobs that
 * they need, and nobody names the others.
 *
 * @throws what `list` throws, but for that
 */
export async function* listedBlobs(
  list: AsyncIterable<string>,
  { pds }: Pick<ExportSource, "pds">,
  report: ReportExport,
): AsyncGenerator<string> {
  let begun = false;
  try {
    for await (const cid of list) {
      begun = true;
      yield cid;
    }
  } catch (error) {
    if (begun || !isMissingMethod(error)) {
      throw error;
    }
    report({
      type: "warning",
      code: "no-blob-list",
      message: `${pds.host} does not list the blobs of an account, so only those that records refer to are looked for.`,
    });
  }
}

/**
 * The blobs that the records of a repository refer to.
 *
 * @param onUnknown as for `wantedBlobs`
 * @throws DecampError `unreadable-file`, and what reading a repository throws
 */
export async function referredBlobs(
  carPath: string,
  signal: AbortSignal,
  onUnknown: (path: string) => void,
): Promise<Map<Cid, WantedBlob>> {
  const car = await openStoredCar(carPath, { signal });
  try {
    return await blobRefsInTurns(car.source, { signal, onUnknown: ({ path }) => onUnknown(path) });
  } finally {
    car.close();
  }
}
