/**
 * A blob that the new server does not take (it hangs, breaks off, is too large, is refused) holds up no other. All such
 * blobs are collected, and told when the others are across.
 */

import { isAccountState } from "../archive/unavailable.ts";
import type { ArchivedBlob } from "../archive/manifest.ts";
import { isDecampError, type DecampError } from "../errors.ts";
import { isAnswering } from "../services/servers/answering.ts";
import type { Context } from "./context.ts";

/** If so many blobs fail and none succeeds, the server is at fault, and the run ends. */
const hopeless = 16;

export class BlobFailures {
  readonly #context: Pick<Context, "target" | "identity">;
  readonly #failed = new Map<string, DecampError>();
  #succeeded = 0;

  constructor(context: Pick<Context, "target" | "identity">) {
    this.#context = context;
  }

  /** The error of each blob that failed, by CID. */
  get all(): ReadonlyMap<string, DecampError> {
    return this.#failed;
  }

  /**
   * Does something with a blob at the new server.
   *
   * @returns whether it was done; false if this blob cannot be had there
   * @throws what is about more than this blob: the server, the session, a limit, the disk
   */
  async attempt({ cid }: ArchivedBlob, signal: AbortSignal, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!isDecampError(error) || !(await this.#isAboutBlob(error, signal))) {
        throw error;
      }
      this.#failed.set(cid, error);
      if (this.#succeeded === 0 && this.#failed.size >= hopeless) {
        throw error;
      }
      return false;
    }
    this.#succeeded += 1;
    return true;
  }

  async #isAboutBlob(error: DecampError, signal: AbortSignal): Promise<boolean> {
    switch (error.code) {
      case "refused":
        return true;
      case "server-refused":
      case "bad-answer":
        return error.data["status"] !== 401 && !isAccountState(error);
      case "unreachable": {
        const { target, identity } = this.#context;
        return isAnswering(target, identity.did, signal);
      }
      default:
        return false;
    }
  }
}
