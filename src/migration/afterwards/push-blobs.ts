/**
 * Blobs that a server lacks: after a move that left some behind, or a loss at the server. They come from an archive, or
 * from another server of the account. Each is hashed before it is sent, has to be taken under its CID, is read back,
 * and hashed. What comes from a server passes through a file without a name: memory does not depend on its size.
 */

import type { IdentityAnswers } from "../../account/answers.ts";
import { findAnyIdentity } from "../../account/find.ts";
import { signIn } from "../../account/sign-in.ts";
import { pastOf } from "../../account/web/any-identity.ts";
import { livesAt, requireHome } from "../../account/where.ts";
import { provedSize } from "../../archive/check/damage.ts";
import { comparedHeads } from "../../archive/export/compared-heads.ts";
import { pause } from "../../archive/export/export-options.ts";
import { fetchBlob, isGenuineBlob, type WantedBlob } from "../../archive/export/fetch-blobs.ts";
import { serverFailures } from "../../archive/export/fetch-later.ts";
import { blobFile } from "../../archive/layout.ts";
import { readableManifests, type ArchivedBlob, type Manifest } from "../../archive/manifest.ts";
import { readSnapshots } from "../../archive/open.ts";
import { findUsualArchive } from "../../archive/export/usual-archive.ts";
import { isCid, type Cid } from "../../data/cid.ts";
import { DecampError, expectedFailure, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { parseAccount } from "../../identity/names.ts";
import { forEachConcurrent } from "../../services/concurrent.ts";
import { defaultUploads } from "../../services/defaults.ts";
import { openForUpload } from "../../services/disk/files.ts";
import { createSpool, type Spool } from "../../services/disk/spool.ts";
import { anyType } from "../../services/http/media-type.ts";
import { isAnswering } from "../../services/servers/answering.ts";
import { isMissingMethod } from "../../services/servers/missing-method.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { Upload } from "../../services/upload.ts";
import type { MigrationServices } from "../context.ts";
import { askBlob, neededBlobs } from "../doctor/blob-check.ts";
import type { Subject } from "../doctor/health.ts";
import { requireArchiveOf } from "./archive-of.ts";
import { BlobGivers, type KeeperAnswers, type OwnerOnly } from "./blob-givers.ts";

/** Whose blobs, and where they are. */
export interface PushRequest {
  /** A handle or a DID. */
  readonly account: string;
  /** Folder of the archive; one where an export or a move puts it is taken, unless given. */
  readonly archive?: string | undefined;
  /**
   * Origins of servers that may have them, in the place of those where the account has lived; the first one is asked
   * for the handle, too. The one where it lives can be named as well: its password may go there then.
   */
  readonly servers: readonly string[];
  readonly allowPrivateHosts: boolean;
  /** Folder of decamp's own state. */
  readonly stateDir: string;
}

/** What came of it. */
export interface Pushed {
  readonly did: string;
  readonly handle: string;
  /** Origin of the server that the identity names. */
  readonly server: string;
  /** How many the server lacked. */
  readonly missing: number;
  /** CIDs of those that are there now, read back and hashed. */
  readonly pushed: readonly string[];
  /** Those that it still lacks. */
  readonly left: readonly { readonly cid: string; readonly reason: string }[];
  /** Folder of the archive that was asked first, if there was one. */
  readonly archive?: string;
  /** Where nobody has signed in that gives blobs to the owner alone. */
  readonly ownerOnly: readonly OwnerOnly[];
}

/** The blobs on their way. */
interface Work {
  readonly services: MigrationServices;
  readonly did: string;
  /** The server that lacks them, signed in. */
  readonly home: Pds;
  readonly signal: AbortSignal;
  /** What is still wanted, with what the records say of it. */
  readonly left: Map<Cid, WantedBlob>;
  /** Why each did not come so far, in half sentences. */
  readonly said: Map<Cid, string[]>;
  readonly pushed: Cid[];
  /** What the server that lacks it does not take: nobody else is asked for it. */
  readonly refused: Map<Cid, string>;
}

/**
 * Brings what the server lacks, as far as the archive or another server has it.
 *
 * @param keepers what is asked where a server gives blobs to the owner alone
 * @throws DecampError `refused` for the archive of another account; `unsupported` for a server that does not say what
 *   it lacks; what opening the archive, finding the account and signing in throw
 */
export async function pushBlobs(
  given: MigrationServices,
  answers: IdentityAnswers,
  keepers: KeeperAnswers,
  request: PushRequest,
  signal: AbortSignal,
): Promise<Pushed> {
  const { account, archive: folder, servers, allowPrivateHosts, stateDir } = request;
  const name = parseAccount(account);
  const contents = folder === undefined ? undefined : await readSnapshots(folder);
  // The password goes to the server that the log names.
  const services = folder === undefined ? given : { ...given, heads: comparedHeads(() => folder, given.heads) };
  const identity = await findAnyIdentity(services, name, { from: servers[0], past: true }, signal);
  const { did, handle } = identity;
  if (folder !== undefined && contents !== undefined) {
    requireArchiveOf(contents, folder, did);
  }
  const past = pastOf(identity);
  const server = parseServerUrl(requireHome(past), { allowPrivateHosts });
  const home = services.openPds(server);
  let givers: BlobGivers | undefined;
  try {
    await signIn(services, home, { past, handle, named: servers }, answers, "sourcePassword", signal);
    const left = await missingAt(home, { did, past }, signal);
    const missing = left.size;
    const work: Work = { services, did, home, signal, left, said: new Map(), pushed: [], refused: new Map() };
    const names = [name, { type: "handle", handle }] as const;
    const archive =
      folder ?? (missing === 0 ? undefined : (await findUsualArchive(names, { did, stateDir }, signal)).found);
    if (archive !== undefined && missing > 0) {
      await pushArchived(work, archive, contents?.snapshots ?? (await readableManifests(archive)));
    }
    if (left.size > 0) {
      const named = servers.filter((url) => !livesAt(past, url));
      const wanted = { named, others: { home: false, earlier: named.length === 0 } };
      givers = await BlobGivers.of(services, identity, wanted, keepers, signal);
      await pushFromServers(work, givers);
    }
    return {
      did,
      handle,
      server,
      missing,
      pushed: work.pushed.toSorted(),
      left: leftOf(work),
      ...(archive === undefined ? {} : { archive }),
      ownerOnly: givers?.ownerOnly ?? [],
    };
  } finally {
    await Promise.all([home.signOut(), givers?.signOut()]);
  }
}

function leftOf({ left, said, refused }: Work): Pushed["left"] {
  const reasons = [...left.keys()].map(
    (cid) => [cid, said.get(cid)?.join("; ") ?? "there was no other server to ask"] as const,
  );
  return [...refused, ...reasons]
    .map(([cid, reason]) => ({ cid, reason }))
    .toSorted((a, b) => (a.cid < b.cid ? -1 : 1));
}

/** Takes note why one did not come. */
function note({ said }: Work, cid: Cid, reason: string): void {
  said.set(cid, [...(said.get(cid) ?? []), reason]);
}

/** Takes note of what became of one that was sent. @param fault why it is not there; undefined if it is */
function settle({ left, pushed, refused }: Work, cid: Cid, fault: string | undefined): void {
  left.delete(cid);
  if (fault === undefined) {
    pushed.push(cid);
  } else {
    refused.set(cid, fault);
  }
}

/** Sends what the archive has. What is damaged there is left for others. */
async function pushArchived(work: Work, archive: string, snapshots: readonly Manifest[]): Promise<void> {
  const held = blobsOf(snapshots);
  await forEachConcurrent([...work.left.keys()], defaultUploads, work.signal, async (cid, either, busy) => {
    const blob = held.get(cid);
    if (blob === undefined) {
      note(work, cid, "the archive does not have it");
      return;
    }
    const { size } = blob;
    if ((await provedSize(archive, cid, either)) !== size) {
      note(work, cid, "its file in the archive is damaged or gone, so it was not sent");
      return;
    }
    const body = { length: size, open: () => openForUpload(blobFile(archive, cid), size) };
    settle(work, cid, await store(work, blob, body, either, busy));
  });
}

/** Asks one server after the other for what is still wanted. */
async function pushFromServers(work: Work, givers: BlobGivers): Promise<void> {
  for (const giver of givers.all) {
    if (work.left.size === 0) {
      return;
    }
    const seen = await passOn(work, giver);
    const reasons = work.left.size > 0 && (await givers.signIn(giver)) ? await passOn(work, giver) : seen;
    for (const [cid, reason] of reasons) {
      if (work.left.has(cid)) {
        note(work, cid, `${giver.host}: ${reason}`);
      }
    }
  }
}

/** Passes on what one server gives. @returns why the others did not come, each in half a sentence */
async function passOn(work: Work, giver: Pds): Promise<ReadonlyMap<Cid, string>> {
  const { services, did, signal, left } = work;
  const reasons = new Map<Cid, string>();
  try {
    await forEachConcurrent([...left], defaultUploads, signal, async ([cid, want], either, busy) => {
      const spools: Spool[] = [];
      const place = async (): Promise<Spool["file"]> => {
        const spool = await createSpool();
        spools.push(spool);
        return spool.file;
      };
      try {
        const open = async (): ReturnType<Pds["getBlob"]> => giver.getBlob(did, cid, either, busy);
        const patience = {
          pause: async (attempt: number) => pause({ sleep: services.sleep, signal: either }, attempt),
          isAnswering: async (stop: AbortSignal) => isAnswering(giver, did, stop),
        };
        const came = await fetchBlob(place, { cid, want }, open, patience, either);
        if ("reason" in came) {
          reasons.set(cid, came.reason);
          return;
        }
        const { file } = came;
        const blob = { cid, size: file.size, mimeType: want.mimeType ?? came.mimeType ?? anyType };
        const body = { length: file.size, open: () => file.openForUpload() };
        settle(work, cid, await store(work, blob, body, either, busy));
      } finally {
        await Promise.all(spools.map(async (spool) => spool.close()));
      }
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!isDecampError(error, ...serverFailures)) {
      throw error;
    }
    const reason = error.message.replace(/\.$/, "");
    [...left.keys()].forEach((cid) => reasons.set(cid, reason));
  }
  return reasons;
}

/**
 * What the server lacks of what its records need: what it says, and what it does not give out. A list of a server knows
 * nothing of what it has lost, and may name what no record needs any more: where all needs are known, that is passed
 * over.
 *
 * @throws DecampError `unsupported` where it neither says it nor gives out the repository; `bad-answer` for a list that
 *   is none
 */
async function missingAt(
  pds: Pds,
  account: Pick<Subject, "did" | "past">,
  signal: AbortSignal,
): Promise<Map<Cid, WantedBlob>> {
  let areAllKnown = true;
  const needed = await neededBlobs(pds, account, signal, () => {
    areAllKnown = false;
  }).catch((error: unknown) => expectedFailure(error, signal));
  const known = isDecampError(needed) ? new Map<Cid, WantedBlob>() : needed;
  const unserved = isDecampError(needed) ? needed : await notServed(pds, account.did, needed, signal);
  const stated = await statedMissing(pds, signal).catch((error: unknown) => {
    const failure = expectedFailure(error, signal);
    if (isDecampError(unserved)) {
      throw failure;
    }
    return [];
  });
  const wanted = isDecampError(unserved) || !areAllKnown ? stated : stated.filter((cid) => known.has(cid));
  const cids = [...new Set([...wanted, ...(isDecampError(unserved) ? [] : unserved)])];
  return new Map(cids.map((cid) => [cid, known.get(cid) ?? { records: [] }]));
}

/** Those of the blobs that the server does not have when it is asked for each of them; why it did not say it. */
async function notServed(
  pds: Pds,
  did: string,
  needed: Awaited<ReturnType<typeof neededBlobs>>,
  signal: AbortSignal,
): Promise<readonly Cid[] | DecampError> {
  const cids: Cid[] = [];
  try {
    await forEachConcurrent([...needed], defaultUploads, signal, async ([cid, blob], stop) => {
      const seen = await askBlob(pds, did, { cid, blob }, stop);
      if (seen === "lost" || seen === "something-else") {
        cids.push(cid);
      }
    });
  } catch (error) {
    return expectedFailure(error, signal);
  }
  return cids.toSorted();
}

/**
 * What the server lists as missing.
 *
 * @throws DecampError `unsupported` where it does not say it; `bad-answer`
 */
async function statedMissing(pds: Pds, signal: AbortSignal): Promise<readonly Cid[]> {
  const cids = new Set<Cid>();
  try {
    for await (const cid of pds.listMissingBlobs(signal)) {
      if (!isCid(cid)) {
        throw new DecampError("bad-answer", `${pds.host} lists a blob as missing under a name that is no CID.`);
      }
      cids.add(cid);
    }
  } catch (error) {
    if (!isMissingMethod(error)) {
      throw error;
    }
    throw new DecampError("unsupported", `${pds.host} does not say which blobs it lacks.`, {
      hint: "Ask its operator.",
      cause: error,
    });
  }
  return [...cids];
}

/** The blobs of all snapshots, by CID. */
function blobsOf(snapshots: readonly Manifest[]): ReadonlyMap<Cid, ArchivedBlob> {
  return new Map(snapshots.flatMap(({ blobs }) => blobs.map((blob) => [blob.cid, blob] as const)));
}

/** @returns why it is not there, in half a sentence; undefined once it was read back */
async function store(
  { did, home }: Work,
  blob: ArchivedBlob,
  body: Upload,
  either: AbortSignal,
  busy: () => void,
): Promise<string | undefined> {
  const { cid, mimeType } = blob;
  let isTaken = false;
  try {
    const stored = await home.uploadBlob(body, mimeType, either, busy);
    if (stored !== cid) {
      return `${home.host} took it as ${stored}, so other bytes got there`;
    }
    isTaken = true;
    return (await isGenuineBlob(blob, await home.getBlob(did, cid, either, busy)))
      ? undefined
      : `${home.host} gives out other bytes than it took`;
  } catch (error) {
    const failure = expectedFailure(error, either);
    if (["interrupted", "rate-limited"].includes(failure.code)) {
      throw failure;
    }
    const reason = failure.message.replace(/\.$/, "");
    return isTaken ? `${home.host} took it, and did not give it back: ${reason}` : reason;
  }
}
