/** `decamp archive prune`: which snapshots stay, and what goes with the others. */
import { refuseFile } from "../../archive/no-archive.ts";
import { holdsArchives } from "../../archive/archives.ts";
import { hasRule, type KeepRules } from "../../archive/keep-rules.ts";
import { privateReason, pruneArchive, type Pruned } from "../../archive/prune.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { thisProcess } from "../../services/disk/lock-owner.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import { readSpan } from "./span.ts";
import { forEachArchive } from "../talk/many-archives.ts";
import { bytesText, countText, plural } from "../talk/reporters/amounts.ts";
import { stoppable } from "../talk/signals.ts";
import type { Terminal } from "../talk/terminal.ts";
import type { PruneFlags } from "./declare.ts";

/** Runs `decamp archive prune`. */
export async function archivePruneCommand(invocation: Invocation<PruneFlags>, edge: Edge): Promise<number> {
  const { args, flags, globals: raw } = invocation;
  const { terminal } = edge;
  const globals = readGlobals(raw, terminal.env);
  const [path = ""] = args;
  const { release = [], dryRun = false, gone, includeMoved } = flags;
  const rules = readRules(flags);
  if (gone !== undefined && (hasRule(rules) || release.length > 0)) {
    throw new DecampError(
      "usage",
      "--gone removes whole archives, the other flags snapshots: run one after the other.",
    );
  }
  if (gone === undefined && includeMoved === true) {
    throw new DecampError("usage", "--include-moved goes with --gone.");
  }
  if (gone !== undefined) {
    const span = readSpan("--gone", gone);
    await refuseFile(path);
    if (!(await holdsArchives(path))) {
      throw new DecampError("usage", `${path} is no folder of archives, and --gone is about one.`, {
        hint: "Give the folder that decamp export --all has made.",
      });
    }
    return (await import("./prune-gone.ts")).pruneGone(path, span, invocation, edge);
  }
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
        const all: Sum = { archives: 0, snapshots: 0, blobs: 0, bytes: 0, begun: 0 };
        const work = { command: "archive prune", done: "pruned", sum: () => sumText(all, dryRun) } as const;
        return forEachArchive(path, work, { globals, terminal, signal, lists: dryRun }, async (archive) => {
          const pruned = await prune(archive).catch((error: unknown) => {
            // A first export is at work there, or has failed and says so each night: there is nothing to remove.
            if (!isDecampError(error, "incomplete")) {
              throw error;
            }
            return undefined;
          });
          if (pruned === undefined) {
            all.begun += 1;
            return { exitCode: 0, line: ["has no complete snapshot"], isDull: true, facts: { dryRun, ...nothing } };
          }
          addTo(all, pruned);
          const more = dryRun || globals.verbose ? choiceTexts(pruned) : [];
          const line = [`${doneText(pruned, dryRun)}${lostText(pruned)}`];
          const isDull = !losesSomething(pruned) && pruned.lost.length === 0;
          return { exitCode: 0, line, more, isDull, facts: { dryRun, ...pruned } };
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
  const within = readSpan("--keep-within", keepWithin);
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

/** Of an archive that holds nothing yet. */
const nothing: Pruned = {
  kept: [],
  removed: [],
  reasons: {},
  held: [],
  released: [],
  lost: [],
  blobs: { count: 0, bytes: 0 },
  freedBytes: 0,
};

/** What goes of all archives of a folder, and of how many. */
interface Sum {
  /** Archives without a complete snapshot. */
  begun: number;
  archives: number;
  snapshots: number;
  blobs: number;
  bytes: number;
}

function losesSomething({ removed, blobs }: Pruned): boolean {
  return removed.length + blobs.count > 0;
}

function addTo(sum: Sum, pruned: Pruned): void {
  sum.archives += losesSomething(pruned) ? 1 : 0;
  sum.snapshots += pruned.removed.length;
  sum.blobs += pruned.blobs.count;
  sum.bytes += pruned.freedBytes;
}

function sumText({ archives, snapshots, blobs, bytes, begun }: Sum, dryRun: boolean): string {
  const what = `${plural(snapshots, "snapshot")} and ${plural(blobs, "blob")} of ${plural(archives, "archive")}`;
  const done = dryRun ? "would be removed" : "removed";
  const all =
    archives === 0 ? `nothing ${dryRun ? "would be" : "was"} removed` : `${what} ${done}, ${bytesText(bytes)}`;
  return begun === 0 ? all : `${all}; ${countText(begun)} without a complete snapshot`;
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
