/** Accounts of which there is nothing to export: they are not active, have moved away, or are gone. */
import type { Outcome } from "../../archive/export/export-many.ts";
import { archiveName } from "../../archive/layout.ts";
import { readManifests } from "../../archive/manifest.ts";
import type { Night } from "../../archive/night/night.ts";
import { inactiveStatus } from "../../archive/unavailable.ts";
import { expectedFailure, isDecampError } from "../../errors.ts";
import { joinPath } from "../../services/disk/files.ts";
import type { Absent } from "./many-tally.ts";

/** What is known of the run. */
export interface AbsentSetting {
  readonly folder: string;
  /** Whether it is about all accounts of a server, whatever their state. */
  readonly isAll: boolean;
  readonly night: Night | undefined;
  /** Where accounts have moved, by the error that says that they are not active, as far as that was seen already. */
  readonly homes: WeakMap<object, string>;
  /** What the server has said of accounts that its operator asked for. */
  readonly refused: WeakSet<object>;
}

/**
 * The same outcome, and whether there is nothing to export. An account of which that cannot be seen, because a disk
 * fails or the directory holds something back, has failed, and ends nothing.
 *
 * @throws the signal's reason
 */
export async function classify(
  outcome: Outcome,
  setting: AbsentSetting,
  signal: AbortSignal,
): Promise<{ readonly outcome: Outcome; readonly absent: Absent | undefined }> {
  try {
    return { outcome, absent: await findAbsent(outcome, setting, signal) };
  } catch (error) {
    const { name, did } = outcome;
    const failed = { name, ...(did === undefined ? {} : { did }), error: expectedFailure(error, signal) };
    return { outcome: failed, absent: undefined };
  }
}

/**
 * Whether there is nothing to export of an account because it is not active: no failure if all accounts of a server are
 * asked for, whatever their state, or if it has an archive already. One that a list names and that has none has failed,
 * and so has one whose archive cannot be read: what is in it nobody knows. So has one that the server's operator has
 * asked for, and that does not come.
 *
 * @throws as `Night.whereTo`
 */
async function findAbsent(
  outcome: Outcome,
  { folder, isAll, night, homes, refused }: AbsentSetting,
  signal: AbortSignal,
): Promise<Absent | undefined> {
  const error = "error" in outcome && isDecampError(outcome.error) ? outcome.error : undefined;
  const known = error === undefined ? undefined : homes.get(error);
  const isGone = "error" in outcome && isDecampError(outcome.error, "account-not-found") && outcome.isGone === true;
  const status = "error" in outcome ? inactiveStatus(outcome.error) : undefined;
  if ((status === undefined && !isGone) || outcome.did === undefined || (error !== undefined && refused.has(error))) {
    return undefined;
  }
  const newest = await readManifests(joinPath(folder, archiveName(outcome.did))).then(
    (manifests) => manifests.at(-1),
    (error: unknown) => {
      if (!isDecampError(error)) {
        throw error;
      }
      return "unreadable" as const;
    },
  );
  if (newest === "unreadable" || (!isAll && newest === undefined)) {
    return undefined;
  }
  const home = known ?? (newest === undefined ? undefined : await night?.whereTo(newest, signal));
  const kind = home !== undefined ? "moved" : isGone ? "gone" : "inactive";
  return { class: kind, status, home, snapshot: newest?.snapshot, handle: newest?.handle };
}
