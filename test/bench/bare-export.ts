/**
 * The shortest way to export all accounts of a server that makes the same requests, files and fsyncs, and proves the
 * same: `node bare-export.ts SERVER DIRECTORY FOLDER JOBS`. It knows no failure, no lock and no second run. What proves
 * is decamp's own, as it is published.
 */
import { hash } from "node:crypto";
import { mkdir, open, rename } from "node:fs/promises";
import { Agent, get } from "node:http";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import type * as plc from "../../src/plc.ts";
import type * as repo from "../../src/repo.ts";

const [, , server = "", directory = "", folder = "", jobs = "4"] = process.argv;
const dist = new URL("../../dist/", import.meta.url).href;
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- modules that the type checker does not see
const { verifyLog } = (await import(`${dist}plc.js`)) as typeof plc;
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same
const { verifyRepo } = (await import(`${dist}repo.js`)) as typeof repo;
const agent = new Agent({ keepAlive: true });

async function ask(origin: string, what: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(`${origin}/${what}`, { agent }, (answer) => {
      buffer(answer).then(resolve, reject);
    }).on("error", reject);
  });
}

async function askJson<T>(origin: string, what: string): Promise<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing is judged here that is not proved
  return JSON.parse((await ask(origin, what)).toString()) as T;
}

async function write(file: string, text: Buffer | string): Promise<{ size: number; sha256: string }> {
  const content = Buffer.from(text);
  const handle = await open(`${file}.part`, "wx");
  await handle.write(content);
  await handle.sync();
  await handle.close();
  await rename(`${file}.part`, file);
  return { size: content.length, sha256: hash("sha256", content, "hex") };
}

async function sync(...folders: readonly string[]): Promise<void> {
  for (const each of new Set(folders)) {
    const handle = await open(each, "r");
    await handle.sync();
    await handle.close();
  }
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function check(holds: boolean, what: string): void {
  if (!holds) {
    throw new Error(what);
  }
}

async function exportOne(did: string): Promise<void> {
  const xrpc = "xrpc/com.atproto.sync";
  const [head, car, list, log, document] = await Promise.all([
    askJson<{ cid: string }>(server, `${xrpc}.getLatestCommit?did=${did}`),
    ask(server, `${xrpc}.getRepo?did=${did}`),
    askJson<{ cids: string[] }>(server, `${xrpc}.listBlobs?did=${did}`),
    askJson<{ operation: { verificationMethods: Record<string, string> } }[]>(directory, `${did}/log/audit`),
    askJson<unknown>(directory, did),
  ]);
  verifyLog(did, log);
  const signingKeys = log.flatMap(({ operation }) => operation.verificationMethods["atproto"] ?? []);
  const source = { size: car.length, read: (offset: number, length: number) => car.subarray(offset, offset + length) };
  const report = await verifyRepo(source, { did, signingKeys, now: Date.now() });
  check(report.ok && report.signature === "valid" && report.commit === head.cid, `the repository of ${did}`);

  const archive = path.join(folder, did.replaceAll(":", "-"));
  const snapshot = path.join(archive, "snapshots", report.rev ?? "");
  await mkdir(snapshot, { recursive: true });
  const shelves: string[] = [];
  const blobs = await Promise.all(
    list.cids.map(async (cid) => {
      const bytes = await ask(server, `${xrpc}.getBlob?did=${did}&cid=${cid}`);
      const digest = hash("sha256", bytes, "hex");
      check(cidOf(digest) === cid, `the blob ${cid}`);
      const shelf = path.join(archive, "blobs", cid.slice(-2));
      shelves.push(shelf);
      await mkdir(shelf, { recursive: true });
      await write(path.join(shelf, cid), bytes);
      return { cid, size: bytes.length, mimeType: "image/jpeg" };
    }),
  );
  await write(path.join(archive, "decamp.json"), pretty({ type: "decamp archive", format: 1, did }));
  await write(path.join(archive, "README.txt"), "What this is.\n");
  const files = {
    "repo.car": await write(path.join(snapshot, "repo.car"), car),
    "plc-log.json": await write(path.join(snapshot, "plc-log.json"), pretty(log)),
    "did.json": await write(path.join(snapshot, "did.json"), pretty(document)),
  };
  const blobFolders = blobs.length === 0 ? [] : [...shelves, path.join(archive, "blobs")];
  await sync(snapshot, path.dirname(snapshot), ...blobFolders, archive, folder);
  const { commit, rev, data, records, collections } = report;
  const facts = { format: 1, did, commit, rev, data, records, collections, files, blobs };
  await write(path.join(snapshot, "manifest.json"), pretty(facts));
  await sync(snapshot);
}

const letters = "abcdefghijklmnopqrstuvwxyz234567";

/** The CID of bytes with this SHA-256, in hexadecimal. */
function cidOf(digest: string): string {
  let bits = 0n;
  for (const byte of Buffer.from(`01551220${digest}`, "hex")) {
    bits = (bits << 8n) | BigInt(byte);
  }
  bits <<= 2n;
  let text = "";
  for (let at = 0; at < 58; at += 1) {
    text = letters.charAt(Number(bits & 31n)) + text;
    bits >>= 5n;
  }
  return `b${text}`;
}

const queue: string[] = [];
for (let cursor: string | undefined = ""; cursor !== undefined;) {
  const page: { repos: { did: string }[]; cursor?: string } = await askJson(
    server,
    `xrpc/com.atproto.sync.listRepos?limit=1000${cursor === "" ? "" : `&cursor=${cursor}`}`,
  );
  queue.push(...page.repos.map(({ did }) => did));
  cursor = page.cursor;
}
await mkdir(folder, { recursive: true });
const next = queue.values();
const lane = async (): Promise<void> => {
  for (const did of next) {
    await exportOne(did);
  }
};
await Promise.all(Array.from({ length: Number(jobs) }, lane));
agent.destroy();
