/**
 * Which requests of an export wait for which: as few as possible for what is new, and none too many for what is known.
 */
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askAhead, type Ahead } from "../../src/archive/export/ahead.ts";
import { exportAccount, type ExportResult } from "../../src/archive/export/export-account.ts";
import { parseDidDocument } from "../../src/identity/did-document.ts";
import { Http } from "../../src/services/http/http.ts";
import { Pds } from "../../src/services/servers/pds.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { aliceDid, makeAccount, testNow, type Account } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";

const { signal } = new AbortController();
const http = new Http({ allowPrivateHosts: true, userAgent: "test" });

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "decamp-ahead-"));
});
afterEach(async () => rm(folder, { recursive: true }));

const account = await makeAccount({ records: [{ key: "app.example.note/one", value: { text: "hello" } }] });
const car = makeCar(account.commit.cid, account.blocks);

type Answer = (response: ServerResponse) => void;

/** A server that answers as it is told, and says what it was asked. */
async function server(
  answers: Record<string, Answer>,
  asked: string[],
  onAsked: (name: string) => void = () => undefined,
): Promise<ScriptedServer> {
  return scriptedServer((request, response) => {
    const name = new URL(request.url ?? "", "http://localhost").pathname.replace("/xrpc/com.atproto.sync.", "");
    asked.push(name);
    answers[name]?.(response);
    onAsked(name);
  });
}

const giveHead: Answer = (response) => {
  sendJson(response, 200, { cid: account.commit.cid, rev: "3mzzzzzzzzzz2" });
};
const giveRepo: Answer = (response) => {
  response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).end(car);
};
const giveList: Answer = (response) => {
  sendJson(response, 200, { cids: [] });
};

async function exportFrom({ origin }: ScriptedServer, { signer }: Account, ahead?: Ahead): Promise<ExportResult> {
  const document = parseDidDocument({ id: aliceDid }, aliceDid);
  return exportAccount(
    join(folder, "archive"),
    {
      did: aliceDid,
      pds: new Pds(http, origin),
      signingKeys: [signer.didKey],
      document: () => Promise.resolve(document),
    },
    {
      concurrency: 4,
      signal,
      now: testNow,
      sleep: () => Promise.resolve(),
      writtenBy: "test",
      lockOwner: { pid: process.pid, host: "here", isAlive: () => true },
      report: () => undefined,
    },
    ahead,
  );
}

test("a first export asks for the repository beside the head, and for the blobs while the repository comes", async () => {
  let head: ServerResponse | undefined;
  let repo: ServerResponse | undefined;
  const asked: string[] = [];
  const answers: Record<string, Answer> = {
    getLatestCommit: (response) => {
      head = response;
    },
    getRepo: (response) => {
      repo = response;
      response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).write(car.subarray(0, 10));
    },
    listBlobs: giveList,
  };
  // Each is answered only when the next one was asked for.
  await using held = await server(answers, asked, () => {
    if (head !== undefined && repo !== undefined && !head.writableEnded) {
      giveHead(head);
    }
    if (asked.includes("listBlobs")) {
      repo?.end(car.subarray(10));
    }
  });
  const { mode, manifest } = await exportFrom(held, account);
  expect(mode).toBe("full");
  expect(manifest.commit).toBe(account.commit.cid);
  expect(asked.toSorted()).toEqual(["getLatestCommit", "getRepo", "listBlobs"]);
});

test("what is in the archive already is not asked for", async () => {
  const asked: string[] = [];
  await using whole = await server({ getLatestCommit: giveHead, getRepo: giveRepo, listBlobs: giveList }, asked);
  await exportFrom(whole, account);
  asked.length = 0;
  expect(await exportFrom(whole, account)).toMatchObject({ mode: "unchanged" });
  expect(asked).toEqual(["getLatestCommit"]);
});

test("a repository that an interrupted run has left is not asked for", async () => {
  const asked: string[] = [];
  await using whole = await server({ getLatestCommit: giveHead, getRepo: giveRepo, listBlobs: giveList }, asked);
  const { manifest } = await exportFrom(whole, account);
  await rm(join(folder, "archive", "snapshots", manifest.snapshot, "manifest.json"));
  asked.length = 0;
  expect(await exportFrom(whole, account)).toMatchObject({ mode: "present" });
  expect(asked).toEqual(["getLatestCommit", "listBlobs"]);
});

test("what was asked before counts, unless it is about another account", async () => {
  const asked: string[] = [];
  await using whole = await server({ getLatestCommit: giveHead, getRepo: giveRepo, listBlobs: giveList }, asked);
  const archive = join(folder, "archive");
  const ask = async (did: string): Promise<Ahead> =>
    askAhead(archive, { pds: new Pds(http, whole.origin), did }, signal);
  const other = await ask("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa");
  expect(await exportFrom(whole, account, other)).toMatchObject({ mode: "full" });
  other.close();
  expect(asked.filter((name) => name === "getRepo").length).toBe(2);

  await rm(archive, { recursive: true });
  asked.length = 0;
  const ahead = await ask(aliceDid);
  expect(await exportFrom(whole, account, ahead)).toMatchObject({ mode: "full" });
  ahead.close();
  expect(asked.toSorted()).toEqual(["getLatestCommit", "getRepo", "listBlobs"]);
});

test("if the head is refused, that is the error, and the repository that is on its way is given up", async () => {
  const asked: string[] = [];
  let givenUp: Promise<unknown> | undefined;
  let head: ServerResponse | undefined;
  const answers: Record<string, Answer> = {
    getLatestCommit: (response) => {
      head = response;
    },
    getRepo: (response) => {
      givenUp = once(response, "close");
      response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).write(car.subarray(0, 10));
    },
  };
  await using refusing = await server(answers, asked, () => {
    if (head !== undefined && givenUp !== undefined) {
      sendJson(head, 400, { error: "RepoDeactivated", message: "Repo has been deactivated" });
    }
  });
  await expect(exportFrom(refusing, account)).rejects.toMatchObject({ code: "account-unavailable" });
  await givenUp;
  expect(asked.toSorted()).toEqual(["getLatestCommit", "getRepo"]);
  expect(await readdir(folder)).toEqual([]);
});
