/** `decamp archive prune --gone`: whole archives, of accounts that are not on their server any more. */
import { eraseArchive, findErasing, finishErasing, requireOnlyOurs } from "../../archive/gone/erase-archive.ts";
import { judgeGone, type GoneAccount } from "../../archive/gone/judge-gone.ts";
import type { Span } from "../../archive/keep-rules.ts";
import { removingName } from "../../archive/layout.ts";
import { expectedFailure, isDecampError } from "../../errors.ts";
import { joinPath, splitPath } from "../../services/disk/files.ts";
import { briefly } from "../../services/servers/brief-documents.ts";
import { withPatience } from "../../services/servers/patient-directory.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals } from "../globals.ts";
import { withTalk } from "../talk/answers/with-talk.ts";
import { requireYes } from "../talk/answers/yes.ts";
import { failureFacts } from "../talk/failure.ts";
import { worstExit } from "../talk/many-archives.ts";
import { countText, plural } from "../talk/reporters/amounts.ts";
import type { PruneFlags } from "./declare.ts";

/** What becomes of one archive. */
type Fate =
  | { readonly outcome: "removed" | "would-be-removed" | "moved" | "there"; readonly account: GoneAccount }
  | { readonly outcome: "finished" | "unfinished"; readonly archive: string }
  | { readonly outcome: "failed"; readonly account: GoneAccount; readonly error: unknown }
  | { readonly outcome: "failed"; readonly archive: string; readonly error: unknown };

/**
 * Removes the archives of a folder whose accounts are gone. What an earlier run has begun to remove is removed first.
 *
 * @returns the worst of the exit codes: of whoever did not answer, and of archives in which there is something else
 * @throws as `judgeGone`; DecampError `input-needed` where nobody can say yes, `interrupted` where nobody does
 */
export async function pruneGone(
  folder: string,
  span: Span,
  { flags, globals: raw }: Invocation<PruneFlags>,
  edge: Edge,
): Promise<number> {
  const { terminal } = edge;
  const globals = readGlobals(raw, terminal.env);
  const { json, quiet, yes } = globals;
  const { dryRun = false, includeMoved = false } = flags;
  const tally = { total: 0, removed: 0, stayed: 0, failed: 0 };
  const failures: { archive: string; code: string; message: string }[] = [];
  let worst = 0;
  const tell = async (fate: Fate): Promise<void> => {
    const { archive } = "account" in fate ? fate.account : fate;
    const failure = fate.outcome === "failed" ? failureFacts(fate.error) : undefined;
    const { outcome } = fate;
    tally.total += 1;
    tally[failure !== undefined ? "failed" : outcome === "moved" || outcome === "there" ? "stayed" : "removed"] += 1;
    if (failure !== undefined) {
      const { code, message, exitCode } = failure;
      failures.push({ archive, code, message });
      worst = worstExit(worst, exitCode);
    }
    if (json) {
      const { did, since, home, manifest } = "account" in fate ? fate.account : {};
      const facts = failure ?? { outcome, dryRun };
      terminal.out.json({
        type: "account",
        version: 1,
        archive,
        ok: failure === undefined,
        did,
        handle: manifest?.handle,
        since,
        home,
        ...facts,
      });
    } else if (!quiet || dryRun || failure !== undefined) {
      const who = "account" in fate ? handleOf(fate.account) : "";
      terminal.out.line({ text: splitPath(archive).name, style: "bold" }, who, "  ", textOf(fate));
    }
    await terminal.out.drained();
  };
  return withTalk(edge, globals, { secretFlags: {} }, async ({ services: opened, prompter, signal }) => {
    const { directory, webDocument, now } = opened;
    const services = { ...opened, directory: withPatience(directory, now), webDocument: briefly(webDocument) };
    for (const begun of dryRun ? await begunIn(folder) : await finishErasing(folder)) {
      const archive = joinPath(folder, begun.archive);
      await tell(
        begun.error === undefined
          ? { outcome: dryRun ? "unfinished" : "finished", archive }
          : { outcome: "failed", archive, error: begun.error },
      );
    }
    const { accounts, younger } = await judgeGone(folder, span, services, signal);
    const doomed: GoneAccount[] = [];
    for (const account of accounts) {
      const { state, error } = account;
      if (state === "unknown") {
        await tell({ outcome: "failed", account, error });
      } else if (state === "there" || (state === "moved" && !includeMoved)) {
        await tell({ outcome: state, account });
      } else {
        const foreign = await foreignIn(account.archive);
        if (foreign === undefined) {
          doomed.push(account);
        } else {
          await tell({ outcome: "failed", account, error: foreign });
        }
      }
    }
    if (doomed.length > 0 && !dryRun && !yes) {
      for (const account of json ? [] : doomed) {
        terminal.err.line(splitPath(account.archive).name, handleOf(account), "  ", reasonOf(account));
      }
      await requireYes(prompter, {
        lead: `All that lies here of ${plural(doomed.length, "account")} would be removed for good, held snapshots and private parts, too. A copy that you have elsewhere is not touched.`,
        does: `remove ${plural(doomed.length, "archive")}`,
        answeredBy: "--yes",
        left: "Nothing was removed.",
      });
    }
    for (const account of doomed) {
      signal.throwIfAborted();
      try {
        if (!dryRun) {
          await eraseArchive(account.archive, account.manifest.snapshot, services.lockOwner, services.now());
        }
        await tell({ outcome: dryRun ? "would-be-removed" : "removed", account });
      } catch (error) {
        await tell({ outcome: "failed", account, error: expectedFailure(error, signal) });
      }
    }
    const ok = worst === 0;
    if (json) {
      const archives = { ...tally, younger };
      const facts = { command: "archive prune", ok, folder, dryRun, gone: span.text, archives, failures };
      terminal.out.json({ type: "result", version: 1, ...facts });
    } else if (!quiet || !ok) {
      if (tally.total > 0) {
        terminal.out.line();
      }
      terminal.out.line({ text: sumOf(tally, dryRun), style: ok ? "green" : "yellow" });
      if (younger > 0) {
        terminal.out.line(`${plural(younger, "more account")}: gone for less than ${span.text}.`);
      }
    }
    return worst;
  });
}

async function begunIn(folder: string): ReturnType<typeof finishErasing> {
  return (await findErasing(folder)).map((name) => ({ archive: name.slice(removingName("").length) }));
}

/** The error for what is not decamp's in an archive, if there is something. */
async function foreignIn(archive: string): Promise<unknown> {
  try {
    await requireOnlyOurs(archive);
    return undefined;
  } catch (error) {
    if (!isDecampError(error, "refused")) {
      throw error;
    }
    return error;
  }
}

/** By what people know it: as it was called when its archive was made. */
function handleOf({ manifest: { handle } }: GoneAccount): string {
  return handle === undefined ? "" : `  ${handle}`;
}

function textOf(fate: Fate): string {
  switch (fate.outcome) {
    case "removed":
      return `removed: ${reasonOf(fate.account)}`;
    case "would-be-removed":
      return `would be removed: ${reasonOf(fate.account)}`;
    case "moved":
      return `stays: its identity names ${fate.account.home ?? ""}, and this may be the last copy`;
    case "there":
      return `stays: ${fate.account.manifest.source} has it again`;
    case "finished":
      return "removed: an earlier run had begun to";
    case "unfinished":
      return "would be removed: an earlier run has begun to";
    case "failed":
      return `stays: ${failureFacts(fate.error).message}`;
  }
}

function reasonOf({ since, home, manifest, state }: GoneAccount): string {
  const where = state === "moved" ? `, moved to ${home ?? ""}` : "";
  return `not listed by ${manifest.source} since ${since.slice(0, 10)}${where}`;
}

function sumOf({ removed, stayed, failed }: Record<"removed" | "stayed" | "failed", number>, dryRun: boolean): string {
  const what = `${plural(removed, "archive")} ${dryRun ? "would be removed" : "removed"}`;
  return `${what}, ${countText(stayed + failed)} ${dryRun ? "would stay" : stayed + failed === 1 ? "stays" : "stay"}.`;
}
