/** One account into one archive, as the flags of `decamp export` have it. */
import type { LocatedAccount } from "../account/locate.ts";
import type { ReportExport } from "../archive/events.ts";
import { exportAccount, type ExportResult } from "../archive/export.ts";
import type { MigrationServices } from "../migration/context.ts";
import type { Pds } from "../services/pds.ts";
import type { ExportFlags } from "./declare/export.ts";
import { defaultConcurrency } from "./declare/shape.ts";

export interface ExportParts {
  readonly flags: Pick<ExportFlags, "concurrency">;
  readonly services: MigrationServices;
  /** Leave out what is not public. */
  readonly publicOnly: boolean;
  readonly report: ReportExport;
  readonly signal: AbortSignal;
}

/** @throws as `exportAccount` */
export async function exportLocated(
  archive: string,
  located: LocatedAccount,
  pds: Pds,
  { flags, services, publicOnly, report, signal }: ExportParts,
): Promise<ExportResult> {
  const { now, sleep, writtenBy, lockOwner } = services;
  const { concurrency = defaultConcurrency } = flags;
  const options = { concurrency, signal, now: now(), sleep, writtenBy, lockOwner, publicOnly, report };
  return exportAccount(archive, { ...located, pds }, options);
}
