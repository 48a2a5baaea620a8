/** `decamp migrate`: options, one call of the use case, and what is said about its result. */
import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import { DecampError, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/syntax.ts";
import type { Answers } from "../../migration/answers.ts";
import type { MigrationEvent, MigrationPlan, MigrationResult, Report } from "../../migration/events.ts";
import type { MigrationServices } from "../../migration/context.ts";
import type { MigrateOptions } from "../../migration/options.ts";
import { migrate } from "../../migration/run.ts";
import { isStepId, pointOfNoReturn, stepIds } from "../../migration/step-ids.ts";
import { Pds } from "../../services/pds.ts";
import { createPlcDirectory } from "../../services/plc-directory.ts";
import { createHandleResolver } from "../../services/resolver.ts";
import { createAnswers, readGivenAnswers, type GivenAnswers } from "../answers.ts";
import { nonEmpty, readGlobals, type GlobalFlags } from "../globals.ts";
import type { Edge, Invocation } from "../invocation.ts";
import { openHttp } from "../http.ts";
import { packageFacts } from "../package.ts";
import { createPrompter } from "../prompter.ts";
import { createReporter } from "../reporters/reporter.ts";
import { checkSecretFlags, createSecrets, type AllSecretFlags } from "../secrets.ts";
import { stoppable } from "../signals.ts";
import { resultLines } from "./migrate-result.ts";

/** All that one run is told. */
export interface MigrateRequest {
  readonly options: MigrateOptions;
  readonly given: GivenAnswers;
  readonly secretFlags: AllSecretFlags;
  readonly globals: GlobalFlags;
  readonly warnings: readonly { code: string; message: string }[];
}

/** The use case with its services. */
export type Move = (
  options: MigrateOptions,
  answers: Answers,
  report: Report,
  signal: AbortSignal,
) => Promise<MigrationResult>;

const defaultConcurrency = 8;

/**
 * Flags over environment over defaults.
 *
 * @throws DecampError `usage` for what is missing, unknown or contradicts itself
 */
export function readMigrateRequest(
  { args, flags, globals: raw }: Invocation<"migrate">,
  env: Readonly<NodeJS.ProcessEnv>,
): MigrateRequest {
  const globals = readGlobals(raw, env);
  const [account = ""] = args;
  const to = flags.to ?? nonEmpty(env["DECAMP_TARGET_PDS"]);
  if (to === undefined) {
    throw new DecampError("usage", "The address of your new server is missing.", {
      hint: "Give it with --to https://pds.example.org, or DECAMP_TARGET_PDS in the environment.",
    });
  }
  const from = flags.from ?? nonEmpty(env["DECAMP_SOURCE_PDS"]);
  const { until } = flags;
  if (until !== undefined && !isStepId(until)) {
    throw new DecampError("usage", `--until: there is no step ${until}.`, {
      hint: `The steps: ${stepIds.join(", ")}.`,
    });
  }
  const warnings = [];
  if (nonEmpty(env["ATP_PDS_HOST"]) !== undefined) {
    warnings.push({
      code: "variable-ignored",
      message: "ATP_PDS_HOST is ignored: it could mean either server. --from and --to say which is which.",
    });
  }
  return {
    options: {
      account,
      to,
      ...(from === undefined ? {} : { from }),
      dryRun: flags.dryRun ?? false,
      ...(until === undefined ? {} : { until }),
      ...(flags.archive === undefined ? {} : { archive: flags.archive }),
      stateDir: globals.stateDir,
      allowPrivateHosts: globals.allowPrivateHosts,
      concurrency: flags.concurrency ?? defaultConcurrency,
      allowMissingBlobs: flags.allowMissingBlobs ?? false,
    },
    given: readGivenAnswers(flags, globals.yes, env),
    secretFlags: {
      sourcePassword: { file: flags.passwordFile, command: flags.passwordCommand },
      authFactor: { file: flags.authFactorFile, command: flags.authFactorCommand },
      targetPassword: { file: flags.newPasswordFile, command: flags.newPasswordCommand },
      plcToken: { file: flags.plcTokenFile, command: flags.plcTokenCommand },
    },
    globals,
    warnings,
  };
}

/** Runs one migration with `move`, and says how it ended. Returns the exit code. */
export async function runMigrate(
  invocation: Invocation<"migrate">,
  { terminal, secrets }: Edge,
  makeMove: (request: MigrateRequest) => Promise<Move>,
): Promise<number> {
  const request = readMigrateRequest(invocation, terminal.env);
  const { options, given, globals } = request;
  checkSecretFlags(request.secretFlags, terminal.stdin.isTTY);
  let plan: MigrationPlan | undefined;
  let identityMoved = false;
  const watch = (event: MigrationEvent): void => {
    if (event.type === "plan") {
      ({ plan } = event);
    }
    identityMoved ||= event.type === "step" && event.id === pointOfNoReturn && event.state !== "start";
  };
  const result = await stoppable(
    async (signal) => {
      const prompter = createPrompter(terminal, {
        ...globals,
        signal,
        beforeAsking: () => reporter.suspend(),
        afterAsking: () => reporter.resume(),
      });
      const reporter = await createReporter(terminal, {
        ...globals,
        identityIsAsked: prompter.canAsk && given.confirmDid === undefined,
        planIsTheResult: options.dryRun,
      });
      try {
        for (const warning of request.warnings) {
          reporter.report({ type: "warning", ...warning });
        }
        const answers = createAnswers(
          terminal,
          given,
          createSecrets(terminal, request.secretFlags, prompter, secrets, signal),
          prompter,
        );
        const move = await makeMove(request);
        const report: Report = (event) => {
          watch(event);
          reporter.report(event);
        };
        return await move(options, answers, report, signal);
      } finally {
        reporter.close();
      }
    },
    () => {
      if (!globals.json && !globals.quiet) {
        terminal.err.line("Stopping as soon as the work at hand is safe. Press Ctrl-C again to stop at once.");
      }
    },
  ).catch((error: unknown) => {
    if (isDecampError(error, "interrupted")) {
      throw new DecampError("interrupted", error.message, {
        hint: `${
          identityMoved
            ? "The identity already names your new server, so finish this soon. Run:"
            : "Nothing is lost. To go on from here, run:"
        }\n  ${commandLine(invocation.argv)}`,
        data: { resume: commandLine(invocation.argv) },
        cause: error,
      });
    }
    throw error;
  });

  if (globals.json) {
    terminal.out.json({ type: "result", version: 1, command: "migrate", ...result });
  } else {
    for (const line of resultLines(result, plan, options.until)) {
      terminal.out.line(...line);
    }
  }
  return result.missingBlobs.length > 0 ? new DecampError("incomplete", "").exitCode : 0;
}

/** What was typed, so that it can be typed again. Flags never hold secrets. */
function commandLine(argv: readonly string[]): string {
  const quoted = argv.map((word) => {
    if (/^[\w@%+=:,./-]+$/.test(word)) {
      return word;
    }
    return process.platform === "win32" ? `"${word.replaceAll('"', '\\"')}"` : `'${word.replaceAll("'", "'\\''")}'`;
  });
  return ["decamp", ...quoted].join(" ");
}

/** Runs `decamp migrate`. */
export async function migrateCommand(invocation: Invocation<"migrate">, edge: Edge): Promise<number> {
  const { terminal } = edge;
  const globals = readGlobals(invocation.globals, terminal.env);
  const http = openHttp(globals, terminal);
  const { version } = packageFacts();
  const plcUrl = parseServerUrl(globals.plcUrl, { allowPrivateHosts: globals.allowPrivateHosts });
  const services: MigrationServices = {
    openPds: (origin) => new Pds(http, origin),
    directory: createPlcDirectory(http, plcUrl),
    handles: createHandleResolver(http),
    now: () => Date.now(),
    sleep: async (milliseconds, signal) => setTimeout(milliseconds, undefined, { signal }),
    writtenBy: `decamp ${version}`,
    lockOwner: { pid: process.pid, host: hostname(), isAlive },
  };
  try {
    return await runMigrate(invocation, edge, async () =>
      Promise.resolve(async (options, answers, report, signal) => migrate(options, services, answers, report, signal)),
    );
  } finally {
    await http.close();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
