/** The certificate of a move: written by a real one, and changed in every way that matters. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { verifyCertificate, type Certificate } from "../../src/migration/certificate.ts";
import { run } from "../cli/support/run.ts";
import type { Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { listRecords } from "../network/read.ts";
import { prepareMove, runDecamp, type Move } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));

async function moved(
  name: string,
  flags: string[],
): Promise<{ account: Account; move: Move; certificate: Certificate; file: string }> {
  const account = await createFilled(network.a, name, { records: 40, blobs: 4, seed: 41 });
  const move = await prepareMove(network, account, network.b);
  const { code, stderr } = await runDecamp([...move.args, ...flags]);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const file = path.join(move.stateDir, "archives", account.did.replaceAll(":", "-"), "certificate.json");
  return { account, move, file, certificate: JSON.parse(await readFile(file, "utf8")) as Certificate };
}

describe("with a first write", () => {
  let one: Awaited<ReturnType<typeof moved>>;
  let other: Awaited<ReturnType<typeof moved>>;
  beforeAll(async () => {
    [one, other] = [await moved("certified", ["--first-write"]), await moved("another", ["--first-write"])];
    return async () => {
      await one.move.remove();
      await other.move.remove();
    };
  });

  test("it proves that both servers signed the same tree", async () => {
    const report = await verifyCertificate(one.certificate);
    expect(report).toMatchObject({ ok: true, copy: "identical", did: one.account.did, findings: [] });
    expect(report.newCommit?.data).toBe(report.oldCommit?.data);
    expect(report.newCommit?.signingKey).not.toBe(report.oldCommit?.signingKey);

    const shown = await runDecamp(["verify", "--certificate", one.file]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain("Proved: the new server has an identical copy");
    const piped = await run(["verify", "--certificate", "-"], { input: await readFile(one.file) });
    expect(piped).toEqual({ exitCode: 0, stdout: shown.stdout, stderr: "" });
  });

  test("nothing of the write is left", async () => {
    const records = await listRecords({ url: network.b.url, did: one.account.did });
    expect(records.filter(({ uri }) => uri.includes("firstWrite"))).toEqual([]);
    expect(records).toHaveLength(40);
  });

  const changes: [string, (good: Certificate, foreign: Certificate) => Partial<Certificate>][] = [
    ["the old commit of another account", (_, { oldCommit }) => ({ oldCommit })],
    ["the new commit of another account", (_, { newCommit }) => ({ newCommit })],
    ["the old commit as the new one", ({ oldCommit }) => ({ newCommit: oldCommit })],
    ["the new commit as the old one", ({ newCommit = "" }) => ({ oldCommit: newCommit })],
    ["the log of another account", (_, { plcLog }) => ({ plcLog })],
    ["the log without its end", ({ plcLog }) => ({ plcLog: plcLog.slice(0, -1) })],
    ["another target", () => ({ target: "https://elsewhere.example.com" })],
    ["another source", () => ({ source: "https://elsewhere.example.com" })],
    ["another DID", (_, { did }) => ({ did })],
    ["another operation", (_, { operation }) => ({ operation })],
    ["a flipped bit in the old commit", ({ oldCommit }) => ({ oldCommit: flip(oldCommit) })],
    ["a flipped bit in the new commit", ({ newCommit = "" }) => ({ newCommit: flip(newCommit) })],
  ];
  test.each(changes)("%s proves nothing", async (_, change) => {
    const report = await verifyCertificate({ ...one.certificate, ...change(one.certificate, other.certificate) });
    expect(report).toMatchObject({ ok: false, copy: "unproved" });
    expect(report.findings).toHaveLength(1);
  });

  test("a changed file ends with exit code 3", async () => {
    const file = path.join(one.move.folder, "changed.json");
    await writeFile(file, JSON.stringify({ ...one.certificate, oldCommit: flip(one.certificate.oldCommit) }));
    expect((await runDecamp(["verify", "--certificate", file])).code).toBe(3);
    await writeFile(file, "{}");
    expect((await runDecamp(["verify", "--certificate", file])).code).toBe(3);
    expect((await runDecamp(["verify", "--certificate", path.join(one.move.folder, "nothing")])).code).toBe(2);
    await writeFile(file, JSON.stringify(one.certificate).slice(0, -1));
    expect(await runDecamp(["verify", "--certificate", file])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("it is not JSON") as string,
    });
  });
});

test("without a first write it says that the new server has signed nothing", async () => {
  const { certificate, move } = await moved("quiet", []);
  expect(certificate.newCommit).toBeUndefined();
  expect(await verifyCertificate(certificate)).toMatchObject({ ok: true, copy: "unsigned" });
  await move.remove();
});

test("a frozen move with a first write is right from outside", async () => {
  const account = await createFilled(network.a, "both", { records: 30, blobs: 4, seed: 42 });
  const before = await lookBefore(network.plcUrl, account);
  const move = await prepareMove(network, account, network.b);
  expect((await runDecamp([...move.args, "--freeze", "--first-write"])).code).toBe(0);
  const checks = await proveMove(network.plcUrl, before, network.b, {
    handle: move.newHandle,
    password: move.newPassword,
  });
  // The head is another one by now, because the new server has signed; everything else is the same.
  expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(["both servers have the same head commit"]);
  await move.remove();
});

/** Changes one bit in the last quarter: in the data of the commit, not in the frame. */
function flip(base64: string): string {
  const bytes = Buffer.from(base64, "base64");
  const at = Math.floor(bytes.length * 0.8);
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  return bytes.toString("base64");
}
