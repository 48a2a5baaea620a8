/** A backup does not follow a deletion: what an account loses is said once, and what had it is held. */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exportAccount, type ExportResult } from "../../src/archive/export.ts";
import { readHeld } from "../../src/archive/held.ts";
import { blobFile, heldFolder } from "../../src/archive/layout.ts";
import { listSnapshots, readManifests } from "../../src/archive/manifest.ts";
import { pruneArchive, type Pruned, type PruneOptions } from "../../src/archive/prune.ts";
import { CidLink, cidFor } from "../../src/data/cid.ts";
import { parseDidDocument } from "../../src/identity/did-document.ts";
import { Http } from "../../src/services/http.ts";
import { Pds } from "../../src/services/pds.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { aliceDid, makeAccount, testNow, tid, type Account, type Record } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";

const http = new Http({ allowPrivateHosts: true, userAgent: "test" });
const lockOwner = { pid: process.pid, host: "here", isAlive: () => true };
const { signal } = new AbortController();
const day = 86_400_000;

let archive = "";
beforeEach(async () => {
  archive = join(await mkdtemp(join(tmpdir(), "decamp-held-")), "archive");
});
afterEach(async () => rm(join(archive, ".."), { recursive: true }));

const pictures = Array.from({ length: 3 }, (_, index) => Buffer.from(`picture ${index}`));
const cids = pictures.map((bytes) => cidFor("raw", bytes));

const notes = (count: number): Record[] =>
  Array.from({ length: count }, (_, index) => ({
    key: `app.example.note/n${index + 100}`,
    value: { text: `${index}` },
  }));
const withPictures: Record[] = cids.map((cid, index) => ({
  key: `app.example.picture/p${index}`,
  value: { image: { $type: "blob", ref: new CidLink(cid), mimeType: "image/png", size: 9 } },
}));

const revOf = (night: number): string => tid((testNow - day) * 1000 + night * 1000);

/** The account as it is in a night. */
interface World extends ScriptedServer {
  become(night: number, records: readonly Record[], listed?: readonly string[]): Promise<void>;
  account: Account;
}

async function world(): Promise<World> {
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

async function exportNow({ origin, account }: World, night: number): Promise<ExportResult> {
  const document = parseDidDocument({ id: aliceDid }, aliceDid);
  const pds = new Pds(http, origin);
  return exportAccount(
    archive,
    { did: aliceDid, pds, signingKeys: [account.signer.didKey], document: () => Promise.resolve(document) },
    {
      concurrency: 4,
      signal,
      now: testNow + night * day,
      sleep: () => Promise.resolve(),
      writtenBy: "test",
      lockOwner,
      report: () => undefined,
    },
  );
}

async function prune(night: number, options: Partial<PruneOptions> = {}): Promise<Pruned> {
  const defaults = { rules: { daily: 1 }, release: [], dryRun: false, lockOwner, signal };
  return pruneArchive(archive, { ...defaults, now: testNow + night * day, ...options });
}

test("after a deletion the snapshot before it is held, with its blobs, until it is released", async () => {
  await using server = await world();
  const [first, second] = [revOf(0), revOf(1)];
  await server.become(0, [...notes(25), ...withPictures]);
  expect((await exportNow(server, 0)).shrunk).toBeUndefined();
  await server.become(1, []);
  const { shrunk } = await exportNow(server, 1);
  const losses = [
    { what: "records", before: 28, now: 0 },
    { what: "blobs", before: 3, now: 0 },
    { what: "collection", collection: "app.example.note", before: 25, now: 0 },
  ];
  expect(shrunk).toEqual({ losses, held: [first] });
  // That once.
  expect(await exportNow(server, 2)).toMatchObject({ mode: "unchanged" });
  await server.become(3, notes(1));
  expect((await exportNow(server, 3)).shrunk).toBeUndefined();
  expect([...(await readHeld(archive))]).toEqual([
    [first, { since: new Date(testNow + day).toISOString(), by: second, losses }],
  ]);

  expect(await prune(4)).toMatchObject({
    kept: [first, revOf(3)],
    removed: [second],
    held: [first],
    blobs: { count: 0 },
  });
  expect(await prune(5)).toMatchObject({ reasons: { [first]: ["held"] } });
  expect(cids.every((cid) => existsSync(blobFile(archive, cid)))).toBe(true);

  await expect(prune(5, { release: [second] })).rejects.toMatchObject({ code: "usage" });
  expect(await prune(5, { release: [first], dryRun: true })).toMatchObject({ removed: [first], blobs: { count: 3 } });
  // Without a rule it is only released.
  expect(await prune(5, { release: [first], rules: {} })).toMatchObject({ removed: [], released: [first] });
  expect((await readHeld(archive)).size).toBe(0);
  expect(await prune(5)).toMatchObject({ kept: [revOf(3)], removed: [first], blobs: { count: 3 } });
  // Nothing is left of it, no empty folder either.
  expect((await readdir(archive)).sort()).toEqual(["README.txt", "snapshots"]);
});

test("a mark that nobody can read holds, and so does one whose snapshot has lost its manifest", async () => {
  await using server = await world();
  await server.become(0, withPictures);
  await exportNow(server, 0);
  await server.become(1, []);
  await exportNow(server, 1);
  await writeFile(join(heldFolder(archive), `${revOf(0)}.json`), "{");
  expect(await prune(2)).toMatchObject({ removed: [], held: [revOf(0)] });
  await rm(join(archive, "snapshots", revOf(0), "manifest.json"));
  expect(await prune(2)).toMatchObject({ removed: [], blobs: { count: 0 } });
  expect(await listSnapshots(archive)).toEqual([revOf(0), revOf(1)]);
});

test("if the mark cannot be written, there is no snapshot after the deletion", async () => {
  await using server = await world();
  await server.become(0, withPictures);
  await exportNow(server, 0);
  await writeFile(heldFolder(archive), "in the way");
  await server.become(1, []);
  await expect(exportNow(server, 1)).rejects.toMatchObject({ code: "storage" });
  expect((await readManifests(archive)).map(({ snapshot }) => snapshot)).toEqual([revOf(0)]);
  // The run that goes on from there says it.
  await rm(heldFolder(archive));
  expect((await exportNow(server, 1)).shrunk).toMatchObject({ held: [revOf(0)] });
});

test("a snapshot that is completed later keeps the blobs that the server lists no more", async () => {
  await using server = await world();
  await server.become(0, withPictures.slice(0, 1), cids);
  const { manifest } = await exportNow(server, 0);
  expect(manifest.blobs).toHaveLength(3);
  await server.become(0, withPictures.slice(0, 1), cids.slice(0, 1));
  await rm(blobFile(archive, cids[0]!));
  expect(await exportNow(server, 1)).toMatchObject({ received: { blobs: 1 } });
  expect((await readManifests(archive)).at(-1)).toEqual(manifest);
  expect(existsSync(blobFile(archive, cids[0]!))).toBe(true);
});
