/**
 * Documents of did:web for work on very many accounts. Each comes from a host that is the account's own: one that is
 * never done, or asks to wait, is not to hold up the others.
 */
import { DecampError } from "../../errors.ts";
import { setDeadline } from "../deadline.ts";

type AskDocument = (did: string, signal: AbortSignal) => Promise<unknown>;

/** So long one may take, repetitions and waits counted (milliseconds). */
const longest = 30_000;

/** The same documents, as far as they come soon. @throws DecampError `unreachable` for one that does not */
export function briefly(ask: AskDocument): AskDocument {
  return async (did, signal) => {
    const late = new AbortController();
    const deadline = setDeadline(longest, () => late.abort());
    try {
      return await ask(did, AbortSignal.any([signal, late.signal]));
    } catch (error) {
      if (late.signal.aborted && !signal.aborted) {
        throw new DecampError(
          "unreachable",
          `The DID document of ${did} did not come within ${longest / 1000} seconds.`,
          {
            hint: "Its host is that of the account. The next run asks again.",
            data: { did },
            cause: error,
          },
        );
      }
      throw error;
    } finally {
      deadline.clear();
    }
  };
}
