/** `decamp account deactivate`: the copy of an account where it does not live any more, not active any more. */
import { exitCodeOf } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { deactivateOld, type Deactivated, type DeactivatePlan } from "../../migration/afterwards/deactivate-old.ts";
import type { Edge, Invocation } from "../command.ts";
import { asOwner } from "../talk/answers/as-owner.ts";
import { requireYes } from "../talk/answers/yes.ts";
import { plural } from "../talk/reporters/amounts.ts";
import { tellDocument } from "../talk/terminal.ts";
import type { DeactivateFlags } from "./declare.ts";

/** Runs `decamp account deactivate`. Exit code 5 if it is done, and the other server does not answer by then. */
export async function accountDeactivateCommand(invocation: Invocation<DeactivateFlags>, edge: Edge): Promise<number> {
  const { terminal } = edge;
  const [account = ""] = invocation.args;
  const { server } = invocation.flags;
  return asOwner(
    invocation,
    edge,
    async ({ services, answers, prompter, globals, from, signal }) => {
      const { allowPrivateHosts, stateDir, json, quiet, yes } = globals;
      const named = server === undefined ? undefined : parseServerUrl(server, globals);
      const done = await deactivateOld(
        services,
        answers,
        { account, server: named, from, allowPrivateHosts, stateDir },
        {
          onCompare: (of) => {
            if (!json && !quiet) {
              terminal.err.line(`Comparing what ${of.server} has with what ${of.home} has: every record, every blob.`);
            }
          },
          confirm: async (plan) => {
            const { unsettled } = plan;
            if (!yes || unsettled !== undefined) {
              await requireYes(prompter, {
                lead: [...(unsettled === undefined ? [] : [unsettled]), planned(plan), ...differences(plan)].join(" "),
                does: `deactivate the account at ${plan.server}`,
                answeredBy: "--yes",
                left: `The account at ${plan.server} was left as it is.`,
              });
            }
          },
        },
        signal,
      );
      const document = { type: "result", version: 1, command: "account deactivate", ...done };
      if (!tellDocument(terminal, json, document) && !quiet) {
        for (const line of told(done)) {
          terminal.out.line(line);
        }
      }
      return done.homeState === "active" ? 0 : exitCodeOf("unreachable");
    },
    { server: "the server where it is deactivated" },
  );
}

function planned({ handle, server, home, records, blobs }: DeactivatePlan): string {
  return `The identity of ${handle} names ${home}, where the account is active. ${home} has all that ${server} has: ${plural(records, "record")} were proved there, and ${plural(blobs, "blob")} read back. The account at ${server} can be deactivated.`;
}

/** What is otherwise at home than in the copy: nothing of it is brought. */
function differences({
  server,
  home,
  changed = [],
  changedCount = 0,
  lost = [],
}: Partial<DeactivatePlan>): readonly string[] {
  return [
    ...(changedCount === 0
      ? []
      : [`${plural(changedCount, "record")} at ${server} are otherwise at ${home}, such as ${changed[0] ?? ""}.`]),
    ...(lost.length === 0
      ? []
      : [`${plural(lost.length, "blob")} that records need are at neither of the two, such as ${lost[0]?.cid ?? ""}.`]),
  ];
}

function told(done: Deactivated): readonly string[] {
  const { handle, server, home, state, homeState } = done;
  const there =
    homeState === "active" ? `It is active at ${home}.` : `Whether it is active at ${home} was not said: ${homeState}.`;
  return [
    ...differences(done),
    `${handle} ${state === "deactivated" ? "is" : "was"} deactivated at ${server}${state === "deactivated" ? "" : " already"}. ${there}`,
  ];
}
