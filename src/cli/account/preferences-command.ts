/** `decamp account preferences`: those of an archive, put back at the server. */
import { putPreferencesBack, type PreferencesDifference } from "../../migration/afterwards/put-preferences.ts";
import { inWords } from "../../migration/checks/preferences.ts";
import type { Edge, Invocation } from "../command.ts";
import { asOwner } from "../talk/answers/as-owner.ts";
import { requireYes } from "../talk/answers/yes.ts";
import { plural, withLocalTimes } from "../talk/reporters/amounts.ts";
import { tellDocument } from "../talk/terminal.ts";
import type { PreferencesFlags } from "./declare.ts";

/** What becomes of which kinds, each named once. */
export function whatChanges({ comes, goes }: Pick<PreferencesDifference, "comes" | "goes">): string[] {
  const [come, go] = [inWords(comes), inWords(goes)];
  const groups = [
    ["Replaced by those of the archive", go.filter((kind) => come.includes(kind))],
    ["Removed", go.filter((kind) => !come.includes(kind))],
    ["Added", come.filter((kind) => !go.includes(kind))],
  ] as const;
  return groups.flatMap(([what, kinds]) => (kinds.length === 0 ? [] : [`${what}: ${kinds.join(", ")}.`]));
}

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
        const lead = `${server} has preferences of ${handle} that the archive of ${at} does not have. ${whatChanges({ comes, goes }).join(" ")} A new export while signed in keeps those of the server.`;
        await requireYes(prompter, {
          lead: withLocalTimes(lead),
          // Who is asked has just read it; who cannot be asked gets this sentence alone.
          does: `replace what ${server} has${prompter.canAsk ? "" : `: ${inWords(goes).join(", ")}`}`,
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
