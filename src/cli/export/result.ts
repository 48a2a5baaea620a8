/** What people read when `decamp export` has ended. */
import type { LocatedAccount } from "../../account/find.ts";
import type { ExportResult } from "../../archive/export/export-account.ts";
import { repoFile, snapshotFiles } from "../../archive/layout.ts";
import { hasAllBlobs, hasPrivateParts, type Manifest } from "../../archive/manifest.ts";
import type { Mended } from "../../archive/export/mend.ts";
import { lossText } from "../../archive/shrink.ts";
import { powerlessKeys } from "../../plc/came-alone.ts";
import { commandLine } from "../command-line.ts";
import { powerlessLines } from "../talk/facts-lines.ts";
import { lossSteps } from "../talk/loss-lines.ts";
import { lostLines } from "../talk/mend-lines.ts";
import { bytesText, countText, moreText, plural } from "../talk/reporters/amounts.ts";
import type { Line, Piece } from "../talk/terminal.ts";
import type { Complete } from "../next-command.ts";

/** So many missing blobs are named on the screen; `--json` and the manifest have them all. */
const named = 50;

/** Whether an export has left something out, or damaged. */
export function isIncomplete({ manifest, unmended, leftOut }: ExportResult): boolean {
  return !hasAllBlobs(manifest) || unmended.length > 0 || leftOut.length > 0;
}

/** Whether all that it has left out was left out the last time, too. */
export function isAsBefore({ asBefore, unmended, leftOut }: ExportResult): boolean {
  return asBefore === true && unmended.length + leftOut.length === 0;
}

/**
 * Whether something is left out or damaged, or much of the account is gone since the last time: exit code 6.
 *
 * @param allowKnown whether what was left out the last time, too, may be
 */
export function lacksSomething(result: ExportResult, allowKnown = false): boolean {
  const isAllowed = allowKnown && isAsBefore(result);
  return (isIncomplete(result) && !isAllowed) || result.shrunk !== undefined;
}

export function exportLines(
  archive: string,
  located: LocatedAccount,
  result: ExportResult,
  { quiet, complete }: { quiet: boolean; complete: Complete },
): Line[] {
  const { manifest, mode, received, mended, unmended, leftOut } = result;
  const { did, handle = did } = located;
  const { records, blobs, blobBytes, snapshot, createdAt, status } = manifest;
  const lacks = lackOf(manifest);
  const verdict: Piece =
    lacks !== undefined
      ? { text: `The archive of ${handle} ${lacks}.`, style: "yellow" }
      : unmended.length > 0
        ? {
            text: `The newest snapshot of ${handle} is complete, but ${plural(unmended.length, "file")} of the archive ${unmended.length === 1 ? "is" : "are"} damaged.`,
            style: "yellow",
          }
        : leftOut.length > 0
          ? { text: `The export of ${handle} is not complete: ${leftOutText(leftOut)}.`, style: "yellow" }
          : {
              text: `The archive of ${handle} is complete${mode === "unchanged" ? ": nothing has changed" : ""}.`,
              style: "green",
            };
  const facts: Line[] = [
    ["Archive       ", archive],
    ["Account       ", did, ...(status === undefined ? [] : [`, ${status} on ${manifest.source}`])],
    ["Snapshot      ", snapshot, { text: `, of ${createdAt}`, style: "dim" }],
    ["Repository    ", repoFile(archive, manifest)],
    ["Records       ", countText(records)],
    ["Blobs         ", `${countText(blobs.length)}, ${bytesText(blobBytes)}`],
    [
      "Private data  ",
      hasPrivateParts(manifest)
        ? `${privateText(manifest)}: keep this folder to yourself`
        : "none: what only the owner can see is not in it",
      ...(leftOut.length === 0 ? [] : [{ text: `; ${leftOutText(leftOut)}`, style: "yellow" } as const]),
    ],
    ["Received      ", receivedText(mode, received)],
    ...mendedLines(mended),
  ];
  const weak = powerlessLines(powerlessOf(located), { did, complete });
  return [
    ...(quiet && !lacksSomething(result) ? [] : [[verdict]]),
    ...shrunkLines(archive, result),
    ...(quiet ? [] : [...facts, ...weak]),
    ...missingLines(result),
    ...unmendedLines(archive, result),
  ];
}

/** What of the private parts a snapshot holds. */
function privateText({ files }: Manifest): string {
  const names: Readonly<Record<string, string>> = {
    [snapshotFiles.preferences]: "preferences",
    [snapshotFiles.account]: "e-mail address",
  };
  return Object.entries(files)
    .flatMap(([name, { private: isPrivate }]) => (isPrivate ? [names[name] ?? name] : []))
    .join(" and ");
}

/** What could not be read, in half a sentence. */
function leftOutText(leftOut: ExportResult["leftOut"]): string {
  return `the server did not give the ${leftOut.map(({ part }) => part).join(" and the ")}`;
}

/** What of the account is gone, where it is still, and what to do about it. */
function shrunkLines(archive: string, { shrunk, manifest }: ExportResult): Line[] {
  if (shrunk === undefined) {
    return [];
  }
  const { losses, held } = shrunk;
  const text = `Much is gone from the account since it was archived before: ${lossText(losses)}.`;
  return [
    [{ text, style: "yellow" }],
    [`What had it is held, and not pruned: ${held.join(", ")}.`],
    ...lossSteps(archive, held, manifest.snapshot).map((step) => [step]),
  ];
}

/** What an archive lacks, or may lack; undefined for one that is complete. */
function lackOf({ missing, unreadRecords = [] }: Manifest): string | undefined {
  const blobs = plural(missing.length, "blob");
  if (unreadRecords.length === 0) {
    return missing.length === 0 ? undefined : `is complete but for ${blobs}`;
  }
  const known = missing.length === 0 ? "holds all blobs that are known" : `lacks ${blobs}`;
  return `${known}; ${plural(unreadRecords.length, "record")} cannot be read to the end, and may need more`;
}

/** What was damaged, and is good again: "1 file and 2 blobs"; undefined for nothing. */
export function mendedText({ files, blobs }: Mended): string | undefined {
  const parts = [...(files === 0 ? [] : [plural(files, "file")]), ...(blobs === 0 ? [] : [plural(blobs, "blob")])];
  return parts.length === 0 ? undefined : parts.join(" and ");
}

function mendedLines(mended: Mended): Line[] {
  const text = mendedText(mended);
  return text === undefined ? [] : [["Mended        ", `${text}: missing or damaged in the archive, and good again`]];
}

function unmendedLines(archive: string, { unmended, manifest }: ExportResult): Line[] {
  if (unmended.length === 0) {
    return [];
  }
  const more = unmended.length - named;
  const older = unmended.flatMap((one) =>
    "snapshot" in one && one.snapshot !== manifest.snapshot ? [one.snapshot] : [],
  );
  return [
    [],
    [{ text: "Damaged in the archive, and not to be had again:", style: "bold" }],
    ...unmended
      .slice(0, named)
      .map((one): Line => [
        "cid" in one ? one.cid : `${one.file} in ${one.snapshot}`,
        { text: `  ${one.reason}`, style: "yellow" },
      ]),
    ...(more > 0 ? [[moreText(more)]] : []),
    ...(unmended.some((one) => "cid" in one)
      ? [[`Which snapshots need the blobs, says ${commandLine(["verify", archive])}`]]
      : []),
    ...lostLines(archive, [...new Set(older)]),
  ];
}

/** Rotation keys that can undo nothing where they stand, as far as the log shows. */
function powerlessOf({ log }: LocatedAccount): readonly string[] {
  return log === undefined ? [] : powerlessKeys(log.verified);
}

function receivedText(mode: ExportResult["mode"], { repoBytes, blobs, blobBytes }: ExportResult["received"]): string {
  const repo = {
    full: `the whole repository, ${bytesText(repoBytes)}`,
    incremental: `what is new in the repository, ${bytesText(repoBytes)}`,
    present: "",
    unchanged: "",
  }[mode];
  const news = blobs === 0 ? "" : `${plural(blobs, "blob")}, ${bytesText(blobBytes)}`;
  return [repo, news].filter((text) => text !== "").join("; ") || "nothing";
}

function missingLines({ manifest: { missing }, asBefore }: ExportResult): Line[] {
  if (missing.length === 0) {
    return [];
  }
  const more = missing.length - named;
  return [
    [],
    [
      {
        text: `Missing${asBefore === true ? " as the last time" : ""}, and tried again by the next run:`,
        style: "bold",
      },
    ],
    ...missing
      .slice(0, named)
      .flatMap(({ cid, reason, records, damaged }): Line[] => [
        [cid, { text: `  ${damaged === true ? "damaged in the archive; " : ""}${reason}`, style: "yellow" }],
        [
          `    ${records.length === 0 ? "no record needs it" : `needed by ${records.slice(0, 5).join(", ")}${records.length > 5 ? ` and ${records.length - 5} more` : ""}`}`,
        ],
      ]),
    ...(more > 0 ? [[moreText(more)]] : []),
  ];
}

/** The same for scripts. */
export function resultFacts(archive: string, result: ExportResult): object {
  const { manifest, mode, received, futureRev, mended, unmended, shrunk, leftOut, asBefore } = result;
  const { did, handle, source, status, snapshot, createdAt, commit, rev, data, records, blobs, blobBytes, missing } =
    manifest;
  const { unreadRecords } = manifest;
  return {
    did,
    handle,
    source,
    status,
    snapshot,
    mode,
    car: repoFile(archive, manifest),
    createdAt,
    commit,
    rev,
    data,
    records,
    blobs: { count: blobs.length, bytes: blobBytes },
    private: hasPrivateParts(manifest),
    received,
    missing,
    unreadRecords,
    asBefore,
    mended,
    unmended,
    leftOut,
    shrunk,
    ...(futureRev ? { futureRev } : {}),
  };
}

/** What the log shows of the rotation keys, for scripts. */
export function keyFacts(located: LocatedAccount): object {
  return located.log === undefined ? {} : { powerlessKeys: powerlessOf(located) };
}
