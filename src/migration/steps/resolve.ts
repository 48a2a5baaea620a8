/**
 * resolve: which account is it, what does the verified log or the document say, and which two servers is the move
 * between.
 */

import { findAnyIdentity } from "../../account/find.ts";
import { pastOf, type AnyIdentity } from "../../account/web/any-identity.ts";
import { askPlace, type Place } from "../../account/places.ts";
import { homeBefore, livesAt, requireHome } from "../../account/where.ts";
import { DecampError, expectedFailure } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { parseAccount } from "../../identity/names.ts";
import { timeOfRev } from "../../repo/head.ts";
import type { Context, Step } from "../context.ts";
import { findJournals, rememberedDids } from "../journal.ts";
import { requireNoRestore } from "../restore/under-way.ts";
import { requireNoPlcWishes } from "../web/publish.ts";
import { goThroughEntryway } from "../checks/host-behind.ts";
import { recall } from "../web/recall.ts";

export const resolve: Step = {
  id: "resolve",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const { options, services, signal } = context;
    const { allowPrivateHosts, stateDir } = options;
    const account = parseAccount(options.account);
    const from = options.from === undefined ? undefined : parseServerUrl(options.from, { allowPrivateHosts });
    const remembered = account.type === "handle" ? await rememberedDids(stateDir, account.handle) : [];
    const found = await findAnyIdentity(services, account, { from, remembered, past: true }, signal);
    const identity = await recall(found, stateDir);
    context.identity = identity;
    if (context.kind === "web") {
      const { answers } = context;
      requireNoPlcWishes(identity.did, {
        "a rotation key": answers.rotationKey !== undefined,
        "--recovery-key": options.addRecoveryKey,
        "--prove-after-activation": options.proveAfterActivation,
        "--accept-key": options.acceptKeys !== undefined,
        "a code that confirms a PLC operation": answers.hasPlcToken,
      });
    }
    const past = pastOf(identity);
    const home = requireHome(past);
    await goThroughEntryway(context);
    const { targetOrigin } = context;
    const journals = await findJournals(stateDir, identity.did);
    requireNoRestore(past, journals, targetOrigin);
    context.switched = livesAt(past, targetOrigin);
    const source = context.switched
      ? await sourceBefore(context, identity, from)
      : await sourceNow(context, identity, home, from);
    const earlier = journals.find(({ target }) => target === targetOrigin);
    context.oldHandle = (context.switched ? earlier?.handle : undefined) ?? identity.handle;
    context.source = services.openPds(source);
    return `${context.oldHandle} is ${identity.did}`;
  },
};

/**
 * Before the switch the account is moved from where it lives. @throws DecampError `refused`, `same-server`,
 * `unreachable`
 */
async function sourceNow(
  context: Context,
  identity: AnyIdentity,
  home: string,
  from: string | undefined,
): Promise<string> {
  const { did } = identity;
  const { options, services, signal, targetOrigin } = context;
  if (from === undefined || livesAt(pastOf(identity), from)) {
    return home;
  }
  if (from === targetOrigin) {
    throw new DecampError("same-server", `${from} cannot be both the old and the new server.`, {
      hint: `The identity of ${did} names ${home}.`,
    });
  }
  if (!options.homeIsLost && (await isSameServer(context, from, home))) {
    return from;
  }
  const [old, now] = await Promise.all(
    [from, home].map(async (origin) => askPlace(services.openPds(origin), did, signal)),
  );
  const both = [`${home}, which the identity names: ${describePlace(now)}`, `${from}: ${describePlace(old)}`];
  if (options.homeIsLost && now?.state !== "active") {
    context.warn("home-is-lost", `You say that ${home} is lost. ${both.join(". ")}.`);
    return from;
  }
  throw new DecampError("refused", `The account does not live at ${from}, but at ${home}. ${both.join(". ")}.`, {
    hint: options.homeIsLost
      ? `${home} answers, and has the account active: it is not lost. Leave out --from and --home-is-lost.`
      : `Leave out --from (and DECAMP_SOURCE_PDS) to move it from where it lives. What is at ${from} may be old; only if ${home} is lost for good, add --home-is-lost.`,
    data: {
      reason: "not-home",
      home,
      from,
      ...(now?.head === undefined ? {} : { homeRev: now.head.rev }),
      ...(old?.head === undefined ? {} : { fromRev: old.head.rev }),
      ...(identity.log === undefined ? {} : { operation: identity.log.head.cid }),
    },
  });
}

/**
 * After the switch the old server is the one before the new one in the log. Nothing that it says can hold the move up.
 */
async function sourceBefore(context: Context, identity: AnyIdentity, from: string | undefined): Promise<string> {
  const { did, handle } = identity;
  const { targetOrigin, signal } = context;
  const before = homeBefore(pastOf(identity));
  if (identity.log === undefined) {
    // A journal only remembers: what a person says goes before that.
    const named = from === targetOrigin ? before : (from ?? before);
    if (named === undefined) {
      throw new DecampError("same-server", `The document of ${did} names ${targetOrigin} already.`, {
        hint: "It does not say where the account lived before. To finish a move that was begun on another machine, name the old server with --from.",
      });
    }
    return named;
  }
  if (before === undefined) {
    throw new DecampError("same-server", `${handle} lives at ${targetOrigin} already, and never lived elsewhere.`, {
      hint: `The log of ${did} names no other server. Give the address of the server that you want to move to with --to.`,
    });
  }
  if (from === undefined || from === before || from === targetOrigin) {
    return before;
  }
  try {
    if (await isSameServer(context, from, before)) {
      return from;
    }
  } catch (error) {
    expectedFailure(error, signal);
    return from; // nobody can say: it was named by the person
  }
  context.warn(
    "source-ignored",
    `Before ${targetOrigin} the account lived at ${before}, not at ${from}: ${from} is left out of this.`,
  );
  return before;
}

/** Whether two addresses lead to one server, by what it calls itself. @throws what the services throw */
async function isSameServer({ services, signal }: Context, one: string, other: string): Promise<boolean> {
  const [first, second] = await Promise.all(
    [one, other].map(async (origin) => services.openPds(origin).describe(signal)),
  );
  return first?.did === second?.did;
}

/** What a server says of the account, and of when its repository is. */
function describePlace(place: Place | undefined): string {
  if (place === undefined) {
    return "not asked";
  }
  const { state, head } = place;
  const time = head === undefined ? undefined : timeOfRev(head.rev);
  return head === undefined ? state : `${state}, revision ${head.rev}${time === undefined ? "" : ` of ${time}`}`;
}
