/**
 * `decamp account handle` against real servers: a name that the server gives out, and a domain of one's own, which the
 * server and decamp look up by real HTTPS; then each reason for which it is refused, and answers that get lost.
 */
import { createServer } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { changedJson, loseAnswer, refuse, status } from "../faults/faults.ts";
import { startProxy, type Proxy } from "../faults/proxy.ts";
import { createAccount, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { addPdsFor, createWebAccount, startWebHost } from "../network/did-web.ts";
import { addOwnParts, auditLog, changeIdentity } from "../network/identity.ts";
import { listen, freePort, stopServer } from "../network/ports.ts";
import type { PdsHandle } from "../network/pds.ts";
import { startPublicNames, type PublicNames } from "../network/public-names.ts";
import { runDecamp, startDecamp, type Ended } from "../network/run-decamp.ts";
import { procedure, query } from "../network/xrpc.ts";

vi.setConfig({ testTimeout: 120_000 });

const network = connectNetwork(inject("network"));
const { plcUrl } = network;
const folder = mkdtempSync(path.join(tmpdir(), "decamp-handle-"));
const preload = new URL("../faults/hurry.ts", import.meta.url);
const domains = ["alice", "late", "theirs", "broken"].map((name) => `${name}-handle.web.test`);
const records = new Map<string, string>();

let names: PublicNames;
/** A server in a process of its own, which looks the domains up as it does everywhere. */
let home: PdsHandle;
let proxy: Proxy;
let stop: () => Promise<void>;

beforeAll(async () => {
  const web = createServer(({ url, headers }, response) => {
    const did = url === "/.well-known/atproto-did" ? records.get(headers.host ?? "") : undefined;
    response.writeHead(did === undefined ? 404 : 200, { "content-type": "text/plain" }).end(did);
  });
  const port = await listen(web, 0);
  names = await startPublicNames((host) => (domains.includes(host) ? `http://127.0.0.1:${port}` : undefined));
  const publicPort = await freePort();
  home = await network.addPds({
    name: "handlehome",
    apart: true,
    publicPort,
    preload: new URL("../network/lead-names.ts", import.meta.url).href,
    processEnv: { ...names.env, DECAMP_TEST_NAMES: `${domains.join(",")}:${names.tlsPort}` },
  });
  proxy = await startProxy({ port: publicPort, targetPort: home.port });
  stop = async () => stopServer(web);
  writeFileSync(path.join(folder, "password"), "the-old-password\n", { mode: 0o600 });
});
afterAll(async () => {
  await proxy.stop();
  await names[Symbol.asyncDispose]();
  await stop();
  rmSync(folder, { recursive: true });
});

async function newAccount(name: string, pds: PdsHandle = home): Promise<Account> {
  return createAccount(pds, {
    handle: `${name}${pds.handleDomain}`,
    email: `${name}@handle.example.com`,
    password: "the-old-password",
  });
}

const state = ["--plc-url", plcUrl, "--allow-private-hosts", "--state-dir", path.join(folder, "state")];
const own = ["--password-file", path.join(folder, "password"), "--no-input", ...state];

interface Said {
  code: number | null;
  /** the last line with `--json`, of an error or a result */
  said: Record<string, unknown>;
  /** all before it */
  before: Record<string, unknown>[];
}

function said({ code, stdout, stderr }: Ended): Said {
  const lines = `${stdout}${stderr}`
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { code, said: lines.at(-1) ?? {}, before: lines.slice(0, -1) };
}

/** A name that the server gives out. */
const givenName = (text: string): string => `${text}${home.handleDomain}`;

/** What `decamp account handle … --json` says. */
async function setHandle(did: string, name: string, ...flags: string[]): Promise<Said> {
  const args = ["account", "handle", did, name, ...own, "--yes", "--json", ...flags];
  return said(await runDecamp(args, { env: names.env, preload }));
}

async function aliases(did: string): Promise<string[]> {
  return (await auditLog(plcUrl, did)).at(-1)?.operation.alsoKnownAs ?? [];
}

async function watched(did: string): Promise<number | null> {
  return (await runDecamp(["plc", "watch", did, "--once", ...state])).code;
}

test("a name that the server gives out needs no record, and a watch on this machine knows whose operation it is", async () => {
  const account = await newAccount("given");
  await addOwnParts(network, account);
  const { did } = account;
  const wanted = `taken${home.handleDomain}`;
  await watched(did);

  const stopped = await runDecamp(["account", "handle", did, wanted, ...own, "--json"]);
  expect([stopped.code, JSON.parse(stopped.stderr)]).toMatchObject([
    7,
    { code: "input-needed", hint: expect.stringContaining("--yes") as string, data: { identity: "unchanged" } },
  ]);
  const before = await aliases(did);
  const { code, said: done } = await setHandle(did, wanted);
  const log = await auditLog(plcUrl, did);
  expect([code, done]).toMatchObject([
    0,
    {
      command: "account handle",
      state: "set",
      before: account.handle,
      handle: wanted,
      givenOut: true,
      operation: log.at(-1)?.cid,
      stated: wanted,
      leads: "not-asked",
      warnings: [],
    },
  ]);
  // What else the identity names stays.
  expect(await aliases(did)).toEqual(
    before.map((alias) => (alias === `at://${account.handle}` ? `at://${wanted}` : alias)),
  );
  expect(await watched(did)).toBe(0);

  const again = await setHandle(did, wanted.toUpperCase());
  expect(again).toMatchObject({ code: 0, said: { state: "same", leads: "not-asked" } });
  expect(await auditLog(plcUrl, did)).toHaveLength(log.length);

  // The same operation on another machine is somebody else's.
  const elsewhere = ["plc", "watch", did, "--once", "--plc-url", plcUrl, "--allow-private-hosts"];
  expect((await runDecamp([...elsewhere, "--state-dir", path.join(folder, "other")])).code).toBe(3);

  const other = await newAccount("another");
  const refused = await setHandle(other.did, wanted);
  expect(refused).toMatchObject({ code: 5, said: { code: "handle-taken", data: { did, identity: "unchanged" } } });
  const reserved = await setHandle(other.did, `admin${home.handleDomain}`);
  expect(reserved).toMatchObject({
    code: 5,
    said: {
      code: "server-refused",
      message: expect.stringContaining("Reserved handle") as string,
      data: { identity: "unchanged" },
    },
  });
  expect(await aliases(other.did)).toEqual([`at://${other.handle}`]);
});

test("a domain of one's own: the record is said, waited for, and looked for again; then it is its handle", async () => {
  const { did, handle: before } = await newAccount("owner-of");
  const [name = "", late = "", theirs = ""] = domains;
  const record = { did, handle: name, dnsName: `_atproto.${name}`, dnsValue: `did=${did}`, fileContent: did };
  const fileUrl = `https://${name}/.well-known/atproto-did`;
  const unset = await setHandle(did, name, "--wait", "0");
  expect(unset).toMatchObject({
    code: 8,
    said: { code: "not-published", data: { ...record, fileUrl, identity: "unchanged" } },
    before: [],
  });

  const args = ["account", "handle", did, name, ...own, "--yes", "--json", "--wait", "1"];
  const { child, ended } = startDecamp(args, { env: names.env, preload });
  let heard = "";
  child.stdout?.on("data", (text: string) => {
    heard += text;
    if (heard.includes('"record"')) {
      records.set(name, did);
    }
  });
  expect(said(await ended)).toMatchObject({
    code: 0,
    before: [{ type: "record", ...record, fileUrl }],
    said: { state: "set", before, handle: name, givenOut: false, leads: "leads-here", stated: name, warnings: [] },
  });
  expect(await aliases(did)).toEqual([`at://${name}`]);

  // It is the handle, and its record is gone: that is said, and nothing is sent.
  records.delete(name);
  expect(await setHandle(did, name, "--wait", "0")).toMatchObject({ code: 8, said: { code: "not-published" } });
  records.set(name, did);
  expect(await setHandle(did, name)).toMatchObject({ code: 0, said: { state: "same", leads: "leads-here" } });

  records.set(theirs, "did:plc:ewvi7nxzyoun6zhxrhs64oiz");
  expect(await setHandle(did, theirs)).toMatchObject({
    code: 5,
    said: {
      code: "handle-taken",
      message: expect.stringContaining("did:plc:ewvi7nxzyoun6zhxrhs64oiz") as string,
      data: { identity: "unchanged" },
    },
  });

  // A server that does not see the record although decamp does: its own words, and nothing is changed.
  records.set(late, did);
  const unseen = refuse(400, "InvalidRequest", "External handle did not resolve to DID");
  proxy.when({ kind: "com.atproto.identity.updateHandle", times: 1 }, unseen);
  expect(await setHandle(did, late)).toMatchObject({
    code: 5,
    said: {
      message: expect.stringContaining("External handle did not resolve to DID") as string,
      data: { identity: "unchanged" },
    },
  });
  expect(await aliases(did)).toEqual([`at://${name}`]);
});

test("what is no handle is refused before anybody is asked", async () => {
  for (const name of [
    "alice",
    "al ice.example.com",
    "alice.local",
    "handle.invalid",
    "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
  ]) {
    const { code, stderr } = await runDecamp(["account", "handle", "alice.example.com", name, "--no-input"]);
    expect([name, code, stderr]).toEqual([name, 2, expect.stringMatching(/handle/) as string]);
  }
});

test("what the log says counts: a lost answer, an answer without an operation, an operation that does more", async () => {
  const account = await newAccount("lost");
  const { did } = account;
  const kind = "com.atproto.identity.updateHandle";
  proxy.when({ kind, times: 1 }, loseAnswer());
  expect(await setHandle(did, givenName("lost2"))).toMatchObject({
    code: 0,
    said: { state: "set", stated: givenName("lost2") },
  });

  const length = (await auditLog(plcUrl, did)).length;
  proxy.when({ kind, times: 1 }, status(200, { "content-type": "application/json" }, "{}"));
  const unseen = await setHandle(did, givenName("lost3"));
  expect(unseen).toMatchObject({
    code: 9,
    said: {
      code: "refused",
      message: expect.stringContaining(`no new operation: it names ${givenName("lost2")}`) as string,
      data: { identity: "sent" },
    },
  });
  proxy.when({ kind, times: 1 }, status(502));
  expect(await setHandle(did, givenName("lost4"))).toMatchObject({ code: 5, said: { data: { identity: "sent" } } });
  proxy.when(
    { kind, times: 1 },
    status(501, { "content-type": "application/json" }, '{"error":"MethodNotImplemented"}'),
  );
  expect(await setHandle(did, givenName("lost5"))).toMatchObject({
    code: 5,
    said: { data: { identity: "unchanged", next: expect.stringContaining("--handle") as string } },
  });
  expect(await auditLog(plcUrl, did)).toHaveLength(length);

  proxy.when({ kind, times: 1 }, async (exchange) => {
    await changeIdentity(network, account, (last) => ({
      alsoKnownAs: [`at://${givenName("lost6")}`],
      services: { ...last.services, other: { type: "Other", endpoint: "https://other.example.com" } },
    }));
    exchange.reply({ status: 200, headers: {}, body: Buffer.from("{}") });
  });
  const more = await setHandle(did, givenName("lost6"));
  // The server knows nothing of it, and so leads nobody by it.
  expect([more.code, more.said["warnings"]]).toEqual([
    6,
    [
      expect.stringContaining("services.other") as string,
      expect.stringContaining(`calls the account ${givenName("lost2")}`) as string,
    ],
  ]);
  // That one is nobody's that this machine knows.
  expect(await watched(did)).toBe(3);
});

test("an identity that is changed meanwhile, and a server that may not sign for it", async () => {
  const account = await newAccount("moving");
  const { did } = account;
  const wanted = `moving2${home.handleDomain}`;
  proxy.when({ kind: "com.atproto.server.createSession", times: 1 }, async (exchange) => {
    await changeIdentity(network, account, (last) => ({ alsoKnownAs: [...last.alsoKnownAs, "https://example.com"] }));
    exchange.reply(await exchange.ask());
  });
  expect(await setHandle(did, wanted)).toMatchObject({
    code: 9,
    said: { code: "head-moved", data: { identity: "unchanged" } },
  });

  const key = await addOwnParts(network, account);
  await changeIdentity(network, account, () => ({ rotationKeys: [key.didKey] }));
  const powerless = await setHandle(did, wanted);
  expect(powerless).toMatchObject({
    code: 5,
    said: {
      hint: expect.stringContaining("names none of the keys") as string,
      data: { next: expect.stringContaining(`decamp plc diff ${did} --handle ${wanted}`) as string },
    },
  });
});

test("an account that is not active, a server that does not answer, a strange password", async () => {
  const account = await newAccount("asleep");
  const { did, accessJwt: token } = account;
  await procedure(home.url, "com.atproto.server.deactivateAccount", {}, { token });
  const asleep = await setHandle(did, `asleep2${home.handleDomain}`);
  expect(asleep).toMatchObject({
    code: 6,
    said: { state: "set", leads: "nowhere", message: expect.stringContaining("not active") as string },
  });
  await procedure(home.url, "com.atproto.server.activateAccount", undefined, { token });
  expect(await setHandle(did, `asleep2${home.handleDomain}`)).toMatchObject({ code: 0, said: { state: "same" } });

  proxy.when(
    { kind: "com.atproto.server.createSession", times: 1 },
    refuse(401, "AuthenticationRequired", "Invalid identifier or password"),
  );
  expect(await setHandle(did, `asleep3${home.handleDomain}`)).toMatchObject({
    code: 4,
    said: { data: { identity: "unchanged" } },
  });
  await changeIdentity(network, account, (last) => ({
    services: { ...last.services, atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "http://localhost:1" } },
  }));
  expect(await setHandle(did, `asleep3${home.handleDomain}`)).toMatchObject({
    code: 5,
    said: { code: "unreachable", data: { identity: "unchanged" } },
  });
});

test("behind an entryway the names are those that it gives out", async () => {
  const { did } = await newAccount("behind");
  proxy.when(
    { kind: "com.atproto.server.describeServer", times: 1 },
    changedJson((value) => ({ ...value, availableUserDomains: [] })),
  );
  proxy.when(
    { kind: ".well-known/oauth-protected-resource", times: 1 },
    changedJson((value) => ({ ...value, authorization_servers: [`http://localhost:${home.port}`] })),
  );
  const wanted = `behind2${home.handleDomain}`;
  expect(await setHandle(did, wanted)).toMatchObject({
    code: 0,
    said: { state: "set", givenOut: true, handle: wanted },
  });
});

test("a did:web: its document has to claim the handle first", async () => {
  await using web = await startWebHost("handled.web.test");
  const pds = await addPdsFor(network, web, "handleweb");
  const account = await createWebAccount(pds, web, "handled");
  const { did } = account;
  const wanted = `renamed${pds.handleDomain}`;
  const run = async (...flags: string[]): Promise<Said> => {
    const args = ["account", "handle", did, wanted, ...own, "--yes", "--json", ...flags];
    return said(await runDecamp(args, { env: web.names.env, preload }));
  };
  expect(await run("--wait", "0")).toMatchObject({
    code: 8,
    said: { code: "not-published", data: { url: "https://handled.web.test/.well-known/did.json" } },
  });
  web.document = web.document?.replace(`at://${account.handle}`, `at://${wanted}`);
  expect(await run()).toMatchObject({ code: 0, said: { state: "set", handle: wanted, stated: wanted, warnings: [] } });
  const described = await query<{ handle: string }>(pds.url, "com.atproto.repo.describeRepo", {
    params: { repo: did },
  });
  expect(described.handle).toBe(wanted);
});
