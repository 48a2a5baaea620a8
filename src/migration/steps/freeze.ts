/**
 * freeze: nothing can be written on the old server while the account is deactivated there. It can be taken back. Not
 * every server shows a deactivated account to its owner: whether this one does is tried at once.
 */

import { isBlobNotFound } from "../../archive/unavailable.ts";
import { DecampError } from "../../errors.ts";
import { isMissingMethod } from "../../services/servers/missing-method.ts";
import { isOwnRefusal } from "../../services/servers/refusal.ts";
import type { Download } from "../../services/servers/pds.ts";
import type { Context, Step } from "../context.ts";
import { tokenFor } from "./create-account.ts";

export const freeze: Step = {
  id: "freeze",
  applies: (options) => options.freeze,
  done: async (context) => {
    await lookWhetherFrozen(context);
    if (context.isFrozen) {
      await requireReadable(context);
    }
    return context.isFrozen;
  },
  run: async (context) => {
    const { source, signal } = context;
    if (context.where.target?.state === "absent") {
      await tokenFor(context); // one that vouches for nobody need not be frozen for that
    }
    // Before it is done: whatever interrupts this run, the next one knows that it may have to be taken back.
    await context.note({ type: "frozen", frozen: true });
    try {
      await source.deactivate(signal);
      context.isFrozen = true;
    } catch (error) {
      await lookWhetherDone(context, error);
    }
    await requireReadable(context);
    return "until the move is done, or cancelled";
  },
};

/** A server that does not say that it did it may have done it. @throws `error` unless it has */
async function lookWhetherDone(context: Context, error: unknown): Promise<void> {
  try {
    await lookWhetherFrozen(context);
  } catch {
    const { source, identity, targetOrigin, warn } = context;
    warn(
      "source-frozen",
      `Nobody knows whether ${source.host} has deactivated the account: if so, nobody can see it. Run the same command again to go on. Or take it back, with migrate cancel.`,
      ["migrate", "cancel", identity.did, "--to", targetOrigin],
    );
    throw error;
  }
  if (!context.isFrozen) {
    throw error;
  }
}

async function lookWhetherFrozen(context: Context): Promise<void> {
  const { source, identity, signal } = context;
  context.isFrozen = (await source.repoStatus(identity.did, signal))?.active === false;
}

/**
 * Sees that the old server gives out the account that is deactivated there. Where it does not, one that a run of this
 * move has deactivated is active again; nothing was transferred so far.
 *
 * @throws DecampError `refused` where it cannot be read, unless nobody has asked for a freeze, and it is active again
 */
export async function requireReadable(context: Context): Promise<void> {
  const { source, identity, options, journal, signal } = context;
  const refusal = await refusalToShow(context);
  if (refusal === undefined) {
    return;
  }
  const isOurs = journal.state.frozen === true;
  if (isOurs) {
    await source.activate(signal);
    await context.note({ type: "frozen", frozen: false });
    await lookWhetherFrozen(context);
  }
  const why = `${source.host} does not give out an account that is deactivated there, not even to its owner: ${refusal.message}`;
  if (isOurs && !options.freeze && !context.isFrozen) {
    context.warn("not-frozen", `${why} So it is active there again.`);
    return;
  }
  const { did } = identity;
  throw new DecampError(
    "refused",
    `${why}${context.isFrozen ? "" : " So it is active there again, and nothing was moved."}`,
    {
      hint: context.isFrozen
        ? `Activate the account at ${source.host}, in an app or with its operator's help. Then run the same command again, without --freeze.`
        : "Run the same command again without --freeze. What is written meanwhile is brought along before the identity changes; so post nothing then, to be quite sure. The move:",
      data: {
        reason: "frozen-unreadable",
        ...(context.isFrozen ? {} : { next: ["migrate", did, "--to", context.targetOrigin] }),
      },
      cause: refusal,
    },
  );
}

/** What the old server says where it does not show the repository, its head, or a blob; undefined where it does. */
async function refusalToShow(context: Context): Promise<DecampError | undefined> {
  const { source, identity, signal } = context;
  const { did } = identity;
  const asked = [
    async () => source.latestCommit(did, signal),
    async () => begin(await source.getRepo(did, signal)),
    async () => {
      const blob = await someBlob(context);
      await (blob === undefined ? undefined : begin(await source.getBlob(did, blob, signal)));
    },
  ];
  for (const ask of asked) {
    try {
      await ask();
    } catch (error) {
      if (!isOwnRefusal(error)) {
        throw error;
      }
      // A blob that is lost was so before: the export says so.
      if (!isBlobNotFound(error) && !isMissingMethod(error)) {
        return error;
      }
    }
  }
  return undefined;
}

/** The CID of one that the old server has, as far as it is known. It shows them to nobody else while it is frozen. */
async function someBlob(context: Context): Promise<string | undefined> {
  const { source, identity, sample, signal } = context;
  const [listed] = sample.taken();
  if (listed !== undefined) {
    return listed;
  }
  for await (const cid of source.listBlobs(identity.did, signal)) {
    return cid;
  }
  return undefined;
}

/** Its first piece: whoever gives that gives the rest. */
async function begin({ bytes }: Download): Promise<void> {
  for await (const _ of bytes) {
    return;
  }
}
