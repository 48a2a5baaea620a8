/** Where servers are: URLs and IP addresses. Syntax only; nothing is looked up. */
import ipaddr from "ipaddr.js";
import { shortened } from "../data/shortened.ts";
import { DecampError } from "../errors.ts";

export interface ServerUrlOptions {
  /** Whether http, `localhost`, and addresses of private networks are wanted. */
  readonly allowPrivateHosts: boolean;
}

/**
 * Reads the address of a server, and gives its origin: scheme, host, and the port if it is not the usual one.
 *
 * @throws DecampError `invalid-url` if it is no http(s) URL, or has more than an origin (user, path, query);
 * `insecure-url` if it is http, localhost, or a literal address that is not public, and private hosts are not allowed
 */
export function parseServerUrl(text: string, options: ServerUrlOptions): string {
  const trimmed = text.trim();
  if (!/^https?:\/\//i.test(trimmed)) {
    throw new DecampError(
      "invalid-url",
      `The address of a server starts with https://, but this does not: ${quoteUrl(text)}.`,
    );
  }
  if (!/^https?:\/\/[^/?#@\\\s]+\/?$/i.test(trimmed) || !URL.canParse(trimmed)) {
    throw new DecampError(
      "invalid-url",
      `The address of a server is https:// and a host, without user, path or query: ${quoteUrl(text)}.`,
    );
  }
  const url = new URL(trimmed);
  if (!options.allowPrivateHosts) {
    if (url.protocol === "http:") {
      throw new DecampError("insecure-url", `This address is not encrypted: ${quoteUrl(text)}.`);
    }
    if (isPrivateHost(url.hostname)) {
      throw new DecampError("insecure-url", `This address is not on the public internet: ${quoteUrl(text)}.`);
    }
  }
  return url.origin;
}

/** Whether a host of a URL is localhost or a literal address that is not public. Names are not looked up. */
export function isPrivateHost(host: string): boolean {
  const name = host
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
  if (name === "localhost" || name.endsWith(".localhost")) {
    return true;
  }
  return ipaddr.isValid(name) && !isPublicAddress(name);
}

/** Whether a host of a URL is this machine itself. Names are not looked up. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, "").toLowerCase();
  return name === "localhost" || (ipaddr.isValid(name) && ipaddr.process(name).range() === "loopback");
}

/**
 * Whether an IP address belongs to the public internet. Loopback, private, link-local, carrier, multicast, reserved and
 * translated ranges do not; an IPv4 address inside IPv6 is judged as the IPv4 address. What is no address is not
 * public.
 */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "unicast";
}

/** Without what stands before an @: it could be a password. */
function quoteUrl(text: string): string {
  return JSON.stringify(shortened(text.replace(/\/\/.*@/s, "//…@")));
}
