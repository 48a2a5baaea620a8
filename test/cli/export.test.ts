/** `decamp export` of one account: what is asked of whom, and when. The rest is tried against real servers. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CidLink, cidFor } from "../../src/data/cid.ts";
import { encodeCbor } from "../../src/data/cbor.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { testRev } from "../repo/tools/account.ts";
import { buildTree, makeCar, makeCommit, makeSigner, treeBlocks } from "../repo/tools/build.ts";
import { auditLog, operation, signed, testDid, testKey } from "../tools/plc.ts";
import { documentOf } from "./support/directory.ts";
import { run } from "./support/run.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "decamp-export-"));
});
afterEach(async () => rm(folder, { recursive: true }));

const owner = await testKey("owner");
const signer = await makeSigner("k256", "export");
const genesis = await signed(
  operation(null, { rotationKeys: [owner.did], verificationMethods: { atproto: signer.didKey } }),
  owner,
);
const did = testDid(genesis);

interface Repo {
  readonly head: string;
  readonly car: Uint8Array;
}

/** A repository of one record. */
async function makeRepo(of: string): Promise<Repo> {
  const note = encodeCbor({ $type: "app.example.note", text: "hello" });
  const cid = cidFor("dag-cbor", note);
  const { root, blocks } = treeBlocks(
    buildTree([{ key: "app.example.note/one", value: cid }]),
    new Map([[cid, { cid, bytes: note, rev: 0 }]]),
  );
  const commit = await makeCommit({ did: of, version: 3, data: new CidLink(root), rev: testRev, prev: null }, signer);
  return { head: commit.cid, car: makeCar(commit.cid, [commit, ...blocks]) };
}

const { head, car } = await makeRepo(did);

/** The server and the directory in one. The audit log comes when everything in `before` was asked for. */
async function world(asked: string[], log: object, before: readonly string[] = []): Promise<ScriptedServer> {
  let waiting: ServerResponse | undefined;
  return scriptedServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://localhost");
    const name = pathname.replace("/xrpc/com.atproto.sync.", "").replace(did, "DID");
    asked.push(name);
    if (name === "/DID/log/audit") {
      waiting = response;
    } else if (name === "/DID") {
      sendJson(response, 200, documentOf(did, genesis));
    } else if (name === "getLatestCommit") {
      sendJson(response, 200, { cid: head, rev: testRev });
    } else if (name === "getRepo") {
      response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).end(car);
    } else {
      sendJson(response, 200, { cids: [] });
    }
    if (waiting?.writableEnded === false && before.every((one) => asked.includes(one))) {
      sendJson(waiting, 200, log);
    }
  });
}

async function exportFrom({ origin }: ScriptedServer, ...more: string[]): Promise<ReturnType<typeof run>> {
  const where = ["--plc-url", origin, "--allow-private-hosts", "--state-dir", join(folder, "state"), "--no-input"];
  return run(["export", did, "-o", join(folder, "archive"), ...where, "--json", ...more]);
}

test("a server that is named is asked while the directory is asked for the log", async () => {
  const asked: string[] = [];
  await using both = await world(asked, auditLog([genesis]), ["getLatestCommit", "getRepo"]);
  const { exitCode, stdout, stderr } = await exportFrom(both, "--from", both.origin);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({ did, records: 1, mode: "full" });
  expect(asked.toSorted()).toEqual(["/DID", "/DID/log/audit", "getLatestCommit", "getRepo", "listBlobs"]);
});

test("with -q nothing is printed when all of it came", async () => {
  await using both = await world([], auditLog([genesis]));
  const where = ["--plc-url", both.origin, "--allow-private-hosts", "--state-dir", join(folder, "state"), "--no-input"];
  const list = join(folder, "accounts");
  await writeFile(list, `${did}\n`);
  for (const accounts of [[did], ["--accounts", list]]) {
    const archive = ["-o", join(folder, "quiet", String(accounts.length)), "--from", both.origin];
    const { exitCode, stdout, stderr } = await run(["export", ...accounts, ...archive, ...where, "-q"]);
    expect({ accounts, exitCode, stdout, stderr }).toEqual({ accounts, exitCode: 0, stdout: "", stderr: "" });
  }
});

test("what came from it is not kept if the log is not in order", async () => {
  const asked: string[] = [];
  const other = { ...genesis, alsoKnownAs: ["at://mallory.example.com"] };
  await using lying = await world(asked, auditLog([other], { did }), ["getRepo"]);
  const { exitCode } = await exportFrom(lying, "--from", lying.origin);
  expect(exitCode).toBe(9);
  expect(asked).not.toContain("listBlobs");
  await expect(rm(join(folder, "archive"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("a document that the directory cannot make is left out, and the archive is proved by the log", async () => {
  const entries = auditLog([genesis]);
  let document: unknown;
  await using both = await scriptedServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://localhost");
    if (pathname === `/${did}/log/audit`) {
      sendJson(response, 200, entries);
    } else if (pathname === `/${did}`) {
      sendJson(response, document === undefined ? 500 : 200, document ?? { message: "Internal Server Error" });
    } else if (pathname.endsWith("getLatestCommit")) {
      sendJson(response, 200, { cid: head, rev: testRev });
    } else if (pathname.endsWith("getRepo")) {
      response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).end(car);
    } else {
      sendJson(response, 200, { cids: [] });
    }
  });
  const { exitCode, stdout } = await exportFrom(both, "--from", both.origin);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('"code":"document-unavailable"');
  const archive = join(folder, "archive");
  expect(await readdir(join(archive, "snapshots", testRev))).toEqual(["manifest.json", "plc-log.json", "repo.car"]);
  const verified = await run(["verify", archive, "--json"]);
  expect(verified.exitCode).toBe(0);
  expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, did, signature: "valid" });
  // It comes along as soon as there is one.
  document = documentOf(did, genesis);
  expect((await exportFrom(both, "--from", both.origin)).exitCode).toBe(0);
  expect(await readdir(join(archive, "snapshots", `${testRev}-2`))).toContain("did.json");
  expect((await run(["verify", archive])).exitCode).toBe(0);
  // What says something else than the log is no warning.
  document = documentOf(did, { ...genesis, alsoKnownAs: ["at://mallory.example.com"] });
  await rm(archive, { recursive: true });
  expect((await exportFrom(both, "--from", both.origin)).exitCode).toBe(9);
});

test("a server that nobody named is asked only when the log names it", async () => {
  const asked: string[] = [];
  await using directory = await world(asked, auditLog([genesis]));
  const { exitCode } = await exportFrom(directory);
  // It is https://old.example.com, which nobody has. The document is asked for beside it, and comes or comes too late.
  expect(exitCode).toBe(5);
  expect(asked[0]).toBe("/DID/log/audit");
  expect(asked.slice(1).filter((path) => path !== "/DID")).toEqual([]);
});

test("an account with a did:web needs no directory: its document says where it is, and what it signs with", async () => {
  let web = "";
  let repo: Repo = { head: "", car: new Uint8Array() };
  await using host = await scriptedServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://localhost");
    if (pathname === "/.well-known/did.json") {
      const atproto_pds = { type: "AtprotoPersonalDataServer", endpoint: host.origin };
      sendJson(response, 200, documentOf(web, { ...genesis, services: { atproto_pds } }));
    } else if (pathname.endsWith("getLatestCommit")) {
      sendJson(response, 200, { cid: repo.head, rev: testRev });
    } else if (pathname.endsWith("getRepo")) {
      response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).end(repo.car);
    } else {
      sendJson(response, pathname.endsWith("listBlobs") ? 200 : 404, { cids: [] });
    }
  });
  web = `did:web:localhost%3A${new URL(host.origin).port}`;
  repo = await makeRepo(web);
  const archive = join(folder, "archive");
  const where = ["--plc-url", host.origin, "--allow-private-hosts", "--state-dir", join(folder, "state"), "--no-input"];
  const { exitCode, stderr } = await run(["export", web, "-o", archive, ...where, "--json"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(host.requests.map(({ path }) => path).filter((path) => path.includes("/log"))).toEqual([]);
  const [snapshot = ""] = await readdir(join(archive, "snapshots"));
  expect(await readdir(join(archive, "snapshots", snapshot))).toEqual(["did.json", "manifest.json", "repo.car"]);
  const verified = await run(["verify", archive, "--did", web, "--signing-key", signer.didKey, "--json"]);
  expect(verified.exitCode).toBe(0);
  expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, did: web, signature: "valid" });
});
