/** The PLC directory: where the operations of a did:plc are kept. Nothing that it answers is believed here. */

import type { BudgetName, Limits } from "../../data/budgets.ts";
import { isJsonObject } from "../../data/json-object.ts";
import { DecampError } from "../../errors.ts";
import { discardBody, readAgain, readBody, readJson, readRefusal, type HttpAnswer } from "../http/http-answer.ts";
import type { Http } from "../http/http.ts";
import type { ExportCursor, ExportLine } from "./plc-export.ts";
import { serverMessage } from "./server-message.ts";

/** A directory of did:plc. */
export interface PlcDirectory {
  readonly origin: string;
  /** What is taken from it before it is given up, and how large a log may be; the defaults, unless given. */
  readonly limits?: Limits;
  /** The audit log of `did` as parsed JSON, to be judged by `verifyLog`. */
  auditLog(did: string, signal: AbortSignal): Promise<unknown>;
  /** The DID document of `did` as parsed JSON. */
  document(did: string, signal: AbortSignal): Promise<unknown>;
  /**
   * A page of the operations of all identities, oldest first: a hint where to look.
   *
   * @returns undefined if the directory has no such list
   * @throws DecampError as `fetchExport`
   */
  exported(after: ExportCursor, signal: AbortSignal): Promise<readonly ExportLine[] | undefined>;
  /**
   * Sends a signed operation. That it was taken is only known once the log has it.
   *
   * @throws DecampError `rate-limited` when the DID has had too many operations, `server-refused` with data `status`
   */
  submit(did: string, operation: object, signal: AbortSignal): Promise<void>;
}

/** The directory at `origin`. */
export function createPlcDirectory(http: Http, origin: string): PlcDirectory {
  const get = async (did: string, path: string, limit: BudgetName, signal: AbortSignal): Promise<unknown> => {
    const url = new URL(`/${did}${path}`, origin);
    const send = async (): Promise<HttpAnswer> => http.send({ url, headers: { accept: "application/json" }, signal });
    return readAgain(send, async (answer) => readAnswer(did, url, answer, limit), signal);
  };
  return {
    origin,
    limits: http.limits,
    auditLog: async (did, signal) => get(did, "/log/audit", "logBytes", signal),
    document: async (did, signal) => get(did, "", "documentBytes", signal),
    exported: async (after, signal) => {
      const { fetchExport } = await import("./plc-export.ts");
      return fetchExport(http, origin, after, signal);
    },
    submit: async (did, operation, signal) => {
      const url = new URL(`/${did}`, origin);
      const headers = { "content-type": "application/json" };
      const answer = await http.send({ url, method: "POST", headers, body: JSON.stringify(operation), signal });
      if (answer.status !== 200) {
        const { message } = await readRefusal(answer, url, signal);
        throw refusal(
          url.host,
          answer.status,
          typeof message === "string" ? serverMessage(message, http.secrets) : undefined,
        );
      }
      await readBody(answer, url, "errorBytes");
    },
  };
}

async function readAnswer(did: string, url: URL, answer: HttpAnswer, limit: BudgetName): Promise<unknown> {
  if (answer.status === 200) {
    return readJson(answer, url, limit);
  }
  if (answer.status === 404 || answer.status === 410) {
    // A page is somebody else's: of a network that wants a sign-in first, or of a proxy that has lost its directory.
    if (!isJsonObject(await readJson(answer, url, "errorBytes"))) {
      throw new DecampError("bad-answer", `${url.host} answered ${answer.status}, and not as a directory does.`, {
        data: { host: url.host, status: answer.status },
      });
    }
    throw new DecampError("account-not-found", `The directory ${url.host} does not know ${did}.`, {
      hint: "Look at the DID once more, letter by letter. A handle will do, too, if you know it.",
      data: { did },
    });
  }
  discardBody(answer.body);
  throw new DecampError("server-refused", `The directory ${url.host} answered with status ${answer.status}.`, {
    data: { host: url.host, status: answer.status },
  });
}

/** @param detail what it says, without secrets */
function refusal(host: string, status: number, detail: string | undefined): DecampError {
  const said = `The directory ${host} answered ${status}${detail === undefined ? "" : `: ${detail}`}.`;
  // The directory has no 429 for this, and spells it like that.
  const tooMany = detail !== undefined && /^too? many operations/i.test(detail);
  return new DecampError(tooMany ? "rate-limited" : "server-refused", said.replace(/\.\.$/, "."), {
    ...(tooMany ? { hint: "It takes 10 operations in an hour. Wait, then run the same command again." } : {}),
    data: { host, status },
  });
}
