/**
 * `node archive-server.ts records COUNT LATENCY` or `node archive-server.ts blobs COUNT LATENCY SIZE`: a server and a
 * directory in one that hold one account, and hold every answer back for so many milliseconds. An account has either so
 * many records and no blob, or so many blobs of SIZE bytes with a record each. Prints what it is as JSON, and ends with
 * its standard input.
 */
import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, statSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import { encodeCbor } from "../../src/data/cbor.ts";
import { CidLink, cidFor, cidFromDigest, type Cid } from "../../src/data/cid.ts";
import { documentOf } from "../cli/support/directory.ts";
import { listen, stopServer } from "../network/ports.ts";
import { testRev, tid } from "../repo/tools/account.ts";
import { buildTree, makeCar, makeCommit, makeSigner, treeBlocks, type Block } from "../repo/tools/build.ts";
import { auditLog, operation, signed, testDid, testKey } from "../tools/plc.ts";
import { cache, carPath, generate } from "./generate.ts";

/** What it says about itself. */
export interface ArchiveServer {
  readonly origin: string;
  readonly did: string;
  readonly didKey: string;
  /** the repository that it gives out */
  readonly car: string;
  readonly cids: readonly string[];
}

const [, , kind = "", countText = "", latencyText = "", sizeText = "0"] = process.argv;
const count = Number(countText);
const latency = Number(latencyText);
const size = Number(sizeText);

const owner = await testKey("bench owner");
const signer = await makeSigner("k256", "bench");
const content = { rotationKeys: [owner.did], verificationMethods: { atproto: signer.didKey } };
const genesis = await signed(operation(null, content), owner);
const did = testDid(genesis);

/** Every blob is the same noise, and its number in the last eight bytes. */
const noise = createNoise(Math.max(0, size - 8));
const tails = Array.from({ length: size === 0 ? 0 : count }, (_, index) => {
  const tail = Buffer.alloc(8);
  tail.writeUInt32BE(index, 4);
  return tail;
});
const hashed = createHash("sha256").update(noise);
const cids = tails.map((tail) => cidFromDigest("raw", hashed.copy().update(tail).digest()));
const tailOf = new Map<string, Buffer>(cids.map((cid, index) => [cid, tails[index]!]));

const car = kind === "records" ? await makeRecords() : await makeBlobRecords();
const { commit } = car;
const answers = new Map<string, unknown>([
  [`/${did}/log/audit`, auditLog([genesis])],
  [`/${did}`, documentOf(did, genesis)],
  ["/xrpc/com.atproto.sync.getLatestCommit", { cid: commit, rev: testRev }],
]);
const requests: string[] = [];

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  if (pathname === "/requests") {
    response.end(JSON.stringify(requests.splice(0)));
    return;
  }
  requests.push(pathname);
  setTimeout(() => answer(pathname, searchParams, response), latency);
});
const origin = `http://127.0.0.1:${await listen(server, 0)}`;
const self: ArchiveServer = { origin, did, didKey: signer.didKey, car: car.path, cids };
process.stdout.write(`${JSON.stringify(self)}\n`);
process.stdin.resume().on("end", () => {
  void stopServer(server).then(() => process.exit());
});

function answer(path: string, params: URLSearchParams, response: ServerResponse): void {
  const json = (status: number, value: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  };
  if (path === "/xrpc/com.atproto.sync.getRepo") {
    const length = statSync(car.path).size;
    response.writeHead(200, { "content-type": "application/vnd.ipld.car", "content-length": length });
    createReadStream(car.path, { highWaterMark: 1 << 20 }).pipe(response);
  } else if (path === "/xrpc/com.atproto.sync.listBlobs") {
    const from = Number(params.get("cursor") ?? 0);
    const next = from + 1000;
    json(200, { cids: cids.slice(from, next), ...(next < cids.length ? { cursor: String(next) } : {}) });
  } else if (path === "/xrpc/com.atproto.sync.getBlob") {
    const tail = tailOf.get(params.get("cid") ?? "");
    if (tail === undefined) {
      json(400, { error: "BlobNotFound", message: "Blob not found" });
      return;
    }
    response.writeHead(200, { "content-type": "image/jpeg", "content-length": size });
    response.write(noise);
    response.end(tail);
  } else {
    const value = answers.get(path);
    json(value === undefined ? 404 : 200, value ?? { error: "NotFound" });
  }
}

async function makeRecords(): Promise<{ path: string; commit: string }> {
  const account = { name: `archive-${count}`, records: count, did, pictures: false };
  await generate(account);
  const path = carPath(account, "pds");
  return { path: fileURLToPath(path), commit: await rootOf(path) };
}

/** A record for every blob. */
async function makeBlobRecords(): Promise<{ path: string; commit: string }> {
  const records = new Map<Cid, Block>();
  const leaves = cids.map((cid, index) => {
    const ref = { $type: "blob", ref: new CidLink(cid), mimeType: "image/jpeg", size };
    const bytes = encodeCbor({ $type: "app.example.picture", picture: ref });
    const record = cidFor("dag-cbor", bytes);
    records.set(record, { cid: record, bytes, rev: index });
    return { key: `app.example.picture/${tid(1_680_000_000_000_000 + index)}`, value: record };
  });
  const { root, blocks } = treeBlocks(buildTree(leaves), records);
  const made = await makeCommit({ did, version: 3, data: new CidLink(root), rev: testRev, prev: null }, signer);
  const path = new URL(`blobs-${count}-${size}.car`, cache);
  mkdirSync(cache, { recursive: true });
  writeFileSync(path, makeCar(made.cid, [made, ...blocks]));
  return { path: fileURLToPath(path), commit: made.cid };
}

/** As hard to compress as a photo. */
function createNoise(length: number): Buffer {
  const noise = Buffer.alloc(length);
  let block = createHash("sha256").update("noise").digest();
  for (let at = 0; at < length; at += block.length) {
    block.copy(noise, at);
    if (at % 8192 === 0) {
      block = createHash("sha256").update(block).digest();
    }
  }
  return noise;
}

async function rootOf(path: URL): Promise<string> {
  const { openCarFile } = await import("../../src/services/disk/car-file.ts");
  const { readRoot } = await import("../../src/repo/block-index.ts");
  const file = openCarFile(fileURLToPath(path));
  try {
    return readRoot(file.source);
  } finally {
    file.close();
  }
}
