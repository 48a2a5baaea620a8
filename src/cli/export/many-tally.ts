/** What became of the accounts of an export of many, counted. */
import type { ExportResult } from "../../archive/export/export-account.ts";
import type { Outcome } from "../../archive/export/export-many.ts";
import { isMuchMissed, type Missed } from "../../archive/night/night.ts";
import type { AccountOutcome } from "../../archive/state/last-run.ts";
import type { AbsentClass } from "./declare.ts";
import { failureFacts } from "../talk/failure.ts";
import { isAsBefore, isIncomplete, mendedText } from "./result.ts";

/** So many failures, and accounts from which much is gone, are named again for scripts. */
const named = 100;

/** What became of all of them. */
export interface Tally {
  complete: number;
  /** Of the complete ones. */
  unchanged: number;
  incomplete: number;
  /** Of the incomplete ones: that lack nothing which they did not lack the last time. */
  asBefore: number;
  /** Of those that came: in which damage was mended, and from which much is gone. */
  mended: number;
  shrunk: number;
  failed: number;
  /** Those that their server does not hand out, because they are not active. */
  inactive: number;
  /** Of the inactive ones: that their server has taken down; of the others, that have no archive. */
  takenDown: number;
  bare: number;
  /** Of the others: that are not active because their identity names another server. */
  moved: number;
  /** That have an archive from this server, and are not in its list any more. */
  gone: number;
  /** How many of those are so of late; undefined where no list of a server was gone through to its end. */
  missed: Missed | undefined;
  /** Of which the list named an older commit than their server had before the run began. */
  listedOld: number;
  /** That were not looked at, or not to the end, because the directory does not answer. */
  unasked: number;
  /** That have an archive, whatever became of them. */
  archived: number;
  /** What came of repositories and blobs. */
  receivedBytes: number;
  /** The oldest of the newest snapshots, of accounts that are active. */
  oldest: { readonly account: string; readonly snapshot: string; readonly createdAt: string } | undefined;
  /** How they failed, by the code of the error. */
  readonly kinds: Map<string, Kind>;
  /** The first ones. */
  readonly failures: {
    readonly account: string;
    readonly code: string;
    readonly message: string;
    readonly hint: string;
  }[];
  readonly losses: ({ readonly account: string } & Shrunk)[];
}

/** Failures with the same code. */
export interface Kind {
  count: number;
  /** The first ones. */
  readonly accounts: string[];
  /** Of the first one. */
  readonly message: string;
  readonly hint: string;
}

/** So many accounts of a kind are named. */
const ofKind = 3;

/** An account of which there is nothing to export, and that is no failure. */
export interface Absent {
  /**
   * `inactive`: its server does not hand it out; `moved`: and its identity names another one; `gone`: its server does
   * not list it any more.
   */
  readonly class: AbsentClass;
  /** Why, in the server's word; of one that is gone there is none. */
  readonly status?: string | undefined;
  /** Origin of the server that its identity names, where that is another. */
  readonly home?: string | undefined;
  /** The newest snapshot of its archive, if there is one, and the handle there. */
  readonly snapshot: string | undefined;
  readonly handle?: string | undefined;
}

/** What is known of an account beside what became of it. */
export interface Beside {
  /** If there is nothing to export of it. */
  readonly absent: Absent | undefined;
  /** Whether the directory did not answer for it. */
  readonly isUnasked: boolean;
  /** The newest snapshot of its archive, if it has failed and has one. */
  readonly newest?: { readonly snapshot: string; readonly createdAt: string } | undefined;
}

type Shrunk = NonNullable<ExportResult["shrunk"]>;

export function newTally(): Tally {
  return {
    complete: 0,
    unchanged: 0,
    incomplete: 0,
    asBefore: 0,
    mended: 0,
    shrunk: 0,
    failed: 0,
    inactive: 0,
    takenDown: 0,
    bare: 0,
    moved: 0,
    gone: 0,
    missed: undefined,
    listedOld: 0,
    unasked: 0,
    archived: 0,
    receivedBytes: 0,
    oldest: undefined,
    kinds: new Map(),
    failures: [],
    losses: [],
  };
}

/** How many accounts were told of. */
export function totalOf({ complete, incomplete, failed, inactive, moved, gone, unasked }: Tally): number {
  return complete + incomplete + failed + inactive + moved + gone + unasked;
}

/**
 * Whether something is not as it should be.
 *
 * @param notLookedUp identities of which nobody knows whether they have changed
 * @param allowKnown whether what was missing the last time, too, may be missing
 */
export function isBad(tally: Tally, notLookedUp: number, allowKnown = false): boolean {
  const { failed, incomplete, asBefore, shrunk, unasked, missed, listedOld } = tally;
  const isListShort = missed !== undefined && isMuchMissed(missed);
  const lacking = incomplete - (allowKnown ? asBefore : 0);
  return isListShort || failed + lacking + shrunk + unasked + listedOld + notLookedUp > 0;
}

/** How many, by what became of them: each account in one class. */
export function classesOf(tally: Tally): Readonly<Record<AccountOutcome, number>> {
  const { complete, unchanged, incomplete, inactive, takenDown, moved, gone, unasked, failed } = tally;
  return {
    exported: complete - unchanged,
    unchanged,
    incomplete,
    inactive: inactive - takenDown,
    takenDown,
    moved,
    gone,
    notLookedAt: unasked,
    failed,
  };
}

/** How many failed, by the code of the error. */
export function failuresByCode({ kinds }: Tally): Readonly<Record<string, number>> {
  return Object.fromEntries([...kinds].map(([code, kind]) => [code, kind.count]));
}

/** Counts one account. */
export function count(tally: Tally, outcome: Outcome, { absent, isUnasked, newest }: Beside): void {
  if (absent !== undefined) {
    tally[absent.class] += 1;
    const isTakenDown = absent.class === "inactive" && absent.status === "takendown";
    tally.takenDown += isTakenDown ? 1 : 0;
    tally.bare += absent.class === "inactive" && !isTakenDown && absent.snapshot === undefined ? 1 : 0;
    tally.archived += absent.snapshot === undefined ? 0 : 1;
    return;
  }
  const account = outcome.did ?? outcome.name;
  if (newest !== undefined) {
    tally.archived += 1;
    noteAge(tally, account, newest);
  }
  if (isUnasked) {
    tally.unasked += 1;
    return;
  }
  if ("error" in outcome) {
    const { code, message, hint = "" } = failureFacts(outcome.error);
    const kind = tally.kinds.get(code) ?? { count: 0, accounts: [], message, hint };
    tally.kinds.set(code, kind);
    tally.failed += 1;
    kind.count += 1;
    if (kind.accounts.length < ofKind) {
      kind.accounts.push(account);
    }
    if (tally.failures.length < named) {
      tally.failures.push({ account, code, message, hint });
    }
    return;
  }
  const { manifest, mode, mended, shrunk, received } = outcome.result;
  tally.archived += 1;
  tally.receivedBytes += received.repoBytes + received.blobBytes;
  noteAge(tally, manifest.did, manifest);
  if (isIncomplete(outcome.result)) {
    tally.incomplete += 1;
    tally.asBefore += isAsBefore(outcome.result) ? 1 : 0;
  } else {
    tally.complete += 1;
    tally.unchanged += mode === "unchanged" ? 1 : 0;
  }
  tally.mended += mendedText(mended) === undefined ? 0 : 1;
  if (shrunk !== undefined) {
    tally.shrunk += 1;
    if (tally.losses.length < named) {
      tally.losses.push({ account: manifest.did, ...shrunk });
    }
  }
}

function noteAge(tally: Tally, account: string, { snapshot, createdAt }: NonNullable<Beside["newest"]>): void {
  if (tally.oldest === undefined || createdAt < tally.oldest.createdAt) {
    tally.oldest = { account, snapshot, createdAt };
  }
}
