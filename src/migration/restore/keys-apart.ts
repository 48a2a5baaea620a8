/** The rotation keys beside the user's own, before a restore changes anything: whose they are, and whether all fit. */

import { DecampError } from "../../errors.ts";
import { mostRotationKeys } from "../../plc/check.ts";
import type { LogEntry, VerifiedLog } from "../../plc/log.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import { judgeKeys } from "../../plc/server-keys.ts";
import type { RestoreOptions } from "./restore-options.ts";

/** Whose keys are whose, as far as the log shows it and a person has said it. */
export interface KeysApart {
  /** Keys that are the user's, or stay by name. */
  readonly known: readonly string[];
  /** The server's, which leave; also those that an earlier state of the identity had. */
  readonly servers: readonly string[];
  /** Whose these are only a person can say. */
  readonly undecided: readonly string[];
}

/**
 * @param held the did:key that the user restores with
 * @throws DecampError `usage` for a key that is to stay and to leave
 */
export function keysApart(
  log: VerifiedLog,
  held: string,
  { acceptKeys = [], dropKeys = [] }: Pick<RestoreOptions, "acceptKeys" | "dropKeys">,
): KeysApart {
  const known = [held, ...acceptKeys];
  const both = dropKeys.find((key) => known.includes(key));
  if (both !== undefined) {
    const why = both === held ? "it is the key that you restore with" : "--accept-key names it, too";
    throw new DecampError("usage", `--drop-key ${both}: ${why}.`);
  }
  const verdicts = [...judgeKeys(log, known, dropKeys)];
  return {
    known,
    servers: verdicts.flatMap(([key, verdict]) => (verdict === "server" ? [key] : [])),
    undecided: verdicts.flatMap(([key, verdict]) => (verdict === "undecided" ? [key] : [])),
  };
}

/**
 * @param base the operation that the next one follows
 * @throws DecampError `refused` with data `rotationKeys` and `reason`: `keys-in-doubt` while it has a key of which only
 *   a person can say whose it is; `too-many-keys` where no place is left for the new server's
 */
export function requireKeysSettled(
  { did }: VerifiedLog,
  base: LogEntry,
  { servers, undecided }: KeysApart,
  { held, dropKeys = [] }: { readonly held: string; readonly dropKeys?: readonly string[] | undefined },
): void {
  const keys = [...new Set(rotationKeysOf(base.operation))];
  const open = keys.filter((key) => undecided.includes(key));
  if (open.length > 0) {
    throw new DecampError(
      "refused",
      `Nothing shows whose these rotation keys are: ${open.join(", ")}. A server may have put them there for itself, or you, for recovery.`,
      {
        hint: `Say it of each: --accept-key KEY if it is yours, and it stays; --drop-key KEY if it is not, and it leaves. When each came shows decamp plc history ${did}`,
        data: { reason: "keys-in-doubt", rotationKeys: open },
      },
    );
  }
  const staying = keys.filter((key) => !servers.includes(key));
  // The first operation keeps what is there, but for keys that were named.
  const first = keys.filter((key) => !dropKeys.includes(key));
  if (staying.length < mostRotationKeys && first.length <= mostRotationKeys) {
    return;
  }
  const others = (first.length > mostRotationKeys ? first : staying).filter((key) => key !== held);
  throw new DecampError(
    "refused",
    first.length > mostRotationKeys
      ? `The identity of ${did} has ${keys.length} rotation keys. No new operation may have more than ${mostRotationKeys}.`
      : `The ${staying.length} rotation keys that would stay leave no place for the new server's: ${mostRotationKeys} are allowed.`,
    {
      hint: `Name one that you can do without: ${others.map((key) => `--drop-key ${key}`).join(", or ")}`,
      data: { reason: "too-many-keys", rotationKeys: others },
    },
  );
}
