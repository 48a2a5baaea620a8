/** `decamp archive …`: what is in an archive, what has changed, and what may go. */
import { archiveFinding } from "../../archive/check.ts";
import { compareBlobs, compareFiles, compareRecords } from "../../archive/compare.ts";
import { hasPrivateParts, type Manifest } from "../../archive/manifest.ts";
import type { OddSnapshot } from "../../archive/odd-snapshots.ts";
import { openSnapshot, readArchive, type OpenSnapshot } from "../../archive/open.ts";
import { pruneArchive } from "../../archive/prune.ts";
import { DecampError } from "../../errors.ts";
import { readGlobals } from "../globals.ts";
import type { Edge, Invocation } from "../invocation.ts";
import { createList, signs } from "../list.ts";
import { thisProcess } from "../lock-owner.ts";
import { bytesText, countText, plural } from "../reporters/amounts.ts";
import { stoppable } from "../signals.ts";

/** Runs `decamp archive ls`. */
export async function archiveLsCommand(invocation: Invocation<"archive ls">, { terminal }: Edge): Promise<number> {
  const globals = readGlobals(invocation.globals, terminal.env);
  const [archive = ""] = invocation.args;
  const { snapshots, unfinished, odd, storedBlobs } = await readArchive(archive);
  const newest = snapshots.at(-1);
  if (globals.json) {
    terminal.out.json({
      type: "result",
      version: 1,
      command: "archive ls",
      did: newest?.did,
      handle: newest?.handle,
      snapshots: snapshots.map(snapshotFacts),
      unfinished,
      findings: odd.map(({ rule, snapshot }) => ({ ...archiveFinding(rule), snapshot })),
      storedBlobs,
    });
    return 0;
  }
  if (!globals.quiet) {
    terminal.err.line({ text: newest?.handle ?? newest?.did ?? "", style: "bold" }, `  ${newest?.did ?? ""}`);
  }
  for (const manifest of snapshots) {
    const { snapshot, createdAt, records, blobs, blobBytes } = manifest;
    const figures = `${countText(records)} records  ${plural(blobs.length, "blob")}, ${bytesText(blobBytes)}`;
    const remarks = remarksOn(manifest).map((remark) => `  ${remark}`);
    terminal.out.line({ text: snapshot, style: "bold" }, `  ${createdAt}  ${figures}`, ...remarks);
  }
  for (const { rule, snapshot } of odd) {
    terminal.out.line({ text: snapshot, style: "bold" }, `  ${oddities[rule]}`);
  }
  return 0;
}

/** What is odd about a snapshot, in a few words. */
const oddities: Readonly<Record<OddSnapshot["rule"], string>> = {
  "archive/unfinished": "not finished",
  "archive/manifest-missing": "without manifest: the newest snapshot has lost it, or is not finished",
  "archive/manifest-lost": "without manifest",
  "archive/snapshot-name": "not called by its revision",
};

function snapshotFacts(manifest: Manifest): object {
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
  };
}

function remarksOn(manifest: Manifest): string[] {
  const { missing, status, unreadRecords = [] } = manifest;
  return [
    ...(hasPrivateParts(manifest) ? ["private"] : []),
    ...(status === undefined ? [] : [status]),
    ...(missing.length === 0 ? [] : [`${plural(missing.length, "blob")} missing`]),
    ...(unreadRecords.length === 0 ? [] : [`${plural(unreadRecords.length, "record")} not readable to the end`]),
  ];
}

/** Runs `decamp archive diff`. */
export async function archiveDiffCommand(invocation: Invocation<"archive diff">, { terminal }: Edge): Promise<number> {
  const globals = readGlobals(invocation.globals, terminal.env);
  const [from = "", to = ""] = invocation.args;
  await stoppable(
    async (signal) => {
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
  { args, flags, globals: raw }: Invocation<"archive prune">,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [archive = ""] = args;
  const { keep, dryRun = false } = flags;
  if (keep === undefined) {
    throw new DecampError("usage", "How many snapshots stay is missing.", { hint: "Give it with --keep 7." });
  }
  const pruned = await stoppable(
    async (signal) => pruneArchive(archive, { keep, dryRun, signal, now: Date.now(), lockOwner: thisProcess() }),
    () => undefined,
  );
  const { kept, removed, blobs } = pruned;
  if (globals.json) {
    terminal.out.json({ type: "result", version: 1, command: "archive prune", dryRun, ...pruned });
    return 0;
  }
  // What a dry run would do is what was asked for.
  if (!globals.quiet || dryRun) {
    for (const name of removed) {
      terminal.out.line(`- ${name}`);
    }
    const done = dryRun ? "Would remove" : "Removed";
    const what = `${plural(removed.length, "snapshot")} and ${plural(blobs.count, "blob")}, ${bytesText(blobs.bytes)}`;
    terminal.out.line(`${done} ${what}; ${plural(kept.length, "snapshot")} ${dryRun ? "would stay" : "stay"}.`);
  }
  return 0;
}
