/** What is taken from a server: each limit met, and exceeded by one. docs/LIMITS.md is the table. */
import type { ServerResponse } from "node:http";
import { createServer, type Socket } from "node:net";
import { Readable } from "node:stream";
import { afterAll, describe, expect, test } from "vitest";
import { headAt } from "../../src/account/places.ts";
import { wantedBlobs } from "../../src/archive/export/wanted-blobs.ts";
import { budgets, limitName, limitsWith, type BudgetName, type Limits } from "../../src/data/budgets.ts";
import { cidFor } from "../../src/data/cid.ts";
import { announcedWait, Allowances } from "../../src/services/http/allowances.ts";
import { readBody, readBytes } from "../../src/services/http/http-answer.ts";
import { Http } from "../../src/services/http/http.ts";
import { Pds, type Download } from "../../src/services/servers/pds.ts";
import { createPlcDirectory } from "../../src/services/servers/plc-directory.ts";
import { fetchWebDocument } from "../../src/services/servers/did-web.ts";
import { readJsonStream } from "../../src/services/disk/json-file.ts";
import { timerTime } from "../../src/services/wait.ts";
import { listen } from "../network/ports.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const signal = AbortSignal.timeout(60_000);
const opened: Http[] = [];
afterAll(() => opened.forEach((http) => http.close()));

function withLimits(changed: Partial<Limits>): Http {
  const http = new Http({ allowPrivateHosts: true, userAgent: "test", random: () => 0, limits: limitsWith(changed) });
  opened.push(http);
  return http;
}

/** Answers with so many bytes, which are announced or not. */
function sendBytes(response: ServerResponse, size: number, announced: boolean, type = "image/png"): void {
  response.writeHead(200, { "content-type": type, ...(announced ? { "content-length": String(size) } : {}) });
  if (!announced) {
    response.write("");
    response.flushHeaders();
  }
  response.end(Buffer.alloc(size));
}

async function sizeOf({ bytes }: Download): Promise<number> {
  let size = 0;
  for await (const piece of bytes) {
    size += piece.length;
  }
  return size;
}

/** JSON of exactly so many bytes: `text` with blanks before its end. */
function padded(text: string, size: number): string {
  return text.slice(0, -1).padEnd(size - 1) + text.slice(-1);
}

const car = "application/vnd.ipld.car";
const commit = cidFor("dag-cbor", Buffer.from("x"));

interface Row {
  readonly limit: BudgetName;
  /** What is set, and what is just within it. */
  readonly most: number;
  readonly answer: (response: ServerResponse, amount: number, request: string) => void;
  readonly ask: (http: Http, server: ScriptedServer) => Promise<unknown>;
}

const sendText = (response: ServerResponse, text: string): void =>
  void response.writeHead(200, { "content-type": "application/json" }).end(text);

const list = async (http: Http, { origin }: ScriptedServer): Promise<string[]> => {
  const found: string[] = [];
  for await (const cid of new Pds(http, origin).listBlobs(did, signal)) {
    found.push(cid);
  }
  return found;
};
const directory = (http: Http, { origin }: ScriptedServer) => createPlcDirectory(http, origin);
const blob = async (http: Http, { origin }: ScriptedServer): Promise<number> =>
  sizeOf(await new Pds(http, origin).getBlob(did, "x", signal));

/** So many pages: the number of the page is its name. */
function sendPage(response: ServerResponse, request: string, pages: number, cids: (page: number) => string[]): void {
  const page = Number(new URL(request, "http://localhost").searchParams.get("cursor") ?? "1");
  sendJson(response, 200, { cids: cids(page), ...(page < pages ? { cursor: String(page + 1) } : {}) });
}

const rows: readonly Row[] = [
  { limit: "blobBytes", most: 100, answer: (response, size) => sendBytes(response, size, true), ask: blob },
  { limit: "blobBytes", most: 100, answer: (response, size) => sendBytes(response, size, false), ask: blob },
  {
    limit: "repoBytes",
    most: 100,
    answer: (response, size) => sendBytes(response, size, false, car),
    ask: async (http, { origin }) => sizeOf(await new Pds(http, origin).getRepo(did, signal)),
  },
  {
    limit: "commitBytes",
    most: 100,
    answer: (response, size, request) =>
      request.includes("getLatestCommit")
        ? sendJson(response, 200, { cid: commit, rev: "3mzzzzzzzzzz2" })
        : sendBytes(response, size, false, car),
    ask: async (http, { origin }) => headAt(new Pds(http, origin), did, signal),
  },
  {
    limit: "jsonBytes",
    most: 100,
    answer: (response, size) => sendText(response, padded('{"preferences":[]}', size)),
    ask: async (http, { origin }) => new Pds(http, origin).getPreferences(signal),
  },
  {
    limit: "jsonValues",
    most: 20,
    // The object and the list are values, too.
    answer: (response, count) =>
      sendText(
        response,
        `{"preferences":[${Array(count - 2)
          .fill("1")
          .join(",")}]}`,
      ),
    ask: async (http, { origin }) => new Pds(http, origin).getPreferences(signal),
  },
  {
    limit: "jsonDepth",
    most: 10,
    answer: (response, depth) => sendText(response, `{"preferences":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`),
    ask: async (http, { origin }) => new Pds(http, origin).getPreferences(signal),
  },
  {
    limit: "documentBytes",
    most: 100,
    answer: (response, size) => sendText(response, padded('{"id":"x"}', size)),
    ask: async (http, server) => directory(http, server).document(did, signal),
  },
  {
    limit: "documentBytes",
    most: 100,
    answer: (response, size) => sendText(response, padded('{"id":"x"}', size)),
    ask: async (http, { origin }) => fetchWebDocument(http, `did:web:localhost%3A${new URL(origin).port}`, signal),
  },
  {
    limit: "logBytes",
    most: 100,
    answer: (response, size) => sendText(response, padded("[]", size)),
    ask: async (http, server) => directory(http, server).auditLog(did, signal),
  },
  {
    limit: "handleBytes",
    most: 100,
    answer: (response, size) => sendBytes(response, size, false, "text/plain"),
    ask: async (http, { origin }) => {
      const url = new URL(origin);
      return readBody(await http.send({ url, signal }), url, "handleBytes");
    },
  },
  {
    limit: "listPages",
    most: 3,
    answer: (response, pages, request) => sendPage(response, request, pages, (page) => [String(page)]),
    ask: list,
  },
  {
    limit: "listEmptyPages",
    most: 3,
    answer: (response, pages, request) => sendPage(response, request, pages + 1, (page) => (page > pages ? ["x"] : [])),
    ask: list,
  },
  {
    limit: "listEntries",
    most: 7,
    answer: (response, count, request) =>
      sendPage(response, request, 2, (page) =>
        Array.from({ length: page === 1 ? 4 : count - 4 }, (_, i) => `${page} ${i}`),
      ),
    ask: list,
  },
  {
    limit: "listRepeats",
    most: 3,
    answer: (response, count) => sendJson(response, 200, { cids: Array(count + 1).fill(commit) }),
    ask: async (http, { origin }) => {
      const pds = new Pds(http, origin);
      return wantedBlobs(
        undefined,
        pds.listBlobs(did, signal),
        { pds, did } as Parameters<typeof wantedBlobs>[2],
        [],
        signal,
        () => undefined,
      );
    },
  },
  {
    limit: "entryLength",
    most: 50,
    answer: (response, length) => sendJson(response, 200, { cids: ["x".repeat(length)] }),
    ask: list,
  },
  {
    limit: "cursorLength",
    most: 50,
    answer: (response, length, request) =>
      sendJson(response, 200, request.includes("cursor=") ? { cids: [] } : { cids: ["a"], cursor: "x".repeat(length) }),
    ask: list,
  },
];

describe("what is met passes, and one more does not", () => {
  test.each(rows.map((row) => [limitName(row.limit), row] as const))(
    "%s",
    async (name, { limit, most, answer, ask }) => {
      let amount = most;
      await using server = await scriptedServer((request, response) => answer(response, amount, request.url ?? ""));
      const http = withLimits({ [limit]: most });
      await ask(http, server);
      amount = most + 1;
      const before = server.requests.length;
      const error: unknown = await ask(http, server).then(
        () => undefined,
        (caught: unknown) => caught,
      );
      const { flag } = budgets[limit];
      expect(error).toMatchObject({
        code: flag ? "limit-exceeded" : "bad-answer",
        message: expect.stringMatching(new RegExp(`more than ${most} `)) as unknown,
        hint: flag ? (expect.stringContaining(`--limit ${name}=NUMBER`) as unknown) : (expect.any(String) as unknown),
        data: { limit: name, most },
      });
      // It is not asked for again: it would be as much. Lists take a request for each page.
      expect(server.requests.length - before).toBeLessThanOrEqual(limit.startsWith("list") ? most + 1 : 2);
    },
  );
});

test("of what goes with a refusal, more than errorBytes is not read", async () => {
  const text = JSON.stringify({ error: "RepoNotFound", message: "no" });
  let size = text.length;
  await using server = await scriptedServer((_, response) =>
    response.writeHead(400, { "content-type": "application/json" }).end(padded(text, size)),
  );
  const pds = new Pds(withLimits({ errorBytes: text.length }), server.origin);
  await expect(pds.latestCommit(did, signal)).rejects.toMatchObject({ data: { error: "RepoNotFound" } });
  size += 1;
  await expect(pds.latestCommit(did, signal)).rejects.toMatchObject({ data: { error: undefined, status: 400 } });
});

test("the head of an answer: httpHeaderBytes", async () => {
  let size = 1000;
  await using server = await scriptedServer((_, response) =>
    sendJson(response, 200, {}, { "x-long": "x".repeat(size) }),
  );
  const url = new URL(server.origin);
  const http = withLimits({ httpHeaderBytes: 1500, attempts: 1 });
  (await http.send({ url, signal })).body.resume();
  size = 1500;
  await expect(http.send({ url, signal })).rejects.toMatchObject({
    code: "unreachable",
    message: expect.stringContaining("the head of its answer has more than") as unknown,
  });
});

test("attempts: so often, and not once more", async () => {
  await using server = await scriptedServer((_, response) => response.writeHead(500).end());
  const url = new URL(server.origin);
  const http = withLimits({ attempts: 2 });
  (await http.send({ url, signal })).body.resume();
  expect(server.requests).toHaveLength(2);
  // A request may ask for fewer, and not for more.
  (await http.send({ url, signal, attempts: 1 })).body.resume();
  expect(server.requests).toHaveLength(3);
  (await http.send({ url, signal, attempts: 3 })).body.resume();
  expect(server.requests).toHaveLength(5);
});

/** Pieces, and by how much each makes the clock go on. */
async function read(pieces: readonly (readonly [number, number])[], readerTakes = 0): Promise<number> {
  let clock = 0;
  const body = Readable.from(
    (function* () {
      for (const [size, milliseconds] of pieces) {
        clock += milliseconds;
        yield Buffer.alloc(size);
      }
    })(),
  );
  const limits = limitsWith({ paceTime: 1000, paceBytes: 100 });
  let size = 0;
  const url = new URL("https://slow.example");
  for await (const piece of readBytes({ status: 200, headers: {}, body, limits }, url, "blobBytes", () => clock)) {
    size += piece.length;
    clock += readerTakes;
  }
  return size;
}

/** JSON of exactly so many bytes, as a stream. */
async function* sent(size: number): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from("[]"));
  yield Buffer.alloc(size - 2, " ");
}

test("fileBytes: JSON that is named, or comes on the standard input", async () => {
  const most = budgets.fileBytes.most;
  expect(await readJsonStream(sent(most), "-")).toEqual([]);
  await expect(readJsonStream(sent(most + 1), "-")).rejects.toMatchObject({
    code: "unreadable-file",
    message: expect.stringContaining(`longer than ${most} bytes`) as unknown,
  });
});

describe("time", () => {
  const soon = 60;

  test.each<[Partial<Limits>, boolean, string]>([
    [{ answerTime: soon }, false, "no answer within the time limit"],
    [{ importTime: soon }, true, "no answer within the time limit"],
  ])("%j", async (limits, patient, message) => {
    await using server = await scriptedServer(() => undefined);
    const http = withLimits({ ...limits, attempts: 1 });
    await expect(http.send({ url: new URL(server.origin), signal, patient })).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringContaining(message) as unknown,
    });
  });

  test("connectTime", async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket));
    const port = await listen(silent, 0);
    const http = withLimits({ connectTime: soon, attempts: 1 });
    await expect(http.send({ url: new URL(`https://127.0.0.1:${port}`), signal })).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringContaining("no connection within the time limit") as unknown,
    });
    sockets.forEach((socket) => socket.destroy());
    silent.close();
  });

  test.each<[Partial<Limits>, string]>([
    [{ idleTime: soon }, "the answer stopped half way"],
    [{ smallBodyTime: soon }, "took too long for its answer"],
  ])("%j", async (limits, message) => {
    await using server = await scriptedServer((_, response) => response.writeHead(200).write("{"));
    const url = new URL(server.origin);
    const http = withLimits({ ...limits, attempts: 1 });
    await expect(readBody(await http.send({ url, signal }), url)).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringContaining(message) as unknown,
    });
  });

  test("paceTime and paceBytes: a server that drips makes no progress, however long it drips", async () => {
    const drip = Array.from({ length: 1000 }, () => [1, 50] as const);
    await expect(read(drip)).rejects.toMatchObject({
      code: "unreachable",
      message: "slow.example answers too slowly: 20 bytes in 1 seconds of waiting, where 100 are the least.",
      data: { limit: "pace-bytes" },
    });
    expect(await read(drip.map(() => [5, 50]))).toBe(5000);
    await expect(read(drip.map(() => [4, 50]))).rejects.toMatchObject({ code: "unreachable" });
  });

  test("what the reader takes is no waiting", async () => {
    // All is read ahead from such a source: it is waited for only once.
    expect(
      await read(
        Array.from({ length: 100 }, () => [1, 0] as const),
        500,
      ),
    ).toBe(100);
  });
});

describe("how long a server may ask to wait", () => {
  const numbers = [
    "-5",
    "0",
    "1.5",
    "1e3",
    "86400",
    "1e300",
    "1e400",
    "-1e400",
    "NaN",
    "",
    " ",
    "soon",
    "9".repeat(400),
  ];
  const dates = ["Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "+275760-09-13T00:00:00.000Z"];
  const statuses = [429, 500, 502, 503, 504];

  test.each([...numbers, ...dates])("%j is a wait that can be told, or none", (said) => {
    const headers = [
      { "retry-after": said },
      { "ratelimit-remaining": "0", "ratelimit-reset": said },
      { "ratelimit-remaining": "0", "ratelimit-reset": said, date: said },
    ];
    for (const wait of headers.map((one) => announcedWait(one, Date.now()))) {
      expect(wait ?? 0).toBeGreaterThanOrEqual(0);
      expect(wait ?? 0).toBeLessThanOrEqual(budgets.believedWait.most);
      expect(new Date(Date.now() + (wait ?? 0)).toISOString()).toMatch(/^20/);
    }
    const allowances = new Allowances();
    const url = new URL("https://a.example");
    allowances.observe(url, { ...headers[1], "ratelimit-policy": `1;w=${"9".repeat(400)}` }, Date.now());
    expect(allowances.take(url, Date.now())).toBeLessThanOrEqual(budgets.believedWait.most);
    expect(allowances.of(url, Date.now())?.window ?? 0).toBeLessThanOrEqual(budgets.believedWait.most);
  });

  test.each(statuses.flatMap((status) => ["2", "1e300", dates[0]!].map((said) => [status, said] as const)))(
    "longestWait, with %i and %j: nothing is waited for, and the error says until when",
    async (status, said) => {
      await using server = await scriptedServer((_, response) =>
        response.writeHead(status, { "retry-after": said }).end(),
      );
      const http = withLimits({ longestWait: 1000 });
      await expect(http.send({ url: new URL(server.origin), signal })).rejects.toMatchObject({
        code: "rate-limited",
        exitCode: 8,
        data: { until: expect.stringMatching(/^20\d\d-/) as unknown },
      });
      expect(server.requests).toHaveLength(1);
    },
  );

  test("a timer gets what a timer takes", () => {
    const odd = [-303, 0, 1.5, 2 ** 31, Infinity, -Infinity, Number.NaN];
    expect(odd.map(timerTime)).toEqual([0, 0, 1.5, 2 ** 31 - 1, 2 ** 31 - 1, 0, 0]);
  });
});
