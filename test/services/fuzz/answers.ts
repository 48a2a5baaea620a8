/**
 * Malformed answers to every call that decamp makes, with the seed that makes each of them again. Whatever comes, a
 * call gives what its type says, or a DecampError; it ends; no error repeats a secret; and where an answer leads
 * elsewhere, no secret goes along.
 */
import type { ServerResponse } from "node:http";
import * as zlib from "node:zlib";
import { isDecampError } from "../../../src/errors.ts";
import { Http } from "../../../src/services/http/http.ts";
import { Pds } from "../../../src/services/servers/pds.ts";
import { dnsServer } from "../../faults/dns-server.ts";
import { scriptedServer } from "../../faults/scripted-server.ts";
import { Random } from "../../repo/tools/random.ts";
import { headless, methods, password, session, token, type Method } from "./methods.ts";

/** An answer: a status, headers, and the bytes of the body. */
interface Answer {
  readonly status?: number;
  readonly type?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Record<string, string>;
  /** How many bytes more are announced than come; the connection ends after them. */
  readonly lacks?: number;
  /** All that goes over the connection, from the status line on. */
  readonly raw?: string | Uint8Array;
}

interface Case {
  readonly name: string;
  readonly method: Method;
  readonly answer: Answer;
}

export interface AnswerFuzzPlan {
  readonly seed: number;
  /** One in so many of the malformed answers that are the same for every method. */
  readonly every: number;
  /** How many answers the seed changes. */
  readonly mutations: number;
}

export interface AnswerFuzzResult {
  readonly cases: number;
  /** How many gave a result all the same. */
  readonly taken: number;
  /** What must not be, a line each. */
  readonly faults: readonly string[];
}

/** So many calls wait for an answer at once: most of the time goes by in pauses before something is asked again. */
const atOnce = 400;
/** Longer than all repetitions take (milliseconds). */
const patience = 60_000;

const deep = 300_000;
const deepLists = "[".repeat(deep) + "]".repeat(deep);
const deepObjects = '{"a":'.repeat(deep) + "1" + "}".repeat(deep);

/** What a value may be in place of the right one, as JSON. */
const values: readonly string[] = [
  "null",
  "true",
  "0",
  "-1",
  "1.5",
  "1e400",
  "9007199254740993",
  '""',
  '" "',
  '"\\ud800"',
  '"\\n\\u0000\\u202e"',
  '"__proto__"',
  '"https://["',
  `"${"x".repeat(100_000)}"`,
  "[]",
  "[null]",
  "{}",
  '{"__proto__":null}',
  '{"__proto__":{"active":true,"did":7}}',
  '{"constructor":{"prototype":1}}',
  '{"toString":1,"valueOf":1}',
  '{"$link":7,"$bytes":[]}',
  '{"$type":"blob","ref":{}}',
  "[".repeat(60) + "]".repeat(60),
  deepLists,
  deepObjects,
];

/** Bodies of 200 that come whatever is asked. */
const bodies: readonly (readonly [string, Answer])[] = [
  ...values.map((body): [string, Answer] => [`the value ${body.slice(0, 40)}`, { body }]),
  ["nothing", { body: "" }],
  ["nothing, and no type", { body: "", type: "" }],
  ["no content", { status: 204 }],
  ["half of an object", { body: '{"did":"did:plc:' }],
  ["JSON without a type", { body: "{}", type: "" }],
  ["JSON as text", { body: "{}", type: "text/plain" }],
  ["a web page", { body: "<!doctype html><h1>Hello</h1>", type: "text/html" }],
  ["a web page that is called JSON", { body: "<!doctype html><h1>Hello</h1>" }],
  ["text", { body: "service unavailable" }],
  ["UTF-16", { body: Buffer.from("{}", "utf16le") }],
  ["a byte order mark", { body: Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]) }],
  ["bytes that are no text", { body: Buffer.from([0x7b, 0x22, 0xff, 0xc0, 0x22, 0x3a, 0x31, 0x7d]) }],
  ["zeros", { body: Buffer.alloc(1000) }],
  ["more values than are read", { body: `[${"0,".repeat(1_000_000)}0]` }],
  ["a body that breaks off", { body: '{"a":1', lacks: 100 }],
  ["a body that is announced and does not come", { body: "", lacks: 1_000_000 }],
];

const gzip = { "content-encoding": "gzip" };

/** The same for what is compressed, or is said to be. */
const encodings: readonly (readonly [string, Answer])[] = [
  ["an object in gzip", { body: zlib.gzipSync("{}"), headers: gzip }],
  [
    "an object in gzip in br",
    { body: zlib.brotliCompressSync(zlib.gzipSync("{}")), headers: { "content-encoding": "gzip, br" } },
  ],
  ["gzip that is none", { body: "{}", headers: gzip }],
  ["gzip that is cut", { body: zlib.gzipSync("{}").subarray(0, 15), headers: gzip }],
  ["gzip that breaks off", { body: zlib.gzipSync("{}").subarray(0, 15), headers: gzip, lacks: 9 }],
  [
    "gzip with something behind it",
    { body: Buffer.concat([zlib.gzipSync("{}"), Buffer.from("and more")]), headers: gzip },
  ],
  ["nothing in gzip", { body: "", headers: gzip }],
  ["deflate without its head", { body: zlib.deflateRawSync("{}"), headers: { "content-encoding": "deflate" } }],
  ["br that is none", { body: "{}", headers: { "content-encoding": "br" } }],
  ["zstd that is none", { body: "{}", headers: { "content-encoding": "zstd" } }],
  ["zstd", { body: zlib.zstdCompressSync("{}"), headers: { "content-encoding": "zstd" } }],
  ["an encoding of its own", { body: "{}", headers: { "content-encoding": "toString" } }],
  ["an encoding and a quality", { body: zlib.gzipSync("{}"), headers: { "content-encoding": "gzip;q=1" } }],
  [
    "gzip a hundred times",
    { body: "{}", headers: { "content-encoding": Array.from({ length: 100 }, () => "gzip").join() } },
  ],
];

const head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
const chunked = `${head}transfer-encoding: chunked\r\n\r\n`;

/** What HTTP itself does not have, or seldom. */
const oddities: readonly (readonly [string, string | Uint8Array])[] = [
  ["two lengths", `${head}content-length: 2\r\ncontent-length: 3\r\n\r\n{} `],
  ["the same length twice", `${head}content-length: 2\r\ncontent-length: 2\r\n\r\n{}`],
  ["a length that is too short", `${head}content-length: 1\r\n\r\n{}`],
  ["a length that is none", `${head}content-length: two\r\n\r\n{}`],
  ["a length below zero", `${head}content-length: -1\r\n\r\n{}`],
  ["a length beyond all", `${head}content-length: 99999999999999999999999\r\n\r\n{}`],
  ["a length beside chunks", `${head}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
  ["no length", `${head}\r\n{}`],
  ["chunks", `${chunked}1\r\n{\r\n1;name=value\r\n}\r\n0\r\n\r\n`],
  ["chunks with a trailer", `${chunked}2\r\n{}\r\n0\r\n__proto__: x\r\ncontent-encoding: gzip\r\n\r\n`],
  ["chunks without an end", `${chunked}2\r\n{}\r\n`],
  ["a chunk of no size", `${chunked}zz\r\n{}\r\n0\r\n\r\n`],
  ["a chunk beyond all", `${chunked}ffffffffffffffffff\r\n{}\r\n0\r\n\r\n`],
  ["a chunk that is longer than it says", `${chunked}1\r\n{}\r\n0\r\n\r\n`],
  ["gzip on the way", `${head}transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
  ["a way of its own", `${head}transfer-encoding: whatever\r\n\r\n{}`],
  ["two types", `${head}content-type: text/html\r\ncontent-length: 2\r\n\r\n{}`],
  ["an empty type", "HTTP/1.1 200 OK\r\ncontent-type:\r\ncontent-length: 2\r\n\r\n{}"],
  ["headers without a name", `${head}: x\r\n\r\n{}`],
  ["headers that are too long", `${head}x: ${"x".repeat(100_000)}\r\n\r\n{}`],
  ["headers of the language", `${head}__proto__: x\r\nconstructor: y\r\ntoString: z\r\ncontent-length: 2\r\n\r\n{}`],
  ["headers that are no text", Buffer.from(`${head}x: \0\xff\xfe\r\ncontent-length: 2\r\n\r\n{}`, "latin1")],
  ["another status first", "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"],
  ["many of them", `${"HTTP/1.1 102 Processing\r\n\r\n".repeat(1000)}${head}content-length: 2\r\n\r\n{}`],
  ["another protocol", "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n{}"],
  ["no reason", `HTTP/1.1 200\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`],
  ["a status of four digits", "HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\n{}"],
  ["an old version", "HTTP/0.9 200 OK\r\n\r\n{}"],
  ["a version to come", "HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\n{}"],
  ["no HTTP", "220 mail.example.com ESMTP\r\n"],
  ["two answers", `HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`],
  ["nothing", ""],
];

/** Where an answer may lead. */
const locations = [
  "/elsewhere",
  "/xrpc/",
  "?again=1",
  "",
  "//",
  "http://[",
  "http://127.0.0.1:1/",
  "file:///etc/passwd",
];

const led: readonly (readonly [string, Answer])[] = [
  ...[301, 302, 303, 307, 308].flatMap((status) =>
    [...locations, `http://alice:${password}@127.0.0.1/`, "\t/elsewhere"].map((location): [string, Answer] => [
      `${status} to ${location.replace(password, "…")}`,
      { status, headers: { location } },
    ]),
  ),
  ...[201, 202, 203, 205, 206, 226, 299, 304, 305, 306, 399, 418, 600, 999].map((status): [string, Answer] => [
    `${status} with an object`,
    { status, body: "{}" },
  ]),
];

/** Refusals, in and out of order. */
const refusals: readonly (readonly [string, Answer])[] = [
  ...[300, 302, 400, 401, 403, 404, 409, 410, 413, 451, 500, 501, 503, 599].map((status): [string, Answer] => [
    `${status} without a word`,
    { status },
  ]),
  ...[400, 401, 404].flatMap((status): [string, Answer][] => [
    [`${status} with a web page`, { status, type: "text/html", body: "<h1>No</h1>" }],
    [`${status} with a text`, { status, body: '"no"' }],
    [`${status} that is deep`, { status, body: deepLists }],
    [`${status} with numbers`, { status, body: '{"error":7,"message":8}' }],
    [`${status} with objects`, { status, body: '{"error":{"toString":1},"message":[[]]}' }],
    [`${status} with an empty name`, { status, body: '{"error":"","message":""}' }],
    [`${status} with __proto__`, { status, body: '{"__proto__":{"error":"x"},"message":"\\ud800"}' }],
    [`${status} of a name without a message`, { status, body: '{"error":"InvalidRequest"}' }],
    [`${status} that breaks off`, { status, body: '{"error":', lacks: 50 }],
    [`${status} that is long`, { status, body: JSON.stringify({ error: "E", message: "m".repeat(2_000_000) }) }],
  ]),
  ["a redirect to nowhere", { status: 301, headers: { location: "http://[" } }],
  ["a code that is asked for", { status: 401, body: '{"error":"AuthFactorTokenRequired"}' }],
];

/** What the server of an account has been sent. */
function repeated(path: string): Answer {
  const message = /createSession/.test(path) ? password : `${password} ${token}`;
  return { status: 400, body: JSON.stringify({ error: password, message }) };
}

/** Changes at one place of an answer that is in order: another value, nothing, or a key more. As JSON. */
function mutate(good: unknown, random: Random): { name: string; body: string } {
  const places: { path: string; holder: Record<string, unknown>; key: string }[] = [];
  const copy = { root: structuredClone(good) };
  const visit = (holder: object, path: string): void => {
    for (const [key, value] of Object.entries(holder)) {
      places.push({ path: `${path}/${key}`, holder: holder as Record<string, unknown>, key });
      if (typeof value === "object" && value !== null) {
        visit(value as object, `${path}/${key}`);
      }
    }
  };
  visit(copy, "");
  const { path, holder, key } = random.pick(places);
  const value = random.pick(values);
  // JSON cannot be made of all of them as values, so they go in as text.
  const mark = `«${random.below(1_000_000_000)}»`;
  const kind = random.below(10);
  const old = holder[key];
  if (kind === 0) {
    delete holder[key];
    return { name: `${path} left out`, body: JSON.stringify(copy.root) ?? "" };
  }
  holder[key] = mark;
  const whole = JSON.stringify(copy.root) ?? "null";
  const put = (text: string): string => whole.replace(JSON.stringify(mark), () => text);
  if (kind === 1) {
    return { name: `${path} in a list`, body: put(`[${JSON.stringify(old)}]`) };
  }
  if (kind === 2) {
    const added = typeof old === "object" && old !== null && !Array.isArray(old) ? JSON.stringify(old).slice(1) : "}";
    const more = added === "}" ? "}" : `,${added}`;
    return { name: `${path} with __proto__`, body: put(`{"__proto__":${value.slice(0, 1000)}${more}`) };
  }
  return { name: `${path} as ${value.slice(0, 40)}`, body: put(value) };
}

function* fixedCases(): Generator<Case> {
  for (const method of methods) {
    for (const [name, answer] of [...bodies, ...encodings, ...led, ...refusals]) {
      yield { name, method, answer };
    }
    for (const [name, raw] of oddities) {
      yield { name: `HTTP: ${name}`, method, answer: { raw } };
    }
    const inside = JSON.stringify(method.good).replace(/^\{/, '{"__proto__":{},').replace(",}", "}");
    yield { name: "in order, with a key __proto__", method, answer: { body: inside } };
    if (method.knowsSecrets) {
      yield { name: "what was sent", method, answer: repeated(method.path) };
    }
  }
}

/** Some bytes changed, cut off or doubled. */
function mutateBytes(good: Uint8Array, random: Random): { name: string; body: Uint8Array } {
  const body = Buffer.from(good);
  const at = random.below(body.length);
  const kind = random.below(3);
  if (kind === 0) {
    return { name: `cut at ${at}`, body: body.subarray(0, at) };
  }
  if (kind === 1) {
    return { name: `doubled from ${at}`, body: Buffer.concat([body, body.subarray(at)]) };
  }
  body[at] = random.below(256);
  return { name: `byte ${at} as ${body[at]}`, body };
}

function* mutatedCases(seed: number, count: number): Generator<Case> {
  for (let index = 0; index < count; index += 1) {
    const random = new Random(seed * 1_000_003 + index);
    const method = random.pick(methods);
    const { bytes, good } = method;
    const { name, body } = bytes === undefined ? mutate(good, random) : mutateBytes(bytes, random);
    const type = method.path.endsWith("atproto-did") ? { type: "text/plain" } : {};
    yield { name: `${name} (seed ${seed}, ${index})`, method, answer: { body, ...type } };
  }
}

/** One in `every` of the fixed ones, each time others by the seed, and then those that the seed makes. */
function* casesOf({ seed, every, mutations }: AnswerFuzzPlan): Generator<Case> {
  const random = new Random(seed);
  for (const one of fixedCases()) {
    if (random.below(every) === 0) {
      yield one;
    }
  }
  yield* mutatedCases(seed, mutations);
}

function give(response: ServerResponse, usual: string | undefined, one: Answer): void {
  const { status = 200, type = usual ?? "application/json", raw, ...answer } = one;
  if (raw !== undefined) {
    response.socket?.end(raw);
    return;
  }
  const body = Buffer.from(answer.body ?? "");
  const { lacks = 0, headers = {} } = answer;
  const isBodiless = status === 204 || status === 304;
  const length = isBodiless ? {} : { "content-length": String(body.length + lacks) };
  response.writeHead(status, { ...(type === "" ? {} : { "content-type": type }), ...length, ...headers });
  if (lacks === 0) {
    response.end(isBodiless ? undefined : body);
  } else {
    response.write(body, () => response.destroy());
  }
}

/**
 * Calls every method with malformed answers, and with answers that a seed has changed.
 *
 * @param isOver asked before each case
 */
export async function fuzzAnswers(plan: AnswerFuzzPlan, isOver: () => boolean): Promise<AnswerFuzzResult> {
  const running = new Map<string, Case>();
  const faults: string[] = [];
  await using dns = await dnsServer({});
  await using server = await scriptedServer((request, response) => {
    const current = running.get(request.headers["user-agent"] ?? "");
    const { pathname, searchParams } = new URL(request.url ?? "", "http://127.0.0.1");
    const method = methods.find(({ path }) => pathname.endsWith(`/${path}`));
    const { authorization, cookie } = request.headers;
    if (current !== undefined && pathname === "/elsewhere") {
      if (authorization !== undefined || cookie !== undefined || request.method !== "GET") {
        faults.push(`${current.method.path}: ${current.name}: took a secret along`);
      }
      give(response, undefined, { body: current.method.bytes ?? "{}" });
    } else if (current === undefined || method === undefined) {
      response.writeHead(599).end();
    } else if (method.path === current.method.path) {
      give(response, method.type, current.answer);
    } else if (searchParams.get("did") === "expired" && authorization === `Bearer ${token}`) {
      give(response, undefined, { status: 400, body: '{"error":"ExpiredToken"}' });
    } else if (searchParams.get("did") === headless && pathname.endsWith("getLatestCommit")) {
      give(response, undefined, { status: 501, body: '{"error":"MethodNotImplemented"}' });
    } else {
      const { good, bytes, type } = method;
      const value = /refresh/.test(method.path) ? { ...session, accessJwt: "new" } : good;
      give(response, type, { body: bytes ?? JSON.stringify(value) });
    }
  });
  let cases = 0;
  let taken = 0;

  const run = async (one: Case, id: string): Promise<void> => {
    const where = `${one.method.path}: ${one.name}`;
    const http = new Http({ allowPrivateHosts: true, userAgent: id, random: () => 0 });
    const signal = AbortSignal.timeout(patience);
    running.set(id, one);
    try {
      const pds = new Pds(http, server.origin);
      if (!/createSession/.test(one.method.path)) {
        await pds.signIn({ identifier: "alice.test", password }, signal);
      }
      const result = await one.method.call({ http, origin: server.origin, pds, dnsServers: [dns.address], signal });
      taken += 1;
      if (!one.method.isRight(result)) {
        faults.push(`${where}: gave ${JSON.stringify(result).slice(0, 200)}`);
      }
    } catch (error) {
      if (!isDecampError(error)) {
        faults.push(`${where}: threw ${String(error).slice(0, 200)}`);
      } else if (signal.aborted) {
        faults.push(`${where}: did not end`);
      } else if (JSON.stringify([error.message, error.hint, error.data]).match(`${password}|${token}`) !== null) {
        faults.push(`${where}: repeats a secret: ${error.message.slice(0, 200)}`);
      }
    } finally {
      running.delete(id);
      http.close();
    }
  };

  const list = casesOf(plan);
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let next = list.next(); next.done !== true && !isOver(); next = list.next()) {
        cases += 1;
        await run(next.value, `fuzz/${cases}`);
      }
    }),
  );
  return { cases, taken, faults };
}
