import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Http } from "../../src/services/http/http.ts";
import { createPlcDirectory } from "../../src/services/servers/plc-directory.ts";
import { scriptedServer, sendJson } from "../faults/scripted-server.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const http = new Http({ allowPrivateHosts: true, userAgent: "test" });
const { signal } = new AbortController();
let answer: { status: number; body: unknown };
let server: Awaited<ReturnType<typeof scriptedServer>>;
beforeAll(async () => {
  server = await scriptedServer((_, response) => sendJson(response, answer.status, answer.body));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  http.close();
});

async function submit(status: number, body: unknown): Promise<void> {
  answer = { status, body };
  return createPlcDirectory(http, server.origin).submit(did, { type: "plc_operation" }, signal);
}

describe("submitting to the directory", () => {
  test("sends it once, under the DID", async () => {
    const before = server.requests.length;
    await submit(200, "OK");
    expect(server.requests.slice(before)).toMatchObject([{ method: "POST", path: `/${did}` }]);
  });

  test("a refusal says what the directory says, and its status", async () => {
    await expect(submit(400, { message: "Invalid signature on op" })).rejects.toMatchObject({
      code: "server-refused",
      message: expect.stringContaining("answered 400: Invalid signature on op.") as unknown,
      data: { status: 400 },
    });
  });

  test("too many operations, which it says with 400, is a limit that passes", async () => {
    const message = "To many operations within last hour (max 10)";
    await expect(submit(400, { message })).rejects.toMatchObject({ code: "rate-limited", exitCode: 8 });
  });

  test("what it does not explain is not sent again", async () => {
    const before = server.requests.length;
    await expect(submit(500, "<html>")).rejects.toMatchObject({ code: "server-refused", data: { status: 500 } });
    expect(server.requests).toHaveLength(before + 1);
  });
});

async function ask(status: number, body: unknown): Promise<unknown> {
  answer = { status, body };
  return createPlcDirectory(http, server.origin).auditLog(did, signal);
}

describe("a log that is not there", () => {
  test("is one of an account that the directory does not know, if the directory says so", async () => {
    await expect(ask(404, { message: "DID not registered" })).rejects.toMatchObject({ code: "account-not-found" });
  });

  test.each(["404 Not Found", null, []])("is no answer of a directory with %j", async (body) => {
    await expect(ask(404, body)).rejects.toMatchObject({ code: "bad-answer", data: { status: 404 } });
  });
});
