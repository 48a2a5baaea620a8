/** The blobs that the records need, and whether the server has them: the whole repository is proved for it. */

import { stateAt } from "../../account/places.ts";
import { proveDownload } from "../../archive/export/fetch-repo.ts";
import { isBlobNotFound } from "../../archive/unavailable.ts";
import type { Cid } from "../../data/cid.ts";
import { expectedFailure, isDecampError } from "../../errors.ts";
import { blobRefsInTurns, type ReferencedBlob } from "../../repo/records.ts";
import { forEachConcurrent } from "../../services/concurrent.ts";
import { readStart } from "../../services/servers/download.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { MigrationServices } from "../context.ts";
import { fine, found, type HealthCheck, type Subject } from "./health.ts";
import { earlierHomes } from "./home-checks.ts";

/** So many blobs are asked for; of more, every second or third one, and so on. */
const mostAsked = 500;
/** So many at once. */
const atOnce = 8;

/**
 * Proves the repository at `home`, and looks for the blobs that its records need.
 * A server where the account has lived may still have what is lost.
 */
export async function checkBlobs(
  services: MigrationServices,
  subject: Subject,
  home: string,
  signal: AbortSignal,
): Promise<HealthCheck> {
  const { did } = subject;
  const pds = services.openPds(home);
  try {
    const needed = [...(await neededBlobs(pds, subject, signal))].map(
      ([cid, { records }]) => [cid, records[0] ?? ""] as const,
    );
    // What a server lists is what its records name, and not what it has: so each is asked for.
    const step = Math.max(1, needed.length / mostAsked);
    const asked = Array.from({ length: Math.min(needed.length, mostAsked) }, (_, index) => Math.floor(index * step));
    const lost: { cid: Cid; path: string }[] = [];
    const notGiven: typeof lost = [];
    const those = asked.flatMap((index) => (needed[index] === undefined ? [] : [needed[index]]));
    await forEachConcurrent(those, atOnce, signal, async ([cid, path], stop) => {
      const seen = await askBlob(pds, did, cid, stop);
      if (seen !== "there") {
        (seen === "lost" ? lost : notGiven).push({ cid, path });
      }
    });
    const isSample = asked.length < needed.length;
    const count = `${asked.length} blobs${isSample ? `, of ${needed.length},` : ""} that were asked for`;
    const [unclear] = notGiven;
    if (lost.length === 0 && unclear !== undefined) {
      const some = `${pds.host} does not give ${notGiven.length} of the ${count}, such as ${unclear.cid} of ${unclear.path}`;
      return found("blobs", "unknown", `${some}, and does not say that it lacks them.`);
    }
    if (lost.length === 0) {
      const all = needed.length === 0 ? "no record needs a blob" : `${pds.host} has all ${count}`;
      return fine("blobs", `The repository is proved, and ${all}.`);
    }
    const [first] = lost;
    const elsewhere = await firstWith(services, earlierHomes(subject), did, first?.cid ?? "", signal);
    const message = `${pds.host} lacks ${lost.length} of the ${count}, such as ${first?.cid ?? ""} of ${first?.path ?? ""}.`;
    return found("blobs", "fault", `${message} Pictures or videos are missing in apps.`, {
      help:
        elsewhere === undefined
          ? `If you have an archive of the account, decamp blob push ${did} ARCHIVE brings those that are in it.`
          : `${elsewhere} still has it. decamp export brings it into an archive, and decamp blob push from there.`,
    });
  } catch (error) {
    const { message } = expectedFailure(error, signal);
    return found("blobs", "unknown", `Whether the blobs are there is not known: ${message}`);
  }
}

/**
 * The blobs that the records of the proved repository refer to.
 *
 * @throws DecampError `damaged` for what is no such repository, and what the services throw
 */
export async function neededBlobs(
  pds: Pds,
  { did, past }: Pick<Subject, "did" | "past">,
  signal: AbortSignal,
): Promise<Map<Cid, ReferencedBlob>> {
  const expectation = { did, signingKeys: past.signingKeys };
  return proveDownload(undefined, await pds.getRepo(did, signal), expectation, signal, async (source) =>
    blobRefsInTurns(source, { signal }),
  );
}

/**
 * What a server makes of a blob: only one that says that it does not have it has lost it.
 *
 * @throws DecampError where it does not answer
 */
async function askBlob(
  pds: Pds,
  did: string,
  cid: string,
  signal: AbortSignal,
): Promise<"there" | "lost" | "not-given"> {
  try {
    await readStart(await pds.getBlob(did, cid, signal), 1);
    return "there";
  } catch (error) {
    if (isDecampError(error, "server-refused")) {
      return isBlobNotFound(error) ? "lost" : "not-given";
    }
    throw error;
  }
}

/** The host of the first of some servers that gives a blob. */
async function firstWith(
  services: MigrationServices,
  origins: readonly string[],
  did: string,
  cid: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const origin of origins) {
    const pds = services.openPds(origin);
    const state = await stateAt(pds, did, signal, { attempts: 1 });
    try {
      if (!["absent", "unreachable"].includes(state) && (await askBlob(pds, did, cid, signal)) === "there") {
        return pds.host;
      }
    } catch (error) {
      expectedFailure(error, signal);
    }
  }
  return undefined;
}
