/** freeze: nothing can be written on the old server while the account is deactivated there. It can be taken back. */

import type { Step } from "../context.ts";

export const freeze: Step = {
  id: "freeze",
  applies: (options) => options.freeze,
  done: async (context) => {
    const { source, identity, signal } = context;
    context.isFrozen = (await source.repoStatus(identity.did, signal))?.active === false;
    return context.isFrozen;
  },
  run: async (context) => {
    const { source, signal } = context;
    await context.note({ type: "frozen", frozen: true });
    await source.deactivate(signal);
    context.isFrozen = true;
    return "until the move is done, or cancelled";
  },
};
