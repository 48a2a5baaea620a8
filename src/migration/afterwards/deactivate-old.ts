/**
 * The copy of an account at a server where its identity does not point, deactivated: what a move does at its end, by
 * itself. Never the only live one: the identity's own server has the account active, and was proved to have all that
 * the copy has. Should that not be so right afterwards, the copy is made active again.
 */

import type { IdentityAnswers } from "../../account/answers.ts";
import { findAnyIdentity } from "../../account/find.ts";
import { headAt, isSilent, requireState, stateAt, type PlaceState } from "../../account/places.ts";
import { signIn, unsettled } from "../../account/sign-in.ts";
import { unsettledSentence, unsettledServers } from "../../account/watch/unsettled-servers.ts";
import { pastOf, readAnyIdentity, signingKeysOf } from "../../account/web/any-identity.ts";
import { livesAt, requireHome } from "../../account/where.ts";
import { isBlobNotFound } from "../../archive/unavailable.ts";
import { isGenuineBlob } from "../../archive/export/fetch-blobs.ts";
import type { Cid } from "../../data/cid.ts";
import { DecampError, expectedFailure, isDecampError, withHint } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { parseAccount } from "../../identity/names.ts";
import { emptyTree } from "../../repo/head.ts";
import { blobRefsInTurns, type ReferencedBlob } from "../../repo/records.ts";
import { defaultDownloads } from "../../services/defaults.ts";
import type { Pds } from "../../services/servers/pds.ts";
import {
  closeOld,
  compareRepos,
  headToOwner,
  withOld,
  withThere,
  type OtherRecords,
  type TwoCopies,
} from "../checks/two-copies.ts";
import type { MigrationServices } from "../context.ts";
import { earlierHomes } from "../doctor/home-checks.ts";
import { hasMove, lockAccount } from "../journal.ts";
import { notGivenBy } from "../missing-there.ts";
import { recall } from "../web/recall.ts";

/** Whose account, and where. */
export interface DeactivateRequest {
  /** A handle or a DID. */
  readonly account: string;
  /** Origin of the server; unless given, the one of the log that has the account active, beside its own. */
  readonly server?: string | undefined;
  /** Origin of the server that is asked for the handle; if the identity names it, that is settled. */
  readonly from?: string | undefined;
  readonly allowPrivateHosts: boolean;
  /** Folder of the state: no other run works on the account meanwhile. */
  readonly stateDir: string;
}

/** What was proved of both copies. */
export interface ProvedCopies {
  /** Records of the repository at the server that the identity names. */
  readonly records: number;
  /** Blobs that records of both need, each read from there and hashed. */
  readonly blobs: number;
  /** Paths of records that are otherwise there than in the copy, the first ones. */
  readonly changed: readonly string[];
  readonly changedCount: number;
  /** Blobs that records of both need, and that neither server has. */
  readonly lost: readonly { readonly cid: Cid; readonly records: readonly string[] }[];
}

/** What is asked before anything is deactivated. */
export interface DeactivatePlan extends ProvedCopies {
  readonly did: string;
  readonly handle: string;
  /** Origin of the server where it is deactivated. */
  readonly server: string;
  /** Origin of the server that the identity names. */
  readonly home: string;
}

/** What is asked. `unsettled`: that perhaps a stranger has let the identity name `home`, in a sentence. */
export type DeactivateQuestion = DeactivatePlan & { readonly unsettled?: string | undefined };

/** What came of it. What was proved is there where something was deactivated. */
export interface Deactivated extends Omit<DeactivatePlan, keyof ProvedCopies>, Partial<ProvedCopies> {
  readonly state: "deactivated" | "already-deactivated";
  /** How the account is at the server that the identity names, asked at the end. */
  readonly homeState: PlaceState;
}

/** What is said and asked while it lasts. */
export interface DeactivateTalk {
  /** Told before both copies are read. */
  readonly onCompare: (of: Pick<DeactivatePlan, "server" | "home">) => void;
  /** The yes. Throws to stop it. */
  readonly confirm: (plan: DeactivateQuestion) => Promise<void>;
}

/**
 * Deactivates the copy of an account at a server that its identity does not name.
 *
 * @throws DecampError `refused` where the account lives there, is not active where it lives, where that was not proved
 *   to have all that the copy has, or may be a stranger's and nobody can be asked; `input-needed` where it is not clear
 *   which server is meant; `account-not-found` if that does not have the account; `account-unavailable` if that says of
 *   it neither that it is active nor that it is deactivated; `head-moved` if the identity names another server by now;
 *   `server-refused` for a server that does not do it; `locked`; what finding the account, signing in and the answers
 *   of both throw
 */
export async function deactivateOld(
  services: MigrationServices,
  answers: IdentityAnswers,
  request: DeactivateRequest,
  talk: DeactivateTalk,
  signal: AbortSignal,
): Promise<Deactivated> {
  const { account, server: named, from, allowPrivateHosts, stateDir } = request;
  const found = await findAnyIdentity(services, parseAccount(account), { from, past: true }, signal);
  const identity = await recall(found, stateDir);
  const { did, handle } = identity;
  const past = pastOf(identity);
  const home = parseServerUrl(requireHome(past), { allowPrivateHosts });
  const target = services.openPds(home);
  if (named !== undefined && livesAt(past, named)) {
    throw new DecampError("refused", `The identity of ${handle} names ${target.host}: the account lives there.`, {
      hint: `Only a copy at another server is deactivated here. See where the account is active with decamp account status.`,
      data: { reason: "lives-there", host: target.host },
    });
  }
  await requireActiveAtHome(target, did, signal);
  const server = named ?? (await chooseServer(services, did, earlierHomes({ past }), signal));
  const source = services.openPds(server);
  const names = { did, handle, server, home };
  if (await isClosed(source, did, signal)) {
    return { ...names, state: "already-deactivated", homeState: await stateAt(target, did, signal) };
  }
  const strange = from === home ? [] : await unsettledServers(services, past, signal);
  const isStrange = strange.includes(home);
  if (isStrange && !answers.canAskAgain) {
    const ifYours = `If you have moved there, name it with --from ${home}, or say yes at a terminal.`;
    throw unsettled(past, target, "So nothing is deactivated elsewhere.", ifYours);
  }
  const unlock = await lockAccount(stateDir, did, services.lockOwner, services.now());
  try {
    const expectation = { did, signingKeys: signingKeysOf(identity) };
    const copies = { source, target, expectation, expectationThere: expectation, archive: undefined, signal };
    talk.onCompare(names);
    const isRemembered = await hasMove(stateDir, did, { source: server, target: home });
    const { head, ...proved } = await proveHeld(copies, isRemembered);
    await talk.confirm({ ...names, ...proved, ...(isStrange ? { unsettled: unsettledSentence(past, target) } : {}) });
    await signIn(services, source, { past, handle, named: [from, named] }, answers, "sourcePassword", signal);
    await requireStill(services, copies, head);
    await closeOld(copies);
    return { ...names, state: "deactivated", homeState: await lookAfterwards(services, copies, head), ...proved };
  } finally {
    await source.signOut();
    await unlock();
  }
}

/** @throws DecampError `refused`, and what asking throws */
async function requireActiveAtHome(target: Pds, did: string, signal: AbortSignal): Promise<void> {
  const { host } = target;
  let state: PlaceState;
  try {
    state = await requireState(target, did, undefined, signal);
  } catch (error) {
    throw isDecampError(error) && !signal.aborted
      ? withHint(
          error,
          `Nothing is deactivated as long as ${host}, which the identity names, does not say that the account is active there. Run the same command again later.`,
        )
      : error;
  }
  if (state !== "active") {
    const says = state === "absent" ? "does not have the account" : `says of the account: ${state}`;
    const sentence = `The identity names ${host}, which ${says}. So nothing is deactivated elsewhere.`;
    throw homeNotActive(sentence, target, state, did);
  }
}

function homeNotActive(sentence: string, { host }: Pds, state: PlaceState, did: string): DecampError {
  const isDeactivated = state === "deactivated";
  return new DecampError("refused", sentence, {
    hint: isDeactivated ? `This makes it active at ${host}:` : "See what mends it with decamp doctor.",
    data: {
      reason: "home-not-active",
      host,
      state,
      ...(isDeactivated ? { next: ["account", "activate", did] } : {}),
    },
  });
}

/** The one server of these that has the account active; else one that has it deactivated. */
async function chooseServer(
  services: MigrationServices,
  did: string,
  origins: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const places = await Promise.all(
    origins.map(async (url) => ({ url, state: await stateAt(services.openPds(url), did, signal, { attempts: 1 }) })),
  );
  const active = places.filter(({ state }) => state === "active").map(({ url }) => url);
  const [first, ...others] = active;
  if (first !== undefined && others.length > 0) {
    throw new DecampError("input-needed", `The account is active at ${active.join(" and at ")}. One at a time.`, {
      hint: "Name one with --server. The first one:",
      data: { servers: active, answeredBy: "--server", next: ["account", "deactivate", did, "--server", first] },
    });
  }
  const silent = places.find(isSilent)?.url;
  if (first === undefined && silent !== undefined) {
    throw new DecampError(
      "unreachable",
      `Whether the account is active at ${silent} is not known: it does not say it.`,
      {
        hint: "Run the same command again later. If that server is gone for good, nothing has to be done.",
      },
    );
  }
  const chosen = first ?? places.find(({ state }) => state !== "absent")?.url;
  if (chosen === undefined) {
    throw new DecampError(
      "input-needed",
      places.length === 0
        ? "No server is known where the account has lived before."
        : `No server where the account has lived before has it: ${places.map(({ url }) => url).join(", ")}.`,
      { hint: "Name the server with --server.", data: { answeredBy: "--server" } },
    );
  }
  return chosen;
}

/** Whether the copy is deactivated already. @throws DecampError `account-not-found`, `account-unavailable` */
async function isClosed(source: Pds, did: string, signal: AbortSignal): Promise<boolean> {
  const { host } = source;
  const state = await requireState(source, did, undefined, signal);
  if (state === "absent") {
    throw new DecampError("account-not-found", `${host} says that it does not have the account ${did}.`, {
      hint: "See where it is active with decamp account status.",
      data: { host, did },
    });
  }
  if (!["active", "deactivated", "inactive"].includes(state)) {
    throw new DecampError("account-unavailable", `${host} says of the account: ${state}. It is not active there.`, {
      data: { host, did, state },
    });
  }
  return state !== "active";
}

/**
 * Proves the repository at home, and that it and its blobs are all that the copy has.
 *
 * @param isRemembered whether this machine has the journal of the move between the two
 * @returns with `head`, CID of the commit of the copy
 * @throws DecampError `refused`, `damaged`, and what the answers of both throw
 */
async function proveHeld(copies: TwoCopies, isRemembered: boolean): Promise<ProvedCopies & { readonly head: Cid }> {
  const { source, target, expectation, signal } = copies;
  const { did } = expectation;
  const migrate = ["migrate", did, "--from", source.origin, "--to", target.origin];
  return withThere(copies, async (now, there) => {
    const needed = await blobRefsInTurns(now, { signal });
    const seen = await headAt(source, did, signal);
    // The same top of the tree is the same records.
    const isSame = seen !== undefined && seen.did === did && seen.data === there.data;
    const old = isSame
      ? { head: seen.commit, records: nothingElse, needed }
      : await withOld(copies, async (repo, { commit }) => ({
          head: commit,
          records: await compareRepos(repo, now, signal),
          needed: await blobRefsInTurns(repo, { signal }),
        }));
    const { lacking, changed } = old.records;
    if (lacking.count > 0) {
      const isEmpty = there.data === emptyTree;
      const some = `${lacking.count} records of the account at ${source.host} are not at ${target.host}, such as ${lacking.paths[0] ?? ""}`;
      throw new DecampError("refused", `${some}. The account there stays active.`, {
        hint: isEmpty
          ? "This brings them, and then deactivates it there:"
          : `If you have deleted them at ${target.host} yourself, deactivate the account at ${source.host} by hand. If not, this brings them, and then deactivates it there:`,
        data: {
          reason: "late-writes",
          records: lacking.paths,
          next: [...migrate, ...(isEmpty ? [] : ["--bring-late-writes"])],
        },
      });
    }
    // What only a record needs that was replaced since need not be there any more.
    const shared = [...needed].filter(([cid]) => old.needed.has(cid));
    const wanted = shared.map(([cid]) => ({ cid, size: Number.POSITIVE_INFINITY }));
    const notThere = new Set(await notGivenBy(target, did, wanted, { uploads: defaultDownloads, signal }));
    const lost = shared.filter(([cid]) => notThere.has(cid));
    await requireNotAtOld(copies, lost, isRemembered ? undefined : migrate);
    return {
      head: old.head,
      records: there.records,
      blobs: shared.length - lost.length,
      changed: changed.paths,
      changedCount: changed.count,
      lost: lost.map(([cid, { records }]) => ({ cid, records })),
    };
  });
}

const none = { paths: [], count: 0 };
const nothingElse: OtherRecords = { lacking: none, changed: none };

/**
 * Blobs that the account's own server does not give are lost only if the copy does not have them, either.
 *
 * @param migrate the words of the move that would bring them, if it would
 * @throws DecampError `refused`; `server-refused` if the server does not say whether it has one
 */
async function requireNotAtOld(
  { source, target, expectation: { did }, signal }: TwoCopies,
  blobs: readonly (readonly [Cid, ReferencedBlob])[],
  migrate: readonly string[] | undefined,
): Promise<void> {
  const held: Cid[] = [];
  for (const [cid] of blobs) {
    try {
      const blob = { cid, size: Number.POSITIVE_INFINITY };
      if (await isGenuineBlob(blob, await source.getBlob(did, cid, signal, () => undefined))) {
        held.push(cid);
      }
    } catch (error) {
      if (!isBlobNotFound(error)) {
        throw error;
      }
    }
  }
  const [first] = held;
  if (first !== undefined) {
    const some = `${held.length} blobs that ${source.host} has are not given by ${target.host}, such as ${first}`;
    throw new DecampError("refused", `${some}. The account there stays active.`, {
      hint:
        migrate === undefined
          ? "This brings them from there. Then deactivate the account again:"
          : "This brings them, and then deactivates it there:",
      data: {
        reason: "blobs-missing",
        blobs: held,
        next: migrate ?? ["blob", "push", did, "--from", source.origin],
      },
    });
  }
}

/** Looks once more right before. @param head CID of the commit of the copy that was proved. @throws DecampError */
async function requireStill(
  services: MigrationServices,
  { source, target, expectation, signal }: TwoCopies,
  head: Cid,
): Promise<void> {
  const { did } = expectation;
  if ((await source.latestCommit(did, signal)).cid !== head) {
    throw writtenThere(source);
  }
  await requireActiveAtHome(target, did, signal);
  if (!livesAt(pastOf(await readAnyIdentity(services, did, signal)), target.origin)) {
    throw namesAnother(target);
  }
}

/**
 * Looks once more right afterwards, and takes it back where it should not have been.
 *
 * @returns how the account is at home
 */
async function lookAfterwards(services: MigrationServices, copies: TwoCopies, head: Cid): Promise<PlaceState> {
  const { source, target, expectation, signal } = copies;
  const { did } = expectation;
  const [last, state, now] = await Promise.all([
    headToOwner(source, signal),
    stateAt(target, did, signal),
    readAnyIdentity(services, did, signal).catch((error: unknown) => {
      expectedFailure(error, signal);
      return undefined;
    }),
  ]);
  if (last !== undefined && last !== head) {
    throw await takenBack(
      copies,
      writtenThere(
        source,
        `decamp export with --from ${source.origin} and --sign-in brings what is there into an archive.`,
      ),
    );
  }
  if (now !== undefined && !livesAt(pastOf(now), target.origin)) {
    throw await takenBack(copies, namesAnother(target));
  }
  if (state !== "active" && !isSilent({ url: target.origin, state })) {
    const says = `${target.host}, which the identity names, says of the account a moment later: ${state}.`;
    throw await takenBack(copies, homeNotActive(says, target, state, did));
  }
  return state;
}

/**
 * Makes the copy active again, where its server does that: some do so only for an identity that names them.
 *
 * @returns the error, which says what came of that
 */
async function takenBack({ source, signal }: TwoCopies, error: DecampError): Promise<DecampError> {
  const { code, message, hint, data } = error;
  let end = `The account at ${source.host} is active again.`;
  try {
    await source.activate(signal);
  } catch (failure) {
    if (!isDecampError(failure)) {
      throw failure;
    }
    end = `The account at ${source.host} is deactivated now, and that cannot be taken back: ${failure.message}`;
  }
  return new DecampError(code, `${message} ${end}`, { hint, data, cause: error });
}

function writtenThere(
  { host }: Pds,
  hint: string = "Run the same command again: it compares both once more.",
): DecampError {
  return new DecampError("refused", `Something was written at ${host} a moment ago.`, {
    hint,
    data: { reason: "written-meanwhile", host },
  });
}

function namesAnother({ host }: Pds): DecampError {
  return new DecampError("head-moved", `The identity does not name ${host} any more.`);
}
