/** `decamp plc add-key`: a rotation key of the user's own, before all others. */
import { addRotationKey } from "../../account/add-key.ts";
import { refusePrivateKey } from "../argument-guard.ts";
import { requireDidKey } from "../did-key.ts";
import { talkIdentity } from "./identity-talk.ts";
import type { Edge, Invocation } from "../command.ts";
import type { PlcAddKeyFlags } from "./declare-change.ts";
import { readNewKey } from "../inputs/new-key.ts";
import { changeJson, changeLines } from "./plan-lines.ts";
import { tellDocument } from "../talk/terminal.ts";

/** Runs `decamp plc add-key`. */
export async function plcAddKeyCommand(invocation: Invocation<PlcAddKeyFlags>, edge: Edge): Promise<number> {
  const { args, flags } = invocation;
  const { terminal } = edge;
  const [account = "", what = ""] = args;
  const { via = "server" } = flags;
  refusePrivateKey(what);
  const replace = flags.replace === undefined ? undefined : requireDidKey(flags.replace);
  return talkIdentity(invocation, flags, edge, async (talk) => {
    const { parts, globals, complete, from } = talk;
    const { key, proof } = await readNewKey(
      what,
      flags.curve,
      { secrets: talk.secrets, signal: parts.signal },
      terminal,
    );
    if (proof === undefined && !globals.json) {
      terminal.err.line(
        { text: "Warning:", style: "yellow" },
        " the private part of this key is not at hand, so nobody can try it. Make sure that you have it.",
      );
      terminal.err.line();
    }
    const signBy = flags.signBy ?? (talk.hasRotationKey ? "key" : "server");
    const result = await addRotationKey(parts, {
      account,
      from,
      key,
      proof,
      replace,
      openSigner: signBy === "key" ? talk.openSigner : undefined,
      route: via,
      allowPrivateHosts: globals.allowPrivateHosts,
    });
    const { did, state } = result;
    const added = state === "added" ? result : undefined;
    const proved = proof !== undefined;
    const change = added === undefined ? {} : changeJson(added);
    const document = { type: "result", version: 1, command: "plc add-key", did, state, key, proved, ...change };
    if (tellDocument(terminal, globals.json, document) || globals.quiet) {
      return 0;
    }
    if (added === undefined) {
      terminal.out.line("This key stands first already. Nothing was sent.");
      return 0;
    }
    terminal.out.line({ text: "Your key stands first.", style: "bold" });
    for (const line of changeLines(added, via === "directory", complete)) {
      terminal.out.line(...line);
    }
    terminal.out.line("Keep the key safe, and not only on this machine: nobody can give it back to you.");
    return 0;
  });
}
