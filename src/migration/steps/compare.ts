/** catch-up and compare: nothing was written meanwhile, and the new server gives out the same repository, proved. */

import { proveDownload } from "../../archive/fetch-repo.ts";
import { DecampError } from "../../errors.ts";
import type { Context, Step } from "../context.ts";
import { exportNow, proveNow } from "./export.ts";
import { importNow } from "./import-repo.ts";
import { preferencesAgree } from "./import-preferences.ts";
import { transferNow } from "./transfer-blobs.ts";

/** How often the account may change while it is moved, before somebody has to stop writing. */
const rounds = 5;

export const catchUp: Step = {
  id: "catch-up",
  done: async (context) => context.moved || (await isCurrent(context)),
  run: async (context) => {
    for (let round = 1; !(await isCurrent(context)); round += 1) {
      if (round > rounds) {
        throw new DecampError("refused", "The account on your old server changes faster than it can be moved.", {
          hint: "Stop posting, and whatever posts for you, for a few minutes. Then run the same command again.",
        });
      }
      await exportNow(context);
      await proveNow(context);
      await importNow(context);
      await transferNow(context);
    }
    return `commit ${context.snapshot.commit}`;
  },
};

export const compare: Step = {
  id: "compare",
  done: (context) => Promise.resolve(context.moved),
  run: async (context) => {
    const { archive, target, identity, snapshot, services, signal } = context;
    const { did, log } = identity;
    const there = await proveDownload(
      archive,
      await target.getRepo(did, signal),
      { did, signingKeys: log.signingKeys, now: services.now() },
      signal,
      (_, repo) => repo,
    );
    if (there.commit !== snapshot.commit || there.records !== snapshot.records) {
      throw differs(target.host, `its repository is at ${there.commit}, not at ${snapshot.commit}`);
    }
    if (!(await preferencesAgree(context))) {
      throw differs(target.host, "its preferences are not the same");
    }
    return `the same commit, ${there.records} records`;
  },
};

function differs(host: string, what: string): DecampError {
  return new DecampError("refused", `${host} does not have the same as your old server: ${what}.`, {
    hint: "Your account is still on your old server, unchanged. Run the same command again.",
  });
}

async function isCurrent({ source, identity, snapshot, signal }: Context): Promise<boolean> {
  return (await source.latestCommit(identity.did, signal)).cid === snapshot.commit;
}
