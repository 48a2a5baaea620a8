/** `decamp plc submit`: an operation that was signed elsewhere. */
import { submitSigned } from "../../account/submit-signed.ts";
import { talkIdentity } from "./identity-talk.ts";
import type { Edge, Invocation } from "../command.ts";
import type { PlcSubmitFlags } from "./declare-change.ts";
import { readOperationInput } from "../inputs/operation-input.ts";
import { changeJson, changeLines } from "./plan-lines.ts";
import { tellDocument } from "../talk/terminal.ts";

/** Runs `decamp plc submit`. */
export async function plcSubmitCommand(invocation: Invocation<PlcSubmitFlags>, edge: Edge): Promise<number> {
  const { args, flags } = invocation;
  const { terminal } = edge;
  const [account = "", path = "-"] = args;
  const { via = "server", nullify = false } = flags;
  const operation = await readOperationInput(path, terminal);
  return talkIdentity(invocation, flags, edge, async ({ parts, globals, complete, from }) => {
    const { allowPrivateHosts } = globals;
    const result = await submitSigned(parts, { account, from, operation, nullify, route: via, allowPrivateHosts });
    const { did, state } = result;
    const document = { type: "result", version: 1, command: "plc submit", did, state, ...changeJson(result) };
    if (tellDocument(terminal, globals.json, document) || globals.quiet) {
      return 0;
    }
    if (state === "already-there") {
      terminal.out.line("This operation is in the log already. Nothing was sent.");
    }
    for (const line of changeLines(result, state === "submitted" && via === "directory", complete)) {
      terminal.out.line(...line);
    }
    return 0;
  });
}
