/** Every call that decamp makes to a server, with an answer that is in order, and what a result has to be. */
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { headAt } from "../../../src/account/places.ts";
import { parseDidDocument } from "../../../src/identity/did-document.ts";
import { compareSigned } from "../../../src/plc/diff.ts";
import { verifyLog } from "../../../src/plc/log.ts";
import type { UnsignedOperation } from "../../../src/plc/operation.ts";
import { parseRecommended } from "../../../src/plc/update.ts";
import { fetchWebDocument } from "../../../src/services/servers/did-web.ts";
import type { Http } from "../../../src/services/http/http.ts";
import type { Pds } from "../../../src/services/servers/pds.ts";
import { createPlcDirectory } from "../../../src/services/servers/plc-directory.ts";
import { createRelay } from "../../../src/services/servers/relay.ts";
import { createHandleResolver } from "../../../src/services/servers/resolver.ts";
import { openForUpload } from "../../../src/services/disk/files.ts";

const fixture = JSON.parse(
  readFileSync(new URL("../../../fixtures/plc/valid/chain-of-four.json", import.meta.url), "utf8"),
) as { did: string; log: { cid: string; operation: UnsignedOperation & { sig: string } }[] };

export const did: string = fixture.did;
const cid = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
const key = "did:key:zQ3shNEnrKzejyZzJWWx8grog9zqoJZyNspqFuXUKvZcPE7ji";
export const password = "correct-horse-7";
/** Nobody answers with it: it is what the requests carry. */
export const token = "a-token-of-the-session";

/** What a call talks to. */
export interface Peer {
  readonly http: Http;
  readonly origin: string;
  readonly pds: Pds;
  readonly dnsServers: readonly string[];
  readonly signal: AbortSignal;
}

export interface Method {
  /** What the path of the request ends with, before its query. */
  readonly path: string;
  /** The answer that is in order. */
  readonly good: unknown;
  /** In place of it, for an answer that is no JSON, with its media type. */
  readonly bytes?: Uint8Array;
  readonly type?: string;
  /** Makes the call, and has its result judged as decamp has it. */
  readonly call: (peer: Peer) => Promise<unknown>;
  /** Whether a result is what the type says. */
  readonly isRight: (result: unknown) => boolean;
  /** Whether it is a call to the server of an account, which was sent a password and a token. */
  readonly knowsSecrets?: true;
}

export const session: object = { did, handle: "alice.test", accessJwt: token, refreshJwt: `${token}-2`, active: true };

const isText = (value: unknown): value is string => typeof value === "string";
const isNothing = (value: unknown): boolean => value === undefined;
const has =
  (fields: Record<string, string>) =>
  (value: unknown): boolean =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(fields).every(([name, type]) => type.split("|").includes(typeof (value as never)[name]));
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((item) => isText(item));

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) {
    found.push(item);
  }
  return found;
}

const [before, last] = fixture.log.slice(-2);
const { sig: _sig, ...asked } = last!.operation;
const head = { cid: before!.cid, operation: before!.operation };
const own = new URL("methods.ts", import.meta.url).pathname;
const car = readFileSync(new URL("../../../fixtures/repo/valid/one-record.car", import.meta.url));
/** A repository, or a part of one. */
const asCar = { bytes: car, type: "application/vnd.ipld.car" };
/** A DID of which the head is named in no other way than by its repository. */
export const headless = "did:web:headless.test";
const upload = { length: 10, open: () => openForUpload(own, 10) };

/** A call to a server, and the name of its method. */
function pds(
  path: string,
  good: unknown,
  call: (pds: Pds, signal: AbortSignal) => Promise<unknown>,
  isRight: Method["isRight"],
): Method {
  return { path, good, call: async ({ pds: one, signal }) => call(one, signal), isRight, knowsSecrets: true };
}

const document = {
  id: did,
  alsoKnownAs: ["at://alice.test"],
  verificationMethod: [{ id: "#atproto", type: "Multikey", controller: did, publicKeyMultibase: key.slice(8) }],
  service: [{ id: "#atproto_pds", type: "AtprotoPersonalDataServer", serviceEndpoint: "https://pds.example.com" }],
};

/** Over HTTPS, which a handle has; the request goes to the script. */
const wellKnown = ({ http, origin, dnsServers, signal }: Peer): Promise<unknown> =>
  createHandleResolver(
    { send: async (request) => http.send({ ...request, url: new URL(request.url.pathname, origin) }) },
    { dnsServers },
  ).resolve("alice.example.com", signal);

export const methods: readonly Method[] = [
  pds(
    "com.atproto.server.describeServer",
    { did: "did:web:pds.test", availableUserDomains: [".test"], inviteCodeRequired: false, blobUploadLimit: 5 },
    async (one, signal) => one.describe(signal),
    has({ did: "string", inviteCodeRequired: "boolean", phoneVerificationRequired: "boolean" }),
  ),
  pds(
    ".well-known/oauth-protected-resource",
    { resource: "https://pds.test", authorization_servers: ["https://entryway.test"] },
    async (one, signal) => one.authorizationServers(signal),
    isTexts,
  ),
  pds(
    "com.atproto.identity.resolveHandle",
    { did },
    async (one, signal) => one.resolveHandle("alice.test", signal),
    (result) => result === undefined || isText(result),
  ),
  pds(
    "com.atproto.server.createSession",
    session,
    async (one, signal) => one.signIn({ identifier: did, password }, signal),
    has({ did: "string", handle: "string", active: "boolean", email: "string|undefined" }),
  ),
  pds("com.atproto.server.deleteSession", {}, async (one, signal) => one.signOut(signal), isNothing),
  pds(
    "com.atproto.server.refreshSession",
    session,
    async (one, signal) => one.statedHead("expired", signal),
    has({ cid: "string", rev: "string" }),
  ),
  pds(
    "com.atproto.server.getServiceAuth",
    { token: "eyJ.eyJ.x" },
    async (one, signal) => one.serviceToken("did:web:pds.test", "com.atproto.server.createAccount", signal),
    isText,
  ),
  pds(
    "com.atproto.server.createAccount",
    session,
    async (one, signal) =>
      one.createAccount({ did, handle: "alice.test", email: "a@b.test", password, serviceToken: token }, signal),
    has({ did: "string", handle: "string", active: "boolean" }),
  ),
  pds(
    "com.atproto.server.checkAccountStatus",
    {
      activated: true,
      validDid: true,
      repoCommit: cid,
      repoRev: "3l",
      repoBlocks: 1,
      indexedRecords: 1,
      privateStateValues: 0,
      expectedBlobs: 1,
      importedBlobs: 1,
    },
    async (one, signal) => one.accountStatus(signal),
    has({
      activated: "boolean",
      validDid: "boolean|undefined",
      repoCommit: "string",
      records: "number",
      expectedBlobs: "number",
    }),
  ),
  pds(
    "com.atproto.sync.getRepoStatus",
    { did, active: true },
    async (one, signal) => one.repoStatus(did, signal),
    (result) => result === undefined || has({ active: "boolean", status: "string|undefined" })(result),
  ),
  pds(
    "com.atproto.sync.getLatestCommit",
    { cid, rev: "3l" },
    async (one, signal) => one.statedHead(did, signal),
    has({ cid: "string", rev: "string" }),
  ),
  ...(["getRepo", "getBlocks", "getBlob"] as const).map((name) => ({
    ...pds(
      `com.atproto.sync.${name}`,
      {},
      async (one, signal) => {
        const how = { getRepo: () => one.getRepo(did, signal), getBlob: () => one.getBlob(did, cid, signal) };
        const { bytes } = await (name === "getBlocks" ? one.getBlocks(did, [cid], signal) : how[name]());
        return text(bytes);
      },
      isText,
    ),
    ...asCar,
  })),
  ...(["getRepo", "getBlocks"] as const).map((name) => ({
    ...pds(
      `com.atproto.sync.${name}`,
      {},
      async (one, signal) => (name === "getRepo" ? one.latestCommit(headless, signal) : headAt(one, headless, signal)),
      (result) => result === undefined || has({ cid: "string" })(result) || has({ commit: "string" })(result),
    ),
    ...asCar,
  })),
  pds("com.atproto.repo.importRepo", {}, async (one, signal) => one.importRepo(upload, signal), isNothing),
  pds(
    "com.atproto.repo.uploadBlob",
    { blob: { $type: "blob", ref: { $link: cid }, mimeType: "image/png", size: 10 } },
    async (one, signal) => one.uploadBlob(upload, "image/png", signal),
    isText,
  ),
  pds(
    "com.atproto.sync.listRepos",
    { repos: [{ did, head: cid, rev: "3lfuzz2222222", active: true }] },
    async (one, signal) => all(one.listRepos(signal)),
    (result) => Array.isArray(result) && result.every(isListed),
  ),
  pds("com.atproto.sync.listBlobs", { cids: [cid] }, async (one, signal) => all(one.listBlobs(did, signal)), isTexts),
  pds(
    "com.atproto.repo.listMissingBlobs",
    { blobs: [{ cid, recordUri: `at://${did}/app.bsky.feed.post/3l` }] },
    async (one, signal) => all(one.listMissingBlobs(signal)),
    isTexts,
  ),
  pds(
    "com.atproto.repo.listRecords",
    { records: [{ uri: `at://${did}/app.bsky.feed.post/3l`, cid, value: {} }] },
    async (one, signal) => all(one.listRecords(did, "app.bsky.feed.post", signal)),
    isTexts,
  ),
  pds(
    "app.bsky.actor.getPreferences",
    { preferences: [{ $type: "app.bsky.actor.defs#adultContentPref", enabled: false }] },
    async (one, signal) => {
      const preferences = await one.getPreferences(signal);
      // They go into the archive, and to the new server.
      JSON.stringify(preferences, undefined, 2);
      return preferences;
    },
    Array.isArray,
  ),
  pds("app.bsky.actor.putPreferences", {}, async (one, signal) => one.putPreferences([], signal), isNothing),
  pds(
    "com.atproto.identity.getRecommendedDidCredentials",
    {
      rotationKeys: [key],
      verificationMethods: { atproto: key },
      alsoKnownAs: ["at://alice.test"],
      services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://pds.example.com" } },
    },
    async (one, signal) => parseRecommended(await one.recommendedCredentials(signal)),
    has({ rotationKeys: "object", signingKey: "string" }),
  ),
  pds(
    "com.atproto.identity.requestPlcOperationSignature",
    {},
    async (one, signal) => one.requestPlcToken(signal),
    isNothing,
  ),
  pds(
    "com.atproto.identity.signPlcOperation",
    { operation: last!.operation },
    async (one, signal) => compareSigned(asked, await one.signPlcOperation("ABCDE-23456", asked, signal), head),
    has({ operation: "object", cid: "string" }),
  ),
  pds(
    "com.atproto.identity.submitPlcOperation",
    {},
    async (one, signal) => one.submitPlcOperation({}, signal),
    isNothing,
  ),
  pds(
    "com.atproto.repo.describeRepo",
    { did, handle: "alice.test", didDoc: document, collections: [], handleIsCorrect: true },
    async (one, signal) => one.statedHandle(did, signal),
    (result) => result === undefined || isText(result),
  ),
  pds(
    "com.atproto.identity.updateHandle",
    {},
    async (one, signal) => one.updateHandle("alice.test", signal),
    isNothing,
  ),
  pds("com.atproto.server.activateAccount", {}, async (one, signal) => one.activate(signal), isNothing),
  pds("com.atproto.server.deactivateAccount", {}, async (one, signal) => one.deactivate(signal), isNothing),
  pds(
    "com.atproto.repo.createRecord",
    { uri: `at://${did}/app.bsky.feed.post/3l`, cid },
    async (one, signal) => one.touchRepo(did, "app.bsky.feed.post", {}, signal),
    isNothing,
  ),
  pds(
    "com.atproto.repo.deleteRecord",
    {},
    async (one, signal) => one.touchRepo(did, "app.bsky.feed.post", {}, signal),
    isNothing,
  ),
  pds(
    "com.atproto.server.getSession",
    { did, handle: "alice.test", email: "alice@old.example.com", emailConfirmed: false },
    async (one, signal) => one.address(signal),
    (result) => has({ email: "string|undefined", confirmed: "boolean|undefined" })(result),
  ),
  pds(
    "com.atproto.server.requestEmailConfirmation",
    {},
    async (one, signal) => one.requestEmailConfirmation(signal),
    isNothing,
  ),
  pds(
    "com.atproto.server.confirmEmail",
    {},
    async (one, signal) => one.confirmEmail("alice@old.example.com", "ABCDE-23456", signal),
    isNothing,
  ),
  pds(
    "com.atproto.server.requestAccountDelete",
    {},
    async (one, signal) => one.requestAccountDelete(signal),
    isNothing,
  ),
  pds(
    "com.atproto.server.deleteAccount",
    {},
    async (one, signal) => one.deleteAccount({ did, password, token: "ABCDE-23456" }, signal),
    isNothing,
  ),
  {
    path: `${did}/log/audit`,
    good: fixture.log,
    call: async ({ http, origin, signal }) =>
      verifyLog(did, await createPlcDirectory(http, origin).auditLog(did, signal)),
    isRight: has({ did: "string", head: "object" }),
  },
  {
    path: did,
    good: document,
    call: async ({ http, origin, signal }) =>
      parseDidDocument(await createPlcDirectory(http, origin).document(did, signal), did),
    isRight: has({ did: "string", handle: "string|undefined", pds: "string|undefined" }),
  },
  {
    path: `submit/${did}`,
    good: {},
    call: async ({ http, origin, signal }) => createPlcDirectory(http, origin).submit(`submit/${did}`, {}, signal),
    isRight: isNothing,
  },
  {
    path: "com.atproto.sync.getHostStatus",
    good: { hostname: "pds.test", status: "active", accountCount: 3 },
    call: async ({ http, origin, signal }) => createRelay(http, origin).hostStatus("pds.test", signal),
    isRight: (result) =>
      result === undefined || has({ status: "string|undefined", accounts: "number|undefined" })(result),
  },
  {
    path: "did.json",
    good: { ...document, id: "did:web:localhost" },
    call: async ({ http, origin, signal }) => {
      const found = await fetchWebDocument(http, `did:web:localhost%3A${new URL(origin).port}`, signal);
      return parseDidDocument(found, "did:web:localhost");
    },
    isRight: has({ did: "string" }),
  },
  {
    path: "atproto-did",
    good: did,
    call: wellKnown,
    isRight: (result) => result === undefined || isText(result),
  },
];

/** A DID as it stands there, and what is in order of the rest. */
function isListed(one: unknown): boolean {
  const { did: name, head, rev, active, status } = one as Record<string, unknown>;
  return (
    typeof name === "string" &&
    (head === undefined || head === cid) &&
    (rev === undefined || (typeof rev === "string" && /^[2-7a-z]{13}$/.test(rev))) &&
    (active === undefined || typeof active === "boolean") &&
    (status === undefined || (typeof status === "string" && /^[a-z]+$/i.test(status)))
  );
}
