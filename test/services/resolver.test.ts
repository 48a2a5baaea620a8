import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { afterAll, describe, expect, test } from "vitest";
import { Http } from "../../src/services/http/http.ts";
import { createHandleResolver } from "../../src/services/servers/resolver.ts";
import { unreachable } from "../../src/services/http/unreachable.ts";
import { dnsServer } from "../faults/dns-server.ts";
import { scriptedServer, type ScriptedServer } from "../faults/scripted-server.ts";
import { freePort } from "../network/ports.ts";
import { startTlsFront } from "../network/tls-front.ts";

const open = new Http({ allowPrivateHosts: true, userAgent: "decamp/test", random: () => 0 });
const guarded = new Http({ allowPrivateHosts: false, userAgent: "decamp/test", random: () => 0 });
afterAll(() => {
  open.close();
  guarded.close();
});

const handle = "alice.example.com";
const byName = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const byAddress = "did:plc:44ybard66vv44zksje25o7dz";
const txt = `_atproto.${handle}`;
const signal = AbortSignal.timeout(30_000);

/** A net in which the name of a host cannot be looked up, because it or that of a proxy does not exist. */
function unknown(hostname: string): Pick<Http, "send"> {
  const cause = Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND", hostname });
  return { send: async ({ url }) => Promise.reject(unreachable(url, cause)) };
}

/** A web server that has an answer for each path; a text is an answer of 200, a number a status, a URL a redirect. */
async function site(answers: Readonly<Record<string, string | number | URL>>): Promise<ScriptedServer> {
  return scriptedServer((request, response) => {
    const answer = answers[request.url ?? ""] ?? 404;
    if (answer instanceof URL) {
      response.writeHead(302, { location: answer.href }).end("elsewhere");
    } else {
      response.writeHead(typeof answer === "number" ? answer : 200).end(String(answer));
    }
  });
}

/**
 * Takes requests for the handle's host, and for one more, to a server on loopback; all others go out with the guard on.
 */
function leadingTo({ origin }: ScriptedServer): Pick<Http, "send"> {
  return leading(origin);
}

/** The same for whatever is at `origin`. */
function leading(origin: string): Pick<Http, "send"> {
  return {
    send: async (request) => {
      const ours = [handle, "www.example.com"].includes(request.url.host) && request.url.protocol === "https:";
      const url = new URL(`${request.url.pathname}${request.url.search}`, origin);
      return ours ? open.send({ ...request, url }) : guarded.send(request);
    },
  };
}

const wellKnown = "/.well-known/atproto-did";

describe("DNS", () => {
  test.each<[string, string[][], string | undefined]>([
    ["one record", [[`did=${byName}`]], byName],
    ["a record in pieces, among others", [["v=spf1 -all"], ["did=did:plc:ewvi7n", "xzyoun6zhxrhs64oiz"]], byName],
    ["the same one twice", [[`did=${byName}`], [`did=${byName}`]], byName],
    ["a did:web", [["did=did:web:alice.example.com"]], "did:web:alice.example.com"],
    ["nothing that is a DID", [["did=alice"], [byName]], undefined],
  ])("%s", async (_name, records, did) => {
    await using dns = await dnsServer({ [txt]: records });
    await using web = await site({});
    const resolver = createHandleResolver(leadingTo(web), { dnsServers: [dns.address] });
    expect(await resolver.resolve(handle, signal)).toBe(did);
    expect(dns.asked).toEqual([txt]);
  });

  test("goes before the well-known address, which is not even asked", async () => {
    await using dns = await dnsServer({ [txt]: [[`did=${byName}`]] });
    await using web = await site({ [wellKnown]: byAddress });
    const resolver = createHandleResolver(leadingTo(web), { dnsServers: [dns.address] });
    expect(await resolver.resolve(handle, signal)).toBe(byName);
    expect(web.requests).toEqual([]);
  });

  test("with two different DIDs: no answer at all, whatever the well-known address says", async () => {
    await using dns = await dnsServer({ [txt]: [[`did=${byName}`], [`did=${byAddress}`]] });
    await using web = await site({ [wellKnown]: byName });
    const resolver = createHandleResolver(leadingTo(web), { dnsServers: [dns.address] });
    await expect(resolver.resolve(handle, signal)).rejects.toMatchObject({
      code: "identity-invalid",
      data: { handle, dids: [byName, byAddress] },
    });
    expect(web.requests).toEqual([]);
  });
});

describe("the well-known address", () => {
  test.each<[string, Record<string, string | number | URL>, string | undefined]>([
    ["a DID, with white space around it", { [wellKnown]: `\n ${byAddress}\r\n` }, byAddress],
    ["a web page", { [wellKnown]: "<!doctype html>" }, undefined],
    ["nothing", {}, undefined],
    ["a DID with a status that is no success", { [wellKnown]: 410 }, undefined],
    ["more than any DID needs", { [wellKnown]: `${byAddress}${" ".repeat(5000)}` }, undefined],
    [
      "a redirect to another host",
      { [wellKnown]: new URL("https://www.example.com/did"), "/did": byAddress },
      byAddress,
    ],
    [
      "three redirects",
      {
        [wellKnown]: new URL("https://www.example.com/1"),
        "/1": new URL("https://www.example.com/2"),
        "/2": new URL("https://www.example.com/3"),
        "/3": byAddress,
      },
      byAddress,
    ],
    ["redirects in a circle", { [wellKnown]: new URL(`https://${handle}${wellKnown}`) }, undefined],
    ["a redirect to http", { [wellKnown]: new URL("http://www.example.com/did"), "/did": byAddress }, undefined],
    [
      "a redirect with a password",
      { [wellKnown]: new URL("https://a:b@www.example.com/did"), "/did": byAddress },
      undefined,
    ],
  ])("%s", async (_name, answers, did) => {
    await using dns = await dnsServer({});
    await using web = await site(answers);
    const resolver = createHandleResolver(leadingTo(web), { dnsServers: [dns.address] });
    expect(await resolver.resolve(handle, signal)).toBe(did);
    expect(dns.asked).toEqual([txt]);
    expect(web.requests.length).toBeLessThanOrEqual(4);
  });

  test("decides when DNS itself fails", async () => {
    await using dns = await dnsServer({ [txt]: "failed" });
    await using web = await site({ [wellKnown]: byAddress });
    const resolver = createHandleResolver(leadingTo(web), { dnsServers: [dns.address] });
    expect(await resolver.resolve(handle, signal)).toBe(byAddress);
  });

  test.each(["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])(
    "a redirect to %s is not followed: nobody there is even connected to",
    async (host) => {
      let connections = 0;
      const trap = createServer((socket) => {
        connections += 1;
        socket.destroy();
      }).listen(0, "127.0.0.1");
      await once(trap, "listening");
      const { port } = trap.address() as AddressInfo;
      await using dns = await dnsServer({});
      await using web = await site({ [wellKnown]: new URL(`https://${host}:${port}/`) });
      const resolver = createHandleResolver(leadingTo(web), { dnsServers: [dns.address] });
      expect(await resolver.resolve(handle, signal)).toBeUndefined();
      expect(web.requests).toHaveLength(1);
      expect(connections).toBe(0);
      trap.close();
    },
  );
});

/** The error where neither way has named a DID, and one of them gave no answer. */
function lost(dns: string, web: string) {
  return {
    code: "unreachable",
    exitCode: 5,
    message: expect.stringContaining(handle) as string,
    data: { handle, dns: expect.stringContaining(dns) as string, wellKnown: expect.stringContaining(web) as string },
  };
}

async function resolve(web: Pick<Http, "send">, dns: string): Promise<string | undefined> {
  return createHandleResolver(web, { dnsServers: [dns] }).resolve(handle, signal);
}

describe("a handle that leads nowhere is told from one that nobody can be asked about", () => {
  test("no entry, and a site that names none: no account", async () => {
    await using dns = await dnsServer({});
    await using web = await site({});
    expect(await resolve(leadingTo(web), dns.address)).toBeUndefined();
  });

  test("an entry of another kind: no account", async () => {
    await using dns = await dnsServer({ [txt]: [] });
    await using web = await site({});
    expect(await resolve(leadingTo(web), dns.address)).toBeUndefined();
  });

  test("no entry, and no host: no account", async () => {
    await using dns = await dnsServer({});
    expect(await resolve(unknown(handle), dns.address)).toBeUndefined();
  });

  test("DNS that fails, and a site that names none", async () => {
    await using dns = await dnsServer({ [txt]: "failed" });
    await using web = await site({});
    await expect(resolve(leadingTo(web), dns.address)).rejects.toMatchObject(lost("DNS server failed", "answered 404"));
  });

  test("DNS that nobody answers", async () => {
    const gone = await dnsServer({});
    const { address } = gone;
    await gone[Symbol.asyncDispose]();
    await using web = await site({});
    await expect(resolve(leadingTo(web), address)).rejects.toMatchObject(lost("no DNS server", "answered 404"));
  });

  test("no entry, and a host that refuses the connection", async () => {
    const port = await freePort();
    await using dns = await dnsServer({});
    const refusing = leading(`http://127.0.0.1:${port}`);
    await expect(resolve(refusing, dns.address)).rejects.toMatchObject(lost("no such name", "nothing answers there"));
  });

  test("no entry, and a host with a certificate that nobody trusts", async () => {
    await using front = await startTlsFront(() => undefined);
    await using dns = await dnsServer({});
    const forged = leading(`https://localhost:${front.port}`);
    await expect(resolve(forged, dns.address)).rejects.toMatchObject(lost("no such name", "certificate"));
  });

  test("no entry, and a host that stumbles", async () => {
    await using dns = await dnsServer({});
    await using web = await site({ [wellKnown]: 503 });
    await expect(resolve(leadingTo(web), dns.address)).rejects.toMatchObject(lost("no such name", "answered 503"));
  });

  test("no entry, and a proxy that does not exist: the host was never looked up", async () => {
    await using dns = await dnsServer({});
    const proxied = unknown("proxy.example.com");
    await expect(resolve(proxied, dns.address)).rejects.toMatchObject(lost("no such name", "no such host"));
  });

  test("no entry, and a host on a private network: that is said", async () => {
    await using dns = await dnsServer({});
    const inside: Pick<Http, "send"> = {
      send: async (request) => guarded.send({ ...request, url: new URL("https://127.0.0.1/") }),
    };
    await expect(resolve(inside, dns.address)).rejects.toMatchObject({ code: "private-address", exitCode: 9 });
  });

  test("under .test nobody has to answer: those names are in no public DNS", async () => {
    await using dns = await dnsServer({ "_atproto.alice.decamp.test": "failed" });
    const resolver = createHandleResolver(unknown("proxy.example.com"), { dnsServers: [dns.address] });
    expect(await resolver.resolve("alice.decamp.test", signal)).toBeUndefined();
  });
});

test("a name that is reserved is never looked up", async () => {
  await using dns = await dnsServer({ "_atproto.alice.local": [[`did=${byName}`]] });
  await using web = await site({ [wellKnown]: byAddress });
  const resolver = createHandleResolver(leadingTo(web), { dnsServers: [dns.address] });
  expect(await resolver.resolve("alice.local", signal)).toBeUndefined();
  expect([dns.asked, web.requests]).toEqual([[], []]);
});

test("whoever asked can stop it", async () => {
  await using dns = await dnsServer({});
  await using web = await site({});
  const resolver = createHandleResolver(leadingTo(web), { dnsServers: [dns.address] });
  const stop = new Error("stop");
  await expect(resolver.resolve(handle, AbortSignal.abort(stop))).rejects.toBe(stop);
});
