/** Whether a server that does not give one thing is there at all. */

import { isDecampError } from "../../errors.ts";
import type { Pds } from "./pds.ts";

/**
 * Asks a server something small about an account. If it answers, whatever that is, then a
 * blob that does not come is about that blob, and not about the server.
 *
 * @throws the signal's reason
 */
export async function isAnswering(pds: Pds, did: string, signal: AbortSignal): Promise<boolean> {
  try {
    await pds.repoStatus(did, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!isDecampError(error)) {
      throw error;
    }
    return error.code !== "unreachable";
  }
  return true;
}
