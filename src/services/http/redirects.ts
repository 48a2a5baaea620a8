/**
 * A server that leads elsewhere for bytes whose hash is known, as some do to a store of blobs. Each hop goes to https
 * and to a public address, or to what was allowed, and takes nothing along: no token, no cookie, no header of the
 * request, also not to the same host. What comes is believed for its hash alone; so a refusal there is no word of the
 * server that was asked.
 */

import { DecampError, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { discardBody, readRefusal, type HttpAnswer } from "./http-answer.ts";
import type { Http, HttpRequest } from "./http.ts";

const hint =
  "decamp follows a redirect only to https, and to public addresses. If it leads to your own machine or network, add --allow-private-hosts.";

/** Whether a status leads elsewhere. */
export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/**
 * Follows redirects of a GET to their end.
 *
 * @param first an answer that is one
 * @returns an answer of 2xx, with `from`
 * @throws DecampError `bad-answer` with data `to` (a host) if it leads in a circle, too far, to nowhere, to where
 *   decamp does not go, or to somebody who cannot be reached or does not give it; `rate-limited`
 */
export async function followRedirects(
  http: Http,
  first: HttpAnswer,
  asked: URL,
  { signal, onBusy }: Pick<HttpRequest, "signal" | "onBusy">,
): Promise<HttpAnswer> {
  const { redirects: most } = http.limits;
  const been = new Set([asked.href]);
  let answer = first;
  let url = asked;
  const fail = (what: string, more: { cause?: unknown; hint?: string } = {}): DecampError => {
    const { host, pathname } = asked;
    const method = pathname.replace("/xrpc/", "");
    const data = { host, method, status: answer.status, to: url.host };
    return new DecampError("bad-answer", `${host} redirects ${method} ${what}.`, { ...more, data });
  };
  while (isRedirect(answer.status)) {
    // A short body is read to its end, so that the connection can be used again.
    await readRefusal(answer, url, signal);
    if (been.size > most) {
      throw fail(`more than ${most} times`);
    }
    const next = target(answer.headers["location"], url);
    if (next === undefined) {
      throw fail("to an address that is none");
    }
    if (been.has(next.href)) {
      throw fail("in a circle");
    }
    been.add(next.href);
    url = next;
    try {
      parseServerUrl(url.origin, { allowPrivateHosts: http.allowPrivateHosts });
      answer = await http.send({ url, signal, ...(onBusy === undefined ? {} : { onBusy }) });
    } catch (error) {
      if (isDecampError(error, "insecure-url", "private-address")) {
        throw fail(`to where decamp does not go: ${error.message.replace(/\.$/, "")}`, { cause: error, hint });
      }
      if (isDecampError(error, "unreachable", "bad-answer")) {
        throw fail(`to ${url.host}: ${error.message.replace(/\.$/, "")}`, { cause: error });
      }
      throw error;
    }
  }
  if (answer.status < 200 || answer.status >= 300) {
    discardBody(answer.body);
    throw fail(`to ${url.host}, which answered ${answer.status}`);
  }
  return { ...answer, from: url };
}

/** Where a redirect leads; undefined for nowhere, and for an address with a user's name, which would be sent along. */
function target(location: string | undefined, from: URL): URL | undefined {
  if (location === undefined || !URL.canParse(location, from.href)) {
    return undefined;
  }
  const url = new URL(location, from);
  url.hash = "";
  return /^https?:$/.test(url.protocol) && url.username === "" && url.password === "" ? url : undefined;
}
