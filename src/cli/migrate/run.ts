/** `decamp migrate`. What is missing is asked for, or said before anything else is loaded. */
import type { Edge, Invocation } from "../command.ts";
import { nonEmpty, readGlobals } from "../globals.ts";
import type { MigrateFlags } from "./declare.ts";
import { readPlaces } from "./account-and-target.ts";

/** Whether there is somebody to ask, and something to ask for. */
function isGuided({ args, flags, globals: raw }: Invocation<MigrateFlags>, { terminal }: Edge): boolean {
  const { json, noInput } = readGlobals(raw, terminal.env);
  const isWhole = args[0] !== undefined && (flags.to ?? nonEmpty(terminal.env["DECAMP_TARGET_PDS"])) !== undefined;
  return (
    (flags.guide === true || !isWhole) &&
    flags.dryRun !== true &&
    !json &&
    !noInput &&
    terminal.err.isTerminal &&
    terminal.stdin.isTTY
  );
}

/** Runs `decamp migrate`. */
export async function migrateCommand(invocation: Invocation<MigrateFlags>, edge: Edge): Promise<number> {
  const asks = isGuided(invocation, edge);
  if (!asks) {
    readPlaces(invocation, edge.terminal.env);
  }
  return (await import("./begin.ts")).beginMove(invocation, edge, asks);
}
