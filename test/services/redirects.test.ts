/** Bytes whose hash is known may come from elsewhere: over how many hops, to where, and with what. */
import type { IncomingHttpHeaders } from "node:http";
import { buffer } from "node:stream/consumers";
import { afterAll, describe, expect, test } from "vitest";
import type { DecampError } from "../../src/errors.ts";
import { Http } from "../../src/services/http/http.ts";
import { Pds, type Download } from "../../src/services/servers/pds.ts";
import { budgets } from "../../src/data/budgets.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";

const http = new Http({ allowPrivateHosts: true, userAgent: "decamp/test", random: () => 0 });
const strict = new Http({ allowPrivateHosts: false, userAgent: "decamp/test", random: () => 0 });
const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const cid = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
const signal = AbortSignal.timeout(30_000);
afterAll(() => [http, strict].forEach((one) => one.close()));

const session = { did, handle: "alice.test", accessJwt: "first", refreshJwt: "second" };

/** A server that opens a session, and leads everything else to `location` with `status`. */
async function leading(location: (path: string) => string | undefined, status = 302): Promise<ScriptedServer> {
  return scriptedServer((request, response) => {
    const path = request.url ?? "";
    if (path.includes("createSession")) {
      sendJson(response, 200, session);
      return;
    }
    const to = location(path);
    response.writeHead(status, to === undefined ? {} : { location: to }).end("elsewhere");
  });
}

async function signedIn({ origin }: ScriptedServer, client = http): Promise<Pds> {
  const pds = new Pds(client, origin);
  await pds.signIn({ identifier: did, password: "hunter22" }, signal);
  return pds;
}

const read = async ({ bytes }: Download): Promise<string> => (await buffer(bytes)).toString();
const failure = async (work: Promise<unknown>): Promise<DecampError> =>
  work.then(
    () => expect.unreachable("it should have failed"),
    (error: unknown) => error as DecampError,
  );

describe("a blob and a repository", () => {
  test.each([301, 302, 303, 307, 308])("are had from where a %i leads, and nothing goes along", async (status) => {
    const seen: IncomingHttpHeaders[] = [];
    await using store = await scriptedServer((request, response) => {
      seen.push(request.headers);
      response.writeHead(200, { "content-type": "application/octet-stream", "set-cookie": "a=b" }).end("the bytes");
    });
    await using own = await leading(() => `${store.origin}/there?signature=s3cret#part`, status);
    const pds = await signedIn(own);
    const blob = await pds.getBlob(did, cid, signal);
    expect(blob.mimeType).toBe("application/octet-stream");
    expect(await read(blob)).toBe("the bytes");
    // Storage does not know what a CAR file is.
    expect(await read(await pds.getRepo(did, signal))).toBe("the bytes");
    expect(own.requests.at(-1)?.authorization).toBe("Bearer first");
    expect(store.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(
      Array.from({ length: 2 }, () => "GET /there?signature=s3cret"),
    );
    for (const headers of seen) {
      expect(Object.keys(headers).sort()).toEqual(["accept-encoding", "connection", "host", "user-agent"]);
    }
  });

  test("a hop on the same host gets no token either", async () => {
    await using own = await scriptedServer((request, response) => {
      const path = request.url ?? "";
      if (path.includes("createSession")) {
        sendJson(response, 200, session);
      } else if (path === "/files/one") {
        response.writeHead(200).end("the bytes");
      } else {
        response.writeHead(302, { location: "/files/one" }).end();
      }
    });
    expect(await read(await (await signedIn(own)).getBlob(did, cid, signal))).toBe("the bytes");
    expect(own.requests.map(({ authorization }) => authorization)).toEqual([undefined, "Bearer first", undefined]);
  });

  test("as many hops as are allowed, and one more", async () => {
    for (const hops of [budgets.redirects.most, budgets.redirects.most + 1]) {
      let count = 0;
      await using own = await scriptedServer((_, response) => {
        count += 1;
        if (count > hops) {
          response.writeHead(200).end("the bytes");
        } else {
          response.writeHead(302, { location: `/hop/${count}` }).end();
        }
      });
      const asked = new Pds(http, own.origin).getBlob(did, cid, signal);
      if (hops === budgets.redirects.most) {
        expect(await read(await asked)).toBe("the bytes");
      } else {
        const { code, message } = await failure(asked);
        expect({ code, message }).toEqual({
          code: "bad-answer",
          message: `${new URL(own.origin).host} redirects com.atproto.sync.getBlob more than ${budgets.redirects.most} times.`,
        });
      }
      expect(count).toBe(budgets.redirects.most + 1);
    }
  });

  test("a circle is named", async () => {
    await using own = await leading((path) => (path === "/a" ? "/b" : "/a"));
    const { code, message } = await failure(new Pds(http, own.origin).getBlob(did, cid, signal));
    expect(code).toBe("bad-answer");
    expect(message).toContain("redirects com.atproto.sync.getBlob in a circle");
    expect(own.requests.map(({ path }) => path).slice(1)).toEqual(["/a", "/b"]);
  });

  test.each<[string, string | undefined]>([
    ["no address", undefined],
    ["an empty one", "http://["],
    ["a file", "file:///etc/passwd"],
    ["data", "data:text/plain,hello"],
    ["an address with a password", "https://alice:hunter22@files.example/"],
  ])("%s is nowhere", async (_, location) => {
    await using own = await leading(() => location);
    const { code, message } = await failure(new Pds(http, own.origin).getBlob(did, cid, signal));
    expect(code).toBe("bad-answer");
    expect(message).toMatch(/redirects com\.atproto\.sync\.getBlob to an address that is none\.$/);
  });

  test("a store that refuses is no word of the server: not that a blob is gone, nor a token that has expired", async () => {
    for (const error of ["BlobNotFound", "ExpiredToken", "RepoTakendown"]) {
      await using store = await scriptedServer((_, response) => sendJson(response, 404, { error, message: "No" }));
      await using own = await leading(() => `${store.origin}/x`);
      const failed = await failure((await signedIn(own)).getBlob(did, cid, signal));
      expect(failed).toMatchObject({ code: "bad-answer", data: { status: 404, to: new URL(store.origin).host } });
      expect(failed.data["error"]).toBeUndefined();
      expect(store.requests).toHaveLength(1);
    }
  });

  test("a store whose answer cannot be read is named with the server that leads there", async () => {
    await using store = await scriptedServer((_, response) =>
      response.writeHead(200, { "content-encoding": "compress" }).end("bytes"),
    );
    await using own = await leading(() => `${store.origin}/x`);
    const { code, message } = await failure(new Pds(http, own.origin).getBlob(did, cid, signal));
    expect(code).toBe("bad-answer");
    const { host } = new URL(store.origin);
    expect(message).toContain(`redirects com.atproto.sync.getBlob to ${host}: ${host} answered in an encoding`);
  });
});

/** Leads on from a first hop, which has to be public: it is answered here. */
const led = async (location: string): Promise<DecampError> => {
  const send = async (request: Parameters<Http["send"]>[0]): ReturnType<Http["send"]> => {
    if (request.url.host === "pds.example.com") {
      await using first = await leading(() => location);
      const answer = await http.send({ ...request, url: new URL(request.url.pathname, first.origin) });
      return { ...answer, body: answer.body.resume() };
    }
    return strict.send(request);
  };
  const client = Object.assign(Object.create(strict) as Http, { send });
  Object.defineProperty(client, "allowPrivateHosts", { value: false });
  return failure(new Pds(client, "https://pds.example.com").getBlob(did, cid, signal));
};

describe("where private hosts are not allowed", () => {
  test.each([
    ["http://files.example/x", "not encrypted"],
    ["https://127.0.0.1/x", "not on the public internet"],
    ["https://[::1]/x", "not on the public internet"],
    ["https://169.254.169.254/latest", "not on the public internet"],
    ["https://localhost/x", "not on the public internet"],
    ["https://2130706433/x", "not on the public internet"],
  ])("%s is not gone to", async (location, why) => {
    const { code, message, hint } = await led(location);
    expect(code).toBe("bad-answer");
    expect(message).toContain("to where decamp does not go");
    expect(message).toContain(why);
    expect(hint).toContain("--allow-private-hosts");
  });
});

describe("every other call", () => {
  const calls: [string, (pds: Pds) => Promise<unknown>][] = [
    ["getBlocks", async (pds) => pds.getBlocks(did, [cid], signal)],
    ["getLatestCommit", async (pds) => pds.statedHead(did, signal)],
    ["getPreferences", async (pds) => pds.getPreferences(signal)],
    ["putPreferences", async (pds) => pds.putPreferences([], signal)],
    ["activateAccount", async (pds) => pds.activate(signal)],
  ];
  test.each(calls)("%s is led nowhere", async (name, call) => {
    await using other = await scriptedServer((_, response) => sendJson(response, 200, {}));
    await using own = await leading(() => `${other.origin}/x`, 307);
    const { code, message } = await failure(call(await signedIn(own)));
    expect(code).toBe("bad-answer");
    expect(message).toMatch(new RegExp(` redirects \\S*${name} to another address\\.$`));
    expect(other.requests).toEqual([]);
  });
});
