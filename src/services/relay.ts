/** A relay: what it says about a server whose posts it carries. Nothing of a move depends on it. */

import { isJsonObject } from "../data/json-object.ts";
import { DecampError } from "../errors.ts";
import { readJson } from "./http-answer.ts";
import type { Http } from "./http.ts";

export interface HostStatus {
  /** `active`, `idle`, `offline`, `throttled` or `banned`; others may come. */
  readonly status?: string;
  /** How many accounts of the server it counts, if it says so. */
  readonly accounts?: number;
}

export interface Relay {
  readonly host: string;
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
  return {
    host: new URL(origin).host,
    async hostStatus(server, signal) {
      const url = new URL("/xrpc/com.atproto.sync.getHostStatus", origin);
      url.searchParams.set("hostname", server);
      const answer = await http.send({ url, signal, repeatable: false });
      const said = await readJson(answer, url);
      if (!isJsonObject(said)) {
        throw new DecampError("bad-answer", `${url.host} answered something that is not as the protocol has it.`);
      }
      if (answer.status === 200) {
        const { status, accountCount } = said;
        return {
          ...(typeof status === "string" ? { status } : {}),
          ...(typeof accountCount === "number" ? { accounts: accountCount } : {}),
        };
      }
      if (said["error"] === "HostNotFound") {
        return undefined;
      }
      throw new DecampError("server-refused", `The relay ${url.host} answered with status ${answer.status}.`);
    },
  };
}
