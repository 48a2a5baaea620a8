/** `decamp restore cancel`: takes a restore back, as long as the identity does not name the new server. */
import { cancelRestore } from "../../migration/restore/cancel.ts";
import type { Edge, Invocation } from "../command.ts";
import { servicesFor } from "../services.ts";
import { converse } from "../talk/converse.ts";
import type { RestoreFlags } from "./declare.ts";
import { readRestoreRequest } from "./request.ts";
import { tellDocument } from "../talk/terminal.ts";

/** Runs `decamp restore cancel`. */
export async function restoreCancelCommand(invocation: Invocation<RestoreFlags>, edge: Edge): Promise<number> {
  const { terminal } = edge;
  const request = readRestoreRequest(invocation, terminal.env, true);
  const { options, globals } = request;
  const services = servicesFor(globals, terminal);
  try {
    const result = await converse(request, edge, async (answers, report, signal) =>
      cancelRestore(options, services, answers, report, signal),
    );
    const document = { type: "result", version: 1, command: "restore cancel", ...result };
    if (!tellDocument(terminal, globals.json, document) && !globals.quiet) {
      const { handle, target, targetAccount, operation, document } = result;
      const outcomes: Record<typeof targetAccount, string> = {
        deleted: `The copy at ${target} is deleted.`,
        absent: `There was no account at ${target}.`,
        kept: `What is at ${target} is kept: the account has lived there.`,
        left: `What is at ${target} is left there: that server deletes no account.`,
      };
      terminal.out.line({ text: `The restore of ${handle} is taken back.`, style: "bold" });
      terminal.out.line(
        operation === undefined && document === undefined
          ? "The identity does not name a temporary key."
          : "The identity has its old signing key again.",
      );
      terminal.out.line(outcomes[targetAccount]);
    }
    return 0;
  } finally {
    services.close();
  }
}
