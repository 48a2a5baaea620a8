/**
 * The proof of a move from outside: what both servers and the directory say, asked with plain requests. Nothing of
 * decamp is used here.
 */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { base32 } from "multiformats/bases/base32";
import { login, type Account } from "./account.ts";
import { auditLog, didDocument, type AuditEntry, type DidDocument, type OwnParts } from "./identity.ts";
import type { PdsHandle } from "./pds.ts";
import {
  getBlob,
  getLatestCommit,
  getPreferences,
  listBlobs,
  listRecords,
  repoStatus,
  type ListedRecord,
} from "./read.ts";
import { procedure, query } from "./xrpc.ts";

/** An account as it was before it moved. */
export interface Before {
  account: Account;
  document: DidDocument;
  log: AuditEntry[];
  head: string;
  records: ListedRecord[];
  blobs: string[];
  preferences: unknown[];
}

export interface Check {
  name: string;
  ok: boolean;
  detail: string;
}

/** What has to be found again. */
export async function lookBefore(plcUrl: string, account: Account): Promise<Before> {
  const reader = { url: account.pds.url, did: account.did, token: account.accessJwt };
  const [document, log, { cid }, records, blobs, preferences] = await Promise.all([
    didDocument(plcUrl, account.did),
    auditLog(plcUrl, account.did),
    getLatestCommit(reader),
    listRecords(reader),
    listBlobs(reader),
    getPreferences(reader),
  ]);
  return { account, document, log, head: cid, records, blobs, preferences };
}

/** Whether everything is on the new server, and the identity says so. Ends with a first post there. */
export async function proveMove(
  plcUrl: string,
  before: Before,
  target: PdsHandle,
  moved: { handle: string; password: string },
  own?: { userKey: string; parts: OwnParts },
): Promise<Check[]> {
  const { account } = before;
  const { did, pds: source } = account;
  const checks: Check[] = [];
  const check = (name: string, ok: boolean, detail: string): void => {
    checks.push({ name, ok, detail });
  };

  const document = await didDocument(plcUrl, did);
  check(
    "the identity named the old server, and names the new one",
    endpointOf(before.document) === source.publicUrl && endpointOf(document) === target.publicUrl,
    `${String(endpointOf(before.document))} → ${String(endpointOf(document))}`,
  );
  check("the handle is the new one", document.alsoKnownAs[0] === `at://${moved.handle}`, moved.handle);
  const log = await auditLog(plcUrl, did);
  check("one operation was added", log.length === before.log.length + 1, `${before.log.length} → ${log.length}`);
  const added = log.at(-1)?.operation;
  const previous = before.log.at(-1);
  check("it follows the one before", added?.prev === previous?.cid, String(added?.prev));
  if (own !== undefined) {
    const { userKey, parts } = own;
    check("the user's own rotation key stands first", added?.rotationKeys?.[0] === userKey, userKey);
    check(
      "the user's own service and alias are there",
      isDeepStrictEqual(added?.services?.[parts.service.id], {
        type: parts.service.type,
        endpoint: parts.service.endpoint,
      }) && added?.alsoKnownAs?.includes(parts.alias) === true,
      `${parts.service.id}, ${parts.alias}`,
    );
  }

  const session = await login(target, moved.handle, moved.password);
  check("signing in at the new server works", session.did === did, session.handle);
  const recommended = await query<{ verificationMethods: { atproto: string } }>(
    target.url,
    "com.atproto.identity.getRecommendedDidCredentials",
    { token: session.accessJwt },
  );
  const signingKey = added?.verificationMethods?.["atproto"];
  check(
    "the signing key is the new server's, and was another one",
    signingKey === recommended.verificationMethods.atproto &&
      signingKey !== previous?.operation.verificationMethods?.["atproto"] &&
      keyOf(document) !== keyOf(before.document),
    String(signingKey),
  );
  const old = await login(source, account.handle, account.password);
  const [oldHead, newHead] = await Promise.all([
    getLatestCommit({ url: source.url, did, token: old.accessJwt }),
    getLatestCommit({ url: target.url, did }),
  ]);
  check(
    "both servers have the same head commit",
    oldHead.cid === newHead.cid && newHead.cid === before.head,
    newHead.cid,
  );
  const records = await listRecords({ url: target.url, did });
  check("every record is there, the same", isDeepStrictEqual(records, before.records), `${records.length} records`);

  const listed = await listBlobs({ url: target.url, did });
  const genuine = await Promise.all(
    before.blobs.map(async (cid) =>
      isGenuine(cid, await getBlob({ url: target.url, did }, cid).catch(() => undefined)),
    ),
  );
  check(
    "every blob can be read, and its hash is right",
    genuine.every(Boolean) && isDeepStrictEqual(listed, before.blobs),
    `${genuine.filter(Boolean).length} of ${genuine.length} blobs`,
  );
  const preferences = await getPreferences({ url: target.url, token: session.accessJwt });
  check(
    "the preferences are equal",
    isDeepStrictEqual(stored(preferences), stored(before.preferences)),
    `${preferences.length} preferences`,
  );

  const [there, here] = await Promise.all([repoStatus({ url: source.url, did }), repoStatus({ url: target.url, did })]);
  check(
    "the account is deactivated on the old server, active on the new one",
    there === "deactivated" && here === "active",
    `${there}, ${here}`,
  );

  const post = await procedure<{ uri: string }>(
    target.url,
    "com.atproto.repo.createRecord",
    {
      repo: did,
      collection: "app.bsky.feed.post",
      record: { $type: "app.bsky.feed.post", text: "My first post from here.", createdAt: new Date().toISOString() },
    },
    { token: session.accessJwt },
  );
  check("the first post on the new server works", post.uri.startsWith(`at://${did}/`), post.uri);
  return checks;
}

/** Newer servers compute one of them for whoever asks, and never store it; some write times without thousandths. */
function stored(preferences: readonly unknown[]): unknown[] {
  const computed = "app.bsky.actor.defs#declaredAgePref";
  const own = preferences.filter((preference) => (preference as { $type?: string }).$type !== computed);
  return JSON.parse(JSON.stringify(own).replaceAll(/(T\d\d:\d\d:\d\d)\.0+Z/g, "$1Z")) as unknown[];
}

function keyOf(document: DidDocument): string | undefined {
  return document.verificationMethod.find(({ id }) => id.endsWith("#atproto"))?.publicKeyMultibase;
}

function endpointOf(document: DidDocument): string | undefined {
  return document.service.find(({ id }) => id.endsWith("#atproto_pds"))?.serviceEndpoint;
}

/** CIDv1, raw, sha-256. */
export function isGenuine(cid: string, bytes: Uint8Array | undefined): boolean {
  if (bytes === undefined) {
    return false;
  }
  const digest = createHash("sha256").update(bytes).digest();
  return base32.encode(Uint8Array.from([1, 0x55, 0x12, 0x20, ...digest])) === cid;
}
