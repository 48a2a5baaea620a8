/** `decamp restore`: options, one call of the use case, and what is said about its result. */
import { exitCodeOf } from "../../errors.ts";
import type { MigrationPlan, MigrationResult } from "../../migration/events.ts";
import { restore } from "../../migration/restore/run.ts";
import { isPointOfNoReturn } from "../../migration/step-ids.ts";
import { resumable } from "../command-line.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals, relayOf } from "../globals.ts";
import { withKey } from "../next-command.ts";
import { servicesFor } from "../services.ts";
import { converse } from "../talk/converse.ts";
import { finishSoon } from "../talk/move-lines.ts";
import { keyWords } from "../talk/rotation-key.ts";
import type { RestoreFlags } from "./declare.ts";
import { readRestoreRequest } from "./request.ts";
import { restoreLines } from "./result.ts";
import { tellDocument } from "../talk/terminal.ts";

/** Runs `decamp restore`. */
export async function restoreCommand(invocation: Invocation<RestoreFlags>, edge: Edge): Promise<number> {
  const { terminal } = edge;
  const request = readRestoreRequest(invocation, terminal.env);
  const { options, globals } = request;
  const relay = relayOf(invocation.flags, terminal.env);
  const services = servicesFor(readGlobals(invocation.globals, terminal.env), terminal, relay);
  let plan: MigrationPlan | undefined;
  let identityMoved = false;
  let swapped = false;
  try {
    const result = await converse(request, edge, async (answers, report, signal) =>
      restore(
        options,
        services,
        answers,
        (event) => {
          if (event.type === "plan") {
            ({ plan } = event);
          }
          swapped ||=
            event.type === "step" && ["swap-key", "publish-key"].includes(event.id) && event.state !== "start";
          identityMoved ||= event.type === "step" && isPointOfNoReturn(event.id) && event.state !== "start";
          report(event);
        },
        signal,
      ),
    ).catch((error: unknown) => {
      throw resumable(error, invocation.argv, identityMoved ? finishSoon : undefined);
    });
    const exitCode = exitCodeFor(result);
    const document = { type: "result", version: 1, command: "restore", ...result };
    if (!tellDocument(terminal, globals.json, document) && (!globals.quiet || options.dryRun || exitCode !== 0)) {
      const run = {
        until: options.until,
        isTemporary: swapped && !identityMoved,
        complete: withKey(request.complete, keyWords(invocation.flags)),
      };
      for (const line of restoreLines(result, plan, run)) {
        terminal.out.line(...line);
      }
    }
    return exitCode;
  } finally {
    services.close();
  }
}

/** A restore that is done and lacks something says so to scripts, too. */
function exitCodeFor({ missingBlobs, blobsNotMoved = [], preferencesNotMoved }: MigrationResult): number {
  const isWhole = missingBlobs.length === 0 && blobsNotMoved.length === 0 && preferencesNotMoved === undefined;
  return isWhole ? 0 : exitCodeOf("incomplete");
}
