/** A relay: what it says about a server whose posts it carries. Nothing of a move depends on it. */

import * as v from "valibot";
import { isDecampError } from "../../errors.ts";
import type { Http } from "../http/http.ts";
import { PinnedSession } from "./session.ts";
import { Xrpc } from "./xrpc.ts";

const statusOfHost = v.object({ status: v.exactOptional(v.string()), accountCount: v.exactOptional(v.number()) });
const statusOfAccount = v.object({
  active: v.boolean(),
  status: v.exactOptional(v.string()),
  rev: v.exactOptional(v.string()),
});

/** What a relay says of a server. */
export interface HostStatus {
  /** `active`, `idle`, `offline`, `throttled` or `banned`; others may come. */
  readonly status?: string;
  /** How many accounts of the server it counts, if it says so. */
  readonly accounts?: number;
}

/** What a relay says of an account. */
export interface AccountAtRelay {
  readonly active: boolean;
  /** `throttled`, `deactivated`, `takendown` and others; where it is not active. */
  readonly status?: string;
  /** The revision that it has seen last. */
  readonly rev?: string;
}

/** A relay. */
export interface Relay {
  readonly host: string;
  /**
   * com.atproto.sync.getRepoStatus; undefined if the relay does not know the account.
   *
   * @throws DecampError as `hostStatus`
   */
  accountStatus(did: string, signal: AbortSignal): Promise<AccountAtRelay | undefined>;
  /**
   * com.atproto.sync.getHostStatus; undefined if the relay does not know the server.
   *
   * @param server host name of a server
   * @throws DecampError `bad-answer`, `server-refused`, and what `Http.send` throws
   */
  hostStatus(server: string, signal: AbortSignal): Promise<HostStatus | undefined>;
}

/** The relay at `origin`. */
export function createRelay(http: Http, origin: string): Relay {
  const session = new PinnedSession(http, origin);
  const relay = new Xrpc(session);
  return {
    host: session.host,
    async accountStatus(did, signal) {
      try {
        return await relay.query("com.atproto.sync.getRepoStatus", { did }, statusOfAccount, { signal });
      } catch (error) {
        if (isDecampError(error, "server-refused") && error.data["error"] === "RepoNotFound") {
          return undefined;
        }
        throw error;
      }
    },
    async hostStatus(server, signal) {
      try {
        const method = "com.atproto.sync.getHostStatus";
        const options = { signal, repeatable: false };
        const { accountCount, ...said } = await relay.query(method, { hostname: server }, statusOfHost, options);
        return { ...said, ...(accountCount === undefined ? {} : { accounts: accountCount }) };
      } catch (error) {
        if (isDecampError(error, "server-refused") && error.data["error"] === "HostNotFound") {
          return undefined;
        }
        throw error;
      }
    },
  };
}
