/** `decamp export` of one account: what is asked of whom, and when. The rest is tried against real servers. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { archiveName } from "../../src/archive/layout.ts";
import { main } from "../../src/cli/main.ts";
import { CidLink, cidFor } from "../../src/data/cid.ts";
import { encodeCbor } from "../../src/data/cbor.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { testRev } from "../repo/tools/account.ts";
import { buildTree, makeCar, makeCommit, makeSigner, treeBlocks } from "../repo/tools/build.ts";
import { auditLog, operation, servedAt, signed, testCid, testDid, testKey } from "../tools/plc.ts";
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
  let content = genesis;
  await using host = await scriptedServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://localhost");
    if (pathname === "/.well-known/did.json") {
      const atproto_pds = { type: "AtprotoPersonalDataServer", endpoint: host.origin };
      sendJson(response, 200, documentOf(web, { ...content, services: { atproto_pds } }));
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

  // The account has moved since, and nothing but the archive remembers the key that it was signed with.
  content = { ...genesis, verificationMethods: { atproto: (await testKey("moved")).did } };
  const later = await run(["verify", archive, "--online", ...where, "--json"]);
  expect(JSON.parse(later.stdout)).toMatchObject({ ok: true, signature: "valid", signingKeyRemembered: true });
  expect((await run(["verify", archive, "--online", ...where])).stdout).toContain(
    "is whole and complete. Whose it is, only the archive itself says.\n",
  );
  const car = join(archive, "snapshots", snapshot, "repo.car");
  expect(JSON.parse((await run(["verify", car, "--online", ...where, "--json"])).stdout)).toMatchObject({
    ok: false,
    signature: "invalid",
  });
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
  const archive = join(folder, "archive");
  const { stdout, stderr } = await run(["archive", "ls", archive]);
  expect(stdout.split("\n")[0]).toContain("held: 3 of 4 records gone by 3mzzzzzzzzzz2");
  expect(stderr).toContain(`\n  ${lookCommand(archive)}\n`);
  expect(stderr).toContain(`\n  ${releaseCommand(archive)}\n`);

  // Of many accounts: a line for the finding, and the exit code.
  const output = join(folder, "backups");
  const all = ["export", "--all", "--pds", server.origin, "-o", output, ...whereIs(server)];
  server.repo = await makeRepo(did, 4);
  expect((await run(all)).exitCode).toBe(0);
  server.repo = await makeRepo(did, 1, "3mzzzzzzzzzz2");
  const many = await run(all);
  expect(many).toMatchObject({ exitCode: 6, stderr: "" });
  expect(many.stdout.split("\n")[0]).toBe(`${did}  alice.example.com  shrunk by 3 of 4 records: held is ${testRev}`);
  expect(many.stdout).toContain("\n  shrunk         1  of those: much is gone since the last time\n");
  expect(many.stdout).toContain(`\n  ${did}  3 of 4 records gone: held is ${testRev}\n`);
  expect(many.stdout).toContain(`: decamp archive ls ${join(output, archiveName(did))}\n`);
  expect((await run(all)).exitCode).toBe(0);
});

/** The commands that see what is gone, and let it go. */
const lookCommand = (archive: string): string =>
  `decamp archive diff ${join(archive, "snapshots", testRev)} ${join(archive, "snapshots", "3mzzzzzzzzzz2")}`;
const releaseCommand = (archive: string): string => `decamp archive prune ${archive} --release ${testRev}`;

const words = (command: string): string[] => command.split(" ").slice(1);

test("where much is gone, a person is told how to see it and how to let it go; of many, a script is told whose", async () => {
  await using server = await changing();
  const output = join(folder, "backups");
  const archive = join(output, archiveName(did));
  const one = ["export", did, "-o", archive, "--from", server.origin, ...whereIs(server)];
  const all = ["export", "--all", "--pds", server.origin, "-o", output, ...whereIs(server)];
  const repos = [await makeRepo(did, 4), await makeRepo(did, 1, "3mzzzzzzzzzz2")] as const;
  [server.repo] = repos;
  await run(one);
  [, server.repo] = repos;
  const shrunk = await run(one);
  expect(shrunk.exitCode).toBe(6);
  expect(shrunk.stdout).toContain(`\n  ${lookCommand(archive)}\n`);
  expect(shrunk.stdout).toContain(`\n  ${releaseCommand(archive)}\n`);
  // They do what is said of them.
  expect((await run(words(lookCommand(archive)))).stdout).toContain("- app.example.note/n3");
  expect(await run([...words(releaseCommand(archive)), "--keep", "1"])).toMatchObject({ exitCode: 0 });
  expect(await readdir(join(archive, "snapshots"))).toEqual(["3mzzzzzzzzzz2"]);

  await rm(archive, { recursive: true });
  [server.repo] = repos;
  await run(all);
  [, server.repo] = repos;
  const { stdout } = await run([...all, "--json"]);
  expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
    accounts: { shrunk: 1, mended: 0 },
    losses: [{ account: did, losses: [{ what: "records", before: 4, now: 1 }], held: [testRev] }],
  });
});

test("what an export could not fetch again is in another copy, or is let go", async () => {
  await using server = await changing();
  const archive = join(folder, "archive");
  const one = ["export", did, "-o", archive, "--from", server.origin, ...whereIs(server)];
  await run(one);
  server.repo = await makeRepo(did, 1, "3mzzzzzzzzzz2");
  await run(one);
  await writeFile(join(archive, "snapshots", testRev, "repo.car"), "another");
  const { exitCode, stdout } = await run([...one, "--recheck"]);
  expect(exitCode).toBe(6);
  const lines = stdout.trimEnd().split("\n").slice(-3);
  expect(lines[0]).toContain("another copy of the archive");
  const prune = `decamp archive prune ${archive} --release ${testRev} --keep-daily 7 --dry-run`;
  expect(lines[2]).toBe(`  ${prune}`);
  expect((await run(words(prune))).exitCode).toBe(0);
});

test("of all accounts of a server, one that is not active is no failure; of a list, if it was archived before", async () => {
  let state: string | undefined;
  await using server = await scriptedServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://localhost");
    const method = pathname.replace("/xrpc/com.atproto.sync.", "");
    if (method === `/${did}/log/audit`) {
      sendJson(response, 200, auditLog([genesis]));
    } else if (method === `/${did}`) {
      sendJson(response, 200, documentOf(did, genesis));
    } else if (method === "listRepos") {
      sendJson(response, 200, { repos: [{ did, head, rev: testRev, active: state === undefined }] });
    } else if (state !== undefined) {
      sendJson(response, 400, { error: state, message: "no" });
    } else if (method === "getLatestCommit") {
      sendJson(response, 200, { cid: head, rev: testRev });
    } else if (method === "getRepo") {
      response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).end(car);
    } else {
      sendJson(response, 200, { cids: [] });
    }
  });
  const output = join(folder, "backups");
  const names = join(folder, "accounts");
  await writeFile(names, did);
  const all = ["export", "--all", "--pds", server.origin, "-o", output, ...whereIs(server)];
  const list = ["export", "--accounts", names, "--from", server.origin, "-o", output, ...whereIs(server)];
  state = "RepoDeactivated";
  const never = await run(all);
  expect(never).toMatchObject({ exitCode: 0, stderr: "" });
  expect(never.stdout.split("\n")[0]).toBe(`${did}  not active: deactivated; there is no archive of it`);
  const alone = "1 without an archive; only the server's operator is given them: --admin-password-file";
  expect(never.stdout).toMatch(new RegExp(`\nAll is well: 1 account in .*\\.\n {2}not active {5}1 {2}${alone}\n$`));
  // What is to fail has its line in a mail, too, and the reason.
  const failing = await run([...all, "-q", "--fail-on", "inactive"]);
  expect(failing.exitCode).toBe(6);
  expect(failing.stdout.split("\n")[0]).toBe(`${did}  not active: deactivated; there is no archive of it`);
  expect(failing.stdout).toContain(`${alone}; exit code 6, as --fail-on says\n`);
  // Another address: what the folder remembers is of the first one.
  const other = server.origin.replace("127.0.0.1", "localhost");
  const elsewhere = await run([...all.map((word) => (word === server.origin ? other : word)), "-q"]);
  expect(elsewhere).toMatchObject({ exitCode: 0, stdout: "" });
  expect(elsewhere.stderr).toContain(`The last run over ${output} was of ${server.origin}. What was remembered`);
  expect((await run([...all, "-q"])).stderr).toContain(`The last run over ${output} was of ${other}.`);
  const named = await run(list);
  expect(named.exitCode).toBe(6);
  expect(named.stdout).toContain("\n  Hint: Many servers still give it to its owner");

  state = undefined;
  expect((await run(all)).exitCode).toBe(0);
  state = "RepoTakendown";
  for (const args of [all, list]) {
    const { exitCode, stdout } = await run([...args, "--json"]);
    expect(exitCode).toBe(0);
    const [account, result] = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    const handle = "alice.example.com";
    expect(account).toMatchObject({ did, ok: false, status: "takendown", snapshot: testRev, handle });
    expect(result).toMatchObject({
      ok: true,
      accounts: { total: 1, failed: 0, inactive: 1, takenDown: 1 },
      failures: [],
    });
  }
  expect(await run([...all, "-q"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  const stays = `its archive stays as it is, the newest snapshot is ${testRev}`;
  expect((await run(all)).stdout.split("\n")[0]).toBe(`${did}  alice.example.com  taken down; ${stays}`);
  // What is looked over later has the same words, and says of no archive what nobody has seen.
  state = "RepoDeactivated";
  expect((await run([...all, "-q"])).exitCode).toBe(0);
  expect((await run(["archive", "status", output])).stdout).toContain("\n              1 not active\n");
  // Runs with another number of parts are no last ones.
  const lastRuns = async (): Promise<string[]> =>
    (await run(["archive", "status", output])).stdout
      .split("\n")
      .filter((line) => /^(?:Last run|Before) /.test(line))
      .map((line) => /part \d\/\d|\d runs? with .*/.exec(line)?.[0] ?? "all");
  expect(await lastRuns()).toEqual(["all"]);
  await run([...all, "-q", "--shard", "0/2"]);
  await run([...all, "-q", "--shard", "1/2"]);
  expect(await lastRuns()).toEqual(["part 0/2", "part 1/2", "1 run with another number of parts"]);
  expect((await run([...all, "-q"])).exitCode).toBe(0);
  expect(await lastRuns()).toEqual(["all", "2 runs with another number of parts"]);
  const begun = join(output, `did-plc-${"a".repeat(24)}`);
  await mkdir(begun);
  expect((await run(["archive", "status", output])).stdout).toMatch(
    /\nRenewed {7}all that have a readable snapshot since .* ago; longest ago did-plc-/,
  );
  await rm(begun, { recursive: true });
  // Whoever does not exist there is no such account.
  state = "RepoNotFound";
  const failed = await run(all);
  expect(failed.exitCode).toBe(6);
  expect(failed.stdout).toContain(`${did}  alice.example.com  failed: `);

  state = "RepoTakendown";
  // An archive whose newest snapshot cannot be read is not one that does not exist, and is not passed over.
  const archive = join(output, (await readdir(output))[0] ?? "");
  await writeFile(join(archive, "snapshots", testRev, "manifest.json"), "{");
  const damaged = await run(all);
  expect(damaged.exitCode).toBe(6);
  expect(damaged.stdout).toContain(`${did}  failed: `);
  expect(damaged.stdout).not.toContain("there is no archive");
});

test("a list that has nobody is warned of, also where there is no archive yet", async () => {
  await using server = await scriptedServer((_, response) => sendJson(response, 200, { repos: [] }));
  const all = ["export", "--all", "--pds", server.origin, "-o", join(folder, "backups"), ...whereIs(server)];
  const { exitCode, stdout, stderr } = await run([...all, "-q"]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
  expect(stderr).toMatch(/^Warning: 127\.0\.0\.1:[0-9]+ lists no account at all\.\n$/);
});

test.each<[string, number, number, RegExp]>([
  ["all of them", 3, 0, /^Warning: 127\.0\.0\.1:[0-9]+ calls none of 3 accounts active: nothing was exported\.\n$/],
  ["all but one, which fails", 3, 1, /^$/],
  ["as few as there may be", 2, 0, /^$/],
])("a list without anybody who is active is warned of: %s", async (_what, resting, others, warning) => {
  const repos = Array.from({ length: resting + others }, (_, index) => ({
    did: `did:plc:${"abcd".charAt(index).repeat(24)}`,
    head: testCid("head"),
    rev: testRev,
    ...(index < resting ? { active: false, status: "deactivated" } : { active: true }),
  }));
  await using server = await scriptedServer(({ url }, response) =>
    url?.startsWith("/xrpc/com.atproto.sync.listRepos") === true
      ? sendJson(response, 200, { repos })
      : sendJson(response, 400, { error: "RepoDeactivated", message: "no" }),
  );
  const all = ["export", "--all", "--pds", server.origin, "-o", join(folder, "backups"), ...whereIs(server)];
  const { exitCode, stderr } = await run([...all, "-q"]);
  expect({ exitCode, stderr }).toEqual({
    exitCode: others === 0 ? 0 : 6,
    stderr: expect.stringMatching(warning) as string,
  });
});

test("of an account that its server has although it lives elsewhere by now, that is said, once", async () => {
  const moved = await signed(
    operation(testCid(genesis), {
      rotationKeys: [owner.did],
      verificationMethods: { atproto: signer.didKey },
      ...servedAt("https://new.example.com"),
    }),
    owner,
  );
  let last = genesis;
  await using server = await scriptedServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://localhost");
    const answers: Record<string, object> = {
      [`/${did}/log/audit`]: auditLog(last === genesis ? [genesis] : [genesis, moved]),
      [`/${did}`]: documentOf(did, last),
      "/xrpc/com.atproto.sync.listRepos": { repos: [{ did, head, rev: testRev, active: true }] },
      "/xrpc/com.atproto.sync.getLatestCommit": { cid: head, rev: testRev },
    };
    if (pathname.endsWith("getRepo")) {
      response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).end(car);
    } else {
      sendJson(response, 200, answers[pathname] ?? { cids: [] });
    }
  });
  const all = ["export", "--all", "--pds", server.origin, "-o", join(folder, "backups"), "--recheck", "-q"];
  const night = async (): ReturnType<typeof run> => run([...all, ...whereIs(server)]);
  // Its server is asked by another address than the identity names: that is so from the beginning.
  expect(await night()).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  last = moved;
  const { exitCode, stdout, stderr } = await night();
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
  expect(stderr).toMatch(new RegExp(`^${did}  Warning: Its identity names https://new\\.example\\.com by now\\. 127`));
  expect(await night()).toEqual({ exitCode: 0, stdout: "", stderr: "" });
});

test("of many accounts, too, it is said what was mended", async () => {
  await using server = await changing();
  const output = join(folder, "backups");
  const all = ["export", "--all", "--pds", server.origin, "-o", output, ...whereIs(server)];
  expect((await run(all)).stdout).not.toContain("mended");
  const repo = join(output, archiveName(did), "snapshots", testRev, "repo.car");
  const harm = async (): Promise<void> => writeFile(repo, "another");
  await harm();
  const { exitCode, stdout } = await run(all);
  expect(exitCode).toBe(0);
  expect(stdout.split("\n")[0]).toBe(`${did}  alice.example.com  complete: 1 record, 0 blobs; mended 1 file`);
  expect(stdout).toContain(
    "\n  mended         1  of those: something was missing or damaged on the disk, and is good again\n",
  );
  await harm();
  expect((await run([...all, "--json"])).stdout).toContain('"mended":1,');
  // Nothing has changed: that is a line for who asks for every word.
  const { stdout: dull } = await run(all);
  expect(dull).toMatch(/^All is well: 1 account in .*\.\n {2}unchanged {6}1\n/);
  expect((await run([...all, "-v"])).stdout.split("\n")[0]).toBe(
    `${did}  alice.example.com  unchanged: 1 record, 0 blobs; ${repo}`,
  );
});

test("an archive does not become a folder of archives, whoever made it, and however little is in it", async () => {
  await using server = await changing();
  const archive = join(folder, "archive");
  expect((await exportFrom(server, "--from", server.origin)).exitCode).toBe(0);
  const list = join(folder, "accounts");
  await writeFile(list, `${did}\n`);
  const many = async (...which: string[]): Promise<void> => {
    const before = await readdir(archive, { recursive: true });
    const { exitCode, stderr } = await run(["export", ...which, "-o", archive, ...whereIs(server)]);
    expect({ which, exitCode }).toEqual({ which, exitCode: 2 });
    expect(stderr).toContain(`${archive} is an archive itself.`);
    expect(await readdir(archive, { recursive: true })).toEqual(before);
  };
  const all = ["--all", "--pds", server.origin];
  await many(...all);
  await many("--accounts", list, "--from", server.origin);
  await rm(join(archive, "decamp.json"));
  await many(...all);
  await exportFrom(server, "--from", server.origin, "--recheck");
  await rm(join(archive, "snapshots"), { recursive: true });
  await many(...all);
  const file = await run(["export", ...all, "-o", list, ...whereIs(server)]);
  expect(file).toMatchObject({ exitCode: 2, stdout: "" });
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

test("preferences that the server does not give are not claimed, and make the export incomplete", async () => {
  const claims = Buffer.from(JSON.stringify({ exp: Date.now() / 1000 + 3600, sub: did })).toString("base64url");
  const token = `eyJhbGciOiJIUzI1NiJ9.${claims}.c2ln`;
  const session = { did, handle: "alice.example", accessJwt: token, refreshJwt: token, active: true };
  /** What the server answers; the preferences are those that this account has. */
  const given: Record<string, [number, object]> = {
    "/xrpc/com.atproto.server.createSession": [200, session],
    "/xrpc/com.atproto.server.getSession": [200, session],
    "/xrpc/com.atproto.server.deleteSession": [200, {}],
    getLatestCommit: [200, { cid: head, rev: testRev }],
    listBlobs: [200, { cids: [] }],
    "/DID": [200, documentOf(did, genesis)],
    "/DID/log/audit": [200, auditLog([genesis])],
  };
  const preferences = "/xrpc/app.bsky.actor.getPreferences";
  await using server = await scriptedServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://localhost");
    const name = pathname.replace("/xrpc/com.atproto.sync.", "").replace(did, "DID");
    if (name === "getRepo") {
      return response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).end(car);
    }
    return sendJson(response, ...(given[name] ?? ([501, { error: "MethodNotImplemented" }] as const)));
  });
  const password = join(folder, "password");
  await writeFile(password, "a long password");
  const args = ["export", did, "-o", join(folder, "archive"), "--from", server.origin, "--password-file", password];

  const signIn = "/xrpc/com.atproto.server.createSession";
  given[signIn] = [401, { error: "AuthenticationRequired", message: "Invalid identifier or password" }];
  const refused = await run([...args, ...whereIs(server)]);
  expect([refused.exitCode, refused.stderr.includes("an app password of the account")]).toEqual([4, true]);
  const lost = await run([...args.slice(0, -1), join(folder, "nothing"), ...whereIs(server)]);
  expect(lost.stderr).toContain("the password for your server");
  expect(`${refused.stderr}${lost.stderr}`).not.toMatch(/old server|will not do/);
  given[signIn] = [200, session];

  given[preferences] = [200, { preferences: [{ $type: "app.example.pref" }] }];
  const whole = await run([...args, ...whereIs(server)]);
  expect(whole.exitCode).toBe(0);
  expect(whole.stdout).toContain("Private data  preferences and e-mail address: keep");

  // What is refused, and what is no answer; where nothing else has changed, and where a new snapshot is made.
  for (const [answer, more] of [
    [[400, { error: "InvalidRequest", message: "not today" }], {}],
    [[200, {}], { email: "alice@example.com" }],
  ] as const) {
    given[preferences] = [...answer];
    Object.assign(session, more);
    const { exitCode, stdout } = await run([...args, ...whereIs(server), "--json"]);
    expect(exitCode).toBe(6);
    expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
      leftOut: [{ part: "preferences" }],
      private: true,
    });
  }
  const poor = await run([...args, ...whereIs(server)]);
  expect(poor.exitCode).toBe(6);
  expect(poor.stdout).toContain("is not complete: the server did not give the preferences.");
  expect(poor.stdout).toContain("Private data  e-mail address: keep");
});
