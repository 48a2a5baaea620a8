/** What became of the accounts of an export of many, counted. */
import type { ExportResult } from "../../archive/export/export-account.ts";
import type { Outcome } from "../../archive/export/export-many.ts";
import type { AbsentClass } from "./declare.ts";
import { failureFacts } from "../talk/failure.ts";
import { isIncomplete, mendedText } from "./result.ts";

/** So many failures, and accounts from which much is gone, are named again at the end. */
const named = 100;

/** What became of all of them. */
export interface Tally {
  complete: number;
  unchanged: number;
  incomplete: number;
  /** Of those that came: in which damage was mended, and from which much is gone. */
  mended: number;
  shrunk: number;
  failed: number;
  /** Those that their server does not hand out, because they are not active. */
  inactive: number;
  /** Of the others: that are not active because their identity names another server. */
  moved: number;
  /** That have an archive from this server, and are not in its list any more. */
  gone: number;
  /** That were not looked at, or not to the end, because the directory does not answer. */
  unasked: number;
  /** The first ones. */
  readonly failures: {
    readonly account: string;
    readonly code: string;
    readonly message: string;
    readonly hint: string;
  }[];
  readonly losses: ({ readonly account: string } & Shrunk)[];
}

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
  /** The newest snapshot of its archive, if there is one. */
  readonly snapshot: string | undefined;
}

type Shrunk = NonNullable<ExportResult["shrunk"]>;

export function newTally(): Tally {
  return {
    complete: 0,
    unchanged: 0,
    incomplete: 0,
    mended: 0,
    shrunk: 0,
    failed: 0,
    inactive: 0,
    moved: 0,
    gone: 0,
    unasked: 0,
    failures: [],
    losses: [],
  };
}

/** How many accounts were told of. */
export function totalOf({ complete, incomplete, failed, inactive, moved, gone, unasked }: Tally): number {
  return complete + incomplete + failed + inactive + moved + gone + unasked;
}

/**
 * Counts one account.
 *
 * @param absent if there is nothing to export of it
 * @param isUnasked if the directory did not answer for it
 */
export function count(tally: Tally, outcome: Outcome, absent: Absent | undefined, isUnasked: boolean): void {
  if (absent !== undefined) {
    tally[absent.class] += 1;
    return;
  }
  if (isUnasked) {
    tally.unasked += 1;
    return;
  }
  if ("error" in outcome) {
    tally.failed += 1;
    if (tally.failures.length < named) {
      const { code, message, hint = "" } = failureFacts(outcome.error);
      tally.failures.push({ account: outcome.did ?? outcome.name, code, message, hint });
    }
    return;
  }
  const { manifest, mode, mended, shrunk } = outcome.result;
  if (isIncomplete(outcome.result)) {
    tally.incomplete += 1;
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
