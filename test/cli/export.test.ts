/** `decamp export` of one account: what is asked of whom, and when. The rest is tried against real servers. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { main } from "../../src/cli/main.ts";
import { CidLink, cidFor } from "../../src/data/cid.ts";
import { encodeCbor } from "../../src/data/cbor.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { testRev } from "../repo/tools/account.ts";
import { buildTree, makeCar, makeCommit, makeSigner, treeBlocks } from "../repo/tools/build.ts";
import { auditLog, operation, signed, testDid, testKey } from "../tools/plc.ts";
import { documentOf } from "./support/directory.ts";
import { run, runForBytes } from "./support/run.ts";
import { captured } from "./support/streams.ts";

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

/** A repository of some records. */
async function makeRepo(of: string, records = 1, rev = testRev): Promise<Repo> {
  const note = encodeCbor({ $type: "app.example.note", text: "hello" });
  const cid = cidFor("dag-cbor", note);
  const { root, blocks } = treeBlocks(
    buildTree(Array.from({ length: records }, (_, index) => ({ key: `app.example.note/n${index}`, value: cid }))),
    new Map([[cid, { cid, bytes: note, rev: 0 }]]),
  );
  const commit = await makeCommit({ did: of, version: 3, data: new CidLink(root), rev, prev: null }, signer);
  return { head: commit.cid, car: makeCar(commit.cid, [commit, ...blocks]) };
}

const first = await makeRepo(did);
const { head, car } = first;

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

/** Flags that every run has. */
function whereIs({ origin }: ScriptedServer): string[] {
  return ["--plc-url", origin, "--allow-private-hosts", "--state-dir", join(folder, "state"), "--no-input"];
}

async function exportFrom(server: ScriptedServer, ...more: string[]): Promise<ReturnType<typeof run>> {
  return run(["export", did, "-o", join(folder, "archive"), ...whereIs(server), "--json", ...more]);
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

/** A server and a directory whose repository can be changed. */
async function changing(): Promise<ScriptedServer & { repo: Repo }> {
  const state = { repo: first };
  const server = await scriptedServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://localhost");
    if (pathname === `/${did}/log/audit`) {
      sendJson(response, 200, auditLog([genesis]));
    } else if (pathname === `/${did}`) {
      sendJson(response, 200, documentOf(did, genesis));
    } else if (pathname.endsWith("getLatestCommit")) {
      sendJson(response, 200, { cid: state.repo.head, rev: testRev });
    } else if (pathname.endsWith("getRepo")) {
      response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).end(state.repo.car);
    } else if (pathname.endsWith("listRepos")) {
      sendJson(response, 200, { repos: [{ did, head: state.repo.head, rev: testRev, active: true }] });
    } else {
      sendJson(response, 200, { cids: [] });
    }
  });
  return Object.assign(state, server);
}

test("what is gone is said once, with exit code 6, and then by archive ls", async () => {
  await using server = await changing();
  const from = ["--from", server.origin];
  server.repo = await makeRepo(did, 4);
  expect((await exportFrom(server, ...from)).exitCode).toBe(0);
  server.repo = await makeRepo(did, 1, "3mzzzzzzzzzz2");
  const shrunk = await exportFrom(server, ...from);
  expect(shrunk).toMatchObject({ exitCode: 6, stderr: "" });
  expect(JSON.parse(shrunk.stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
    shrunk: { losses: [{ what: "records", before: 4, now: 1 }], held: [testRev] },
    car: join(folder, "archive", "snapshots", "3mzzzzzzzzzz2", "repo.car"),
  });
  expect(await exportFrom(server, ...from)).toMatchObject({ exitCode: 0 });
  const { stdout } = await run(["archive", "ls", join(folder, "archive")]);
  expect(stdout.split("\n")[0]).toContain("held: 3 of 4 records gone by 3mzzzzzzzzzz2");

  // Of many accounts: a line for the finding, and the exit code.
  const output = join(folder, "backups");
  const all = ["export", "--all", "--pds", server.origin, "-o", output, ...whereIs(server)];
  server.repo = await makeRepo(did, 4);
  expect((await run(all)).exitCode).toBe(0);
  server.repo = await makeRepo(did, 1, "3mzzzzzzzzzz2");
  const many = await run(all);
  expect(many).toMatchObject({ exitCode: 6, stderr: "" });
  expect(many.stdout.split("\n")[0]).toBe(`${did}  shrunk by 3 of 4 records: held is ${testRev}`);
  expect(many.stdout).toContain("From 1 of them much is gone.");
  expect((await run(all)).exitCode).toBe(0);
});

describe("one CAR file", () => {
  test("-o NAME.car is a file, proved, and all that is there; what is there already stays", async () => {
    await using server = await changing();
    const path = join(folder, "alice.car");
    const args = ["export", did, "-o", path, "--from", server.origin, ...whereIs(server)];
    const { exitCode, stdout } = await run(args);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`The repository of alice.example.com is proved, and is in ${path}.`);
    expect(stdout).toContain("Not in it     blobs, the preferences, and the log of the identity");
    expect((await readFile(path)).equals(Buffer.from(car))).toBe(true);
    expect(server.requests.map(({ path: asked }) => asked).filter((asked) => asked.includes("listBlobs"))).toEqual([]);
    expect(await run(args)).toMatchObject({ exitCode: 9, stdout: "" });
    expect((await readFile(path)).equals(Buffer.from(car))).toBe(true);
    expect((await readdir(folder)).filter((name) => name !== "state")).toEqual(["alice.car"]);
  });

  test("of what is not genuine, nothing is kept and nothing is written", async () => {
    await using server = await changing();
    server.repo = { head, car: car.subarray(0, -10) };
    const where = ["--from", server.origin, ...whereIs(server)];
    expect((await run(["export", did, "-o", join(folder, "alice.car"), ...where])).exitCode).toBe(3);
    expect(await run(["export", did, "-o", "-", ...where])).toMatchObject({ exitCode: 3, stdout: "" });
    expect((await readdir(folder)).filter((name) => name !== "state")).toEqual([]);
  });

  test("-o - writes the file and nothing else to the standard output, and leaves no other behind", async () => {
    await using server = await changing();
    const temporary = join(folder, "tmp");
    await mkdir(temporary);
    vi.stubEnv("TMPDIR", temporary);
    const args = ["export", did, "-o", "-", "--from", server.origin, ...whereIs(server)];
    const { exitCode, stdoutBytes, stderr } = await runForBytes([...args, "--json"]);
    expect(exitCode).toBe(0);
    expect(stdoutBytes.equals(Buffer.from(car))).toBe(true);
    expect(JSON.parse(stderr.trim().split("\n").at(-1) ?? "")).toMatchObject({
      type: "result",
      car: "-",
      did,
      records: 1,
      bytes: car.length,
    });
    expect(await readdir(temporary)).toEqual([]);
    vi.unstubAllEnvs();
    expect(await run(args, { terminals: ["stdout"] })).toMatchObject({ exitCode: 2, stdout: "" });
  });

  test("-o - says what hindered it: a reader that stops, and a disk for what comes that is not there", async () => {
    await using server = await changing();
    const args = ["export", did, "-o", "-", "--from", server.origin, ...whereIs(server)];
    const { parts, stderr } = captured({ env: { XDG_STATE_HOME: "/state" } });
    const { stdout } = parts;
    stdout.once("data", () => stdout.destroy(Object.assign(new Error("gone"), { code: "EPIPE" })));
    expect(await main([...args, "-q"], parts)).toBe(6);
    expect(stderr()).toContain("is proved, and was not read to its end.");

    const full = captured({ env: { XDG_STATE_HOME: "/state" } });
    const takesNoMore = full.parts.stdout;
    takesNoMore.once("data", () => takesNoMore.destroy(Object.assign(new Error("full"), { code: "ENOSPC" })));
    expect(await main(args, full.parts)).toBe(1);
    expect(full.stderr()).toContain("Error: The standard output could not be written: there is no room left.\n");
    expect(full.stderr()).toContain("What was written of the CAR file is not whole.");
    expect(full.stderr()).not.toContain("read to its end");
    expect(full.stderr()).not.toContain("is done");

    vi.stubEnv("TMPDIR", join(folder, "nowhere"));
    const failed = await run([...args, "--json"]);
    vi.unstubAllEnvs();
    expect(failed).toMatchObject({ exitCode: 1, stdout: "" });
    expect(JSON.parse(failed.stderr.trim().split("\n").at(-1) ?? "")).toMatchObject({
      code: "storage",
      hint: expect.stringContaining("TMPDIR") as string,
    });
  });

  test("one whose revision lies in the future is kept, and exit code 3 says so, as for an archive", async () => {
    await using server = await changing();
    server.repo = await makeRepo(did, 1, "3zzzzzzzzzzz2");
    const path = join(folder, "alice.car");
    // A run that was killed has left something.
    await writeFile(`${path}.0123456789abcdef.part`, "half");
    const args = ["export", did, "-o", path, "--from", server.origin, ...whereIs(server), "--json"];
    const { exitCode, stdout } = await run(args);
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({ car: path, futureRev: true });
    expect((await readFile(path)).equals(Buffer.from(server.repo.car))).toBe(true);
    expect((await readdir(folder)).filter((name) => name !== "state")).toEqual(["alice.car"]);
  });

  test("a folder of such a name is an archive; many accounts make no file", async () => {
    await using server = await changing();
    const path = join(folder, "old.car");
    await mkdir(path);
    const { exitCode } = await run(["export", did, "-o", path, "--from", server.origin, ...whereIs(server)]);
    expect(exitCode).toBe(0);
    expect(await readdir(join(path, "snapshots"))).toEqual([testRev]);
    for (const output of [join(folder, "new.car"), "-", ""]) {
      const all = ["export", "--all", "--pds", server.origin, "-o", output, ...whereIs(server)];
      expect((await run(all)).exitCode).toBe(2);
    }
    expect(await run(["export", did, "-o", "", ...whereIs(server)])).toMatchObject({ exitCode: 2, stdout: "" });
    expect((await readdir(folder)).filter((name) => name !== "state")).toEqual(["old.car"]);
  });
});
