/**
 * Where an account is, and what was done to it: the one answer, for everybody who has to know. It is computed from the
 * verified log (which servers were named, in which order, what was nullified) and from what the servers say now. A
 * journal has no say in it: it remembers what somebody wanted. Only the past of a did:web, of which there is no log, is
 * what journals remember; what they do not, nobody takes for a no.
 *
 * In plain words:
 * - The identity decides where the account lives. What a server says of itself does not.
 * - Where it is named but not active, nobody can see the account: it is dark.
 * - A copy at a server that the log never named is only a copy, and may be deleted. Where the account has lived, it may
 *   not.
 * - An account that moved is at its new home only once that home has what the old one had.
 */

import { DecampError } from "../errors.ts";
import { originOfPds } from "../identity/did-document.ts";
import { keysThatCameAlone } from "../plc/came-alone.ts";
import { undoPower } from "../plc/history.ts";
import type { LogEntry, VerifiedLog } from "../plc/log.ts";
import { contentOf, pdsOf, rotationKeysOf } from "../plc/operation.ts";
import { handleAmong } from "../plc/update.ts";
import { emptyTree } from "../repo/head.ts";
import { directoryTime } from "./directory-time.ts";
import { askPlace, isSilent, type Place } from "./places.ts";
import type { AccountServices } from "./services.ts";
import { isKnownCopy, isRememberedAt, isWebPast, type Past } from "./web/past.ts";

/** State → what it means. S is the old server, T the new one. */
export const whereStates = {
  "at-home": "no move is asked about: the account lives where its identity says",
  "not-begun": "it lives at S, and T does not have it",
  begun: "it lives at S, and T has a copy that is not active",
  frozen: "the identity names S, and it is deactivated there: nobody can see it",
  "copy-active": "it lives at S, and T, where it is not known to have lived, has it active, too",
  returned: "it lives at S, and T, where it has lived, has it deactivated",
  "return-unfinished": "the identity names S again, and T, where it has lived, still has it active",
  switched: "the identity names T, and it is not active there: nobody can see it",
  "switched-empty": "the identity names T, and T has an empty repository",
  "switched-absent": "the identity names T, and T does not have the account",
  "source-active": "it lives at T, and is still active at S",
  "source-unknown": "it lives at T, and S does not say whether it is active there",
  moved: "it lives at T, and not at S any more",
  elsewhere: "the identity names a third server",
  "home-absent": "the server that the identity names does not have the account, or none is named",
  "taken-down": "the server that the identity names has taken the account down",
  "home-unknown":
    "the server that the identity names does not answer, or not so that it tells whether the account is there",
  "target-unknown": "it lives at S, and T does not say whether it has a copy",
} as const;

/** Where an account is, in one word of a closed set. */
export type WhereState = keyof typeof whereStates;

/** A stretch of time for which the identity named one server, in operations that count. */
export interface Stay {
  /** Origin; undefined where it named none that can be used. */
  readonly server: string | undefined;
  /** The operation that took it there. */
  readonly arrival: LogEntry;
}

export interface Whereabouts {
  readonly state: WhereState;
  /** Origin of the server that the identity names. */
  readonly home: string | undefined;
  readonly source?: Place;
  readonly target?: Place;
  /** Nobody can see the account: the server that the identity names does not have it active. */
  readonly dark: boolean;
  /** Whether the identity names the target. */
  readonly livesAtTarget: boolean;
  /**
   * Whether the log has ever named the target, nullified operations included. Of a did:web: whether it may have lived
   * there, which is so unless a journal shows that a move has made what is there.
   */
  readonly livedAtTarget: boolean;
  /** Whether `migrate cancel` can take back all that was done. */
  readonly reversible: boolean;
  /** Who can take back the change of the identity that brought it to the target. */
  readonly undo?: Undo;
  /** An account that is made and not activated is deleted by some servers after so many days. */
  readonly copyExpiresDays?: number;
  /**
   * The next safe command, without the flags of this run; none where there is nothing to do, or nothing that decamp can
   * do.
   */
  readonly next?: readonly string[];
}

export interface Undo {
  /** CID of the operation. */
  readonly operation: string;
  /** Rotation keys, did:keys, that are no server's as far as the log shows. */
  readonly keys: readonly string[];
  /**
   * Until when these keys can undo it, whatever other keys do (epoch milliseconds by the directory's clock). Unset if
   * they do not stand above the signer, or it is too late: they can undo it only as long as they are in the list.
   */
  readonly until?: number;
  /** The command that does it. */
  readonly command: readonly string[];
}

/** How many days a copy has that is not activated, on servers that delete it then. */
const copyDays = 3;

/** The servers that the identity named, in the order of the operations that count. Never empty. */
export function staysOf(log: VerifiedLog): readonly Stay[] {
  const stays: Stay[] = [];
  for (const arrival of log.entries.filter(({ nullified }) => !nullified)) {
    const server = originOfPds(pdsOf(arrival.operation));
    if (stays.length === 0 || stays.at(-1)?.server !== server) {
      stays.push({ server, arrival });
    }
  }
  return stays;
}

/** Origins of the servers that the identity names, or has named: where it is now first, each once. */
export function serversOf(log: VerifiedLog): readonly string[] {
  const named = staysOf(log).flatMap(({ server }) => (server === undefined ? [] : [server]));
  return [...new Set(named.toReversed())];
}

/** The handle that the identity claimed when it last named a server, in operations that count. */
export function handleAt(log: VerifiedLog, origin: string): string | undefined {
  const last = log.entries.findLast(
    ({ nullified, operation }) => !nullified && originOfPds(pdsOf(operation)) === origin,
  );
  const content = last === undefined ? undefined : contentOf(last.operation);
  return handleAmong(content?.alsoKnownAs ?? [])?.toLowerCase();
}

/** Origin of the server that the identity names now; undefined if it names none that can be used. */
export function homeOf(past: Past): string | undefined {
  return isWebPast(past) ? past.home : staysOf(past).at(-1)?.server;
}

/** Origin of the server that the identity named before the one that it names now, as far as that is known. */
export function homeBefore(past: Past): string | undefined {
  return isWebPast(past)
    ? past.moves.findLast(({ target }) => target === past.home)?.source
    : staysOf(past).at(-2)?.server;
}

/** Whether the identity names this server now. */
export function livesAt(past: Past, origin: string): boolean {
  return homeOf(past) === origin;
}

/** An operation that took the account from one server to another. */
export interface MoveInLog {
  readonly operation: LogEntry;
  /** The operation before it. */
  readonly before: LogEntry;
  /** Origins. */
  readonly source: string;
  readonly target: string;
}

/** What an operation did, if it moved the account; nullified ones, too. @param cid CID of the operation */
export function moveBy(log: VerifiedLog, cid: string | undefined): MoveInLog | undefined {
  const operation = log.entries.find((entry) => entry.cid === cid);
  const before = log.entries.find((entry) => entry.cid === operation?.operation.prev);
  const [source, target] = [before, operation].map((entry) => originOfPds(pdsOf(entry?.operation)));
  return before === undefined ||
    operation === undefined ||
    source === undefined ||
    target === undefined ||
    source === target
    ? undefined
    : { operation, before, source, target };
}

/** The moves that somebody may want to take back, or to finish taking back. */
export interface RecentMoves {
  /** The last one that counts. */
  readonly last: MoveInLog | undefined;
  /** The one away from where the account is now, if it was nullified and nothing has moved the account since. */
  readonly nullified: MoveInLog | undefined;
  /**
   * The one before the last, if the last has taken the account back to where it was: by a move, or by saying an old
   * state again.
   */
  readonly reversed: MoveInLog | undefined;
}

export function recentMoves(log: VerifiedLog): RecentMoves {
  const stays = staysOf(log);
  const home = homeOf(log);
  const last = stays.length < 2 ? undefined : moveBy(log, stays.at(-1)?.arrival.cid);
  const nullified = log.entries
    .filter((entry) => entry.nullified)
    .map(({ cid }) => moveBy(log, cid))
    .findLast((move) => move?.source === home);
  const isNewer = last === undefined || (nullified?.operation.createdAt ?? "") >= last.operation.createdAt;
  return {
    last,
    nullified: isNewer ? nullified : undefined,
    reversed: stays.length > 2 && stays.at(-3)?.server === home ? moveBy(log, stays.at(-2)?.arrival.cid) : undefined,
  };
}

/**
 * Whether the log ever named a server, in operations that were nullified, too: then the account has lived there. Of a
 * did:web: whether this machine remembers that.
 */
function isKnownToHaveLivedAt(past: Past, origin: string): boolean {
  return isWebPast(past)
    ? isRememberedAt(past, origin)
    : past.entries.some(({ operation }) => originOfPds(pdsOf(operation)) === origin);
}

/** @throws DecampError `identity-invalid` if the identity names no server */
export function requireHome(past: Past): string {
  const home = homeOf(past);
  if (home === undefined) {
    throw new DecampError("identity-invalid", `The identity of ${past.did} names no server.`);
  }
  return home;
}

/**
 * Asks the servers where an account is.
 *
 * @param move origins of the two servers that a move is asked about; only the home without it
 * @param elsewhere `attempts`: how often a server that the identity does not name is asked at most, if it does not
 *   answer
 */
export async function whereIs(
  services: Pick<AccountServices, "openPds" | "now" | "clockOffset" | "directory">,
  past: Past,
  move: { readonly source: string | undefined; readonly target: string } | undefined,
  signal: AbortSignal,
  elsewhere: { readonly attempts?: number } = {},
): Promise<Whereabouts> {
  const { openPds } = services;
  const home = homeOf(past);
  const ask = async (url: string | undefined): Promise<Place | undefined> =>
    url === undefined ? undefined : askPlace(openPds(url), past.did, signal, url === home ? {} : elsewhere);
  const [source, target] = await Promise.all([ask(move?.source), ask(move?.target)]);
  const known = [source, target].find((place) => place?.url === home);
  return judgeWhere(past, { home: known ?? (await ask(home)), source, target }, directoryTime(services));
}

/** What the servers said. */
export interface Places {
  /** The server that the identity names; undefined if it names none. */
  readonly home: Place | undefined;
  readonly source: Place | undefined;
  readonly target: Place | undefined;
}

/**
 * Judges what was asked. @param now epoch milliseconds, by the directory's clock; undefined where no deadline can be
 * told
 */
export function judgeWhere(past: Past, places: Places, now: number | undefined): Whereabouts {
  const { home, source, target } = places;
  const isKnown = target !== undefined && isKnownToHaveLivedAt(past, target.url);
  const livedAtTarget = isKnown || (target !== undefined && isWebPast(past) && !isKnownCopy(past, target.url));
  const state = stateOf(places, isKnown);
  const canReturn = source !== undefined && source.state !== "absent";
  const undo = target !== undefined && target.url === home?.url && canReturn ? undoOf(past, now) : undefined;
  const next = state === "switched-absent" ? undo?.command : nextCommand(state, past, places);
  return {
    state,
    home: homeOf(past),
    ...(source === undefined ? {} : { source }),
    ...(target === undefined ? {} : { target }),
    dark: home === undefined || !["active", "unreachable", "unknown"].includes(home.state),
    livesAtTarget: target !== undefined && livesAt(past, target.url),
    livedAtTarget,
    // Where there is nothing, nothing is taken back that may have been more than a copy.
    reversible:
      (["not-begun", "begun", "frozen"].includes(state) &&
        (!livedAtTarget || (!isKnown && target?.state === "absent"))) ||
      (state === "copy-active" && !livedAtTarget && mayBeMereCopy(target, source)),
    ...(undo === undefined ? {} : { undo }),
    ...(isIdle(target) && !livedAtTarget ? { copyExpiresDays: copyDays } : {}),
    ...(next === undefined ? {} : { next }),
  };
}

function stateOf({ home, source, target }: Places, livedAtTarget: boolean): WhereState {
  const homeState = stateAtHome(home, target);
  if (home === undefined || homeState !== undefined) {
    return homeState ?? "home-absent";
  }
  if (target === undefined || source?.url === target.url) {
    return home.state === "active" ? "at-home" : "frozen";
  }
  if (target.url === home.url) {
    return stateAfter(source, target);
  }
  if (source?.url !== home.url) {
    return "elsewhere";
  }
  return stateBefore(home, target, livedAtTarget);
}

/** What the home's own answer settles, whatever else is asked. */
function stateAtHome(home: Place | undefined, target: Place | undefined): WhereState | undefined {
  if (home === undefined) {
    return "home-absent";
  }
  switch (home.state) {
    case "active":
    case "deactivated":
      return undefined;
    case "absent":
      return target?.url === home.url ? "switched-absent" : "home-absent";
    case "unreachable":
    case "unknown":
      return "home-unknown";
    default:
      return "taken-down";
  }
}

/** The identity names the old server. */
function stateBefore(home: Place, target: Place, livedAtTarget: boolean): WhereState {
  if (target.state === "active") {
    return livedAtTarget ? "return-unfinished" : home.state === "active" ? "copy-active" : "frozen";
  }
  if (home.state !== "active") {
    return "frozen";
  }
  if (target.state === "absent") {
    return "not-begun";
  }
  if (isSilent(target)) {
    return "target-unknown";
  }
  return livedAtTarget ? "returned" : "begun";
}

/** The identity names the new server. */
function stateAfter(source: Place | undefined, target: Place): WhereState {
  if (isEmptyBeside(target, source)) {
    return "switched-empty";
  }
  if (target.state !== "active") {
    return "switched";
  }
  if (source === undefined) {
    return "at-home";
  }
  if (isSilent(source)) {
    return "source-unknown";
  }
  return source.state === "active" ? "source-active" : "moved";
}

/** Whether the new server has nothing, and the old one may have something. */
function isEmptyBeside({ head }: Place, source: Place | undefined): boolean {
  return (
    head?.data === emptyTree &&
    source !== undefined &&
    (source.state === "active" || isSilent(source)) &&
    source.head?.data !== emptyTree
  );
}

/**
 * Whether what a server calls active, and the identity does not name, has nothing of its own, as far as anybody can
 * see: no repository, an empty one, or the tree that is at home. Some servers call a copy active as soon as it is made.
 */
export function mayBeMereCopy(copy: Place | undefined, home: Place | undefined): boolean {
  const data = copy?.head?.data;
  return data === undefined || data === emptyTree || data === home?.head?.data;
}

/** Whether a server has the account without showing it. */
function isIdle(place: Place | undefined): boolean {
  return place !== undefined && !isSilent(place) && place.state !== "active" && place.state !== "absent";
}

/** Who can take back the operation that took the account where it is now. A did:web has no operations. */
function undoOf(log: Past, now: number | undefined): Undo | undefined {
  if (isWebPast(log)) {
    return undefined;
  }
  const stays = staysOf(log);
  const arrival = stays.at(-1)?.arrival;
  const before = log.entries.find(({ cid }) => cid === arrival?.operation.prev);
  if (arrival === undefined || before === undefined || stays.length < 2) {
    return undefined;
  }
  const operation = arrival.cid;
  // Without --operation, plc undo would finish taking back a later move that was nullified.
  const named = recentMoves(log).nullified === undefined ? [] : ["--operation", operation];
  const command = ["plc", "undo", log.did, ...named];
  const power = undoPower(log, operation);
  if (power !== undefined && now !== undefined && power.until >= now) {
    return { operation, keys: power.keys, until: power.until, command };
  }
  // Any rotation key in the list can sign the old state again; keys of a server that the account left are not in it.
  const old = rotationKeysOf(before.operation);
  const keys = rotationKeysOf(log.head.operation).filter((key) => old.includes(key));
  const own = keysThatCameAlone(log);
  const likely = keys.filter((key) => own.includes(key));
  return keys.length === 0 ? undefined : { operation, keys: likely.length > 0 ? likely : keys, command };
}

/** The words with which a command is told of a rotation key of the user's own; the command line may know the file. */
export const ownKeyFlag: readonly string[] = ["--rotation-key-file", "FILE"];

/** What goes on or back; where the target lacks the account, only an undo does, and only if somebody can. */
function nextCommand(
  state: Exclude<WhereState, "switched-absent">,
  past: Past,
  { source, target }: Places,
): readonly string[] | undefined {
  const { did } = past;
  const migrate = (from: string | undefined, to: string | undefined): readonly string[] | undefined =>
    to === undefined ? undefined : ["migrate", did, ...(from === undefined ? [] : ["--from", from]), "--to", to];
  switch (state) {
    case "not-begun":
    case "begun":
    case "switched":
    case "switched-empty":
    case "source-active":
    case "source-unknown":
    case "target-unknown":
      return migrate(source?.url, target?.url);
    case "frozen":
      return target === undefined || source === undefined || source.url === target.url
        ? undefined
        : migrate(source.url, target.url);
    case "copy-active":
      return mayBeMereCopy(target, source) ? migrate(source?.url, target?.url) : undefined;
    case "return-unfinished":
      return !isWebPast(past) && wasNullified(past, target?.url)
        ? ["plc", "undo", did]
        : migrate(target?.url, source?.url);
    case "at-home":
    case "returned":
    case "moved":
    case "elsewhere":
    case "home-absent":
    case "taken-down":
    case "home-unknown":
      return undefined;
  }
}

/** Whether the newest operation that named a server was undone. */
function wasNullified(log: VerifiedLog, origin: string | undefined): boolean {
  return log.entries.findLast(({ operation }) => originOfPds(pdsOf(operation)) === origin)?.nullified === true;
}
