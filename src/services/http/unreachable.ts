/** A server that cannot be talked to: why, in words, and whether asking again can help or do harm. */

import { budgets } from "../../data/budgets.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import type { DeadlineCode } from "./connections.ts";
import { systemCode } from "../system-error.ts";

/** The error for a server that cannot be talked to; names the host and the reason, never credentials. */
export function unreachable(url: URL, cause: unknown): DecampError {
  return new DecampError("unreachable", `${url.host} could not be reached: ${reason(cause)}.`, {
    ...(isUntrusted(cause) ? { hint: untrustedHint } : {}),
    data: { host: url.host },
    cause,
  });
}

/** What an error means that came while a body was read: it was cut, or is not in the encoding that was said. */
export function brokenBody(url: URL, cause: unknown): DecampError {
  if (!/^Z_(?!BUF_ERROR)|^ZSTD_|^ERR_(?:BROTLI|_ERROR)/.test(systemCode(cause) ?? "")) {
    return unreachable(url, cause);
  }
  return new DecampError("bad-answer", `${url.host} answered with bytes that are not in the encoding that it names.`, {
    data: { host: url.host },
    cause,
  });
}

function reason(error: unknown): string {
  const late: Record<DeadlineCode, string> = {
    CONNECT_DEADLINE: "no connection within the time limit",
    SEND_DEADLINE: "it stopped taking what was sent",
    ANSWER_DEADLINE: "no answer within the time limit",
    BODY_DEADLINE: "the answer stopped half way",
  };
  const known: Record<string, string> = {
    ...late,
    ECONNREFUSED: "nothing answers there",
    ENOTFOUND: "there is no such host",
    EAI_AGAIN: "the name could not be looked up",
    ECONNRESET: "the connection was closed",
    EPIPE: "the connection was closed",
    ETIMEDOUT: "no connection within the time limit",
    EHOSTUNREACH: "there is no way to it",
    ENETUNREACH: "there is no way to it",
    ERR_PROXY_TUNNEL: "the proxy does not connect to it",
    // What a decoder says of a body that is cut.
    Z_BUF_ERROR: "the answer stopped half way",
    EPROTO: "it does not speak TLS as it should",
    HPE_HEADER_OVERFLOW: `the head of its answer has more than ${budgets.httpHeaderBytes.most} bytes`,
    ...untrusted,
  };
  for (const part of causes(error)) {
    const code = systemCode(part);
    if (code !== undefined) {
      return known[code] ?? (code.startsWith("HPE_") ? "what it answered is no HTTP that can be read" : code);
    }
  }
  return error instanceof Error ? error.message : "unknown reason";
}

/** The error, its causes and the members of aggregate errors, outermost first. */
function* causes(error: unknown): Generator {
  const queue: unknown[] = [error];
  for (let steps = 0; queue.length > 0 && steps < 20; steps += 1) {
    const next = queue.shift();
    yield next;
    if (next instanceof AggregateError) {
      queue.push(...next.errors);
    }
    if (next instanceof Error && next.cause !== undefined) {
      queue.push(next.cause);
    }
  }
}

export function findDecampError(error: unknown): DecampError | undefined {
  for (const part of causes(error)) {
    if (isDecampError(part)) {
      return part;
    }
  }
  return undefined;
}

/** Whether the request cannot have reached the server. */
export function neverSent(error: unknown): boolean {
  const codes = new Set([...causes(error)].map(systemCode));
  return ["ECONNREFUSED", "EAI_AGAIN", "CONNECT_DEADLINE"].some((code) => codes.has(code));
}

/** Whether a host cannot be reached because its name does not exist. That of a proxy on the way is another name. */
export function isNoSuchHost(error: unknown, hostname: string): boolean {
  return [...causes(error)].some(
    (part) =>
      systemCode(part) === "ENOTFOUND" && part instanceof Error && "hostname" in part && part.hostname === hostname,
  );
}

/** Whether asking again does not help: there is no such host, or it is not the one that it should be. */
export function isHopeless(error: unknown): boolean {
  return isUntrusted(error) || [...causes(error)].some((part) => systemCode(part) === "ENOTFOUND");
}

function isUntrusted(error: unknown): boolean {
  return [...causes(error)].some((part) => Object.hasOwn(untrusted, systemCode(part) ?? ""));
}

const untrustedHint =
  "Check the address and the clock of this machine. Somebody may stand between you and that server, so give it no password before the reason is known. An authority of your own is named in NODE_EXTRA_CA_CERTS.";

const notTrusted = "its certificate is not one that this machine trusts";
/** What is wrong with a certificate, by OpenSSL's and Node's codes. */
const untrusted: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: notTrusted,
  SELF_SIGNED_CERT_IN_CHAIN: notTrusted,
  UNABLE_TO_GET_ISSUER_CERT: notTrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: notTrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: notTrusted,
  CERT_UNTRUSTED: notTrusted,
  CERT_REVOKED: "its certificate was revoked",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet, by the clock of this machine",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};
