/**
 * HTTPS, as everywhere but on one's own machine. The certificate in test/faults/tls is for localhost and names of
 * example.com, made with openssl and signed by nobody; its key is for tests alone.
 */
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { createFilled } from "../network/populate.ts";
import { runDecamp, type Ended } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));
const pem = (name: string): string => fileURLToPath(new URL(`../faults/tls/${name}.pem`, import.meta.url));

let folder = "";
let account: Account;
let server: Http2SecureServer;
/** Which version of HTTP each request came by. */
const versions: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "decamp-tls-"));
  account = await createFilled(network.a, "tls", { records: 40, blobs: 20, seed: 71 });
  // It offers HTTP/2 first, as most servers on the net do.
  server = createSecureServer(
    { key: await readFile(pem("key")), cert: await readFile(pem("cert")), allowHTTP1: true },
    (incoming, outgoing) => {
      versions.push(incoming.httpVersion);
      const { pathname, search } = new URL(incoming.url, "https://localhost");
      httpRequest(new URL(`${pathname}${search}`, network.a.url), (answer) => {
        const { connection: _a, "keep-alive": _b, "transfer-encoding": _c, ...headers } = answer.headers;
        outgoing.writeHead(answer.statusCode ?? 502, headers);
        answer.pipe(outgoing);
      }).end();
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

async function exportFrom(host: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  const { port } = server.address() as AddressInfo;
  const where = ["--from", `https://${host}:${port}`, "--plc-url", network.plcUrl, "--allow-private-hosts"];
  const kept = ["-o", path.join(folder, "archive"), "--state-dir", path.join(folder, "state")];
  return runDecamp(["export", account.did, ...where, ...kept, "--no-input", "--json"], { env });
}

test("a server that is not trusted is not talked to, and the reason is said", async () => {
  const { code, stderr } = await exportFrom("localhost", {});
  expect(code).toBe(5);
  expect(JSON.parse(stderr)).toMatchObject({
    code: "unreachable",
    message: expect.stringContaining("its certificate is not one that this machine trusts") as string,
    hint: expect.stringContaining("NODE_EXTRA_CA_CERTS") as string,
  });
  expect(versions).toEqual([]);
});

test("a certificate for another name is none", async () => {
  const { code, stderr } = await exportFrom("127.0.0.1", { NODE_EXTRA_CA_CERTS: pem("cert") });
  expect(code).toBe(5);
  expect(stderr).toContain("its certificate is for another name");
  expect(versions).toEqual([]);
});

test("everything comes over TLS, and by HTTP/1.1 although the server offers HTTP/2", async () => {
  const { code, stdout, stderr } = await exportFrom("localhost", { NODE_EXTRA_CA_CERTS: pem("cert") });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({ mode: "full", missing: [] });
  expect(versions.length).toBeGreaterThan(20);
  expect(new Set(versions)).toEqual(new Set(["1.1"]));
});
