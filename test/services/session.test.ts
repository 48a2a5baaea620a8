import type { ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, describe, expect, test } from "vitest";
import { DecampError } from "../../src/errors.ts";
import { Http } from "../../src/services/http/http.ts";
import { Pds } from "../../src/services/servers/pds.ts";
import { PinnedSession } from "../../src/services/servers/session.ts";
import { scriptedServer, sendJson } from "../faults/scripted-server.ts";

const http = new Http({ allowPrivateHosts: true, userAgent: "decamp/test", random: () => 0 });
const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const signal = AbortSignal.timeout(30_000);
afterAll(() => http.close());

function session(access: string, more: object = {}): object {
  return { did, handle: "alice.test", accessJwt: access, refreshJwt: `refresh-of-${access}`, ...more };
}

test("a session stays with its host, whatever DID document the answers name", async () => {
  await using other = await scriptedServer((_, response) => sendJson(response, 200, {}));
  const didDoc = {
    id: did,
    service: [{ id: "#atproto_pds", type: "AtprotoPersonalDataServer", serviceEndpoint: other.origin }],
  };
  await using own = await scriptedServer((request, response) => {
    const login = request.url?.includes("createSession") === true;
    sendJson(response, 200, login ? session("first", { didDoc }) : { preferences: [] });
  });
  const pds = new Pds(http, own.origin);
  await pds.signIn({ identifier: did, password: "x" }, signal);
  expect(await pds.getPreferences(signal)).toEqual([]);
  expect(own.requests.at(-1)?.authorization).toBe("Bearer first");
  expect(other.requests).toEqual([]);
});

describe("the password of an operator", () => {
  const password = "operators-password";
  const basic = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;

  test("goes along with questions of com.atproto.sync, and with nothing else", async () => {
    await using server = await scriptedServer((_, response) => sendJson(response, 200, session("first")));
    const pinned = new PinnedSession(http, server.origin, password);
    const sync = "/xrpc/com.atproto.sync.getRepoStatus?did=x";
    const others = [
      "/xrpc/com.atproto.syncing.getRepo",
      "/xrpc/com.atproto.repo.listRecords?x=/xrpc/com.atproto.sync.getRepo",
      "/xrpc/../xrpc/com.atproto.server.describeServer",
      "/xrpc/com.atproto.sync.getRepo/../com.atproto.admin.getAccountInfo",
      "/.well-known/oauth-protected-resource",
    ];
    await pinned.json({ path: sync, signal });
    for (const path of others) {
      await pinned.json({ path, signal });
    }
    await pinned.json({ path: sync, token: "none", signal });
    await pinned.json({ path: sync, method: "POST", body: "{}", signal });
    await pinned.signIn({ identifier: did, password: "x" }, signal);
    await pinned.json({ path: sync, signal });
    const [first, ...rest] = server.requests.map(({ authorization }) => authorization);
    expect(first).toBe(basic);
    expect(rest.slice(0, -1)).toEqual([...others, "none", "POST", "signing in"].map(() => undefined));
    expect(rest.at(-1)).toBe("Bearer first");
    await expect(
      pinned.json({ path: "//elsewhere.example.com/xrpc/com.atproto.sync.getRepo", signal }),
    ).rejects.toThrow("its own host");
  });

  test("is in no error, whatever the server repeats; refused, it is one of its own", async () => {
    let status = 400;
    await using server = await scriptedServer(({ headers }, response) => {
      const { authorization = "" } = headers;
      const message = `${authorization} is admin:${password}, ${encodeURIComponent(password)} and ${Buffer.from(password).toString("hex")}`;
      sendJson(response, status, { error: "InvalidRequest", message });
    });
    const pds = new Pds(new Http({ allowPrivateHosts: true, userAgent: "decamp/test" }), server.origin, password);
    const wrong = await pds.statedHead(did, signal).catch((error: unknown) => error as DecampError);
    expect(wrong).toBeInstanceOf(DecampError);
    const { message, data, stack } = wrong as DecampError;
    const said = JSON.stringify({ message, data, stack });
    expect(said).toContain("[secret]");
    for (const form of [password, basic.slice(6), Buffer.from(password).toString("hex")]) {
      expect(said).not.toContain(form);
    }
    await pds.checkOperator(signal);
    for (status of [401, 403]) {
      await expect(pds.checkOperator(signal)).rejects.toMatchObject({ code: "auth-refused" });
    }
  });
});

test("a redirect to another host is not followed", async () => {
  await using other = await scriptedServer((_, response) => sendJson(response, 200, {}));
  await using own = await scriptedServer((request, response) =>
    request.url?.includes("createSession") === true
      ? sendJson(response, 200, session("first"))
      : response.writeHead(307, { location: `${other.origin}/xrpc/app.bsky.actor.getPreferences` }).end(),
  );
  const pds = new Pds(http, own.origin);
  await pds.signIn({ identifier: did, password: "x" }, signal);
  await expect(pds.getPreferences(signal)).rejects.toMatchObject({ code: "bad-answer" });
  expect(other.requests).toEqual([]);
});

test("what a server repeats of what it was sent is in no error", async () => {
  const token = "eyJhbGciOiJFUzI1NksifQ.eyJzdWIiOiJkaWQ6cGxjOngifQ.c2lnbmF0dXJl";
  await using server = await scriptedServer((request, response) => {
    if (request.url?.includes("createSession") === true) {
      sendJson(response, 401, { error: "hunter22", message: "hunter22 is not the password, nor hunter22-1" });
      return;
    }
    const message = `${request.headers.authorization} and ${token} and the code ABCDE-23456 do not fit`;
    sendJson(response, 400, { error: "InvalidRequest", message });
  });
  const signingIn = new Pds(http, server.origin).signIn({ identifier: did, password: "hunter22" }, signal);
  const pinned = new PinnedSession(http, server.origin);
  pinned.adopt(session("an opaque token"));
  const asking = pinned.json({ path: "/xrpc/app.bsky.actor.getPreferences", signal });
  for (const work of [signingIn, asking]) {
    const error: unknown = await work.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DecampError);
    const { message, hint, data } = error as DecampError;
    const told = JSON.stringify({ message, hint, data });
    expect(told).toContain("[secret]");
    expect(told).not.toMatch(/hunter22|opaque|eyJ|ABCDE/);
  }
});

describe("an expired token", () => {
  test("is renewed once, however many requests notice", async () => {
    let renewed = false;
    await using server = await scriptedServer((request, response) => {
      if (request.url?.includes("refreshSession") === true) {
        renewed = true;
        sendJson(response, 200, session("second"));
      } else if (request.headers.authorization === "Bearer first") {
        sendJson(response, 400, { error: "ExpiredToken", message: "Token has expired" });
      } else {
        sendJson(response, 200, { preferences: [] });
      }
    });
    const pinned = new PinnedSession(http, server.origin);
    pinned.adopt(session("first"));
    await Promise.all([1, 2, 3].map(async () => pinned.json({ path: "/xrpc/app.bsky.actor.getPreferences", signal })));
    expect(renewed).toBe(true);
    const renewals = server.requests.filter(({ path }) => path.includes("refreshSession"));
    expect(renewals).toHaveLength(1);
    expect(renewals[0]?.authorization).toBe("Bearer refresh-of-first");
  });

  test("that stays expired is an error, not a loop", async () => {
    await using server = await scriptedServer((request, response) =>
      request.url?.includes("refreshSession") === true
        ? sendJson(response, 200, session("second"))
        : sendJson(response, 400, { error: "ExpiredToken", message: "Token has expired" }),
    );
    const pinned = new PinnedSession(http, server.origin);
    pinned.adopt(session("first"));
    await expect(pinned.json({ path: "/xrpc/x", signal })).rejects.toMatchObject({ code: "server-refused" });
    expect(server.requests).toHaveLength(3);
  });
});

describe("sign-in", () => {
  const refusals = [
    [401, { error: "AuthenticationRequired", message: "Invalid identifier or password" }, "auth-refused"],
    [401, { error: "AuthenticationRequired" }, "auth-refused"],
    [401, { message: "Wrong." }, "auth-refused"],
    [400, { error: "InvalidLogin", message: "No." }, "auth-refused"],
    [401, { error: "AuthRequired", message: "Invalid password. You can use OAuth instead" }, "auth-refused"],
    [401, { error: "AuthFactorTokenRequired", message: "A sign in code has been sent" }, "auth-factor-required"],
    [401, { error: "AccountTakedown", message: "Account has been taken down" }, "account-unavailable"],
    [403, { error: "account_not_verified", message: "Confirm your address" }, "account-unconfirmed"],
    [501, { error: "MethodNotImplemented", message: "Method Not Implemented" }, "unsupported"],
    [404, { error: "XRPCNotSupported", message: "XRPCNotSupported" }, "unsupported"],
    [404, {}, "unsupported"],
    [401, { error: "LegacyLoginBlocked", message: "Use your passkey" }, "unsupported"],
    [400, { error: "InvalidRequest", message: "This server signs in with OAuth" }, "unsupported"],
    [404, { error: "NotFound", message: "Who?" }, "server-refused"],
    [500, { error: "InternalServerError", message: "Oh" }, "server-refused"],
  ] as const;
  test.each(refusals)("%i %o", async (status, body, code) => {
    await using server = await scriptedServer((_, response) => sendJson(response, status, body));
    const signingIn = new Pds(http, server.origin).signIn({ identifier: did, password: "x" }, signal);
    await expect(signingIn).rejects.toMatchObject({
      code,
      message: expect.not.stringContaining("undefined") as string,
    });
  });

  test("an answer that is no session", async () => {
    await using server = await scriptedServer((_, response) => sendJson(response, 200, { did }));
    await expect(new Pds(http, server.origin).signIn({ identifier: did, password: "x" }, signal)).rejects.toMatchObject(
      {
        code: "bad-answer",
      },
    );
  });
});

test("blocks are asked for by their CIDs, and come as they are", async () => {
  await using server = await scriptedServer((_, response) =>
    response.writeHead(200, { "content-type": "application/vnd.ipld.car" }).end("blocks"),
  );
  const { bytes } = await new Pds(http, server.origin).getBlocks(did, ["bafyone", "bafytwo"], signal);
  expect(await text(bytes)).toBe("blocks");
  const { pathname, searchParams } = new URL(server.requests[0]?.path ?? "", server.origin);
  expect(pathname).toBe("/xrpc/com.atproto.sync.getBlocks");
  expect([...searchParams]).toEqual([
    ["did", did],
    ["cids", "bafyone"],
    ["cids", "bafytwo"],
  ]);
});

describe("answers that are not as the protocol has them", () => {
  test("of a small call", async () => {
    await using server = await scriptedServer((_, response) => sendJson(response, 200, { did: 7 }));
    await expect(new Pds(http, server.origin).describe(signal)).rejects.toMatchObject({ code: "bad-answer" });
  });

  test("a repository of another type", async () => {
    await using server = await scriptedServer((_, response) => sendJson(response, 200, { error: "no" }));
    await expect(new Pds(http, server.origin).getRepo(did, signal)).rejects.toMatchObject({ code: "bad-answer" });
  });

  test("a part of a blob or a repository, which nobody asked for", async () => {
    await using server = await scriptedServer((_, response) => response.writeHead(206).end("a part"));
    const pds = new Pds(http, server.origin);
    const refused = { code: "bad-answer", message: expect.stringMatching(/ with a part of it\.$/) as string };
    await expect(pds.getBlob(did, "bafyone", signal)).rejects.toMatchObject(refused);
    await expect(pds.getRepo(did, signal)).rejects.toMatchObject(refused);
  });

  test("what has no type is what it was asked for, if it has that shape", async () => {
    await using server = await scriptedServer((request, response) =>
      response
        .writeHead(200)
        .end(request.url?.includes("getRepo") === true ? "blocks" : '{"cid":"bafyone","rev":"3l"}'),
    );
    const pds = new Pds(http, server.origin);
    expect(await text((await pds.getRepo(did, signal)).bytes)).toBe("blocks");
    expect(await pds.statedHead(did, signal)).toEqual({ cid: "bafyone", rev: "3l" });
  });

  const description = { did: "did:web:pds.test", availableUserDomains: [".pds.test"] };
  const garbled: [string, (response: ServerResponse) => void][] = [
    ["breaks off", (response) => response.writeHead(200, { "content-type": "application/json" }).end('{"did":"did:w')],
    ["is a web page", (response) => response.writeHead(200, { "content-type": "text/html" }).end("<h1>Welcome</h1>")],
  ];

  test.each(garbled)("one that %s is asked for again", async (_, garble) => {
    await using server = await scriptedServer((__, response, count) =>
      count < 3 ? garble(response) : sendJson(response, 200, description),
    );
    expect(await new Pds(http, server.origin).describe(signal)).toMatchObject({ did: description.did });
  });

  test.each(garbled)(
    "one that %s each time is an error, and so is the first to what must not be repeated",
    async (_, garble) => {
      await using server = await scriptedServer((__, response) => garble(response));
      const pds = new Pds(http, server.origin);
      await expect(pds.describe(signal)).rejects.toMatchObject({ code: "bad-answer" });
      expect(server.requests).toHaveLength(3);
      await expect(pds.submitPlcOperation({}, signal)).rejects.toMatchObject({ code: "bad-answer" });
      expect(server.requests).toHaveLength(4);
    },
  );

  test.each([
    ["the same", () => "again"],
    ["a new", (count: number) => `page ${count}`],
  ])("pages without end, each with %s name of the next one", async (_, cursor) => {
    const cid = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
    await using server = await scriptedServer((__, response, count) =>
      sendJson(response, 200, { cids: [cid], cursor: cursor(count) }),
    );
    const readAll = async (): Promise<void> => {
      for await (const one of new Pds(http, server.origin).listBlobs(did, signal)) {
        expect(one).toBe(cid);
      }
    };
    await expect(readAll()).rejects.toMatchObject({ code: "bad-answer" });
  });
});
