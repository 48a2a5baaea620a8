/** `decamp plc audit` and `decamp plc history`: what the log of an identity says, once it is verified. */
import type { AccountAudit } from "../../account/audit.ts";
import type { AccountServices } from "../../account/services.ts";
import { DecampError, exitCodeOf } from "../../errors.ts";
import { isPlcDid } from "../../identity/names.ts";
import type { LogAudit } from "../../plc/audit.ts";
import { powerlessKeys } from "../../plc/came-alone.ts";
import { describeHistory, undoPower, type HistoryEntry } from "../../plc/history.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { auditLogFile, type LogFile } from "../../plc/log-file.ts";
import { contentOf } from "../../plc/operation.ts";
import type { PlcReadFlags } from "./declare.ts";
import { powerlessLines } from "../talk/facts-lines.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import type { Edge, Invocation } from "../command.ts";
import { readLimits } from "../limit-flags.ts";
import { isPath, readLogInput, verifiedInput } from "../inputs/log-input.ts";
import { contentLines, countLine, findingLines, historyLines } from "./plc-lines.ts";
import { stoppable } from "../talk/signals.ts";
import type { Terminal } from "../talk/terminal.ts";
import { completer } from "../next-command.ts";

const damagedExit = exitCodeOf("damaged");

/** Runs `decamp plc audit`. Exit code 3 if something is wrong. */
export async function plcAuditCommand(invocation: Invocation<PlcReadFlags>, { terminal }: Edge): Promise<number> {
  const globals = readGlobals(invocation.globals, terminal.env);
  const audit: LogAudit | AccountAudit = await stoppable(
    async (signal) =>
      withLog(invocation, invocation.flags, globals, terminal, signal, {
        file: async (file) => auditLogFile(file, invocation.flags.did, { signal, limits: readLimits(globals.limit) }),
        account: async (services, account, from) => {
          const { auditAccount } = await import("../../account/audit.ts");
          return auditAccount(services, account, from, signal);
        },
      }),
    () => undefined,
  );
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

/** Runs `decamp plc history`. */
export async function plcHistoryCommand(invocation: Invocation<PlcReadFlags>, { terminal }: Edge): Promise<number> {
  const globals = readGlobals(invocation.globals, terminal.env);
  const complete = completer({ raw: invocation.globals, globals });
  const log = await stoppable(
    async (signal) =>
      withLog(invocation, invocation.flags, globals, terminal, signal, {
        file: async (file) => verifiedInput(file, invocation.flags.did, { signal, limits: readLimits(globals.limit) }),
        account: async (services, account, from) => {
          const [{ findPlcDid }, { readLog }, { parseAccount }] = await Promise.all([
            import("../../account/find.ts"),
            import("../../account/read-log.ts"),
            import("../../identity/names.ts"),
          ]);
          const did = await findPlcDid(services, parseAccount(account), from, signal);
          return (await readLog(services, did, signal)).log;
        },
      }),
    () => undefined,
  );
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

/** What is done with a log from disk, and with an account. */
interface Ways<T> {
  readonly file: (file: LogFile) => Promise<T>;
  readonly account: (services: AccountServices, account: string, from: string | undefined) => Promise<T>;
}

/** The network is loaded only for an account. */
async function withLog<T>(
  { args }: Invocation,
  flags: PlcReadFlags,
  globals: GlobalFlags,
  terminal: Terminal,
  signal: AbortSignal,
  ways: Ways<T>,
): Promise<T> {
  const [what = ""] = args;
  if (flags.did !== undefined) {
    requireFileOf(what, flags.did);
  }
  if (isPath(what)) {
    return ways.file(await readLogInput(what, terminal, signal));
  }
  await refuseBareFile(what);
  const [{ servicesFor }, { parseServerUrl }] = await Promise.all([
    import("../services.ts"),
    import("../../identity/addresses.ts"),
  ]);
  const from = flags.from === undefined ? undefined : parseServerUrl(flags.from, globals);
  const services = servicesFor(globals, terminal);
  try {
    signal.throwIfAborted();
    return await ways.account(services, what, from);
  } finally {
    services.close();
  }
}

/** A word that can be no account, and is the name of a file. @throws DecampError `invalid-account` */
async function refuseBareFile(what: string): Promise<void> {
  if (/^[^.:@]+$/.test(what)) {
    const { isThere } = await import("../../services/disk/files.ts");
    if (await isThere(what)) {
      throw new DecampError(
        "invalid-account",
        `${what} is neither a handle nor a DID. There is something of that name here.`,
        {
          hint: `Give the path of a file: ./${what}`,
        },
      );
    }
  }
}

/** @throws DecampError `usage` */
function requireFileOf(what: string, did: string): void {
  if (!isPath(what)) {
    throw new DecampError("usage", "--did says whose log a file has to be; an account says that itself.");
  }
  if (!isPlcDid(did)) {
    throw new DecampError("usage", `--did: ${did} is no did:plc.`);
  }
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
