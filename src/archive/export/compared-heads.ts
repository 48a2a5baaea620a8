/**
 * The audit log that lies in an archive, compared with what a directory says. A run with another state, or with none,
 * notices so that an operation is held back which the archive has: before the archive gets a successor without it, and
 * before anything is signed on top of a log that lacks it.
 */
import { hash } from "node:crypto";
import { heldBack } from "../../account/read-log.ts";
import { isJsonObject } from "../../data/json-object.ts";
import { isDecampError } from "../../errors.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import type { SeenHead, SeenHeads } from "../../services/disk/seen-heads.ts";
import { readPlainFile } from "../../services/disk/plain-entries.ts";
import { snapshotFile, snapshotFiles } from "../layout.ts";
import { listSnapshots, readableManifests, type Manifest } from "../manifest.ts";

/**
 * The heads that are remembered, of which `recall` has the later one of what is remembered and what the archive has;
 * both where the archive has not got what is remembered. An archive that cannot be read, or is another account's, says
 * nothing.
 *
 * @param archiveOf folder of the archive of an account; where there is none, only what is remembered counts
 */
export function comparedHeads(archiveOf: (did: string) => string, heads: SeenHeads): SeenHeads {
  return {
    ...heads,
    recall: async (did) => {
      const remembered = await heads.recall(did);
      const archived = await readableLog(archiveOf(did), did);
      if (archived === undefined) {
        return remembered;
      }
      return remembered === undefined || archived.cids.has(remembered.cid)
        ? archived.head
        : { ...remembered, besides: archived.head };
    },
  };
}

/**
 * Makes sure that a log has the head of the one in an archive. What says nothing there, as in `comparedHeads`, speaks
 * against nothing.
 *
 * @param manifests the readable ones of the archive, oldest first
 * @throws DecampError `identity-invalid` with rule `plc/seen-head`
 */
export async function requireArchivedHead(
  archive: string,
  manifests: readonly Manifest[],
  { did, entries }: VerifiedLog,
): Promise<void> {
  const archived = await readableLog(archive, did, manifests.toReversed());
  if (archived !== undefined && !entries.some(({ cid }) => cid === archived.head.cid)) {
    throw heldBack(archived.head);
  }
}

/** An audit log as it lies in an archive, where it was proved before. */
interface ArchivedLog {
  /** CIDs of all its operations. */
  readonly cids: ReadonlySet<string>;
  /** The newest one that counts, seen when its snapshot was made. */
  readonly head: SeenHead & { readonly place: string };
}

/** The log of the newest snapshot that has it whole; undefined if none has, or nobody can look. */
async function readableLog(
  archive: string,
  did: string,
  newestFirst: Manifests = manifestsOf(archive),
): Promise<ArchivedLog | undefined> {
  try {
    return await archivedLog(archive, did, newestFirst);
  } catch (error) {
    if (!isDecampError(error)) {
      throw error;
    }
    return undefined;
  }
}

type Manifests = AsyncIterable<Manifest> | Iterable<Manifest>;

/** One after the other, newest first: mostly the first is enough. @throws DecampError `unreadable-file`, `storage` */
async function* manifestsOf(archive: string): AsyncGenerator<Manifest> {
  for (const name of (await listSnapshots(archive)).toReversed()) {
    yield* await readableManifests(archive, [name]);
  }
}

/** @throws DecampError `storage`, and what reading the manifests throws */
async function archivedLog(archive: string, did: string, newestFirst: Manifests): Promise<ArchivedLog | undefined> {
  for await (const manifest of newestFirst) {
    if (manifest.did !== did) {
      continue;
    }
    const place = snapshotFile(archive, manifest.snapshot, "log");
    const bytes = await readPlainFile(place);
    if (bytes !== undefined && hash("sha256", bytes, "hex") === manifest.files[snapshotFiles.log]?.sha256) {
      const entries = parseEntries(bytes);
      const newest = entries.findLast(({ nullified }) => !nullified);
      if (newest !== undefined) {
        const head = { did, cid: newest.cid, seenAt: manifest.createdAt, place };
        return { cids: new Set(entries.map(({ cid }) => cid)), head };
      }
    }
  }
  return undefined;
}

function parseEntries(bytes: Uint8Array): { readonly cid: string; readonly nullified: boolean }[] {
  try {
    const log: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return (Array.isArray(log) ? log : []).flatMap((entry: unknown) => {
      const { cid, nullified } = isJsonObject(entry) ? entry : {};
      return typeof cid === "string" ? [{ cid, nullified: nullified === true }] : [];
    });
  } catch {
    return [];
  }
}
