/** The blobs that the records need, and whether the server has them: the whole repository is proved for it. */

import { createHash } from "node:crypto";
import { stateAt } from "../../account/places.ts";
import { proveDownload } from "../../archive/export/fetch-repo.ts";
import { isBlobNotFound } from "../../archive/unavailable.ts";
import { parseCid, type Cid } from "../../data/cid.ts";
import { expectedFailure, isDecampError, type DecampError } from "../../errors.ts";
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
/** So many of those are read to their end and hashed, and all that look like something else. */
const mostHashed = 8;
/** What is larger is not read to its end (bytes). */
const mostRead = 1024 * 1024;

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
    const needed = [...(await neededBlobs(pds, subject, signal))];
    // What a server lists is what its records name, and not what it has: so each is asked for.
    const step = Math.max(1, needed.length / mostAsked);
    const asked = Array.from({ length: Math.min(needed.length, mostAsked) }, (_, index) => Math.floor(index * step));
    const lost: { cid: Cid; path: string; blob: ReferencedBlob }[] = [];
    const [notGiven, other]: [typeof lost, typeof lost] = [[], []];
    const places = { lost, "not-given": notGiven, "something-else": other };
    const those = asked.flatMap((index) => (needed[index] === undefined ? [] : [needed[index]]));
    const hashed = new Set(
      those
        .filter(([, { size }]) => size <= mostRead)
        .slice(0, mostHashed)
        .map(([cid]) => cid),
    );
    await forEachConcurrent(those, atOnce, signal, async ([cid, blob], stop) => {
      const seen = await askBlob(pds, did, { cid, blob, whole: hashed.has(cid) }, stop);
      if (seen !== "there") {
        places[seen].push({ cid, path: blob.records[0] ?? "", blob });
      }
    });
    const isSample = asked.length < needed.length;
    const count = `${asked.length} blobs${isSample ? `, of ${needed.length},` : ""} that were asked for`;
    const [unclear] = notGiven;
    const [first] = [...lost, ...other];
    if (first === undefined && unclear !== undefined) {
      const some = `${pds.host} does not give ${notGiven.length} of the ${count}, such as ${unclear.cid} of ${unclear.path}`;
      return found("blobs", "unknown", `${some}, and does not say that it lacks them.`);
    }
    if (first === undefined) {
      const all = needed.length === 0 ? "no record needs a blob" : `${pds.host} has all ${count}`;
      return fine("blobs", `The repository is proved, and ${all}.`);
    }
    const elsewhere = await firstWith(services, earlierHomes(subject), did, first, signal);
    const what = [
      ...(lost.length === 0 ? [] : [`lacks ${lost.length}`]),
      ...(other.length === 0 ? [] : [`gives something else in the place of ${other.length}`]),
    ].join(", and ");
    const message = `${pds.host} ${what} of the ${count}, such as ${first.cid} of ${first.path}.`;
    return found("blobs", "fault", `${message} Pictures or videos are missing in apps.`, {
      help:
        elsewhere === undefined
          ? "This brings those that an archive here or a server where the account has lived still has. If your archive lies elsewhere, name its folder behind it. What the server does not give out after that either, only its operator can mend."
          : `${elsewhere} still has it. This brings it from there:`,
      next: ["blob", "push", did],
    });
  } catch (error) {
    const failure = expectedFailure(error, signal);
    return isBroken(failure)
      ? found("blobs", "fault", `${pds.host} does not give out a whole repository. ${failure.message}`, {
          help: `Other servers do not take it as it is. Look again; if it stays so, ask the operator of ${pds.host}, and keep every archive of the account.`,
        })
      : found("blobs", "unknown", `Whether the blobs are there is not known: ${failure.message}`);
  }
}

/** Whether it is the repository that is wrong, and not its commit, of which the line about the signature says it. */
function isBroken(error: DecampError): boolean {
  const rules = error.data["rules"];
  return (
    isDecampError(error, "damaged") && Array.isArray(rules) && rules.some((rule) => !String(rule).startsWith("commit/"))
  );
}

/**
 * The blobs that the records of the proved repository refer to.
 *
 * @param onUnknown told of each record that cannot be read to its end, and may need more
 * @throws DecampError `damaged` for what is no such repository, and what the services throw
 */
export async function neededBlobs(
  pds: Pds,
  { did, past }: Pick<Subject, "did" | "past">,
  signal: AbortSignal,
  onUnknown: (record: { readonly path: string }) => void = () => undefined,
): Promise<Map<Cid, ReferencedBlob>> {
  const expectation = { did, signingKeys: past.signingKeys };
  return proveDownload(undefined, await pds.getRepo(did, signal), expectation, signal, async (source) =>
    blobRefsInTurns(source, { signal, onUnknown }),
  );
}

/** A blob that is asked for. */
interface Wanted {
  readonly cid: Cid;
  readonly blob: Pick<ReferencedBlob, "size" | "mimeType">;
  /** Read it to its end, and hash it. */
  readonly whole?: boolean;
}

/**
 * What a server makes of a blob: only one that says that it does not have it has lost it. Some answer with nothing, or
 * with a page, in its place.
 *
 * @throws DecampError where it does not answer
 */
export async function askBlob(
  pds: Pds,
  did: string,
  { cid, blob: { size, mimeType }, whole = false }: Wanted,
  signal: AbortSignal,
): Promise<"there" | "lost" | "not-given" | "something-else"> {
  try {
    const download = await pds.getBlob(did, cid, signal);
    const { length, mimeType: said = "" } = download;
    const isOdd =
      (size >= 0 && length !== undefined && length !== size) ||
      (/^text\/html\b/i.test(said) && !mimeType.startsWith("text/"));
    const bytes = await readStart(download, whole || isOdd ? mostRead + 1 : 1);
    if (bytes.length > mostRead || (bytes.length > 0 && !whole && !isOdd)) {
      return "there";
    }
    return Buffer.compare(parseCid(cid).digest, createHash("sha256").update(bytes).digest()) === 0
      ? "there"
      : "something-else";
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
  { cid, blob }: Wanted,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const origin of origins) {
    const pds = services.openPds(origin);
    const state = await stateAt(pds, did, signal, { attempts: 1 });
    try {
      if (
        !["absent", "unreachable"].includes(state) &&
        (await askBlob(pds, did, { cid, blob, whole: true }, signal)) === "there"
      ) {
        return pds.host;
      }
    } catch (error) {
      expectedFailure(error, signal);
    }
  }
  return undefined;
}
