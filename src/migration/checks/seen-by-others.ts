/**
 * What people see of an account before a move and after it: followers, follows and posts, as an AppView counts them.
 * Nothing of a move depends on it: one that does not answer in time says nothing, and holds nothing up.
 */

import { isDecampError } from "../../errors.ts";
import type { AppView, ProfileCounts } from "../../services/servers/app-view.ts";
import type { Context } from "../context.ts";
import type { MigrationResult, SeenByOthers } from "../events.ts";

/** How long an AppView has to answer (milliseconds). */
const deadline = 5000;

/** Asks before the identity changes. Never fails but for the signal. */
export async function seeBefore(context: Context): Promise<void> {
  const { services, identity, signal } = context;
  if (services.appView !== undefined) {
    const seen = await ask(services.appView, identity.did, signal);
    context.seenBefore = seen === undefined || "hidden" in seen ? undefined : seen;
  }
}

/**
 * Asks after the move, and warns of what is different. Whoever leaves here has a move that is done.
 *
 * @returns the result, with what was seen
 */
export async function seeAfter(context: Context, result: MigrationResult): Promise<MigrationResult> {
  const { services, identity, signal, warn, warnings, seenBefore: before } = context;
  const { appView } = services;
  if (appView === undefined || result.state !== "moved" || signal.aborted) {
    return result;
  }
  const { did } = identity;
  const { host } = appView;
  const now = await ask(appView, did, signal).catch((error: unknown) => {
    if (!signal.aborted) {
      throw error;
    }
    return undefined;
  });
  const after = now === undefined || "hidden" in now ? undefined : now;
  if (now !== undefined && "hidden" in now) {
    warn(
      "profile-not-shown",
      `${host} shows no profile of the account: ${now.hidden}. After a move that may be so for some minutes. This looks until all is seen:`,
      ["doctor", did, "--watch"],
    );
  }
  if (before !== undefined && after !== undefined && countsText(before) !== countsText(after)) {
    warn(
      "counts-differ",
      `${host} showed ${countsText(before)} when the move began, and shows ${countsText(after)} now. People come and go, and an AppView may count for a while. If it stays like this:`,
      ["doctor", did],
    );
  }
  const seenByOthers: SeenByOthers = {
    host,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
  return { ...result, seenByOthers, ...(warnings.length > 0 ? { warnings } : {}) };
}

/** What it shows; undefined where it does not say it in time. Fails only for the signal, and for a mistake of ours. */
async function ask(
  appView: AppView,
  did: string,
  signal: AbortSignal,
): Promise<ProfileCounts | { readonly hidden: string } | undefined> {
  const late = AbortSignal.timeout(deadline);
  try {
    const profile = await appView.profile(did, AbortSignal.any([signal, late]));
    if ("hidden" in profile) {
      return profile;
    }
    const { handle: _, ...counts } = profile;
    return counts;
  } catch (error) {
    signal.throwIfAborted();
    if (!late.aborted && !isDecampError(error)) {
      throw error;
    }
    return undefined;
  }
}

/** "3 followers, follows 4, 5 posts", as far as it is known. */
export function countsText({ followers, follows, posts }: ProfileCounts): string {
  const parts = [
    ...(followers === undefined ? [] : [`${followers} followers`]),
    ...(follows === undefined ? [] : [`follows ${follows}`]),
    ...(posts === undefined ? [] : [`${posts} posts`]),
  ];
  return parts.length === 0 ? "no figures" : parts.join(", ");
}
