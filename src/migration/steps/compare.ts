/**
 * catch-up and compare: nothing was written meanwhile, and the new server gives out the same repository, proved. One
 * that shows nothing of it yet is held to what it says (checks/unseen.ts).
 */

import { proveDownload } from "../../archive/export/fetch-repo.ts";
import { DecampError } from "../../errors.ts";
import { whyNotSame } from "../checks/same-repo.ts";
import { isActiveThere, pinnedCredentials, statusAtTarget } from "../checks/target-account.ts";
import { fits, isHeadOf, saidOfCopy } from "../checks/unseen.ts";
import type { Context, Step } from "../context.ts";
import { noteLeftOut } from "../left-out.ts";
import { trySignIn } from "../sign-in.ts";
import { exportNow, proveNow } from "./export.ts";
import { importNow } from "./import-repo.ts";
import { namesSameRecords } from "./unseen/named-records.ts";
import { bringPreferences } from "./import-preferences.ts";
import { transferNow } from "./transfer-blobs.ts";

/** How often the account may change while it is moved, before somebody has to stop writing. */
const rounds = 5;

export const catchUp: Step = {
  id: "catch-up",
  done: isCurrent,
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
  done: () => Promise.resolve(false),
  run: async (context) => {
    const { archive, target, identity, snapshot, signal } = context;
    const { did } = identity;
    const { signingKey } = await pinnedCredentials(context);
    const signingIn = trySignIn(context); // a server takes its time for that
    signingIn.catch(() => undefined); // whoever waits for it gets the error
    if (context.isUnseen) {
      return compareUnseen(context, signingIn);
    }
    const there = await proveDownload(
      archive,
      await target.getRepo(did, signal),
      context.expectationThere,
      signal,
      (_, repo) => repo,
    );
    const why = whyNotSame(there, snapshot);
    if (why !== undefined) {
      throw differs(context, why);
    }
    if (context.preferencesLeft?.again !== false) {
      await bringPreferences(context); // they may have changed since
    }
    await requireReady(context);
    await (
      await signingIn
    )?.();
    context.proved = true;
    context.lacking = [];
    context.lackingCount = 0;
    await noteLeftOut(context);
    await context.note({ type: "compared", commit: snapshot.commit });
    return there.commit === snapshot.commit
      ? `the same commit, ${there.records} records`
      : `the same tree under a commit of ${target.host}, signed with ${there.report.signingKey === signingKey ? "its own key" : "a key of the identity"}, ${there.records} records`;
  },
};

/** What can be held against what was sent before anybody has seen it. @throws DecampError `refused` */
async function compareUnseen(context: Context, signingIn: ReturnType<typeof trySignIn>): Promise<string> {
  const { target, snapshot, transferred } = context;
  const said = await saidOfCopy(context);
  if (said === undefined || (said.head !== snapshot.commit && !isHeadOf(context, snapshot, said.head))) {
    throw differs(context, `it says that its head is ${said?.head ?? "none"}`);
  }
  if (!fits(said, snapshot)) {
    throw differs(context, `it says that it has ${said.records ?? "no"} records, and ${snapshot.records} were sent`);
  }
  const isNamed = await namesSameRecords(context);
  if (isNamed === false) {
    throw differs(context, "it names other records than were sent");
  }
  if (context.preferencesLeft?.again !== false) {
    await bringPreferences(context);
  }
  if (await isActiveThere(context, undefined)) {
    throw differs(context, "it says that the account is active");
  }
  await (
    await signingIn
  )?.();
  context.lacking = [];
  context.lackingCount = 0;
  await noteLeftOut(context);
  await context.note({ type: "compared", commit: snapshot.commit, unseen: true });
  const records = `${isNamed === true ? "names" : "counts"} the ${snapshot.records} records`;
  return `${target.host} does not show it yet, ${records}, and has taken ${transferred.there} blobs`;
}

/**
 * Sees everything work that is needed from the new server once the identity names it: after that it is too late.
 *
 * @throws DecampError `refused` for an account that is not as it has to be, and what the new server's answers throw
 */
async function requireReady(context: Context): Promise<void> {
  const { target, identity, switched, signal } = context;
  const { did } = identity;
  const [status, account, head] = await Promise.all([
    target.repoStatus(did, signal),
    statusAtTarget(context),
    target.latestCommit(did, signal),
  ]);
  if (status === undefined || (status.active && !switched && !context.isActiveCopy)) {
    throw differs(context, `it says that the account is ${status === undefined ? "not there" : "active"}`);
  }
  const named = account?.repoCommit ?? head.cid;
  if (named !== head.cid) {
    throw differs(context, `it names two heads, ${named} and ${head.cid}`);
  }
}

function differs({ target, from }: Context, what: string): DecampError {
  return new DecampError("refused", `${target.host} does not have the same as ${from.name}: ${what}.`, {
    hint: "Run the same command again: it brings what is missing. If it stays like this, ask the operator of the new server.",
  });
}

async function isCurrent({ source, identity, snapshot, signal }: Context): Promise<boolean> {
  return (await source.latestCommit(identity.did, signal)).cid === snapshot.commit;
}
