/**
 * Whether an account could come back today, if its server died now: by its archive, and with a rotation key of the
 * user's own. Everything is asked and proved; nothing is changed anywhere.
 */

import { timeAtDirectory } from "../../account/directory-time.ts";
import { findIdentity } from "../../account/find.ts";
import { trySigning } from "../../account/keep-key.ts";
import { askPlace } from "../../account/places.ts";
import type { Identity } from "../../account/read-identity.ts";
import type { Signer } from "../../account/sign-by-key.ts";
import { homeOf, ownKeyFlag } from "../../account/where.ts";
import { changesSince } from "../../archive/compare-snapshots.ts";
import { comparedHeads } from "../../archive/export/compared-heads.ts";
import { proveDownload, proveSnapshot } from "../../archive/export/fetch-repo.ts";
import type { Manifest } from "../../archive/manifest.ts";
import { openSnapshot } from "../../archive/open.ts";
import { DecampError, expectedFailure, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { parseAccount } from "../../identity/names.ts";
import { keysThatCameAlone } from "../../plc/came-alone.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import { rankOf } from "../../plc/rank.ts";
import type { MigrationServices } from "../context.ts";
import { keysApart } from "./keys-apart.ts";
import { requireRestorePower } from "./swap.ts";

/** What is looked at: stable. */
export type ComebackCheckId = "archive" | "blobs" | "newer" | "key" | "rank" | "target";

/** One thing that was looked at. */
export interface ComebackCheck {
  readonly id: ComebackCheckId;
  /** `warning`: the account could come back, and something should be done. `fault`: it could not, or not whole. */
  readonly state: "ok" | "warning" | "fault";
  /** A sentence. */
  readonly message: string;
  /** The words of the command that mends it. */
  readonly next?: readonly string[];
}

/** What was found. */
export interface Comeback {
  readonly did: string;
  readonly handle: string;
  /** Folder of the archive, and when the snapshot was made (ISO 8601). */
  readonly archive: string;
  readonly archivedAt: string;
  readonly checks: readonly ComebackCheck[];
  /** Whether the account could come back: no check is a fault. */
  readonly ok: boolean;
  /** What would be lost, in half sentences; nothing if all is in the archive, as far as anybody says. */
  readonly losses: readonly string[];
  /** The words of the command that brings the account back. */
  readonly next: readonly string[];
}

/** What is asked about. */
export interface ComebackQuestion {
  /** A handle or a DID. */
  readonly account: string;
  /** Folder of the archive. */
  readonly archive: string;
  /** Address of the server that the account would go to. */
  readonly to?: string | undefined;
  readonly allowPrivateHosts: boolean;
}

interface Parts {
  readonly services: MigrationServices;
  readonly identity: Identity;
  readonly archive: string;
  readonly manifest: Manifest;
  readonly signal: AbortSignal;
}

/**
 * Looks whether an account could come back.
 *
 * @param openKey opens the user's rotation key, one of these did:keys; it is not tried without
 * @throws DecampError `refused` if the archive is of another account; what finding the account, opening the archive and
 *   opening the key throw
 */
export async function couldComeBack(
  { account, archive: path, to, allowPrivateHosts }: ComebackQuestion,
  given: MigrationServices,
  openKey: ((didKeys: readonly string[]) => Promise<Signer>) | undefined,
  signal: AbortSignal,
): Promise<Comeback> {
  const { archive, manifest } = await openSnapshot(path);
  // As the restore would: a key that an operation has taken out, which is held back, would not bring it back.
  const services = { ...given, heads: comparedHeads(() => archive, given.heads) };
  const identity = await findArchived(services, { account, archive, manifest }, signal);
  const { did, handle } = identity;
  if (manifest.did !== did) {
    const named = account === did ? did : `${account}, ${did}`;
    throw new DecampError("refused", `${archive} is the archive of ${manifest.did}, and not of ${named}.`, {
      hint: "Name the archive of this account.",
    });
  }
  const parts = { services, identity, archive, manifest, signal };
  const losses: string[] = [];
  const checks = [
    await checkArchived(parts),
    checkBlobs(manifest, losses),
    await checkNewer(parts, losses),
    ...(await checkKey(parts, openKey)),
    await checkTarget(parts, to, allowPrivateHosts),
  ];
  return {
    did,
    handle,
    archive,
    archivedAt: manifest.updatedAt ?? manifest.createdAt,
    checks,
    ok: checks.every(({ state }) => state !== "fault"),
    losses,
    next: ["restore", archive, "--to", to ?? "URL", ...ownKeyFlag],
  };
}

async function checkArchived({ archive, manifest, identity, signal }: Parts): Promise<ComebackCheck> {
  const { did, log } = identity;
  try {
    await proveSnapshot(archive, manifest, { did, signingKeys: log.signingKeys }, signal);
  } catch (error) {
    const { message } = expectedFailure(error, signal);
    return { id: "archive", state: "fault", message };
  }
  const { records, createdAt } = manifest;
  return { id: "archive", state: "ok", message: `The archive is proved: ${records} records, as of ${createdAt}.` };
}

/**
 * The account. A handle that its server gave out is gone with the server: then the archive says whose it was.
 *
 * @throws DecampError as `findIdentity`; of another handle that leads nowhere, with the DID of the archive
 */
async function findArchived(
  services: MigrationServices,
  { account, archive, manifest }: { account: string; archive: string; manifest: Manifest },
  signal: AbortSignal,
): Promise<Identity> {
  const name = parseAccount(account);
  try {
    return await findIdentity(services, name, { past: true }, signal);
  } catch (error) {
    if (name.type === "did" || !isDecampError(error, "account-not-found", "unreachable")) {
      throw error;
    }
    if (name.handle === manifest.handle?.toLowerCase()) {
      return findIdentity(services, { type: "did", did: manifest.did }, { past: true }, signal);
    }
    const { code, message, data } = error;
    const hint = `Give the account's DID. ${archive} is the archive of ${manifest.did}, then called ${manifest.handle ?? "nothing"}.`;
    throw new DecampError(code, message, { hint, data, cause: error });
  }
}

function checkBlobs({ blobs, missing }: Manifest, losses: string[]): ComebackCheck {
  const needed = missing.filter(({ records }) => records.length > 0);
  if (needed.length === 0) {
    return { id: "blobs", state: "ok", message: `All ${blobs.length} blobs are there, and proved with the archive.` };
  }
  losses.push(`blobs that the archive lacks (${needed.length})`);
  const message = `The archive lacks ${needed.length} of the blobs that records need. An export looks for them again.`;
  return { id: "blobs", state: "fault", message };
}

/** What the server has that the archive lacks, as far as it shows it. */
async function checkNewer(
  { services, identity, archive, manifest, signal }: Parts,
  losses: string[],
): Promise<ComebackCheck> {
  const { did, log } = identity;
  const home = homeOf(log);
  if (home === undefined) {
    return { id: "newer", state: "warning", message: "The identity names no server that could be asked." };
  }
  const pds = services.openPds(home);
  const { state, head } = await askPlace(pds, did, signal);
  if (head === undefined) {
    losses.push("what was written since the archive was made, if anything was");
    const message = `${pds.host} does not show what it has (${state}), so nobody knows what is newer there.`;
    return { id: "newer", state: "warning", message };
  }
  if (head.rev <= manifest.rev) {
    return { id: "newer", state: "ok", message: `${pds.host} has nothing newer than the archive.` };
  }
  try {
    const expectation = { did, signingKeys: log.signingKeys };
    const download = await pds.getRepo(did, signal);
    const { length: count } = await proveDownload(archive, download, expectation, signal, async (there) =>
      changesSince({ archive, manifest }, there, signal),
    );
    const what = count === 1 ? "1 record that was" : `${count} records that were`;
    losses.push(`${what} written, changed or deleted since the archive was made`);
    const message = `${pds.host} has ${what} written, changed or deleted since. An export brings that.`;
    return { id: "newer", state: "warning", message };
  } catch (error) {
    const { message } = expectedFailure(error, signal);
    losses.push("what was written since the archive was made");
    return { id: "newer", state: "warning", message: `${pds.host} has something newer: ${message}` };
  }
}

async function checkKey(
  { services, identity }: Parts,
  openKey: ((didKeys: readonly string[]) => Promise<Signer>) | undefined,
): Promise<ComebackCheck[]> {
  const { log } = identity;
  if (openKey === undefined) {
    const message = "The rotation key was not tried. Name it, and it is opened and signs a test.";
    return [{ id: "key", state: "warning", message }, checkRank(log, keysThatCameAlone(log), false)];
  }
  const keys = rotationKeysOf(log.head.operation);
  const signer = await openKey(keys);
  const heldKeys = [signer.didKey];
  try {
    await trySigning(signer);
    requireRestorePower(log, { heldKeys, nullify: undefined }, timeAtDirectory(services));
  } catch (error) {
    if (!isDecampError(error)) {
      throw error;
    }
    return [{ id: "key", state: "fault", message: error.message }];
  }
  return [
    { id: "key", state: "ok", message: `Your rotation key opens, signs, and stands in the identity: ${signer.didKey}` },
    checkRank(log, heldKeys, true),
  ];
}

/** Whether one of these keys stands above every key of the server. @param held whether they are known to be held */
function checkRank(log: VerifiedLog, own: readonly string[], held: boolean): ComebackCheck {
  const rank = rankOf(log, own, held);
  if (rank.state === "none") {
    const message =
      "No rotation key in the identity is known to be yours: each came with a server, or in the place of another key.";
    const help =
      "If you have one, name it. Else one can be put first, as long as the server helps with it: docs/KEYS.md says how.";
    return { id: "rank", state: "fault", message: `${message} ${help}` };
  }
  const { key: first, message } = rank;
  if (rank.state === "below") {
    const next = ["plc", "add-key", log.did, first];
    return { id: "rank", state: "fault", message: `${message} This puts yours first:`, next };
  }
  const keys = rotationKeysOf(log.head.operation);
  const { undecided } = keysApart(log, first, {});
  const open = keys.filter((key) => undecided.includes(key));
  return open.length === 0 || !held
    ? { id: "rank", state: "ok", message }
    : {
        id: "rank",
        state: "warning",
        message: `${message} Whose these are, the restore asks: ${open.join(", ")}. --accept-key or --drop-key says it.`,
      };
}

async function checkTarget(
  { services, signal }: Parts,
  to: string | undefined,
  allowPrivateHosts: boolean,
): Promise<ComebackCheck> {
  if (to === undefined) {
    const message = "No server is named that the account would go to: --to URL looks whether it answers.";
    return { id: "target", state: "warning", message };
  }
  const pds = services.openPds(parseServerUrl(to, { allowPrivateHosts }));
  try {
    const { inviteCodeRequired, phoneVerificationRequired } = await pds.describe(signal);
    if (phoneVerificationRequired) {
      const message = `${pds.host} wants a phone number or a captcha, which decamp cannot answer.`;
      return { id: "target", state: "fault", message };
    }
    return inviteCodeRequired
      ? { id: "target", state: "warning", message: `${pds.host} answers, and takes no account without an invite code.` }
      : { id: "target", state: "ok", message: `${pds.host} answers, and asks for no invite code.` };
  } catch (error) {
    const { message } = expectedFailure(error, signal);
    return { id: "target", state: "fault", message };
  }
}
