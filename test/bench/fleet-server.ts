/**
 * `node fleet-server.ts ACCOUNTS BLOBS LATENCY [PAGE]`: a server of so many small accounts, which a real one cannot be
 * on demand, and a directory of their identities and of many more. Every answer is held back for so many milliseconds,
 * and a page of the list has so many accounts at the most. Prints the addresses of both as JSON, and ends with its
 * standard input.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listen, stopServer } from "../network/ports.ts";
import { makeCar } from "../repo/tools/build.ts";
import { testCid } from "../tools/plc.ts";
import { Fleet, type FleetAccount } from "./fleet.ts";

/** What it says about itself. */
export interface FleetAddresses {
  readonly server: string;
  readonly directory: string;
}

const [accountCount = 0, blobs = 0, latency = 0, mostListed = 1000] = process.argv.slice(2).map(Number);
const records = 10;
const blobSize = 2000;

const server = createServer(answer(answerServer));
const directory = createServer(answer(answerDirectory));
const origin = `http://127.0.0.1:${await listen(server, 0)}`;
const plc = `http://127.0.0.1:${await listen(directory, 0)}`;

const fleet = await Fleet.create(origin, { records, blobs, blobSize });
const accounts: FleetAccount[] = [];
const numbers = new Map<string, number>();
/** What has changed: blocks of the repository before. */
const before = new Map<string, ReadonlySet<string>>();
/** Lines of `/export`, in the order of the directory. */
const lines: { did: string; createdAt: string; text: string }[] = [];
for (let index = 0; index < accountCount; index += 1) {
  const account = await fleet.account(index);
  numbers.set(account.did, index);
  accounts.push(account);
  account.log.forEach((entry) => lines.push({ ...entry, text: JSON.stringify(entry) }));
}

let asked = { server: 0, directory: 0, export: 0 };

const self: FleetAddresses = { server: origin, directory: plc };
process.stdout.write(`${JSON.stringify(self)}\n`);
process.stdin.resume().on("end", () => {
  void Promise.all([stopServer(server), stopServer(directory)]).then(() => process.exit());
});

function answer(by: (url: URL, response: ServerResponse) => void) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (latency === 0) {
      by(url, response);
    } else {
      setTimeout(() => by(url, response), latency);
    }
  };
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

function answerServer({ pathname, searchParams }: URL, response: ServerResponse): void {
  if (pathname.startsWith("/fleet/")) {
    void control(pathname.slice("/fleet/".length), searchParams).then((value) => json(response, 200, value));
    return;
  }
  asked.server += 1;
  const method = pathname.replace("/xrpc/com.atproto.sync.", "");
  if (method === "listRepos") {
    const from = Number(searchParams.get("cursor") ?? 0);
    const next = from + Math.min(mostListed, Number(searchParams.get("limit") ?? 500));
    const page = accounts.slice(from, next).map(({ did, commit, rev }) => ({ did, head: commit, rev, active: true }));
    json(response, 200, { repos: page, ...(next < accounts.length ? { cursor: String(next) } : {}) });
    return;
  }
  const account = accounts[numbers.get(searchParams.get("did") ?? "") ?? -1];
  if (account === undefined) {
    json(response, 400, { error: "RepoNotFound", message: "Could not find repo" });
    return;
  }
  const { did, commit, rev, blocks, blobs: cids } = account;
  const blob = cids.findIndex((cid) => cid === searchParams.get("cid"));
  const known = searchParams.has("since") ? before.get(did) : undefined;
  if (method === "getLatestCommit") {
    json(response, 200, { cid: commit, rev });
  } else if (method === "getRepo") {
    const car = makeCar(commit, known === undefined ? blocks : blocks.filter(({ cid }) => !known.has(cid)));
    response.writeHead(200, { "content-type": "application/vnd.ipld.car", "content-length": car.length }).end(car);
  } else if (method === "listBlobs") {
    json(response, 200, { cids });
  } else if (method === "getBlob" && blob >= 0) {
    response.writeHead(200, { "content-type": "image/jpeg", "content-length": blobSize }).end(fleet.blob(did, blob));
  } else {
    json(response, 404, { error: "NotFound" });
  }
}

function answerDirectory({ pathname, searchParams }: URL, response: ServerResponse): void {
  asked.directory += 1;
  if (pathname === "/export") {
    asked.export += 1;
    response.end(exported(searchParams.get("after") ?? ""));
    return;
  }
  const [, did = "", log] = pathname.split("/");
  const account = accounts[numbers.get(did) ?? -1];
  json(response, account === undefined ? 404 : 200, log === undefined ? account?.document : account?.log);
}

function exported(after: string): string {
  if (/^[0-9]+$/.test(after)) {
    const from = Number(after);
    return lines
      .slice(from, from + 1000)
      .map(({ text }, index) => `${text.slice(0, -1)},"type":"sequenced_op","seq":${from + index + 1}}`)
      .join("\n");
  }
  const time = new Date(after).toISOString();
  const from = lines.findIndex(({ createdAt }) => createdAt > time);
  return (from < 0 ? [] : lines.slice(from, from + 1000)).map(({ text }) => text).join("\n");
}

/** For whoever measures. */
async function control(what: string, params: URLSearchParams): Promise<unknown> {
  const count = Number(params.get("count") ?? 0);
  switch (what) {
    case "archives":
      for (const account of accounts) {
        fleet.writeArchive(params.get("folder") ?? "", account);
      }
      return {};
    case "asked": {
      const sofar = asked;
      asked = { server: 0, directory: 0, export: 0 };
      return sofar;
    }
    case "change":
      for (let index = 0; index < count; index += 1) {
        const number = Math.floor((index * accounts.length) / count);
        const old = accounts[number]!;
        before.set(old.did, new Set(old.blocks.map(({ cid }) => cid)));
        accounts[number] = await fleet.account(number, 1);
      }
      return {};
    case "traffic": {
      // Operations of identities at other servers. Nobody looks at more of them than their names and times.
      const [entry] = accounts[0]?.log ?? [];
      const now = Date.now();
      for (let index = 0; index < count; index += 1) {
        const did = `did:plc:${testCid({ now, index }).slice(-24)}`;
        const createdAt = new Date(now - count + index).toISOString();
        lines.push({ did, createdAt, text: JSON.stringify({ ...entry, did, createdAt }) });
      }
      return {};
    }
    default:
      return { unknown: what };
  }
}
