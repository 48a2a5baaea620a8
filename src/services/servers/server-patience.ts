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
import { setDeadline } from "../deadline.ts";
import { isLostAnswer } from "./refusal.ts";

/** Waits between two looks, in milliseconds; the last one again and again. */
const waits = [2_000, 4_000, 8_000, 16_000, 30_000];

/** A look at the very end of the time may take so long (milliseconds). */
const leastLook = 1_000;

/** What it takes to wait for a server. */
export interface PatienceSetting {
  /** Of the server; an error about another one is none of its. */
  readonly host: string;
  /** Asks the server something small. Resolves whatever it answers, throws where nobody does. */
  readonly look: (signal: AbortSignal) => Promise<unknown>;
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Milliseconds, of a clock that nobody sets. */
  readonly now: () => number;
  /** So long it is waited for (milliseconds). */
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
    for (let isRepeated = false; ; isRepeated = true) {
      await this.#looking;
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
        const found = this.#returns === before ? await this.#lookForAll(signal) : "back";
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

  async #lookForAll(signal: AbortSignal): Promise<Found> {
    this.#looking ??= this.#find(signal).finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #find(signal: AbortSignal): Promise<Found> {
    const { host, sleep, now, longest, onAway } = this.#setting;
    const begun = now();
    if (await this.#isThere(longest, signal)) {
      return "there";
    }
    onAway(longest);
    const left = (): number => begun + longest - now();
    for (let turn = 0; left() > 0; turn += 1) {
      await sleep(Math.min(waits[turn] ?? waits.at(-1)!, left()), signal);
      if (await this.#isThere(Math.max(left(), leastLook), signal)) {
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

  /** @param longest so many milliseconds an answer may take */
  async #isThere(longest: number, signal: AbortSignal): Promise<boolean> {
    const late = new AbortController();
    const deadline = setDeadline(longest, () => late.abort());
    try {
      await this.#setting.look(AbortSignal.any([signal, late.signal]));
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (late.signal.aborted) {
        return false;
      }
      if (!isDecampError(error)) {
        throw error;
      }
      return !this.#isFromThere(error);
    } finally {
      deadline.clear();
    }
  }
}

const serverGone = "server-gone";

/** Whether the server was waited for in vain: then no account is to be had. */
export function isServerGone(error: unknown): error is DecampError {
  return isDecampError(error, "unreachable") && error.data["reason"] === serverGone;
}
