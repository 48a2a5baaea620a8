/** freeze: nothing can be written on the old server while the account is deactivated there. It can be taken back. */

import type { Step } from "../context.ts";

export const freeze: Step = {
  id: "freeze",
  applies: (options) => options.freeze,
  done: async ({ moved, source, identity, signal }) =>
    moved || (await source.repoStatus(identity.did, signal))?.active === false,
  run: async ({ source, journal, signal }) => {
    // Written down first: whatever happens then, a cancelled move activates it again.
    await journal.append({ type: "frozen", frozen: true });
    await source.deactivate(signal);
    return "until the move is done, or cancelled";
  },
};
