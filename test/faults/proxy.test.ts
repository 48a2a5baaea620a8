/** The proxy itself: each fault is what it says. The client is Node's own, which repeats nothing and hides nothing. */
import { once } from "node:events";
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { startProxy, type Fault, type Proxy } from "./proxy.ts";
import {
  askedOtherwise,
  changedJson,
  cut,
  drip,
  drop,
  end,
  endlessPages,
  flip,
  late,
  loseAnswer,
  meanwhile,
  otherBytes,
  rateLimited,
  refuse,
  silence,
  status,
  truncate,
  webPage,
} from "./faults.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "./scripted-server.ts";

const nsid = "com.example.list";

interface Received {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** the code of the error that ended it early */
  broken?: string;
}

async function ask(proxy: Proxy, path = `/xrpc/${nsid}`, body?: string): Promise<Received> {
  const received: Received = { status: 0, headers: {}, body: "" };
  try {
    const request = httpRequest(new URL(path, proxy.url), {
      method: body === undefined ? "GET" : "POST",
      headers: body === undefined ? {} : { "content-type": "application/json", authorization: "Bearer secret" },
      agent: false,
    });
    request.on("error", () => undefined); // one that comes behind the head ends the answer, too
    request.end(body);
    const [answer] = (await once(request, "response")) as [IncomingMessage];
    received.status = answer.statusCode ?? 0;
    received.headers = answer.headers;
    for await (const piece of answer.setEncoding("utf8")) {
      received.body += String(piece);
    }
  } catch (error) {
    received.broken = (error as NodeJS.ErrnoException).code ?? "";
  }
  return received;
}

/** A server that answers `{"count": N}`, N being the number of the request, and a proxy before it. */
async function pair(): Promise<{ server: ScriptedServer; proxy: Proxy } & AsyncDisposable> {
  const server = await scriptedServer((_, response, count) => sendJson(response, 200, { count }));
  const proxy = await startProxy({ targetPort: Number(new URL(server.origin).port) });
  return {
    server,
    proxy,
    [Symbol.asyncDispose]: async () => {
      await proxy.stop();
      await server[Symbol.asyncDispose]();
    },
  };
}

test("without a rule everything goes through, and is remembered", async () => {
  await using bed = await pair();
  expect(await ask(bed.proxy, "/did:plc:abc/log/audit?x=1")).toMatchObject({ status: 200, body: '{"count":1}' });
  await ask(bed.proxy, `/xrpc/${nsid}`, '{"a":1}');
  await ask(bed.proxy, "/did:plc:abc", "{}");
  await ask(bed.proxy, `/xrpc/${nsid}?y=2`);
  expect(bed.proxy.recording.requests).toEqual([
    { method: "GET", path: "/did:plc:abc/log/audit?x=1", kind: "DID/log/audit", ordinal: 1, status: 200 },
    {
      method: "POST",
      path: `/xrpc/${nsid}`,
      kind: nsid,
      ordinal: 1,
      authorization: "Bearer secret",
      body: '{"a":1}',
      status: 200,
    },
    {
      method: "POST",
      path: "/did:plc:abc",
      kind: "POST DID",
      ordinal: 1,
      authorization: "Bearer secret",
      body: "{}",
      status: 200,
    },
    { method: "GET", path: `/xrpc/${nsid}?y=2`, kind: nsid, ordinal: 2, status: 200 },
  ]);
});

test("a rule meets the requests it names, and no others", async () => {
  await using bed = await pair();
  await ask(bed.proxy);
  const second = bed.proxy.when({ kind: nsid, nth: 2 }, status(500));
  const twice = bed.proxy.when({ kind: /^com\.example\.o/, times: 2 }, status(502));
  const statuses: number[] = [];
  for (const kind of [nsid, "com.example.other", nsid, "com.example.one", "com.example.other", nsid]) {
    statuses.push((await ask(bed.proxy, `/xrpc/${kind}`)).status);
  }
  expect(statuses).toEqual([200, 502, 500, 502, 200, 200]);
  expect(second.hits.map(({ ordinal }) => ordinal)).toEqual([3]);
  expect(twice.hits.map(({ kind }) => kind)).toEqual(["com.example.other", "com.example.one"]);
  bed.proxy.when({}, status(503));
  bed.proxy.behave();
  expect((await ask(bed.proxy)).status).toBe(200);
});

const json = '{"count":1}';

/** The fault, what the client gets, and how often the server was asked. */
const cases: [string, Fault, Partial<Received>, number][] = [
  ["drop", drop(), { status: 0, broken: "ECONNRESET" }, 0],
  ["loseAnswer", loseAnswer(), { status: 0, broken: "ECONNRESET" }, 1],
  ["cut", cut(4), { status: 200, body: json.slice(0, 4), broken: "ECONNRESET" }, 1],
  ["truncate", truncate(4), { status: 200, body: json.slice(0, 4) }, 1],
  ["flip", flip(9), { status: 200, body: '{"count":0}' }, 1],
  ["late", late(1), { status: 200, body: json }, 1],
  ["drip", drip(3, 1), { status: 200, body: json }, 1],
  ["status", status(503, { "retry-after": "1" }, "busy"), { status: 503, body: "busy" }, 0],
  ["refuse", refuse(400, "Odd", "No."), { status: 400, body: '{"error":"Odd","message":"No."}' }, 0],
  ["changedJson", changedJson(({ count }) => [count]), { status: 200, body: "[1]" }, 1],
  ["endlessPages", endlessPages(), { status: 200, body: '{"count":1,"cursor":"page-1"}' }, 1],
  ["otherBytes", otherBytes(Buffer.from("xyz")), { status: 200, body: "xyz" }, 1],
];

test.each(cases)("%s", async (_, fault, expected, asked) => {
  await using bed = await pair();
  bed.proxy.when({}, fault);
  const received = await ask(bed.proxy);
  expect(received).toMatchObject(expected);
  expect(received.broken).toBe(expected.broken);
  expect(bed.server.requests).toHaveLength(asked);
});

test("a limit says in every way when it ends", async () => {
  await using bed = await pair();
  bed.proxy.when({}, rateLimited(86_400));
  const { status: code, headers, body } = await ask(bed.proxy);
  expect({ code, body: JSON.parse(body) as unknown }).toMatchObject({
    code: 429,
    body: { error: "RateLimitExceeded" },
  });
  expect(headers).toMatchObject({ "retry-after": "86400", "ratelimit-remaining": "0" });
  expect(Number(headers["ratelimit-reset"])).toBeGreaterThan(Date.now() / 1000 + 86_000);
});

test("a web page is a success in HTML", async () => {
  await using bed = await pair();
  bed.proxy.when({}, webPage());
  const { status: code, headers } = await ask(bed.proxy);
  expect({ code, type: headers["content-type"] }).toEqual({ code: 200, type: "text/html; charset=utf-8" });
});

test("silence reaches nobody, and ends with the proxy", async () => {
  const bed = await pair();
  bed.proxy.when({}, silence());
  const unanswered = ask(bed.proxy);
  await expect.poll(() => bed.proxy.recording.requests.length, { timeout: 20_000 }).toBe(1);
  expect(bed.server.requests).toEqual([]);
  await bed[Symbol.asyncDispose]();
  expect(await unanswered).toMatchObject({ status: 0, broken: "ECONNRESET" });
});

test.each(["before", "after"] as const)("work can be done %s the server's", async (moment) => {
  await using bed = await pair();
  const seen: number[] = [];
  bed.proxy.when(
    {},
    meanwhile(moment, async () => {
      seen.push(bed.server.requests.length);
    }),
  );
  expect((await ask(bed.proxy)).body).toBe(json);
  expect(seen).toEqual([moment === "before" ? 0 : 1]);
});

test.each([
  ["before", 0],
  ["after", 1],
] as const)("the end can come %s the server's work", async (moment, asked) => {
  await using bed = await pair();
  let ended = false;
  bed.proxy.when(
    {},
    end(moment, async () => {
      ended = true;
    }),
  );
  expect(await ask(bed.proxy, undefined, "{}")).toMatchObject({ status: 0, broken: "ECONNRESET" });
  expect({ ended, asked: bed.server.requests.length }).toEqual({ ended: true, asked });
});

test("the server can be asked for something else", async () => {
  await using echo = await scriptedServer((_, response, __, body) => sendJson(response, 200, JSON.parse(body)));
  const proxy = await startProxy({ targetPort: Number(new URL(echo.origin).port) });
  proxy.when(
    {},
    askedOtherwise((body) => ({ ...body, b: "two" })),
  );
  expect((await ask(proxy, undefined, '{"a":1}')).body).toBe('{"a":1,"b":"two"}');
  await proxy.stop();
});
