/** A server without a method is told apart from one that refuses, and what it has is asked for in another way. */
import { afterAll, describe, expect, test } from "vitest";
import { headAt } from "../../src/account/places.ts";
import { DecampError, type ErrorCode } from "../../src/errors.ts";
import { Http } from "../../src/services/http/http.ts";
import { isMissingMethod } from "../../src/services/servers/missing-method.ts";
import { Pds } from "../../src/services/servers/pds.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { aliceDid, makeAccount } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";

const http = new Http({ allowPrivateHosts: true, userAgent: "decamp/test", random: () => 0 });
const signal = AbortSignal.timeout(30_000);
afterAll(() => http.close());

test.each<[string, ErrorCode, object, boolean]>([
  ["the reference server", "server-refused", { status: 501, error: "MethodNotImplemented" }, true],
  ["one that hands on what it does not know", "server-refused", { status: 404, error: "XRPCNotSupported" }, true],
  ["that name with another status", "server-refused", { status: 400, error: "MethodNotImplemented" }, true],
  ["a sentence", "server-refused", { status: 400, error: "InvalidRequest", detail: "Unknown method" }, true],
  ["another sentence", "server-refused", { status: 404, error: "NotFound", detail: "Method not found" }, true],
  ["a 404 without a name", "bad-answer", { status: 404 }, true],
  ["a 405", "bad-answer", { status: 405 }, true],
  ["a 501 without a name", "bad-answer", { status: 501 }, true],
  ["an account that is not there", "server-refused", { status: 404, error: "RepoNotFound" }, false],
  ["a 404 under a name", "server-refused", { status: 404, error: "NotFound", detail: "Not found" }, false],
  ["a refusal", "server-refused", { status: 400, error: "InvalidRequest", detail: "Bad DID" }, false],
  ["a refusal without a name", "bad-answer", { status: 400 }, false],
  ["a failure of the server", "server-refused", { status: 500, error: "InternalServerError" }, false],
  ["a failure before the server", "bad-answer", { status: 502 }, false],
  ["a session that is asked for", "server-refused", { status: 401, error: "AuthMissing" }, false],
  ["a redirect", "bad-answer", { status: 302 }, false],
  ["a store that it leads to", "bad-answer", { status: 404, to: "files.example" }, false],
  ["an answer that cannot be read", "bad-answer", { status: 200 }, false],
  ["a server that cannot be reached", "unreachable", {}, false],
])("%s", (_, code, data, missing) => {
  expect(isMissingMethod(new DecampError(code, "No.", { data: { ...data } }))).toBe(missing);
});

const account = await makeAccount({ records: [{ key: "app.example.note/one", value: { text: "hello" } }] });
const car = makeCar(account.commit.cid, account.blocks);

/** A server that has getRepo, and of the others only what is named. */
async function bare(repo: Uint8Array | string, others: Record<string, object> = {}): Promise<ScriptedServer> {
  return scriptedServer((request, response) => {
    const method = new URL(request.url ?? "", "http://localhost").pathname.replace("/xrpc/com.atproto.sync.", "");
    const other = others[method];
    if (method === "getRepo" && other === undefined) {
      response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).end(repo);
    } else if (other === undefined) {
      response.writeHead(404, { "content-type": "text/html" }).end("<h1>No</h1>");
    } else {
      sendJson(response, 400, other);
    }
  });
}

test("a method that has answered is there: it cannot vanish within a run", async () => {
  let asked = 0;
  await using server = await scriptedServer((_, response) => {
    asked += 1;
    sendJson(
      response,
      asked === 1 ? 200 : 501,
      asked === 1 ? { cid: "bafy", rev: "3k" } : { error: "MethodNotImplemented" },
    );
  });
  const pds = new Pds(http, server.origin);
  await pds.statedHead(aliceDid, signal);
  const vanished = { code: "bad-answer", message: expect.stringContaining("has answered") as string };
  await expect(pds.latestCommit(aliceDid, signal)).rejects.toMatchObject(vanished);
  // One that never did is done without.
  await expect(pds.getBlocks(aliceDid, [], signal)).rejects.toSatisfy(isMissingMethod);
});

describe("the head of a server without getLatestCommit", () => {
  test("is the root of the repository that it gives out, of which no more than the beginning is read", async () => {
    await using server = await scriptedServer((request, response) => {
      if (request.url?.includes("getRepo") !== true) {
        sendJson(response, 501, { error: "MethodNotImplemented", message: "Method Not Implemented" });
        return;
      }
      // The rest never comes.
      response
        .writeHead(200, { "content-type": "application/vnd.ipld.car" })
        .write(Buffer.concat([car, Buffer.alloc(5000)]));
    });
    expect(await new Pds(http, server.origin).latestCommit(aliceDid, signal)).toEqual({ cid: account.commit.cid });
  });

  test("and without getBlocks is read there, too", async () => {
    await using server = await bare(car);
    const { cid } = account.commit;
    expect(await headAt(new Pds(http, server.origin), aliceDid, signal)).toMatchObject({
      commit: cid,
      did: aliceDid,
      data: account.data,
    });
  });

  test.each(["", "<h1>No</h1>", "x".repeat(10_000)])("is none if that is no repository: %.20j", async (repo) => {
    await using server = await bare(repo);
    await expect(new Pds(http, server.origin).latestCommit(aliceDid, signal)).rejects.toMatchObject({
      code: "bad-answer",
    });
  });

  test("is looked for there, too, when the server refuses to say it of an account that is not active", async () => {
    await using server = await bare(car, { getLatestCommit: { error: "RepoDeactivated", message: "It is." } });
    expect(await new Pds(http, server.origin).latestCommit(aliceDid, signal)).toEqual({ cid: account.commit.cid });
  });

  test("is refused where the repository is, too", async () => {
    const refusal = { error: "RepoDeactivated", message: "It is." };
    const refusals = { getLatestCommit: refusal, getRepo: { error: "RepoTakendown", message: "It was." } };
    await using server = await bare(car, refusals);
    await expect(new Pds(http, server.origin).latestCommit(aliceDid, signal)).rejects.toMatchObject({
      data: { error: "RepoDeactivated" },
    });
  });
});
