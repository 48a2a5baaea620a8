/** What a watch has noticed, for people and for programs. */
import { clockDifference } from "../../account/directory-time.ts";
import type { WatchEvent } from "../../account/watch/events.ts";
import type { Undoing } from "../../plc/foreign.ts";
import type { Complete } from "../next-command.ts";
import { durationText, plural, timeText } from "../talk/reporters/amounts.ts";
import type { Line } from "../talk/terminal.ts";

/** An event as `--json` prints it, and as the command that is told gets it. */
export type EventDocument = Readonly<Record<string, unknown>> & {
  readonly message: string;
  readonly undo?: { readonly next: string; readonly until: string; readonly seconds?: number };
  /** The command that says that the operation is one's own. */
  readonly ifYours?: string;
};

/**
 * @param complete makes a command complete, with the directory that has shown it
 * @param flags of this run that another look needs, too
 */
export function eventJson(event: WatchEvent, complete: Complete, flags: readonly string[] = []): EventDocument {
  const head = { type: "watch", version: 1, event: event.event };
  const { directory } = event;
  switch (event.event) {
    case "operation": {
      const { did, entry, kind, changes, signerRank, nullifies, mayBeOwn, undoing, now, apart } = event;
      const { cid, signer, createdAt } = entry;
      const until = undoing.can
        ? {
            undo: undoJson(did, cid, undoing, complete, now),
            ifYours: complete(["plc", "watch", did, "--once", "--own-operation", cid, ...flags]),
          }
        : { noUndo: undoing.why };
      const message = [
        kind === "tombstone"
          ? `${did} was ended by an operation that is not known to be yours.`
          : `${did} was changed by an operation that is not known to be yours.`,
        ...(mayBeOwn
          ? [`Its key came into the log by itself, and may be yours: then name it with --own-key ${signer}.`]
          : []),
        ...(undoing.can ? [] : [whyNot[undoing.why]]),
        ...(undoing.can && apart !== undefined
          ? [
              `${clockDifference(apart, directory)}, so it cannot be said how long it can be undone: for 72 hours after ${createdAt}, which is its time in the log. Set the clock, and try the command now.`,
            ]
          : []),
      ].join(" ");
      const more = nullifies.length === 0 ? {} : { nullifies };
      return {
        ...head,
        did,
        cid,
        directory,
        kind,
        createdAt,
        signer,
        signerRank,
        changes,
        ...more,
        mayBeOwn,
        message,
        ...until,
      };
    }
    case "hidden": {
      const { did, cid } = event;
      const message = event.isListed
        ? `${directory} lists an operation of ${did} and does not show it in the log: ${cid}. It lags, or it hides it.`
        : `${directory} does not show an operation of ${did} that was seen before, or at another directory: ${cid}. It lags, or it hides it.`;
      return { ...head, did, cid, directory, message };
    }
    case "invalid": {
      const { did, message } = event;
      return { ...head, did, directory, message: `What ${directory} says of ${did} cannot be believed: ${message}` };
    }
    case "broken": {
      const { accounts } = event;
      const message = `What ${directory} says of ${plural(accounts, "account")} at once cannot be believed. That is hardly the accounts: it is the directory, or something on the way to it. Nobody watches there meanwhile.`;
      return { ...head, accounts, directory, message };
    }
    case "unread": {
      const { dids } = event;
      const [did] = dids;
      const since = new Date(event.since).toISOString();
      const whose = dids.length === 1 ? `the log of ${did ?? ""}` : `the logs of ${dids.length} accounts`;
      const message = `${directory} answers, and has not given ${whose} since ${since}: nobody watches there meanwhile.`;
      return { ...head, ...(dids.length === 1 ? { did } : { accounts: dids.length }), directory, since, message };
    }
    default: {
      const since = new Date(event.since).toISOString();
      const message =
        event.event === "silent"
          ? `${directory} has not answered since ${since}: nobody watches there meanwhile.`
          : `${directory} answers again. It had not since ${since}; what came meanwhile was looked at.`;
      return { ...head, directory, since, message };
    }
  }
}

const whyNot: Readonly<Record<(Undoing & { can: false })["why"], string>> = {
  "undone-already": "It is undone already.",
  "too-late": "It cannot be undone any more: the 72 hours are over.",
  "no-key-above": "Nobody can undo it: the most powerful key has signed it.",
  "key-without-power": "Your keys cannot undo it: none of them stood above the one that signed it.",
  "followed-by-own": "An operation of yours follows it: it is not offered to be undone.",
  genesis: "It founded the identity.",
};

function undoJson(
  did: string,
  cid: string,
  { keys, until, isSure }: Undoing & { can: true },
  complete: Complete,
  now: number,
): { next: string; keys: readonly string[]; until: string; seconds?: number } {
  return {
    next: complete(["plc", "recover", did, "--operation", cid, "--rotation-key-file", "FILE"]),
    keys,
    until: new Date(until).toISOString(),
    ...(isSure ? { seconds: Math.max(0, Math.floor((until - now) / 1000)) } : {}),
  };
}

/** The lines for a person. */
export function eventLines(event: EventDocument): readonly Line[] {
  const { message, undo, ifYours, cid, kind, changes, signer, createdAt } = event;
  const isGood = event["event"] === "answers";
  const detail =
    kind === undefined
      ? []
      : [
          [`  ${String(createdAt)}  ${String(cid)}`],
          [`  signed by ${String(signer)}`],
          ...(Array.isArray(changes) && changes.length > 0 ? [[`  changed: ${changes.join(", ")}`]] : []),
        ];
  const way =
    undo === undefined
      ? []
      : [
          [
            undo.seconds === undefined
              ? "  With your key:"
              : `  It can be undone until ${timeText(undo.until)}, ${durationText(undo.seconds)} from now. With your key:`,
          ],
          [`    ${undo.next}`],
        ];
  const own = ifYours === undefined ? [] : [["  If you have made it yourself, say so:"], [`    ${ifYours}`]];
  return [[isGood ? "" : { text: "Notice: ", style: "yellow" }, message], ...detail, ...way, ...own];
}

/**
 * The same in one line, for a mail or a notice: what an account is called, what undoes the operation, and until when.
 * Nothing in it was chosen by whoever signed it.
 */
export function noticeText(event: EventDocument): string {
  const { message, undo, ifYours } = event;
  const said =
    event["event"] === "invalid" ? `What a directory says of ${String(event["did"])} does not prove itself.` : message;
  return [
    said,
    ...(undo === undefined
      ? []
      : [
          undo.seconds === undefined
            ? `With your rotation key it is undone by: ${undo.next}`
            : `It can be undone until ${undo.until}, with your rotation key: ${undo.next}`,
        ]),
    ...(ifYours === undefined ? [] : [`If you have made it yourself: ${ifYours}`]),
  ].join(" ");
}
