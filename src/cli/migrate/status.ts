/** `decamp migrate status`: the moves that this machine remembers, or where one account stands. */
import { knownMoves, type KnownMove } from "../../migration/journal.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals } from "../globals.ts";
import { nextCommand, type RunFlags } from "../next-command.ts";
import type { Terminal } from "../talk/terminal.ts";
import type { MigrateFlags } from "./declare.ts";

/** Runs `decamp migrate status`. */
export async function migrateStatusCommand(
  { args, flags, globals: raw }: Invocation<MigrateFlags>,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const run: RunFlags = { raw, globals, archive: flags.archive };
  const [account] = args;
  if (account === undefined) {
    listMoves(await knownMoves(globals.stateDir), run, globals.json, terminal);
    return 0;
  }
  return (await import("./account-status.ts")).tellAccountStatus(account, flags, globals, run, terminal);
}

/** What this machine remembers. Where the accounts are is not asked. */
function listMoves(moves: readonly KnownMove[], run: RunFlags, json: boolean, { out }: Terminal): void {
  if (json) {
    out.json({ type: "result", version: 1, command: "migrate status", knownMoves: moves });
    return;
  }
  if (moves.length === 0) {
    out.line("This machine remembers no move.");
    return;
  }
  for (const { did, handle, newHandle, source, target, begunAt } of moves) {
    out.line({ text: handle ?? did, style: "bold" }, "  ", { text: did, style: "dim" });
    out.line("  from ", source, " to ", target, ...(newHandle === undefined ? [] : [" as ", newHandle]));
    out.line(...(begunAt === undefined ? [] : ["  begun ", begunAt]));
    out.line("  ", nextCommand(["migrate", "status", did], run));
  }
}
