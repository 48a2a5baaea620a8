/** `decamp migrate status`: the moves that this machine remembers, or where one account stands. */
import { exitCodeOf } from "../../errors.ts";
import { knownMoves, type KnownMoves } from "../../migration/journal.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals } from "../globals.ts";
import { nextCommand, type RunFlags } from "../next-command.ts";
import { timeText } from "../talk/reporters/amounts.ts";
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
    return listMoves(await knownMoves(globals.stateDir), run, globals.json, terminal);
  }
  return (await import("./account-status.ts")).tellAccountStatus(account, flags, globals, run, terminal);
}

/** What this machine remembers. Where the accounts are is not asked. Returns the exit code. */
function listMoves(known: KnownMoves, run: RunFlags, json: boolean, { out, err }: Terminal): number {
  const { moves, damaged } = known;
  const code = damaged.length > 0 ? exitCodeOf("damaged") : 0;
  if (json) {
    const more = damaged.length > 0 ? { damaged } : {};
    out.json({ type: "result", version: 1, command: "migrate status", knownMoves: moves, ...more });
    return code;
  }
  for (const path of damaged) {
    err.line(
      { text: "Warning: ", style: "yellow" },
      path,
      " is damaged or cannot be read: a move may be missing here.",
    );
  }
  if (moves.length === 0 && code === 0) {
    out.line("This machine remembers no move.");
  }
  for (const { did, handle, newHandle, source, target, begunAt } of moves) {
    out.line({ text: handle ?? did, style: "bold" }, "  ", { text: did, style: "dim" });
    out.line("  from ", source, " to ", target, ...(newHandle === undefined ? [] : [" as ", newHandle]));
    out.line(...(begunAt === undefined ? [] : ["  begun ", timeText(begunAt)]));
    out.line("  ", nextCommand(["migrate", "status", did], run));
  }
  return code;
}
