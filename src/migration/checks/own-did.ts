/** Whether a server calls itself by its own name. */

import { DecampError } from "../../errors.ts";
import type { ServerDescription } from "../../services/servers/pds.ts";

/**
 * A server that gives the DID of another one as its own would get tokens that are good there.
 *
 * @param account the DID of the account that is to move
 * @throws DecampError `refused`
 */
export function requireOwnDid(host: string, { did }: ServerDescription, account?: string): void {
  // A server of one account may call itself by that account's DID: it makes none, so it gets no token.
  if (did !== account && did !== `did:web:${host.replace(":", "%3A")}`) {
    throw new DecampError("refused", `${host} calls itself ${did}, which is not its own name.`, {
      hint: "Check the address of the new server: it has to be the one that the server itself uses.",
      data: { host, did },
    });
  }
}
