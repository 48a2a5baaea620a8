/** What the servers say about an account, read from outside. */
import { XrpcError, query, queryAll, queryBytes } from "./xrpc.ts";

export interface ListedRecord {
  uri: string;
  cid: string;
  value: unknown;
}

/** Where to read: a server's URL and, for a deactivated account, the owner's token. */
export interface Reader {
  url: string;
  did: string;
  token?: string | undefined;
}

/** Every record of every collection, sorted by URI. */
export async function listRecords({ url, did }: Reader): Promise<ListedRecord[]> {
  const { collections } = await query<{ collections: string[] }>(url, "com.atproto.repo.describeRepo", {
    params: { repo: did },
  });
  const pages = await Promise.all(
    collections.map(async (collection) =>
      queryAll<ListedRecord>(url, "com.atproto.repo.listRecords", "records", {
        params: { repo: did, collection, limit: 100 },
      }),
    ),
  );
  return pages.flat().sort((x, y) => (x.uri < y.uri ? -1 : 1));
}

/** The CIDs of every blob, sorted. */
export async function listBlobs({ url, did, token }: Reader): Promise<string[]> {
  const cids = await queryAll<string>(url, "com.atproto.sync.listBlobs", "cids", { params: { did }, token });
  return cids.sort();
}

/** One blob's bytes. */
export async function getBlob({ url, did, token }: Reader, cid: string): Promise<Uint8Array> {
  return queryBytes(url, "com.atproto.sync.getBlob", { params: { did, cid }, token });
}

/** The CID and rev of the head commit. */
export async function getLatestCommit({ url, did, token }: Reader): Promise<{ cid: string; rev: string }> {
  return query(url, "com.atproto.sync.getLatestCommit", { params: { did }, token });
}

/** Whether the server has the account and what state it is in; `absent` when it does not know the DID. */
export async function repoStatus({ url, did }: Reader): Promise<"active" | "absent" | (string & {})> {
  try {
    const answer = await query<{ active: boolean; status?: string }>(url, "com.atproto.sync.getRepoStatus", {
      params: { did },
    });
    return answer.active ? "active" : (answer.status ?? "inactive");
  } catch (error) {
    if (error instanceof XrpcError && error.error === "RepoNotFound") {
      return "absent";
    }
    throw error;
  }
}

/** The account's preferences; needs the owner's full session. */
export async function getPreferences({ url, token }: Pick<Reader, "url" | "token">): Promise<unknown[]> {
  const { preferences } = await query<{ preferences: unknown[] }>(url, "app.bsky.actor.getPreferences", { token });
  return preferences;
}

/** The server's own counts. */
export interface AccountStatus {
  activated: boolean;
  validDid: boolean;
  repoCommit: string;
  repoRev: string;
  repoBlocks: number;
  indexedRecords: number;
  expectedBlobs: number;
  importedBlobs: number;
}

export async function checkAccountStatus({ url, token }: Pick<Reader, "url" | "token">): Promise<AccountStatus> {
  return query(url, "com.atproto.server.checkAccountStatus", { token });
}
