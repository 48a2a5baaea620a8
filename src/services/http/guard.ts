/**
 * The guard against requests to places that a stranger's document chose: it looks at every address at the moment of the
 * connection, so that neither a redirect nor a name that changes its answer gets past it (FAULTS: SSRF and rebinding).
 */

import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from "node:dns";
import ipaddr from "ipaddr.js";
import { DecampError } from "../../errors.ts";
import { isPublicAddress } from "../../identity/addresses.ts";

/** The error for an address that is not public. */
export function privateAddress(host: string, address: string): DecampError {
  const what =
    host === address
      ? `${host} is not a public address.`
      : `${host} leads to ${address}, which is not a public address.`;
  return new DecampError("private-address", what, { data: { host, address } });
}

/**
 * Refuses a URL whose host is a literal address that is not public. The `lookup` below is never called for those.
 *
 * @throws DecampError `private-address`
 */
export function checkLiteralHost(url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (ipaddr.isValid(host) && !isPublicAddress(host)) {
    throw privateAddress(host, host);
  }
}

type LookupCallback = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** A `lookup` for sockets that fails when a name leads to an address that is not public. */
export function publicLookup(host: string, options: LookupOptions, callback: LookupCallback): void {
  dnsLookup(host, { ...options, all: true }, (error, addresses) => {
    if (error !== null) {
      callback(error, []);
      return;
    }
    const refused = addresses.find(({ address }) => !isPublicAddress(address));
    if (refused !== undefined) {
      callback(privateAddress(host, refused.address), []);
      return;
    }
    const [first] = addresses;
    if (options.all === true || first === undefined) {
      callback(null, addresses);
    } else {
      callback(null, first.address, first.family);
    }
  });
}
