/**
 * recovery-key: a rotation key of the user's own, put first before the identity moves. Who may undo the move is settled
 * by the operation before it, so the key has to be there by then.
 */

import { addKeyTo } from "../../account/add-key.ts";
import { ownCredentials } from "../../account/plan-move.ts";
import { readIdentity } from "../../account/read-identity.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import type { Context, Step } from "../context.ts";

export const recoveryKey: Step = {
  id: "recovery-key",
  only: "plc",
  applies: ({ addRecoveryKey }) => addRecoveryKey,
  done: async (context) => (await newKey(context)).key === firstKey(context),
  run: async (context) => {
    const { services, answers, plc: identity, source, email, report, signal, options } = context;
    const own = await ownCredentials(source, signal);
    const { did, handle } = identity;
    const { key, proof } = await newKey(context);
    if (proof === undefined) {
      context.warn("key-not-tried", "The private part of your new rotation key is not at hand, so nobody can try it.");
    }
    await addKeyTo(
      {
        services,
        answers: {
          ...answers,
          confirmIdentityChange: async (change) =>
            answers.confirmIdentityChange({ ...change, purpose: "recovery-key" }),
        },
        signal,
        show: ({ judgement }) => {
          const { differences, facts } = judgement;
          report({ type: "identity", did, handle, differences, facts });
        },
      },
      identity,
      { key, proof, openSigner: answers.rotationKey, route: "server", allowPrivateHosts: options.allowPrivateHosts },
      { pds: source, email, own },
    );
    context.identity = await readIdentity(services, did, signal);
    return key;
  },
};

/** Asks for the key; also to find out early that it cannot be opened. */
export async function newKey({ answers }: Context): ReturnType<NonNullable<Context["answers"]["newRotationKey"]>> {
  if (answers.newRotationKey === undefined) {
    throw new TypeError("nobody has named the key that is to be added");
  }
  return answers.newRotationKey();
}

function firstKey({ plc: identity }: Context): string | undefined {
  return rotationKeysOf(identity.log.head.operation)[0];
}
