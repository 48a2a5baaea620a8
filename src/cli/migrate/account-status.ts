/** `decamp migrate status ACCOUNT`: where an account stands, and what to do next. */
import { whereStates, type WhereState, ownKeyFlag } from "../../account/where.ts";
import { isWebDid } from "../../identity/names.ts";
import { migrationStatus, type AccountStatusReport, type MoveStatus } from "../../migration/status.ts";
import { nonEmpty, type GlobalFlags } from "../globals.ts";
import { completer, type Complete, type RunFlags } from "../next-command.ts";
import { servicesFor } from "../services.ts";
import { timeText } from "../talk/reporters/amounts.ts";
import { stoppable } from "../talk/signals.ts";
import type { Line, Terminal } from "../talk/terminal.ts";
import type { MigrateFlags } from "./declare.ts";

/** Asks where the account stands, and says it. Exit code 0, whatever that is. */
export async function tellAccountStatus(
  account: string,
  flags: MigrateFlags,
  globals: GlobalFlags,
  run: RunFlags,
  terminal: Terminal,
): Promise<number> {
  const services = servicesFor(globals, terminal);
  try {
    const report = await stoppable(
      async (signal) =>
        migrationStatus(
          {
            account,
            from: flags.from ?? nonEmpty(terminal.env["DECAMP_SOURCE_PDS"]),
            to: flags.to ?? nonEmpty(terminal.env["DECAMP_TARGET_PDS"]),
            stateDir: globals.stateDir,
            allowPrivateHosts: globals.allowPrivateHosts,
          },
          services,
          signal,
        ),
      () => undefined,
    );
    if (globals.json) {
      const moves = report.moves.map((move) => Object.assign({}, move, commandsJson(move, run)));
      terminal.out.json({ type: "result", version: 1, command: "migrate status", ...report, moves });
    } else {
      for (const line of statusLines(report, run)) {
        terminal.out.line(...line);
      }
    }
    return 0;
  } finally {
    services.close();
  }
}

function commandsJson({ next, undo, archive }: MoveStatus, run: RunFlags): { next?: string; undo?: string } {
  const complete = completer({ ...run, archive: run.archive ?? archive });
  return {
    ...(next === undefined ? {} : { next: complete(next) }),
    ...(undo === undefined ? {} : { undo: complete(undo) }),
  };
}

function statusLines(report: AccountStatusReport, run: RunFlags): Line[] {
  const { did, handle, livesAt, state, dark, moves } = report;
  return [
    [{ text: handle, style: "bold" }, "  ", { text: did, style: "dim" }],
    ["Identity    names ", livesAt ?? "no server"],
    ...(dark ? [[{ text: "Nobody can see the account: it is not active there.", style: "yellow" } as const]] : []),
    ...(moves.length === 0
      ? [
          ...(state === "at-home"
            ? [["The account is active there."]]
            : state === "frozen"
              ? [["It is deactivated there."]]
              : [[sentence(state)]]),
          ["This machine remembers no move of this account. Name a server with --to to ask there."],
        ]
      : moves.flatMap((move) => moveLines(report, move, run))),
  ];
}

/** The meaning of a state, as a sentence to people. */
function sentence(state: WhereState): string {
  const text = whereStates[state]
    .replaceAll(/\bS\b/g, "your old server")
    .replaceAll(/\bT\b/g, "your new server")
    .replace(/^./, (letter) => letter.toUpperCase());
  return `${text}.`;
}

function moveLines({ did }: AccountStatusReport, move: MoveStatus, run: RunFlags): Line[] {
  const { source, target, state, reversible, frozen, copyExpiresDays, next, begunAt, isHistory, archive } = move;
  const { restore = false, temporaryKey } = move;
  const complete = completer({ ...run, archive: run.archive ?? archive });
  if (isHistory) {
    return [[], ["Before that   ", source.url, " to ", target.url, ": finished"]];
  }
  const cancel = ["migrate", "cancel", did, "--to", target.url];
  return [
    [],
    ["Old server  ", source.url, "  ", source.state, ...(frozen ? [", frozen for the move"] : [])],
    ["New server  ", target.url, "  ", target.state],
    [{ text: sentence(state), style: "bold" }],
    ...(copyExpiresDays === undefined
      ? []
      : [
          [
            `Some servers delete a copy that is not activated after ${copyExpiresDays} days${begunAt === undefined ? "" : `; this move began ${timeText(begunAt)}`}.`,
          ],
        ]),
    ...(move.unproved === true
      ? [
          [
            {
              text: "What your new server has is not proved yet: it did not show it before the identity changed.",
              style: "yellow",
            } as const,
          ],
        ]
      : []),
    ...(next === undefined
      ? advice(state)
      : [
          [
            move.unsettled === undefined
              ? (leads[state] ?? "To go on:")
              : `In the last 72 hours somebody has let the identity name ${move.unsettled}, and decamp has not done that on this machine. First settle whether it was you. This shows it, and the way back:`,
          ],
          // A server that does not have the account signs nothing.
          [`  ${complete(state === "switched-absent" ? [...next, ...ownKeyFlag] : next)}`],
        ]),
    ...(reversible && state !== "not-begun" ? [["To take it back:"], [`  ${complete(cancel)}`]] : []),
    ...(temporaryKey === undefined
      ? []
      : [
          [
            {
              text: "The identity names a temporary signing key, of a restore that is under way:",
              style: "yellow",
            } as const,
          ],
          [`  ${temporaryKey}`],
        ]),
    ...(restore && temporaryKey !== undefined
      ? [
          ["To take it back:"],
          [`  ${complete(["restore", "cancel", did, "--to", target.url, ...(isWebDid(did) ? [] : ownKeyFlag)])}`],
        ]
      : []),
    ...undoLines(move, complete),
  ];
}

/** What the next command does. */
const leads: Partial<Record<WhereState, string>> = {
  "not-begun": "To begin:",
  "switched-absent": "To let the identity name your old server again:",
  "source-active": "To finish:",
  "source-unknown": "To finish, once your old server answers:",
  "return-unfinished": "To finish going back:",
};

/** What there is to do where no command of decamp does it. */
function advice(state: WhereState): Line[] {
  switch (state) {
    case "copy-active":
      return [["Sign in at the new server and deactivate the account there, if it is the one that you do not want."]];
    case "home-unknown":
      return [["Ask again when it answers. Until then nothing should be deleted anywhere."]];
    case "taken-down":
      return [["Ask the operator of that server."]];
    case "home-absent":
    case "switched-absent":
      return [["Ask the operator of that server. An archive, or another server of the log, may still have the data."]];
    default:
      return [];
  }
}

function undoLines({ undoUntil, undoKeys, undo }: MoveStatus, complete: Complete): Line[] {
  if (undoKeys === undefined || undo === undefined) {
    return [];
  }
  const until = undoUntil === undefined ? "" : `Until ${timeText(undoUntil)} `;
  return [
    [`${until}${undoKeys.join(" or ")} can undo the change of the identity:`],
    [`  ${complete([...undo, ...ownKeyFlag])}`],
  ];
}
