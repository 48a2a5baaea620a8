/**
 * Many accounts, an archive each. An account that fails is reported, and the others go on. An account that is done is
 * forgotten, so memory does not depend on how many there are.
 */

import { DecampError, isDecampError } from "../../errors.ts";
import type { Account } from "../../identity/names.ts";
import { forEachConcurrent } from "../../services/concurrent.ts";
import type { ListedRepo } from "../../services/servers/pds.ts";
import { isServerGone } from "../../services/servers/server-patience.ts";
import type { ExportResult } from "./export-account.ts";
import { isInShard, type Shard } from "../state/shard.ts";

/** An account as a list names it; or why what stands there is none. */
export interface Listed {
  /** As it stands in the list. */
  readonly name: string;
  readonly account: Account | DecampError;
  /** What the list says of it, if it is a server's. */
  readonly stated?: ListedRepo | undefined;
}

/** How it went with one account. */
export type Outcome = { readonly name: string; readonly did?: string } & (
  | { readonly result: ExportResult }
  | {
      readonly error: unknown;
      /** That the server's list does not have it any more. */
      readonly isGone?: true;
    }
);

/** How many accounts are exported. */
export interface ManyOptions {
  /** Accounts at once, at most. */
  readonly jobs: number;
  /** Only those accounts that belong to it. */
  readonly shard?: Shard | undefined;
  readonly signal: AbortSignal;
  /** The DID of an account. */
  readonly findDid: (account: Account, signal: AbortSignal) => Promise<string>;
  readonly export: (
    did: string,
    account: Account,
    stated: ListedRepo | undefined,
    signal: AbortSignal,
  ) => Promise<ExportResult>;
  /** Told how it went, account by account. The next one waits for it. */
  readonly onOutcome: (outcome: Outcome) => Promise<void>;
  /**
   * Resolves after so many milliseconds. With it, an archive on which another run is at work is waited for, a minute at
   * the most; without it, such an account fails at once.
   */
  readonly sleep?: ((milliseconds: number, signal: AbortSignal) => Promise<void>) | undefined;
}

/** For so long each time is waited for an archive on which another run is at work, in milliseconds. */
const waits = [1_000, 4_000, 10_000, 15_000, 30_000];

/** How a list ended. */
export interface ListEnd {
  /** What ended the list early. All that came before is settled. */
  listError?: DecampError;
}

/** When the disk takes no more, no account can be stored. */
const noRoom: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EROFS"]);

/**
 * Exports every account of a list. A DID that is listed again while it is being exported is passed over.
 *
 * @throws DecampError `storage` if the disk is full or read-only; `auth-refused` if the server refuses the password of
 *   its operator, which is good for all or for none; `unreachable` if the server was waited for in vain; the signal's
 *   reason. Nothing else that happens to an account is thrown
 */
export async function exportMany(
  list: AsyncIterable<Listed>,
  { jobs, shard, signal, ...work }: ManyOptions,
): Promise<ListEnd> {
  const running = new Set<string>();
  const ended: ListEnd = {};
  await forEachConcurrent(untilError(list, ended), jobs, signal, async ({ name, account, stated }, either) => {
    let did: string | undefined;
    try {
      if (account instanceof DecampError) {
        throw account;
      }
      did = account.type === "did" ? account.did : await work.findDid(account, either);
      if (running.has(did) || !isInShard(did, shard)) {
        return;
      }
      running.add(did);
      try {
        await work.onOutcome({ name, did, result: await exportInTurn({ did, account, stated }, work, either) });
      } finally {
        running.delete(did);
      }
    } catch (error) {
      either.throwIfAborted();
      const isForAll =
        isDecampError(error, "auth-refused") ||
        isServerGone(error) ||
        (isDecampError(error, "storage") && noRoom.has(error.data["reason"]));
      if (isForAll) {
        throw error;
      }
      await work.onOutcome({ name, ...(did === undefined ? {} : { did }), error });
    }
  });
  return ended;
}

/** Exports an account, once nobody else is at work on its archive. Throws as `export` of the options. */
async function exportInTurn(
  { did, account, stated }: { did: string; account: Account; stated: ListedRepo | undefined },
  { sleep, ...work }: Pick<ManyOptions, "export" | "sleep">,
  signal: AbortSignal,
): Promise<ExportResult> {
  for (const wait of sleep === undefined ? [] : waits) {
    try {
      return await work.export(did, account, stated, signal);
    } catch (error) {
      if (!isDecampError(error, "locked")) {
        throw error;
      }
    }
    await sleep?.(wait, signal);
  }
  return work.export(did, account, stated, signal);
}

/** The list up to where it breaks. Exports that have begun go on. */
async function* untilError(list: AsyncIterable<Listed>, ended: ListEnd): AsyncGenerator<Listed> {
  try {
    yield* list;
  } catch (error) {
    if (!isDecampError(error)) {
      throw error;
    }
    ended.listError = error;
  }
}
