/** The PLC directory: where the operations of a did:plc are kept. Nothing that it answers is believed here. */

import { DecampError } from "../errors.ts";
import { readBody, readJson, type Http } from "./http.ts";

export interface PlcDirectory {
  readonly origin: string;
  /** The audit log of `did` as parsed JSON, to be judged by `verifyLog`. */
  auditLog(did: string, signal: AbortSignal): Promise<unknown>;
  /** The DID document of `did` as parsed JSON. */
  document(did: string, signal: AbortSignal): Promise<unknown>;
}

/** The directory at `origin`. */
export function createPlcDirectory(http: Http, origin: string): PlcDirectory {
  const get = async (did: string, path: string, signal: AbortSignal): Promise<unknown> => {
    const url = new URL(`/${did}${path}`, origin);
    const answer = await http.send({ url, headers: { accept: "application/json" }, signal });
    if (answer.status === 404 || answer.status === 410) {
      await readBody(answer, url);
      throw new DecampError("account-not-found", `The directory ${url.host} does not know ${did}.`, { data: { did } });
    }
    if (answer.status !== 200) {
      await readBody(answer, url);
      throw new DecampError("server-refused", `The directory ${url.host} answered with status ${answer.status}.`, {
        data: { host: url.host, status: answer.status },
      });
    }
    return readJson(answer, url);
  };
  return {
    origin,
    auditLog: async (did, signal) => get(did, "/log/audit", signal),
    document: async (did, signal) => get(did, "", signal),
  };
}
