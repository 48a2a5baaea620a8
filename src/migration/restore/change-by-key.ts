/** A change of the identity in a restore, or in taking one back: shown, confirmed, and signed with the user's key. */

import { carryOut, type ChangeResult } from "../../account/change.ts";
import { signByKey, type Signer } from "../../account/sign-by-key.ts";
import type { Judgement } from "../../plc/judge.ts";
import type { UnsignedOperation } from "../../plc/operation.ts";
import { predecessorAt } from "../../plc/place.ts";
import type { Context } from "../context.ts";

/**
 * Carries out a change by way of the directory itself: the account's server need not be there.
 *
 * @param purpose what is said to who has to confirm it
 * @throws DecampError as `carryOut`
 */
export async function changeByKey(
  { services, answers, plc: identity, report, signal, options }: Context,
  { operation, judgement }: { readonly operation: UnsignedOperation; readonly judgement: Judgement },
  signer: Signer,
  purpose: "temporary-key" | "old-signing-key",
): Promise<ChangeResult> {
  const { did, handle, log, rawLog } = identity;
  return carryOut(
    {
      services,
      answers: {
        ...answers,
        confirmIdentityChange: async (change) => answers.confirmIdentityChange({ ...change, purpose }),
      },
      signal,
      show: ({ judgement: { differences, facts } }) => report({ type: "identity", did, handle, differences, facts }),
    },
    { account: { did, handle, log, rawLog }, operation, judgement },
    { route: "directory", allowPrivateHosts: options.allowPrivateHosts },
    async () => signByKey(operation, signer, predecessorAt(judgement.place)),
  );
}
