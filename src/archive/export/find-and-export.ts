/**
 * An account by its name, into an archive. Where its server is known already, that is asked while the identity is
 * looked up, and the code that exports is loaded meanwhile.
 */
import { locateAccount, type LocatedAccount } from "../../account/find.ts";
import type { Account } from "../../identity/names.ts";
import type { Services } from "../../services/open.ts";
import type { Pds } from "../../services/servers/pds.ts";
import { askAhead, type Ahead } from "./ahead.ts";
import type * as exporting from "./export-account.ts";
import type { ExportResult } from "./export-account.ts";
import type { ExportOptions } from "./export-options.ts";

/** After so many milliseconds the requests are on their way, and nobody has answered yet. */
const underWay = 10;

/** Whether what can be done before the first repository comes was done. */
let isReady = false;

let loaded: Promise<typeof exporting> | undefined;

/** What exports is loaded while a server is asked: that takes about as long. Once: even to ask again takes a while. */
async function loadExport(): Promise<typeof exporting> {
  loaded ??= import("./export-account.ts");
  return loaded;
}

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
 * @param known `origin`: of the server that holds it, whatever the identity says; `did`: as in `locateAccount`;
 *   `asksAhead`: whether the server may be asked without a session; `adminPassword`: of its operator, as `OpenPds`
 * @throws as `locateAccount` and `askAhead`
 */
export async function findToExport(
  archive: string,
  account: Account,
  known: {
    readonly origin: string | undefined;
    readonly did: string | undefined;
    readonly asksAhead: boolean;
    readonly adminPassword?: string | undefined;
  },
  services: Services,
  signal: AbortSignal,
): Promise<Found> {
  const { origin, did, asksAhead, adminPassword } = known;
  const locating = locateAccount(services, account, { from: origin, known: did }, signal);
  const pds = origin === undefined ? undefined : services.openPds(origin, adminPassword);
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
  return { located: located.value, pds: pds ?? services.openPds(located.value.pds), ahead: ahead.value };
}

/** Loads what exports, and if a repository is about to come, does what can be done before. */
async function getReady(ahead: Ahead, { sleep }: Services, signal: AbortSignal): Promise<void> {
  if (isReady) {
    return;
  }
  await sleep(underWay, signal);
  const { prepareExport } = await loadExport();
  if (ahead.bringsRepo) {
    isReady = true;
    prepareExport();
  }
}

/** @throws as `exportAccount` */
export async function exportFound(
  archive: string,
  { located, pds, ahead }: Found,
  options: ExportOptions,
): Promise<ExportResult> {
  const { exportAccount } = await loadExport();
  return exportAccount(archive, { ...located, pds }, options, ahead);
}
