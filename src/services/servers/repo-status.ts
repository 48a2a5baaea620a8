/**
 * What a server says of an account, as anybody can see it (com.atproto.sync.getRepoStatus).
 *
 * Tricky bits:
 * - Only some servers say RepoNotFound of an account that they do not have. Others use words of their own, or fail.
 *   Their answer is held against the one for an account that no server can have.
 * - The same answer for both still says little: the server may have no such method, or hide a deactivated account like
 *   that. So it counts as absent only where the method works for another account of that server, and the answer is
 *   `not found` or a failure. Everything else is left unsaid.
 */

import { isDecampError, type DecampError } from "../../errors.ts";
import { isMissingMethod } from "./missing-method.ts";
import { isOwnRefusal } from "./refusal.ts";

/** The state of an account that anybody can see. */
export interface RepoStatus {
  readonly active: boolean;
  readonly status?: string;
}

/** How a server is asked. */
export interface StatusQuestions {
  /** Asks for it, at most so many times if the server does not answer; as often as is usual unless given. */
  readonly status: (did: string, attempts?: number) => Promise<RepoStatus>;
  /** Some account of that server; undefined if it names none. */
  readonly anyAccount: () => Promise<string | undefined>;
}

/** A DID that no first operation of a log has for its hash. */
export const nobodysDid = "did:plc:222222222222222222222222";

/**
 * @returns `absent` where the server does not have the account; `unsaid`, with what it answered, where it says the same
 *   of an account that it cannot have, and that is no proof
 * @throws DecampError what asking throws
 */
export async function askRepoStatus(
  { status, anyAccount }: StatusQuestions,
  did: string,
  attempts: number | undefined,
): Promise<RepoStatus | "absent" | { readonly unsaid: DecampError }> {
  try {
    return await status(did, 1);
  } catch (error) {
    if (!isOwnRefusal(error)) {
      return askPatiently(status, did, attempts, error);
    }
    if (error.data["error"] === "RepoNotFound") {
      return "absent";
    }
    const other = await refusalOf(async () => status(nobodysDid, 1));
    if (other === undefined || !isSame(error, other)) {
      return askPatiently(status, did, attempts, error);
    }
    const code = Number(error.data["status"]);
    const saysNothing = isMissingMethod(error) || (code !== 404 && code < 500);
    return !saysNothing && (await works(status, anyAccount)) ? "absent" : { unsaid: error };
  }
}

/** Once more, as often as is usual: the first answer was a failure that may pass. */
async function askPatiently(
  status: StatusQuestions["status"],
  did: string,
  attempts: number | undefined,
  first: unknown,
): Promise<RepoStatus | "absent"> {
  if (attempts === 1 || (isOwnRefusal(first) && Number(first.data["status"]) < 500)) {
    throw first;
  }
  try {
    return await status(did, attempts);
  } catch (error) {
    if (isOwnRefusal(error) && error.data["error"] === "RepoNotFound") {
      return "absent";
    }
    throw error;
  }
}

/** Whether the server says of any account that it has it. */
async function works(status: StatusQuestions["status"], anyAccount: StatusQuestions["anyAccount"]): Promise<boolean> {
  try {
    const did = await anyAccount();
    return did !== undefined && (await status(did, 1)) !== undefined;
  } catch (error) {
    if (!isDecampError(error) || isDecampError(error, "interrupted")) {
      throw error;
    }
    return false;
  }
}

async function refusalOf(ask: () => Promise<unknown>): Promise<DecampError | undefined> {
  try {
    await ask();
    return undefined;
  } catch (error) {
    if (!isDecampError(error) || isDecampError(error, "interrupted")) {
      throw error;
    }
    return isOwnRefusal(error) ? error : undefined;
  }
}

function isSame(one: DecampError, other: DecampError): boolean {
  return ["status", "error", "detail"].every((name) => plain(one.data[name]) === plain(other.data[name]));
}

/** What was said, whoever it is about. */
function plain(said: unknown): string {
  return String(said).replaceAll(/did:[a-z]+:[\w.:%-]+/g, "DID");
}
