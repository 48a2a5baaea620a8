/** Under which domains the old server gives out handles: whoever leaves it needs another one. It need not answer. */

import { expectedFailure } from "../../errors.ts";
import type { Context } from "../context.ts";

/** The servers of Bluesky have names of their own, and handles under this one. */
const bluesky = { host: ".host.bsky.network", domain: ".bsky.social" };

/**
 * What the old server says where it answers; its own name; and the domain above the handle, where a server answers that
 * gives out names there. Those of the new server are not among them.
 *
 * @returns each with its leading dot
 * @throws the signal's reason
 */
export async function handleDomains(context: Context): Promise<string[]> {
  const { services, source, identity, where, targetDescription, signal } = context;
  const { hostname } = new URL(source.origin);
  const domains = new Set([`.${hostname}`]);
  if (hostname.endsWith(bluesky.host)) {
    domains.add(bluesky.domain);
  }
  const ask = async (origin: string): Promise<readonly string[]> => {
    try {
      return (await services.openPds(origin).describe(signal)).availableUserDomains;
    } catch (error) {
      expectedFailure(error, signal);
      return [];
    }
  };
  for (const domain of where.source?.state === "unreachable" ? [] : await ask(source.origin)) {
    domains.add(domain);
  }
  const above = identity.handle.slice(Math.max(0, identity.handle.indexOf(".")));
  const isKnown = [...domains].some((domain) => identity.handle.endsWith(domain));
  const isName = above.lastIndexOf(".") > 0;
  if (!isKnown && isName && !targetDescription.availableUserDomains.includes(above)) {
    const given = await ask(`https://${above.slice(1)}`);
    if (given.includes(above)) {
      domains.add(above);
    }
  }
  return [...domains].filter((domain) => !targetDescription.availableUserDomains.includes(domain));
}

/** Says of a handle that would stay, or of which nobody knows yet whether it does, that it stops working. */
export function warnOfHandle({ identity, newHandle, warn }: Context, domains: readonly string[]): void {
  const { handle } = identity;
  if ((newHandle ?? handle) === handle && domains.some((domain) => handle.endsWith(domain))) {
    warn(
      "handle-of-old-server",
      `${handle} is a name that the old server gives out: it stops working there. Choose another one with --new-handle.`,
    );
  }
}
