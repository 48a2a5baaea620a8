/**
 * create-account: the account on the new server, deactivated; one that an earlier run made is used again.
 * target-account, in a restore: what the new server will want is settled before the identity changes.
 */

import { DecampError, isDecampError, withHint } from "../../errors.ts";
import { noteHandle } from "../handle.ts";
import { noteActiveCopy } from "../checks/mere-copy.ts";
import { requireReplaceable } from "../checks/target-repo.ts";
import { loadCarReader } from "../../services/second-opinion.ts";
import type { Context, Step } from "../context.ts";
import { signInToTarget } from "../sign-in.ts";
import { isActiveThere } from "../checks/target-account.ts";

const method = "com.atproto.server.createAccount";

export const createAccount: Step = {
  id: "create-account",
  // Where the identity names the new server already, what is there has still to be looked at.
  done: (context) => Promise.resolve(context.target.isSignedIn && !context.switched),
  loadAhead: loadCarReader,
  run: async (context) => {
    const { target, identity, signal } = context;
    if ((await target.repoStatus(identity.did, signal, { presume: true })) !== undefined) {
      await adopt(context);
      return "it was there already";
    }
    if (identity.log === undefined) {
      // What is there from now on is a copy that this move has made: no log shows that the account never lived there.
      await context.note({ type: "made" });
    }
    await create(context);
    return context.newHandle;
  },
};

export const targetAccount: Step = {
  id: "target-account",
  done: (context) => Promise.resolve(context.target.isSignedIn),
  run: async (context) => {
    const { answers, identity, target, newHandle, signal } = context;
    if ((await target.repoStatus(identity.did, signal, { presume: true })) !== undefined) {
      await adopt(context);
      return "it was there already";
    }
    // Nobody is asked again later, unless the server refuses an answer.
    context.newEmail = await answers.targetEmail({});
    await answers.targetPassword({ handle: newHandle ?? identity.handle, host: target.host, isNew: true });
    return undefined;
  },
};

/** Signs in to a deactivated account of ours. @throws DecampError as `requireReplaceable` */
async function adopt(context: Context): Promise<void> {
  const { target } = context;
  const { handle } = target.account ?? (await signInToTarget(context));
  await requireReplaceable(context);
  if (handle !== context.newHandle) {
    context.warn("handle-kept", `On ${target.host} the account is called ${handle}, from an earlier run.`);
    context.newHandle = handle;
  }
  await noteHandle(context, true);
}

async function create(context: Context): Promise<void> {
  const { answers, target, targetDescription, identity, signal } = context;
  let handle = context.newHandle ?? identity.handle;
  let emailReason: string | undefined;
  let inviteReason: string | undefined;
  let { inviteCode, newEmail: email } = context;
  for (;;) {
    if (targetDescription.inviteCodeRequired) {
      inviteCode ??= await answers.inviteCode({ host: target.host, ...reasonOf(inviteReason) });
    }
    email ??= await answers.targetEmail({
      ...(context.email === undefined ? {} : { current: context.email }),
      ...reasonOf(emailReason),
    });
    const password = await answers.targetPassword({ handle, host: target.host, isNew: true });
    const serviceToken = await tokenFor(context);
    try {
      const made = await target.createAccount(
        {
          did: identity.did,
          handle,
          email,
          password,
          serviceToken,
          ...(inviteCode === undefined ? {} : { inviteCode }),
        },
        signal,
      );
      if (made.mustBeConfirmed === true) {
        context.warn(
          "account-unconfirmed",
          `${target.host} lets nobody sign in before the account is confirmed. Look for its mail to ${email}, and do what it says: your identity does not change before a sign-in there was seen to work.`,
        );
      }
      break;
    } catch (error) {
      const refusal = explain(error, { host: target.host, handle, email });
      if (refusal === "exists") {
        await adopt(context).catch((reason: unknown) => {
          throw asLeftover(reason, context);
        });
        return;
      }
      const isOfHandle: boolean = isDecampError(refusal, "handle-refused", "handle-taken");
      if (isOfHandle) {
        await context.note({ type: "handle", newHandle: handle, state: "refused" });
      }
      if (!answers.canAskAgain || !isDecampError(refusal)) {
        throw refusal;
      }
      const reason = refusal.message;
      if (isOfHandle) {
        const domains = targetDescription.availableUserDomains;
        handle = await answers.targetHandle({ current: identity.handle, keep: false, domains, reason });
      } else if (["email-refused", "email-taken"].includes(refusal.code)) {
        email = undefined;
        emailReason = reason;
      } else if (refusal.code === "invite-refused") {
        inviteCode = undefined;
        inviteReason = reason;
      } else {
        throw refusal;
      }
    }
  }
  context.newHandle = handle;
  await noteHandle(context, true);
  // As it is from the beginning, it may stay: nobody has done that.
  if (await isActiveThere(context, undefined)) {
    await noteActiveCopy(context);
  }
}

/** A token with which the new server makes the account. @throws DecampError what the old server answers */
export async function tokenFor({ from, targetDescription, signal }: Context): Promise<string> {
  try {
    return await from.serviceToken(targetDescription.did, method, signal);
  } catch (error) {
    throw asNoToken(error);
  }
}

/** The error where the old server does not vouch for the account: some do so for nobody. */
function asNoToken(error: unknown): unknown {
  return isDecampError(error, "server-refused")
    ? withHint(
        error,
        "Without a token of your old server no other one can make the account. Ask its operator. With a rotation key of your own in the identity, decamp restore brings the account from an archive, and needs no token.",
      )
    : error;
}

/** The error for an account that the new server neither makes, because it exists, nor has. */
function asLeftover(error: unknown, { target, identity }: Context): unknown {
  if (!isDecampError(error, "account-not-found")) {
    return error;
  }
  return new DecampError(
    "account-unavailable",
    `${target.host} does not make the account ${identity.did} because it exists already, and yet says that it does not have it.`,
    {
      hint: "Some servers are left like this when they stop while they make an account. Ask the operator of that server to remove what is there of it, then run the same command again.",
      data: { host: target.host, did: identity.did },
      cause: error,
    },
  );
}

/** What a refusal of createAccount means; `exists` when the account is there already, from a lost answer. */
function explain(error: unknown, { host, handle, email }: { host: string; handle: string; email: string }): unknown {
  if (!isDecampError(error, "server-refused")) {
    return error;
  }
  const name = String(error.data["error"]);
  const detail = String(error.data["detail"]);
  const as = (
    code: "handle-taken" | "handle-refused" | "email-taken" | "email-refused" | "invite-refused",
    what: string,
  ): DecampError => new DecampError(code, `${host} refuses ${what}: ${detail}.`, { cause: error });
  if (name === "AlreadyExists") {
    return "exists";
  }
  if (name === "InvalidInviteCode") {
    return as("invite-refused", "the invite code");
  }
  if (/^handle already taken/i.test(detail) || name === "HandleNotAvailable") {
    return as("handle-taken", `the handle ${handle}`);
  }
  if (["InvalidHandle", "UnsupportedDomain"].includes(name) || /handle/i.test(detail)) {
    return as("handle-refused", `the handle ${handle}`);
  }
  if (/^email already taken/i.test(detail)) {
    return as("email-taken", `the e-mail address ${email}`);
  }
  if (/e-?mail/i.test(detail)) {
    return as("email-refused", `the e-mail address ${email}`);
  }
  if (error.data["status"] === 500) {
    return withHint(
      error,
      "Some servers answer like this when the handle or the e-mail address belongs to a deactivated account there. Try another --new-handle or --new-email.",
    );
  }
  return error;
}

function reasonOf(reason: string | undefined): { reason?: string } {
  return reason === undefined ? {} : { reason };
}
