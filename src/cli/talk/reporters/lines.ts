/** Lines that more than one reporter shows. */
import type { Difference } from "../../../plc/diff.ts";
import type { LeftBehindNow, MigrationEvent, MigrationPlan, ShownChanges } from "../../../migration/events.ts";
import { factsLines } from "../facts-lines.ts";
import { commandLine } from "../../command-line.ts";
import { leftLines, someOf } from "../left-lines.ts";
import { countText, plural } from "./amounts.ts";
import type { Line, Piece } from "../terminal.ts";
import type { Complete } from "../../next-command.ts";

export function warningLine(warning: { message: string }): Piece[] {
  return [{ text: "Warning:", style: "yellow" }, " ", warning.message];
}

/** The same with the command that helps, if there is one. @param complete makes a command complete */
export function warningLines(
  warning: { readonly message: string; readonly next?: readonly string[] | undefined },
  complete: Complete = commandLine,
): Line[] {
  return [warningLine(warning), ...(warning.next === undefined ? [] : [[`  ${complete(warning.next)}`]])];
}

/** What is about to change in the identity: one difference a line, its sign in front, so that colour is not needed. */
export function identityLines(differences: readonly Difference[], indent = "  "): Piece[][] {
  return differences.flatMap(({ field, kind, before, after }): Piece[][] => {
    const removed: Piece[] = [{ text: `${indent}- ${field}: ${before ?? ""}`, style: "red" }];
    const added: Piece[] = [{ text: `${indent}+ ${field}: ${after ?? ""}`, style: "green" }];
    switch (kind) {
      case "added":
        return [added];
      case "removed":
        return [removed];
      case "changed":
        return [removed, added];
      case "reordered":
        return [[{ text: `${indent}~ ${field}: ${before ?? ""} → ${after ?? ""} (order)`, style: "yellow" }]];
    }
  });
}

/** What the change of the identity means, and its fields. @param complete makes a command complete */
export function identityEventLines(
  { did, handle, differences, facts, leftBehind, provedLater, document }: MigrationEvent & { type: "identity" },
  complete: Complete | undefined,
): readonly Line[] {
  return [
    ...(leftBehind === undefined ? [] : notAllThere(leftBehind)),
    ...(provedLater === undefined ? [] : notProvedYet),
    ...factsLines(facts, { did, handle, complete, document }),
    ["The identity changes like this:"],
    ...identityLines(differences),
  ];
}

/** What is not on the new server, while all of it can still be taken back. */
export function notAllThere(left: LeftBehindNow): readonly Line[] {
  const { blobsThere, blobsNeeded } = left;
  return [
    [
      { text: "Not all data is on your new server", style: "yellow" },
      blobsThere === blobsNeeded ? "." : `: it has ${someOf(blobsThere, blobsNeeded)}.`,
    ],
    ...leftLines(left),
    [],
  ];
}

/** What is not proved while all of it can still be taken back. */
export const notProvedYet: readonly Line[] = [
  [{ text: "Nobody has seen yet what your new server has.", style: "yellow" }],
  [
    "It has taken all that was sent. It shows it once your account is active there, and then all is read back and proved.",
  ],
  ["Until that is done your old account stays active, and your rotation key can take the change back."],
  [],
];

/** So many changes of each kind are on the screen; `--json` has more. */
const shownChanges = 20;

/** What is different record by record: its sign in front, so that colour is not needed. */
export function recordsLines({ purpose, host, added, changed, removed, records }: ShownChanges): Piece[][] {
  const isReplaced = purpose === "replace";
  const counts = { removed, changed, added };
  const titles = isReplaced
    ? { removed: "go", changed: "change", added: "come" }
    : { removed: "gone there", changed: "changed there", added: "new there" };
  const signs = { removed: ["-", "red"], changed: ["~", "yellow"], added: ["+", "green"] } as const;
  return [
    [isReplaced ? `The import would change what ${host} has:` : `What ${host} has, against the archive:`],
    ...(["removed", "changed", "added"] as const).flatMap((kind): Piece[][] => {
      const shown = records.filter((record) => record.kind === kind).slice(0, shownChanges);
      const [sign, style] = signs[kind];
      const more = counts[kind] - shown.length;
      return counts[kind] === 0
        ? []
        : [
            [`  ${plural(counts[kind], "record")}: ${titles[kind]}`],
            ...shown.map(({ path, words }): Piece[] => [
              { text: `  ${sign} ${path}`, style },
              words === undefined ? "" : `  “${words}”`,
            ]),
            ...(more > 0 ? [[`    and ${countText(more)} more`]] : []),
          ];
    }),
  ];
}

/** What the owner of the host of a did:web has to do now. */
export function documentLines({ url, file, kept, until }: MigrationEvent & { type: "document" }): readonly Line[] {
  return [
    [{ text: "Publish this file now:", style: "bold" }, " ", file],
    ["  as ", url],
    [`  decamp waits for it until ${until}, and asks again and again.`],
    ["  The document that is there now is kept in ", kept],
  ];
}

/** What is proved less, or later, than usual; nothing where all is as usual. */
export function weakerLines({ weakerProofs = [] }: MigrationPlan): Piece[][] {
  return weakerProofs.map(({ id, message }) => [{ text: `--${id}: `, style: "yellow" }, message]);
}

/** What is going to happen. */
export function movingLines(plan: MigrationPlan): Piece[][] {
  return [
    ["Moving ", { text: plan.handle, style: "bold" }, " to ", { text: plan.target, style: "bold" }],
    [{ text: `${plan.did}, from ${plan.source}`, style: "dim" }],
    ...weakerLines(plan),
  ];
}
