/** The entry of the command line: from the arguments to an exit code. */
import { resumable } from "./command-line.ts";
import { lostOutput, reportFailure } from "./failure.ts";
import type { AnyInvocation, Edge } from "./invocation.ts";
import { readGlobals } from "./globals.ts";
import { withNextCommand } from "./next-command.ts";
import { packageFacts } from "./package.ts";
import { readArguments } from "./program.ts";
import { outliveSession } from "./signals.ts";
import { openTerminal, processParts, type TerminalParts } from "./terminal.ts";

/**
 * Runs decamp.
 *
 * @param argv the arguments behind the program's name
 * @param parts the streams and the environment; those of the process unless a test hands over others
 * @returns the exit code, as in the contract of the command line
 */
export async function main(argv: readonly string[], parts: TerminalParts = processParts()): Promise<number> {
  // How to speak has to be known even when the arguments cannot be understood.
  const early = argv.slice(0, argv.includes("--") ? argv.indexOf("--") : undefined);
  const json = early.includes("--json");
  const verbose = early.some((argument) => argument === "--verbose" || /^-[a-z]*v[a-z]*$/.test(argument));
  const terminal = await openTerminal(parts, { noColor: early.includes("--no-color") });
  const { secrets } = terminal;
  const fail = (error: unknown): number => reportFailure(terminal, error, { json, verbose, ...packageFacts() });
  const onBug = (error: unknown): void => {
    process.exit(fail(error));
  };
  process.on("uncaughtException", onBug);
  const outlived = outliveSession();
  try {
    // Nothing that is shorter can be a key, and help needs no code for it.
    if (argv.some((argument) => /\w{25}/.test(argument))) {
      const { guardArguments } = await import("./argument-guard.ts");
      guardArguments(argv, secrets);
    }
    const invocation = readArguments(argv, terminal);
    const code = "exitCode" in invocation ? invocation.exitCode : await runNamed(invocation, { terminal, secrets });
    await terminal.out.settled();
    const { failure } = terminal.out;
    if (failure === undefined) {
      return code;
    }
    // What was done is done: a run that failed keeps its own code.
    const failed = fail(lostOutput(failure));
    return code === 0 ? failed : code;
  } catch (error) {
    const code = fail(resumable(error, argv));
    if (terminal.out.abandoned) {
      // What is on its way to a reader that does not read would keep the process alive.
      process.exit(code);
    }
    return code;
  } finally {
    process.off("uncaughtException", onBug);
    outlived();
  }
}

/** Runs a command; an error that knows what to do next says it with all flags of this run. */
async function runNamed(invocation: AnyInvocation, edge: Edge): Promise<number> {
  const { processSettings, refuseRevealing } = await import("./node-settings.ts");
  refuseRevealing(invocation.command, edge.terminal.env, processSettings());
  try {
    return await run(invocation, edge);
  } catch (error) {
    const { quiet: _quiet, ...raw } = invocation.globals;
    throw withNextCommand(error, { raw, globals: readGlobals(raw, edge.terminal.env) });
  }
}

/** The code of a command is loaded only when it runs. */
async function run(invocation: AnyInvocation, edge: Edge): Promise<number> {
  switch (invocation.command) {
    case "export": {
      if (invocation.flags.all === true || invocation.flags.accounts !== undefined) {
        const { exportManyCommand } = await import("./commands/export-many.ts");
        return exportManyCommand(invocation, edge);
      }
      const { exportCommand } = await import("./commands/export.ts");
      return exportCommand(invocation, edge);
    }
    case "migrate": {
      const { migrateCommand } = await import("./commands/migrate.ts");
      return migrateCommand(invocation, edge);
    }
    case "migrate status": {
      const { migrateStatusCommand } = await import("./commands/migrate-status.ts");
      return migrateStatusCommand(invocation, edge);
    }
    case "migrate cancel": {
      const { migrateCancelCommand } = await import("./commands/migrate-cancel.ts");
      return migrateCancelCommand(invocation, edge);
    }
    case "archive ls": {
      const { archiveLsCommand } = await import("./commands/archive.ts");
      return archiveLsCommand(invocation, edge);
    }
    case "archive diff": {
      const { archiveDiffCommand } = await import("./commands/archive.ts");
      return archiveDiffCommand(invocation, edge);
    }
    case "archive prune": {
      const { archivePruneCommand } = await import("./commands/archive.ts");
      return archivePruneCommand(invocation, edge);
    }
    case "verify": {
      if (invocation.flags.certificate === true) {
        const { verifyCertificateCommand } = await import("./commands/verify-certificate.ts");
        return verifyCertificateCommand(invocation, edge);
      }
      const { verifyCommand } = await import("./commands/verify.ts");
      return verifyCommand(invocation, edge);
    }
    case "repo ls": {
      const { repoLsCommand } = await import("./commands/look.ts");
      return repoLsCommand(invocation, edge);
    }
    case "repo get": {
      const { repoGetCommand } = await import("./commands/look.ts");
      return repoGetCommand(invocation, edge);
    }
    case "repo unpack": {
      const { repoUnpackCommand } = await import("./commands/look.ts");
      return repoUnpackCommand(invocation, edge);
    }
    case "repo diff": {
      const { repoDiffCommand } = await import("./commands/look.ts");
      return repoDiffCommand(invocation, edge);
    }
    case "blob ls": {
      const { blobLsCommand } = await import("./commands/look.ts");
      return blobLsCommand(invocation, edge);
    }
    case "plc history": {
      const { plcHistoryCommand } = await import("./commands/plc-read.ts");
      return plcHistoryCommand(invocation, edge);
    }
    case "plc audit": {
      const { plcAuditCommand } = await import("./commands/plc-read.ts");
      return plcAuditCommand(invocation, edge);
    }
    case "plc diff": {
      const { plcDiffCommand } = await import("./commands/plc-diff.ts");
      return plcDiffCommand(invocation, edge);
    }
    case "plc sign": {
      const { plcSignCommand } = await import("./commands/plc-sign.ts");
      return plcSignCommand(invocation, edge);
    }
    case "plc recover": {
      const { plcRecoverCommand } = await import("./commands/plc-recover.ts");
      return plcRecoverCommand(invocation, edge);
    }
    case "plc undo": {
      const { plcUndoCommand } = await import("./commands/plc-undo.ts");
      return plcUndoCommand(invocation, edge);
    }
    case "plc submit": {
      const { plcSubmitCommand } = await import("./commands/plc-submit.ts");
      return plcSubmitCommand(invocation, edge);
    }
    case "plc add-key": {
      const { plcAddKeyCommand } = await import("./commands/plc-add-key.ts");
      return plcAddKeyCommand(invocation, edge);
    }
    case "key generate": {
      const { keyGenerateCommand } = await import("./commands/key-keep.ts");
      return keyGenerateCommand(invocation, edge);
    }
    case "key import": {
      const { keyImportCommand } = await import("./commands/key-keep.ts");
      return keyImportCommand(invocation, edge);
    }
    case "key inspect": {
      const { keyInspectCommand } = await import("./commands/key-inspect.ts");
      return keyInspectCommand(invocation, edge);
    }
  }
}
