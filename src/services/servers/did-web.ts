/** The DID document of a did:web, from its host, and past caches (spec: DID, "did:web"; RFC 9111, 5.2.1.4). */
import { DecampError } from "../../errors.ts";
import { isWebDid } from "../../identity/names.ts";
import { discardBody, readJson } from "../http/http-answer.ts";
import type { Http } from "../http/http.ts";

/**
 * The document as parsed JSON, to be judged by `parseDidDocument`.
 *
 * @throws DecampError `invalid-account` for what is no did:web, `account-not-found` if the host has none,
 *   `unreachable`, `server-refused`, `bad-answer`
 */
export async function fetchWebDocument(http: Http, did: string, signal: AbortSignal): Promise<unknown> {
  if (!isWebDid(did)) {
    throw new DecampError("invalid-account", `This is no did:web that AT Protocol allows: ${did}.`);
  }
  const host = decodeURIComponent(did.slice("did:web:".length));
  // The one host that may have a port, and has no certificate: this machine.
  const local = /^localhost(?::\d+)?$/.test(host) && http.allowPrivateHosts;
  const url = new URL(`${local ? "http" : "https"}://${host}/.well-known/did.json`);
  // Whoever asks wants to know what the host has now: a cache in between is to ask it, too.
  const answer = await http.send({ url, headers: { accept: "application/json", "cache-control": "no-cache" }, signal });
  if (answer.status === 200) {
    return readJson(answer, url, "documentBytes");
  }
  discardBody(answer.body);
  throw answer.status === 404 || answer.status === 410
    ? new DecampError("account-not-found", `${url.host} has no DID document.`, { data: { did } })
    : new DecampError("server-refused", `${url.host} answered with status ${answer.status}.`, {
        data: { did, host: url.host, status: answer.status },
      });
}
