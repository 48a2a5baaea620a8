/** HTTPS, as everywhere but on one's own machine. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { createFilled } from "../network/populate.ts";
import { runDecamp, type Ended } from "../network/run-decamp.ts";
import { startTlsFront, trust, type TlsFront } from "../network/tls-front.ts";

const network = connectNetwork(inject("network"));

let folder = "";
let account: Account;
let front: TlsFront;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "decamp-tls-"));
  account = await createFilled(network.a, "tls", { records: 40, blobs: 20, seed: 71 });
  front = await startTlsFront(() => network.a.url);
});
afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function exportFrom(host: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  const where = ["--from", `https://${host}:${front.port}`, "--plc-url", network.plcUrl, "--allow-private-hosts"];
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
  expect(front.versions).toEqual([]);
});

test("a certificate for another name is none", async () => {
  const { code, stderr } = await exportFrom("127.0.0.1", trust);
  expect(code).toBe(5);
  expect(stderr).toContain("its certificate is for another name");
  expect(front.versions).toEqual([]);
});

test("everything comes over TLS, and by HTTP/1.1 although the server offers HTTP/2", async () => {
  const { code, stdout, stderr } = await exportFrom("localhost", trust);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({ mode: "full", missing: [] });
  expect(front.versions.length).toBeGreaterThan(20);
  expect(new Set(front.versions)).toEqual(new Set(["1.1"]));
});
