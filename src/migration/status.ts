/**
 * Where an account stands, asked from both servers and the directory. Nothing is changed, and nobody has to sign in.
 */

import { findAnyIdentity } from "../account/find.ts";
import { pastOf, type AnyIdentity } from "../account/web/any-identity.ts";
import type { Past } from "../account/web/past.ts";
import type { Place, PlaceState } from "../account/places.ts";
import { unsettledServers } from "../account/watch/unsettled-servers.ts";
import {
  homeBefore,
  homeOf,
  livesAt,
  staysOf,
  whereIs,
  type Whereabouts,
  type WhereState,
  ownKeyFlag,
} from "../account/where.ts";
import { parseServerUrl } from "../identity/addresses.ts";
import { parseAccount } from "../identity/names.ts";
import { hostBehind } from "./checks/host-behind.ts";
import type { MigrationServices } from "./context.ts";
import type { PublishedDocument } from "./events.ts";
import { findJournals, isProofOwed, rememberedDids, type JournalState } from "./journal.ts";
import { publishedAs } from "./web/document-files.ts";
import { withJournals } from "./web/recall.ts";

/** Where a move is: what of it holds, and what can be taken back. Coarser than `state`, which was added later. */
export type Phase = "not-begun" | "in-progress" | "identity-moved" | "source-active" | "done" | "over";

/** Where a move stands. */
export interface MoveStatus {
  readonly source: ServerStatus;
  readonly target: ServerStatus;
  readonly state: WhereState;
  readonly phase: Phase;
  /** Whether everything that was done can still be undone with `decamp migrate cancel`. */
  readonly reversible: boolean;
  /** Whether the account was deactivated on the old server for the move. */
  readonly frozen: boolean;
  /** Whether nobody can see the account as things are. */
  readonly dark: boolean;
  /**
   * Until when a rotation key that stands above the signer's, and is no server's, can undo the change of the identity,
   * whatever other keys do (ISO 8601); unset when it is over, or there is no such key.
   */
  readonly undoUntil?: string;
  /** The keys that can undo it: those, or else the ones that can still say the old state again. */
  readonly undoKeys?: readonly string[];
  /** A copy that is not activated is deleted by some servers after so many days. */
  readonly copyExpiresDays?: number;
  /** When the move began, as this machine remembers it (ISO 8601). */
  readonly begunAt?: string;
  /** The move is finished, and another one has come after it, or is under way: there is nothing to do about it. */
  readonly isHistory: boolean;
  /** The one of the two that only a change of the last 72 hours has named which decamp has not made here: an origin. */
  readonly unsettled?: string;
  /** The words of the next safe command behind `decamp`, without the flags of this run. */
  readonly next?: readonly string[];
  /** The words of the command that lets the identity name the old server again. */
  readonly undo?: readonly string[];
  /** What the new server has was not to be seen before the identity changed, and is not proved yet. */
  readonly unproved?: boolean;
  /** Folder of the archive, where the move was told of one. */
  readonly archive?: string;
  /** Whether the account comes from that archive, and not from its server. */
  readonly restore?: boolean;
  /** The temporary signing key of a restore, a did:key, as long as the identity names it. */
  readonly temporaryKey?: string;
  /** Of a did:web: the document that this move has made to be published, and the one before it. */
  readonly document?: PublishedDocument;
}

/** A server, and the state of the account there. */
export interface ServerStatus {
  /** Origin. */
  readonly url: string;
  readonly state: PlaceState;
}

/** Where an account is, and its moves. */
export interface AccountStatusReport {
  readonly did: string;
  readonly handle: string;
  /** Origin of the server that the identity names. */
  readonly livesAt: string | undefined;
  /** Where it is, whatever move is asked about. */
  readonly state: WhereState;
  readonly dark: boolean;
  /** Every move that this machine knows of, that is asked about, or that the log shows as the last one. */
  readonly moves: readonly MoveStatus[];
}

/** What is asked about. */
export interface StatusOptions {
  readonly account: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly stateDir: string;
  readonly allowPrivateHosts: boolean;
}

/** Two servers, and what a journal remembers of the move between them. */
interface Pair {
  readonly source: string;
  readonly target: string;
  readonly journal?: JournalState | undefined;
}

/**
 * Asks where an account stands. `to` (with `from`, or the server where it lives) names a move that this machine has no
 * journal of.
 *
 * @throws DecampError as `findIdentity`
 */
export async function migrationStatus(
  options: StatusOptions,
  services: MigrationServices,
  signal: AbortSignal,
): Promise<AccountStatusReport> {
  const account = parseAccount(options.account);
  const { allowPrivateHosts, stateDir } = options;
  const origin = (url: string | undefined): string | undefined =>
    url === undefined ? undefined : parseServerUrl(url, { allowPrivateHosts });
  const [from, to] = [origin(options.from), origin(options.to)];
  const remembered = account.type === "handle" ? await rememberedDids(stateDir, account.handle) : [];
  const found = await findAnyIdentity(services, account, { from, remembered, past: true }, signal);
  const { did, handle } = found;
  const journals = await findJournals(stateDir, did);
  const identity = found.log === undefined ? withJournals(found, journals) : found;
  const past = pastOf(identity);
  const behind = to === undefined ? undefined : await hostBehind(services, past, to, signal);
  const pairs = pairsOf(past, journals, from, behind?.host ?? to);
  const [home, ...moves] = await Promise.all([
    whereIs(services, past, undefined, signal),
    ...pairs.map(async (pair) => whereIs(services, past, pair, signal)),
  ]);
  const strange = await unsettledServers(services, past, signal);
  const described = moves.map((where, index) =>
    settledFirst(describeMove(where, pairs, index, identity), did, strange),
  );
  const current = described.findLast(({ isHistory }) => !isHistory);
  return {
    did,
    handle,
    livesAt: homeOf(past),
    state: current?.state ?? home.state,
    dark: home.dark,
    moves: described,
  };
}

/** The moves to report: the one that is asked about, or those that are remembered, or the last that the log shows. */
function pairsOf(
  past: Past,
  journals: readonly JournalState[],
  from: string | undefined,
  to: string | undefined,
): Pair[] {
  const home = homeOf(past);
  const journalTo = (target: string): JournalState | undefined => journals.find((one) => one.target === target);
  if (to !== undefined) {
    // After the switch the old server is the one before, whatever is named.
    const source = livesAt(past, to) ? (homeBefore(past) ?? from) : (from ?? home);
    return source === undefined || source === to ? [] : [{ source, target: to, journal: journalTo(to) }];
  }
  const known = journals.flatMap((journal): Pair[] =>
    journal.source === undefined || journal.target === undefined
      ? []
      : [{ source: journal.source, target: journal.target, journal }],
  );
  const before = homeBefore(past);
  return known.length > 0 || home === undefined || before === undefined ? known : [{ source: before, target: home }];
}

function describeMove(where: Whereabouts, pairs: readonly Pair[], index: number, identity: AnyIdentity): MoveStatus {
  const pair = pairs[index];
  const { source, target, state, reversible, dark, undo, copyExpiresDays } = where;
  const { at, archive, frozen = false, undo: undoing, restore = false, temporaryKeys = [] } = pair?.journal ?? {};
  const temporaryKey = temporaryKeys.find((key) => key === identity.document.signingKey);
  const isHistory = isOver(pair, pairs, identity);
  const document = publishedAs(pair?.journal?.document, identity.did);
  // An undo that was begun is finished first.
  const next =
    restore && archive !== undefined && target !== undefined && state !== "moved"
      ? ["restore", archive, "--to", target.url, ...(identity.log === undefined ? [] : ownKeyFlag)]
      : state === "return-unfinished" && undoing !== undefined
        ? ["plc", "undo", identity.did]
        : where.next;
  return {
    source: bare(source, pair?.source),
    target: bare(target, pair?.target),
    state,
    phase: phaseOf(state),
    reversible: reversible && !restore,
    ...(restore ? { restore } : {}),
    ...(temporaryKey === undefined ? {} : { temporaryKey }),
    ...(document === undefined || isHistory ? {} : { document }),
    frozen: state === "frozen" && frozen,
    dark,
    isHistory,
    ...(undo?.until === undefined || isHistory ? {} : { undoUntil: new Date(undo.until).toISOString() }),
    ...(undo === undefined || isHistory ? {} : { undoKeys: undo.keys }),
    ...(copyExpiresDays === undefined ? {} : { copyExpiresDays }),
    ...(at === undefined ? {} : { begunAt: at }),
    ...(isUnproved(pair?.journal, identity) && !isHistory ? { unproved: true } : {}),
    ...(archive === undefined ? {} : { archive }),
    ...(next === undefined || isHistory ? {} : { next }),
    ...(undo === undefined || isHistory ? {} : { undo: undo.command }),
  };
}

/** The same, and no command that leads to a server which only a change has named that may be a stranger's. */
function settledFirst(move: MoveStatus, did: string, strange: readonly string[]): MoveStatus {
  const unsettled = [move.source.url, move.target.url].find((url) => strange.includes(url));
  return unsettled === undefined || move.next?.includes(unsettled) !== true
    ? move
    : { ...move, unsettled, next: ["doctor", did] };
}

/** Whether its proof was put off until the account is active at the new server, and is still owed. */
function isUnproved(journal: JournalState | undefined, { log }: AnyIdentity): boolean {
  const arrival = log === undefined ? undefined : staysOf(log).at(-1)?.arrival.cid;
  return journal !== undefined && arrival !== undefined && isProofOwed(journal, arrival);
}

/**
 * Whether a move is finished, as its operation in the log or its document shows, and another one has been begun since.
 */
function isOver(pair: Pair | undefined, pairs: readonly Pair[], { log }: AnyIdentity): boolean {
  const { signed, published = false, at = "" } = pair?.journal ?? {};
  const wasMade = log === undefined ? published : log.entries.some(({ cid }) => cid === signed?.cid);
  return wasMade && pairs.some(({ journal }) => journal !== pair?.journal && (journal?.at ?? "") > at);
}

function bare(place: Place | undefined, url: string | undefined): ServerStatus {
  return { url: place?.url ?? url ?? "", state: place?.state ?? "unknown" };
}

function phaseOf(state: WhereState): Phase {
  switch (state) {
    case "at-home":
    case "not-begun":
    case "target-unknown":
    case "home-unknown":
    case "home-absent":
    case "taken-down":
      return "not-begun";
    case "begun":
    case "frozen":
    case "copy-active":
      return "in-progress";
    case "switched":
    case "switched-empty":
    case "switched-absent":
      return "identity-moved";
    case "source-active":
    case "source-unknown":
      return "source-active";
    case "moved":
      return "done";
    case "returned":
    case "return-unfinished":
    case "elsewhere":
      return "over";
  }
}
