/** What is in an archive, or in each of a folder of them. */
import { holdsArchives } from "../../archive/archives.ts";
import type { ArchiveFinding } from "../../archive/check/check-snapshot.ts";
import { readHeld, type Hold } from "../../archive/held.ts";
import { hasPrivateParts, type Manifest } from "../../archive/manifest.ts";
import type { OddSnapshot } from "../../archive/odd-snapshots.ts";
import { readArchive, readSnapshots, type ArchivedSnapshots } from "../../archive/open.ts";
import { lossText } from "../../archive/shrink.ts";
import { exitCodeOf } from "../../errors.ts";
import type { GlobalFlags } from "../globals.ts";
import { lossSteps } from "../talk/loss-lines.ts";
import { bytesText, plural } from "../talk/reporters/amounts.ts";
import { stoppable } from "../talk/signals.ts";
import type { Piece, Terminal } from "../talk/terminal.ts";

/** Says what is in the archive, or the archives, at `path`. Returns the exit code. */
export async function listArchive(path: string, globals: GlobalFlags, terminal: Terminal): Promise<number> {
  if (await holdsArchives(path)) {
    const work = { command: "archive ls", done: "listed" } as const;
    const { forEachArchive } = await import("../talk/many-archives.ts");
    return stoppable(
      async (signal) =>
        forEachArchive(path, work, { globals, terminal, signal, lists: true }, async (archive) => {
          const listed = await list(archive, globals);
          return { exitCode: exitCodeFor(listed), line: summaryOf(listed), facts: listedFacts(listed) };
        }),
      () => undefined,
    );
  }
  const listed = await list(path, globals);
  const { snapshots, odd, held } = listed;
  const newest = snapshots.at(-1);
  if (globals.json) {
    terminal.out.json({ type: "result", version: 1, command: "archive ls", ...listedFacts(listed) });
    return exitCodeFor(listed);
  }
  if (!globals.quiet) {
    terminal.err.line({ text: newest?.handle ?? newest?.did ?? "", style: "bold" }, `  ${newest?.did ?? ""}`);
  }
  for (const manifest of snapshots) {
    const { snapshot, createdAt } = manifest;
    const remarks = remarksOn(manifest, held).map((remark) => `  ${remark}`);
    terminal.out.line({ text: snapshot, style: "bold" }, `  ${createdAt}  ${figuresOf(manifest)}`, ...remarks);
  }
  for (const { rule, snapshot } of odd) {
    const remark = held.has(snapshot) && !snapshots.some(({ snapshot: name }) => name === snapshot) ? "  held" : "";
    terminal.out.line({ text: snapshot, style: "bold" }, `  ${oddities[rule]}${remark}`);
  }
  for (const text of globals.quiet ? [] : heldSteps(path, listed)) {
    terminal.err.line(text);
  }
  return exitCodeFor(listed);
}

/** A snapshot of which nothing can be listed is damage. */
function exitCodeFor({ odd }: Listed): number {
  return odd.some(({ rule }) => rule === "archive/manifest-damaged") ? exitCodeOf("damaged") : 0;
}

interface Listed extends ArchivedSnapshots {
  /** How many blobs lie in it; only scripts are told. */
  readonly storedBlobs?: number;
  readonly held: ReadonlyMap<string, Hold | undefined>;
  /** What is odd, as `verify` says it. */
  readonly findings: readonly object[];
}

async function list(archive: string, { json }: GlobalFlags): Promise<Listed> {
  const contents = json ? await readArchive(archive) : await readSnapshots(archive);
  return { ...contents, held: await readHeld(archive), findings: await findingsOf(contents.odd) };
}

/** The code that checks archives is loaded only for what is odd. */
async function findingsOf(odd: readonly OddSnapshot[]): Promise<(ArchiveFinding & { snapshot: string })[]> {
  if (odd.length === 0) {
    return [];
  }
  const { archiveFinding } = await import("../../archive/check/check-snapshot.ts");
  return odd.map(({ rule, snapshot }) => ({ ...archiveFinding(rule), snapshot }));
}

function listedFacts({ snapshots, unfinished, findings, storedBlobs, held }: Listed): object {
  const newest = snapshots.at(-1);
  return {
    did: newest?.did,
    handle: newest?.handle,
    snapshots: snapshots.map((manifest) => snapshotFacts(manifest, held)),
    unfinished,
    findings,
    storedBlobs,
  };
}

/** What can be done about each snapshot that is held. */
function heldSteps(archive: string, { snapshots, held }: Listed): string[] {
  const names = snapshots.map(({ snapshot }) => snapshot);
  return names.flatMap((name) => {
    const by = held.get(name)?.by;
    const later = by !== undefined && names.includes(by) ? by : names.at(-1);
    return held.has(name) && later !== undefined ? lossSteps(archive, [name], later) : [];
  });
}

/** An archive in one line. */
function summaryOf({ snapshots, odd, held }: Listed): Piece[] {
  const newest = snapshots.at(-1);
  const names = snapshots.map(({ snapshot }) => snapshot).filter((name) => held.has(name));
  const latest =
    newest === undefined ? [] : [`, the newest ${newest.snapshot} of ${newest.createdAt}`, figuresOf(newest)];
  const remarks = [
    ...(newest === undefined ? [] : remarksOn(newest, new Map())),
    ...(names.length === 0 ? [] : [`held: ${names.join(", ")}`]),
    ...odd.map(({ rule, snapshot }) => `${snapshot}: ${oddities[rule]}`),
  ];
  const [when = "", ...figures] = latest;
  const who = newest?.handle === undefined ? "" : `${newest.handle}  `;
  return [
    `${who}${plural(snapshots.length, "snapshot")}${when}`,
    ...[...figures, ...remarks].map((text) => `  ${text}`),
  ];
}

function figuresOf({ records, blobs, blobBytes }: Manifest): string {
  return `${plural(records, "record")}  ${plural(blobs.length, "blob")}, ${bytesText(blobBytes)}`;
}

/** What is odd about a snapshot, in a few words. */
const oddities: Readonly<Record<OddSnapshot["rule"], string>> = {
  "archive/unfinished": "not finished",
  "archive/manifest-missing": "without manifest: the newest snapshot has lost it, or is not finished",
  "archive/manifest-lost": "without manifest",
  "archive/manifest-damaged": "with a manifest that cannot be read",
  "archive/snapshot-name": "not called by its revision",
  "archive/snapshot-link": "no folder, but a link or a file",
};

function snapshotFacts(manifest: Manifest, held: Listed["held"]): object {
  const { snapshot, createdAt, updatedAt, source, status, commit, rev, data, records, blobs, blobBytes, missing } =
    manifest;
  const figures = { records, blobs: { count: blobs.length, bytes: blobBytes }, missing: missing.length };
  return {
    snapshot,
    createdAt,
    updatedAt,
    source,
    status,
    commit,
    rev,
    data,
    ...figures,
    private: hasPrivateParts(manifest),
    ...(held.has(snapshot) ? { held: held.get(snapshot) ?? {} } : {}),
  };
}

function remarksOn(manifest: Manifest, held: Listed["held"]): string[] {
  const { missing, status, snapshot, unreadRecords = [] } = manifest;
  const hold = held.get(snapshot);
  return [
    ...(hasPrivateParts(manifest) ? ["private"] : []),
    ...(status === undefined ? [] : [status]),
    ...(missing.length === 0 ? [] : [`${plural(missing.length, "blob")} missing`]),
    ...(held.has(snapshot) ? [hold === undefined ? "held" : `held: ${lossText(hold.losses)} gone by ${hold.by}`] : []),
    ...(unreadRecords.length === 0 ? [] : [`${plural(unreadRecords.length, "record")} not readable to the end`]),
  ];
}
