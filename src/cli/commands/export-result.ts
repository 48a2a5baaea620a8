/** What people read when `decamp export` has ended. */
import type { LocatedAccount } from "../../account/find.ts";
import type { ExportResult } from "../../archive/export.ts";
import { snapshotFile } from "../../archive/layout.ts";
import { hasPrivateParts, type Missing } from "../../archive/manifest.ts";
import { lossText } from "../../archive/shrink.ts";
import { powerlessKeys } from "../../plc/came-alone.ts";
import { powerlessLines } from "../facts-lines.ts";
import { bytesText, countText, plural } from "../reporters/amounts.ts";
import type { Piece } from "../terminal.ts";
import type { Complete } from "../next-command.ts";

type Line = readonly Piece[];

/** So many missing blobs are named on the screen; `--json` and the manifest have them all. */
const named = 50;

export function exportLines(
  archive: string,
  located: LocatedAccount,
  { manifest, mode, received, shrunk }: ExportResult,
  { quiet, complete }: { quiet: boolean; complete: Complete },
): Line[] {
  const { did, handle = did } = located;
  const { missing, records, blobs, blobBytes, snapshot, createdAt, status } = manifest;
  const verdict: Piece =
    missing.length > 0
      ? { text: `The archive of ${handle} is complete but for ${plural(missing.length, "blob")}.`, style: "yellow" }
      : {
          text: `The archive of ${handle} is complete${mode === "unchanged" ? ": nothing has changed" : ""}.`,
          style: "green",
        };
  const lost: Line[] =
    shrunk === undefined
      ? []
      : [
          [
            {
              text: `Much is gone from the account since it was archived before: ${lossText(shrunk.losses)}.`,
              style: "yellow",
            },
          ],
          [`What had it is held, and not pruned: ${shrunk.held.join(", ")}.`],
        ];
  const isPrivate = hasPrivateParts(manifest);
  const facts: Line[] = [
    ["Archive       ", archive],
    ["Account       ", did, ...(status === undefined ? [] : [`, ${status} on ${manifest.source}`])],
    ["Snapshot      ", snapshot, { text: `, of ${createdAt}`, style: "dim" }],
    ["Repository    ", snapshotFile(archive, snapshot, "repo")],
    ["Records       ", countText(records)],
    ["Blobs         ", `${countText(blobs.length)}, ${bytesText(blobBytes)}`],
    [
      "Private parts ",
      isPrivate
        ? "preferences and e-mail address: keep this folder to yourself"
        : "none: what only the owner can see is not in it",
    ],
    ["Received      ", receivedText(mode, received)],
  ];
  const weak = powerlessLines(powerlessOf(located), { did, complete });
  return [[verdict], ...lost, ...(quiet ? [] : [...facts, ...weak]), ...missingLines(missing)];
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

function missingLines(missing: readonly Missing[]): Line[] {
  if (missing.length === 0) {
    return [];
  }
  const more = missing.length - named;
  return [
    [],
    [{ text: `Missing, and tried again by the next run:`, style: "bold" }],
    ...missing
      .slice(0, named)
      .flatMap(({ cid, reason, records }): Line[] => [
        [cid, { text: `  ${reason}`, style: "yellow" }],
        [
          `    ${records.length === 0 ? "no record needs it" : `needed by ${records.slice(0, 5).join(", ")}${records.length > 5 ? ` and ${records.length - 5} more` : ""}`}`,
        ],
      ]),
    ...(more > 0 ? [[`and ${countText(more)} more; --json names them all`]] : []),
  ];
}

/** Whether all that there was before and is now is in the newest snapshot. */
export function isWhole({ manifest, shrunk }: ExportResult): boolean {
  return manifest.missing.length === 0 && shrunk === undefined;
}

/** The same for scripts. */
export function resultFacts(archive: string, { manifest, mode, received, shrunk }: ExportResult): object {
  const { did, handle, source, status, snapshot, createdAt, commit, rev, data, records, blobs, blobBytes, missing } =
    manifest;
  return {
    did,
    handle,
    source,
    status,
    snapshot,
    mode,
    car: snapshotFile(archive, snapshot, "repo"),
    createdAt,
    commit,
    rev,
    data,
    records,
    blobs: { count: blobs.length, bytes: blobBytes },
    private: hasPrivateParts(manifest),
    received,
    missing,
    shrunk,
  };
}

/** What the log shows of the rotation keys, for scripts. */
export function keyFacts(located: LocatedAccount): object {
  return located.log === undefined ? {} : { powerlessKeys: powerlessOf(located) };
}
