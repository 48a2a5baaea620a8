/**
 * prove-there: what the new server did not show before the account was active there is read back and proved, before the
 * account on the old server is deactivated: the tree, the DID, the signature by the key that the identity names, and
 * every blob.
 */

import { pastOf, readAnyIdentity } from "../../../account/web/any-identity.ts";
import { livesAt, ownKeyFlag, staysOf } from "../../../account/where.ts";
import { proveDownload, type ProvedRepo } from "../../../archive/export/fetch-repo.ts";
import { withRepo } from "../../../archive/open-repo.ts";
import { DecampError, isDecampError } from "../../../errors.ts";
import { isFutureRev } from "../../../repo/commit.ts";
import { diffInTurns } from "../../../repo/diff.ts";
import type { RepoSource } from "../../../repo/source.ts";
import { isAgreedTo, owesProof } from "../../checks/unseen.ts";
import type { Context, Step } from "../../context.ts";
import { noteLeftOut } from "../../left-out.ts";
import { signInToTarget } from "../../sign-in.ts";
import { pressOn } from "../run-step.ts";
import { transferNow } from "../transfer-blobs.ts";

/** What says that it is not there, unless the server only stumbles. */
const failures = ["refused", "damaged", "incomplete", "limit-exceeded", "server-refused"] as const;

/** A server that does not answer, or says no more than that it failed: nothing is known of what it has. */
function isStumble(error: unknown): error is DecampError {
  return (
    isDecampError(error, "unreachable", "bad-answer") ||
    (isDecampError(error, "server-refused") && Number(error.data["status"]) >= 500)
  );
}

/** What would say so if what is there is not what was sent. */
type Fault = string | undefined;

export const proveThere: Step = {
  id: "prove-there",
  arises: (context) =>
    context.isUnseen || owesProof(context) || context.options.proveAfterActivation || isAgreedTo(context),
  done: (context) => Promise.resolve(!context.isUnseen && !owesProof(context)),
  run: async (context) => {
    const { target, identity, services, signal } = context;
    const last = context.hasSnapshot ? context.snapshot : await context.lastSnapshot();
    if (last === undefined) {
      context.leave("not-proved", `There is no archive that what ${target.host} has could be compared with.`);
      return "not done";
    }
    context.snapshot = last;
    if (!target.isSignedIn) {
      await signInToTarget(context);
    }
    context.isUnseen = false;
    try {
      const added = await pressOn(context, async () => proveRepo(context));
      await pressOn(context, async () => transferNow(context));
      const now = await readAnyIdentity(services, identity.did, signal);
      if (!livesAt(pastOf(now), target.origin)) {
        throw new DecampError("refused", `The identity does not name ${target.host} any more.`);
      }
      context.proved = true;
      await noteLeftOut(context);
      if (now.log !== undefined) {
        await context.note({ type: "proved-there", operation: staysOf(now.log).at(-1)?.arrival.cid ?? "" });
      }
      const { there } = context.transferred;
      return `${last.records} records and ${there} blobs, read back${added === 0 ? "" : `; ${added} records were written there since`}`;
    } catch (error) {
      context.isUnseen = true;
      throw isStumble(error)
        ? asUnproved(context, error)
        : isDecampError(error, ...failures)
          ? asFailed(context, error)
          : error;
    }
  },
};

/** @returns how many records are there that were not sent. Throws `refused`, `damaged` */
async function proveRepo(context: Context): Promise<number> {
  const { target, archive, identity, services, snapshot, expectation: before, signal } = context;
  const { did } = identity;
  const now = await readAnyIdentity(services, did, signal);
  const { signingKey } = now.document;
  const keys = [...(signingKey === undefined ? [] : [signingKey]), ...(before.signingKeys ?? [])];
  const download = await target.getRepo(did, signal);
  return proveDownload(archive, download, { ...before, signingKeys: keys }, signal, async (source, repo) => {
    const { fault, added } = await judge(context, source, repo, signingKey);
    if (fault !== undefined) {
      throw new DecampError("refused", `${target.host} does not have what was sent there: ${fault}.`);
    }
    return added;
  }).catch((error: unknown) => {
    throw isDecampError(error, "damaged")
      ? new DecampError(
          "refused",
          `What ${target.host} gives out is not the repository that was sent there, ${snapshot.commit}: ${error.message}`,
          { cause: error },
        )
      : error;
  });
}

/** A commit of the server's own is signed with the key that the identity names; what was written since adds to it. */
async function judge(
  { archive, snapshot, services, options, signal }: Context,
  source: RepoSource,
  { commit, data, rev, report }: ProvedRepo,
  signingKey: string | undefined,
): Promise<{ fault: Fault; added: number }> {
  if (commit === snapshot.commit) {
    return { fault: undefined, added: 0 };
  }
  if (report.signingKey !== signingKey) {
    return { fault: "its commit is not signed with the key that the identity names", added: 0 };
  }
  if (rev < snapshot.rev) {
    return { fault: `its revision ${rev} is older than ${snapshot.rev}`, added: 0 };
  }
  if (isFutureRev(rev, services.now()) && !options.acceptFutureRev) {
    return { fault: `its revision ${rev} lies in the future`, added: 0 };
  }
  if (data === snapshot.data) {
    return { fault: undefined, added: 0 };
  }
  return withRepo(archive, snapshot, async (sent) => {
    const others: string[] = [];
    let count = 0;
    let added = 0;
    for await (const { kind, path } of diffInTurns(sent, source, { signal })) {
      if (kind === "added") {
        added += 1;
      } else {
        count += 1;
        others.push(...(others.length < 3 ? [path] : []));
      }
    }
    const fault = `${count} records are not there, or are others, such as ${others.join(", ")}`;
    return { fault: count === 0 ? undefined : fault, added };
  });
}

/** Nothing is proved, and nothing is known to be wrong: the same command asks again. */
function asUnproved({ source, target }: Context, { code, message, data, cause }: DecampError): DecampError {
  return new DecampError(code, message, {
    hint: `Nothing shows that anything is missing: ${target.host} has not said what it has. The account on ${source.host} stays active until that is proved. Run the same command again.`,
    data,
    cause,
  });
}

/** The proof has failed: the way back is at hand, and the old account is active. */
function asFailed({ source, target, identity }: Context, error: DecampError): DecampError {
  return new DecampError("refused", error.message, {
    hint: `The account on ${source.host} is active, with all that it has. If it is only what you have deleted or changed at ${target.host} since, deactivate the account on ${source.host} by hand. To look again, run the same command again. To let the identity name ${source.host} again, with your rotation key:`,
    data: { ...error.data, reason: "not-proved", next: ["plc", "undo", identity.did, ...ownKeyFlag] },
    cause: error,
  });
}
