/** The repository of an account alone, as one CAR file: proved before anybody else gets to see it. */

import type { NewFile } from "../../services/disk/files.ts";
import type { ExportResult } from "./export-account.ts";
import { receiveInto, type ReceivedRepo } from "./fetch-repo.ts";
import { warnOfFuture } from "./future-rev.ts";
import { persist, receiveOptions } from "./repository.ts";
import type { ExportOptions, ExportSource } from "./export-options.ts";

/** No request was sent early, and no blobs are asked for. */
const nothingAhead = { takeRepo: () => undefined, askBlobs: () => undefined };

/**
 * Fetches the whole repository into a file that has no name yet: keep it, or discard it.
 *
 * @param create makes such a file, for each try
 * @throws DecampError `account-unavailable` and `account-not-found` if the server does not hand it out; `damaged` when
 *   the repository is not genuine or not whole; `storage`, and what the services throw. Nothing is kept then
 */
export async function exportCar(
  source: ExportSource,
  options: ExportOptions,
  create: () => Promise<NewFile>,
): Promise<ReceivedRepo<NewFile> & Pick<ExportResult, "futureRev">> {
  const title = "Export the repository";
  options.report({ type: "step", id: "repository", title, state: "start" });
  const { did, signingKeys } = source;
  // A revision that lies in the future is told below, and no reason to lose the data.
  const came = await persist(source, nothingAhead, options, undefined, async (download) =>
    receiveInto(await create(), download, { did, signingKeys }, receiveOptions(options)),
  );
  options.report({ type: "step", id: "repository", title, state: "done", detail: `${came.repo.records} records` });
  return { ...came, futureRev: warnOfFuture(came.repo.rev, options) };
}
