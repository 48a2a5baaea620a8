/** `decamp account preferences`: those of an archive, put back at the server. */
import { putPreferencesBack } from "../../migration/afterwards/put-preferences.ts";
import type { Edge, Invocation } from "../command.ts";
import { asOwner } from "../talk/answers/as-owner.ts";
import { requireYes } from "../talk/answers/yes.ts";
import { plural, withLocalTimes } from "../talk/reporters/amounts.ts";
import { tellDocument } from "../talk/terminal.ts";
import type { PreferencesFlags } from "./declare.ts";

/** Runs `decamp account preferences`. */
export async function accountPreferencesCommand(invocation: Invocation<PreferencesFlags>, edge: Edge): Promise<number> {
  const { terminal } = edge;
  const [account = "", archive = ""] = invocation.args;
  return asOwner(invocation, edge, async ({ services, answers, prompter, globals, from, signal }) => {
    const { allowPrivateHosts, json, quiet } = globals;
    const request = { account, archive, from, allowPrivateHosts };
    const done = await putPreferencesBack(
      services,
      answers,
      request,
      async ({ handle, server, at, comes, goes }) => {
        if (invocation.flags.replace === true) {
          return;
        }
        const lead = `${server} has preferences of ${handle} that the archive does not have: ${goes.join(", ")}. Those of the archive, of ${at}, would replace them${comes.length === 0 ? "" : `, and bring: ${comes.join(", ")}`}. A new export while signed in keeps those of the server.`;
        await requireYes(prompter, {
          lead: withLocalTimes(lead),
          does: `replace what ${server} has: ${goes.join(", ")}`,
          answeredBy: "--replace",
          left: "The preferences were left as they are.",
        });
      },
      signal,
    );
    const document = { type: "result", version: 1, command: "account preferences", ...done };
    if (!tellDocument(terminal, json, document) && !quiet) {
      const { handle, server, state, preferences, at } = done;
      terminal.out.line(
        withLocalTimes(
          state === "same"
            ? `${server} has the preferences of the archive already, those of ${at}.`
            : `${handle} has ${plural(preferences, "preference")} of the archive at ${server}, those of ${at}, read back.`,
        ),
      );
    }
    return 0;
  });
}
