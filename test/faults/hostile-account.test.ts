/**
 * An account whose owner wants to write where nobody asked for it: what he may choose freely, and sign, are the keys of
 * records, the revision, media types, refs of an older form. His server chooses the names in lists. None of it becomes
 * a path. Real servers refuse to take such records, so the repositories are made here.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeCbor, type CborMap } from "../../src/data/cbor.ts";
import { CidLink, cidFor, type Cid } from "../../src/data/cid.ts";
import { documentOf } from "../cli/support/directory.ts";
import { run as runHere } from "../cli/support/run.ts";
import { testRev } from "../repo/tools/account.ts";
import { buildTree, makeCar, makeCommit, makeSigner, treeBlocks, type Block } from "../repo/tools/build.ts";
import { auditLog, operation, signed, testDid, testKey } from "../tools/plc.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "./scripted-server.ts";
import { filesIn, wrongIn } from "./stored-archive.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "decamp-hostile-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const up = "../../../../../../escaped";
const picture = new TextEncoder().encode("a picture");
const pictureCid = cidFor("raw", picture);

interface Account {
  keys?: readonly string[];
  value?: CborMap;
  rev?: string;
  listedBlobs?: readonly string[];
  listedRepos?: readonly string[];
}

/** A server and a directory in one, with one account. */
async function serve(account: Account): Promise<{ server: ScriptedServer; did: string }> {
  const { keys = ["app.example.note/one"], value = {}, rev = testRev } = account;
  const owner = await testKey("hostile owner");
  const signer = await makeSigner("k256", "hostile");
  const content = { rotationKeys: [owner.did], verificationMethods: { atproto: signer.didKey } };
  const genesis = await signed(operation(null, content), owner);
  const did = testDid(genesis);
  const records = new Map<Cid, Block>();
  const leaves = keys.map((key, index) => {
    const bytes = encodeCbor({ $type: "app.example.note", index, ...value });
    const cid = cidFor("dag-cbor", bytes);
    records.set(cid, { cid, bytes, rev: index });
    return { key, value: cid };
  });
  const { root, blocks } = treeBlocks(buildTree(leaves), records);
  const commit = await makeCommit({ did, version: 3, data: new CidLink(root), rev, prev: null }, signer);
  const car = makeCar(commit.cid, [commit, ...blocks]);
  const server = await scriptedServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    switch (pathname) {
      case `/${did}/log/audit`:
        return sendJson(response, 200, auditLog([genesis]));
      case `/${did}`:
        return sendJson(response, 200, documentOf(did, genesis));
      case "/xrpc/com.atproto.sync.getLatestCommit":
        return sendJson(response, 200, { cid: commit.cid, rev: up });
      case "/xrpc/com.atproto.sync.getRepo":
        response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).end(car);
        return undefined;
      case "/xrpc/com.atproto.sync.listBlobs":
        return sendJson(response, 200, { cids: account.listedBlobs ?? [] });
      case "/xrpc/com.atproto.sync.listRepos":
        return sendJson(response, 200, { repos: (account.listedRepos ?? []).map((name) => ({ did: name })) });
      case "/xrpc/com.atproto.sync.getBlob":
        response.writeHead(200, { "content-type": `${up}; name="${up}"`, "content-disposition": up }).end(picture);
        return undefined;
      default:
        return sendJson(response, 404, { error: "NotFound" });
    }
  });
  return { server, did };
}

interface Ended {
  code: number;
  stdout: string;
  /** what lies outside of the archive and the state */
  outside: string[];
  archive: string;
}

async function run(account: Account, args: (did: string, origin: string) => string[]): Promise<Ended> {
  const own = await mkdtemp(path.join(folder, "case-"));
  const deep = path.join(own, "a", "b", "c", "d", "e", "f");
  const archive = path.join(deep, "archive");
  const { server, did } = await serve(account);
  await using _ = server;
  const { origin } = server;
  const where = ["--plc-url", origin, "--allow-private-hosts", "--state-dir", path.join(deep, "state")];
  const argv = [...args(did, origin), "-o", archive, ...where, "--json", "--no-input"];
  const { exitCode: code, stdout } = await runHere(argv);
  expect(await wrongIn(archive)).toEqual([]);
  const outside = (await filesIn(own)).filter((name) => !/^a\/b\/c\/d\/e\/f\/(?:archive|state)\//.test(name));
  return { code, stdout, outside, archive };
}

const one = (did: string, origin: string): string[] => ["export", did, "--from", origin];

test.each([
  ["a record key that leads upwards", { keys: [`app.example.note/${up}`] }],
  ["a record key of two dots", { keys: ["app.example.note/.."] }],
  ["a collection that leads upwards", { keys: [`${up}/one`] }],
  ["a record key with a zero byte", { keys: ["app.example.note/a\0b"] }],
  ["a revision that leads upwards", { rev: up }],
])("%s: the repository is refused", async (_, account) => {
  const { code, outside, archive } = await run(account, one);
  expect({ code, outside }).toEqual({ code: 3, outside: [] });
  expect((await filesIn(archive)).filter((name) => name.includes("snapshots/"))).toEqual([]);
});

test.each([
  ["leads upwards", up],
  ["moves the cursor and breaks the line", "image/png\r\nset-cookie: a=b\u001b[2J\u202e"],
  ["is long", `image/${"x".repeat(100_000)}`],
  ["is a name of the language", "__proto__"],
])("a media type that %s is a text in the manifest, and no more", async (_, mimeType) => {
  const image = { $type: "blob", ref: new CidLink(pictureCid), mimeType, size: picture.length };
  const { code, outside, archive, stdout } = await run({ value: { image } }, one);
  expect({ code, outside }).toEqual({ code: 0, outside: [] });
  expect(await filesIn(archive)).toContain(`blobs/${pictureCid.slice(-2)}/${pictureCid}`);
  expect(["\u001b", "\u202e"].filter((character) => stdout.includes(character))).toEqual([]);
  const proof = await runHere(["verify", archive, "--json"]);
  expect(proof.exitCode).toBe(0);
  expect(JSON.parse(proof.stdout)).toMatchObject({ ok: true, archive: { blobs: { checked: 1 } } });
});

test("a ref of the older form that is no CID is no ref", async () => {
  const { code, outside, archive } = await run({ value: { image: { cid: up, mimeType: "image/png" } } }, one);
  expect({ code, outside }).toEqual({ code: 0, outside: [] });
  expect((await filesIn(archive)).filter((name) => name.startsWith("blobs/"))).toEqual([]);
});

test("a blob that only the server lists has the media type that it says, as a text", async () => {
  const { code, outside, archive } = await run({ listedBlobs: [pictureCid] }, one);
  expect({ code, outside }).toEqual({ code: 0, outside: [] });
  expect((await filesIn(archive)).filter((name) => name.startsWith("blobs/"))).toHaveLength(1);
});

test.each([[up], [`/tmp/${pictureCid}`], [`${pictureCid}/${up}`], ["bafkrei/../../escaped"]])(
  "a list of blobs with %s in it is refused",
  async (cid) => {
    const { code, outside, archive } = await run({ listedBlobs: [pictureCid, cid] }, one);
    expect({ code, outside }).toEqual({ code: 5, outside: [] });
    expect((await filesIn(archive)).filter((name) => name.endsWith("manifest.json"))).toEqual([]);
  },
);

test("a list of accounts with paths for names exports none of them", async () => {
  const listedRepos = [
    up,
    `did:plc:${up}`,
    `did:web:${up}`,
    "did:web:..%2F..%2Fescaped",
    "did:web:a.example%3A80",
    ".",
  ];
  const { code, outside, archive, stdout } = await run({ listedRepos }, (_, origin) => [
    "export",
    "--all",
    "--pds",
    origin,
  ]);
  expect({ code, outside }).toEqual({ code: 6, outside: [] });
  // What the night remembers, and what it says of itself.
  expect(await filesIn(archive)).toEqual(["last-run.json", "night.json"]);
  expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({ accounts: { total: 6, failed: 6 } });
});
