/** `decamp migrate cancel`: takes a move back, as long as there is something to take back. */
import { cancelMigration } from "../../migration/cancel.ts";
import { converse } from "../talk/converse.ts";
import type { Edge, Invocation } from "../command.ts";
import type { MigrateFlags } from "./declare.ts";
import { readMigrateRequest } from "./request.ts";
import { servicesFor } from "../services.ts";
import { tellDocument } from "../talk/terminal.ts";

/** Runs `decamp migrate cancel`. */
export async function migrateCancelCommand(invocation: Invocation<MigrateFlags>, edge: Edge): Promise<number> {
  const { terminal } = edge;
  const request = readMigrateRequest(invocation, terminal.env);
  const { options, globals } = request;
  const services = servicesFor(globals, terminal);
  try {
    const result = await converse(request, edge, async (answers, report, signal) =>
      cancelMigration(options, services, answers, report, signal),
    );
    const document = { type: "result", version: 1, command: "migrate cancel", ...result };
    if (!tellDocument(terminal, globals.json, document) && !globals.quiet) {
      const { handle, source, target, targetAccount, reactivated } = result;
      const nothing = ["absent", "kept"].includes(targetAccount) && !reactivated;
      terminal.out.line({
        text: nothing ? `Nothing was left to cancel of a move of ${handle}.` : `The move of ${handle} is cancelled.`,
        style: "bold",
      });
      const outcomes: Record<typeof targetAccount, string> = {
        deleted: `The copy at ${target} is deleted.`,
        absent: `There was no account at ${target}.`,
        kept: `What is at ${target} is kept: the account has lived there.`,
        left: `What is at ${target} is left there: that server deletes no account.`,
      };
      terminal.out.line(outcomes[targetAccount]);
      terminal.out.line(
        `It lives at ${source}${reactivated ? ", and is active there again" : ""}. The archive is kept.`,
      );
    }
    return 0;
  } finally {
    services.close();
  }
}
