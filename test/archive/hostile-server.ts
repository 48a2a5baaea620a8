/** A server of one account that lies, breaks off, or names things as no server should; and an export from it. */
import type { ServerResponse } from "node:http";
import type { ExportEvent } from "../../src/archive/events.ts";
import { exportAccount, type ExportResult } from "../../src/archive/export/export-account.ts";
import type { ExportOptions, ExportSource } from "../../src/archive/export/export-options.ts";
import { CidLink, cidFor } from "../../src/data/cid.ts";
import { parseDidDocument } from "../../src/identity/did-document.ts";
import { Http } from "../../src/services/http/http.ts";
import { Pds } from "../../src/services/servers/pds.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { testNow, type Account, type Record } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";

const http = new Http({ allowPrivateHosts: true, userAgent: "test" });

export const picture = Buffer.from("a picture");
export const cid = cidFor("raw", picture);
export const lonely = Buffer.from("a blob that no record needs");
export const lonelyCid = cidFor("raw", lonely);

export function withPicture(mimeType: string): Record[] {
  const image = { $type: "blob", ref: new CidLink(cid), mimeType, size: picture.length };
  return [{ key: "app.example.note/one", value: { $type: "app.example.note", image } }];
}

export interface Script {
  /** The account; a function where it changes. */
  account: Account | (() => Account);
  /** Answers getBlob; `count` from 1 for each CID. */
  blob?: (response: ServerResponse, cid: string, count: number) => void;
  /** Answers listBlobs. */
  list?: (cursor: string | null) => object;
  /** What getRepo gives in place of the account's repository. */
  car?: Buffer;
}

export async function hostile({
  account,
  blob = giveBlob,
  list = () => ({ cids: [] }),
  car,
}: Script): Promise<ScriptedServer> {
  const counts = new Map<string, number>();
  const current = typeof account === "function" ? account : () => account;
  return scriptedServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
    switch (pathname.replace("/xrpc/com.atproto.sync.", "")) {
      case "getLatestCommit":
        sendJson(response, 200, { cid: current().commit.cid, rev: "3mzzzzzzzzzz2" });
        break;
      case "getRepo":
        response.writeHead(200, { "content-type": "application/vnd.ipld.car" });
        response.end(car ?? makeCar(current().commit.cid, current().blocks));
        break;
      case "listBlobs":
        sendJson(response, 200, list(searchParams.get("cursor")));
        break;
      case "getBlob": {
        const wanted = searchParams.get("cid") ?? "";
        counts.set(wanted, (counts.get(wanted) ?? 0) + 1);
        blob(response, wanted, counts.get(wanted) ?? 0);
        break;
      }
      default:
        sendJson(response, 501, { error: "MethodNotImplemented", message: pathname });
    }
  });
}

export function giveBlob(response: ServerResponse, wanted: string): void {
  response.writeHead(200, { "content-type": "image/png" }).end(wanted === cid ? picture : lonely);
}

/** Exports what the server has. */
export async function exportInto(
  archive: string,
  server: ScriptedServer,
  { did, signer }: Pick<Account, "did" | "signer">,
  { onEvent = () => undefined, ...options }: Partial<ExportOptions> & { onEvent?: (event: ExportEvent) => void } = {},
  source: Partial<ExportSource> = {},
): Promise<ExportResult> {
  const document = parseDidDocument({ id: did, alsoKnownAs: ["at://../../../../tmp/alice"] }, did);
  return exportAccount(
    archive,
    {
      did,
      pds: new Pds(http, server.origin),
      signingKeys: [signer.didKey],
      document: () => Promise.resolve(document),
      ...source,
    },
    {
      concurrency: 4,
      signal: new AbortController().signal,
      now: testNow,
      sleep: () => Promise.resolve(),
      writtenBy: "test",
      lockOwner: { pid: process.pid, host: "here", isAlive: () => true },
      report: onEvent,
      ...options,
    },
  );
}
