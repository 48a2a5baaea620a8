import { createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { Http, type HttpOptions, type HttpRequest, type ServerWait } from "../../src/services/http/http.ts";
import { readBody, readJson } from "../../src/services/http/http-answer.ts";
import { scriptedServer, sendJson } from "../faults/scripted-server.ts";
import { listen } from "../network/ports.ts";

const clients: Http[] = [];

function open(options: Partial<HttpOptions> = {}): Http {
  // No jitter: the waits are as short as they get.
  const http = new Http({ allowPrivateHosts: true, userAgent: "decamp/test", random: () => 0, ...options });
  clients.push(http);
  return http;
}

function get(origin: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { url: new URL("/x", origin), signal: AbortSignal.timeout(20_000), ...more };
}

afterEach(() => {
  for (const http of clients.splice(0)) {
    http.close();
  }
});

describe("repeating", () => {
  test("a GET that fails with 503 is asked again", async () => {
    await using server = await scriptedServer((_, response, count) =>
      count < 3 ? response.writeHead(503).end() : sendJson(response, 200, { count }),
    );
    const request = get(server.origin);
    expect(await readJson(await open().send(request), request.url)).toEqual({ count: 3 });
  });

  test("a POST that may have been acted on is not", async () => {
    await using server = await scriptedServer((request) => request.socket.destroy());
    const request = get(server.origin, { method: "POST", body: "{}" });
    await expect(open().send(request)).rejects.toMatchObject({ code: "unreachable" });
    expect(server.requests).toHaveLength(1);
  });

  test("a POST that must not be sent twice is not sent where a server may be about to hang up", async () => {
    const used = new WeakSet<object>();
    await using server = await scriptedServer(({ socket }, response) => {
      // What comes over a connection that was used before meets one that ends.
      if (used.has(socket)) {
        socket.destroy();
      } else {
        used.add(socket);
        sendJson(response, 200, {});
      }
    });
    const http = open();
    const ask = async (more: Partial<HttpRequest> = {}): Promise<number> => {
      const request = get(server.origin, more);
      const answer = await http.send(request);
      await readJson(answer, request.url);
      return answer.status;
    };
    await ask();
    expect(await ask({ method: "POST", body: "{}" })).toBe(200);
    expect(await ask({ method: "POST", body: "{}" })).toBe(200);
    expect(server.requests).toHaveLength(3);
    // What may be sent twice goes over the one that there is, and is sent again.
    expect([await ask(), server.requests.length]).toEqual([200, 5]);
  });

  test("a question that was answered 500 to the end is asked less often the next time, until there is an answer", async () => {
    let status = 500;
    await using server = await scriptedServer((_, response) => response.writeHead(status).end());
    const http = open();
    const ask = async (path: string): Promise<number> => {
      const before = server.requests.length;
      (await http.send(get(server.origin, { url: new URL(path, server.origin) }))).body.resume();
      return server.requests.length - before;
    };
    expect([await ask("/one"), await ask("/one"), await ask("/other")]).toEqual([4, 2, 4]);
    status = 404;
    expect([await ask("/one"), await ask("/other")]).toEqual([1, 1]);
    status = 500;
    expect(await ask("/one")).toBe(4);
  });

  test("a POST that is answered 500 is not", async () => {
    await using server = await scriptedServer((_, response) => response.writeHead(500).end());
    const answer = await open().send(get(server.origin, { method: "POST", body: "{}" }));
    expect(answer.status).toBe(500);
    answer.body.resume();
    expect(server.requests).toHaveLength(1);
  });

  test("429 is waited out, for a POST too: it was not acted on", async () => {
    await using server = await scriptedServer((_, response, count) =>
      count === 1 ? response.writeHead(429, { "retry-after": "0" }).end() : sendJson(response, 200, {}),
    );
    const answer = await open().send(get(server.origin, { method: "POST", body: "{}" }));
    expect(answer.status).toBe(200);
    answer.body.resume();
  });

  test("a wait that is too long ends the run, and says until when", async () => {
    await using server = await scriptedServer((_, response) =>
      response.writeHead(429, { "retry-after": "86400" }).end(),
    );
    const before = Date.now();
    const error: unknown = await open()
      .send(get(server.origin))
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "rate-limited", exitCode: 8 });
    const { until } = (error as { data: { until: string } }).data;
    expect(Date.parse(until)).toBeGreaterThanOrEqual(before + 86_400_000);
  });
});

test("a wait of some seconds is told, and then it goes on", async () => {
  await using server = await scriptedServer((_, response, count) =>
    count === 1 ? response.writeHead(429, { "retry-after": "3" }).end() : sendJson(response, 200, {}),
  );
  const told: ServerWait[] = [];
  const http = new Http({ allowPrivateHosts: true, userAgent: "decamp/test", onWait: (wait) => told.push(wait) });
  clients.push(http);
  const answer = await http.send(get(server.origin));
  answer.body.resume();
  expect(answer.status).toBe(200);
  expect(told).toEqual([{ host: new URL(server.origin).host, milliseconds: 3000, reason: "rate-limit" }]);
});

test("a server that is busy, and says when it is not, is told apart from one that takes no more", async () => {
  await using server = await scriptedServer((_, response) => response.writeHead(503, { "retry-after": "60" }).end());
  const stop = new AbortController();
  const reasons: string[] = [];
  const http = open({
    onWait: ({ reason }) => {
      reasons.push(reason);
      stop.abort();
    },
  });
  await expect(http.send(get(server.origin, { signal: stop.signal }))).rejects.toThrow("aborted");
  expect(reasons).toEqual(["busy"]);
});

test("what a server asks of one request, the others keep to as well", async () => {
  let limited = 0;
  let early = 0;
  await using server = await scriptedServer((_, response, count) => {
    if (count === 1) {
      limited = performance.now();
      response.writeHead(429, { "retry-after": "1" }).end();
      return;
    }
    // Ten milliseconds are for what the two clocks make of a second.
    early += performance.now() - limited < 990 ? 1 : 0;
    sendJson(response, 200, {});
  });
  const first = Promise.withResolvers<undefined>();
  const http = open();
  const sent = http.send(get(server.origin, { onBusy: () => first.resolve(undefined) }));
  await first.promise;
  const others = ["/x", "/y", "/z"].map(async (path) =>
    http.send(get(server.origin, { url: new URL(path, server.origin) })),
  );
  for (const answer of await Promise.all([sent, ...others])) {
    answer.body.resume();
    expect(answer.status).toBe(200);
  }
  expect({ early, requests: server.requests.length }).toEqual({ early: 0, requests: 5 });
});

test("what waits for a server when everything is done keeps nobody waiting", async () => {
  await using server = await scriptedServer((_, response) => response.writeHead(503, { "retry-after": "200" }).end());
  const http = open();
  const asked = Promise.withResolvers<undefined>();
  const sent = http.send(get(server.origin, { onBusy: () => asked.resolve(undefined) }));
  sent.catch(() => undefined);
  await asked.promise;
  http.close();
  await expect(sent).rejects.toMatchObject({ code: "unreachable" });
});

test.each([
  [429, true],
  [500, true],
  [502, true],
  [503, true],
  [504, true],
  [404, false],
])("whether an answer of %i says that the server has too much to do: %j", async (status, isBusy) => {
  await using server = await scriptedServer((_, response, count) =>
    sendJson(response, count === 1 ? status : 200, {}, { "retry-after": "0" }),
  );
  let busy = 0;
  const answer = await open().send(get(server.origin, { onBusy: () => (busy += 1) }));
  answer.body.resume();
  expect(busy).toBe(isBusy ? 1 : 0);
});

/** The headers of a limit, with the seconds until it is over. */
function told(remaining: number, wait: number): Record<string, string> {
  return {
    "ratelimit-limit": "3",
    "ratelimit-remaining": String(remaining),
    "ratelimit-reset": String(wait),
    "ratelimit-policy": "3;w=86400",
  };
}

describe("a limit that the server has told", () => {
  test("of a day is not run into: nothing more is sent", async () => {
    await using server = await scriptedServer((_, response, count) =>
      sendJson(response, 200, {}, told(Math.max(0, 3 - count), 86_000)),
    );
    const http = open();
    for (let count = 1; count <= 3; count += 1) {
      (await http.send(get(server.origin))).body.resume();
    }
    await expect(http.send(get(server.origin))).rejects.toMatchObject({
      code: "rate-limited",
      exitCode: 8,
      data: { limit: 3, window: 86_400_000 },
    });
    expect(server.requests).toHaveLength(3);
  });

  test("of minutes is waited for before anything is sent", async () => {
    await using server = await scriptedServer((_, response) => sendJson(response, 200, {}, told(0, 60)));
    const stop = new AbortController();
    const waits: number[] = [];
    const http = open({
      onWait: ({ milliseconds }) => {
        waits.push(Math.round(milliseconds / 10_000));
        stop.abort();
      },
    });
    (await http.send(get(server.origin))).body.resume();
    await expect(http.send(get(server.origin, { signal: stop.signal }))).rejects.toThrow("aborted");
    expect(waits).toEqual([6]);
    expect(server.requests).toHaveLength(1);
  });
});

describe("what is refused", () => {
  test("a private address, unless it is allowed", async () => {
    await using server = await scriptedServer((_, response) => sendJson(response, 200, {}));
    await expect(open({ allowPrivateHosts: false }).send(get(server.origin))).rejects.toMatchObject({
      code: "private-address",
      exitCode: 9,
    });
    expect(server.requests).toHaveLength(0);
  });

  test("a name that leads to a private address", async () => {
    await using server = await scriptedServer((_, response) => sendJson(response, 200, {}));
    const { port } = new URL(server.origin);
    await expect(open({ allowPrivateHosts: false }).send(get(`http://localhost:${port}`))).rejects.toMatchObject({
      code: "private-address",
    });
    expect(server.requests).toHaveLength(0);
  });

  test("a body that is shorter than announced", async () => {
    await using server = await scriptedServer((_, response) => {
      response.writeHead(200, { "content-length": "100" }).write("short");
      setTimeout(() => response.destroy(), 50);
    });
    const request = get(server.origin);
    const answer = await open().send(request);
    await expect(readBody(answer, request.url)).rejects.toMatchObject({ code: "unreachable" });
  });

  test("a web page instead of JSON is named for what it is", async () => {
    await using server = await scriptedServer((_, response) => response.end("<html></html>"));
    const request = get(server.origin);
    await expect(readJson(await open().send(request), request.url)).rejects.toMatchObject({
      code: "bad-answer",
      message: expect.stringContaining("a web page") as string,
    });
  });

  test("a body without end", async () => {
    await using server = await scriptedServer((_, response) => {
      const piece = Buffer.alloc(1 << 16);
      const more = (): void => {
        while (!response.destroyed && response.write(piece)) {
          // as fast as it goes
        }
      };
      response.on("drain", more).on("error", () => undefined);
      more();
    });
    const request = get(server.origin);
    await expect(readBody(await open().send(request), request.url, "errorBytes")).rejects.toMatchObject({
      code: "bad-answer",
      message: expect.stringContaining("more than 1048576 bytes") as string,
    });
  });
});

test("a server that is not there", async () => {
  const { origin } = await (async () => {
    await using server = await scriptedServer(() => undefined);
    return { origin: server.origin };
  })();
  await expect(open().send(get(origin))).rejects.toMatchObject({
    code: "unreachable",
    message: expect.stringContaining("nothing answers there") as string,
  });
});

test("a server that speaks something else than HTTP", async () => {
  const server = createServer((socket) => socket.on("error", () => undefined).end("SSH-2.0-OpenSSH_9.9\r\n"));
  const origin = `http://127.0.0.1:${await listen(server, 0)}`;
  await expect(open().send(get(origin))).rejects.toMatchObject({
    code: "unreachable",
    message: expect.stringContaining("is no HTTP") as string,
  });
  server.close();
});

test("an abort is the signal's own reason, or an abort", async () => {
  await using server = await scriptedServer(() => undefined);
  const controller = new AbortController();
  const sent = open().send(get(server.origin, { signal: controller.signal }));
  setTimeout(() => controller.abort(new Error("enough")), 50);
  await expect(sent).rejects.toThrow();
  expect(server.requests.length).toBeLessThanOrEqual(1);
});
