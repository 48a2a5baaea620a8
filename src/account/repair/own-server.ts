/** Changes of an identity that its own server signs, with a code that it mails: the session for that, and the way. */

import { DecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import type { SignedAnswer } from "../../plc/diff.ts";
import { pdsOf } from "../../plc/operation.ts";
import { predecessorAt } from "../../plc/place.ts";
import type { RecommendedCredentials } from "../../plc/update.ts";
import type { Pds } from "../../services/servers/pds.ts";
import { carryOut, type ChangeOptions, type ChangeParts, type ChangePlan, type ChangeResult } from "../change.ts";
import type { AccountLog } from "../find.ts";
import { ownCredentials } from "../plan-move.ts";
import { signByServer } from "../sign-by-server.ts";
import { ownerOf, signIn } from "../sign-in.ts";

/** The server that holds the account, signed in. */
export interface ServerSession {
  readonly pds: Pds;
  /** Where it mails its codes to, if that is known. */
  readonly email?: string | undefined;
  /** Its own part of the identity, if it says. */
  readonly own?: RecommendedCredentials | undefined;
}

/**
 * Has a change signed by the server, and carries it out.
 *
 * @throws DecampError as `carryOut`, and what the server's answers throw
 */
export async function changeByServer(
  parts: ChangeParts,
  plan: ChangePlan,
  request: ChangeOptions,
  { pds, email }: ServerSession,
): Promise<ChangeResult> {
  const { answers, signal } = parts;
  const sign = async (): Promise<SignedAnswer> => {
    if (!answers.hasPlcToken) {
      await pds.requestPlcToken(signal);
    }
    const head = predecessorAt(plan.judgement.place);
    return signByServer({ pds, asked: plan.operation, head, email }, answers, signal);
  };
  return carryOut(parts, plan, request, sign, pds);
}

/**
 * Signs in at the server that holds the account, unless somebody has.
 *
 * @param request `server`: origin of the one that holds it, if the identity names another address
 * @throws DecampError `refused` if the identity names none; what signing in throws
 */
export async function withSession<T>(
  { services, answers, named = [], signal }: ChangeParts,
  account: AccountLog,
  request: ChangeOptions & { readonly server?: string | undefined },
  session: ServerSession | undefined,
  work: (session: ServerSession) => Promise<T>,
): Promise<T> {
  if (session !== undefined) {
    return work(session);
  }
  const endpoint = request.server ?? pdsOf(account.log.head.operation);
  if (endpoint === undefined) {
    throw new DecampError("refused", "The identity names no server that could sign this.", {
      hint: "Sign it with a rotation key that you hold.",
    });
  }
  const pds = services.openPds(parseServerUrl(endpoint, request));
  try {
    const { email } = await signIn(
      services,
      pds,
      ownerOf(account, [...named, request.server]),
      answers,
      "sourcePassword",
      signal,
    );
    return await work({ pds, email, own: await ownCredentials(pds, signal) });
  } finally {
    await pds.signOut();
  }
}
