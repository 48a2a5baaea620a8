/** What is said of an export of many accounts: a line of each, and what became of all of them. */
import type { ExportEvent } from "../../archive/events.ts";
import type { ExportResult } from "../../archive/export/export-account.ts";
import type { Outcome } from "../../archive/export/export-many.ts";
import { archiveName, repoFile } from "../../archive/layout.ts";
import { hasAllBlobs } from "../../archive/manifest.ts";
import { lossText } from "../../archive/shrink.ts";
import { joinPath } from "../../services/disk/files.ts";
import type { GlobalFlags } from "../globals.ts";
import { failureFacts } from "../talk/failure.ts";
import { plural } from "../talk/reporters/amounts.ts";
import { warningLine } from "../talk/reporters/lines.ts";
import { tellDocument, type Line, type Terminal } from "../talk/terminal.ts";
import type { ExportFlags } from "./declare.ts";
import type { Absent } from "./many-tally.ts";
import { lacksSomething, mendedText, resultFacts } from "./result.ts";

/** What is to count as a failure, and what is not. */
export type Concerns = Pick<ExportFlags, "failOn" | "allowKnownMissing">;

interface Around {
  /** Of the archives. */
  readonly folder: string;
  readonly flags: Concerns;
  readonly globals: GlobalFlags;
  readonly terminal: Terminal;
}

/** What is known of an account that has not come. */
interface Missing {
  /** If there is nothing to export of it. */
  readonly absent: Absent | undefined;
  /** As it was called when its archive was made. */
  readonly handle: string | undefined;
}

/**
 * Tells what became of one account.
 *
 * @returns whether people were told a line
 */
export function tell(outcome: Outcome, missing: Missing, around: Around): boolean {
  const { folder, globals, terminal } = around;
  const { name, did } = outcome;
  // Very many are told of, mostly to nobody.
  if (globals.json || terminal.log.isOpen) {
    const archive = did === undefined ? undefined : joinPath(folder, archiveName(did));
    const facts =
      "error" in outcome
        ? { ok: false, ...missing.absent, handle: missing.handle, ...failureFacts(outcome.error) }
        : { ok: true, ...resultFacts(archive ?? "", outcome.result) };
    const document = { type: "account", version: 1, account: name, did, archive, ...facts };
    if (tellDocument(terminal, globals.json, document)) {
      return false;
    }
  }
  const lines = linesOf(outcome, missing, around);
  lines.forEach((line) => terminal.out.line(...line));
  return lines.length > 0;
}

/**
 * The line of one account, or two. One in which nothing has changed has none for people, unless they ask for every word
 * (`-v`): of very many, what there is to see would be far above.
 */
function linesOf(
  outcome: Outcome,
  { absent, handle }: Missing,
  { folder, flags, globals: { quiet, verbose } }: Around,
): Line[] {
  const { name, did } = outcome;
  if (absent !== undefined) {
    const who = whoText(did ?? name, handle);
    return quiet && flags.failOn?.includes(absent.class) !== true
      ? []
      : [[who, "  ", { text: stateOf(absent), style: "dim" }, `; ${keptText(absent)}`]];
  }
  if ("error" in outcome) {
    const { message } = failureFacts(outcome.error);
    return [[whoText(did ?? name, handle), "  ", { text: "failed", style: "red" }, `: ${message}`]];
  }
  const { manifest, mode, mended, shrunk, unmended, asBefore } = outcome.result;
  const good = mendedText(mended);
  const isDull = mode === "unchanged" && good === undefined && !verbose;
  if (!lacksSomething(outcome.result, quiet && flags.allowKnownMissing) && (quiet || isDull)) {
    return [];
  }
  const who = whoText(manifest.did, manifest.handle);
  const repaired = good === undefined ? "" : `; mended ${good}`;
  const { missing, records, blobs, snapshot, unreadRecords = [] } = manifest;
  const gone: Line[] =
    shrunk === undefined
      ? []
      : [
          [
            who,
            "  ",
            { text: `shrunk by ${lossText(shrunk.losses)}`, style: "yellow" },
            `: held is ${shrunk.held.join(", ")}`,
          ],
        ];
  if (hasAllBlobs(manifest) && unmended.length > 0) {
    const damage = `: ${damageText(outcome.result)}${repaired}`;
    return [...gone, [who, "  ", { text: "damaged", style: "yellow" }, damage]];
  }
  if (!hasAllBlobs(manifest)) {
    const text = [
      ...(missing.length === 0 ? [] : [`${plural(missing.length, "blob")} missing`]),
      ...(unreadRecords.length === 0 ? [] : [`${plural(unreadRecords.length, "record")} not readable to the end`]),
    ].join(", ");
    const again = asBefore === true ? " as the last time" : "";
    const names = `: the manifest of ${snapshot} names them${repaired}`;
    return [...gone, [who, "  ", { text: `${text}${again}`, style: "yellow" }, names]];
  }
  if (quiet) {
    return gone;
  }
  const state = mode === "unchanged" ? "unchanged" : "complete";
  const amounts = `: ${plural(records, "record")}, ${plural(blobs.length, "blob")}`;
  const car = verbose ? `; ${repoFile(joinPath(folder, archiveName(manifest.did)), manifest)}` : "";
  return [...gone, [who, "  ", { text: state, style: "green" }, `${amounts}${repaired}${car}`]];
}

/** An account, by what scripts and people know it. */
function whoText(name: string, handle: string | undefined): string {
  return handle === undefined ? name : `${name}  ${handle}`;
}

function stateOf({ class: kind, status, home }: Absent): string {
  switch (kind) {
    case "gone":
      return "gone: the server does not list it any more";
    case "moved":
      return `moved away: its identity names ${home ?? ""}`;
    case "inactive":
      return status === "takendown" ? "taken down" : `not active: ${status ?? ""}`;
  }
}

function keptText({ snapshot }: Absent): string {
  return snapshot === undefined
    ? "there is no archive of it"
    : `its archive stays as it is, the newest snapshot is ${snapshot}`;
}

/** What of an archive is damaged and stays so, with the first of it. */
function damageText({ unmended }: ExportResult): string {
  const [first] = unmended;
  const name = first === undefined ? "" : "cid" in first ? first.cid : `${first.file} in ${first.snapshot}`;
  return `${plural(unmended.length, "file")} cannot be fetched again, such as ${name}`;
}

/** A warning about one account. */
export function warn(
  did: string,
  event: ExportEvent & { type: "warning" },
  { json }: GlobalFlags,
  terminal: Terminal,
): void {
  const document = { ...event, version: 1, did };
  terminal.log.record(document);
  if (json) {
    terminal.out.json(document);
  } else {
    terminal.err.line(`${did}  `, ...warningLine(event));
  }
}

/** A warning about what the run finds and leaves of itself: that fails no export. */
export function warnOfRun(
  about: { readonly code: string; readonly message: string },
  { json }: GlobalFlags,
  terminal: Terminal,
): void {
  const warning = { type: "warning", version: 1, ...about } as const;
  terminal.log.record(warning);
  if (json) {
    terminal.out.json(warning);
  } else {
    terminal.err.line(...warningLine(warning));
  }
}
