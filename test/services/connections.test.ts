/** One request: its deadlines, its signal, its body, and what becomes of the connection. */
import { getEventListeners, once } from "node:events";
import { createServer, type Server as TcpServer, type Socket } from "node:net";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { afterEach, expect, test, vi } from "vitest";
import { Connections, type Answer, type Deadlines, type RequestOptions } from "../../src/services/http/connections.ts";
import { startTlsFront } from "../network/tls-front.ts";
import { listen } from "../network/ports.ts";
import { scriptedServer } from "../faults/scripted-server.ts";

const connections = new Connections({});
afterEach(() => connections.close());

/** Long enough to be met, except where a test sets one. */
const patient: Deadlines = { connect: 20_000, answer: 20_000, idle: 20_000 };
const soon = 150;

async function send(
  url: string,
  { deadlines, ...more }: Partial<Omit<RequestOptions, "deadlines">> & { deadlines?: Partial<Deadlines> } = {},
): Promise<Answer> {
  return connections.request(new URL("/x", url), {
    method: "GET",
    headers: {},
    body: undefined,
    isOnce: false,
    signal: AbortSignal.timeout(20_000),
    headBytes: 16_384,
    ...more,
    deadlines: { ...patient, ...deadlines },
  });
}

/** A server that does with a connection what it likes. */
async function rawServer(onSocket: (socket: Socket) => void): Promise<AsyncDisposable & { readonly port: number }> {
  const open = new Set<Socket>();
  const server: TcpServer = createServer((socket) => {
    open.add(socket.on("error", () => undefined).on("close", () => open.delete(socket)));
    onSocket(socket);
  });
  const port = await listen(server, 0);
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      open.forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** More than what the system keeps on the way between the two ends. */
const large = Buffer.alloc(32 * 1024 * 1024, 1);

test("a server that accepts a connection and says nothing of TLS", async () => {
  await using server = await rawServer((socket) => socket.resume());
  const sent = send(`https://127.0.0.1:${server.port}`, { deadlines: { connect: soon } });
  await expect(sent).rejects.toMatchObject({ code: "CONNECT_DEADLINE" });
});

test("a certificate is looked at, whatever the environment says", async () => {
  await using front = await startTlsFront(() => undefined);
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
  await expect(send(`https://localhost:${front.port}`)).rejects.toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
  vi.unstubAllEnvs();
  expect(front.versions).toEqual([]);
});

test("a proxy that leads nowhere is left when the work is over", async () => {
  const asked = Promise.withResolvers<Socket>();
  await using proxy = await rawServer((socket) => socket.once("data", () => asked.resolve(socket)));
  const proxyEnv = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
  const byProxy = new Connections({ proxyEnv });
  const stop = new AbortController();
  const sent = byProxy.request(new URL("https://pds.example.com/x"), {
    method: "GET",
    headers: {},
    body: undefined,
    isOnce: false,
    signal: stop.signal,
    deadlines: patient,
    headBytes: 16_384,
  });
  const socket = await asked.promise;
  stop.abort(new Error("enough"));
  byProxy.close();
  await expect(sent).rejects.toThrow("enough");
  // Long before the fifteen seconds that a proxy gets.
  await expect.poll(() => socket.destroyed, { timeout: 20_000 }).toBe(true);
});

test("a server that never answers", async () => {
  await using server = await rawServer((socket) => socket.resume());
  const sent = send(`http://127.0.0.1:${server.port}`, { deadlines: { answer: soon, idle: 50 } });
  await expect(sent).rejects.toMatchObject({ code: "ANSWER_DEADLINE" });
});

test("a head that comes letter by letter is late as well", async () => {
  await using server = await rawServer((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nx-slow: ");
    const timer = setInterval(() => socket.write("a"), 20);
    socket.on("close", () => clearInterval(timer));
  });
  const sent = send(`http://127.0.0.1:${server.port}`, { deadlines: { answer: soon } });
  await expect(sent).rejects.toMatchObject({ code: "ANSWER_DEADLINE" });
});

test("a server that stops reading what is sent", async () => {
  await using server = await rawServer((socket) => socket.pause());
  const url = `http://127.0.0.1:${server.port}`;
  const sent = send(url, { method: "POST", body: Readable.from([large]), deadlines: { idle: soon } });
  await expect(sent).rejects.toMatchObject({ code: "SEND_DEADLINE" });
});

test("a body that stops half way", async () => {
  await using server = await rawServer((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"));
  const { body } = await send(`http://127.0.0.1:${server.port}`, { deadlines: { idle: soon } });
  await expect(buffer(body)).rejects.toMatchObject({ code: "BODY_DEADLINE" });
});

test("a body that came while this process was stopped is not late", async () => {
  const idle = 300;
  // In a thread of its own, which goes on meanwhile.
  const source = `
    const { parentPort } = require("node:worker_threads");
    const server = require("node:http").createServer((_, response) => {
      response.write("first");
      setTimeout(() => response.write("second"), ${idle / 2});
      setTimeout(() => response.end("third"), ${idle * 3});
    });
    server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`;
  const worker = new Worker(source, { eval: true });
  const [port] = (await once(worker, "message")) as [number];
  try {
    const { body } = await send(`http://127.0.0.1:${port}`, { deadlines: { idle } });
    const pieces: string[] = [];
    for await (const piece of body as AsyncIterable<Buffer>) {
      pieces.push(piece.toString());
      if (pieces.length === 1) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, idle * 2.5);
      }
    }
    expect(pieces.join()).toBe("first,second,third");
  } finally {
    await worker.terminate();
  }
});

test("a body that comes slowly is not late, nor is one whose reader is slow", async () => {
  const idle = 1000;
  const letters = 12;
  await using server = await scriptedServer((_, response) => {
    void (async () => {
      for (let count = 0; count < letters; count += 1) {
        response.write("a");
        await delay(idle / 8);
      }
      response.end(large);
    })();
  });
  const { body } = await send(server.origin, { deadlines: { idle } });
  let size = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    if (size === letters) {
      await delay(2.5 * idle);
    }
    size += piece.length;
  }
  expect(size).toBe(letters + large.length);
});

test.each([
  ["content-length: 100\r\n\r\nhalf", "an announced length"],
  ["transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", "pieces of which the last one is missing"],
])("a body that breaks off is an error: %j", async (rest) => {
  await using server = await rawServer((socket) => socket.end(`HTTP/1.1 200 OK\r\n${rest}`));
  const { body } = await send(`http://127.0.0.1:${server.port}`);
  await expect(buffer(body)).rejects.toMatchObject({ code: "ECONNRESET" });
});

test("what comes behind an answer belongs to no answer", async () => {
  await using server = await rawServer((socket) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhalfHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
  });
  for (const count of [1, 2]) {
    const { body } = await send(`http://127.0.0.1:${server.port}`);
    expect([count, (await buffer(body)).toString()]).toEqual([count, "half"]);
  }
});

test.each(["", "nonsense\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"])(
  "an answer that is none: %j",
  async (answer) => {
    await using server = await rawServer((socket) => socket.end(answer));
    await expect(send(`http://127.0.0.1:${server.port}`)).rejects.toThrow();
  },
);

test("the reason of the signal is the error, before the connection, before the answer and within it", async () => {
  const reason = new Error("enough");
  await using silent = await scriptedServer(() => undefined);
  await using halting = await scriptedServer((_, response) => response.write("half"));
  await expect(send(silent.origin, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);

  for (const wait of [0, soon]) {
    const stop = new AbortController();
    const sent = send(silent.origin, { signal: stop.signal });
    setTimeout(() => stop.abort(reason), wait);
    await expect(sent).rejects.toBe(reason);
  }

  const stop = new AbortController();
  const { body } = await send(halting.origin, { signal: stop.signal });
  const read = buffer(body);
  setTimeout(() => stop.abort(reason), soon);
  await expect(read).rejects.toBe(reason);

  // Also if nobody read it then.
  const later = new AbortController();
  const unread = await send(halting.origin, { signal: later.signal });
  later.abort(reason);
  await delay(soon);
  await expect(buffer(unread.body)).rejects.toBe(reason);
});

test("requests one after another share a connection, and leave nothing behind on it or on their signal", async () => {
  const sockets = new Set<Socket>();
  await using server = await scriptedServer((request, response) => {
    sockets.add(request.socket);
    response.end("x");
  });
  const { signal } = new AbortController();
  const warnings: Error[] = [];
  const onWarning = (warning: Error): number => warnings.push(warning);
  process.on("warning", onWarning);
  for (let count = 0; count < 30; count += 1) {
    const { body } = await send(server.origin, { signal });
    await buffer(body);
    // The connection is free when its request is over, one turn after the body.
    await delay(1);
  }
  process.off("warning", onWarning);
  expect({ connections: sockets.size, listeners: getEventListeners(signal, "abort").length, warnings }).toEqual({
    connections: 1,
    listeners: 0,
    warnings: [],
  });
});

test.each([
  ["text", "grüße", "7"],
  ["bytes", Uint8Array.of(1, 2, 3), "3"],
  ["nothing", undefined, "0"],
])("a body of %s is announced with its length", async (_, body, length) => {
  const lengths: unknown[] = [];
  await using server = await scriptedServer((request, response) => {
    lengths.push(request.headers["content-length"]);
    response.end();
  });
  const answer = await send(server.origin, { method: "POST", body });
  await buffer(answer.body);
  expect(lengths).toEqual([length]);
});

test("a body that cannot be read to its end fails the request with its own error", async () => {
  await using server = await scriptedServer((_, response) => response.end());
  const broken = new Error("the file is gone");
  const body = Readable.from(
    (async function* () {
      yield Buffer.from("half");
      await delay(20);
      throw broken;
    })(),
  );
  await expect(send(server.origin, { method: "POST", body })).rejects.toBe(broken);
});

test("an answer before the body was sent is read to its end, and the body is given up", async () => {
  await using server = await rawServer((socket) => {
    socket.once("data", () => {
      socket.pause();
      socket.write("HTTP/1.1 413 Payload Too Large\r\ncontent-length: 4\r\n\r\nmuch");
    });
  });
  const body = Readable.from([large, large]);
  const answer = await send(`http://127.0.0.1:${server.port}`, { method: "POST", body });
  expect([answer.status, (await buffer(answer.body)).toString()]).toEqual([413, "much"]);
  await expect.poll(() => body.destroyed, { timeout: 20_000 }).toBe(true);
});
