/** An export from a server that has getRepo and getBlob, and nothing else; and whose blobs lie elsewhere. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import type { ExportEvent } from "../../src/archive/events.ts";
import { exportAccount, type ExportResult } from "../../src/archive/export/export-account.ts";
import { CidLink, cidFor } from "../../src/data/cid.ts";
import { parseDidDocument } from "../../src/identity/did-document.ts";
import { Http } from "../../src/services/http/http.ts";
import { Pds } from "../../src/services/servers/pds.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { aliceDid, makeAccount, testNow } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";

const http = new Http({ allowPrivateHosts: true, userAgent: "test" });
afterAll(() => http.close());
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "decamp-bare-"));
});
afterEach(async () => rm(folder, { recursive: true }));

const picture = Buffer.from("a picture");
const cid = cidFor("raw", picture);
const image = { $type: "blob", ref: new CidLink(cid), mimeType: "image/png", size: picture.length };
const account = await makeAccount({ records: [{ key: "app.example.note/one", value: { image } }] });
const car = makeCar(account.commit.cid, account.blocks);

/** @param repo whether getRepo leads to the store, too */
async function bare(store: ScriptedServer, asked: string[], repo: "here" | "elsewhere"): Promise<ScriptedServer> {
  return scriptedServer((request, response) => {
    const url = new URL(request.url ?? "", "http://localhost");
    const name = url.pathname.replace("/xrpc/com.atproto.sync.", "");
    asked.push(name);
    if (name === "getBlob" || (name === "getRepo" && repo === "elsewhere")) {
      response.writeHead(302, { location: `${store.origin}/${url.searchParams.get("cid") ?? "repo"}` }).end();
    } else if (name === "getRepo") {
      response.writeHead(200, { "content-type": "application/vnd.ipld.car", "content-encoding": "gzip" });
      response.end(gzipSync(car));
    } else if (name === "getLatestCommit") {
      sendJson(response, 501, { error: "MethodNotImplemented", message: "Method Not Implemented" });
    } else {
      response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found");
    }
  });
}

const storing = async (blob: Uint8Array): Promise<ScriptedServer> =>
  scriptedServer((request, response) => response.writeHead(200).end(request.url === "/repo" ? car : blob));

async function exportFrom(server: ScriptedServer, events: ExportEvent[] = []): Promise<ExportResult> {
  const document = parseDidDocument({ id: aliceDid }, aliceDid);
  const pds = new Pds(http, server.origin);
  return exportAccount(
    join(folder, "archive"),
    { did: aliceDid, pds, signingKeys: [account.signer.didKey], document: () => Promise.resolve(document) },
    {
      concurrency: 4,
      signal: AbortSignal.timeout(30_000),
      now: testNow,
      sleep: () => Promise.resolve(),
      writtenBy: "test",
      lockOwner: { pid: process.pid, host: "here", isAlive: () => true },
      report: (event) => events.push(event),
    },
  );
}

test.each(["here", "elsewhere"] as const)(
  "is whole, says what was done without, and nothing is written when it is done again; getRepo answers from %s",
  async (repo) => {
    const asked: string[] = [];
    const events: ExportEvent[] = [];
    await using store = await storing(picture);
    await using server = await bare(store, asked, repo);
    const { host } = new URL(server.origin);
    const { mode, manifest } = await exportFrom(server, events);
    expect({ mode, commit: manifest.commit, missing: manifest.missing }).toEqual({
      mode: "full",
      commit: account.commit.cid,
      missing: [],
    });
    expect(manifest.blobs).toEqual([{ cid, size: picture.length, mimeType: "image/png" }]);
    const stored = join(folder, "archive", "snapshots", manifest.snapshot, "repo.car");
    expect((await readFile(stored)).equals(car)).toBe(true);
    expect(asked.toSorted()).toEqual(["getBlob", "getLatestCommit", "getRepo", "listBlobs"]);
    expect(events).toContainEqual({
      type: "warning",
      code: "no-blob-list",
      message: `${host} does not list the blobs of an account, so only those that records refer to are looked for.`,
    });
    expect(events).toContainEqual(
      expect.objectContaining({
        id: "repository",
        state: "done",
        detail: `1 records, by the repository itself: ${host} did not name its newest commit`,
      }),
    );

    const before = JSON.stringify(manifest);
    const again = await exportFrom(server);
    expect(again.mode).toBe("unchanged");
    expect(JSON.stringify(again.manifest)).toBe(before);
  },
);

test("bytes from elsewhere that are not those of the blob are none of the archive", async () => {
  await using store = await storing(Buffer.from("another picture"));
  await using server = await bare(store, [], "here");
  const { manifest } = await exportFrom(server);
  expect(manifest).toMatchObject({ blobs: [], missing: [{ cid, records: ["app.example.note/one"] }] });
});

test("a list that breaks off is no list that is not there", async () => {
  await using server = await scriptedServer((request, response) => {
    const url = new URL(request.url ?? "", "http://localhost");
    if (url.pathname.endsWith("getRepo")) {
      response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).end(car);
    } else if (url.pathname.endsWith("listBlobs") && !url.searchParams.has("cursor")) {
      sendJson(response, 200, { cids: [cid], cursor: "more" });
    } else {
      response.writeHead(404).end();
    }
  });
  await expect(exportFrom(server)).rejects.toMatchObject({ code: "bad-answer", data: { status: 404 } });
});
