/** What is said of an export of many accounts: a line of each, and what became of all of them. */
import type { ExportEvent } from "../../archive/events.ts";
import type { ExportResult } from "../../archive/export/export-account.ts";
import type { Outcome } from "../../archive/export/export-many.ts";
import { archiveName, snapshotFile } from "../../archive/layout.ts";
import { hasAllBlobs } from "../../archive/manifest.ts";
import { lossText } from "../../archive/shrink.ts";
import type { DecampError } from "../../errors.ts";
import { joinPath } from "../../services/disk/files.ts";
import { commandLine } from "../command-line.ts";
import type { GlobalFlags } from "../globals.ts";
import { failureFacts } from "../talk/failure.ts";
import { countText, plural } from "../talk/reporters/amounts.ts";
import { warningLine } from "../talk/reporters/lines.ts";
import { tellDocument, type Terminal } from "../talk/terminal.ts";
import { totalOf, type Absent, type Tally } from "./many-tally.ts";
import { mendedText, resultFacts } from "./result.ts";

/** So many different hints are given for failures. */
const hinted = 3;

/** The line of one account. */
export function tell(
  folder: string,
  outcome: Outcome,
  absent: Absent | undefined,
  { json, quiet }: GlobalFlags,
  terminal: Terminal,
): void {
  const { out } = terminal;
  const { name, did } = outcome;
  const archive = did === undefined ? undefined : joinPath(folder, archiveName(did));
  const facts =
    "error" in outcome
      ? { ok: false, ...absent, ...failureFacts(outcome.error) }
      : { ok: true, ...resultFacts(archive ?? "", outcome.result) };
  if (tellDocument(terminal, json, { type: "account", version: 1, account: name, did, archive, ...facts })) {
    return;
  }
  if (absent !== undefined) {
    if (!quiet) {
      out.line(did ?? name, "  ", { text: stateOf(absent), style: "dim" }, `; ${keptText(absent)}`);
    }
    return;
  }
  if ("error" in outcome) {
    out.line(did ?? name, "  ", { text: "failed", style: "red" }, `: ${failureFacts(outcome.error).message}`);
    return;
  }
  const { manifest, mode, mended, shrunk, unmended } = outcome.result;
  const good = mendedText(mended);
  const repaired = good === undefined ? "" : `; mended ${good}`;
  const { missing, records, blobs, snapshot, unreadRecords = [] } = manifest;
  if (shrunk !== undefined) {
    const text = `shrunk by ${lossText(shrunk.losses)}`;
    out.line(manifest.did, "  ", { text, style: "yellow" }, `: held is ${shrunk.held.join(", ")}`);
  }
  if (hasAllBlobs(manifest) && unmended.length > 0) {
    out.line(manifest.did, "  ", { text: "damaged", style: "yellow" }, `: ${damageText(outcome.result)}${repaired}`);
  } else if (!hasAllBlobs(manifest)) {
    const text = [
      ...(missing.length === 0 ? [] : [`${plural(missing.length, "blob")} missing`]),
      ...(unreadRecords.length === 0 ? [] : [`${plural(unreadRecords.length, "record")} not readable to the end`]),
    ].join(", ");
    out.line(manifest.did, "  ", { text, style: "yellow" }, `: the manifest of ${snapshot} names them${repaired}`);
  } else if (!quiet) {
    const state = mode === "unchanged" ? "unchanged" : "complete";
    const amounts = `: ${plural(records, "record")}, ${plural(blobs.length, "blob")}`;
    const car = snapshotFile(archive ?? "", snapshot, "repo");
    out.line(manifest.did, "  ", { text: state, style: "green" }, `${amounts}${repaired}; ${car}`);
  }
}

function nameFailure(error: DecampError): { code: string; message: string; hint: string } {
  const { code, message, hint = "" } = failureFacts(error);
  return { code, message, hint };
}

function stateOf({ class: kind, status, home }: Absent): string {
  if (kind === "gone") {
    return "gone: the server does not list it any more";
  }
  return kind === "moved" ? `moved: its identity names ${home ?? ""}` : `not active: ${status ?? ""}`;
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

/** What the directory left without an answer. */
export interface Unanswered {
  readonly silence: DecampError | undefined;
  /** Identities that should have been looked up, of accounts in which else nothing has changed. */
  readonly notLookedUp: number;
}

/** What became of all of them. */
export function summarize(
  folder: string,
  tally: Tally,
  { silence, notLookedUp }: Unanswered,
  { json, quiet }: GlobalFlags,
  terminal: Terminal,
): void {
  const { out } = terminal;
  const { complete, unchanged, incomplete, mended, shrunk, failed, inactive, moved, gone, unasked } = tally;
  const { failures, losses } = tally;
  const total = totalOf(tally);
  const accounts = {
    total,
    complete,
    unchanged,
    incomplete,
    mended,
    shrunk,
    failed,
    inactive,
    moved,
    gone,
    unasked,
    notLookedUp,
  };
  const bad = failed + incomplete + shrunk + unasked + notLookedUp > 0;
  const ok = !bad;
  const unanswered = silence === undefined || unasked + notLookedUp === 0 ? undefined : nameFailure(silence);
  if (
    tellDocument(terminal, json, {
      type: "result",
      version: 1,
      command: "export",
      ok,
      folder,
      accounts,
      failures,
      losses,
      unanswered,
    })
  ) {
    return;
  }
  if (quiet && !bad) {
    return;
  }
  out.line();
  const classes = [
    [inactive, "not active"],
    [moved, "moved away"],
    [gone, "gone"],
    [unasked, "not looked at"],
  ] as const;
  const absent = classes.map(([number, what]) => (number === 0 ? "" : `, ${countText(number)} ${what}`)).join("");
  const repaired =
    mended === 0 ? "" : ` In ${countText(mended)} of them something was missing or damaged, and is good again.`;
  const lost = shrunk === 0 ? "" : ` From ${countText(shrunk)} of them much is gone.`;
  out.line(
    { text: `${plural(total, "account")}: ${countText(complete)} complete`, style: bad ? "yellow" : "green" },
    ` (${countText(unchanged)} of them unchanged), ${countText(incomplete)} with blobs missing or damaged files, ${countText(failed)} failed${absent}.${repaired}${lost}`,
  );
  for (const { account, losses: lost, held } of losses) {
    out.line(`  ${account}  ${lossText(lost)} gone: held is ${held.join(", ")}`);
  }
  if (shrunk > losses.length) {
    out.line(`  and ${countText(shrunk - losses.length)} more: each has its line above`);
  }
  const [loss] = losses;
  if (loss !== undefined) {
    const look = commandLine(["archive", "ls", joinPath(folder, archiveName(loss.account))]);
    out.line(`  How to see what is gone, and how to let it go: ${look}`);
  }
  for (const { account, message } of failures) {
    out.line(`  ${account}  ${message}`);
  }
  if (failed > failures.length) {
    out.line(`  and ${countText(failed - failures.length)} more: each has its line above`);
  }
  if (unanswered !== undefined) {
    const identities =
      notLookedUp === 0 ? "" : ` Whether the identity of ${plural(notLookedUp, "account")} has changed is not known.`;
    out.line(`  ${unanswered.message}${identities}`);
  }
  const hints = new Set(failures.map(({ hint }) => hint).filter((hint) => hint !== ""));
  for (const hint of [...hints].slice(0, hinted)) {
    out.line({ text: "Hint:", style: "cyan" }, ` ${hint}`);
  }
}
