/** `decamp migrate status`: where an account stands, and what to do next. */
import { migrationStatus, type AccountStatusReport, type MoveStatus } from "../../migration/status.ts";
import { nonEmpty, readGlobals } from "../globals.ts";
import type { Edge, Invocation } from "../invocation.ts";
import { openMigrationServices } from "../migration-services.ts";
import { stoppable } from "../signals.ts";
import type { Piece } from "../terminal.ts";

type Line = readonly Piece[];

/** Runs `decamp migrate status`. */
export async function migrateStatusCommand(
  { args, flags, globals: raw }: Invocation<"migrate status">,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [account = ""] = args;
  const { services, close } = openMigrationServices(globals, terminal);
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
      terminal.out.json({ type: "result", version: 1, command: "migrate status", ...report });
    } else {
      for (const line of statusLines(report)) {
        terminal.out.line(...line);
      }
    }
    return 0;
  } finally {
    close();
  }
}

function statusLines(report: AccountStatusReport): Line[] {
  return [
    [{ text: report.handle, style: "bold" }, "  ", { text: report.did, style: "dim" }],
    ["Identity    names ", report.livesAt ?? "no server"],
    ...(report.moves.length === 0
      ? [["This machine knows of no move of this account. Name a server with --to to ask there."]]
      : report.moves.flatMap((move) => moveLines(report, move))),
  ];
}

function moveLines({ did }: AccountStatusReport, move: MoveStatus): Line[] {
  const { source, target, phase, reversible, frozen, undoUntil } = move;
  const again = `decamp migrate ${did} --from ${source.url} --to ${target.url}`;
  const advice: Record<typeof phase, Line[]> = {
    "not-begun": [["Nothing was done on the new server. To begin:"], [`  ${again}`]],
    "in-progress": [
      ["The move has begun, and the identity is unchanged. To go on:"],
      [`  ${again}`],
      ["To take it back:"],
      [`  decamp migrate cancel ${did} --from ${source.url} --to ${target.url}`],
    ],
    "identity-moved": [
      [
        { text: "The identity names the new server, but the account is not active there.", style: "yellow" },
        " Nobody can see it until you go on:",
      ],
      [`  ${again}`],
    ],
    "source-active": [["The account has moved. It is still active on the old server, too. To finish:"], [`  ${again}`]],
    done: [["The account has moved."]],
  };
  return [
    [],
    ["Old server  ", source.url, "  ", source.state, ...(frozen ? [", frozen for the move"] : [])],
    ["New server  ", target.url, "  ", target.state],
    ...advice[phase],
    [reversible ? "All of it can still be taken back." : "The identity has changed; cancel cannot take that back."],
    ...(undoUntil === undefined
      ? []
      : [[`Until ${undoUntil} a rotation key of higher rank can undo it: decamp plc undo ${did}`]]),
  ];
}
