/**
 * The quota of uploads: many servers take 1,000 blobs a day from one address. It is forecast before the move, told when
 * the server names it, and waited for across runs.
 */

import { DecampError, isDecampError } from "../errors.ts";
import type { Context } from "./context.ts";

/** What the reference server takes when its limits are on, and many servers with it. */
const usual = { limit: 1000, window: 86_400_000 };

/** Says in advance that a number of blobs may take days. */
export function forecastUploads({ services, target, warn }: Context, blobs: number): void {
  if (blobs > usual.limit) {
    const days = Math.ceil(blobs / usual.limit);
    const ready = new Date(services.now() + (days - 1) * usual.window).toISOString().slice(0, 10);
    warn(
      "many-blobs",
      `There are ${blobs} blobs. Many servers take ${usual.limit} uploads a day; if ${target.host} does, the move takes ${days} days and can be done on ${ready}. Run the same command again whenever it says that it has to wait.`,
    );
  }
}

/** Watches over the uploads of one run. */
export class UploadQuota {
  readonly #context: Context;
  readonly #total: number;
  #done = 0;
  #told = false;
  #refusal: DecampError | undefined;

  /** @param total how many blobs are to be uploaded */
  constructor(context: Context, total: number) {
    this.#context = context;
    this.#total = total;
  }

  /** The items, as long as the server takes them. */
  *whileItLasts<T>(items: Iterable<T>): Iterable<T> {
    for (const item of items) {
      if (this.#refusal !== undefined) {
        return;
      }
      yield item;
    }
  }

  /** Runs one upload. False if the server takes no more: those under way go on, because they count there already. */
  async within(upload: () => Promise<void>): Promise<boolean> {
    try {
      await upload();
    } catch (error) {
      if (!isDecampError(error, "rate-limited")) {
        throw error;
      }
      this.#refusal ??= error;
      return false;
    }
    this.#done += 1;
    this.#tell();
    return true;
  }

  /**
   * @throws DecampError `rate-limited` if it did not last: when to come back, how many are left, when the last can be
   *   there
   */
  requireLasted(): void {
    if (this.#refusal !== undefined) {
      throw this.#spent(this.#refusal);
    }
  }

  /** Says once that the quota will not do, as soon as the server has named it. */
  #tell(): void {
    const { target, warn } = this.#context;
    const allowance = target.uploadAllowance;
    const left = this.#total - this.#done;
    if (this.#told || allowance === undefined || allowance.remaining >= left) {
      return;
    }
    this.#told = true;
    const until = new Date(allowance.resetAt);
    const ready = readyAt(until, left - allowance.remaining, allowance);
    warn(
      "upload-quota",
      `${target.host} takes ${allowance.remaining} more uploads before ${until.toISOString()}, and ${left} blobs are left. The last of them can be there ${at(until, ready)}.`,
    );
  }

  #spent(error: DecampError): DecampError {
    const { host } = this.#context.target;
    const left = this.#total - this.#done;
    const { until, limit, window } = error.data;
    const when = typeof until === "string" ? until : undefined;
    const more =
      when === undefined || typeof limit !== "number" || typeof window !== "number" || left <= limit
        ? ""
        : ` It takes ${limit} at a time; the last can be there ${at(new Date(when), readyAt(new Date(when), left, { limit, window }))}.`;
    return new DecampError(
      "rate-limited",
      `${host} takes no more uploads for now${when === undefined ? "" : `, until ${when}`}. ${left} blobs are left.`,
      {
        hint: `Run the same command again${when === undefined ? " later" : " then"}: it goes on from here.${more}`,
        data: { ...error.data, uploaded: this.#done, left },
        cause: error,
      },
    );
  }
}

/** When the last of `left` uploads can be done, if the first of them can at `from`. */
function readyAt(from: Date, left: number, quota: { limit?: number; window?: number }): Date {
  const { limit = usual.limit, window = usual.window } = quota;
  return new Date(from.getTime() + (Math.ceil(left / Math.max(1, limit)) - 1) * window);
}

function at(until: Date, ready: Date): string {
  return ready.getTime() === until.getTime() ? "then" : `at ${ready.toISOString()}`;
}
