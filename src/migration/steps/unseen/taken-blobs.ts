/**
 * Blobs that a new server has taken, and does not show yet. That it took one under the CID of its bytes is all that can
 * be known then; it is taken down, so that a later run does not send it again.
 */

import { DecampError } from "../../../errors.ts";
import type { Context } from "../../context.ts";

/** So many go into one line of the journal. One that is not in it after a crash is sent once more. */
const bunch = 32;

/** Which blobs were taken, in this run or an earlier one. */
export class TakenBlobs {
  readonly #context: Context;
  #news: string[] = [];
  #kept: Promise<void> = Promise.resolve();

  constructor(context: Context) {
    this.#context = context;
  }

  has(cid: string): boolean {
    return this.#context.journal.state.uploaded?.has(cid) === true;
  }

  /** @throws DecampError `storage` */
  async add(cid: string): Promise<void> {
    this.#news.push(cid);
    if (this.#news.length >= bunch) {
      await this.keep();
    }
  }

  /** Takes down what is not yet: one line after the other. @throws DecampError `storage` */
  async keep(): Promise<void> {
    const cids = this.#news;
    this.#news = [];
    this.#kept = this.#noteAfter(this.#kept, cids);
    return this.#kept;
  }

  async #noteAfter(before: Promise<void>, cids: readonly string[]): Promise<void> {
    await before;
    if (cids.length > 0) {
      await this.#context.note({ type: "uploaded", cids });
    }
  }
}

/** @throws DecampError `refused` if the new server misses one of these although it took them all */
export async function requireNoneMissing({ target, signal }: Context, cids: ReadonlySet<string>): Promise<void> {
  for await (const cid of target.listMissingBlobs(signal)) {
    if (cids.has(cid)) {
      throw new DecampError("refused", `${target.host} took the blob ${cid}, and says that it misses it.`, {
        hint: "Run the same command again; if it stays like this, ask the operator of the new server why.",
        data: { cid },
      });
    }
  }
}
