/**
 * Patience with the server that very many accounts come from. While it is started anew, or when it is gone, nobody
 * answers, and else each account would wait for that in vain and be an error of its own.
 *
 * - That one account gets no answer is no sign of it: the server is asked something small first. If it answers that,
 *   the account is at fault.
 * - Otherwise all work waits until it answers again. What got no answer is then done once more.
 * - If that takes too long, the run ends with one error. It is about the server, not about an account.
 * - One that has not answered at all yet is not waited for: its address may be wrong.
 */
import { DecampError, isDecampError } from "../../errors.ts";
import { isLostAnswer } from "./refusal.ts";

/** Waits between two looks, in milliseconds; the last one again and again. */
const waits = [2_000, 4_000, 8_000, 16_000, 30_000];

/** What it takes to wait for a server. */
export interface PatienceSetting {
  /** Of the server; an error about another one is none of its. */
  readonly host: string;
  /** Asks the server something small. Resolves whatever it answers, throws where nobody does. */
  readonly look: (signal: AbortSignal) => Promise<unknown>;
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** So long it is waited for, looks not counted (milliseconds). */
  readonly longest: number;
  /** Called when the waiting begins, with that time. */
  readonly onAway: (longest: number) => void;
}

/** What a look, or many of them, have shown. */
type Found = "there" | "back" | "gone";

export class ServerPatience {
  readonly #setting: PatienceSetting;
  /** One looks for all. */
  #looking: Promise<Found> | undefined;
  #silence: DecampError | undefined;
  #hasAnswered = false;
  /** How often it was away and came back. */
  #returns = 0;

  constructor(setting: PatienceSetting) {
    this.#setting = setting;
  }

  /**
   * Does work for which the server is asked; once more, if it was away meanwhile and is back.
   *
   * @throws what `work` throws; DecampError `unreachable`, for which `isServerGone` holds, once the server was away for
   *   too long; the signal's reason
   */
  async through<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#looking;
    for (let isRepeated = false; ; isRepeated = true) {
      if (this.#silence !== undefined) {
        throw this.#silence;
      }
      const before = this.#returns;
      try {
        const result = await work();
        this.#hasAnswered = true;
        return result;
      } catch (error) {
        signal.throwIfAborted();
        if (!this.#hasAnswered || !this.#isFromThere(error)) {
          throw error;
        }
        // Others may have seen it come back meanwhile.
        const isBack = this.#returns !== before;
        this.#looking ??= isBack ? undefined : this.#find(signal).finally(() => (this.#looking = undefined));
        const found = (await this.#looking) ?? "back";
        if (found === "there" || (found === "back" && isRepeated)) {
          throw error;
        }
      }
    }
  }

  /** Whether it says that nobody answered there. */
  #isFromThere(error: unknown): boolean {
    return isLostAnswer(error) && error.data["host"] === this.#setting.host;
  }

  async #find(signal: AbortSignal): Promise<Found> {
    const { host, sleep, longest, onAway } = this.#setting;
    if (await this.#isThere(signal)) {
      return "there";
    }
    onAway(longest);
    let waited = 0;
    for (let turn = 0; waited < longest; turn += 1) {
      const wait = Math.min(waits[turn] ?? waits.at(-1)!, longest - waited);
      await sleep(wait, signal);
      waited += wait;
      if (await this.#isThere(signal)) {
        this.#returns += 1;
        return "back";
      }
    }
    this.#silence = new DecampError("unreachable", `${host} does not answer any more, and was waited for in vain.`, {
      hint: "What is in the archives is kept. Run the same command again when the server is back: it goes on from there.",
      data: { host, reason: serverGone },
    });
    return "gone";
  }

  async #isThere(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#setting.look(signal);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!isDecampError(error)) {
        throw error;
      }
      return !this.#isFromThere(error);
    }
  }
}

const serverGone = "server-gone";

/** Whether the server was waited for in vain: then no account is to be had. */
export function isServerGone(error: unknown): error is DecampError {
  return isDecampError(error, "unreachable") && error.data["reason"] === serverGone;
}
