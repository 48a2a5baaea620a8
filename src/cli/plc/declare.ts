/** `decamp plc …`: what it is called with. */
import type { Command } from "commander";
import { runs, type Declared } from "../command.ts";
import {
  declareAddKey,
  declareDiff,
  declareRecover,
  declareRepair,
  declareSign,
  declareSubmit,
  declareUndo,
  type PlcAddKeyFlags,
  type PlcDiffFlags,
  type PlcRecoverFlags,
  type PlcRepairFlags,
  type PlcSignFlags,
  type PlcSubmitFlags,
  type PlcUndoFlags,
} from "./declare-change.ts";
import { declareWatch, type PlcWatchFlags } from "./declare-watch.ts";
import { helpStartsWith } from "../shape.ts";

/** Flags of the commands that only read. */
export interface PlcReadFlags {
  readonly from?: string;
  /** Whose log a file has to be. */
  readonly did?: string;
}

const accountOrLog = "a handle, a DID, a file with its audit log (.json), an archive (a path with a /), or -";

export function declarePlc(program: Command): readonly Declared[] {
  const plc = helpStartsWith(
    program.command("plc").summary("the identity: read, prove, change, recover, watch"),
    [
      "The identity of an account, a did:plc: its log, and changes of it. Nothing that a",
      "directory answers is believed.",
    ],
    [
      { says: "What was changed, by which key:", command: "decamp plc history alice.example.com" },
      { says: "Prove the whole log:", command: "decamp plc audit alice.example.com" },
      { says: "A rotation key of your own, first:", command: "decamp plc add-key alice.example.com rotation-key.age" },
      { says: "Undo what you did not want:", command: "decamp plc recover alice.example.com" },
    ],
  );
  return [
    runs<PlcReadFlags>(declareHistory(plc), async () => (await import("./read.ts")).plcHistoryCommand),
    runs<PlcReadFlags>(declareAudit(plc), async () => (await import("./read.ts")).plcAuditCommand),
    runs<PlcDiffFlags>(declareDiff(plc), async () => (await import("./diff.ts")).plcDiffCommand),
    runs<PlcSignFlags>(declareSign(plc), async () => (await import("./sign.ts")).plcSignCommand),
    runs<PlcSubmitFlags>(declareSubmit(plc), async () => (await import("./submit.ts")).plcSubmitCommand),
    runs<PlcAddKeyFlags>(declareAddKey(plc), async () => (await import("./add-key.ts")).plcAddKeyCommand),
    runs<PlcRecoverFlags>(declareRecover(plc), async () => (await import("./recover.ts")).plcRecoverCommand),
    runs<PlcRepairFlags>(declareRepair(plc), async () => (await import("./repair.ts")).plcRepairCommand),
    runs<PlcUndoFlags>(declareUndo(plc), async () => (await import("./undo.ts")).plcUndoCommand),
    runs<PlcWatchFlags>(declareWatch(plc), async () => (await import("./watch.ts")).plcWatchCommand),
  ];
}

function declareHistory(plc: Command): Command {
  return helpStartsWith(
    fromOption(plc.command("history").summary("show what changed, by which key").argument("<account>", accountOrLog)),
    [
      "Shows every operation of an identity: what it changed, which key signed it, what",
      "was nullified, and until when which key can still undo it. The log is verified",
      "first.",
    ],
    [
      { says: "The story of an account:", command: "decamp plc history alice.example.com" },
      { says: "From a log on disk, without network:", command: "decamp plc history ./plc-log.json" },
    ],
  );
}

function declareAudit(plc: Command): Command {
  return helpStartsWith(
    fromOption(plc.command("audit").summary("prove the log of an identity").argument("<account>", accountOrLog)),
    [
      "Proves the whole log of an identity by itself: every hash, every signature,",
      "every recovery. Of an account also that the DID document says the same, and that",
      "the log still has what was seen last. Exit code 0 if all is well, 3 if not.",
      "A file may also be the /log of a directory, which has no times, or lines of its",
      "/export.",
    ],
    [
      { says: "An account:", command: "decamp plc audit alice.example.com" },
      { says: "A log on disk, without network:", command: "decamp plc audit ./plc-log.json" },
      { says: "The same, and whose it has to be:", command: "decamp plc audit ./plc-log.json --did did:plc:…" },
      {
        says: "From a pipe, for a script:",
        command: "curl -s https://plc.directory/DID/log/audit | decamp plc audit - --json",
      },
    ],
  );
}

function fromOption(command: Command): Command {
  return command
    .option("--from <url>", "the server that is asked for the handle")
    .option("--did <did>", "whose log the file has to be; of lines of /export, which one is meant");
}
