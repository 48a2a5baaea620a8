/** A change of an identity that somebody has to sign: a rotation key that is opened for it, or the account's server. */

import type { SignedAnswer } from "../../plc/diff.ts";
import { judgeOperation, type Intent } from "../../plc/judge.ts";
import type { KeyKnowledge } from "../../plc/change-facts.ts";
import { rotationKeysOf, type UnsignedOperation } from "../../plc/operation.ts";
import { predecessorAt } from "../../plc/place.ts";
import { carryOut, type ChangeOptions, type ChangeParts, type ChangePlan, type ChangeResult } from "../change.ts";
import { timeAtDirectory } from "../directory-time.ts";
import type { AccountLog } from "../find.ts";
import { signByKey, type Signer } from "../sign-by-key.ts";
import { changeByServer, withSession, type ServerSession } from "./own-server.ts";

/** The change, before anybody knows who signs it. */
export interface AskedChange {
  readonly account: AccountLog;
  readonly operation: UnsignedOperation;
  /** Keys that are the user's, whoever signs. */
  readonly user: readonly string[];
  /** What was asked for, to judge the operation by. */
  readonly intent: (known: KeyKnowledge) => Intent;
  /** Called before a server is asked to sign it. May throw. */
  readonly look?: (session: ServerSession) => void;
}

/** How it gets to the log. */
export interface SigningOptions extends ChangeOptions {
  /** Opens a rotation key that is held already, one of these did:keys; without it the server signs. */
  readonly openSigner?: ((didKeys: readonly string[]) => Promise<Signer>) | undefined;
}

/**
 * Has it signed, and carries it out.
 *
 * @param session with the server of the account, if there is one; else one is opened if the server has to sign
 * @throws DecampError as `carryOut`; what opening the key, signing in and signing throw
 */
export async function changeByWhoeverSigns(
  parts: ChangeParts,
  { account, operation, user, intent, look }: AskedChange,
  request: SigningOptions,
  session?: ServerSession,
): Promise<ChangeResult> {
  const { log } = account;
  const keys = rotationKeysOf(log.head.operation);
  const plan = (known: KeyKnowledge): ChangePlan => {
    const now = timeAtDirectory(parts.services);
    return { account, operation, judgement: judgeOperation(log, operation, intent(known), now) };
  };
  if (request.openSigner === undefined) {
    return withSession(parts, account, request, session, async (open) => {
      look?.(open);
      const { rotationKeys: oldServer = [] } = open.own ?? {};
      const signers = keys.filter((one) => oldServer.includes(one));
      const known = { user, oldServer, ...(signers.length > 0 ? { signers } : {}) };
      return changeByServer(parts, plan(known), request, open);
    });
  }
  const signer = await request.openSigner(keys);
  const oldServer = session?.own?.rotationKeys;
  const byKey = plan({
    user: [...user, signer.didKey],
    ...(oldServer === undefined ? {} : { oldServer }),
    signers: [signer.didKey],
  });
  const sign = async (): Promise<SignedAnswer> => signByKey(operation, signer, predecessorAt(byKey.judgement.place));
  return carryOut(parts, byKey, request, sign, session?.pds);
}
