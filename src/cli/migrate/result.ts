/** What people read when `decamp migrate` has ended well. */
import type { MigrationPlan, MigrationResult } from "../../migration/events.ts";
import type { StepId } from "../../migration/step-ids.ts";
import { countsText } from "../../migration/checks/seen-by-others.ts";
import { noUndoLine, undoCommand } from "../talk/facts-lines.ts";
import { leftLines } from "../talk/left-lines.ts";
import { emailLines, figures, stepLines } from "../talk/move-lines.ts";
import { roomLines, sizeLines } from "../talk/size-lines.ts";
import { bytesText, timeText } from "../talk/reporters/amounts.ts";
import { weakerLines } from "../talk/reporters/lines.ts";
import type { Line } from "../talk/terminal.ts";
import type { Complete } from "../next-command.ts";
import { commandLine } from "../command-line.ts";

/** @param asked what a planned move is going to ask for @param keyFile of the rotation key that was put first */
export function resultLines(
  result: MigrationResult,
  plan: MigrationPlan | undefined,
  until: StepId | undefined,
  complete: Complete = commandLine,
  asked: readonly Line[] = [],
  keyFile?: string,
): readonly Line[] {
  switch (result.state) {
    case "planned":
      return plan === undefined ? [] : planLines(plan, asked);
    case "stopped":
      return [
        [{ text: `Stopped after the step ${until ?? ""}, as you asked.`, style: "bold" }],
        ...(result.dark === true
          ? [
              [
                {
                  text: "Nobody can see the account now: the server that its identity names does not have it active.",
                  style: "yellow",
                } as const,
              ],
              ["So go on soon: run the same command without --until."],
            ]
          : [["To go on, run the same command without --until."]]),
        ...contents(result, "Copied", ""),
        ...archive(result),
        ...leftLines(result),
      ];
    case "moved":
      return [
        [{ text: `${result.handle} lives at ${result.target} now.`, style: "bold" }],
        ["DID     ", result.did],
        ...(result.handle === result.oldHandle ? [] : [["Handle  ", result.oldHandle, " → ", result.handle]]),
        ...(result.emailConfirmed === true ? [["E-mail  ", "confirmed at your new server"]] : []),
        ...contents(
          result,
          "Moved ",
          result.sourceStillActive === true || result.lateWrites !== undefined
            ? ""
            : ", the same tree on both sides when it moved",
        ),
        ...seenLines(result),
        ...leftLines(result),
        [],
        [{ text: "What to do next", style: "bold" }],
        ["Sign in at your new server: apps that were signed in at the old one have to do so again."],
        ["App passwords stay behind: make new ones there."],
        ...emailLines(result),
        ...(result.sourceStillActive === true
          ? [
              [
                { text: "The account was not deactivated at your old server.", style: "yellow" },
                ` Run the same command again, or sign in at ${result.source} and deactivate it; do not delete it yet.`,
              ] as const,
            ]
          : []),
        [],
        [{ text: "What is kept", style: "bold" }],
        [keptThere(result)],
        ...archive(result),
        ...(result.certificate === undefined ? [] : [["The proof of the move is in ", result.certificate]]),
        ...(keyFile === undefined ? [] : [["Your rotation key is in ", keyFile]]),
        ...undo(result, complete),
        ...documentLines(result, complete),
      ];
  }
}

/** What people see of the account, before and after; nothing where no AppView was asked. */
function seenLines({ seenByOthers }: MigrationResult): Line[] {
  if (seenByOthers === undefined) {
    return [];
  }
  const { host, before, after } = seenByOthers;
  const was = before === undefined ? undefined : countsText(before);
  const is = after === undefined ? undefined : countsText(after);
  const then =
    was === undefined
      ? "; what it was before the move is not known"
      : is === was
        ? ", as before the move"
        : `; before the move ${was}`;
  return [["Seen    ", `${is ?? "nothing yet"} at ${host}${then}`]];
}

/** What the old server has, as far as it says. */
function keptThere({ source, sourceState, recoverableUntil }: MigrationResult): string {
  switch (sourceState) {
    case "absent":
      return `${source} says that it does not have the account.`;
    case undefined:
    case "unknown":
    case "unreachable":
      return `${source} does not say whether it still has the account.`;
    case "deactivated":
      return `${source} still has the account, deactivated. Do not delete it there for some days: ${
        recoverableUntil === undefined ? "something may turn out to be missing." : "it is your way back."
      }`;
    default:
      return `${source} still has the account, ${sourceState}.`;
  }
}

function planLines(plan: MigrationPlan, asked: readonly Line[]): Line[] {
  const newHandle = plan.newHandle ?? "to be chosen";
  return [
    [{ text: "This is the plan. Nothing was changed.", style: "bold" }],
    [],
    ["Account     ", plan.handle, "  ", { text: plan.did, style: "dim" }],
    ["Old server  ", plan.source],
    ["New server  ", plan.target],
    ...(newHandle === plan.handle ? [] : [["New handle  ", newHandle]]),
    ...sizeLines(plan),
    ...(plan.blobLimit === undefined
      ? []
      : [["Blob limit  ", `${bytesText(plan.blobLimit)} each, at your new server`]]),
    ...(plan.skipBlobs === undefined ? [] : [["To skip     ", plan.skipBlobs.join(", ")]]),
    ["Archive     ", plan.archive],
    ...roomLines(plan),
    ...(plan.weakerProofs === undefined ? [] : [[], ...weakerLines(plan)]),
    [],
    ...stepLines(plan),
    [],
    ["All before the point of no return can be repeated and taken back."],
    ["It is passed only once you have confirmed it."],
    ...(asked.length === 0 ? [] : [[], ...asked]),
  ];
}

/**
 * Whether the change of the identity can be undone; nothing where an earlier run made it. @param complete makes a
 * command complete
 */
function undo({ did, recoverableUntil: until, undoKeys }: MigrationResult, complete: Complete): Line[] {
  if (until !== undefined) {
    const who = undoKeys === undefined ? "" : ` with ${undoKeys.join(" or ")}`;
    return [[`Until ${timeText(until)} it can be undone${who}: ${undoCommand({ did, complete }, "move", undefined)}`]];
  }
  return undoKeys === undefined ? [] : [noUndoLine(undefined)];
}

/** What of a did:web is kept, and the way back. */
function documentLines({ did, source, document }: MigrationResult, complete: Complete): Line[] {
  return document === undefined
    ? []
    : [
        ["The document that is published now is in ", document.file],
        ["The one before it is in ", document.kept],
        ["Nobody can undo the change. The way back is another move:"],
        [`  ${complete(["migrate", did, "--to", source])}`],
      ];
}

/** Where the copy is, if there is one: the run that only finishes an older one elsewhere has none. */
function archive({ archive: folder, commit }: MigrationResult): Line[] {
  return commit === undefined ? [] : [["The archive is in ", folder]];
}

/** What was moved, in figures, and what is known about the commit. */
function contents(result: MigrationResult, verb: string, known: string): Line[] {
  const { commit } = result;
  const moved = figures(result);
  return [
    ...(moved === "" ? [] : [[`${verb}  `, moved]]),
    ...(commit === undefined ? [] : [["Commit  ", commit, { text: known, style: "dim" } as const]]),
  ];
}
