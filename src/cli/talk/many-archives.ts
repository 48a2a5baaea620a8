/**
 * A command for every archive in a folder: a line each, then what became of all of them, and one exit code. What
 * happens to one does not stop the others, and nothing is kept of one that is settled.
 */
import { archivesIn } from "../../archive/archives.ts";
import { DecampError, expectedFailure } from "../../errors.ts";
import { splitPath } from "../../services/disk/files.ts";
import { isFolder } from "../../services/disk/hash-file.ts";
import { failureFacts } from "./failure.ts";
import type { GlobalFlags } from "../globals.ts";
import { countText, plural } from "./reporters/amounts.ts";
import type { Piece, Terminal } from "./terminal.ts";

/** How it went with one archive. */
export interface ArchiveOutcome {
  /** 0 if all is well. */
  readonly exitCode: number;
  /** What is said of it behind its name. */
  readonly line: readonly Piece[];
  /** What is said below that, for people. */
  readonly more?: readonly string[];
  /** Whether there is nothing to say of it to people, unless they ask for every word (`-v`). */
  readonly isDull?: boolean;
  /** The same for scripts. */
  readonly facts: object;
}

interface Setting {
  readonly globals: GlobalFlags;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** Whether the lines are what was asked for, so that `-q` shows them, too. */
  readonly lists?: boolean;
}

/** What is done to all of them. */
interface Work {
  /** The command's name, for the result. */
  readonly command: string;
  /** What it does: only what proves an archive calls it good. */
  readonly done: Done;
  /** What was done to all of them together, without a full stop. Asked at the end. */
  readonly sum?: () => string;
  /** Where not all have their turn: of how many parts one has it, and whether an archive, by the name of its folder. */
  readonly turns?: { readonly parts: number; readonly isIn: (name: string) => boolean } | undefined;
}

/** What the command does to an archive: prove that it is good, or something that says nothing about that. */
type Done = "proved" | "listed" | "pruned";

/**
 * Of several exit codes the one that says most: damage first, then a failure of ours, then what another run can mend.
 */
const worstFirst = [3, 1, 9, 2, 4, 5, 7, 8, 11, 6];

export function worstExit(some: number, other: number): number {
  return worstFirst.find((code) => code === some || code === other) ?? 0;
}

/** So many that are not well are named again at the end. */
const named = 100;

/**
 * Calls `work` for each archive in `folder`, one after the other.
 *
 * @returns the worst exit code
 * @throws DecampError `storage` if the folder cannot be read; the signal's reason
 */
export async function forEachArchive(
  folder: string,
  { command, done, turns, sum }: Work,
  { globals, terminal, signal, lists = false }: Setting,
  work: (archive: string) => Promise<ArchiveOutcome>,
): Promise<number> {
  const { out } = terminal;
  const failures: { archive: string; code?: string; message: string }[] = [];
  let worst = 0;
  let total = 0;
  let bad = 0;
  let leftOut = 0;
  let isAnyTold = false;
  for await (const archive of archivesIn(folder)) {
    signal.throwIfAborted();
    if (turns?.isIn(splitPath(archive).name) === false) {
      leftOut += 1;
      continue;
    }
    const { exitCode, line, facts, more = [], isDull = false } = await settle(work, archive, signal);
    total += 1;
    worst = worstExit(worst, exitCode);
    if (exitCode !== 0) {
      bad += 1;
      if (failures.length < named) {
        const text = line.map((piece) => (typeof piece === "string" ? piece : piece.text)).join("");
        failures.push({ archive, ...("code" in facts ? { code: String(facts.code) } : {}), message: text });
      }
    }
    if (globals.json) {
      out.json({ type: "account", version: 1, archive, ok: exitCode === 0, ...facts });
    } else if (exitCode !== 0 || ((lists || !globals.quiet) && (!isDull || globals.verbose))) {
      isAnyTold = true;
      out.line({ text: splitPath(archive).name, style: "bold" }, "  ", ...line);
      more.forEach((text) => out.line(`  ${text}`));
    }
    await out.drained();
  }
  const good = total - bad;
  if (globals.json) {
    const others = turns === undefined ? {} : { leftOut };
    const archives = done === "proved" ? { total, good, bad, ...others } : { total, [done]: good, failed: bad };
    out.json({ type: "result", version: 1, command, ok: bad === 0, folder, archives, failures });
  } else if (bad > 0 || !globals.quiet) {
    const text =
      done === "proved"
        ? `${plural(total, "archive")}: ${countText(good)} good, ${countText(bad)} not.`
        : `${plural(total, "archive")}${bad === 0 ? "" : `, ${countText(bad)} of them could not be ${done}`}${sum === undefined ? "" : `: ${sum()}`}.`;
    if (isAnyTold) {
      out.line();
    }
    out.line(bad > 0 ? { text, style: "red" } : done === "proved" ? { text, style: "green" } : text);
    if (turns !== undefined) {
      out.line(`${plural(leftOut, "more archive")}, whose turn it is not today.`);
      out.line(`Run every day, all have had their turn in less than ${2 * turns.parts} days.`);
    }
    // With -q nothing else stands above.
    const isFar = lists || !globals.quiet;
    for (const { archive, message } of isFar ? failures : []) {
      out.line(`  ${archive}  ${message}`);
    }
    if (isFar && bad > failures.length) {
      out.line(`  and ${countText(bad - failures.length)} more: each has its line above`);
    }
  }
  return worst;
}

async function settle(
  work: (archive: string) => Promise<ArchiveOutcome>,
  archive: string,
  signal: AbortSignal,
): Promise<ArchiveOutcome> {
  try {
    if (!(await isFolder(archive))) {
      throw new DecampError("unreadable-file", `There is no archive in ${archive}: it is no folder.`, {
        hint: "What is called like an account in a folder of archives should be its archive. Put it back, or move it away.",
        data: { path: archive },
      });
    }
    return await work(archive);
  } catch (error) {
    const failure = expectedFailure(error, signal);
    const facts = failureFacts(failure);
    return { exitCode: facts.exitCode, facts, line: [{ text: "failed", style: "red" }, `: ${facts.message}`] };
  }
}
