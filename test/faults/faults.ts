/** What can go wrong with one request, for `Proxy.when`. */
import { setTimeout as delay } from "node:timers/promises";
import type { Answer, Fault } from "./proxy.ts";

/** The connection is reset before anything has reached the server. */
export function drop(): Fault {
  return (exchange) => exchange.reset();
}

/** The server does what it was asked for, and the connection is reset before the answer. */
export function loseAnswer(): Fault {
  return async (exchange) => {
    await exchange.ask();
    exchange.reset();
  };
}

/** Everything comes, later. */
export function late(milliseconds: number): Fault {
  return meanwhile("before", async () => delay(milliseconds));
}

/** Nothing is ever answered, and nothing reaches the server. */
export function silence(): Fault {
  return () => undefined;
}

/** The connection is reset in the middle of the answer: behind `bytes` of its body, or a half of it. */
export function cut(bytes?: number): Fault {
  return async (exchange) => {
    const { status, headers, body } = await exchange.ask();
    const { response } = exchange;
    response.writeHead(status, { ...headers, "content-length": body.length });
    response.write(body.subarray(0, bytes ?? body.length >> 1), () => exchange.reset());
  };
}

/** The answer ends early as if that was all: behind `bytes` of its body, or a half of it. */
export function truncate(bytes?: number): Fault {
  return changed((answer) => ({ ...answer, body: answer.body.subarray(0, bytes ?? answer.body.length >> 1) }));
}

/** One bit of the body is another one; by default in its middle. */
export function flip(at?: number): Fault {
  return changed((answer) => {
    const body = Buffer.from(answer.body);
    const place = at ?? body.length >> 1;
    body[place] = (body[place] ?? 0) ^ 1;
    return { ...answer, body };
  });
}

/** The answer comes in pieces, each of `bytes`, with a pause in between (milliseconds). */
export function drip(bytes: number, pause: number): Fault {
  return async (exchange) => {
    const { status, headers, body } = await exchange.ask();
    const { response } = exchange;
    response.writeHead(status, { ...headers, "content-length": body.length });
    for (let at = 0; at < body.length && !response.destroyed; at += bytes) {
      response.write(body.subarray(at, at + bytes));
      await delay(pause);
    }
    response.end();
  };
}

/** Something stands before the server and answers in its place; the server is not asked. */
export function status(code: number, headers: Record<string, string> = {}, body = ""): Fault {
  return (exchange) => exchange.reply({ status: code, headers, body: Buffer.from(body) });
}

/** The server's own error, as `{ error, message }`; it is not asked. */
export function refuse(code: number, error: string, message = error): Fault {
  return status(code, { "content-type": "application/json" }, JSON.stringify({ error, message }));
}

/** 429 as a PDS answers it: in so many seconds there is room again. */
export function rateLimited(seconds: number): Fault {
  return (exchange) => {
    const headers = {
      "content-type": "application/json",
      "ratelimit-limit": "3000",
      "ratelimit-remaining": "0",
      "ratelimit-reset": String(Math.ceil(Date.now() / 1000) + seconds),
      "ratelimit-policy": "3000;w=300",
      "retry-after": String(seconds),
    };
    const body = { error: "RateLimitExceeded", message: "Rate Limit Exceeded" };
    exchange.reply({ status: 429, headers, body: Buffer.from(JSON.stringify(body)) });
  };
}

/** A web page with status 200, as captive portals and parked domains have it. */
export function webPage(): Fault {
  return status(200, { "content-type": "text/html; charset=utf-8" }, "<!doctype html><title>Welcome</title>");
}

/** The server is asked, and what it answered is changed on the way back. */
export function changed(change: (answer: Answer, exchange: Parameters<Fault>[0]) => Answer): Fault {
  return async (exchange) => exchange.reply(change(await exchange.ask(), exchange));
}

/** The same for an answer that is a JSON object. */
export function changedJson(
  change: (value: Record<string, unknown>, exchange: Parameters<Fault>[0]) => unknown,
): Fault {
  return changed((answer, exchange) => {
    const value = JSON.parse(answer.body.toString("utf8")) as Record<string, unknown>;
    return { ...answer, body: Buffer.from(JSON.stringify(change(value, exchange))) };
  });
}

/** Every page of a list names a next one, and no two of these names are the same. */
export function endlessPages(): Fault {
  return changedJson((page, { request }) => ({ ...page, cursor: `page-${request.ordinal}` }));
}

/** The first page of a list again and again. @param next what the next one is called, by the number of the request */
export function samePage(next: (ordinal: number) => string): Fault {
  let first: Answer | undefined;
  return async (exchange) => {
    first ??= await exchange.ask();
    const page = JSON.parse(first.body.toString("utf8")) as object;
    const body = JSON.stringify({ ...page, cursor: next(exchange.request.ordinal) });
    exchange.reply({ ...first, body: Buffer.from(body) });
  };
}

/** Another body of the same type: for blobs and repositories. */
export function otherBytes(bytes: Uint8Array): Fault {
  return changed((answer) => ({ ...answer, body: Buffer.from(bytes) }));
}

/**
 * `work` is done while the request waits, either before it reaches the server or before its answer comes; then it goes
 * on.
 */
export function meanwhile(moment: "before" | "after", work: () => Promise<void>): Fault {
  return async (exchange) => {
    if (moment === "before") {
      await work();
      await exchange.pass();
    } else {
      const answer = await exchange.ask();
      await work();
      exchange.reply(answer);
    }
  };
}

/** The server is asked for something else than the client asked for. */
export function askedOtherwise(change: (body: Record<string, unknown>) => object): Fault {
  return async (exchange) => exchange.reply(await exchange.ask(change));
}

/**
 * `work` is done while the request waits, and the connection is reset then: "before" it reaches the server, or "after"
 * the server has done it. With "during" the server has the request and is at work on it.
 */
export function end(moment: "before" | "during" | "after", work: () => Promise<void>): Fault {
  return async (exchange) => {
    if (moment === "after") {
      await exchange.ask();
    } else if (moment === "during") {
      exchange.ask().catch(() => undefined);
      await exchange.handedOn;
    }
    await work();
    exchange.reset();
  };
}
