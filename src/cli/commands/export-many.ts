/** `decamp export --all` and `--accounts`: many accounts, an archive and a line each, and what became of all of them. */
import { findDid } from "../../account/find.ts";
import type { ExportEvent } from "../../archive/events.ts";
import { exportMany, type Listed, type Outcome } from "../../archive/export-many.ts";
import type { ExportResult } from "../../archive/export.ts";
import { archiveName, snapshotFile } from "../../archive/layout.ts";
import { hasAllBlobs } from "../../archive/manifest.ts";
import { lossText } from "../../archive/shrink.ts";
import { budgets } from "../../data/budgets.ts";
import { DecampError, exitCodeOf, isDecampError } from "../../errors.ts";
import { parseAccount, parseServerUrl, type Account } from "../../identity/syntax.ts";
import type { MigrationServices } from "../../migration/context.ts";
import { joinPath } from "../../services/files.ts";
import { fileLines, streamLines } from "../../services/lines.ts";
import type { ExportFlags } from "../declare/export.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import { exportFound, findAccount } from "../export-account.ts";
import { carTarget } from "../export-car.ts";
import { failureFacts } from "../failure.ts";
import type { Edge, Invocation } from "../invocation.ts";
import { openMigrationServices } from "../migration-services.ts";
import { countText, plural } from "../reporters/amounts.ts";
import { warningLine } from "../reporters/lines.ts";
import { stoppable, tellStopping } from "../signals.ts";
import type { Terminal } from "../terminal.ts";
import { isIncomplete, resultFacts } from "./export-result.ts";

const defaultJobs = 4;
/** So many failures are named again at the end. */
const named = 100;

/** What became of all of them. */
interface Tally {
  complete: number;
  unchanged: number;
  incomplete: number;
  /** Of those that came: from which much is gone. */
  shrunk: number;
  failed: number;
  /** The first ones. */
  readonly failures: { readonly account: string; readonly code: string; readonly message: string }[];
}

/** Runs `decamp export` for many accounts. Exit code 6 if one of them failed, lacks blobs, or has lost much. */
export async function exportManyCommand(
  { args, flags, globals: raw }: Invocation<"export">,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const folder = checkFlags(args, flags);
  if ((await carTarget(folder)) !== undefined) {
    refuse("A CAR file holds one account: with --all and --accounts, -o names the folder for the archives.");
  }
  const from = flags.all === true ? flags.pds : flags.from;
  const origin = from === undefined ? undefined : parseServerUrl(from, globals);
  const { services, close } = openMigrationServices(globals, terminal);
  const setting: Setting = { folder, origin, flags, services, globals, terminal };
  const tally: Tally = { complete: 0, unchanged: 0, incomplete: 0, shrunk: 0, failed: 0, failures: [] };
  try {
    const { listError } = await stoppable(
      async (signal) =>
        exportMany(listAccounts(setting, signal), {
          jobs: flags.jobs ?? defaultJobs,
          shard: flags.shard,
          signal,
          findDid: async (account, either) => findDid(services, account, origin, either),
          export: async (did, account, either) => exportOne(did, account, setting, either),
          onOutcome: async (outcome) => {
            count(tally, outcome);
            tell(folder, outcome, globals, terminal);
            await terminal.out.drained();
          },
        }),
      tellStopping(terminal, globals),
    );
    if (listError === undefined || tally.complete + tally.incomplete + tally.failed > 0) {
      summarize(folder, tally, globals, terminal);
    }
    if (listError !== undefined) {
      throw listError;
    }
    return tally.failed + tally.incomplete + tally.shrunk > 0 ? exitCodeOf("incomplete") : 0;
  } finally {
    close();
  }
}

/** What is the same for all of them. */
interface Setting {
  readonly folder: string;
  /** Of the server that holds them, if it was named. */
  readonly origin: string | undefined;
  readonly flags: ExportFlags;
  readonly services: MigrationServices;
  readonly globals: GlobalFlags;
  readonly terminal: Terminal;
}

async function exportOne(
  did: string,
  account: Account,
  { folder, origin, flags, services, globals, terminal }: Setting,
  signal: AbortSignal,
): Promise<ExportResult> {
  const archive = joinPath(folder, archiveName(did));
  const known = { origin, did, asksAhead: true };
  const found = await findAccount(archive, account, known, { services, globals, signal });
  try {
    return await exportFound(archive, found, {
      flags,
      services,
      publicOnly: true,
      report: (event) => {
        if (event.type === "warning") {
          warn(did, event, globals, terminal);
        }
      },
      signal,
    });
  } finally {
    found.ahead?.close();
  }
}

function refuse(message: string): never {
  throw new DecampError("usage", message, { hint: "Run decamp export --help to see how it is used." });
}

/** @returns the folder of the archives @throws DecampError `usage` for flags that do not go together */
function checkFlags(args: readonly string[], flags: ExportFlags): string {
  const { all, accounts, pds, output, signIn } = flags;
  if (args.length > 0 || (all === true && accounts !== undefined)) {
    refuse("Give one account, or --all, or --accounts: only one of them.");
  }
  if (all === true && (pds === undefined || flags.from !== undefined)) {
    refuse("--all takes the address of the server with --pds.");
  }
  if (all !== true && pds !== undefined) {
    refuse("--pds goes with --all. The server of the accounts in a list is named with --from.");
  }
  const secrets = [flags.passwordFile, flags.passwordCommand, flags.authFactorFile, flags.authFactorCommand];
  if (signIn === true || secrets.some((secret) => secret !== undefined)) {
    refuse("Passwords are for one account: with --all and --accounts only what is public is exported.");
  }
  return output ?? refuse("Name the folder for the archives with -o.");
}

async function* listAccounts(
  { flags: { accounts }, origin, services, terminal }: Setting,
  signal: AbortSignal,
): AsyncGenerator<Listed> {
  if (accounts === undefined) {
    // Whatever a server has in its list it gives for an account.
    for await (const name of services.openPds(origin ?? "").listRepos(signal)) {
      yield listed(name);
    }
    return;
  }
  const lines =
    accounts === "-" ? streamLines(terminal.stdin, "the standard input", signal) : fileLines(accounts, signal);
  for await (const line of lines) {
    const name = line.trim();
    if (name !== "" && !name.startsWith("#")) {
      yield listed(name);
    }
  }
}

/** So much is repeated of an entry (letters). */
const shownLetters = 200;

function listed(name: string): Listed {
  const short = name.length > shownLetters ? `${name.slice(0, shownLetters)}…` : name;
  return { name: short === "" ? '""' : short, account: read(name, short) };
}

function read(name: string, short: string): Account | DecampError {
  const most = budgets.entryLength.most;
  if (name.length > most) {
    const message = `This is no account, but longer than ${most} letters: ${JSON.stringify(short)}.`;
    return new DecampError("invalid-account", message);
  }
  try {
    return parseAccount(name);
  } catch (error) {
    if (isDecampError(error)) {
      return error;
    }
    throw error;
  }
}

function count(tally: Tally, outcome: Outcome): void {
  if ("error" in outcome) {
    tally.failed += 1;
    if (tally.failures.length < named) {
      const { code, message } = failureFacts(outcome.error);
      tally.failures.push({ account: outcome.did ?? outcome.name, code, message });
    }
  } else if (isIncomplete(outcome.result)) {
    tally.incomplete += 1;
  } else {
    tally.complete += 1;
    tally.unchanged += outcome.result.mode === "unchanged" ? 1 : 0;
  }
  tally.shrunk += "result" in outcome && outcome.result.shrunk !== undefined ? 1 : 0;
}

/** The line of one account. */
function tell(folder: string, outcome: Outcome, { json, quiet }: GlobalFlags, { out }: Terminal): void {
  const { name, did } = outcome;
  const archive = did === undefined ? undefined : joinPath(folder, archiveName(did));
  if (json) {
    const facts =
      "error" in outcome
        ? { ok: false, ...failureFacts(outcome.error) }
        : { ok: true, ...resultFacts(archive ?? "", outcome.result) };
    out.json({ type: "account", version: 1, account: name, did, archive, ...facts });
    return;
  }
  if ("error" in outcome) {
    out.line(did ?? name, "  ", { text: "failed", style: "red" }, `: ${failureFacts(outcome.error).message}`);
    return;
  }
  const { manifest, mode, shrunk } = outcome.result;
  const { missing, records, blobs, snapshot, unreadRecords = [] } = manifest;
  if (shrunk !== undefined) {
    const text = `shrunk by ${lossText(shrunk.losses)}`;
    out.line(manifest.did, "  ", { text, style: "yellow" }, `: held is ${shrunk.held.join(", ")}`);
  }
  if (hasAllBlobs(manifest) && isIncomplete(outcome.result)) {
    out.line(manifest.did, "  ", { text: "damaged", style: "yellow" }, `: ${damageText(outcome.result)}`);
  } else if (!hasAllBlobs(manifest)) {
    const text = [
      ...(missing.length === 0 ? [] : [`${plural(missing.length, "blob")} missing`]),
      ...(unreadRecords.length === 0 ? [] : [`${plural(unreadRecords.length, "record")} not readable to the end`]),
    ].join(", ");
    out.line(manifest.did, "  ", { text, style: "yellow" }, `: the manifest of ${snapshot} names them`);
  } else if (!quiet) {
    const state = mode === "unchanged" ? "unchanged" : "complete";
    const amounts = `: ${plural(records, "record")}, ${plural(blobs.length, "blob")}`;
    const car = snapshotFile(archive ?? "", snapshot, "repo");
    out.line(manifest.did, "  ", { text: state, style: "green" }, `${amounts}; ${car}`);
  }
}

/** What of an archive is damaged and stays so, with the first of it. */
function damageText({ unmended }: ExportResult): string {
  const [first] = unmended;
  const name = first === undefined ? "" : "cid" in first ? first.cid : `${first.file} in ${first.snapshot}`;
  return `${plural(unmended.length, "file")} cannot be fetched again, such as ${name}`;
}

function warn(did: string, event: ExportEvent & { type: "warning" }, { json }: GlobalFlags, terminal: Terminal): void {
  if (json) {
    terminal.out.json({ ...event, version: 1, did });
  } else {
    terminal.err.line(`${did}  `, ...warningLine(event));
  }
}

function summarize(folder: string, tally: Tally, { json, quiet }: GlobalFlags, { out }: Terminal): void {
  const { complete, unchanged, incomplete, shrunk, failed, failures } = tally;
  const total = complete + incomplete + failed;
  if (json) {
    const accounts = { total, complete, unchanged, incomplete, shrunk, failed };
    out.json({
      type: "result",
      version: 1,
      command: "export",
      ok: failed + incomplete + shrunk === 0,
      folder,
      accounts,
      failures,
    });
    return;
  }
  const bad = failed + incomplete + shrunk > 0;
  if (quiet && !bad) {
    return;
  }
  out.line();
  const gone = shrunk === 0 ? "" : ` From ${countText(shrunk)} of them much is gone.`;
  out.line(
    { text: `${plural(total, "account")}: ${countText(complete)} complete`, style: bad ? "yellow" : "green" },
    ` (${countText(unchanged)} of them unchanged), ${countText(incomplete)} with blobs missing or damaged files, ${countText(failed)} failed.${gone}`,
  );
  for (const { account, message } of failures) {
    out.line(`  ${account}  ${message}`);
  }
  if (failed > failures.length) {
    out.line(`  and ${countText(failed - failures.length)} more: each has its line above`);
  }
}
