/**
 * A session that never leaves its host. The stock session managers follow the DID document that a login or a refresh
 * answers with; in a migration that names the other server, and a token of one would be sent to the other. Here the
 * origin is fixed when the session is made, and redirects are not followed; but for bytes that anybody may have and
 * whose hash is known, and then without the session.
 */

import * as v from "valibot";
import type { Limits } from "../../data/budgets.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { isJsonObject } from "../../data/json-object.ts";
import type { KnownSecrets } from "../../data/known-secrets.ts";
import type { Allowance } from "../http/allowances.ts";
import {
  asJson,
  discardBody,
  parseJson,
  readAgain,
  readBody,
  readRefusal,
  type HttpAnswer,
} from "../http/http-answer.ts";
import type { Http, HttpRequest } from "../http/http.ts";
import { isMissingMethod } from "./missing-method.ts";
import { followRedirects, isRedirect } from "../http/redirects.ts";
import { secretsIn, serverMessage } from "./server-message.ts";

/** What a server says about the account that signed in. */
export interface SessionInfo {
  readonly did: string;
  readonly handle: string;
  readonly email?: string;
  /** Whether the owner has confirmed that address, if the server says so. */
  readonly emailConfirmed?: boolean;
  /** Whether a server that has just made the account says that it has to be confirmed before anybody signs in. */
  readonly mustBeConfirmed?: true;
  /** False when the account is deactivated or taken down. */
  readonly active: boolean;
  /** Why it is not active, in the server's word, such as `deactivated` or `takendown`. */
  readonly status?: string;
}

/** What opens a session. */
export interface Credentials {
  readonly identifier: string;
  readonly password: string;
  readonly authFactorToken?: string;
  readonly allowTakendown?: true;
}

interface Tokens {
  readonly access: string;
  readonly refresh: string;
}

/** A token as it can be sent in a header. */
export const bearerToken: v.GenericSchema<unknown, string> = v.pipe(v.string(), v.regex(/^[\x20-\x7e]+$/));

/**
 * An answer that opens a session. What is beside the names and the tokens is believed only if it is what it should be.
 */
const openedSession = v.object({
  did: v.string(),
  handle: v.string(),
  accessJwt: bearerToken,
  refreshJwt: bearerToken,
  active: v.optional(v.unknown()),
  status: v.optional(v.unknown()),
  email: v.optional(v.unknown()),
  emailConfirmed: v.optional(v.unknown()),
  verificationRequired: v.optional(v.unknown()),
});

/** A request below `/xrpc/` of one host. */
export interface XrpcRequest extends Omit<HttpRequest, "url"> {
  /** Path and query, such as `/xrpc/com.atproto.sync.getRepo?did=…`. */
  readonly path: string;
  /** `session` (the default) sends the session's token if there is one; `none` never; a text is sent as it is. */
  readonly token?: "session" | "none" | { readonly bearer: string };
  /** Goes, without credentials, where the server leads. Only for a GET of what its hash proves. */
  readonly mayLeadElsewhere?: true;
}

export class PinnedSession {
  readonly origin: string;
  readonly #http: Http;
  #tokens: Tokens | undefined;
  #account: SessionInfo | undefined;
  #refreshing: Promise<void> | undefined;
  /** What shows the operator of the host, as a header. */
  readonly #operator: string | undefined;

  /**
   * @param adminPassword of the host: it goes along with every GET of com.atproto.sync (HTTP Basic, user `admin`, as
   *   the reference server has it), and with nothing else
   */
  constructor(http: Http, origin: string, adminPassword?: string) {
    this.#http = http;
    this.origin = origin;
    if (adminPassword !== undefined) {
      const encoded = Buffer.from(`admin:${adminPassword}`).toString("base64");
      http.secrets.add(adminPassword).add(encoded);
      this.#operator = `Basic ${encoded}`;
    }
  }

  /** Whether it is asked with the password of its operator. */
  get isOperators(): boolean {
    return this.#operator !== undefined;
  }

  get host(): string {
    return new URL(this.origin).host;
  }

  /** What must not be repeated of what the host says. */
  get secrets(): KnownSecrets {
    return this.#http.secrets;
  }

  /** What is taken from it before it is given up. */
  get limits(): Limits {
    return this.#http.limits;
  }

  /** What the host still takes of one method, as its last answer to it said. */
  allowance(method: string): Allowance | undefined {
    return this.#http.allowances.of(new URL(`/xrpc/${method}`, this.origin), Date.now());
  }

  get isSignedIn(): boolean {
    return this.#tokens !== undefined;
  }

  /** What the server said about the account when the session was opened or renewed; undefined without a session. */
  get account(): SessionInfo | undefined {
    return this.isSignedIn ? this.#account : undefined;
  }

  /**
   * Whether the session was made with an app password. Tokens are opaque by contract, so this is a hint that spares a
   * late refusal; a server whose tokens cannot be read gives false.
   */
  get isAppPassword(): boolean {
    const payload = this.#tokens?.access.split(".")[1];
    if (payload === undefined) {
      return false;
    }
    const parsed = parseJson(Buffer.from(payload, "base64url"));
    const scope = "value" in parsed && isJsonObject(parsed.value) ? parsed.value["scope"] : undefined;
    return typeof scope === "string" && scope.startsWith("com.atproto.appPass");
  }

  /**
   * Signs in with a password.
   *
   * @param credentials `allowTakendown`: be content with a session that may only read, if the account is taken down
   * @throws DecampError `auth-refused`, `auth-factor-required`, `account-unavailable` and `account-unconfirmed` if the
   *   server says so of the account, `unsupported` if it takes no password, `bad-answer`, and what `send` throws
   */
  async signIn(credentials: Credentials, signal: AbortSignal): Promise<SessionInfo> {
    try {
      return this.adopt(
        await this.json({
          method: "POST",
          path: "/xrpc/com.atproto.server.createSession",
          body: JSON.stringify(credentials),
          headers: { "content-type": "application/json" },
          token: "none",
          signal,
        }),
      );
    } catch (error) {
      throw asSignInRefusal(error, this.host);
    }
  }

  /** Takes over the tokens of an answer that opens a session. @throws DecampError `bad-answer` */
  adopt(answer: unknown): SessionInfo {
    const read = v.safeParse(openedSession, answer, { abortEarly: true });
    if (!read.success) {
      throw new DecampError("bad-answer", `${this.host} answered a sign-in with something that is no session.`);
    }
    const { accessJwt, refreshJwt, active, status, email, emailConfirmed, verificationRequired, ...names } =
      read.output;
    this.#tokens = { access: accessJwt, refresh: refreshJwt };
    this.#http.secrets.add(accessJwt).add(refreshJwt);
    this.#account = {
      ...names,
      active: active !== false,
      ...(typeof status === "string" ? { status } : {}),
      ...(typeof email === "string" ? { email } : {}),
      ...(typeof emailConfirmed === "boolean" ? { emailConfirmed } : {}),
      ...(verificationRequired === true ? { mustBeConfirmed: true as const } : {}),
    };
    return this.#account;
  }

  /** Ends the session on the server, as far as it can be reached. */
  async signOut(signal: AbortSignal): Promise<void> {
    const tokens = this.#tokens;
    this.#tokens = undefined;
    if (tokens !== undefined) {
      await this.json({
        method: "POST",
        path: "/xrpc/com.atproto.server.deleteSession",
        token: { bearer: tokens.refresh },
        signal,
      }).catch(() => undefined);
    }
  }

  /**
   * Sends a request with the session's token. An expired token is renewed once.
   *
   * @returns an answer with a status of 2xx, whose body the caller reads to the end
   * @throws DecampError `server-refused` with data `status`, `error` (the protocol's name) and `detail` (the server's
   *   sentence), and what `Http.send` throws
   */
  async send(request: XrpcRequest): Promise<HttpAnswer> {
    const used = this.#tokens;
    try {
      return await this.#sendOnce(request);
    } catch (error) {
      const expired =
        isDecampError(error, "server-refused") &&
        error.data["error"] === "ExpiredToken" &&
        (request.token ?? "session") === "session";
      if (!expired || used === undefined) {
        throw error;
      }
      await this.#renew(used, request.signal);
      return this.#sendOnce(request);
    }
  }

  /**
   * The same, for answers in JSON; undefined for an empty one to POST. What cannot be read is asked for again, if it
   * may be.
   */
  async json(request: XrpcRequest): Promise<unknown> {
    const url = new URL(request.path, this.origin);
    const asks = (request.method ?? "GET") === "GET";
    const read = async (answer: HttpAnswer): Promise<unknown> => readAnswer(answer, url, !asks);
    if (request.repeatable ?? asks) {
      return readAgain(async () => this.send(request), read, request.signal);
    }
    return read(await this.send(request));
  }

  async #sendOnce({ path, token = "session", mayLeadElsewhere, ...request }: XrpcRequest): Promise<HttpAnswer> {
    const url = new URL(path, this.origin);
    if (url.origin !== this.origin) {
      throw new TypeError("a request of a session goes to its own host");
    }
    const bearer = typeof token === "string" ? (token === "session" ? this.#tokens?.access : undefined) : token.bearer;
    for (const secret of [bearer ?? "", ...(typeof request.body === "string" ? secretsIn(request.body) : [])]) {
      // The host may repeat them at any time, and so may whoever it tells them.
      this.#http.secrets.add(secret);
    }
    const asksSync = (request.method ?? "GET") === "GET" && syncMethod.test(url.pathname);
    const operator = bearer === undefined && token === "session" && asksSync ? this.#operator : undefined;
    const authorization = bearer === undefined ? operator : `Bearer ${bearer}`;
    const answer = await this.#http.send({
      ...request,
      url,
      headers: { ...request.headers, ...(authorization === undefined ? {} : { authorization }) },
    });
    if (answer.status >= 200 && answer.status < 300) {
      return answer;
    }
    if (operator !== undefined && answer.status === 401) {
      discardBody(answer.body);
      throw adminRefusal(this.host);
    }
    if (mayLeadElsewhere === true && (request.method ?? "GET") === "GET" && isRedirect(answer.status)) {
      return followRedirects(this.#http, answer, url, request);
    }
    throw await refusal(answer, url, this.#http.secrets, request.signal);
  }

  /** Renews the tokens once, however many requests notice that they have expired. */
  async #renew(used: Tokens, signal: AbortSignal): Promise<void> {
    if (this.#tokens !== used) {
      return;
    }
    this.#refreshing ??= this.#refresh(used, signal).finally(() => (this.#refreshing = undefined));
    await this.#refreshing;
  }

  async #refresh(used: Tokens, signal: AbortSignal): Promise<void> {
    this.adopt(
      await this.json({
        method: "POST",
        path: "/xrpc/com.atproto.server.refreshSession",
        token: { bearer: used.refresh },
        signal,
      }),
    );
  }
}

/** What the password of an operator is for. */
const syncMethod = /^\/xrpc\/com\.atproto\.sync\.[A-Za-z]+$/;

/** The error for a server that does not take the password of its operator. What it says to that is not repeated. */
export function adminRefusal(host: string): DecampError {
  return new DecampError("auth-refused", `${host} refuses the admin password.`, {
    hint: "Give the one that the server was set up with: the reference server calls it PDS_ADMIN_PASSWORD.",
    data: { host },
  });
}

/** What servers call an account that may not sign in, whatever the password. */
const unavailable = /^(Account|Repo)?_?(Takendown|Takedown|Suspended|Deactivated)$/i;
/** The same of one whose owner has to confirm it first: the address, mostly. */
const unconfirmed = /^(Account|Email)?_?(Not_?|Un)(Verified|Confirmed)$/i;
/** What servers say that have no passwords, or none for this account. */
const passwordless = /LegacyLoginBlocked|OAuth|passkey|WebAuthn|passwordless/i;

/** What a refusal of createSession means, as far as the server says it; any other error as it is. */
function asSignInRefusal(error: unknown, host: string): unknown {
  if (!isDecampError(error, "server-refused", "bad-answer")) {
    return error;
  }
  const { status, error: name, detail } = error.data;
  const said = String(detail ?? name ?? `it answered ${String(status)}`);
  const { data } = error;
  if (name === "AuthFactorTokenRequired") {
    return new DecampError("auth-factor-required", `${host} asks for a sign-in code: ${said}.`, { data, cause: error });
  }
  if (typeof name === "string" && unavailable.test(name)) {
    return new DecampError("account-unavailable", `${host} lets nobody sign in to this account: ${said}.`, {
      data: { ...data, state: name },
      cause: error,
    });
  }
  if (typeof name === "string" && unconfirmed.test(name)) {
    return new DecampError("account-unconfirmed", `${host} lets nobody sign in to this account yet: ${said}.`, {
      data: { ...data, state: name },
      cause: error,
    });
  }
  const missing = isMissingMethod(error);
  // A server may recommend another way to whoever mistyped the password.
  const other = passwordless.test(`${String(name)} ${String(detail)}`) && !/invalid.*password/i.test(String(detail));
  if (missing || other) {
    const what = missing ? "has no sign-in with a password" : "takes no password for this account";
    return new DecampError("unsupported", `${host} ${what}: ${said}.`, {
      hint: "decamp signs in with a password. Look whether that server makes one under 'forgot password', or ask its operator.",
      data,
      cause: error,
    });
  }
  if (status === 401 || status === 400) {
    return new DecampError("auth-refused", `${host} refuses the sign-in: ${said}.`, { data, cause: error });
  }
  return error;
}

/**
 * A body in JSON; undefined for an empty one, where there may be one. @throws DecampError `bad-answer`, `unreachable`
 */
async function readAnswer(answer: HttpAnswer, url: URL, mayBeEmpty: boolean): Promise<unknown> {
  const body = await readBody(answer, url);
  if (body.length === 0 && mayBeEmpty) {
    return undefined;
  }
  // Where nobody says what it is, it is looked at: it has to have the right shape in any case.
  const isJson = (answer.headers["content-type"] ?? "application/json").toLowerCase().startsWith("application/json");
  return asJson(isJson ? parseJson(body, answer.limits) : { fault: "something that is not JSON" }, answer, url);
}

/** The error for an answer that is not 2xx. What the server says goes in, at most 300 letters of it. */
async function refusal(answer: HttpAnswer, url: URL, secrets: KnownSecrets, signal: AbortSignal): Promise<DecampError> {
  const name = url.pathname.replace("/xrpc/", "");
  const said = await readRefusal(answer, url, signal);
  const error = textOf(said["error"], secrets);
  const detail = textOf(said["message"], secrets);
  const redirected = isRedirect(answer.status);
  const what = redirected
    ? `redirects ${name} to another address`
    : `answered ${answer.status}${error === undefined ? "" : ` ${error}`} to ${name}`;
  return new DecampError(
    redirected || error === undefined ? "bad-answer" : "server-refused",
    `${url.host} ${what}${detail === undefined ? "" : `: ${detail}`}.`.replace(/\.\.$/, "."),
    { data: { host: url.host, method: name, status: answer.status, error, detail: detail?.replace(/\.$/, "") } },
  );
}

function textOf(value: unknown, secrets: KnownSecrets): string | undefined {
  return typeof value === "string" && value !== "" ? serverMessage(value, secrets) : undefined;
}
