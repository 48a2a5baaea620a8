/**
 * An account as its verified log has it. For work on an identity that may be in any state: given up, or changed by somebody
 * who should not have been able to. The DID document is not asked for: it says nothing that the log does not.
 */

import { DecampError } from "../errors.ts";
import { parseAccount } from "../identity/syntax.ts";
import { contentOf } from "../plc/operation.ts";
import { handleAmong } from "../plc/update.ts";
import { readLog, type ReadLog } from "./read-log.ts";
import { findPlcDid, notClaimed } from "./resolve-account.ts";
import type { AccountServices } from "./services.ts";

export interface AccountLog extends ReadLog {
  readonly did: string;
  /** The handle that the head claims; the handle that was asked for where the identity may be in any state. */
  readonly handle: string | undefined;
}

/**
 * Finds an account and reads its log.
 *
 * @param text a handle or a DID
 * @param options `from`: origin of the server that is asked for the handle; `anyState`: take it although the head does
 *   not claim the handle
 * @throws DecampError `account-not-found`, `invalid-account`, `unsupported` for a did:web, `identity-invalid` for a head
 *   that does not claim the handle, and as `readLog`
 */
export async function readAccount(
  services: AccountServices,
  text: string,
  options: { from?: string | undefined; anyState?: boolean },
  signal: AbortSignal,
): Promise<AccountLog> {
  const account = parseAccount(text);
  const did = await findPlcDid(services, account, options.from, signal);
  const read = await readLog(services, did, signal);
  const claimed = handleAmong(contentOf(read.log.head.operation)?.alsoKnownAs ?? [])?.toLowerCase();
  const asked = account.type === "handle" ? account.handle : undefined;
  if (asked !== undefined && asked !== claimed && options.anyState !== true) {
    throw new DecampError("identity-invalid", notClaimed(asked, did, claimed), {
      data: { rule: "handle/not-claimed", did, handle: asked, claimed },
    });
  }
  return { ...read, did, handle: asked ?? claimed };
}
