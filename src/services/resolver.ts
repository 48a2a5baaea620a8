/** From a handle to a DID (spec: Handle, "Resolution"): DNS first, then the well-known address. */

import { Resolver } from "node:dns/promises";
import { DecampError } from "../errors.ts";
import { isDid, isReservedHandle } from "../identity/syntax.ts";
import { readBody } from "./http-answer.ts";
import type { Http } from "./http.ts";

/** How long each way of resolving may take, in milliseconds. */
const deadline = 6000;
/** How often the well-known address may lead elsewhere. */
const mostRedirects = 3;

export interface HandleResolver {
  /**
   * The DID that a handle names, or undefined if it names none. It is a claim: the DID document has to name the handle too.
   *
   * @throws DecampError `identity-invalid` when DNS names two different DIDs
   */
  resolve(handle: string, signal: AbortSignal): Promise<string | undefined>;
}

/**
 * Resolves by DNS and HTTPS.
 *
 * @param options `dnsServers`: addresses with ports, in place of those of the system
 */
export function createHandleResolver(
  http: Pick<Http, "send">,
  options: { readonly dnsServers?: readonly string[] } = {},
): HandleResolver {
  return {
    async resolve(handle, signal) {
      if (isReservedHandle(handle)) {
        return undefined;
      }
      return (await byDns(handle, options.dnsServers, signal)) ?? (await byWellKnown(http, handle, signal));
    },
  };
}

async function byDns(
  handle: string,
  servers: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const resolver = new Resolver({ timeout: deadline / 2, tries: 2 });
  if (servers !== undefined) {
    resolver.setServers(servers);
  }
  const cancel = (): void => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const records = await resolver.resolveTxt(`_atproto.${handle}`);
    const dids = new Set(
      records
        .map((parts) => parts.join(""))
        .filter((text) => text.startsWith("did="))
        .map((text) => text.slice("did=".length).trim())
        .filter((text) => isDid(text)),
    );
    if (dids.size > 1) {
      throw new DecampError("identity-invalid", `The DNS entry of ${handle} names more than one DID.`, {
        data: { handle, dids: [...dids] },
      });
    }
    return [...dids][0];
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof DecampError) {
      throw error;
    }
    return undefined; // no such name, or no DNS here: the other way decides
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

async function byWellKnown(
  http: Pick<Http, "send">,
  handle: string,
  callerSignal: AbortSignal,
): Promise<string | undefined> {
  const signal = AbortSignal.any([callerSignal, AbortSignal.timeout(deadline)]);
  let url: URL | undefined = new URL(`https://${handle}/.well-known/atproto-did`);
  try {
    for (let hop = 0; hop <= mostRedirects && url !== undefined; hop += 1) {
      // Sent anew for every hop, so that the guard looks at every address.
      const answer = await http.send({ url, signal, repeatable: false });
      const text = new TextDecoder().decode(await readBody(answer, url, 4096)).trim();
      if (answer.status < 300 || answer.status >= 400) {
        return answer.status >= 200 && answer.status < 300 && isDid(text) ? text : undefined;
      }
      url = redirection(answer.headers["location"], url);
    }
  } catch {
    callerSignal.throwIfAborted();
  }
  return undefined;
}

/** Where a redirect leads; undefined if that is no place to go: a way without encryption, or with a user's name. */
function redirection(location: string | undefined, from: URL): URL | undefined {
  if (location === undefined || !URL.canParse(location, from.href)) {
    return undefined;
  }
  const url = new URL(location, from);
  return url.protocol === "https:" && url.username === "" && url.password === "" ? url : undefined;
}
