/** A run that may not go as fast as it can: how much flows when, and that the wait is never held against a server. */
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { limitsWith } from "../../src/data/budgets.ts";
import { collect } from "../../src/data/slices.ts";
import { FlowRate, slowly, type FlowTime } from "../../src/services/http/flow.ts";
import { readBytes, readJson } from "../../src/services/http/http-answer.ts";
import { Http } from "../../src/services/http/http.ts";
import { scriptedServer } from "../faults/scripted-server.ts";

/** A clock that goes on by what is slept, and by nothing else. */
function clockwork(really = 0): FlowTime & { at: number; readonly slept: number[] } {
  const clock = {
    at: 0,
    slept: [] as number[],
    now: () => clock.at,
    sleep: async (milliseconds: number) => {
      clock.slept.push(milliseconds);
      await delay(really);
      clock.at += milliseconds;
    },
  };
  return clock;
}

const { signal } = new AbortController();

test("bytes are due one behind the other, whoever takes them, at the rate", async () => {
  const clock = clockwork();
  const rate = new FlowRate(1000, { ...clock, now: () => 0 });
  const [one, other] = [rate.until(signal), rate.until(signal)];
  await Promise.all([one.take(1000), other.take(500), one.take(500)]);
  // A quarter of a second of it is there at the beginning.
  expect(clock.slept).toEqual([750, 1250, 1750]);
});

test("of a time in which nothing flowed a quarter of a second is made up for", async () => {
  const clock = clockwork();
  const flow = new FlowRate(1000, clock).until(signal);
  await flow.take(250);
  expect(clock.slept).toEqual([]);
  clock.at += 60_000;
  await flow.take(250);
  expect(clock.slept).toEqual([]);
  await flow.take(250);
  expect(clock.slept).toEqual([250]);
});

test("what is only counted does not wait, and what follows waits for it", async () => {
  const clock = clockwork();
  const flow = new FlowRate(1000, clock).until(signal);
  flow.count(10_000);
  expect(clock.slept).toEqual([]);
  await flow.take(250);
  expect(clock.slept).toEqual([10_000]);
});

test("a wait ends with the reason of the signal", async () => {
  const stop = new AbortController();
  const taken = new FlowRate(1).until(stop.signal).take(1_000_000);
  const reason = new Error("enough");
  stop.abort(reason);
  await expect(taken).rejects.toBe(reason);
});

test.each([
  [1000, 256, 4],
  [4000, 1000, 1],
  [40_000_000, 10_000_000, 1],
])("at %i bytes a second, what is sent goes in pieces of %i", async (perSecond, size, least) => {
  const rate = new FlowRate(perSecond, clockwork());
  expect(rate.pieceBytes).toBe(size);
  const body = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 256));
  const pieces = await collect(slowly(Readable.from([body]), rate.until(signal), rate.pieceBytes));
  expect(pieces.length).toBe(least);
  expect(Buffer.concat(pieces)).toEqual(body);
});

/** Deadlines that every wait of these tests exceeds by far, and a pace that nothing keeps that waits. */
const idle = 75;
const limits = limitsWith({ idleTime: idle, answerTime: 20_000, paceTime: idle, paceBytes: 1 << 20, attempts: 1 });

function slowHttp(limitRate: number): Http & { readonly clock: ReturnType<typeof clockwork> } {
  const clock = clockwork(4 * idle);
  const http = new Http({ userAgent: "test", allowPrivateHosts: true, limits, limitRate, flowTime: clock });
  return Object.assign(http, { clock });
}

const size = 200_000;
const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

test("a download that waits for itself is not late, nor when its end comes meanwhile", async () => {
  await using server = await scriptedServer((_, response) => {
    response.write("nearly");
    setTimeout(() => response.end(), idle / 4);
  });
  const http = slowHttp(1);
  const url = new URL(server.origin);
  expect((await buffer(readBytes(await http.send({ url, signal }), url, "blobBytes"))).toString()).toBe("nearly");
  http.close();
});

test("a large download that waits for itself is not late", async () => {
  await using server = await scriptedServer((_, response) => response.end(Buffer.alloc(size, 7)));
  const http = slowHttp(100_000);
  const url = new URL(server.origin);
  const body = await buffer(readBytes(await http.send({ url, signal }), url, "blobBytes"));
  http.close();
  expect(body).toEqual(Buffer.alloc(size, 7));
  expect(sum(http.clock.slept)).toBeCloseTo(2000 - 250, 3);
});

test("two uploads that wait for each other are not late, and what is sent is what was given", async () => {
  const came: string[] = [];
  await using server = await scriptedServer((_request, response, _count, body) => {
    came.push(body);
    response.end("{}");
  });
  const text = "letters".repeat(size).slice(0, size);
  const http = slowHttp(200_000);
  const url = new URL(server.origin);
  const body = (): Readable => Readable.from([Buffer.from(text)]);
  const send = async (): Promise<unknown> => {
    const headers = { "content-length": String(size) };
    return readJson(await http.send({ method: "POST", url, headers, body, signal }), url);
  };
  expect(await Promise.all([send(), send()])).toEqual([{}, {}]);
  http.close();
  expect(came.map((one) => one === text)).toEqual([true, true]);
  // In pieces of a quarter of a second.
  expect(http.clock.slept.length).toBeGreaterThan(4);
});

test("small bodies are held up by nothing, and a stream behind them pays for them", async () => {
  await using server = await scriptedServer(({ method }, response) =>
    response.end(method === "POST" ? JSON.stringify("x".repeat(size)) : "x"),
  );
  const http = slowHttp(1000);
  const url = new URL(server.origin);
  const body = JSON.stringify("y".repeat(size));
  expect(await readJson(await http.send({ method: "POST", url, body, signal }), url)).toHaveLength(size);
  expect(http.clock.slept).toEqual([]);
  await buffer(readBytes(await http.send({ url, signal }), url, "blobBytes"));
  http.close();
  // A byte a millisecond.
  expect(sum(http.clock.slept)).toBe(2 * (size + 2) + 1 - 250);
});
