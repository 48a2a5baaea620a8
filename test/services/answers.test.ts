/** Whatever a server answers, a call gives what its type says, or a DecampError. */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { budgets } from "../../src/data/budgets.ts";
import { Http } from "../../src/services/http/http.ts";
import { Pds } from "../../src/services/servers/pds.ts";
import { createPlcDirectory } from "../../src/services/servers/plc-directory.ts";
import { createRelay } from "../../src/services/servers/relay.ts";
import { scriptedServer, sendJson } from "../faults/scripted-server.ts";
import { fuzzAnswers } from "./fuzz/answers.ts";
import { methods } from "./fuzz/methods.ts";

const http = new Http({ allowPrivateHosts: true, userAgent: "decamp/test", random: () => 0 });
const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const signal = AbortSignal.timeout(60_000);
afterAll(() => http.close());

test("no malformed answer to any call is taken, crashes it, or makes it hang", async () => {
  const { cases, taken, faults } = await fuzzAnswers({ seed: 7, every: 10, mutations: 300 }, () => false);
  expect(faults).toEqual([]);
  expect(taken).toBeGreaterThan(0);
  expect(taken).toBeLessThan(cases / 2);
});

const asked = async (body: string): Promise<unknown> => {
  await using server = await scriptedServer((_, response) =>
    response.writeHead(200, { "content-type": "application/json" }).end(body),
  );
  return await new Pds(http, server.origin).getPreferences(signal);
};
const nested = (levels: number): string => `{"preferences":[${"[".repeat(levels)}${"]".repeat(levels)}]}`;

const listed = async (pages: readonly object[]): Promise<string[]> => {
  await using server = await scriptedServer((_, response, count) =>
    sendJson(response, 200, pages[count - 1] ?? { cids: ["one too many"] }),
  );
  const found: string[] = [];
  for await (const cid of new Pds(http, server.origin).listBlobs(did, signal)) {
    found.push(cid);
  }
  return [...found, ...server.requests.map(({ path }) => new URLSearchParams(path.split("?")[1]).get("cursor") ?? "")];
};

test("every method of a server that decamp names is among those calls", () => {
  const named = ["pds", "session", "relay"].flatMap((name) => {
    const source = readFileSync(new URL(`../../src/services/servers/${name}.ts`, import.meta.url), "utf8");
    return source.match(/\b(?:com\.atproto|app\.bsky)\.[a-z]+\.[A-Za-z]+\b/g) ?? [];
  });
  const called = new Set(methods.map(({ path }) => path));
  expect(named.length).toBeGreaterThan(20);
  expect([...new Set(named)].filter((nsid) => !called.has(nsid) && nsid !== "com.atproto.appPass")).toEqual([]);
});

describe("JSON that goes too far", () => {
  const jsonDepth = budgets.jsonDepth.most;

  test("the deepest that is read, and one level more, which the error names", async () => {
    expect(await asked(nested(jsonDepth - 2))).toHaveLength(1);
    await expect(asked(nested(jsonDepth - 1))).rejects.toMatchObject({
      code: "bad-answer",
      message: expect.stringContaining(`nested more than ${jsonDepth} levels deep`) as unknown,
    });
  });

  test("brackets in a text are no levels", async () => {
    const text = `${"[".repeat(1000)}\\"${"{".repeat(1000)}\\`;
    expect(await asked(JSON.stringify({ preferences: [text] }))).toEqual([text]);
  });
});

describe("lists", () => {
  test.each<[string, readonly object[], readonly string[]]>([
    ["an empty page is not the end", [{ cids: [], cursor: "a" }, { cids: ["x"] }], ["x", "", "a"]],
    ["an empty page at the end", [{ cids: ["x"], cursor: "a" }, { cids: [] }], ["x", "", "a"]],
    ["a name that is a number", [{ cids: ["x"], cursor: 0 }, { cids: ["y"] }], ["x", "y", "", "0"]],
    ["a name that is null", [{ cids: ["x"], cursor: null }], ["x", ""]],
    ["a name that is empty", [{ cids: ["x"], cursor: "" }], ["x", ""]],
  ])("%s", async (_name, pages, expected) => {
    expect(await listed(pages)).toEqual(expected);
  });

  test.each<[string, object]>([
    ["an object", { name: "a" }],
    ["yes", Object(true) as object],
    ["a number that was rounded", Object(2 ** 53) as object],
  ])("a name that is %s is no end of the list", async (_name, cursor) => {
    await expect(listed([{ cids: ["x"], cursor }])).rejects.toMatchObject({ code: "bad-answer" });
  });

  test("empty pages without end, each with a new name", async () => {
    const pages = Array.from({ length: 1000 }, (_, index) => ({ cids: [], cursor: index }));
    await expect(listed(pages)).rejects.toMatchObject({
      code: "bad-answer",
      message: expect.stringContaining("more than 100 empty pages in a row") as unknown,
    });
  });

  test("an entry without a DID does not hide the others", async () => {
    await using server = await scriptedServer((_, response) =>
      sendJson(response, 200, { repos: [{ toString: 1, valueOf: 1 }, { did }, null] }),
    );
    const found: string[] = [];
    for await (const listed of new Pds(http, server.origin).listRepos(signal)) {
      found.push(listed.did);
    }
    expect(found).toEqual(['{"toString":1,"valueOf":1}', did, "null"]);
  });
});

test("the state of another account says nothing of the one that was asked for", async () => {
  const said = { did: "did:plc:44ybard66vv44zksje25o7dz", active: false, status: "deleted" };
  await using server = await scriptedServer((_, response) => sendJson(response, 200, said));
  await expect(new Pds(http, server.origin).repoStatus(did, signal)).rejects.toMatchObject({ code: "bad-answer" });
  expect(await new Pds(http, server.origin).repoStatus(said.did, signal)).toEqual({ active: false, status: "deleted" });
});

describe("a refusal keeps its status", () => {
  test.each<[string, number, string, Record<string, string>]>([
    ["without a body", 400, "", {}],
    ["with a text", 413, "too large", { "content-type": "text/plain" }],
    ["with a web page", 404, "<h1>No</h1>", { "content-type": "text/html" }],
    ["with a body that is too long", 403, "x".repeat(1024 * 1024 + 1), {}],
    ["with fields that are no texts", 400, '{"error":{},"message":[]}', {}],
    ["with deep JSON", 400, "[".repeat(300_000), {}],
  ])("%s", async (_name, status, body, headers) => {
    await using server = await scriptedServer((_, response) => response.writeHead(status, headers).end(body));
    const expected = { code: "bad-answer", data: { status } };
    await expect(new Pds(http, server.origin).latestCommit(did, signal)).rejects.toMatchObject(expected);
    await expect(createRelay(http, server.origin).hostStatus("pds.test", signal)).rejects.toMatchObject(expected);
    const submitting = createPlcDirectory(http, server.origin).submit(did, {}, signal);
    await expect(submitting).rejects.toMatchObject({ code: "server-refused", data: { status } });
  });
});

test("a token that no header can carry opens no session", async () => {
  await using server = await scriptedServer((_, response) =>
    sendJson(response, 200, { did, handle: "alice.test", accessJwt: "a\r\nb", refreshJwt: "c" }),
  );
  const signingIn = new Pds(http, server.origin).signIn({ identifier: did, password: "hunter22" }, signal);
  await expect(signingIn).rejects.toMatchObject({ code: "bad-answer" });
});
