/** What people read when `decamp restore` has ended well. */
import { ownKeyFlag } from "../../account/where.ts";
import { isWebDid } from "../../identity/names.ts";
import type { MigrationPlan, MigrationResult } from "../../migration/events.ts";
import type { StepId } from "../../migration/step-ids.ts";
import { leftLines } from "../talk/left-lines.ts";
import { emailLines, figures, stepLines } from "../talk/move-lines.ts";
import { sizeLines } from "../talk/size-lines.ts";
import type { Complete } from "../next-command.ts";
import type { Line } from "../talk/terminal.ts";

/**
 * @param run where it was to stop, whether the identity names a temporary key by now, and what makes a command complete
 *   that asks for the key of this run
 */
export function restoreLines(
  result: MigrationResult,
  plan: MigrationPlan | undefined,
  {
    until,
    isTemporary,
    complete,
  }: { readonly until: StepId | undefined; readonly isTemporary: boolean; readonly complete: Complete },
): readonly Line[] {
  switch (result.state) {
    case "planned":
      return plan === undefined ? [] : planLines(plan);
    case "stopped":
      return [
        [{ text: `Stopped after the step ${until ?? ""}, as you asked.`, style: "bold" }],
        ...(isTemporary
          ? [
              ["The identity names a temporary signing key: what your old server signs does not count."],
              ...(result.temporaryKey === undefined
                ? []
                : [["That is ", result.temporaryKey.key, ", in ", result.temporaryKey.file]]),
              ["To take that back:"],
              [
                `  ${complete(["restore", "cancel", result.did, "--to", result.target, ...(isWeb(result) ? [] : ownKeyFlag)])}`,
              ],
            ]
          : []),
        ["To go on, run the same command without --until."],
        ...leftLines(result),
      ];
    case "moved":
      return [
        [{ text: `${result.handle} lives at ${result.target} now.`, style: "bold" }],
        ["DID       ", result.did],
        ...(result.handle === result.oldHandle ? [] : [["Handle    ", result.oldHandle, " → ", result.handle]]),
        ...contents(result),
        ...leftLines(result),
        [],
        [{ text: "What to do next", style: "bold" }],
        ["Sign in at your new server, with the password that you have chosen."],
        ...emailLines(result),
        [],
        [{ text: "What is kept", style: "bold" }],
        ["The archive is in ", result.archive],
        ...(result.certificate === undefined ? [] : [["The proof of the move is in ", result.certificate]]),
        ...(isWeb(result)
          ? result.document === undefined
            ? []
            : [
                ["The document that is published now is in ", result.document.file],
                ["Keep the host of your did:web: without it there is no way back like this."],
              ]
          : [["Keep your rotation key, too: without it there is no way back like this."]]),
      ];
  }
}

function isWeb({ did }: Pick<MigrationResult, "did">): boolean {
  return isWebDid(did);
}

function contents(result: MigrationResult): Line[] {
  const { commit } = result;
  const restored = figures(result);
  return [
    ...(restored === "" ? [] : [["Restored  ", restored]]),
    ...(commit === undefined
      ? []
      : [["Commit    ", commit, { text: ", proved at the new server", style: "dim" } as const]]),
  ];
}

function planLines(plan: MigrationPlan): Line[] {
  return [
    [{ text: "This is the plan. Nothing was changed.", style: "bold" }],
    [],
    ["Account     ", plan.handle, "  ", { text: plan.did, style: "dim" }],
    ["Archive     ", plan.archive],
    ["Was at      ", plan.source],
    ["New server  ", plan.target],
    ...(plan.newHandle === plan.handle ? [] : [["New handle  ", plan.newHandle ?? "to be chosen"]]),
    ...sizeLines(plan),
    ["Your key    ", plan.rotationKey === undefined ? "not tried" : `${plan.rotationKey}, opened and tried`],
    [],
    ...stepLines(plan),
    [],
    ...(isWeb(plan)
      ? [
          ["The identity changes twice, at publish-key and at publish-document: each time you publish a document."],
          ["Until publish-document all can be taken back with decamp restore cancel."],
        ]
      : [
          [
            "The identity changes twice, at swap-key and at submit-operation, each time only once you have confirmed it.",
          ],
          ["Until submit-operation all can be taken back with decamp restore cancel."],
        ]),
  ];
}
