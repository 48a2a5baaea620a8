/**
 * `decamp export --all` and `--accounts`: many accounts, an archive and a line each, and what became of all of them.
 */
import { archivedHeads, type ArchivedHeads } from "../../archive/night/archived-heads.ts";
import { comparedHeads } from "../../archive/export/compared-heads.ts";
import { exportOptions } from "../../archive/export/export-options.ts";
import { exportFound, findToExport } from "../../archive/export/find-and-export.ts";
import { findDid } from "../../account/find.ts";
import type { ReportExport } from "../../archive/events.ts";
import { exportMany, type ListEnd, type Outcome } from "../../archive/export/export-many.ts";
import type { ExportResult } from "../../archive/export/export-account.ts";
import { requireNoArchive } from "../../archive/folder.ts";
import { archiveName } from "../../archive/layout.ts";
import { newHome } from "../../archive/night/archived-home.ts";
import { Night, type NightSetting } from "../../archive/night/night.ts";
import { inactiveStatus } from "../../archive/unavailable.ts";
import { readableManifests } from "../../archive/manifest.ts";
import { readLastRun } from "../../archive/state/last-run.ts";
import { lastRunFile, nightLock } from "../../archive/state/run-files.ts";
import { DecampError, exitCodeOf, expectedFailure, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import type { Account } from "../../identity/names.ts";
import type { MigrationServices } from "../../migration/context.ts";
import { joinPath } from "../../services/disk/files.ts";
import { withLock } from "../../services/disk/lock.ts";
import { requireMetricsPlace } from "../../services/disk/output/metrics-file.ts";
import { briefly } from "../../services/servers/brief-documents.ts";
import { withPatience, type PatientDirectory } from "../../services/servers/patient-directory.ts";
import type { ListedRepo } from "../../services/servers/pds.ts";
import { ServerPatience } from "../../services/servers/server-patience.ts";
import type { ExportFlags } from "./declare.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import { staySmall } from "../collector.ts";
import { carTarget } from "./to-car.ts";
import type { Edge, Invocation } from "../command.ts";
import { requirePipe } from "../inputs/standard-input.ts";
import { servicesFor } from "../services.ts";
import { stoppable, tellStopping } from "../talk/signals.ts";
import type { Terminal } from "../talk/terminal.ts";
import { classify, type AbsentSetting } from "./absent.ts";
import { checkOperator, readAdminPassword, type Operator } from "./admin-password.ts";
import { tell, warn, warnOfRun } from "./many-lines.ts";
import { failureFacts } from "../talk/failure.ts";
import { listAccounts } from "./listed-accounts.ts";
import { isListedOld, listsNobody, oddList } from "./odd-list.ts";
import { durationText, plural } from "../talk/reporters/amounts.ts";
import { ping } from "../talk/reporters/ping.ts";
import { Books } from "./books.ts";
import { summarize, type RunFacts } from "./many-summary.ts";
import { isBad, newTally, totalOf, type Tally } from "./many-tally.ts";

const defaultJobs = 4;

/** With more at once, so much is in memory at the same time that to keep it small takes a tenth of all time. */
const fewJobs = 8;

/** Milliseconds. */
const heartbeatEvery = 10_000;

/**
 * Runs `decamp export` for many accounts. Exit code 6 if one of them failed, was not looked at, lacks blobs, or has
 * lost much, and if very many are missed of late, or the list is old; not for one that is not active, has moved away,
 * or is gone, unless `--fail-on` names that.
 */
export async function exportManyCommand(
  { args, flags, globals: raw }: Invocation<ExportFlags>,
  { terminal, secrets }: Edge,
): Promise<number> {
  if ((flags.jobs ?? defaultJobs) <= fewJobs) {
    staySmall();
  }
  const globals = readGlobals(raw, terminal.env);
  const operator = checkOperator(flags, terminal);
  const folder = checkFlags(args, flags, operator);
  if ((await carTarget(folder)) !== undefined) {
    refuse("A CAR file holds one account: with --all and --accounts, -o names the folder for the archives.");
  }
  if (flags.accounts === "-") {
    requirePipe(terminal.stdin, "Give the path of a file, or pipe the list in.");
  }
  await requireNoArchive(folder);
  if (flags.metricsFile !== undefined) {
    await requireMetricsPlace(flags.metricsFile);
  }
  const from = flags.all === true ? flags.pds : flags.from;
  const origin = from === undefined ? undefined : parseServerUrl(from, globals);
  const opened = servicesFor(globals, terminal);
  const { directory, webDocument, now } = opened;
  const services = { ...opened, directory: withPatience(directory, now), webDocument: briefly(webDocument) };
  try {
    if (flags.all !== true || origin === undefined) {
      const heads = comparedHeads((did) => joinPath(folder, archiveName(did)), opened.heads);
      const plan = { folder, origin, flags, services: { ...services, heads }, globals, terminal, night: undefined };
      return await exportAll(plan, new AbortController().signal);
    }
    const heads = archivedHeads(folder, opened.heads);
    const ofNight = { ...services, heads };
    const night = { folder, origin, shard: flags.shard, services: ofNight };
    const held = { now: services.now(), signal: new AbortController().signal };
    const plan = { folder, origin, flags, services: ofNight, globals, terminal, night, heads };
    const adminPassword = operator.isGiven
      ? await readAdminPassword(origin, operator.flags, { services, globals, terminal, known: secrets }).catch(
          async (error: unknown) => {
            await noteFailure(plan, error);
            throw error;
          },
        )
      : undefined;
    return await withLock(nightLock(night), services.lockOwner, held, async (lost) => {
      await warnOfOther(plan);
      return exportAll({ ...plan, adminPassword }, lost);
    });
  } finally {
    opened.close();
  }
}

/** Warns where the last run was of another address: with a typo, or a second server, the folder forgets the first. */
async function warnOfOther({ night, globals, terminal }: Plan & { readonly night: NightSetting }): Promise<void> {
  const before = (await readLastRun(lastRunFile(night)))?.server;
  if (before !== undefined && before !== night.origin) {
    const forgets = `What was remembered of ${before}, such as who is gone since when, is replaced once the list of ${night.origin} was gone through.`;
    const message = `The last run over ${night.folder} was of ${before}. ${forgets} Have a folder for each server.`;
    warnOfRun({ code: "other-server", message }, globals, terminal);
  }
}

/**
 * Writes down a run that ended before it began, as a server that is away or a password that is not good any more ends
 * it each night: whoever watches would see the figures of the last good one. Nothing is made for it where no run was
 * before, and one that is at work is left alone.
 */
async function noteFailure(plan: Plan & { readonly night: NightSetting }, error: unknown): Promise<void> {
  const { night, services } = plan;
  if ((await readLastRun(lastRunFile(night)).catch(() => undefined))?.server !== night.origin) {
    return;
  }
  const held = { now: services.now(), signal: new AbortController().signal };
  const note = async (): Promise<void> => {
    const books = await Books.open(plan, newTally());
    await books.close(failureFacts(error).exitCode, false);
  };
  await withLock(nightLock(night), services.lockOwner, held, note).catch((failure: unknown) => {
    // What is wrong is said by the error itself.
    if (!isDecampError(failure)) {
      throw failure;
    }
  });
}

/** @param lost fires when this run does not hold its lock any more */
async function exportAll(plan: Plan, lost: AbortSignal): Promise<number> {
  const { folder, origin, flags, services, globals, terminal } = plan;
  const tally: Tally = newTally();
  const books = await Books.open(plan, tally);
  const begunAt = services.now();
  let isTold = false;
  let night: Night | undefined;
  const work = async (stopped: AbortSignal): Promise<ListEnd> => {
    const signal = AbortSignal.any([stopped, lost]);
    night = plan.night === undefined ? undefined : await Night.begin(plan.night, signal);
    const patience = origin === undefined ? undefined : patienceWith(origin, plan);
    const marks = { homes: new WeakMap(), refused: new WeakSet(), list: { hasAny: false } };
    const setting: Setting = { ...plan, night, isAll: flags.all === true, ...marks };
    const onOutcome = async (told: Outcome): Promise<void> => {
      const { outcome, absent } = await classify(told, setting, signal);
      const isUnasked = "error" in outcome && outcome.error === services.directory.silence;
      if (outcome.did !== undefined) {
        // Where nothing was written, the archive has not got what is newer than in it.
        const isWritten = "result" in outcome && outcome.result.mode !== "unchanged";
        await plan.heads?.settle(outcome.did, isWritten).catch((error: unknown) => {
          const { message } = expectedFailure(error, signal);
          warnOfRun({ code: "head-not-remembered", message }, globals, terminal);
        });
      }
      const handle = await books.enter(outcome, absent, isUnasked);
      if (outcome.did !== undefined && absent === undefined) {
        night?.settle(outcome.did, !("error" in outcome));
      }
      if (!isUnasked) {
        isTold = tell(outcome, { absent, handle: absent?.handle ?? handle }, setting) || isTold;
      }
      await terminal.out.drained();
    };
    const ended = await exportMany(listAccounts({ ...setting, accounts: flags.accounts, patience }, signal), {
      jobs: flags.jobs ?? defaultJobs,
      shard: flags.shard,
      signal,
      findDid: async (account, either) => findDid(services, account, origin, either),
      export: async (did, account, stated, either) => {
        const exporting = async (): Promise<ExportResult> => exportOne(did, account, stated, setting, either);
        const result = await (patience?.through(exporting, either) ?? exporting());
        // What every account was asked for needs no list.
        if (stated !== undefined && flags.recheck !== true) {
          const begun = begunAt + (services.clockOffset(origin ?? "") ?? 0);
          tally.listedOld += isListedOld(stated, result.manifest, begun) ? 1 : 0;
        }
        return result;
      },
      onOutcome,
      sleep: services.sleep,
    });
    if (night !== undefined && ended.listError === undefined) {
      for await (const gone of night.findGone(signal)) {
        if (!setting.list.hasAny) {
          ended.listError = listsNobody(new URL(origin ?? "").host);
          break;
        }
        await onOutcome(gone);
      }
    }
    if (night !== undefined && ended.listError === undefined) {
      const odd = oddList(new URL(origin ?? "").host, setting.list.hasAny, tally);
      if (odd !== undefined) {
        warnOfRun(odd, globals, terminal);
      }
      await night.end();
      tally.missed = night.missed();
    }
    return ended;
  };
  const notLookedUp = (): number => night?.notLookedUp ?? 0;
  const conclude = async (end: RunFacts["end"], exitCode: number): Promise<void> => {
    const isWhole = end === "whole";
    const figures = await books.close(exitCode, isWhole);
    if (isWhole) {
      await ping(flags.pingCommand, exitCode, globals, terminal);
    }
    if (isWhole || totalOf(tally) > 0) {
      const isPublic = plan.night !== undefined && plan.adminPassword === undefined;
      const isWell = isWhole && exitCode === 0;
      const { silence } = services.directory;
      const known = { folder, flags, isPublic, isTold, isWell, end, silence, notLookedUp: notLookedUp() };
      summarize(tally, { ...known, ...figures }, globals, terminal);
    }
  };
  const life = signsOfLife(tally, globals, terminal);
  const { listError } = await stoppable(work, tellStopping(terminal, globals))
    .catch(async (error: unknown) => {
      // A bug is no end of a run that has anything to say.
      await (isDecampError(error)
        ? conclude("stopped", error.exitCode)
        : books.close(failureFacts(error).exitCode, false));
      throw error;
    })
    .finally(() => clearInterval(life));
  if (listError !== undefined) {
    await conclude("broken", listError.exitCode);
    throw listError;
  }
  const isFailure =
    isBad(tally, notLookedUp(), flags.allowKnownMissing) || (flags.failOn ?? []).some((one) => tally[one] > 0);
  const code = isFailure ? exitCodeOf("incomplete") : 0;
  await conclude("whole", code);
  return code;
}

/** Waits for the server at `origin` where it does not answer, and says so. */
function patienceWith(origin: string, { services, globals, terminal }: Plan): ServerPatience {
  const pds = services.openPds(origin);
  const { host } = pds;
  return new ServerPatience({
    host,
    look: async (signal) => pds.describe(signal, 1),
    sleep: services.sleep,
    now: () => performance.now(),
    longest: pds.limits.longestWait,
    onAway: (longest) => {
      const message = `${host} does not answer. It is waited for, ${durationText(longest / 1000)} at the most.`;
      warnOfRun({ code: "server-away", message }, globals, terminal);
    },
  });
}

/** Says from time to time how far it is: an account in which nothing has changed has no line. */
function signsOfLife(tally: Tally, { quiet, json }: GlobalFlags, { err }: Terminal): NodeJS.Timeout | undefined {
  const beat = (): void => err.line(`${plural(totalOf(tally), "account")} so far`);
  return quiet || json ? undefined : setInterval(beat, heartbeatEvery).unref();
}

/** What is known before anybody is asked. */
interface Plan {
  readonly folder: string;
  /** Of the server that holds them, if it was named. */
  readonly origin: string | undefined;
  readonly flags: ExportFlags;
  readonly services: MigrationServices & {
    readonly directory: PatientDirectory;
    readonly requestsSent: () => number;
  };
  readonly globals: GlobalFlags;
  readonly terminal: Terminal;
  /** For all accounts of a server. */
  readonly night: NightSetting | undefined;
  /** The ones of the services, if it is for all accounts of a server. */
  readonly heads?: ArchivedHeads;
  /** Of its operator. */
  readonly adminPassword?: string | undefined;
}

/** What is the same for all of them. */
interface Setting extends Omit<Plan, "night">, AbsentSetting {
  /** Whether the list of the server has had anybody, in this part of the accounts or another. */
  readonly list: { hasAny: boolean };
}

async function exportOne(
  did: string,
  account: Account,
  stated: ListedRepo | undefined,
  setting: Setting,
  signal: AbortSignal,
): Promise<ExportResult> {
  const { flags, night, adminPassword } = setting;
  night?.see(did);
  try {
    const kept = stated === undefined || flags.recheck === true ? undefined : await night?.kept(did, stated, signal);
    return kept ?? (await bring(did, account, undefined, setting, signal));
  } catch (error) {
    const status = inactiveStatus(error);
    const isAsked = status !== undefined && (status !== "takendown" || flags.includeTakenDown === true);
    if (!isAsked || adminPassword === undefined || night === undefined) {
      throw error;
    }
    const newest = (await readableManifests(joinPath(setting.folder, archiveName(did)))).at(-1);
    const kept = newest === undefined ? undefined : await night.keptInactive(newest, stated, signal);
    if (kept !== undefined && "home" in kept) {
      if (isDecampError(error)) {
        setting.homes.set(error, kept.home);
      }
      throw error;
    }
    if (kept !== undefined && flags.recheck !== true) {
      return kept;
    }
    try {
      return await bring(did, account, { adminPassword, status }, setting, signal);
    } catch (refusal) {
      if (isDecampError(refusal)) {
        setting.refused.add(refusal);
      }
      throw refusal;
    }
  }
}

/** @param operator whose server it is asks for the account, which is not active there for the reason `status` */
async function bring(
  did: string,
  account: Account,
  operator: { readonly adminPassword: string; readonly status: string } | undefined,
  { folder, origin, flags, night, services, globals, terminal }: Setting,
  signal: AbortSignal,
): Promise<ExportResult> {
  const { concurrency, recheck, compress } = flags;
  const { adminPassword, status } = operator ?? {};
  const archive = joinPath(folder, archiveName(did));
  // Once the directory is known not to answer, what the server is asked beside it is asked in vain.
  const asksAhead = services.directory.silence === undefined;
  const known = { origin, did, asksAhead, adminPassword };
  const found = await findToExport(archive, account, known, services, signal);
  try {
    const report: ReportExport = (event) => {
      if (event.type === "warning") {
        warn(did, event, globals, terminal);
      }
    };
    const home =
      night === undefined || origin === undefined ? undefined : await newHome(archive, found.located, origin);
    if (home !== undefined) {
      const { host } = found.pds;
      const message = `Its identity names ${home} by now. ${host} has it all the same: that is exported, and nothing of what ${home} has.`;
      report({ type: "warning", code: "other-home", message });
    }
    const options = exportOptions(services, {
      signal,
      concurrency,
      recheck,
      fromHere: night !== undefined,
      compress,
      status,
      publicOnly: true,
      report,
    });
    return await exportFound(archive, found, options);
  } finally {
    found.ahead?.close();
  }
}

function refuse(message: string): never {
  throw new DecampError("usage", message, { hint: "Run decamp export --help to see how it is used." });
}

/**
 * @param operator whether an admin password was given
 * @returns the folder of the archives
 * @throws DecampError `usage` for flags that do not go together
 */
function checkFlags(args: readonly string[], flags: ExportFlags, operator: Operator): string {
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
  if (all !== true && (operator.isFlag || flags.includeTakenDown === true)) {
    refuse("The admin password and --include-taken-down go with --all: they are about all accounts of a server.");
  }
  if (flags.includeTakenDown === true && !operator.isGiven) {
    refuse("--include-taken-down takes the admin password: a server gives such accounts to nobody else.");
  }
  if (all !== true && flags.metricsFile !== undefined) {
    refuse("--metrics-file goes with --all.");
  }
  const secrets = [flags.passwordFile, flags.passwordCommand, flags.authFactorFile, flags.authFactorCommand];
  if (signIn === true || secrets.some((secret) => secret !== undefined)) {
    refuse("The password of an account is for that account alone: with --all and --accounts nobody signs in.");
  }
  return output ?? refuse("Name the folder for the archives with -o.");
}
