/** The proxy that the environment names: all of decamp goes through it, but for the hosts in NO_PROXY. */
import { createServer, get, type Server } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listen, stopServer } from "../network/ports.ts";
import { auditLog, operation, signed, testDid, testKey } from "../tools/plc.ts";
import { runNode, startScript, type Ended } from "./support/child.ts";
import { documentOf, startDirectory, type TestDirectory } from "./support/directory.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-proxy-"));
const key = await testKey("owner");
const genesis = await signed(operation(null, { rotationKeys: [key.did] }), key);
const did = testDid(genesis);

let directory: TestDirectory;
let proxy: Server;
let proxyUrl = "";
/** Where the proxy was asked to connect to. */
const ways: string[] = [];

beforeAll(async () => {
  directory = await startDirectory();
  directory.answers.set(`/${did}/log/audit`, auditLog([genesis])).set(`/${did}`, documentOf(did, genesis));
  // Wherever it is asked to go to, that is the directory. What is not secret may be asked for without a tunnel.
  proxy = createServer((request, response) => {
    const { host, pathname } = new URL(request.url ?? "");
    ways.push(host);
    get(`${directory.origin}${pathname}`, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
  });
  proxy.on("connect", (request, client, head: Buffer) => {
    ways.push((request.url ?? "").replace(/:80$/, ""));
    const server = connect(Number(new URL(directory.origin).port), "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      server.write(head);
      server.pipe(client).pipe(server);
    });
    server.on("error", () => client.destroy());
    client.on("error", () => server.destroy());
  });
  proxyUrl = `http://127.0.0.1:${await listen(proxy, 0)}`;
});
afterAll(async () => {
  directory.stop();
  await stopServer(proxy);
  rmSync(folder, { recursive: true });
});

async function audit(origin: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  ways.length = 0;
  const flags = ["--plc-url", origin, "--allow-private-hosts", "--state-dir", folder, "--json"];
  return runNode([startScript, "plc", "audit", did, ...flags], env);
}

test("a host that only the proxy knows", async () => {
  const { code, stdout, stderr } = await audit("http://plc.example.com", { HTTP_PROXY: proxyUrl });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ did, ok: true });
  expect(ways.length).toBeGreaterThan(0);
  expect(new Set(ways)).toEqual(new Set(["plc.example.com"]));
});

test("a host in NO_PROXY is asked without it", async () => {
  const { code, stderr } = await audit(directory.origin, { HTTP_PROXY: proxyUrl, NO_PROXY: "127.0.0.1" });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(ways).toEqual([]);
});

test.each(["user:hunter2@proxy.example.com:3128", "socks5://user:hunter2@127.0.0.1:1080", "http://"])(
  "a proxy that cannot be used is said, and nobody is asked without it: %j",
  async (value) => {
    const before = [...directory.asked];
    const { code, stderr } = await audit(directory.origin, { https_proxy: value });
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({
      code: "usage",
      message: expect.stringContaining("https_proxy") as string,
    });
    expect(stderr).not.toContain("hunter2");
    expect(directory.asked).toEqual(before);
  },
);

test("a proxy that does not let it through is named as the reason; it may have a private address", async () => {
  let asked = "";
  const closed = createServer();
  closed.on("connect", (request, client) => {
    asked = request.url ?? "";
    client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  const port = await listen(closed, 0);
  const flags = ["--plc-url", "https://plc.example.com", "--state-dir", folder, "--json"];
  const argv = [startScript, "plc", "audit", did, ...flags];
  const { code, stderr } = await runNode(argv, { HTTPS_PROXY: `http://localhost:${port}` });
  await stopServer(closed);
  expect({ code, asked }).toEqual({ code: 5, asked: "plc.example.com:443" });
  expect(stderr).toContain("the proxy does not connect to it");
});
