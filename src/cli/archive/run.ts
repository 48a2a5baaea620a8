/** `decamp archive …`: what is in an archive, what has changed, and what may go. */
import { holdsArchives } from "../../archive/archives.ts";
import { archiveFinding } from "../../archive/check/check-snapshot.ts";
import { compareBlobs, compareFiles, compareRecords } from "../../archive/compare-snapshots.ts";
import { readHeld, type Hold } from "../../archive/held.ts";
import { hasRule, parseSpan, type KeepRules } from "../../archive/keep-rules.ts";
import { hasPrivateParts, type Manifest } from "../../archive/manifest.ts";
import type { OddSnapshot } from "../../archive/odd-snapshots.ts";
import { openSnapshot, readArchive, type ArchiveContents, type OpenSnapshot } from "../../archive/open.ts";
import { privateReason, pruneArchive, type Pruned } from "../../archive/prune.ts";
import { lossText } from "../../archive/shrink.ts";
import { DecampError, exitCodeOf } from "../../errors.ts";
import { isNoFolder } from "../../services/disk/hash-file.ts";
import type { PruneFlags } from "./declare.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import type { Edge, Invocation } from "../command.ts";
import { createList, signs } from "../talk/list.ts";
import { thisProcess } from "../../services/disk/lock-owner.ts";
import { lossSteps } from "../talk/loss-lines.ts";
import { forEachArchive } from "../talk/many-archives.ts";
import { bytesText, countText, plural } from "../talk/reporters/amounts.ts";
import { stoppable } from "../talk/signals.ts";
import type { Piece, Terminal } from "../talk/terminal.ts";

/** Runs `decamp archive ls`. */
export async function archiveLsCommand(invocation: Invocation, { terminal }: Edge): Promise<number> {
  const globals = readGlobals(invocation.globals, terminal.env);
  const [path = ""] = invocation.args;
  await refuseFile(path);
  if (await holdsArchives(path)) {
    const work = { command: "archive ls", done: "listed" } as const;
    return stoppable(
      async (signal) =>
        forEachArchive(path, work, { globals, terminal, signal, lists: true }, async (archive) => {
          const listed = await list(archive);
          return { exitCode: exitCodeFor(listed), line: summaryOf(listed), facts: listedFacts(listed) };
        }),
      () => undefined,
    );
  }
  const listed = await list(path);
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

/** @throws DecampError `unreadable-file` for a file in the place of an archive */
async function refuseFile(path: string): Promise<void> {
  if (await isNoFolder(path)) {
    throw new DecampError("unreadable-file", `${path} is a file, not an archive.`, {
      hint: "Give the folder of an archive. decamp repo ls and decamp repo diff look into CAR files.",
      data: { path },
    });
  }
}

interface Listed extends ArchiveContents {
  readonly held: ReadonlyMap<string, Hold | undefined>;
}

async function list(archive: string): Promise<Listed> {
  return { ...(await readArchive(archive)), held: await readHeld(archive) };
}

function listedFacts({ snapshots, unfinished, odd, storedBlobs, held }: Listed): object {
  const newest = snapshots.at(-1);
  return {
    did: newest?.did,
    handle: newest?.handle,
    snapshots: snapshots.map((manifest) => snapshotFacts(manifest, held)),
    unfinished,
    findings: odd.map(({ rule, snapshot }) => ({ ...archiveFinding(rule), snapshot })),
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
  return `${countText(records)} records  ${plural(blobs.length, "blob")}, ${bytesText(blobBytes)}`;
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

/** Runs `decamp archive diff`. */
export async function archiveDiffCommand(invocation: Invocation, { terminal }: Edge): Promise<number> {
  const globals = readGlobals(invocation.globals, terminal.env);
  const [from = "", to = ""] = invocation.args;
  await stoppable(
    async (signal) => {
      await refuseFile(from);
      await refuseFile(to);
      const before = await openSnapshot(from);
      const after = await openSnapshot(to);
      const list = createList(terminal.out, globals.json ? { command: "archive diff", name: "changes" } : undefined);
      for await (const line of changes(before, after, signal)) {
        if (!(await list.add(line.text, line.value))) {
          break;
        }
      }
      list.end();
    },
    () => undefined,
  );
  return 0;
}

async function* changes(
  before: OpenSnapshot,
  after: OpenSnapshot,
  signal: AbortSignal,
): AsyncGenerator<{ text: string; value: object }> {
  for (const change of compareFiles(before, after)) {
    yield { text: `${signs[change.kind]} ${change.name}`, value: { what: "file", ...change } };
  }
  for await (const change of compareRecords(before, after, signal)) {
    const { kind, path, ...cids } = change;
    yield { text: [signs[kind], path, ...Object.values(cids)].join(" "), value: { what: "record", ...change } };
  }
  for (const { kind, name } of compareBlobs(before, after)) {
    yield { text: `${signs[kind]} blob ${name}`, value: { what: "blob", kind, cid: name } };
  }
}

/** Runs `decamp archive prune`. */
export async function archivePruneCommand(
  { args, flags, globals: raw }: Invocation<PruneFlags>,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [path = ""] = args;
  const { release = [], dryRun = false } = flags;
  const rules = readRules(flags);
  if (!hasRule(rules) && release.length === 0) {
    throw new DecampError("usage", "Which snapshots stay is missing.", {
      hint: "Say it with --keep-daily 7 --keep-weekly 5 --keep-monthly 12, for example.",
    });
  }
  await refuseFile(path);
  const isMany = await holdsArchives(path);
  if (isMany && release.length > 0) {
    throw new DecampError("usage", "--release names a snapshot of one archive, and this is a folder of them.", {
      hint: "Give the archive that has the snapshot.",
    });
  }
  return stoppable(
    async (signal) => {
      const options = { rules, release, dryRun, signal, lockOwner: thisProcess() };
      const prune = async (archive: string): Promise<Pruned> => pruneArchive(archive, { ...options, now: Date.now() });
      if (isMany) {
        const work = { command: "archive prune", done: "pruned" } as const;
        return forEachArchive(path, work, { globals, terminal, signal, lists: dryRun }, async (archive) => {
          const pruned = await prune(archive);
          const more = dryRun || globals.verbose ? choiceTexts(pruned) : [];
          const line = [`${doneText(pruned, dryRun)}${lostText(pruned)}`];
          return { exitCode: 0, line, more, facts: { dryRun, ...pruned } };
        });
      }
      tellPruned(await prune(path), dryRun, globals, terminal);
      return 0;
    },
    () => undefined,
  );
}

/** @throws DecampError `usage` for a span that is none */
function readRules({ keep, keepDaily, keepWeekly, keepMonthly, keepYearly, keepWithin }: PruneFlags): KeepRules {
  const within = keepWithin === undefined ? undefined : parseSpan(keepWithin);
  if (keepWithin !== undefined && within === undefined) {
    throw new DecampError("usage", `--keep-within: ${keepWithin} is no span of time.`, {
      hint: "It looks like 30d or 1y6m14d12h: years, months, days and hours.",
    });
  }
  return { last: keep, daily: keepDaily, weekly: keepWeekly, monthly: keepMonthly, yearly: keepYearly, within };
}

function tellPruned(pruned: Pruned, dryRun: boolean, { json, quiet, verbose }: GlobalFlags, { out }: Terminal): void {
  if (json) {
    out.json({ type: "result", version: 1, command: "archive prune", dryRun, ...pruned });
    return;
  }
  const { removed, released } = pruned;
  // What a dry run would do is what was asked for.
  if (!quiet || dryRun) {
    for (const name of released) {
      out.line(`${name}  ${dryRun ? "would not be" : "is not"} held any longer`);
    }
    for (const text of dryRun || verbose ? choiceTexts(pruned) : removed.map(goneText)) {
      out.line(text);
    }
    out.line(`${doneText(pruned, dryRun)}${lostText(pruned)}`);
  }
}

/** Which snapshots stay and why, and which go. */
function choiceTexts({ kept, removed, reasons }: Pruned): string[] {
  const stay = kept.map((name) => [name, (reasons[name] ?? []).join(", ")].filter((text) => text !== "").join("  "));
  return [...stay.map((text) => `  ${text}`), ...removed.map(goneText)];
}

function goneText(name: string): string {
  return `- ${name}`;
}

function doneText({ kept, removed, reasons, held, blobs, freedBytes }: Pruned, dryRun: boolean): string {
  const done = dryRun ? "Would remove" : "Removed";
  const what = `${plural(removed.length, "snapshot")} and ${plural(blobs.count, "blob")}, ${bytesText(freedBytes)}`;
  const stay = `${plural(kept.length, "snapshot")} ${dryRun ? "would stay" : kept.length === 1 ? "stays" : "stay"}`;
  const withPrivate = kept.filter((name) => reasons[name]?.join() === privateReason);
  const why = [
    ...(held.length === 0 ? [] : [`, held: ${held.join(", ")}`]),
    ...(withPrivate.length === 0 ? [] : [`, for private parts: ${withPrivate.join(", ")}`]),
  ];
  return `${done} ${what}; ${stay}${why.join("")}.`;
}

/** What stays because it is damaged, whatever the rules say. */
function lostText({ lost }: Pruned): string {
  return lost.length === 0
    ? ""
    : ` Without a manifest that can be read, and not removed: ${lost.join(", ")}; see decamp verify.`;
}
