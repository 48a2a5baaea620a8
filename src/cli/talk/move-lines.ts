/** What a move and a restore say alike: the steps of the plan, and at the end the figures. */
import type { MigrationPlan, MigrationResult, PlannedStep } from "../../migration/events.ts";
import { blobsFigure } from "./left-lines.ts";
import { plural } from "./reporters/amounts.ts";
import type { Line } from "./terminal.ts";

/** What stands before the command that goes on, once the identity names the new server. */
export const finishSoon = "The identity already names your new server, so finish this soon. Run:";

/** The steps, each with what it does, and which of them cannot be taken back. */
export function stepLines({ steps }: MigrationPlan): Line[] {
  return [[{ text: "Steps", style: "bold" }], ...steps.map(stepLine)];
}

function stepLine({ id, title, pointOfNoReturn }: PlannedStep): Line {
  const step = `  ${id.padEnd(20)}${title}`;
  return pointOfNoReturn ? [step, { text: "  ← the point of no return", style: "yellow" }] : [step];
}

/** How many records, blobs and preferences, as far as they are known; empty where nothing is. */
export function figures(result: MigrationResult): string {
  const { records, blobs, preferences } = result;
  return [
    ...(records === undefined ? [] : [plural(records, "record")]),
    ...(blobs === undefined ? [] : [blobsFigure(result, blobs)]),
    ...(preferences === undefined ? [] : [plural(preferences, "preference")]),
  ].join(", ");
}

/** What is left to do about the e-mail address. */
export function emailLines({ emailConfirmed }: MigrationResult): Line[] {
  return emailConfirmed === true
    ? []
    : [
        [
          `Have your e-mail address confirmed there${emailConfirmed === false ? "" : ", if it is not"}: what the server has to tell you goes to it.`,
        ],
      ];
}
