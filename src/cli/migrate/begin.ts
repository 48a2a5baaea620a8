/** A move: options, one call of the use case, and what is said about its result. */
import { exitCodeOf } from "../../errors.ts";
import type { Answers } from "../../migration/answers.ts";
import type { MigrationPlan, MigrationResult, Report } from "../../migration/events.ts";
import type { MigrateOptions } from "../../migration/options.ts";
import { migrate } from "../../migration/run.ts";
import { isPointOfNoReturn } from "../../migration/step-ids.ts";
import { resumable } from "../command-line.ts";
import { errorWithKey } from "../next-command.ts";
import { converse } from "../talk/converse.ts";
import { nonEmpty, readGlobals, relayOf } from "../globals.ts";
import type { Edge, Invocation } from "../command.ts";
import { askedLines } from "./asked-for.ts";
import type { MigrateFlags } from "./declare.ts";
import { guide, keyAtHand, type Guided } from "./guide.ts";
import { readMigrateRequest } from "./request.ts";
import { keyFileOf, keyWords } from "../talk/rotation-key.ts";
import { servicesFor } from "../services.ts";
import { resultLines } from "./result.ts";
import type { Line } from "../talk/line.ts";
import { finishSoon } from "../talk/move-lines.ts";
import { roomLines, sizeLines } from "../talk/size-lines.ts";
import { tellDocument } from "../talk/terminal.ts";

/** The use case with its services. */
export type Move = (
  options: MigrateOptions,
  answers: Answers,
  report: Report,
  signal: AbortSignal,
) => Promise<MigrationResult>;

/** Runs one migration with `move`, and says how it ended. Returns the exit code. */
export async function runMigrate({ invocation, key, isAgreed }: Guided, edge: Edge, move: Move): Promise<number> {
  const { terminal } = edge;
  const read = readMigrateRequest(invocation, terminal.env);
  const request = key === undefined ? read : { ...read, newKey: keyAtHand(key) };
  const { options, globals, complete } = request;
  let plan: MigrationPlan | undefined;
  let identityMoved = false;
  const afterPlan = (of: MigrationPlan): readonly Line[] => [
    ...sizeLines(of),
    ...roomLines(of),
    ...askedLines(request, of, terminal.env),
  ];
  // Who has agreed to the plan has seen that.
  const said = isAgreed === true ? request : { ...request, afterPlan };
  const result = await converse(said, edge, async (answers, report, signal) =>
    move(
      options,
      answers,
      (event) => {
        if (event.type === "plan") {
          ({ plan } = event);
        }
        identityMoved ||= event.type === "step" && isPointOfNoReturn(event.id) && event.state !== "start";
        report(event);
      },
      signal,
    ),
  ).catch((error: unknown) => {
    const own = errorWithKey(error, keyWords(invocation.flags, invocation.flags.recoveryKey));
    throw resumable(own, invocation.argv, identityMoved ? finishSoon : undefined);
  });

  const exitCode = exitCodeFor(result);
  const document = { type: "result", version: 1, command: "migrate", ...result };
  if (!tellDocument(terminal, globals.json, document) && (!globals.quiet || options.dryRun || exitCode !== 0)) {
    if (result.emailConfirmed !== undefined) {
      terminal.err.line(); // somebody was asked about it
    }
    const asked = plan === undefined || globals.noInput ? [] : askedLines(request, plan, terminal.env);
    for (const line of resultLines(
      result,
      plan,
      options.until,
      complete,
      asked,
      keyFileOf(request.given.recoveryKey),
    )) {
      terminal.out.line(...line);
    }
  }
  return exitCode;
}

/** A move that is done and lacks something says so to scripts, too. */
function exitCodeFor(result: MigrationResult): number {
  const { missingBlobs, blobsNotMoved = [], preferencesNotMoved, sourceStillActive, lateWrites, dark } = result;
  if (dark === true) {
    return exitCodeOf("rate-limited"); // pending: somebody has to go on
  }
  if (missingBlobs.length > 0 || blobsNotMoved.length > 0 || preferencesNotMoved !== undefined) {
    return exitCodeOf("incomplete");
  }
  // The old account waits to be deactivated: the same command does it, once the old server can be reached. Or records
  // that only the old server has wait to be brought.
  return sourceStillActive === true || lateWrites !== undefined ? exitCodeOf("rate-limited") : 0;
}

/** Begins a move, or goes on with one. Returns the exit code. @param asks whether what is missing is asked for */
export async function beginMove(invocation: Invocation<MigrateFlags>, edge: Edge, asks: boolean): Promise<number> {
  const { flags, globals } = invocation;
  const { terminal } = edge;
  const relay = relayOf(flags, terminal.env);
  const appView = nonEmpty(terminal.env["ATP_APPVIEW_HOST"]);
  const services = servicesFor(readGlobals(globals, terminal.env), terminal, relay, appView);
  try {
    const guided = asks ? await guide(invocation, edge, services) : { invocation };
    if (guided === undefined) {
      return 0;
    }
    return await runMigrate(guided, edge, async (options, answers, report, signal) =>
      migrate(options, services, answers, report, signal),
    );
  } finally {
    services.close();
  }
}
