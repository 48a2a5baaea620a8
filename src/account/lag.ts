/** A directory may lag: an answer may be older than the one before it. The one policy for all who read from it. */

import type { AccountServices } from "./services.ts";

/** How often a directory is asked, and the pause in between (milliseconds). */
const lag = { attempts: 5, pause: 500 };

/**
 * Asks until the answer fits what is known already, or the directory has had its time.
 *
 * @param ask `last` is true the last time: then it answers with what it has, or throws; before, undefined asks again
 */
export async function whileItLags<T>(
  { sleep }: Pick<AccountServices, "sleep">,
  signal: AbortSignal,
  ask: (last: boolean) => Promise<T | undefined>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const last = attempt >= lag.attempts;
    const answer = await ask(last);
    if (answer !== undefined) {
      return answer;
    }
    if (last) {
      throw new TypeError("the last time an answer is taken as it is, or refused");
    }
    await sleep(lag.pause, signal);
  }
}
