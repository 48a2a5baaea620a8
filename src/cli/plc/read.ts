/**
 * `decamp plc audit` and `decamp plc history`: the log of an identity is read, and then what looks at it is loaded.
 */
import type { AccountAudit } from "../../account/audit.ts";
import type { AccountServices } from "../../account/services.ts";
import { DecampError } from "../../errors.ts";
import type { LogAudit } from "../../plc/audit.ts";
import type { LogFile } from "../../plc/log-file.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import { isPath, readLogInput } from "../inputs/log-input.ts";
import { readLimits } from "../limit-flags.ts";
import { completer } from "../next-command.ts";
import { stoppable } from "../talk/signals.ts";
import type { Terminal } from "../talk/terminal.ts";
import type { PlcReadFlags } from "./declare.ts";

/** Runs `decamp plc audit`. Exit code 3 if something is wrong. */
export async function plcAuditCommand(invocation: Invocation<PlcReadFlags>, { terminal }: Edge): Promise<number> {
  const globals = readGlobals(invocation.globals, terminal.env);
  const audit: LogAudit | AccountAudit = await stoppable(
    async (signal) =>
      withLog(invocation, invocation.flags, globals, terminal, signal, {
        file: async (file) => {
          const { auditLogFile } = await import("../../plc/log-file.ts");
          return auditLogFile(file, invocation.flags.did, { signal, limits: readLimits(globals.limit) });
        },
        account: async (services, account, from) => {
          const { auditAccount } = await import("../../account/audit.ts");
          return auditAccount(services, account, from, signal);
        },
      }),
    () => undefined,
  );
  return (await import("./given-log.ts")).tellAudit(audit, globals, terminal);
}

/** Runs `decamp plc history`. */
export async function plcHistoryCommand(invocation: Invocation<PlcReadFlags>, { terminal }: Edge): Promise<number> {
  const globals = readGlobals(invocation.globals, terminal.env);
  const log = await stoppable(
    async (signal) =>
      withLog(invocation, invocation.flags, globals, terminal, signal, {
        file: async (file) => {
          const { verifiedInput } = await import("../inputs/verified-log.ts");
          return verifiedInput(file, invocation.flags.did, { signal, limits: readLimits(globals.limit) });
        },
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
  const complete = completer({ raw: invocation.globals, globals });
  return (await import("./given-log.ts")).tellHistory(log, globals, terminal, complete);
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
    await requireFileOf(what, flags.did);
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
async function requireFileOf(what: string, did: string): Promise<void> {
  if (!isPath(what)) {
    throw new DecampError("usage", "--did says whose log a file has to be; an account says that itself.");
  }
  const { isPlcDid } = await import("../../identity/names.ts");
  if (!isPlcDid(did)) {
    throw new DecampError("usage", `--did: ${did} is no did:plc.`);
  }
}
