/**
 * What was done to an identity in the last 72 hours, and not by decamp on this machine. A log never says who did it: it
 * may have been the owner, elsewhere. So it is said first, with the date, and with the way back as long as there is
 * one; and nobody is sent to a server that only such a change has named.
 */

import { timeAtDirectory } from "../../account/directory-time.ts";
import { originOfPds } from "../../identity/did-document.ts";
import { changesServer, keysThatCameAlone } from "../../plc/came-alone.ts";
import type { ForeignOperation } from "../../plc/foreign.ts";
import { undoPower } from "../../plc/history.ts";
import type { LogEntry, VerifiedLog } from "../../plc/log.ts";
import { pdsOf, rotationKeysOf } from "../../plc/operation.ts";
import { entryBefore, lateForeigners } from "../../plc/strangers.ts";
import type { MigrationServices } from "../context.ts";
import { found, shortKey, type HealthCheck } from "./health.ts";

/** What somebody did whom this machine does not know. */
export interface RecentChanges {
  /** The line that is said first; undefined where nothing of that kind was done. */
  readonly check: HealthCheck | undefined;
  /** Whether such a change has named another server. */
  readonly server: boolean;
}

/** What an operation did that its owner has to know of. */
interface Effect {
  readonly entry: LogEntry;
  /** Sentences. */
  readonly said: readonly string[];
  /** A key left that came by itself, and not by a key like that. */
  readonly isTheft: boolean;
  readonly movesServer: boolean;
  /** Who can take it back, as far as the log shows. */
  readonly undo: { readonly keys: readonly string[]; readonly until: number } | undefined;
}

/**
 * What of the last 72 hours took a key out, put one in, or changed the server.
 *
 * @param made operations that decamp has made on this machine
 */
export function recentChanges(
  services: Pick<MigrationServices, "now" | "clockOffset" | "directory">,
  log: VerifiedLog,
  made: readonly string[],
): RecentChanges {
  const now = timeAtDirectory(services);
  const effects = lateForeigners(log, made, now).flatMap((operation) => effectOf(log, operation) ?? []);
  if (effects.length === 0) {
    return { check: undefined, server: false };
  }
  const isTheft = effects.some((one) => one.isTheft);
  const message = effects.map(({ entry, said }) => `Changed on ${entry.createdAt}: ${said.join(", ")}.`).join(" ");
  // The oldest one that can be taken back takes those after it along.
  const candidates = effects.filter(({ undo }) => undo !== undefined && undo.until >= now);
  const back = candidates.find((one) => one.isTheft || one.movesServer) ?? candidates[0];
  return {
    check: found("changes", isTheft ? "fault" : "warning", message, wayBack(log, back)),
    server: effects.some(({ movesServer }) => movesServer),
  };
}

function effectOf(log: VerifiedLog, operation: ForeignOperation): Effect | undefined {
  const { entry, mayBeOwn } = operation;
  const before = entryBefore(log, operation);
  if (before === undefined || entry.operation.type === "plc_tombstone" || before.operation.type === "plc_tombstone") {
    return undefined;
  }
  const [old, now] = [rotationKeysOf(before.operation), rotationKeysOf(entry.operation)];
  const head = rotationKeysOf(log.head.operation);
  const movesServer = changesServer(before.operation, entry.operation);
  const gone = [...new Set(old)].filter((key) => !now.includes(key) && !head.includes(key));
  const own = gone.filter((key) => keysThatCameAlone(log).includes(key));
  const come = [...new Set(now)].filter((key) => !old.includes(key));
  // Keys of servers come and go with a move, and a key that came by itself may bring another one.
  const isUsual = own.length === 0 && (movesServer || mayBeOwn);
  const said = [
    ...(isUsual ? [] : gone).map(
      (key) => `the rotation key ${shortKey(key)}${own.includes(key) ? ", most likely yours," : ""} left`,
    ),
    ...(isUsual ? [] : come).map(
      (key) => `the rotation key ${shortKey(key)} came${now.indexOf(key) === 0 ? ", before all others" : ""}`,
    ),
    ...(movesServer ? [`the server became ${nameOf(entry)}, and was ${nameOf(before)}`] : []),
  ];
  return said.length === 0
    ? undefined
    : { entry, said, isTheft: own.length > 0 && !mayBeOwn, movesServer, undo: undoPower(log, entry.cid) };
}

function nameOf({ operation }: LogEntry): string {
  const origin = originOfPds(pdsOf(operation));
  return origin === undefined ? "none that can be used" : new URL(origin).host;
}

function wayBack(log: VerifiedLog, back: Effect | undefined): Pick<HealthCheck, "help" | "next"> {
  const elsewhere = "decamp did not do that on this machine. If it was not you";
  if (back?.undo === undefined) {
    return {
      help: `${elsewhere}: change your password, and ask the operator of your server at once. No key that may be yours stands above the one that signed it.`,
    };
  }
  const { undo, entry } = back;
  const alone = keysThatCameAlone(log);
  const likely = undo.keys.filter((key) => alone.includes(key));
  const keys = (likely.length > 0 ? likely : undo.keys).map(shortKey).join(" or ");
  return {
    help: `${elsewhere}: until ${new Date(undo.until).toISOString()} whoever holds the rotation key ${keys} can take it back:`,
    next: ["plc", "recover", log.did, "--operation", entry.cid],
  };
}

const settleFirst = "First settle whether the change above was yours.";

/**
 * Findings in which no command leads to a server that was named by a change which may be a stranger's: none names its
 * address, and what would give something up for it or sign in there is only for the owner who knows of it.
 *
 * @param changes what was done lately; undefined where there is no log
 */
export function withoutStrangers(
  checks: readonly HealthCheck[],
  changes: RecentChanges | undefined,
): readonly HealthCheck[] {
  if (changes?.server !== true) {
    return checks;
  }
  return checks.map((check) => {
    const { next, help = "", ...rest } = check;
    // Whoever it was: what an earlier server has is saved at once.
    const isRescue = next?.[0] === "export" && next.includes("--from");
    if (next === undefined || check.id === "changes" || isRescue || (next[0] === "plc" && next[1] !== "repair")) {
      return check;
    }
    return next[0] === "migrate"
      ? { ...rest, help: `${settleFirst} If it was, decamp migrate goes on where that move was begun.` }
      : { ...check, help: `${settleFirst} Only if it was: ${help}` };
  });
}
