/** One account into one archive, as the flags of `decamp export` have it. */
import { locateAccount, type LocatedAccount } from "../../account/find.ts";
import { askAhead, type Ahead } from "../../archive/export/ahead.ts";
import type { ReportExport } from "../../archive/events.ts";
import type { ExportResult } from "../../archive/export/export-account.ts";
import { exportOptions, type ExportOptions } from "../../archive/export/export-options.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { type Account } from "../../identity/names.ts";
import type { MigrationServices } from "../../migration/context.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { ExportFlags } from "./declare.ts";
import type { GlobalFlags } from "../globals.ts";

/** After so many milliseconds the requests are on their way, and nobody has answered yet. */
const underWay = 10;

/** What exports is loaded while a server is asked: that takes about as long. */
const loadExport = async () => import("../../archive/export/export-account.ts");

/** An account that was found, and its server. */
export interface Found {
  readonly located: LocatedAccount;
  readonly pds: Pds;
  /** What its server was asked meanwhile; to be closed. */
  readonly ahead: Ahead | undefined;
}

/**
 * Finds an account. If it is known already whose it is and which server holds it, that one is asked at the same time.
 *
 * @param known `origin`: of the server that holds it, whatever the identity says; `did`: as in `locateAccount`; `asksAhead`:
 *   whether the server may be asked without a session
 * @throws as `locateAccount` and `askAhead`
 */
export async function findAccount(
  archive: string,
  account: Account,
  known: { readonly origin: string | undefined; readonly did: string | undefined; readonly asksAhead: boolean },
  { services, globals, signal }: { services: MigrationServices; globals: GlobalFlags; signal: AbortSignal },
): Promise<Found> {
  const { origin, did, asksAhead } = known;
  const locating = locateAccount(services, account, { from: origin, known: did }, signal);
  const pds = origin === undefined ? undefined : services.openPds(origin);
  const asking =
    pds === undefined || did === undefined || !asksAhead ? undefined : askAhead(archive, { pds, did }, signal);
  void asking?.then(async (ahead) => getReady(ahead, services, signal)).catch(() => undefined);
  const [located, ahead] = await Promise.allSettled([locating, asking]);
  if (located.status === "rejected") {
    if (ahead.status === "fulfilled") {
      ahead.value?.close();
    }
    throw located.reason;
  }
  if (ahead.status === "rejected") {
    throw ahead.reason;
  }
  return {
    located: located.value,
    pds: pds ?? services.openPds(parseServerUrl(located.value.pds, globals)),
    ahead: ahead.value,
  };
}

/** Loads what exports, and if a repository is about to come, does what can be done before. */
async function getReady(ahead: Ahead, { sleep }: MigrationServices, signal: AbortSignal): Promise<void> {
  await sleep(underWay, signal);
  const { prepareExport } = await loadExport();
  if (ahead.bringsRepo) {
    prepareExport();
  }
}

export interface ExportParts {
  readonly flags: Pick<ExportFlags, "concurrency" | "recheck">;
  readonly services: MigrationServices;
  /** Leave out what is not public. */
  readonly publicOnly: boolean;
  readonly report: ReportExport;
  readonly signal: AbortSignal;
}

/** @throws as `exportAccount` */
export async function exportFound(
  archive: string,
  { located, pds, ahead }: Found,
  parts: ExportParts,
): Promise<ExportResult> {
  const { exportAccount } = await loadExport();
  return exportAccount(archive, { ...located, pds }, optionsOf(parts), ahead);
}

/** The same for the use cases. */
export function optionsOf({ flags, services, publicOnly, report, signal }: ExportParts): ExportOptions {
  const { concurrency, recheck } = flags;
  return exportOptions(services, { signal, concurrency, publicOnly, recheck, report });
}
