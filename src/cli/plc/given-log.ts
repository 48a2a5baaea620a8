/** What the log of an identity says, once it is verified. */
import type { AccountAudit } from "../../account/audit.ts";
import { exitCodeOf } from "../../errors.ts";
import type { LogAudit } from "../../plc/audit.ts";
import { powerlessKeys } from "../../plc/came-alone.ts";
import { describeHistory, undoPower, type HistoryEntry } from "../../plc/history.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { contentOf } from "../../plc/operation.ts";
import type { GlobalFlags } from "../globals.ts";
import { powerlessLines } from "../talk/facts-lines.ts";
import type { Complete } from "../next-command.ts";
import type { Terminal } from "../talk/terminal.ts";
import { contentLines, countLine, findingLines, historyLines } from "./plc-lines.ts";

const damagedExit = exitCodeOf("damaged");

/** Says what is right and wrong with a log. Returns the exit code: 3 if something is wrong. */
export function tellAudit(audit: LogAudit | AccountAudit, globals: GlobalFlags, terminal: Terminal): number {
  const { did, log, findings } = audit;
  const ok = log !== undefined && !findings.some(({ severity }) => severity === "error");
  if (globals.json) {
    terminal.out.json({ type: "result", version: 1, command: "plc audit", ok, did, ...facts(audit), findings });
    return ok ? 0 : damagedExit;
  }
  const whose = did === undefined ? "This" : `The log of ${did}`;
  const verdict =
    log === undefined
      ? audit.foreign === true
        ? `This is not the log of ${did ?? ""}.`
        : `${whose} is not in order.`
      : ok
        ? `${whose} is in order.`
        : `${whose} is in order by itself, but not with what else is known.`;
  if (!ok || !globals.quiet) {
    terminal.out.line({ text: verdict, style: ok ? "green" : "red" });
  }
  if (log !== undefined && !globals.quiet) {
    const { head, entries } = log;
    terminal.out.line("Operations    ", countLine(entries.length, nullified(log)));
    terminal.out.line("Head          ", audit.timeless === true ? head.cid : `${head.cid}, ${head.createdAt}`);
    terminal.out.line("Signed by     ", head.signer);
    for (const line of contentLines(head.operation)) {
      terminal.out.line(...line);
    }
    terminal.out.line("Document      ", documentVerdict(audit));
  }
  for (const line of findingLines(findings)) {
    terminal.out.line(...line);
  }
  return ok ? 0 : damagedExit;
}

/** Says what was done, and who can take it back. Returns the exit code. */
export function tellHistory(log: VerifiedLog, globals: GlobalFlags, terminal: Terminal, complete: Complete): number {
  const history = describeHistory(log);
  if (globals.json) {
    terminal.out.json({
      type: "result",
      version: 1,
      command: "plc history",
      did: log.did,
      head: log.head.cid,
      tombstoned: log.tombstoned,
      powerlessKeys: powerlessKeys(log),
      operations: history.map((item) => historyJson(item, log)),
    });
    return 0;
  }
  terminal.out.line({ text: log.did, style: "bold" }, `  ${countLine(log.entries.length, nullified(log))}`);
  terminal.out.line();
  const now = Date.now();
  for (const [index, item] of history.entries()) {
    for (const line of historyLines(item, index + 1, { log, now, complete })) {
      terminal.out.line(...line);
    }
  }
  for (const line of powerlessLines(powerlessKeys(log), { did: log.did, complete })) {
    terminal.out.line(...line);
  }
  return 0;
}

function facts(audit: LogAudit | AccountAudit): object {
  const { log } = audit;
  if (log === undefined) {
    return { log: "invalid" };
  }
  const { head, entries, tombstoned } = log;
  const content = contentOf(head.operation);
  return {
    log: "valid",
    document: documentState(audit),
    operations: entries.length,
    nullified: nullified(log),
    head: {
      cid: head.cid,
      ...(audit.timeless === true ? {} : { createdAt: head.createdAt }),
      signer: head.signer,
    },
    tombstoned,
    ...(content === undefined
      ? {}
      : {
          alsoKnownAs: content.alsoKnownAs,
          services: content.services,
          verificationMethods: content.verificationMethods,
          rotationKeys: content.rotationKeys,
        }),
  };
}

type DocumentState = "agrees" | "contradicts" | "unavailable" | "unchecked";

/**
 * `unavailable`: the directory does not give it out; `unchecked`: there is only a file, or the identity was given up.
 */
function documentState(audit: LogAudit | AccountAudit): DocumentState {
  const finding = audit.findings.find(({ rule }) => rule.startsWith("did-document/"));
  if (finding !== undefined) {
    return finding.severity === "error" ? "contradicts" : "unavailable";
  }
  return "document" in audit ? "agrees" : "unchecked";
}

function documentVerdict(audit: LogAudit | AccountAudit): string {
  const verdicts = {
    agrees: "says the same",
    contradicts: "does not say the same",
    unavailable: "the directory does not give it out",
    unchecked: "not looked at",
  };
  return verdicts[documentState(audit)];
}

function nullified({ entries }: VerifiedLog): number {
  return entries.filter((entry) => entry.nullified).length;
}

function historyJson({ entry, undoUntil, undoKeys, ...item }: HistoryEntry, log: VerifiedLog): object {
  const { cid, createdAt, signer } = entry;
  const power = undoPower(log, cid);
  const others = undoUntil === undefined ? [] : undoKeys.filter((key) => power?.keys.includes(key) !== true);
  return {
    cid,
    createdAt,
    signer,
    nullified: entry.nullified,
    ...item,
    undoKeys: power?.keys ?? (entry.nullified ? undoKeys : []),
    ...(power === undefined ? {} : { undoUntil: new Date(power.until).toISOString() }),
    ...(others.length === 0 ? {} : { serverUndoKeys: others }),
    operation: entry.operation,
  };
}
