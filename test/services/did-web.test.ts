import { Readable } from "node:stream";
import { afterAll, expect, test } from "vitest";
import { fetchWebDocument } from "../../src/services/servers/did-web.ts";
import type { HttpAnswer } from "../../src/services/http/http-answer.ts";
import { Http, type HttpRequest } from "../../src/services/http/http.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";

const open = new Http({ allowPrivateHosts: true, userAgent: "decamp/test", random: () => 0 });
const guarded = new Http({ allowPrivateHosts: false, userAgent: "decamp/test", random: () => 0 });
afterAll(() => {
  open.close();
  guarded.close();
});
const signal = AbortSignal.timeout(30_000);

/** Ports belong only to did:webs of this machine. */
const didOf = ({ origin }: ScriptedServer): string => `did:web:localhost%3A${new URL(origin).port}`;

test("the document lies at one place of the host", async () => {
  const document = { id: "did:web:localhost" };
  await using server = await scriptedServer((_, response) => sendJson(response, 200, document));
  expect(await fetchWebDocument(open, didOf(server), signal)).toEqual(document);
  expect(server.requests.map(({ path }) => path)).toEqual(["/.well-known/did.json"]);
});

test.each<[string, boolean, string]>([
  ["did:web:localhost-shop.example.com", true, "https://localhost-shop.example.com"],
  ["did:web:localhost.example.com", true, "https://localhost.example.com"],
  ["did:web:shop.localhost", true, "https://shop.localhost"],
  ["did:web:localhost", true, "http://localhost"],
  ["did:web:localhost%3A2583", true, "http://localhost:2583"],
  ["did:web:localhost%3A2583", false, "https://localhost:2583"],
])("%s, private hosts allowed: %s, is asked at %s", async (did, allowPrivateHosts, origin) => {
  const asked: string[] = [];
  class Recording extends Http {
    override async send({ url }: HttpRequest): Promise<HttpAnswer> {
      asked.push(url.href);
      return Promise.resolve({ status: 200, headers: {}, body: Readable.from([Buffer.from("{}")]) });
    }
  }
  const http = new Recording({ allowPrivateHosts, userAgent: "decamp/test" });
  await fetchWebDocument(http, did, signal);
  expect(asked).toEqual([`${origin}/.well-known/did.json`]);
});

test("this machine is not asked unless that is allowed", async () => {
  await using server = await scriptedServer((_, response) => sendJson(response, 200, {}));
  await expect(fetchWebDocument(guarded, didOf(server), signal)).rejects.toMatchObject({ code: "private-address" });
  expect(server.requests).toEqual([]);
});

test.each<[string, number, Record<string, string>, string]>([
  ["no document", 404, {}, "account-not-found"],
  ["a document that was taken away", 410, {}, "account-not-found"],
  ["a redirect, which is not followed", 302, { location: "https://elsewhere.example.com/did.json" }, "server-refused"],
  ["a refusal", 403, {}, "server-refused"],
])("%s", async (_name, status, headers, code) => {
  await using server = await scriptedServer((_, response) => sendJson(response, status, {}, headers));
  await expect(fetchWebDocument(open, didOf(server), signal)).rejects.toMatchObject({ code });
  expect(server.requests).toHaveLength(1);
});

test.each(["did:plc:ewvi7nxzyoun6zhxrhs64oiz", "did:web:example.com:users:alice", "did:web:example.com%3A8080"])(
  "%s is none that AT Protocol allows",
  async (did) => {
    await expect(fetchWebDocument(open, did, signal)).rejects.toMatchObject({ code: "invalid-account" });
  },
);
