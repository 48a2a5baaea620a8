/**
 * Exports through a proxy that misbehaves, in front of a real server and a real directory. Whatever happens, each ends
 * in an archive that proves itself, or in a clear failure with nothing wrong stored; and once the fault is over, the
 * same command makes the archive that a run without it makes.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { run as runHere } from "../cli/support/run.ts";
import { createAccount, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { populate } from "../network/populate.ts";
import { seededRandom } from "../network/random.ts";
import {
  changed,
  changedJson,
  cut,
  drip,
  drop,
  flip,
  late,
  loseAnswer,
  otherBytes,
  rateLimited,
  refuse,
  samePage,
  status,
  truncate,
  webPage,
} from "./faults.ts";
import { startProxy, type Fault, type Proxy } from "./proxy.ts";
import { scriptedServer, type ScriptedServer } from "./scripted-server.ts";
import { contentOf, filesIn, wrongIn } from "./stored-archive.ts";

const network = connectNetwork(inject("network"));

let folder = "";
let account: Account;
/** What an export leaves that nothing has disturbed. */
let whole: Record<string, string> = {};
let repoSize = 0;
let blobSize = 0;
/** Where redirects lead: nothing is there. */
let elsewhere: ScriptedServer;

interface Ended {
  code: number;
  /** code of the error, if it ended with one */
  error?: string;
  warnings: string[];
}

function linesOf(text: string): { type: string; code: string }[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { type: string; code: string });
}

async function run(proxies: { pds: string; plc: string }, archive: string): Promise<Ended> {
  const where = ["--from", proxies.pds, "--plc-url", proxies.plc, "--allow-private-hosts"];
  const flags = [...where, "--state-dir", `${archive}-state`, "--json", "--no-input"];
  const { exitCode: code, stdout, stderr } = await runHere(["export", account.did, "-o", archive, ...flags]);
  const error = linesOf(stderr).at(-1)?.code;
  const warnings = linesOf(stdout).filter(({ type }) => type === "warning");
  return { code, ...(error === undefined ? {} : { error }), warnings: warnings.map(({ code: name }) => name) };
}

async function prove(archive: string): Promise<unknown> {
  const { stdout } = await runHere(["verify", archive, "--json"]);
  return JSON.parse(stdout);
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "decamp-export-faults-"));
  elsewhere = await scriptedServer((_, response) => response.end());
  account = await createAccount(network.a, {
    handle: "export-faults.a.test",
    email: "export-faults@old.example.com",
    password: "the-password",
  });
  const { pictures } = await populate(account, { records: 60, blobs: 5, seed: 11 });
  const archive = path.join(folder, "whole");
  expect(await run({ pds: network.a.url, plc: network.plcUrl }, archive)).toMatchObject({ code: 0 });
  expect(await prove(archive)).toMatchObject({ ok: true, findings: [] });
  whole = await contentOf(archive);
  const repo = Object.keys(whole).find((name) => name.endsWith("repo.car")) ?? "";
  repoSize = (await readFile(path.join(archive, repo))).length;
  blobSize = Math.min(...pictures.map(({ bytes }) => bytes.length));
});
afterAll(async () => {
  await elsewhere[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** The body is whole, and the connection is reset right behind it. */
function resetAfter(): Fault {
  return async (exchange) => {
    const { status: code, headers, body } = await exchange.ask();
    exchange.response.writeHead(code, { ...headers, "content-length": body.length });
    exchange.response.write(body, () => exchange.reset());
  };
}

/** More or fewer bytes come than were announced. */
function miscounted(by: number): Fault {
  return async (exchange) => {
    const { status: code, headers, body } = await exchange.ask();
    exchange.response.strictContentLength = false;
    exchange.response.writeHead(code, { ...headers, "content-length": body.length + by, connection: "close" });
    exchange.response.write(body, () => exchange.response.socket?.end());
  };
}

function redirect(): Fault {
  return (exchange) =>
    exchange.reply({
      status: 302,
      headers: { location: `${elsewhere.origin}${exchange.request.path}` },
      body: Buffer.alloc(0),
    });
}

type Server = "pds" | "plc";
interface Case {
  name: string;
  server: Server;
  kind: string;
  fault: () => Fault;
  /** how the run may end while it lasts */
  ends: (number | "complete")[];
}

const random = seededRandom(4);
const place = (size: () => number): (() => number) => {
  const share = random();
  return () => Math.floor(share * size());
};

const repo = "com.atproto.sync.getRepo";
const blob = "com.atproto.sync.getBlob";
const head = "com.atproto.sync.getLatestCommit";
const list = "com.atproto.sync.listBlobs";
const log = "DID/log/audit";

/** At random places of a body. */
function atPlaces(kind: string, server: Server, size: () => number, ends: Case["ends"]): Case[] {
  return [1, 2].flatMap((number) => {
    const [a, b, c] = [place(size), place(size), place(size)];
    return [
      { name: `${kind}: reset within the body (${number})`, server, kind, fault: () => cut(a()), ends },
      { name: `${kind}: ends early, as if that was all (${number})`, server, kind, fault: () => truncate(b()), ends },
      { name: `${kind}: a flipped bit (${number})`, server, kind, fault: () => flip(c()), ends },
    ];
  });
}

const cases: Case[] = [
  ...atPlaces(repo, "pds", () => repoSize, [3, 5]),
  ...atPlaces(blob, "pds", () => blobSize, [6]),
  ...[repo, blob, head, list].flatMap((kind): Case[] => {
    // Of one blob alone that is no reason to give up the others.
    const fails = kind === blob ? [5, 6] : [5];
    return [
      { name: `${kind}: a web page`, server: "pds", kind, fault: webPage, ends: kind === blob ? [6] : fails },
      { name: `${kind}: 500`, server: "pds", kind, fault: () => refuse(500, "InternalServerError"), ends: fails },
      { name: `${kind}: never connected`, server: "pds", kind, fault: drop, ends: kind === blob ? [6] : [5] },
      { name: `${kind}: the answer is lost`, server: "pds", kind, fault: loseAnswer, ends: kind === blob ? [6] : [5] },
      {
        name: `${kind}: a redirect to another host`,
        server: "pds",
        kind,
        fault: redirect,
        ends: kind === repo ? [3] : fails,
      },
      { name: `${kind}: too much to do for long`, server: "pds", kind, fault: () => rateLimited(3600), ends: [8] },
      { name: `${kind}: late`, server: "pds", kind, fault: () => late(300), ends: ["complete"] },
      { name: `${kind}: drop by drop`, server: "pds", kind, fault: () => drip(997, 3), ends: ["complete"] },
      {
        name: `${kind}: reset behind the body`,
        server: "pds",
        kind,
        fault: resetAfter,
        ends: ["complete", ...fails],
      },
      {
        name: `${kind}: shorter than announced`,
        server: "pds",
        kind,
        fault: () => miscounted(9),
        ends: kind === blob ? [6] : fails,
      },
      { name: `${kind}: longer than announced`, server: "pds", kind, fault: () => miscounted(-9), ends: [3, 5, 6] },
    ];
  }),
  { name: "another blob", server: "pds", kind: blob, fault: () => otherBytes(Buffer.from("another")), ends: [6] },
  { name: "an empty blob", server: "pds", kind: blob, fault: () => otherBytes(Buffer.alloc(0)), ends: [6] },
  { name: "an empty repository", server: "pds", kind: repo, fault: () => otherBytes(Buffer.alloc(0)), ends: [3, 5] },
  {
    name: "a list of blobs without end",
    server: "pds",
    kind: list,
    fault: () => samePage((ordinal) => `page-${ordinal}`),
    ends: [5],
  },
  {
    name: "a list of blobs that turns in a circle",
    server: "pds",
    kind: list,
    fault: () => samePage(() => "again"),
    ends: [5],
  },
  {
    name: "a list of what are no CIDs",
    server: "pds",
    kind: list,
    fault: () => changedJson(() => ({ cids: ["../../../../../escaped", "/tmp/escaped"] })),
    ends: [5],
  },
  { name: "a list that is none", server: "pds", kind: list, fault: () => changedJson(() => ({ cids: 7 })), ends: [5] },
  {
    name: "a commit that is none",
    server: "pds",
    kind: head,
    fault: () => changedJson(() => ({ cid: 7, rev: null })),
    ends: [5],
  },
  {
    name: "the media type of a blob is a path and much more",
    server: "pds",
    kind: blob,
    fault: () =>
      changed((answer) => ({ ...answer, headers: { ...answer.headers, "content-type": "../../../x; a=<script>" } })),
    ends: ["complete"],
  },
  { name: "the log: a web page", server: "plc", kind: log, fault: webPage, ends: [5] },
  { name: "the log: 500", server: "plc", kind: log, fault: () => status(500), ends: [5] },
  { name: "the log: ends early", server: "plc", kind: log, fault: () => truncate(), ends: [5] },
  { name: "the log: a flipped bit", server: "plc", kind: log, fault: () => flip(), ends: [5, 9] },
  { name: "the log: reset within the body", server: "plc", kind: log, fault: () => cut(), ends: [5] },
  { name: "the log: a redirect", server: "plc", kind: log, fault: redirect, ends: [5] },
];

describe.concurrent("a fault that lasts", () => {
  test.each(cases)("$name", async ({ name, server, kind, fault, ends }) => {
    const proxies = {
      pds: await startProxy({ targetPort: Number(new URL(network.a.url).port) }),
      plc: await startProxy({ targetPort: Number(new URL(network.plcUrl).port) }),
    };
    try {
      await withFault(proxies, name, { server, kind, fault, ends });
    } finally {
      await proxies.pds.stop();
      await proxies.plc.stop();
    }
  });
});

async function withFault(
  proxies: Record<Server, Proxy>,
  name: string,
  { server, kind, fault, ends }: Omit<Case, "name">,
): Promise<void> {
  const own = await mkdtemp(path.join(folder, "case-"));
  const archive = path.join(own, "archive");
  const urls = { pds: proxies.pds.url, plc: proxies.plc.url };
  const rule = proxies[server].when({ kind }, fault());
  const first = await run(urls, archive);
  expect(rule.hits.length, "the fault was met").toBeGreaterThan(0);
  const end = first.code === 0 ? "complete" : first.code;
  expect({ name, ...first, fine: ends.includes(end) }).toEqual({ name, ...first, fine: true });
  expect(first.error).not.toBe("internal");
  expect(await wrongIn(archive)).toEqual([]);
  const names = await filesIn(archive);
  if (first.code === 0 || first.code === 6) {
    expect(await prove(archive)).toMatchObject({ ok: true, signature: "valid" });
  } else {
    expect(names.filter((file) => file.endsWith("manifest.json"))).toEqual([]);
  }
  if (first.code === 0) {
    expect(await contentOf(archive)).toEqual(whole);
  }
  proxies[server].behave();
  expect(await run(urls, archive)).toMatchObject({ code: 0 });
  expect(await prove(archive)).toMatchObject({ ok: true, findings: [] });
  expect(await contentOf(archive)).toEqual(whole);
  // Only for what a hash proves is it asked.
  expect(elsewhere.requests.filter(({ path: asked }) => ![repo, blob].some((one) => asked.includes(one)))).toEqual([]);
  // Nothing lies beside the archive and the state.
  expect((await filesIn(own)).filter((file) => !/^archive(?:-state)?\//.test(file))).toEqual([]);
}

describe.concurrent("a fault that passes is got over within the run", () => {
  const passing: { name: string; kind: string; fault: () => Fault; times: number }[] = [
    ...[repo, blob, head, list].flatMap((kind) => [
      { name: `${kind}: 500 twice`, kind, fault: () => status(500), times: 2 },
      { name: `${kind}: reset before the answer, twice`, kind, fault: drop, times: 2 },
      { name: `${kind}: 429 once`, kind, fault: () => rateLimited(1), times: 1 },
      { name: `${kind}: 503 with a time`, kind, fault: () => status(503, { "retry-after": "1" }), times: 1 },
    ]),
    ...[repo, blob].flatMap((kind) => [
      { name: `${kind}: cut once`, kind, fault: () => cut(), times: 1 },
      { name: `${kind}: flipped once`, kind, fault: () => flip(), times: 1 },
      { name: `${kind}: ends early once`, kind, fault: () => truncate(), times: 1 },
    ]),
  ];
  test.each(passing)("$name", async ({ kind, fault, times }) => {
    const pds = await startProxy({ targetPort: Number(new URL(network.a.url).port) });
    try {
      const archive = path.join(await mkdtemp(path.join(folder, "passing-")), "archive");
      const rule = pds.when({ kind, times }, fault());
      expect(await run({ pds: pds.url, plc: network.plcUrl }, archive)).toEqual({ code: 0, warnings: [] });
      expect(rule.hits).toHaveLength(times);
      expect(await prove(archive)).toMatchObject({ ok: true, findings: [] });
      expect(await contentOf(archive)).toEqual(whole);
    } finally {
      await pds.stop();
    }
  });
});
