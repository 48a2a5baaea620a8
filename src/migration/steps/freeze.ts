/** freeze: nothing can be written on the old server while the account is deactivated there. It can be taken back. */

import type { Step } from "../context.ts";

export const freeze: Step = {
  id: "freeze",
  applies: (options) => options.freeze,
  done: async ({ source, identity, signal }) => (await source.repoStatus(identity.did, signal))?.active === false,
  run: async (context) => {
    const { source, signal } = context;
    await context.note({ type: "frozen", frozen: true });
    await source.deactivate(signal);
    return "until the move is done, or cancelled";
  },
};
