/**
 * A PDS, as far as decamp needs one. Small answers go through `@atproto/api`, which checks them against their lexicons;
 * repositories and blobs are streamed, which it cannot do. Both use one session that is pinned to its host.
 */

import type { Readable } from "node:stream";
import type { Agent } from "@atproto/api";
import { isJsonObject } from "../data/json-object.ts";
import { DecampError, isDecampError } from "../errors.ts";
import type { Allowance } from "./allowances.ts";
import { discardBody, readBytes } from "./http-answer.ts";
import type { Http } from "./http.ts";
import { PinnedSession, type Credentials, type SessionInfo, type XrpcRequest } from "./session.ts";

/** What a server says about itself. */
export interface ServerDescription {
  /** The audience for service auth tokens. */
  readonly did: string;
  readonly inviteCodeRequired: boolean;
  readonly phoneVerificationRequired: boolean;
  /** The domains under which it gives out handles, each with its leading dot. */
  readonly availableUserDomains: readonly string[];
  /** The largest blob that it takes, in bytes, if it says so. */
  readonly blobUploadLimit?: number;
}

/** What a server says about an account to the owner. */
export interface AccountStatus {
  readonly activated: boolean;
  readonly repoCommit: string;
  readonly records: number;
  readonly expectedBlobs: number;
  readonly importedBlobs: number;
}

/** The state of an account that anybody can see. */
export interface RepoStatus {
  readonly active: boolean;
  readonly status?: string;
}

/** A body on its way: read it to the end. */
export interface Download {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Bytes, if the server announces them. */
  readonly length?: number;
  readonly mimeType?: string;
}

/** A body to send, opened anew for every attempt. */
export interface Upload {
  readonly length: number;
  readonly open: () => Readable;
}

export interface NewAccount {
  readonly did: string;
  readonly handle: string;
  readonly email: string;
  readonly password: string;
  readonly inviteCode?: string;
  /** A token that the old server signed for exactly this call. */
  readonly serviceToken: string;
}

/** How long ending a session may take (milliseconds): nothing depends on it. */
const briefly = 5000;

/** No list is longer: at 1000 blobs a page that is ten million. */
const mostPages = 10_000;

const carType = "application/vnd.ipld.car";

export class Pds {
  readonly #session: PinnedSession;
  #agent: Promise<Agent> | undefined;

  constructor(http: Http, origin: string) {
    this.#session = new PinnedSession(http, origin);
  }

  get origin(): string {
    return this.#session.origin;
  }

  get host(): string {
    return this.#session.host;
  }

  get isSignedIn(): boolean {
    return this.#session.isSignedIn;
  }

  /** What the server said about the account at sign-in; undefined without a session. */
  get account(): SessionInfo | undefined {
    return this.#session.account;
  }

  /** Whether the session was made with an app password, as far as that can be told. */
  get isAppPassword(): boolean {
    return this.#session.isAppPassword;
  }

  /** com.atproto.server.describeServer */
  async describe(signal: AbortSignal): Promise<ServerDescription> {
    const data = await this.#call(signal, async (agent, opts) => agent.com.atproto.server.describeServer({}, opts));
    const limit: unknown = "blobUploadLimit" in data ? data.blobUploadLimit : undefined;
    return {
      did: data.did,
      inviteCodeRequired: data.inviteCodeRequired ?? false,
      phoneVerificationRequired: data.phoneVerificationRequired ?? false,
      availableUserDomains: data.availableUserDomains,
      ...(typeof limit === "number" ? { blobUploadLimit: limit } : {}),
    };
  }

  /** com.atproto.identity.resolveHandle: what this server says; undefined if it knows no such handle. */
  async resolveHandle(handle: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      return (
        await this.#call(signal, async (agent, opts) => agent.com.atproto.identity.resolveHandle({ handle }, opts))
      ).did;
    } catch (error) {
      if (isDecampError(error, "server-refused")) {
        return undefined;
      }
      throw error;
    }
  }

  /**
   * com.atproto.server.createSession.
   *
   * @param allowAppPassword for what only reads; otherwise it has to be the account's own password
   * @throws DecampError `auth-refused`, `auth-factor-required`, `app-password`
   */
  async signIn(credentials: Credentials, signal: AbortSignal, allowAppPassword: boolean = false): Promise<SessionInfo> {
    const info = await this.#session.signIn(credentials, signal);
    if (this.#session.isAppPassword && !allowAppPassword) {
      await this.#session.signOut(signal);
      throw new DecampError("app-password", `${this.host} says that this is an app password.`);
    }
    return info;
  }

  /**
   * com.atproto.server.deleteSession, as far as the server can be reached.
   *
   * @param signal a deadline of its own unless given, because the run that ends may be an aborted one
   */
  async signOut(signal: AbortSignal = AbortSignal.timeout(briefly)): Promise<void> {
    await this.#session.signOut(signal);
  }

  /** com.atproto.server.getServiceAuth: a token of 60 seconds for one method of another server. */
  async serviceToken(audience: string, method: string, signal: AbortSignal): Promise<string> {
    return (
      await this.#call(signal, async (agent, opts) =>
        agent.com.atproto.server.getServiceAuth({ aud: audience, lxm: method }, opts),
      )
    ).token;
  }

  /** com.atproto.server.createAccount for a DID that exists; the session of the new account is taken over. */
  async createAccount({ serviceToken, ...account }: NewAccount, signal: AbortSignal): Promise<SessionInfo> {
    return this.#session.adopt(
      await this.#session.json({
        ...post("com.atproto.server.createAccount", account),
        token: { bearer: serviceToken },
        signal,
      }),
    );
  }

  /** com.atproto.server.checkAccountStatus */
  async accountStatus(signal: AbortSignal): Promise<AccountStatus> {
    const data = await this.#call(signal, async (agent, opts) => agent.com.atproto.server.checkAccountStatus({}, opts));
    return {
      activated: data.activated,
      repoCommit: data.repoCommit,
      records: data.indexedRecords,
      expectedBlobs: data.expectedBlobs,
      importedBlobs: data.importedBlobs,
    };
  }

  /** com.atproto.sync.getRepoStatus; undefined if the server does not have the account. */
  async repoStatus(did: string, signal: AbortSignal): Promise<RepoStatus | undefined> {
    try {
      const data = await this.#call(signal, async (agent, opts) => agent.com.atproto.sync.getRepoStatus({ did }, opts));
      return { active: data.active, ...(data.status === undefined ? {} : { status: data.status }) };
    } catch (error) {
      if (isDecampError(error, "server-refused") && error.data["error"] === "RepoNotFound") {
        return undefined;
      }
      throw error;
    }
  }

  /** com.atproto.sync.getLatestCommit: CID and rev of the head, as the server stores them. */
  async latestCommit(did: string, signal: AbortSignal): Promise<{ cid: string; rev: string }> {
    // Without the agent: it takes longer to load than an export of what has not changed takes.
    const path = `/xrpc/com.atproto.sync.getLatestCommit?${new URLSearchParams({ did }).toString()}`;
    const head = await this.#session.json({ path, signal });
    if (!isJsonObject(head) || typeof head["cid"] !== "string" || typeof head["rev"] !== "string") {
      throw new DecampError("bad-answer", `${this.host} answered with something that is no commit.`);
    }
    return { cid: head["cid"], rev: head["rev"] };
  }

  /**
   * com.atproto.sync.getRepo, streamed.
   *
   * @param since a rev: only the blocks that are newer, as the server counts
   */
  async getRepo(did: string, signal: AbortSignal, since?: string): Promise<Download> {
    const params = { did, ...(since === undefined ? {} : { since }) };
    return this.#download("com.atproto.sync.getRepo", params, { type: carType, signal });
  }

  /**
   * com.atproto.sync.getBlocks, streamed: a CAR of these blocks, in any order, whose root says nothing. What is in it has to
   * be hashed and counted by whoever reads it.
   *
   * @param cids in their text form; they go into the address, so at most some hundred of them
   */
  async getBlocks(did: string, cids: readonly string[], signal: AbortSignal): Promise<Download> {
    const params: [string, string][] = [["did", did], ...cids.map((cid): [string, string] => ["cids", cid])];
    return this.#download("com.atproto.sync.getBlocks", params, { type: carType, signal });
  }

  /** com.atproto.sync.getBlob, streamed. @param onBusy called when the server has too much to do */
  async getBlob(did: string, cid: string, signal: AbortSignal, onBusy?: () => void): Promise<Download> {
    return this.#download("com.atproto.sync.getBlob", { did, cid }, { signal, onBusy });
  }

  /** com.atproto.repo.importRepo. No limit on the time to the answer: a server works long on a large one. */
  async importRepo(car: Upload, signal: AbortSignal): Promise<void> {
    await this.#session.json({
      method: "POST",
      path: "/xrpc/com.atproto.repo.importRepo",
      headers: { "content-type": carType, "content-length": String(car.length) },
      body: car.open,
      patient: true,
      signal,
    });
  }

  /**
   * com.atproto.repo.uploadBlob; resolves to the CID that the server stored it under.
   *
   * @param onBusy as in `getBlob`
   */
  async uploadBlob(blob: Upload, mimeType: string, signal: AbortSignal, onBusy?: () => void): Promise<string> {
    const answer = await this.#session.json({
      method: "POST",
      path: "/xrpc/com.atproto.repo.uploadBlob",
      headers: { "content-type": mimeType, "content-length": String(blob.length) },
      body: blob.open,
      repeatable: true,
      signal,
      ...(onBusy === undefined ? {} : { onBusy }),
    });
    const ref = isJsonObject(answer) && isJsonObject(answer["blob"]) ? answer["blob"]["ref"] : undefined;
    if (!isJsonObject(ref) || typeof ref["$link"] !== "string") {
      throw new DecampError("bad-answer", `${this.host} answered an upload with something that is no blob ref.`);
    }
    return ref["$link"];
  }

  /** How many uploads it still takes, and until when, as it said after the last one. */
  get uploadAllowance(): Allowance | undefined {
    return this.#session.allowance("com.atproto.repo.uploadBlob");
  }

  /**
   * com.atproto.sync.listRepos, all pages: the DIDs of the accounts, whatever their state. Each is a name that the server
   * gives, to be judged by whoever uses it.
   *
   * @throws DecampError `bad-answer` when the pages do not end
   */
  async *listRepos(signal: AbortSignal): AsyncGenerator<string> {
    // One entry that is not in order must not hide the others, so the lexicon is not asked.
    yield* this.#pages(async (cursor) => {
      const params = new URLSearchParams({ limit: "1000", ...cursor });
      const page = await this.#session.json({ path: `/xrpc/com.atproto.sync.listRepos?${params.toString()}`, signal });
      if (!isJsonObject(page) || !Array.isArray(page["repos"])) {
        throw new DecampError("bad-answer", `${this.host} answered with something that is no list of accounts.`);
      }
      const items = page["repos"].map((repo: unknown) => String(isJsonObject(repo) ? repo["did"] : repo));
      return { items, ...cursorOf(page) };
    });
  }

  /** com.atproto.sync.listBlobs, all pages. @throws DecampError `bad-answer` when the pages do not end */
  async *listBlobs(did: string, signal: AbortSignal): AsyncGenerator<string> {
    yield* this.#pages(async (cursor) => {
      const params = new URLSearchParams({ did, limit: "1000", ...cursor });
      const page = await this.#session.json({ path: `/xrpc/com.atproto.sync.listBlobs?${params.toString()}`, signal });
      if (!isJsonObject(page) || !Array.isArray(page["cids"])) {
        throw new DecampError("bad-answer", `${this.host} answered with something that is no list of blobs.`);
      }
      return { items: page["cids"].map(String), ...cursorOf(page) };
    });
  }

  /** com.atproto.repo.listMissingBlobs, all pages: CIDs that records refer to and the server does not have. */
  async *listMissingBlobs(signal: AbortSignal): AsyncGenerator<string> {
    yield* this.#pages(async (cursor) => {
      const data = await this.#call(signal, async (agent, opts) =>
        agent.com.atproto.repo.listMissingBlobs({ limit: 1000, ...cursor }, opts),
      );
      return {
        items: data.blobs.map(({ cid }) => cid),
        ...(data.cursor === undefined ? {} : { cursor: data.cursor }),
      };
    });
  }

  /** app.bsky.actor.getPreferences, as the server sent them. */
  async getPreferences(signal: AbortSignal): Promise<readonly unknown[]> {
    const answer = await this.#session.json({ path: "/xrpc/app.bsky.actor.getPreferences", signal });
    if (isJsonObject(answer) && Array.isArray(answer["preferences"])) {
      return answer["preferences"];
    }
    throw new DecampError("bad-answer", `${this.host} answered with something that is no preferences.`);
  }

  /** app.bsky.actor.putPreferences: replaces all of them. */
  async putPreferences(preferences: readonly unknown[], signal: AbortSignal): Promise<void> {
    const request = post("app.bsky.actor.putPreferences", { preferences });
    await this.#session.json({ ...request, repeatable: true, signal });
  }

  /** com.atproto.identity.getRecommendedDidCredentials, to be judged by `parseRecommended`. */
  async recommendedCredentials(signal: AbortSignal): Promise<unknown> {
    return this.#session.json({ path: "/xrpc/com.atproto.identity.getRecommendedDidCredentials", signal });
  }

  /** com.atproto.identity.requestPlcOperationSignature: the server mails a code. */
  async requestPlcToken(signal: AbortSignal): Promise<void> {
    await this.#session.json({
      method: "POST",
      path: "/xrpc/com.atproto.identity.requestPlcOperationSignature",
      signal,
    });
  }

  /**
   * com.atproto.identity.signPlcOperation; the answer has to be judged by `compareSigned`.
   *
   * @throws DecampError `plc-token-refused`
   */
  async signPlcOperation(token: string, fields: object, signal: AbortSignal): Promise<unknown> {
    try {
      const answer = await this.#session.json({
        ...post("com.atproto.identity.signPlcOperation", { token, ...fields }),
        signal,
      });
      return isJsonObject(answer) ? answer["operation"] : undefined;
    } catch (error) {
      if (isDecampError(error, "server-refused")) {
        const name = error.data["error"];
        if (name === "ExpiredToken" || (name === "InvalidToken" && error.data["detail"] === "Token is invalid")) {
          const what = name === "ExpiredToken" ? "has expired" : "is not the right one";
          throw new DecampError("plc-token-refused", `The mailed code ${what}.`, { cause: error });
        }
      }
      throw error;
    }
  }

  /** com.atproto.identity.submitPlcOperation: the server checks the operation and hands it to the directory. */
  async submitPlcOperation(operation: object, signal: AbortSignal): Promise<void> {
    await this.#session.json({ ...post("com.atproto.identity.submitPlcOperation", { operation }), signal });
  }

  /** com.atproto.server.activateAccount; doing it twice is the same as once. */
  async activate(signal: AbortSignal): Promise<void> {
    await this.#session.json({
      method: "POST",
      path: "/xrpc/com.atproto.server.activateAccount",
      repeatable: true,
      signal,
    });
  }

  /** com.atproto.server.deactivateAccount, without a date of deletion; doing it twice is the same as once. */
  async deactivate(signal: AbortSignal): Promise<void> {
    await this.#session.json({ ...post("com.atproto.server.deactivateAccount", {}), repeatable: true, signal });
  }

  /**
   * com.atproto.repo.createRecord under a given key.
   *
   * @param json the record in the JSON form of the data model, which keeps integers of 64 bits
   */
  async createRecord(
    place: { did: string; collection: string; rkey: string },
    json: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { did, collection, rkey } = place;
    const head = JSON.stringify({ repo: did, collection, rkey, validate: false });
    const request = post("com.atproto.repo.createRecord", {});
    await this.#session.json({ ...request, body: `${head.slice(0, -1)},"record":${json}}`, signal });
  }

  /** com.atproto.repo.createRecord, and com.atproto.repo.deleteRecord right after it. */
  async touchRepo(did: string, collection: string, record: object, signal: AbortSignal): Promise<void> {
    const answer = await this.#session.json({
      ...post("com.atproto.repo.createRecord", { repo: did, collection, record, validate: false }),
      signal,
    });
    const rkey = isJsonObject(answer) ? /\/([^/]+)$/.exec(String(answer["uri"]))?.[1] : undefined;
    if (rkey === undefined) {
      throw new DecampError("bad-answer", `${this.host} answered a new record with something that is no URI.`);
    }
    await this.#session.json({ ...post("com.atproto.repo.deleteRecord", { repo: did, collection, rkey }), signal });
  }

  /** com.atproto.server.requestAccountDelete: the server mails a code. */
  async requestAccountDelete(signal: AbortSignal): Promise<void> {
    await this.#session.json({ method: "POST", path: "/xrpc/com.atproto.server.requestAccountDelete", signal });
  }

  /**
   * com.atproto.server.deleteAccount: the account and all its data on this server, for good.
   *
   * @throws DecampError `server-refused` for a wrong password or code
   */
  async deleteAccount(account: { did: string; password: string; token: string }, signal: AbortSignal): Promise<void> {
    await this.#session.json({ ...post("com.atproto.server.deleteAccount", account), token: "none", signal });
  }

  /** One call of `@atproto/api`, over the pinned session. The package is large, so it is loaded only now. */
  async #call<T>(
    signal: AbortSignal,
    call: (agent: Agent, opts: { signal: AbortSignal }) => Promise<{ data: T }>,
  ): Promise<T> {
    this.#agent ??= import("@atproto/api").then(
      ({ Agent }) => new Agent(async (path, init) => this.#fetch(path, init)),
    );
    const agent = await this.#agent;
    try {
      const { data } = await call(agent, { signal });
      return data;
    } catch (error) {
      signal.throwIfAborted();
      const cause = error instanceof Error ? error.cause : undefined;
      if (isDecampError(cause)) {
        throw cause;
      }
      if (error instanceof Error && "validationError" in error) {
        throw new DecampError("bad-answer", `${this.host} answered something that is not as the protocol has it.`, {
          cause: error,
        });
      }
      throw error;
    }
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const method = init.method?.toUpperCase() === "GET" ? "GET" : "POST";
    if (init.body !== undefined && init.body !== null) {
      throw new TypeError("calls with a body do not go through the agent");
    }
    const value = await this.#session.json({
      method,
      path,
      headers: Object.fromEntries(new Headers(init.headers)),
      signal: init.signal ?? new AbortController().signal,
    });
    return Response.json(value ?? null);
  }

  async #download(
    method: string,
    params: Readonly<Record<string, string>> | [string, string][],
    options: { type?: string; signal: AbortSignal; onBusy?: (() => void) | undefined },
  ): Promise<Download> {
    const { type: expectedType, signal, onBusy } = options;
    const path = `/xrpc/${method}?${new URLSearchParams(params).toString()}`;
    const answer = await this.#session.send({ path, signal, ...(onBusy === undefined ? {} : { onBusy }) });
    const type = answer.headers["content-type"];
    if (expectedType !== undefined && type?.split(";")[0]?.trim() !== expectedType) {
      discardBody(answer.body);
      const what = type === undefined ? "something without a type" : type.slice(0, 80);
      throw new DecampError("bad-answer", `${this.host} answered ${method} with ${what}, not with ${expectedType}.`);
    }
    const length = Number(answer.headers["content-length"]);
    return {
      bytes: readBytes(answer.body, new URL(path, this.origin)),
      ...(Number.isSafeInteger(length) ? { length } : {}),
      ...(type === undefined ? {} : { mimeType: type }),
    };
  }

  async *#pages<T extends string>(
    fetchPage: (cursor: { cursor?: string }) => Promise<{ items: readonly T[]; cursor?: string }>,
  ): AsyncGenerator<T> {
    // Neither a name of a page nor its first item comes twice in a list that ends.
    const cursors = new Set<string>();
    const firsts = new Set<T>();
    let cursor: string | undefined;
    do {
      const page = await fetchPage(cursor === undefined ? {} : { cursor });
      const [first] = page.items;
      if (first === undefined) {
        return;
      }
      ({ cursor } = page);
      if (firsts.has(first) || (cursor !== undefined && cursors.has(cursor))) {
        throw new DecampError("bad-answer", `${this.host} gives the same page of a list again and again.`);
      }
      if (cursors.size >= mostPages) {
        throw new DecampError("bad-answer", `${this.host} gives a list that does not end.`);
      }
      firsts.add(first);
      cursors.add(cursor ?? "");
      yield* page.items;
    } while (cursor !== undefined);
  }
}

/** The name of the next page, if there is one. */
function cursorOf({ cursor }: Readonly<Record<string, unknown>>): { cursor?: string } {
  return typeof cursor === "string" ? { cursor } : {};
}

/** Opens a PDS at `origin`. */
export type OpenPds = (origin: string) => Pds;

function post(method: string, body: object): Pick<XrpcRequest, "method" | "path" | "headers" | "body"> {
  return {
    method: "POST",
    path: `/xrpc/${method}`,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
}
