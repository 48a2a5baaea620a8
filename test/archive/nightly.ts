/** An account that changes from night to night, and what keeps an archive of it: exports and prunes. */
import { exportAccount, type ExportResult } from "../../src/archive/export/export-account.ts";
import { pruneArchive, type Pruned, type PruneOptions } from "../../src/archive/prune.ts";
import type { ExportOptions, ExportSource } from "../../src/archive/export/export-options.ts";
import { CidLink, cidFor } from "../../src/data/cid.ts";
import { parseDidDocument } from "../../src/identity/did-document.ts";
import { Http } from "../../src/services/http/http.ts";
import { Pds } from "../../src/services/servers/pds.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { aliceDid, makeAccount, testNow, tid, type Account, type Record } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";

const http = new Http({ allowPrivateHosts: true, userAgent: "test" });
const lockOwner = { pid: process.pid, host: "here", isAlive: () => true };
const { signal } = new AbortController();
/** Milliseconds. */
export const day = 86_400_000;

const pictures = Array.from({ length: 7 }, (_, index) => Buffer.from(`picture ${index}`));
/** Of the pictures. */
export const cids = pictures.map((bytes) => cidFor("raw", bytes));

export const notes = (count: number): Record[] =>
  Array.from({ length: count }, (_, index) => ({
    key: `app.example.note/n${index + 100}`,
    value: { text: `${index}` },
  }));
/** A record for each picture. */
export const withPictures: Record[] = cids.map((cid, index) => ({
  key: `app.example.picture/p${index}`,
  value: { image: { $type: "blob", ref: new CidLink(cid), mimeType: "image/png", size: 9 } },
}));

/** The revision of a night, which is the name of its snapshot. */
export const revOf = (night: number): string => tid((testNow - day) * 1000 + night * 1000);

/** The account as it is in a night. */
export interface World extends ScriptedServer {
  become(night: number, records: readonly Record[], listed?: readonly string[]): Promise<void>;
  account: Account;
}

export async function world(): Promise<World> {
  let rev = "";
  let account: Account | undefined;
  let list: readonly string[] = [];
  const server = await scriptedServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
    const { commit, blocks } = account!;
    switch (pathname.replace("/xrpc/com.atproto.sync.", "")) {
      case "getLatestCommit":
        return sendJson(response, 200, { cid: commit.cid, rev });
      case "getRepo":
        return response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).end(makeCar(commit.cid, blocks));
      case "listBlobs":
        return sendJson(response, 200, { cids: list });
      case "getBlob": {
        const at = cids.findIndex((cid) => cid === searchParams.get("cid"));
        return response.writeHead(200, { "content-type": "image/png" }).end(pictures[at]);
      }
      default:
        return sendJson(response, 501, { error: "MethodNotImplemented", message: pathname });
    }
  });
  return {
    ...server,
    get account() {
      return account!;
    },
    become: async (night, records, listed = []) => {
      rev = revOf(night);
      account = await makeAccount({ records, rev });
      list = listed;
    },
  };
}

/** Exports into an archive what the account has. */
export async function exportNow(
  archive: string,
  { origin, account }: World,
  night: number,
  options: Partial<ExportOptions> = {},
  source: Partial<ExportSource> = {},
): Promise<ExportResult> {
  const document = parseDidDocument({ id: aliceDid }, aliceDid);
  const pds = new Pds(http, origin);
  return exportAccount(
    archive,
    { did: aliceDid, pds, signingKeys: [account.signer.didKey], document: () => Promise.resolve(document), ...source },
    {
      concurrency: 4,
      signal,
      now: testNow + night * day,
      sleep: () => Promise.resolve(),
      writtenBy: "test",
      lockOwner,
      report: () => undefined,
      ...options,
    },
  );
}

/** Prunes it; of the last day one stays, unless told otherwise. */
export async function prune(archive: string, night: number, options: Partial<PruneOptions> = {}): Promise<Pruned> {
  const defaults = { rules: { daily: 1 }, release: [], dryRun: false, lockOwner, signal };
  return pruneArchive(archive, { ...defaults, now: testNow + night * day, ...options });
}
