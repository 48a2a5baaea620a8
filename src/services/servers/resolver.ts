/** From a handle to a DID (spec: Handle, "Resolution"): DNS first, then the well-known address. */

import { Resolver } from "node:dns/promises";
import { budgets } from "../../data/budgets.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { isDid, isReservedHandle } from "../../identity/names.ts";
import { readBody } from "../http/http-answer.ts";
import type { Http } from "../http/http.ts";
import { systemCode } from "../system-error.ts";
import { isNoSuchHost } from "../http/unreachable.ts";

/** How long each way of resolving may take, in milliseconds. */
const deadline = 6000;

/** What finds the DID of a handle. */
export interface HandleResolver {
  /**
   * The DID that a handle names, or undefined if it names none: the name does not exist, or who answers for it names
   * nothing. It is a claim: the DID document has to name the handle too.
   *
   * @throws DecampError `identity-invalid` when DNS names two different DIDs; `unreachable` when no way named one, and
   *   one of them gave no answer: then nobody can say that there is none; `private-address` for a handle whose host has
   *   no public one
   */
  resolve(handle: string, signal: AbortSignal): Promise<string | undefined>;
}

/** What one way of resolving has found out: a DID; that it names none; or no answer, and why (half a sentence). */
type Found =
  | { readonly state: "did"; readonly did: string }
  | { readonly state: "none"; readonly because: string }
  | { readonly state: "silent"; readonly because: string };

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
      const entry = await byDns(handle, options.dnsServers, signal);
      if (entry.state === "did") {
        return entry.did;
      }
      const address = await byWellKnown(http, handle, signal);
      if (address.state === "did") {
        return address.did;
      }
      // Names under .test stand in no public DNS (RFC 6761): that nobody answers for one is what has to be expected.
      if ((entry.state === "silent" || address.state === "silent") && !handle.endsWith(".test")) {
        throw new DecampError(
          "unreachable",
          `Where ${handle} leads could not be found out. By DNS: ${entry.because}; by its well-known address: ${address.because}.`,
          {
            hint: "Look at your connection and run the same command again, or name the account by its DID.",
            data: { handle, dns: entry.because, wellKnown: address.because },
          },
        );
      }
      return undefined;
    },
  };
}

/** What DNS answers that has no entry, by the codes of c-ares; everything else is no answer. */
const noEntry: Readonly<Partial<Record<string, string>>> = {
  ENOTFOUND: "there is no such name",
  ENODATA: "the name has no such entry",
};
const noAnswer: Readonly<Partial<Record<string, string>>> = {
  ECONNREFUSED: "no DNS server could be reached",
  ETIMEOUT: "no DNS server answered within the time limit",
  ESERVFAIL: "the DNS server failed",
  EREFUSED: "the DNS server refused to answer",
};

async function byDns(handle: string, servers: readonly string[] | undefined, signal: AbortSignal): Promise<Found> {
  const resolver = new Resolver({ timeout: deadline / 2, tries: 2 });
  if (servers !== undefined) {
    resolver.setServers(servers);
  }
  const cancel = (): void => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  let records: string[][];
  try {
    records = await resolver.resolveTxt(`_atproto.${handle}`);
  } catch (error) {
    signal.throwIfAborted();
    const code = systemCode(error) ?? "";
    const because = noEntry[code];
    return because === undefined
      ? { state: "silent", because: noAnswer[code] ?? `no answer that can be used (${code})` }
      : { state: "none", because };
  } finally {
    signal.removeEventListener("abort", cancel);
  }
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
  const [did] = dids;
  return did === undefined ? { state: "none", because: "its entry names no DID" } : { state: "did", did };
}

async function byWellKnown(http: Pick<Http, "send">, handle: string, callerSignal: AbortSignal): Promise<Found> {
  const signal = AbortSignal.any([callerSignal, AbortSignal.timeout(deadline)]);
  let next: URL | undefined = new URL(`https://${handle}/.well-known/atproto-did`);
  for (let hop = 0; hop <= budgets.redirects.most && next !== undefined; hop += 1) {
    const url: URL = next;
    try {
      // Sent anew for every hop, so that the guard looks at every address.
      const answer = await http.send({ url, signal, repeatable: false });
      const { status, headers } = answer;
      const text = new TextDecoder().decode(await readBody(answer, url, "handleBytes")).trim();
      if (status >= 500) {
        return { state: "silent", because: `${url.host} answered ${status}` };
      }
      if (status >= 200 && status < 300 && isDid(text)) {
        return { state: "did", did: text };
      }
      if (status < 300 || status >= 400) {
        return { state: "none", because: `${url.host} answered ${status}, and names no DID` };
      }
      next = redirection(headers["location"], url);
    } catch (error) {
      callerSignal.throwIfAborted();
      if (signal.aborted) {
        return { state: "silent", because: `${url.host} gave no answer within the time limit` };
      }
      return withoutAnswer(error, url, hop > 0);
    }
  }
  return { state: "none", because: "it redirects to where nobody follows" };
}

/** What an error says about the well-known address: that it names nothing, or that it gave no answer. */
function withoutAnswer(error: unknown, { host, hostname }: URL, redirected: boolean): Found {
  if (!isDecampError(error)) {
    throw error;
  }
  if (error.code === "bad-answer") {
    return { state: "none", because: `${host} answered with something that is no DID` };
  }
  if (error.code === "private-address") {
    if (!redirected) {
      throw error;
    }
    return { state: "none", because: "it redirects to where nobody follows" };
  }
  return isNoSuchHost(error, hostname)
    ? { state: "none", because: `there is no host ${host}` }
    : { state: "silent", because: error.message.replace(/\.$/, "") };
}

/** Where a redirect leads; undefined if that is no place to go: a way without encryption, or with a user's name. */
function redirection(location: string | undefined, from: URL): URL | undefined {
  if (location === undefined || !URL.canParse(location, from.href)) {
    return undefined;
  }
  const url = new URL(location, from);
  return url.protocol === "https:" && url.username === "" && url.password === "" ? url : undefined;
}
