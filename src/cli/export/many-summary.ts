/** What became of all accounts of an export of many: one screen, however many they are. */
import { archiveName } from "../../archive/layout.ts";
import { lossText } from "../../archive/shrink.ts";
import { isMuchMissed } from "../../archive/night/night.ts";
import type { DecampError } from "../../errors.ts";
import { joinPath } from "../../services/disk/files.ts";
import { commandLine } from "../command-line.ts";
import type { GlobalFlags } from "../globals.ts";
import type { AbsentClass } from "./declare.ts";
import type { Concerns } from "./many-lines.ts";
import { failureFacts } from "../talk/failure.ts";
import { bytesText, countText, durationText, plural } from "../talk/reporters/amounts.ts";
import { outcomeWord } from "../talk/reporters/outcome-words.ts";
import { tellDocument, type Line, type Terminal } from "../talk/terminal.ts";
import { classesOf, failuresByCode, isBad, totalOf, type Kind, type Tally } from "./many-tally.ts";

/** So many kinds of failures are explained on the screen, and so many accounts named from which much is gone. */
const shown = 5;

/** What is known of the whole run. */
export interface RunFacts {
  /** The folder of the archives. */
  readonly folder: string;
  /** What is to count as a failure, and what is not. */
  readonly flags: Concerns;
  /** Whether lines of accounts stand above. */
  readonly isTold: boolean;
  /** Whether it goes over all accounts of a server, and has not asked as its operator. */
  readonly isPublic: boolean;
  /** Whether the exit code is 0. */
  readonly isWell: boolean;
  /** Whether all were gone through, or the list broke off, or the run was stopped, as by a full disk. */
  readonly end: "whole" | "broken" | "stopped";
  /** Of the directory, if it has left something without an answer. */
  readonly silence: DecampError | undefined;
  /** Identities that should have been looked up, of accounts in which else nothing has changed. */
  readonly notLookedUp: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly requests: number;
  /**
   * Since when the account waits to be brought up to date that has waited longest, ISO 8601; where none does, when the
   * run began that saw that. Undefined if nobody knows.
   */
  readonly renewedAt: string | undefined;
}

/** Says what became of all of them. */
export function summarize(tally: Tally, run: RunFacts, { json, quiet }: GlobalFlags, terminal: Terminal): void {
  const { out } = terminal;
  const isGood = run.end !== "stopped" && !isBad(tally, run.notLookedUp, run.flags.allowKnownMissing);
  const facts = factsOf(tally, run, isGood);
  if (tellDocument(terminal, json, { type: "result", version: 1, command: "export", ...facts })) {
    return;
  }
  if (quiet && run.isWell) {
    return;
  }
  for (const line of [
    ...(run.isTold ? [[]] : []),
    ...countLines(tally, run),
    ...missedLines(tally),
    ...oldLines(tally),
    ...lossLines(tally, run),
    ...failureLines(tally, run),
  ]) {
    out.line(...line);
  }
}

function factsOf(tally: Tally, run: RunFacts, ok: boolean): object {
  const { missed, listedOld } = tally;
  const { folder, silence, notLookedUp, startedAt, endedAt, requests, renewedAt } = run;
  const accounts = {
    total: totalOf(tally),
    complete: tally.complete,
    unchanged: tally.unchanged,
    incomplete: tally.incomplete,
    asBefore: tally.asBefore,
    mended: tally.mended,
    shrunk: tally.shrunk,
    failed: tally.failed,
    inactive: tally.inactive,
    takenDown: tally.takenDown,
    moved: tally.moved,
    gone: tally.gone,
    unasked: tally.unasked,
    notLookedUp,
  };
  return {
    ok,
    folder,
    accounts,
    startedAt: new Date(startedAt).toISOString(),
    endedAt: new Date(endedAt).toISOString(),
    requests,
    receivedBytes: tally.receivedBytes,
    oldest: tally.oldest,
    renewedAt,
    failedByCode: Object.entries(failuresByCode(tally)).map(([code, count]) => ({ code, count })),
    failures: tally.failures,
    losses: tally.losses,
    missed:
      missed === undefined || missed.count === 0
        ? undefined
        : { ...missed, since: new Date(missed.since).toISOString(), much: isMuchMissed(missed) },
    listedOld: listedOld === 0 ? undefined : listedOld,
    unanswered: silence === undefined || tally.unasked + notLookedUp === 0 ? undefined : nameFailure(silence),
  };
}

/** What is said of a class beside its name. */
const classTexts: Readonly<Record<string, { readonly says?: string; readonly failsAs?: AbsentClass }>> = {
  incomplete: { says: "blobs are missing, or files damaged that cannot be fetched again" },
  inactive: { failsAs: "inactive" },
  takenDown: { failsAs: "inactive" },
  moved: { failsAs: "moved" },
  gone: { says: "the server does not list them any more; their archives stay", failsAs: "gone" },
};

/** What is said of a run that is not well. */
const verdicts = {
  whole: "Not all is well",
  broken: "Before the list broke off",
  stopped: "Before it stopped",
} as const;

/** How many there are of each class, with those in front that something is wrong with. */
function countLines(tally: Tally, run: RunFacts): Line[] {
  const { asBefore, mended, shrunk, bare, receivedBytes, oldest } = tally;
  const { failOn = [], allowKnownMissing } = run.flags;
  const rows = [
    ...Object.entries(classesOf(tally)).map(([name, number]) => {
      const { says, failsAs } = classTexts[name] ?? {};
      const fails = failsAs !== undefined && failOn.includes(failsAs) ? ["exit code 6, as --fail-on says"] : [];
      const without = name === "inactive" && bare > 0 ? [`${countText(bare)} without an archive`] : [];
      const asks =
        name === "inactive" && run.isPublic ? ["only the server's operator is given them: --admin-password-file"] : [];
      const all = [...(says === undefined ? [] : [says]), ...without, ...asks, ...fails].join("; ");
      return { number, name: outcomeWord(name), says: all === "" ? undefined : all };
    }),
    {
      number: asBefore,
      name: "as before",
      says: `of those: nothing is missing that was not missing the last time${allowKnownMissing === true ? "" : "; --allow-known-missing lets that pass"}`,
    },
    {
      number: mended,
      name: "mended",
      says: "of those: something was missing or damaged on the disk, and is good again",
    },
    { number: shrunk, name: "shrunk", says: "of those: much is gone since the last time" },
  ].filter(({ number }) => number > 0);
  const width = Math.max(...rows.map(({ number }) => countText(number).length));
  const time = durationText((run.endedAt - run.startedAt) / 1000);
  const verdict = run.isWell
    ? ({ text: "All is well", style: "green" } as const)
    : ({ text: verdicts[run.end], style: "yellow" } as const);
  const cost = [
    time,
    ...(run.requests === 0 ? [] : [plural(run.requests, "request")]),
    ...(receivedBytes === 0 ? [] : [`${bytesText(receivedBytes)} fetched`]),
  ].join(", ");
  return [
    [verdict, `: ${plural(totalOf(tally), "account")} in ${cost}.`],
    ...rows.map(({ number, name, says }): Line => {
      const start = `  ${name.padEnd(13)}  ${countText(number).padStart(width)}`;
      return says === undefined ? [start] : [start, { text: `  ${says}`, style: "dim" }];
    }),
    ...(oldest === undefined ? [] : [[`Longest without a new snapshot: ${oldest.account}, since ${oldest.createdAt}`]]),
    ...(run.renewedAt === undefined || tally.failed + tally.unasked === 0
      ? []
      : [[`Of those that failed or were not looked at, the first has waited since ${run.renewedAt}.`]]),
  ];
}

/** That the list is much shorter than the archives are many. */
function missedLines({ missed }: Tally): Line[] {
  if (missed === undefined || !isMuchMissed(missed)) {
    return [];
  }
  const who = `of ${plural(missed.of, "account")} with an archive the list lacks ${countText(missed.count)}`;
  const day = new Date(missed.since).toISOString().slice(0, 10);
  return [
    [{ text: "Much of the list is gone", style: "yellow" }, `: ${who}, first noted on ${day}.`],
    ["  Look whether the server is well. The archives stay as they are. Three days after that it is said no more."],
  ];
}

/** That what the list calls unchanged may not be. */
function oldLines({ listedOld, unchanged }: Tally): Line[] {
  if (listedOld === 0) {
    return [];
  }
  const who = `of ${plural(listedOld, "account")} it names an older commit than was there before this run began`;
  return [
    [{ text: "The list of the server is old", style: "yellow" }, `: ${who}.`],
    [
      `  So ${plural(unchanged, "account")} that count as unchanged may not be. With --recheck, each account is asked for.`,
    ],
  ];
}

/** From whom much is gone, and what can be done. */
function lossLines({ losses, shrunk }: Tally, { folder }: RunFacts): Line[] {
  const [loss] = losses;
  if (loss === undefined) {
    return [];
  }
  const look = commandLine(["archive", "ls", joinPath(folder, archiveName(loss.account))]);
  return [
    [{ text: "Much is gone", style: "bold" }, `, and what had it is held:`],
    ...losses
      .slice(0, shown)
      .map(({ account, losses: lost, held }) => [`  ${account}  ${lossText(lost)} gone: held is ${held.join(", ")}`]),
    ...(shrunk > shown ? [[`  and ${countText(shrunk - shown)} more: each has its line above`]] : []),
    [`  How to see what is gone, and how to let it go: ${look}`],
  ];
}

/** What failed, the most frequent first, and what to do about it. */
function failureLines({ kinds, unasked }: Tally, { silence, notLookedUp }: RunFacts): Line[] {
  const sorted = [...kinds].toSorted(([, a], [, b]) => b.count - a.count);
  const more = sorted.slice(shown).reduce((sum, [, kind]) => sum + kind.count, 0);
  const identities =
    notLookedUp === 0 ? "" : ` Whether the identity of ${plural(notLookedUp, "account")} has changed is not known.`;
  return [
    ...sorted.slice(0, shown).flatMap(([code, kind]) => kindLines(code, kind)),
    ...(more === 0 ? [] : [[`${plural(more, "more failure")}: each has its line above`]]),
    ...(silence === undefined || unasked + notLookedUp === 0
      ? []
      : [[`${nameFailure(silence).message}${identities} The next run asks again.`]]),
  ];
}

function kindLines(code: string, { count, accounts, message, hint }: Kind): Line[] {
  const others = count - accounts.length;
  const who = `${accounts.join(", ")}${others === 0 ? "" : ` and ${countText(others)} more`}`;
  return [
    [{ text: "Failed", style: "red" }, ` (${code}): ${who}`],
    [`  ${message}`],
    ...(hint === "" ? [] : [[{ text: "  Hint:", style: "cyan" } as const, ` ${hint}`]]),
  ];
}

function nameFailure(error: DecampError): { code: string; message: string; hint: string } {
  const { code, message, hint = "" } = failureFacts(error);
  return { code, message, hint };
}
