/** What a server says of an account: its state, and the head of its repository. Asked now; nothing is remembered. */

import { overLimit } from "../data/budgets.ts";
import { isDecampError } from "../errors.ts";
import { findCommit } from "../repo/commit-proof.ts";
import { readHead, type Head } from "../repo/head.ts";
import { isMissingMethod } from "../services/servers/missing-method.ts";
import type { Download, Pds } from "../services/servers/pds.ts";
import { readStart } from "../services/servers/download.ts";

/**
 * The state of an account on one server, as anybody can see it: a word of the protocol (`active`, `deactivated`,
 * `takendown` …), `absent` where the server says that it has no such account, and two for what cannot be said:
 * `unreachable`, and `unknown` where the answer says nothing.
 */
export type PlaceState = "active" | "deactivated" | "absent" | "unreachable" | "unknown" | (string & {});

/** One server, and what it says. */
export interface Place {
  /** Origin. */
  readonly url: string;
  readonly state: PlaceState;
  /** The head of the repository, where the server shows it. */
  readonly head?: Head | undefined;
}

/** Asks a server. Never fails but for the signal. @param how as `stateAt` */
export async function askPlace(
  pds: Pds,
  did: string,
  signal: AbortSignal,
  how: { readonly attempts?: number } = {},
): Promise<Place> {
  const state = await stateAt(pds, did, signal, how);
  const { origin: url } = pds;
  if (state !== "active") {
    return { url, state };
  }
  const head = await headAt(pds, did, signal).catch((error: unknown) => nothingFrom(error, signal));
  return { url, state, ...(head?.did === did ? { head } : {}) };
}

/**
 * The state of the account on one server, as anybody can see it. Never fails but for the signal.
 *
 * @param how `attempts`: how often it is asked at most, if it does not answer
 */
export async function stateAt(
  pds: Pds,
  did: string,
  signal: AbortSignal,
  how: { readonly attempts?: number } = {},
): Promise<PlaceState> {
  try {
    return await askState(pds, did, signal, how);
  } catch (error) {
    nothingFrom(error, signal);
    return isDecampError(error, "unreachable") ? "unreachable" : "unknown";
  }
}

/**
 * The state of the account on a server that has been asked: what it said, or, where it did not say it, the reason.
 *
 * @param how as `Pds.repoStatus`
 * @throws DecampError what asking again throws
 */
export async function requireState(
  pds: Pds,
  did: string,
  seen: Place | undefined,
  signal: AbortSignal,
  how: { readonly presume?: true } = {},
): Promise<PlaceState> {
  return seen === undefined || isSilent(seen) ? askState(pds, did, signal, how) : seen.state;
}

/** Whether a server has not said anything of the account. */
export function isSilent({ state }: Place): boolean {
  return state === "unreachable" || state === "unknown";
}

async function askState(
  pds: Pds,
  did: string,
  signal: AbortSignal,
  how: { readonly attempts?: number; readonly presume?: true } = {},
): Promise<PlaceState> {
  const status = await pds.repoStatus(did, signal, how);
  if (status === undefined) {
    return "absent";
  }
  return status.active ? "active" : (status.status ?? "inactive");
}

/**
 * The head of the repository on one server: its commit, hashed. One that is not active is shown only to its owner, so
 * there has to be a session then.
 *
 * @returns undefined where the server does not give the commit's block; whose it is has to be looked at
 * @throws DecampError `server-refused` and what the services throw
 */
export async function headAt(pds: Pds, did: string, signal: AbortSignal): Promise<Head | undefined> {
  const { cid } = await pds.latestCommit(did, signal);
  return readHead(await commitBytes(pds, did, cid, signal), cid);
}

/**
 * The commit at the head of the repository on one server, as a CAR file of its own: who signed it can be proved.
 *
 * @returns undefined where the server does not give the commit's block
 * @throws DecampError as `headAt`
 */
export async function commitAt(pds: Pds, did: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const { cid } = await pds.latestCommit(did, signal);
  return findCommit(await commitBytes(pds, did, cid, signal), cid);
}

/**
 * A CAR file that begins with the block of a commit; of a long one only the beginning. From a server that gives out no
 * single blocks it is the whole repository.
 *
 * @throws DecampError `bad-answer` if there is more than one block of a commit can be, where nothing else was asked for
 */
async function commitBytes(pds: Pds, did: string, cid: string, signal: AbortSignal): Promise<Uint8Array> {
  const { commitBytes: most } = pds.limits;
  let one: Download;
  try {
    one = await pds.getBlocks(did, [cid], signal);
  } catch (error) {
    if (!isMissingMethod(error)) {
      throw error;
    }
    return readStart(await pds.getRepo(did, signal), most);
  }
  const bytes = await readStart(one, most + 1);
  if (bytes.length > most) {
    throw overLimit("commitBytes", "What came as one commit has", most, "bytes");
  }
  return bytes;
}

/** An expected failure says nothing; everything else is thrown. */
function nothingFrom(error: unknown, signal: AbortSignal): undefined {
  signal.throwIfAborted();
  if (!isDecampError(error) || isDecampError(error, "interrupted", "private-address", "insecure-url")) {
    throw error;
  }
  return undefined;
}
