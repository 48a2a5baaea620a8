import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CidLink } from "../../src/data/cid.ts";
import { makeAccount, testRev } from "../repo/tools/account.ts";
import { makeCar, makeCommit } from "../repo/tools/build.ts";
import { at, auditLog, operation, signed, testCid, testDid, testKey } from "../tools/plc.ts";
import { run } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-online-"));
const [rotation, oldKey, newKey, foreign] = [
  await testKey("rotation"),
  await testKey("old"),
  await testKey("new"),
  await testKey("foreign"),
];
const genesis = await signed(
  operation(null, { rotationKeys: [rotation.did], verificationMethods: { atproto: oldKey.did } }),
  rotation,
);
const moved = await signed(
  operation(testCid(genesis), { rotationKeys: [rotation.did], verificationMethods: { atproto: newKey.did } }),
  rotation,
);
const did = testDid(genesis);
const log = auditLog([genesis, moved]);

/** A directory that answers what `answers` holds. */
const answers = new Map<string, unknown>([[`/${did}/log/audit`, log]]);
const asked: string[] = [];
const directory = createServer((request, response) => {
  asked.push(request.url ?? "");
  const answer = answers.get(request.url ?? "");
  response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
  response.end(JSON.stringify(answer ?? { message: "DID not registered" }));
});
let online: string[] = [];
beforeAll(async () => {
  await new Promise<void>((resolve) => {
    directory.listen(0, "127.0.0.1", resolve);
  });
  const { port } = directory.address() as AddressInfo;
  online = ["--online", "--allow-private-hosts", "--plc-url", `http://127.0.0.1:${port}`];
});
afterAll(() => {
  directory.close();
  rmSync(folder, { recursive: true });
});

/** A repository of the account whose commit is signed with this key. */
async function carSignedBy(key: { did: string; sign(bytes: Uint8Array): Promise<Uint8Array> }, name: string) {
  const { data, blocks } = await makeAccount({ records: [], did });
  const signer = { didKey: key.did, sign: (bytes: Uint8Array) => key.sign(bytes) };
  const commit = await makeCommit({ did, version: 3, data: new CidLink(data), rev: testRev, prev: null }, signer);
  const path = join(folder, name);
  writeFileSync(path, makeCar(commit.cid, [commit, ...blocks.slice(1)]));
  return path;
}

describe("verify --online", () => {
  test("a signature by the current key", async () => {
    const { exitCode, stdout, stderr } = await run(["verify", await carSignedBy(newKey, "new.car"), ...online]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain(`Signature     valid, by ${newKey.did}\n`);
    expect(asked).toContain(`/${did}/log/audit`);
  });

  test("a signature by an earlier key is right, and it is said until when that was the key", async () => {
    const path = await carSignedBy(oldKey, "old.car");
    const { exitCode, stdout } = await run(["verify", path, ...online]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Signature     valid, by ${oldKey.did}, the key until ${at(3_600_000)}\n`);
    const json = JSON.parse((await run(["verify", path, ...online, "--json"])).stdout) as unknown;
    expect(json).toMatchObject({ ok: true, signingKey: oldKey.did, signingKeyUntil: at(3_600_000) });
  });

  test("a signature by a key that was never the account's", async () => {
    const { exitCode, stdout } = await run(["verify", await carSignedBy(foreign, "foreign.car"), ...online]);
    expect(exitCode).toBe(3);
    expect(stdout).toContain("Signature     invalid");
  });

  test("a log that is not in order is not believed", async () => {
    answers.set(`/${did}/log/audit`, [
      { ...log[0], operation: { ...genesis, alsoKnownAs: ["at://mallory.example.com"] } },
    ]);
    const { exitCode, stdout } = await run(["verify", await carSignedBy(newKey, "new.car"), ...online]);
    answers.set(`/${did}/log/audit`, log);
    expect({ exitCode, stdout }).toEqual({ exitCode: 9, stdout: "" });
  });

  test("an account that the directory does not know", async () => {
    const other = ["--did", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"];
    const { exitCode, stderr } = await run(["verify", await carSignedBy(newKey, "new.car"), ...online, ...other]);
    expect(exitCode).toBe(5);
    expect(stderr).toContain("does not know did:plc:aaaaaaaaaaaaaaaaaaaaaaaa");
  });

  test("a directory on this machine only with --allow-private-hosts", async () => {
    const flags = online.filter((flag) => flag !== "--allow-private-hosts");
    const { exitCode, stderr } = await run(["verify", await carSignedBy(newKey, "new.car"), ...flags]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("--allow-private-hosts");
  });

  test("without --online nothing is asked", async () => {
    const before = asked.length;
    await run(["verify", await carSignedBy(newKey, "new.car"), ...online.slice(1)]);
    expect(asked.length).toBe(before);
  });
});
