/** `decamp plc undo`: takes back a move that has changed the identity. */
import { exitCodeOf } from "../../errors.ts";
import { undoMove } from "../../migration/undo.ts";
import { talkIdentity } from "./identity-talk.ts";
import type { Edge, Invocation } from "../command.ts";
import type { PlcUndoFlags } from "./declare-change.ts";
import { changeJson, changeLines } from "./plan-lines.ts";
import { warningLine } from "../talk/reporters/lines.ts";
import { tellDocument } from "../talk/terminal.ts";

/** Runs `decamp plc undo`. Exit code 8 if the account is still active on the new server. */
export async function plcUndoCommand(invocation: Invocation<PlcUndoFlags>, edge: Edge): Promise<number> {
  const { args, flags } = invocation;
  const { terminal } = edge;
  const [account = ""] = args;
  const words = { source: "your old server" };
  return talkIdentity(
    invocation,
    flags,
    edge,
    async ({ services, parts, globals, complete, from, openSigner }) => {
      const { stateDir, allowPrivateHosts } = globals;
      const warnings: { code: string; message: string }[] = [];
      const warn = (code: string, message: string): void => {
        warnings.push({ code, message });
        if (!globals.json) {
          terminal.err.line(...warningLine({ message }));
        }
      };
      const request = { account, from, operation: flags.operation, stateDir, allowPrivateHosts, openSigner };
      const result = await undoMove({ ...parts, services, warn }, request);
      const { state, did, source, target, undone, targetStillActive, targetState, change } = result;
      const facts = { state, did, source, target, undone, targetStillActive, targetState, warnings };
      const changed = change === undefined ? {} : changeJson(change);
      const document = { type: "result", version: 1, command: "plc undo", ...facts, ...changed };
      if (!tellDocument(terminal, globals.json, document) && (!globals.quiet || targetStillActive)) {
        terminal.out.line({ text: `The account lives at ${source} again, and is active there.`, style: "bold" });
        terminal.out.line(
          targetStillActive
            ? `It is still active at ${target}, too: deactivate it there.`
            : targetState === "absent"
              ? `${target} says that it does not have it.`
              : `${target} says of it: ${targetState}.`,
        );
        for (const line of change === undefined ? [] : changeLines(change, false, complete)) {
          terminal.out.line(...line);
        }
      }
      return targetStillActive ? exitCodeOf("rate-limited") : 0;
    },
    words,
  );
}
