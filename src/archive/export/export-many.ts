/**
 * Many accounts, an archive each. An account that fails is reported, and the others go on. An account that is done is
 * forgotten, so memory does not depend on how many there are.
 */

import { DecampError, isDecampError } from "../../errors.ts";
import type { Account } from "../../identity/names.ts";
import { forEachConcurrent } from "../../services/concurrent.ts";
import type { ListedRepo } from "../../services/servers/pds.ts";
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
}

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
 *   its operator, which is good for all or for none; the signal's reason. Nothing else that happens to an account is
 *   thrown
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
        await work.onOutcome({ name, did, result: await work.export(did, account, stated, either) });
      } finally {
        running.delete(did);
      }
    } catch (error) {
      either.throwIfAborted();
      const isForAll =
        isDecampError(error, "auth-refused") || (isDecampError(error, "storage") && noRoom.has(error.data["reason"]));
      if (isForAll) {
        throw error;
      }
      await work.onOutcome({ name, ...(did === undefined ? {} : { did }), error });
    }
  });
  return ended;
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
