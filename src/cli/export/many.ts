/**
 * `decamp export --all` and `--accounts`: many accounts, an archive and a line each, and what became of all of them.
 */
import { exportOptions } from "../../archive/export/export-options.ts";
import { exportFound, findToExport } from "../../archive/export/find-and-export.ts";
import { findDid } from "../../account/find.ts";
import type { ExportEvent, ReportExport } from "../../archive/events.ts";
import { exportMany, type Listed, type Outcome } from "../../archive/export/export-many.ts";
import type { ExportResult } from "../../archive/export/export-account.ts";
import { requireNoArchive } from "../../archive/folder.ts";
import { archiveName, snapshotFile } from "../../archive/layout.ts";
import { inactiveStatus } from "../../archive/unavailable.ts";
import { hasAllBlobs, readManifests } from "../../archive/manifest.ts";
import { lossText } from "../../archive/shrink.ts";
import { budgets } from "../../data/budgets.ts";
import { DecampError, exitCodeOf, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { parseAccount, type Account } from "../../identity/names.ts";
import type { MigrationServices } from "../../migration/context.ts";
import { joinPath } from "../../services/disk/files.ts";
import { fileLines, streamLines } from "../../services/disk/text-lines.ts";
import type { ExportFlags } from "./declare.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import { carTarget } from "./to-car.ts";
import { commandLine } from "../command-line.ts";
import { failureFacts } from "../talk/failure.ts";
import type { Edge, Invocation } from "../command.ts";
import { requirePipe } from "../inputs/standard-input.ts";
import { servicesFor } from "../services.ts";
import { countText, plural } from "../talk/reporters/amounts.ts";
import { warningLine } from "../talk/reporters/lines.ts";
import { stoppable, tellStopping } from "../talk/signals.ts";
import { tellDocument, type Terminal } from "../talk/terminal.ts";
import { isIncomplete, mendedText, resultFacts } from "./result.ts";

const defaultJobs = 4;
/** So many failures, and accounts from which much is gone, are named again at the end. */
const named = 100;

/** And so many different hints are given for them. */
const hinted = 3;

/** What became of all of them. */
interface Tally {
  complete: number;
  unchanged: number;
  incomplete: number;
  /** Of those that came: in which damage was mended, and from which much is gone. */
  mended: number;
  shrunk: number;
  failed: number;
  /** Those that their server does not hand out, because they are not active. */
  inactive: number;
  /** The first ones. */
  readonly failures: {
    readonly account: string;
    readonly code: string;
    readonly message: string;
    readonly hint: string;
  }[];
  readonly losses: ({ readonly account: string } & Shrunk)[];
}

type Shrunk = NonNullable<ExportResult["shrunk"]>;

function newTally(): Tally {
  return {
    complete: 0,
    unchanged: 0,
    incomplete: 0,
    mended: 0,
    shrunk: 0,
    failed: 0,
    inactive: 0,
    failures: [],
    losses: [],
  };
}

/**
 * Runs `decamp export` for many accounts. Exit code 6 if one of them failed, lacks blobs, or has lost much; not for one
 * that is not active.
 */
export async function exportManyCommand(
  { args, flags, globals: raw }: Invocation<ExportFlags>,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const folder = checkFlags(args, flags);
  if ((await carTarget(folder)) !== undefined) {
    refuse("A CAR file holds one account: with --all and --accounts, -o names the folder for the archives.");
  }
  if (flags.accounts === "-") {
    requirePipe(terminal.stdin, "Give the path of a file, or pipe the list in.");
  }
  await requireNoArchive(folder);
  const from = flags.all === true ? flags.pds : flags.from;
  const origin = from === undefined ? undefined : parseServerUrl(from, globals);
  const services = servicesFor(globals, terminal);
  const setting: Setting = { folder, origin, flags, services, globals, terminal };
  const tally: Tally = newTally();
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
            const inactive = await findInactive(outcome, setting);
            count(tally, outcome, inactive);
            tell(folder, outcome, inactive, globals, terminal);
            await terminal.out.drained();
          },
        }),
      tellStopping(terminal, globals),
    );
    if (listError === undefined || totalOf(tally) > 0) {
      summarize(folder, tally, globals, terminal);
    }
    if (listError !== undefined) {
      throw listError;
    }
    return tally.failed + tally.incomplete + tally.shrunk > 0 ? exitCodeOf("incomplete") : 0;
  } finally {
    services.close();
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
  const found = await findToExport(archive, account, known, services, signal);
  try {
    const report: ReportExport = (event) => {
      if (event.type === "warning") {
        warn(did, event, globals, terminal);
      }
    };
    const { concurrency, recheck } = flags;
    const options = exportOptions(services, { signal, concurrency, recheck, publicOnly: true, report });
    return await exportFound(archive, found, options);
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
  let isEmpty = true;
  const lines =
    accounts === "-" ? streamLines(terminal.stdin, "the standard input", signal) : fileLines(accounts, signal);
  for await (const line of lines) {
    const name = line.trim();
    if (name !== "" && !name.startsWith("#")) {
      isEmpty = false;
      yield listed(name);
    }
  }
  if (isEmpty) {
    const what = accounts === "-" ? "The standard input" : accounts;
    throw new DecampError("unreadable-file", `${what} names no account.`, {
      hint: "Give a text with one account in each line.",
    });
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

/** An account that is not active. */
interface Inactive {
  /** Why, in the server's word. */
  readonly status: string;
  /** The newest snapshot of its archive, if there is one. */
  readonly snapshot: string | undefined;
}

/**
 * Whether an account was not handed out because it is not active: no failure if all accounts of a server are asked for,
 * whatever their state, or if it has an archive already. One that a list names and that has none has failed, and so has
 * one whose archive cannot be read: what is in it nobody knows.
 */
async function findInactive(outcome: Outcome, { folder, flags }: Setting): Promise<Inactive | undefined> {
  const status = "error" in outcome ? inactiveStatus(outcome.error) : undefined;
  if (status === undefined || outcome.did === undefined) {
    return undefined;
  }
  try {
    const snapshot = (await readManifests(joinPath(folder, archiveName(outcome.did)))).at(-1)?.snapshot;
    return flags.all === true || snapshot !== undefined ? { status, snapshot } : undefined;
  } catch (error) {
    if (!isDecampError(error)) {
      throw error;
    }
    return undefined;
  }
}

function totalOf({ complete, incomplete, failed, inactive }: Tally): number {
  return complete + incomplete + failed + inactive;
}

function count(tally: Tally, outcome: Outcome, inactive: Inactive | undefined): void {
  if (inactive !== undefined) {
    tally.inactive += 1;
    return;
  }
  if ("error" in outcome) {
    tally.failed += 1;
    if (tally.failures.length < named) {
      const { code, message, hint = "" } = failureFacts(outcome.error);
      tally.failures.push({ account: outcome.did ?? outcome.name, code, message, hint });
    }
    return;
  }
  const { manifest, mode, mended, shrunk } = outcome.result;
  if (isIncomplete(outcome.result)) {
    tally.incomplete += 1;
  } else {
    tally.complete += 1;
    tally.unchanged += mode === "unchanged" ? 1 : 0;
  }
  tally.mended += mendedText(mended) === undefined ? 0 : 1;
  if (shrunk !== undefined) {
    tally.shrunk += 1;
    if (tally.losses.length < named) {
      tally.losses.push({ account: manifest.did, ...shrunk });
    }
  }
}

/** The line of one account. */
function tell(
  folder: string,
  outcome: Outcome,
  inactive: Inactive | undefined,
  { json, quiet }: GlobalFlags,
  terminal: Terminal,
): void {
  const { out } = terminal;
  const { name, did } = outcome;
  const archive = did === undefined ? undefined : joinPath(folder, archiveName(did));
  const facts =
    "error" in outcome
      ? { ok: false, ...inactive, ...failureFacts(outcome.error) }
      : { ok: true, ...resultFacts(archive ?? "", outcome.result) };
  if (tellDocument(terminal, json, { type: "account", version: 1, account: name, did, archive, ...facts })) {
    return;
  }
  if (inactive !== undefined) {
    if (!quiet) {
      const { status, snapshot } = inactive;
      const kept =
        snapshot === undefined
          ? "there is no archive of it"
          : `its archive stays as it is, the newest snapshot is ${snapshot}`;
      out.line(did ?? name, "  ", { text: `not active: ${status}`, style: "dim" }, `; ${kept}`);
    }
    return;
  }
  if ("error" in outcome) {
    out.line(did ?? name, "  ", { text: "failed", style: "red" }, `: ${failureFacts(outcome.error).message}`);
    return;
  }
  const { manifest, mode, mended, shrunk, unmended } = outcome.result;
  const good = mendedText(mended);
  const repaired = good === undefined ? "" : `; mended ${good}`;
  const { missing, records, blobs, snapshot, unreadRecords = [] } = manifest;
  if (shrunk !== undefined) {
    const text = `shrunk by ${lossText(shrunk.losses)}`;
    out.line(manifest.did, "  ", { text, style: "yellow" }, `: held is ${shrunk.held.join(", ")}`);
  }
  if (hasAllBlobs(manifest) && unmended.length > 0) {
    out.line(manifest.did, "  ", { text: "damaged", style: "yellow" }, `: ${damageText(outcome.result)}${repaired}`);
  } else if (!hasAllBlobs(manifest)) {
    const text = [
      ...(missing.length === 0 ? [] : [`${plural(missing.length, "blob")} missing`]),
      ...(unreadRecords.length === 0 ? [] : [`${plural(unreadRecords.length, "record")} not readable to the end`]),
    ].join(", ");
    out.line(manifest.did, "  ", { text, style: "yellow" }, `: the manifest of ${snapshot} names them${repaired}`);
  } else if (!quiet) {
    const state = mode === "unchanged" ? "unchanged" : "complete";
    const amounts = `: ${plural(records, "record")}, ${plural(blobs.length, "blob")}`;
    const car = snapshotFile(archive ?? "", snapshot, "repo");
    out.line(manifest.did, "  ", { text: state, style: "green" }, `${amounts}${repaired}; ${car}`);
  }
}

/** What of an archive is damaged and stays so, with the first of it. */
function damageText({ unmended }: ExportResult): string {
  const [first] = unmended;
  const name = first === undefined ? "" : "cid" in first ? first.cid : `${first.file} in ${first.snapshot}`;
  return `${plural(unmended.length, "file")} cannot be fetched again, such as ${name}`;
}

function warn(did: string, event: ExportEvent & { type: "warning" }, { json }: GlobalFlags, terminal: Terminal): void {
  const document = { ...event, version: 1, did };
  terminal.log.record(document);
  if (json) {
    terminal.out.json(document);
  } else {
    terminal.err.line(`${did}  `, ...warningLine(event));
  }
}

function summarize(folder: string, tally: Tally, { json, quiet }: GlobalFlags, terminal: Terminal): void {
  const { out } = terminal;
  const { complete, unchanged, incomplete, mended, shrunk, failed, inactive, failures, losses } = tally;
  const total = totalOf(tally);
  const accounts = { total, complete, unchanged, incomplete, mended, shrunk, failed, inactive };
  const ok = failed + incomplete + shrunk === 0;
  if (
    tellDocument(terminal, json, {
      type: "result",
      version: 1,
      command: "export",
      ok,
      folder,
      accounts,
      failures,
      losses,
    })
  ) {
    return;
  }
  const bad = failed + incomplete + shrunk > 0;
  if (quiet && !bad) {
    return;
  }
  out.line();
  const absent = inactive === 0 ? "" : `, ${countText(inactive)} not active`;
  const repaired =
    mended === 0 ? "" : ` In ${countText(mended)} of them something was missing or damaged, and is good again.`;
  const gone = shrunk === 0 ? "" : ` From ${countText(shrunk)} of them much is gone.`;
  out.line(
    { text: `${plural(total, "account")}: ${countText(complete)} complete`, style: bad ? "yellow" : "green" },
    ` (${countText(unchanged)} of them unchanged), ${countText(incomplete)} with blobs missing or damaged files, ${countText(failed)} failed${absent}.${repaired}${gone}`,
  );
  for (const { account, losses: lost, held } of losses) {
    out.line(`  ${account}  ${lossText(lost)} gone: held is ${held.join(", ")}`);
  }
  if (shrunk > losses.length) {
    out.line(`  and ${countText(shrunk - losses.length)} more: each has its line above`);
  }
  const [loss] = losses;
  if (loss !== undefined) {
    const look = commandLine(["archive", "ls", joinPath(folder, archiveName(loss.account))]);
    out.line(`  How to see what is gone, and how to let it go: ${look}`);
  }
  for (const { account, message } of failures) {
    out.line(`  ${account}  ${message}`);
  }
  if (failed > failures.length) {
    out.line(`  and ${countText(failed - failures.length)} more: each has its line above`);
  }
  const hints = new Set(failures.map(({ hint }) => hint).filter((hint) => hint !== ""));
  for (const hint of [...hints].slice(0, hinted)) {
    out.line({ text: "Hint:", style: "cyan" }, ` ${hint}`);
  }
}
