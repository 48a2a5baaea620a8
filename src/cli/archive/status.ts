/** `decamp archive status`: a folder of archives, looked over. */
import { holdsArchives } from "../../archive/archives.ts";
import { before } from "../../archive/keep-rules.ts";
import { refuseEmpty, refuseFile } from "../../archive/no-archive.ts";
import { noArchive } from "../../archive/open.ts";
import { survey } from "../../archive/state/survey.ts";
import { exitCodeOf } from "../../errors.ts";
import { thisProcess } from "../../services/disk/lock-owner.ts";
import { requireMetricsPlace, writeMetrics } from "../../services/disk/output/metrics-file.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals } from "../globals.ts";
import { stoppable } from "../talk/signals.ts";
import type { StatusFlags } from "./declare.ts";
import { readSpan } from "./span.ts";
import { statusFacts, statusLines, statusMetrics } from "./survey-result.ts";

/**
 * Runs `decamp archive status`. Exit code 3 if an archive cannot be read, 6 if one has not been renewed for longer than
 * `--older-than` says.
 */
export async function archiveStatusCommand(
  { args, flags, globals: raw }: Invocation<StatusFlags>,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [folder = ""] = args;
  const { metricsFile, onDisk = false } = flags;
  const span = readSpan("--older-than", flags.olderThan);
  await refuseFile(folder);
  await refuseEmpty(folder);
  if (metricsFile !== undefined) {
    await requireMetricsPlace(metricsFile);
  }
  const now = Date.now();
  const renewedSince = span === undefined ? undefined : before(now, span);
  const isOne = !(await holdsArchives(folder));
  const seen = await stoppable(
    async (signal) => survey(folder, isOne, { renewedSince, onDisk, lockOwner: thisProcess(), signal }),
    () => undefined,
  );
  if (isOne && seen.snapshots === 0) {
    throw await noArchive(folder);
  }
  const isDamaged = seen.archives.damaged > 0;
  const code = isDamaged ? exitCodeOf("damaged") : seen.notRenewed.count > 0 ? exitCodeOf("incomplete") : 0;
  if (metricsFile !== undefined) {
    await writeMetrics(metricsFile, statusMetrics(seen, now));
  }
  const asked = { folder, span: span?.text, now };
  if (globals.json) {
    const facts = statusFacts(seen, asked);
    terminal.out.json({ type: "result", version: 1, command: "archive status", ok: code === 0, ...facts });
  } else if (!globals.quiet || code !== 0) {
    for (const line of statusLines(seen, asked)) {
      terminal.out.line(...line);
    }
  }
  return code;
}
