/**
 * Somebody else's code is loaded where something cannot be taken back, and nowhere else; a key that lies elsewhere
 * signs.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, inject, test, vi } from "vitest";
import { createAccount, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { addOwnParts, auditLog, generateUserKey, lastOperation, type UserKey } from "../network/identity.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { prepareMove, runDecamp, startDecamp, type Ended } from "../network/run-decamp.ts";
import { procedure } from "../network/xrpc.ts";

const network = connectNetwork(inject("network"));
const folder = mkdtempSync(path.join(tmpdir(), "decamp-second-opinion-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const script = fileURLToPath(new URL("../cli/support/signer.ts", import.meta.url));
const preload = new URL("../cli/support/list-modules.ts", import.meta.url);
const mark = path.join(folder, "mark");
let files = 0;
function fileWith(text: string): string {
  files += 1;
  const name = path.join(folder, `file-${files}`);
  writeFileSync(name, text, { mode: 0o600 });
  return name;
}

/** Flags for a key that a program holds, and what it prints. */
function by({ didKey, privateKeyHex }: UserKey, form: string, says = didKey): string[] {
  const command = `'${process.execPath}' ${script} ${fileWith(privateKeyHex)} '${form}' ${mark}`;
  return ["--rotation-signer-key", says, "--rotation-signer-command", command];
}

/** Runs decamp to a good end; also the packages that it loaded. */
async function packagesOf(args: readonly string[]): Promise<Set<string>> {
  const list = fileWith("");
  const { code, stderr } = await runDecamp(args, { preload, env: { MODULE_LIST: list } });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const loaded = [...new Set(readFileSync(list, "utf8").split("\n"))];
  expect(loaded.filter((url) => url.endsWith("/dist/cli/main.js"))).toHaveLength(1);
  return new Set(loaded.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []));
}

const others = ["@atproto/crypto", "@ipld/car", "@ipld/dag-cbor"];

test("verify, export and --help load neither; a move from a merged archive loads both, and arrives", async () => {
  const account = await createFilled(network.a, "opinion", { records: 20, blobs: 2, seed: 5 });
  const key = await addOwnParts(network, account);
  const where = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--no-input"];
  const archive = path.join(folder, "archive");
  const exporting = ["export", account.did, "-o", archive, ...where];
  for (const args of [["--help"], ["--version"]]) {
    expect(await packagesOf(args)).toEqual(new Set());
  }
  for (const args of [exporting, ["verify", archive]]) {
    const packages = await packagesOf(args);
    expect(others.filter((name) => packages.has(name))).toEqual([]);
  }

  const record = { $type: "app.bsky.feed.post", text: "late", createdAt: new Date().toISOString() };
  const late = { repo: account.did, collection: "app.bsky.feed.post", record };
  await procedure(network.a.url, "com.atproto.repo.createRecord", late, { token: account.accessJwt });
  const merged = await runDecamp([...exporting, "--json"]);
  expect(JSON.parse(merged.stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ mode: "incremental" });

  const before = await lookBefore(network.plcUrl, account);
  const move = await prepareMove(network, account, network.b, ["--plc-token-command"]);
  const packages = await packagesOf([...move.args, "--archive", archive, ...by(key, "high-s der base64")]);
  expect(others.filter((name) => packages.has(name))).toEqual(others);
  expect(readdirSync(path.join(archive, "snapshots"))).toHaveLength(2);
  const proof = { handle: move.newHandle, password: move.newPassword };
  const checks = await proveMove(network.plcUrl, before, network.b, proof);
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  expect((await lastOperation(network.plcUrl, account.did)).rotationKeys[0]).toBe(key.didKey);
  await move.remove();
});

describe.skipIf(process.platform === "win32")("a key that lies elsewhere", async () => {
  const account: Account = await createAccount(network.a, {
    handle: "elsewhere.a.test",
    email: "elsewhere@old.example.com",
    password: "the-password",
  });
  const key = await addOwnParts(network, account);
  const where = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--state-dir", path.join(folder, "state")];
  const direct = ["--via", "directory", "--confirm-did", account.did, "--no-input", "--json"];
  const addKey = (added: string, flags: readonly string[]): string[] => [
    "plc",
    "add-key",
    account.did,
    added,
    ...flags,
    ...direct,
    ...where,
  ];

  test("signs, in the forms that tokens and key services have", async () => {
    for (const form of ["raw", "high-s der base64"]) {
      const { didKey } = await generateUserKey();
      const { code, stdout, stderr } = await runDecamp(addKey(didKey, by(key, form)));
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(JSON.parse(stdout)).toMatchObject({ state: "added", key: didKey, signer: key.didKey });
      expect((await lastOperation(network.plcUrl, account.did)).rotationKeys[0]).toBe(didKey);
    }
  });

  test("that signs wrongly, fails, or says nothing until Ctrl-C, changes nothing", async () => {
    const log = await auditLog(network.plcUrl, account.did);
    const [{ didKey }, stranger] = await Promise.all([generateUserKey(), generateUserKey()]);
    const refused = async (flags: string[]): Promise<Pick<Ended, "code" | "stdout"> & { error: unknown }> => {
      const { code, stdout, stderr } = await runDecamp(addKey(didKey, flags));
      return { code, stdout, error: JSON.parse(stderr) };
    };
    expect(await refused(by(stranger, "raw", key.didKey))).toMatchObject({
      code: 2,
      stdout: "",
      error: { code: "key-unusable", message: expect.stringContaining(`no signature by ${key.didKey}`) as string },
    });
    expect(await refused(by(stranger, "raw"))).toMatchObject({
      code: 9,
      error: { code: "refused", data: { reason: "key-without-power" } },
    });
    expect(await refused(by(key, "fails"))).toMatchObject({
      code: 7,
      error: { message: expect.stringContaining("exit code 3") as string },
    });

    rmSync(mark, { force: true });
    const { child, ended } = startDecamp(addKey(didKey, by(key, "hangs")));
    await vi.waitFor(() => expect(existsSync(mark)).toBe(true), 60_000);
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(JSON.parse(stderr)).toMatchObject({ code: "interrupted" });
    expect(await auditLog(network.plcUrl, account.did)).toEqual(log);
  });
});
