/** What is said of a folder of archives that was looked over: to people, to scripts, to whoever watches it. */
import type { DatedArchive, Survey, SurveyedRun } from "../../archive/state/survey.ts";
import { metricsWord, type Metric } from "../../data/metrics-text.ts";
import { bytesText, countText, durationText, plural } from "../talk/reporters/amounts.ts";
import { outcomeWord } from "../talk/reporters/outcome-words.ts";
import type { Line } from "../talk/terminal.ts";

/** What was asked. */
interface Asked {
  readonly folder: string;
  /** Of `--older-than`, as it was written. */
  readonly span: string | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** So many archives are named on the screen; `--json` has the first hundred. */
const shown = 10;

export function statusLines(seen: Survey, { folder, span, now }: Asked): Line[] {
  const { archives, snapshots, held, records, blobs, bytes, diskBytes, oldest, medianAt, longestAgo } = seen;
  const { total, complete, lackBlobs, begun, damaged } = archives;
  const classes = [
    [complete, "complete"],
    [lackBlobs, total === 1 ? "lacks blobs" : "lack blobs"],
    [begun, "without a complete snapshot"],
    [damaged, "cannot be read"],
  ] as const;
  const parts = classes.flatMap(([number, text]) => (number === 0 ? [] : [`${countText(number)} ${text}`]));
  const ageOf = (at: string): string => `${at}, ${ageText(at, now)} ago`;
  const who = ({ archive, at }: DatedArchive): string => `${archive}, of ${ageOf(at)}`;
  const isWell = damaged === 0 && seen.notRenewed.count === 0;
  const renewed = begun + damaged === 0 ? "all" : "all that have a readable snapshot";
  const holds = held === 0 ? "" : `; ${plural(held, "archive")} with one that is held`;
  return [
    ["Folder        ", folder],
    ["Archives      ", { text: countText(total), style: isWell ? "green" : "yellow" }, `: ${parts.join(", ")}`],
    ["Snapshots     ", `${countText(snapshots)}${holds}`],
    [
      "Content       ",
      `${bytesText(bytes)} in the newest snapshots: ${plural(records, "record")}, ${plural(blobs, "blob")}`,
    ],
    ...(diskBytes === undefined ? [] : [["On the disk   ", bytesText(diskBytes)]]),
    ...(oldest === undefined ? [] : [["Oldest        ", who(oldest)]]),
    ...(medianAt === undefined || total === 1 ? [] : [["Median        ", ageOf(medianAt)]]),
    ...(longestAgo === undefined
      ? []
      : [
          [
            "Renewed       ",
            total === 1
              ? ageOf(longestAgo.at)
              : `${renewed} since ${ageOf(longestAgo.at)}; longest ago ${longestAgo.archive}`,
          ],
        ]),
    ...runsLines(seen.runs),
    ...leftoverLines(seen),
    ...namedLines(
      `Not renewed for more than ${span ?? ""}`,
      seen.notRenewed.count,
      seen.notRenewed.first.map((one) => ("at" in one ? who(one) : `${one.archive}, which has no complete snapshot`)),
    ),
    ...namedLines("Cannot be read", damaged, seen.damaged, "decamp verify says what is wrong with each."),
  ];
}

/** A run with another number of parts is no last one: nobody tries again what was behind then. */
function runsLines(runs: Survey["runs"]): Line[] {
  const newest = runs.toSorted((a, b) => Date.parse(b.run.startedAt) - Date.parse(a.run.startedAt))[0];
  const last = runs.filter(({ run }) => run.shard?.count === newest?.run.shard?.count);
  const others = runs.length - last.length;
  return [
    ...last.flatMap((run) => runLines(run)),
    ...(others === 0 ? [] : [["Before        ", `${plural(others, "run")} with another number of parts`]]),
  ];
}

function runLines({ run, state }: SurveyedRun): Line[] {
  const { server, shard, startedAt, endedAt, exitCode, accounts, goodAt, behind } = run;
  const part = shard === undefined ? "" : `, part ${shard.index}/${shard.count}`;
  const waiting = Object.keys(behind).length;
  const seconds = endedAt === undefined ? 0 : (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
  const how =
    state === "ended"
      ? `in ${durationText(seconds)}, exit code ${exitCode ?? ""}`
      : state === "running"
        ? "and is at work, as far as can be seen"
        : "and was killed: it has not said how it ended";
  const words = Object.entries(accounts ?? {}).flatMap(([name, number]) =>
    number === 0 ? [] : [`${countText(number)} ${outcomeWord(name)}`],
  );
  const isGood = state !== "killed" && (exitCode ?? 0) === 0;
  return [
    ["Last run      ", { text: `${startedAt}${part} ${how}`, style: isGood ? "green" : "yellow" }, `; ${server}`],
    ...(state !== "ended" || words.length === 0 ? [] : [["              ", words.join(", ")]]),
    ...(isGood ? [] : [["Last good run ", goodAt ?? "none is noted"]]),
    ...(waiting === 0 ? [] : [["Behind        ", `${plural(waiting, "account")}, which the next run tries again`]]),
  ];
}

function leftoverLines({ leftovers: { locks, files, snapshots } }: Survey): Line[] {
  const parts = [
    [locks, "a lock"],
    [files, "unfinished files"],
    [snapshots, "a snapshot that was only begun"],
  ] as const;
  const words = parts.flatMap(([number, what]) => (number === 0 ? [] : [`${countText(number)} with ${what}`]));
  return words.length === 0
    ? []
    : [["Left over     ", `${words.join(", ")}: of runs that were killed; the next export goes on from there`]];
}

function namedLines(title: string, count: number, names: readonly string[], hint?: string): Line[] {
  const first = names.slice(0, shown);
  const more = count - first.length;
  return count === 0
    ? []
    : [
        [{ text: `${title}: ${countText(count)}`, style: "yellow" }],
        ...first.map((text): Line => [`  ${text}`]),
        ...(more > 0 ? [[`  and ${countText(more)} more`]] : []),
        ...(hint === undefined ? [] : [[`  ${hint}`]]),
      ];
}

/** How long ago, in days where it is more than two. */
function ageText(at: string, now: number): string {
  const seconds = Math.max(0, now - Date.parse(at)) / 1000;
  return seconds < 2 * 86_400 ? durationText(seconds) : plural(Math.floor(seconds / 86_400), "day");
}

export function statusFacts(seen: Survey, { folder, span }: Asked): object {
  const { archives, damaged, snapshots, held, records, blobs, bytes, diskBytes, oldest, medianAt, longestAgo } = seen;
  return {
    folder,
    archives,
    damaged,
    snapshots,
    held,
    records,
    blobs,
    bytes,
    diskBytes,
    oldest,
    medianAt,
    longestAgo,
    ...(span === undefined
      ? {}
      : { notRenewed: { olderThan: span, count: seen.notRenewed.count, archives: seen.notRenewed.first } }),
    runs: seen.runs.map(({ run, state }) => {
      const { server, shard, startedAt, endedAt, exitCode, accounts, failures, goodAt, seenAt, behind } = run;
      const { requests, receivedBytes } = run;
      return {
        server,
        shard: shard === undefined ? undefined : `${shard.index}/${shard.count}`,
        state,
        startedAt,
        endedAt,
        exitCode,
        accounts,
        failedByCode:
          failures === undefined ? undefined : Object.entries(failures).map(([code, count]) => ({ code, count })),
        requests,
        receivedBytes,
        goodAt,
        seenAt,
        behind: Object.keys(behind).length,
      };
    }),
    leftovers: seen.leftovers,
  };
}

/** The names are public; none has an account in it. @param now epoch milliseconds */
export function statusMetrics(seen: Survey, now: number): Metric[] {
  const { archives, snapshots, held, records, blobs, bytes, diskBytes, oldest, medianAt, longestAgo, leftovers } = seen;
  const time = (at: string | undefined): Metric["samples"] => one(at === undefined ? undefined : Date.parse(at) / 1000);
  const { complete, lackBlobs, begun, damaged } = archives;
  return [
    gauge("status_timestamp_seconds", "When this was looked at.", one(now / 1000)),
    gauge(
      "archives",
      "Archives in the folder, by what can be seen of them.",
      each("state", { complete, lackBlobs, begun, damaged }),
    ),
    gauge("snapshots", "Snapshots of all archives.", one(snapshots)),
    gauge("held_archives", "Archives with a snapshot that is held, because much was gone after it.", one(held)),
    gauge("records", "Records of the newest snapshots.", one(records)),
    gauge("blobs", "Blobs of the newest snapshots.", one(blobs)),
    gauge("content_bytes", "Size of the newest snapshots with their blobs.", one(bytes)),
    gauge("disk_bytes", "What all archives take of the disk.", one(diskBytes)),
    gauge(
      "oldest_snapshot_timestamp_seconds",
      "When the oldest of the newest snapshots was made; an account in which nothing changes keeps an old one.",
      time(oldest?.at),
    ),
    gauge("median_snapshot_timestamp_seconds", "When half of the newest snapshots were made.", time(medianAt)),
    gauge(
      "oldest_renewal_timestamp_seconds",
      "When the archive was known to be up to date of which that is longest ago.",
      time(longestAgo?.at),
    ),
    gauge(
      "leftovers",
      "Archives in which killed runs have left something.",
      each("what", { lock: leftovers.locks, file: leftovers.files, snapshot: leftovers.snapshots }),
    ),
  ];
}

function gauge(name: string, help: string, samples: Metric["samples"]): Metric {
  return { name: `decamp_archive_${name}`, type: "gauge", help, samples };
}

function one(value: number | undefined): Metric["samples"] {
  return value === undefined ? [] : [{ value }];
}

function each(label: string, values: Readonly<Record<string, number>>): Metric["samples"] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: metricsWord(name) }, value }));
}
