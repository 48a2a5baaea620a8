/** `decamp account activate`: an account, active again where it lives. */
import { activateAccount } from "../../account/activate.ts";
import type { Edge, Invocation } from "../command.ts";
import type { OwnerFlags } from "../shape.ts";
import { asOwner } from "../talk/answers/as-owner.ts";
import { tellDocument } from "../talk/terminal.ts";

/** Runs `decamp account activate`. */
export async function accountActivateCommand(invocation: Invocation<OwnerFlags>, edge: Edge): Promise<number> {
  const { terminal } = edge;
  const [account = ""] = invocation.args;
  return asOwner(invocation, edge, async ({ services, answers, globals, from, signal }) => {
    const { allowPrivateHosts, json, quiet } = globals;
    const request = { account, from, allowPrivateHosts };
    const done = await activateAccount(services, answers, request, signal);
    const document = { type: "result", version: 1, command: "account activate", ...done };
    if (!tellDocument(terminal, json, document) && !quiet) {
      const { handle, server, state } = done;
      terminal.out.line(
        state === "activated" ? `${handle} is active at ${server}.` : `${handle} was active at ${server} already.`,
      );
    }
    return 0;
  });
}
