/**
 * A PDS, as far as decamp needs one: its methods, and the shape that the answer of each has to have. All calls go
 * through `Xrpc`, with one session that is pinned to its host.
 */

import * as v from "valibot";
import type { Limits } from "../../data/budgets.ts";
import { isCid } from "../../data/cid.ts";
import { isJsonObject } from "../../data/json-object.ts";
import { DecampError, isDecampError, withHint } from "../../errors.ts";
import { isDid } from "../../identity/names.ts";
import { readRoot } from "../../repo/block-index.ts";
import { bytesSource } from "../../repo/source.ts";
import type { Allowance } from "../http/allowances.ts";
import type { Http } from "../http/http.ts";
import { mediaTypeToSend } from "../http/media-type.ts";
import { isMissingMethod } from "./missing-method.ts";
import { isOwnRefusal } from "./refusal.ts";
import { askRepoStatus, nobodysDid, type RepoStatus } from "./repo-status.ts";
import { allPages, pageEntries } from "./pages.ts";
import { adminRefusal, bearerToken, PinnedSession, type Credentials, type SessionInfo } from "./session.ts";
import { readStart, type Download } from "./download.ts";
import { anything, Xrpc, type Shape } from "./xrpc.ts";
import type { Upload } from "../upload.ts";

export type { Download, Upload };

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
  /** Where its rules can be read, if it says so. */
  readonly termsOfService?: string;
  readonly privacyPolicy?: string;
}

/** What a server says about an account to the owner. Of what is undefined it says nothing. */
export interface AccountStatus {
  /** What it calls activated; some do so before the identity names them. */
  readonly activated: boolean | undefined;
  /** Whether the identity names it with the key and the address that it needs, by what it says. */
  readonly validDid: boolean | undefined;
  /** CID of the head; some have none before an import. */
  readonly repoCommit: string | undefined;
  readonly records: number | undefined;
  readonly expectedBlobs: number | undefined;
  readonly importedBlobs: number | undefined;
}

/** An account that is to be made on a server, for a DID that exists. */
export interface NewAccount {
  readonly did: string;
  readonly handle: string;
  readonly email: string;
  readonly password: string;
  readonly inviteCode?: string;
  /** A token that the old server signed for exactly this call. */
  readonly serviceToken: string;
}

/** What a server's list of its accounts says of one. What it does not say, or not in order, is undefined. */
export interface ListedRepo {
  readonly did: string;
  /** CID of its newest commit, and the revision of that. */
  readonly head?: string | undefined;
  readonly rev?: string | undefined;
  /** False if the server does not hand it out. */
  readonly active?: boolean | undefined;
  /** Why it is not active, in the server's word. */
  readonly status?: string | undefined;
}

/** How long ending a session may take (milliseconds): nothing depends on it. */
const briefly = 5000;

/** The header of a CAR file is in them. */
const headerBytes = 4096;

const carType = "application/vnd.ipld.car";
const uploadBlob = "com.atproto.repo.uploadBlob";
const describeServer = "com.atproto.server.describeServer";
/** For a failure where a mailed code was sent. */
const mayMeanCode =
  "Some servers fail like that when the mailed code is wrong or old. Run the same command again: it asks for a new mail with a new code.";

const did = v.pipe(v.string(), v.check(isDid));
// What anybody may ask is asked without the package that has the lexicons: it takes longer to load than the answers to
// come.
const description = v.object({
  did,
  inviteCodeRequired: v.optional(v.boolean(), false),
  phoneVerificationRequired: v.optional(v.boolean(), false),
  availableUserDomains: v.array(v.string()),
  blobUploadLimit: v.optional(v.unknown()),
  links: v.optional(v.unknown()),
});
const health = v.object({ version: v.string() });
const signedInBy = v.object({ authorization_servers: v.array(v.pipe(v.string(), v.url())) });
const resolved = v.object({ did });
const named = v.object({ handle: v.string() });
const status = v.object({ did: v.optional(v.string()), active: v.boolean(), status: v.exactOptional(v.string()) });
// Not all say all of it; what says nothing of it is another answer.
const counts = v.pipe(
  v.object({
    activated: v.nullish(v.boolean()),
    validDid: v.nullish(v.boolean()),
    repoCommit: v.nullish(v.string()),
    indexedRecords: v.nullish(v.number()),
    expectedBlobs: v.nullish(v.number()),
    importedBlobs: v.nullish(v.number()),
  }),
  v.check((said) => Object.keys(said).length > 0),
);
const address = v.object({ email: v.optional(v.unknown()), emailConfirmed: v.optional(v.unknown()) });
const head = v.object({ cid: v.string(), rev: v.string() });
// One entry that is not in order must not hide the others.
const accounts = v.object({ repos: v.array(v.unknown()), ...pageEntries });
const listedAccount = v.object({ did: v.string() });
// What is not in order is as good as not said.
const statedState = v.object({
  head: v.optional(v.pipe(v.string(), v.check(isCid))),
  rev: v.optional(v.pipe(v.string(), v.regex(/^[2-7a-z]{13}$/))),
  active: v.optional(v.boolean()),
  status: v.optional(v.pipe(v.string(), v.regex(/^[a-z]{1,40}$/i))),
});
const listedBlobs = v.object({ cids: v.array(v.string()), ...pageEntries });
const missingBlobs = v.object({ blobs: v.array(v.object({ cid: v.string() })), ...pageEntries });
const uploaded = v.object({ blob: v.object({ ref: v.object({ $link: v.string() }) }) });
const listedRecords = v.object({
  records: v.array(v.object({ uri: v.pipe(v.string(), v.regex(/[^/]+\/[^/]+$/)), cid: v.string() })),
  ...pageEntries,
});
const somePreferences = v.object({ preferences: v.array(v.unknown()) });
/** Some servers answer with the operation itself. */
const signedOperation: Shape<Readonly<Record<string, unknown>>> = v.record(v.string(), v.unknown());
const someRecords = v.object({ records: v.array(v.object({ uri: v.string() })) });
const newRecord = v.object({ uri: v.pipe(v.string(), v.regex(/\/[^/]+$/)) });

/** A PDS, and one session with it. */
export class Pds {
  readonly #session: PinnedSession;
  readonly #server: Xrpc;

  /** @param adminPassword as `PinnedSession` */
  constructor(http: Http, origin: string, adminPassword?: string) {
    this.#session = new PinnedSession(http, origin, adminPassword);
    this.#server = new Xrpc(this.#session);
  }

  get origin(): string {
    return this.#session.origin;
  }

  get host(): string {
    return this.#session.host;
  }

  /** What is taken from it before it is given up. */
  get limits(): Limits {
    return this.#session.limits;
  }

  get isSignedIn(): boolean {
    return this.#session.isSignedIn;
  }

  /** Whether it is asked with the password of its operator: then it hands out accounts, too, that are not active. */
  get isOperators(): boolean {
    return this.#session.isOperators;
  }

  /** What the server said about the account at sign-in; undefined without a session. */
  get account(): SessionInfo | undefined {
    return this.#session.account;
  }

  /** Whether the session was made with an app password, as far as that can be told. */
  get isAppPassword(): boolean {
    return this.#session.isAppPassword;
  }

  /** com.atproto.server.describeServer. @param attempts how often it is asked at most, if it does not answer */
  async describe(signal: AbortSignal, attempts?: number): Promise<ServerDescription> {
    const how = { signal, ...(attempts === undefined ? {} : { attempts }) };
    const { blobUploadLimit, links, ...rest } = await this.#server.query(describeServer, {}, description, how);
    return {
      ...rest,
      ...(typeof blobUploadLimit === "number" && blobUploadLimit >= 0 ? { blobUploadLimit } : {}),
      ...webLinks(links, ["termsOfService", "privacyPolicy"]),
    };
  }

  /** Name and version of the software, as `/xrpc/_health` says it; undefined where it does not. Never fails. */
  async version(signal: AbortSignal): Promise<string | undefined> {
    try {
      const said = await this.#server.query("_health", {}, health, { signal, attempts: 1 });
      return said.version;
    } catch (error) {
      signal.throwIfAborted();
      if (!isDecampError(error)) {
        throw error;
      }
      return undefined;
    }
  }

  /** Origins of the servers that sign its accounts in (RFC 9728). Most name themselves. */
  async authorizationServers(signal: AbortSignal): Promise<readonly string[]> {
    const named = await this.#server.wellKnown("oauth-protected-resource", signedInBy, { attempts: 1, signal });
    return named.authorization_servers.map((url) => new URL(url).origin);
  }

  /** com.atproto.identity.resolveHandle: what this server says; undefined if it knows no such handle. */
  async resolveHandle(handle: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      const method = "com.atproto.identity.resolveHandle";
      return (await this.#server.query(method, { handle }, resolved, { signal })).did;
    } catch (error) {
      if (isDecampError(error, "server-refused")) {
        return undefined;
      }
      throw error;
    }
  }

  /** com.atproto.repo.describeRepo: what the server calls the account; undefined where it does not say it. */
  async statedHandle(did: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      return (await this.#server.query("com.atproto.repo.describeRepo", { repo: did }, named, { signal })).handle;
    } catch (error) {
      if (isDecampError(error, "server-refused", "bad-answer")) {
        return undefined;
      }
      throw error;
    }
  }

  /** com.atproto.identity.updateHandle: the server signs the change of a did:plc with its own key, and sends it. */
  async updateHandle(handle: string, signal: AbortSignal): Promise<void> {
    await this.#server.procedure("com.atproto.identity.updateHandle", { value: { handle } }, anything, { signal });
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
    const params = { aud: audience, lxm: method };
    const shape = v.object({ token: bearerToken });
    return (await this.#server.queryByLexicon("com.atproto.server.getServiceAuth", params, shape, signal)).token;
  }

  /** com.atproto.server.getSession: what the server says now of the address of the account, as far as it does. */
  async address(signal: AbortSignal): Promise<{ readonly email?: string; readonly confirmed?: boolean }> {
    const { email, emailConfirmed } = await this.#server.query("com.atproto.server.getSession", {}, address, {
      signal,
    });
    return {
      ...(typeof email === "string" ? { email } : {}),
      ...(typeof emailConfirmed === "boolean" ? { confirmed: emailConfirmed } : {}),
    };
  }

  /** com.atproto.server.requestEmailConfirmation: the server mails a code. */
  async requestEmailConfirmation(signal: AbortSignal): Promise<void> {
    await this.#server.procedure("com.atproto.server.requestEmailConfirmation", undefined, anything, { signal });
  }

  /** com.atproto.server.confirmEmail. @throws DecampError `plc-token-refused` for a mailed code that is wrong or old */
  async confirmEmail(email: string, token: string, signal: AbortSignal): Promise<void> {
    try {
      const input = { value: { email, token } };
      await this.#server.procedure("com.atproto.server.confirmEmail", input, anything, { signal });
    } catch (error) {
      throw asCodeRefusal(error, (detail) => detail === "Token is invalid");
    }
  }

  /** com.atproto.server.createAccount for a DID that exists; the session of the new account is taken over. */
  async createAccount({ serviceToken, ...account }: NewAccount, signal: AbortSignal): Promise<SessionInfo> {
    const answer = await this.#server.procedure("com.atproto.server.createAccount", { value: account }, anything, {
      token: { bearer: serviceToken },
      signal,
    });
    return this.#session.adopt(answer);
  }

  /** com.atproto.server.checkAccountStatus */
  async accountStatus(signal: AbortSignal): Promise<AccountStatus> {
    const method = "com.atproto.server.checkAccountStatus";
    const data = await this.#server.query(method, {}, counts, { signal });
    const { activated, validDid, repoCommit, indexedRecords, expectedBlobs, importedBlobs } = data;
    return {
      activated: activated ?? undefined,
      validDid: validDid ?? undefined,
      repoCommit: repoCommit ?? undefined,
      records: indexedRecords ?? undefined,
      expectedBlobs: expectedBlobs ?? undefined,
      importedBlobs: importedBlobs ?? undefined,
    };
  }

  /**
   * com.atproto.sync.getRepoStatus; undefined if the server does not have the account.
   *
   * @param how `attempts`: how often it is asked at most, if it does not answer. `presume`: one that says the same of
   *   an account that no server can have does not have this one, either; for what is seen to be so, or not, right
   *   after
   * @throws DecampError also what the server answered where that says nothing of the account
   */
  async repoStatus(
    did: string,
    signal: AbortSignal,
    how: { readonly attempts?: number; readonly presume?: true } = {},
  ): Promise<RepoStatus | undefined> {
    const method = "com.atproto.sync.getRepoStatus";
    const ask = {
      status: async (whose: string, attempts?: number) => {
        const often = { ...(attempts === undefined ? {} : { attempts }), signal };
        const { did: about = whose, ...said } = await this.#server.query(method, { did: whose }, status, often);
        if (about !== whose) {
          const message = `${this.host} was asked for the state of ${whose}, and told that of another account.`;
          throw new DecampError("bad-answer", message, { data: { host: this.host, method } });
        }
        return said;
      },
      anyAccount: async () => this.#anyAccount(signal),
    };
    const said = await askRepoStatus(ask, did, how.attempts);
    if (said === "absent") {
      return undefined;
    }
    if (!("unsaid" in said)) {
      return said;
    }
    if (how.presume !== true) {
      throw said.unsaid;
    }
    return undefined;
  }

  /**
   * Whether the password of the operator is good, as far as a server says so before it hands anything out: it is asked
   * for the head of an account that no server can have.
   *
   * @throws DecampError `auth-refused` if it is not; `unreachable`, `rate-limited`
   */
  async checkOperator(signal: AbortSignal): Promise<void> {
    try {
      await this.statedHead(nobodysDid, signal);
    } catch (error) {
      if (!isDecampError(error, "server-refused", "bad-answer")) {
        throw error;
      }
      if (error.data["status"] === 403) {
        throw adminRefusal(this.host);
      }
    }
  }

  /** One that it names in its list. */
  async #anyAccount(signal: AbortSignal): Promise<string | undefined> {
    const page = await this.#server.query("com.atproto.sync.listRepos", { limit: "1" }, accounts, {
      attempts: 1,
      signal,
    });
    return page.repos.flatMap((repo) => (v.is(listedAccount, repo) ? [repo.did] : []))[0];
  }

  /**
   * com.atproto.sync.getLatestCommit: CID and rev of the head, as the server stores them.
   *
   * @throws DecampError for which `isMissingMethod` holds if the server has no such method
   */
  async statedHead(did: string, signal: AbortSignal): Promise<{ cid: string; rev: string }> {
    // Without the lexicons: they take longer to load than an export of what has not changed takes.
    return this.#server.query("com.atproto.sync.getLatestCommit", { did }, head, { signal });
  }

  /**
   * CID of the head: as `statedHead`, and from a server that has no such method, or refuses to say it of an account
   * that is not active, the root of the repository it gives out.
   */
  async latestCommit(did: string, signal: AbortSignal): Promise<{ cid: string }> {
    let refusal: unknown;
    try {
      return await this.statedHead(did, signal);
    } catch (error) {
      if (!isMissingMethod(error) && !isDecampError(error, "server-refused")) {
        throw error;
      }
      refusal = error;
    }
    const start = await this.getRepo(did, signal)
      .then(async (download) => readStart(download, headerBytes))
      .catch((error: unknown) => {
        throw isMissingMethod(refusal) || !isDecampError(error, "server-refused") ? error : refusal;
      });
    try {
      return { cid: readRoot(bytesSource(start)) };
    } catch (cause) {
      throw new DecampError("bad-answer", `${this.host} gives out a repository that names no commit.`, { cause });
    }
  }

  /**
   * com.atproto.sync.getRepo, streamed. The server may lead elsewhere: what comes has to be proved by whoever reads it.
   *
   * @param since a rev: only the blocks that are newer, as the server counts
   */
  async getRepo(did: string, signal: AbortSignal, since?: string): Promise<Download> {
    const params = { did, ...(since === undefined ? {} : { since }) };
    const how = { type: carType, mayLeadElsewhere: true } as const;
    return this.#server.download("com.atproto.sync.getRepo", params, { signal }, "repoBytes", how);
  }

  /**
   * com.atproto.sync.getBlocks, streamed: a CAR of these blocks, in any order, whose root says nothing. What is in it
   * has to be hashed and counted by whoever reads it.
   *
   * @param cids in their text form; they go into the address, so at most some hundred of them
   */
  async getBlocks(did: string, cids: readonly string[], signal: AbortSignal): Promise<Download> {
    const how = { type: carType } as const;
    return this.#server.download("com.atproto.sync.getBlocks", { did, cids }, { signal }, "repoBytes", how);
  }

  /**
   * com.atproto.sync.getBlob, streamed. The server may lead elsewhere: what comes has to be hashed by whoever reads it.
   *
   * @param onBusy called when the server has too much to do
   */
  async getBlob(did: string, cid: string, signal: AbortSignal, onBusy?: () => void): Promise<Download> {
    const options = { signal, ...(onBusy === undefined ? {} : { onBusy }) };
    const how = { mayLeadElsewhere: true } as const;
    return this.#server.download("com.atproto.sync.getBlob", { did, cid }, options, "blobBytes", how);
  }

  /** com.atproto.repo.importRepo. No limit on the time to the answer: a server works long on a large one. */
  async importRepo(car: Upload, signal: AbortSignal): Promise<void> {
    const input = { type: carType, bytes: car };
    await this.#server.procedure("com.atproto.repo.importRepo", input, anything, { patient: true, signal });
  }

  /**
   * com.atproto.repo.uploadBlob; resolves to the CID that the server stored it under.
   *
   * @param mimeType as a record says; what is no media type is not sent, see `mediaTypeToSend`
   * @param onBusy as in `getBlob`
   */
  async uploadBlob(blob: Upload, mimeType: string, signal: AbortSignal, onBusy?: () => void): Promise<string> {
    const answer = await this.#server.procedure(
      uploadBlob,
      { type: mediaTypeToSend(mimeType), bytes: blob },
      uploaded,
      {
        repeatable: true,
        signal,
        ...(onBusy === undefined ? {} : { onBusy }),
      },
    );
    return answer.blob.ref.$link;
  }

  /** How many uploads it still takes, and until when, as it said after the last one. */
  get uploadAllowance(): Allowance | undefined {
    return this.#session.allowance(uploadBlob);
  }

  /** The same of what anybody may ask, as it said when it was last asked to describe itself. */
  get usualAllowance(): Allowance | undefined {
    return this.#session.allowance(describeServer);
  }

  /**
   * com.atproto.sync.listRepos, all pages: the DIDs of the accounts, whatever their state, and what the list says of
   * that. Each DID is a name that the server gives, to be judged by whoever uses it.
   *
   * @param patiently does what asks for a page, and may do it again; once, unless given
   * @throws DecampError `bad-answer` when the pages do not end
   */
  async *listRepos(
    signal: AbortSignal,
    patiently: <T>(ask: () => Promise<T>) => Promise<T> = async (ask) => ask(),
  ): AsyncGenerator<ListedRepo> {
    yield* allPages(
      this,
      async (cursor) => {
        const params = { limit: "1000", ...cursor };
        const ask = async () => this.#server.query("com.atproto.sync.listRepos", params, accounts, { signal });
        const page = await patiently(ask);
        const items = page.repos.map(readListed);
        return { items, cursor: page.cursor };
      },
      ({ did }) => did,
    );
  }

  /** com.atproto.sync.listBlobs, all pages. @throws DecampError `bad-answer` when the pages do not end */
  async *listBlobs(did: string, signal: AbortSignal): AsyncGenerator<string> {
    yield* allPages(this, async (cursor) => {
      const params = { did, limit: "1000", ...cursor };
      const page = await this.#server.query("com.atproto.sync.listBlobs", params, listedBlobs, { signal });
      return { items: page.cids, cursor: page.cursor };
    });
  }

  /** com.atproto.repo.listMissingBlobs, all pages: CIDs that records refer to and the server does not have. */
  async *listMissingBlobs(signal: AbortSignal): AsyncGenerator<string> {
    yield* allPages(this, async (cursor) => {
      const params = { limit: "1000", ...cursor };
      const page = await this.#server.query("com.atproto.repo.listMissingBlobs", params, missingBlobs, { signal });
      return { items: page.blobs.map(({ cid }) => cid), cursor: page.cursor };
    });
  }

  /**
   * com.atproto.repo.listRecords, all pages: of each record of a collection the path and the CID, with a space between
   * them, as the server says. In no order.
   */
  async *listRecords(did: string, collection: string, signal: AbortSignal): AsyncGenerator<string> {
    yield* allPages(this, async (cursor) => {
      const params = { repo: did, collection, limit: "50", ...cursor };
      const page = await this.#server.query("com.atproto.repo.listRecords", params, listedRecords, { signal });
      const items = page.records.map(({ uri, cid }) => `${uri.split("/").slice(-2).join("/")} ${cid}`);
      return { items, cursor: page.cursor };
    });
  }

  /** app.bsky.actor.getPreferences, as the server sent them. */
  async getPreferences(signal: AbortSignal): Promise<readonly unknown[]> {
    return (await this.#server.query("app.bsky.actor.getPreferences", {}, somePreferences, { signal })).preferences;
  }

  /** app.bsky.actor.putPreferences: replaces all of them. */
  async putPreferences(preferences: readonly unknown[], signal: AbortSignal): Promise<void> {
    const input = { value: { preferences } };
    await this.#server.procedure("app.bsky.actor.putPreferences", input, anything, { repeatable: true, signal });
  }

  /** com.atproto.identity.getRecommendedDidCredentials, to be judged by `parseRecommended`. */
  async recommendedCredentials(signal: AbortSignal): Promise<unknown> {
    return this.#server.query("com.atproto.identity.getRecommendedDidCredentials", {}, anything, { signal });
  }

  /** com.atproto.identity.requestPlcOperationSignature: the server mails a code. */
  async requestPlcToken(signal: AbortSignal): Promise<void> {
    const method = "com.atproto.identity.requestPlcOperationSignature";
    await this.#server.procedure(method, undefined, anything, { signal });
  }

  /**
   * com.atproto.identity.signPlcOperation; the answer has to be judged by `compareSigned`.
   *
   * @throws DecampError `plc-token-refused`
   */
  async signPlcOperation(token: string, fields: object, signal: AbortSignal): Promise<unknown> {
    try {
      const input = { value: { token, ...fields } };
      const method = "com.atproto.identity.signPlcOperation";
      const answer = await this.#server.procedure(method, input, signedOperation, { signal });
      return "sig" in answer ? answer : answer["operation"];
    } catch (error) {
      // A token of the session that is refused has the same name, but another sentence.
      const refusal = asCodeRefusal(error, (detail) => detail === "Token is invalid");
      if (refusal !== error) {
        throw refusal;
      }
      if (await this.#meansCode(error, signal)) {
        throw codeRefusal(error, "was not accepted");
      }
      throw isOwnRefusal(error) && Number(error.data["status"]) >= 500 ? withHint(error, mayMeanCode) : error;
    }
  }

  /**
   * Whether a refusal in words of the server's own is about the mailed code: any 400 or 401 that speaks of a token or a
   * code, or of nothing, as long as the session itself is good.
   */
  async #meansCode(error: unknown, signal: AbortSignal): Promise<boolean> {
    if (!isDecampError(error, "server-refused", "bad-answer") || ![400, 401].includes(Number(error.data["status"]))) {
      return false;
    }
    const { error: name = "", detail = "" } = error.data;
    const said = `${String(name)} ${String(detail)}`;
    if (Number(error.data["status"]) === 400 && !/token|code|expired/i.test(said) && said.trim() !== "") {
      return false;
    }
    try {
      await this.accountStatus(signal);
      return true;
    } catch (reason) {
      if (!isDecampError(reason) || isDecampError(reason, "interrupted")) {
        throw reason;
      }
      return false;
    }
  }

  /** com.atproto.identity.submitPlcOperation: the server checks the operation and hands it to the directory. */
  async submitPlcOperation(operation: object, signal: AbortSignal): Promise<void> {
    const input = { value: { operation } };
    await this.#server.procedure("com.atproto.identity.submitPlcOperation", input, anything, { signal });
  }

  /** com.atproto.server.activateAccount; doing it twice is the same as once. */
  async activate(signal: AbortSignal): Promise<void> {
    const options = { repeatable: true, signal };
    await this.#server.procedure("com.atproto.server.activateAccount", undefined, anything, options);
  }

  /** com.atproto.server.deactivateAccount, without a date of deletion; doing it twice is the same as once. */
  async deactivate(signal: AbortSignal): Promise<void> {
    const options = { repeatable: true, signal };
    await this.#server.procedure("com.atproto.server.deactivateAccount", { value: {} }, anything, options);
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
    const start = JSON.stringify({ repo: did, collection, rkey, validate: false });
    const input = { json: `${start.slice(0, -1)},"record":${json}}` };
    await this.#server.procedure("com.atproto.repo.createRecord", input, anything, { signal });
  }

  /**
   * com.atproto.repo.listRecords: addresses (at://) of the newest records of a collection, by their keys.
   *
   * @param count how many at most, up to 100
   */
  async newestRecords(did: string, collection: string, count: number, signal: AbortSignal): Promise<readonly string[]> {
    const params = { repo: did, collection, limit: String(count) };
    const { records } = await this.#server.query("com.atproto.repo.listRecords", params, someRecords, { signal });
    return records.map(({ uri }) => uri);
  }

  /** com.atproto.repo.createRecord, and com.atproto.repo.deleteRecord right after it. */
  async touchRepo(did: string, collection: string, record: object, signal: AbortSignal): Promise<void> {
    const input = { value: { repo: did, collection, record, validate: false } };
    const { uri } = await this.#server.procedure("com.atproto.repo.createRecord", input, newRecord, { signal });
    const made = { value: { repo: did, collection, rkey: uri.slice(uri.lastIndexOf("/") + 1) } };
    await this.#server.procedure("com.atproto.repo.deleteRecord", made, anything, { signal });
  }

  /** com.atproto.server.requestAccountDelete: the server mails a code. */
  async requestAccountDelete(signal: AbortSignal): Promise<void> {
    await this.#server.procedure("com.atproto.server.requestAccountDelete", undefined, anything, { signal });
  }

  /**
   * com.atproto.server.deleteAccount: the account and all its data on this server, for good.
   *
   * @throws DecampError `plc-token-refused` for a mailed code that is wrong or has expired, `auth-refused` for a wrong
   *   password
   */
  async deleteAccount(account: { did: string; password: string; token: string }, signal: AbortSignal): Promise<void> {
    try {
      const options = { token: "none", signal } as const;
      await this.#server.procedure("com.atproto.server.deleteAccount", { value: account }, anything, options);
    } catch (error) {
      // The call has no session: a token that is refused is the code.
      const refusal = asCodeRefusal(error, () => true);
      if (isDecampError(refusal, "server-refused") && refusal.data["status"] === 401) {
        const { data, message } = refusal;
        throw new DecampError("auth-refused", message, { data, cause: error });
      }
      throw refusal;
    }
  }
}

/**
 * What a refusal means, if it is one of the mailed code; any other error as it is.
 *
 * @param meansCode whether the code is meant, by the sentence of a server that says `InvalidToken`
 */
function asCodeRefusal(error: unknown, meansCode: (detail: unknown) => boolean): unknown {
  if (!isDecampError(error, "server-refused")) {
    return error;
  }
  const { error: name, detail } = error.data;
  if (name !== "ExpiredToken" && !(name === "InvalidToken" && meansCode(detail))) {
    return error;
  }
  return codeRefusal(error, name === "ExpiredToken" ? "has expired" : "is not the right one");
}

function codeRefusal(cause: unknown, what: string): DecampError {
  return new DecampError("plc-token-refused", `The mailed code ${what}.`, { cause });
}

function readListed(repo: unknown): ListedRepo {
  if (!v.is(listedAccount, repo)) {
    return { did: nameless(repo) };
  }
  const state = v.safeParse(statedState, repo);
  return { did: repo.did, ...(state.success ? state.output : {}) };
}

/** What stands for an entry without a DID. */
function nameless(entry: unknown): string {
  return JSON.stringify(entry).slice(0, 80);
}

/**
 * Opens a PDS at `origin`.
 *
 * @param adminPassword of its operator; it is sent by https, or to this machine itself, and only where it is needed
 * @throws DecampError `insecure-url` for a password, and another way
 */
export type OpenPds = (origin: string, adminPassword?: string) => Pds;

/** Those of the links that lead to a page on the web. What is none is passed over: nothing depends on it. */
function webLinks<Name extends string>(links: unknown, names: readonly Name[]): Partial<Record<Name, string>> {
  const found: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const link = isJsonObject(links) ? links[name] : undefined;
    if (typeof link === "string" && link.length < 500 && /^https?:\/\/[^\s]+$/.test(link)) {
      found[name] = link;
    }
  }
  return found;
}
