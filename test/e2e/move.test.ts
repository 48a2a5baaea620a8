/** A whole move with the real command between the real servers, proved from outside. */
import path from "node:path";
import { inject, expect, test } from "vitest";
import { archiveOfMove } from "../../src/archive/export/usual-archive.ts";
import { connectNetwork } from "../network/control.ts";
import { addOwnParts, auditLog, didDocument, ownParts } from "../network/identity.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp } from "../network/run-decamp.ts";
import { procedure } from "../network/xrpc.ts";
import type { Recording } from "../faults/proxy.ts";

const network = connectNetwork(inject("network"));

interface JsonEvent {
  type: string;
  version: number;
  id?: string;
  state?: string;
}

function events(stdout: string): JsonEvent[] {
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as JsonEvent);
}

/** Every token that came with a request. */
function sent(recording: Recording): string[] {
  return recording.requests.flatMap(({ authorization }) => authorization?.replace(/^Bearer /, "") ?? []);
}

test("everything arrives, and the user's own key, service and alias stay", async () => {
  const account = await createFilled(network.a, "whole", { records: 120, blobs: 20, seed: 11 });
  const { didKey } = await addOwnParts(network, account);
  const before = await lookBefore(network.plcUrl, account);
  const move = await prepareMove(network, account, network.b);
  const { code, stdout, stderr } = await runDecamp([...move.args, "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });

  const told = events(stdout);
  expect(told.every(({ version }) => version === 1)).toBe(true);
  expect(told.at(-1)).toMatchObject({ type: "result", state: "moved", records: 120, blobs: 20, missingBlobs: [] });
  const done = told.filter(({ type, state }) => type === "step" && state !== "start").map(({ id }) => id);
  expect(done.slice(-6)).toEqual([
    "sign-operation",
    "submit-operation",
    "activate",
    "deactivate-source",
    "late-writes",
    "confirm",
  ]);

  const checks = await proveMove(
    network.plcUrl,
    before,
    network.b,
    { handle: move.newHandle, password: move.newPassword },
    { userKey: didKey, parts: ownParts },
  );
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(checks.length).toBeGreaterThan(10);

  // And once more: nothing is left to do, and nothing is done.
  const again = await runDecamp([...move.args, "--json"]);
  expect(again.code).toBe(0);
  expect(events(again.stdout).at(-1)).toMatchObject({ type: "result", state: "moved", records: 120, blobs: 20 });
  expect(await auditLog(network.plcUrl, account.did)).toHaveLength(before.log.length + 1);
  await move.remove();
});

test("no token of one server is ever sent to the other", async () => {
  // These servers name the account's DID document in their sessions, which leads the stock clients to the other server.
  const env = { enableDidDocWithSession: true };
  const [source, target] = await Promise.all([
    network.addPds({ name: "tokens-old", recorded: true, env }),
    network.addPds({ name: "tokens-new", recorded: true, env }),
  ]);
  const account = await createFilled(source, "tokens", { records: 40, blobs: 6, seed: 12 });
  const session = await procedure(source.url, "com.atproto.server.createSession", {
    identifier: account.handle,
    password: account.password,
  });
  expect(session).toHaveProperty("didDoc.service.0.serviceEndpoint", source.url);
  const move = await prepareMove(network, account, target);
  const { code, stderr } = await runDecamp(move.args);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });

  const [old, fresh] = await Promise.all([network.recording(source), network.recording(target)]);
  // The one token that is made for the other side is the service token of createAccount: it names its audience.
  const forTarget = new Set(
    fresh.requests.flatMap(({ path, authorization }) =>
      path.startsWith("/xrpc/com.atproto.server.createAccount") ? (authorization?.replace(/^Bearer /, "") ?? []) : [],
    ),
  );
  expect(forTarget.size).toBe(1);
  const [payload = ""] = [...forTarget].map((token) => token.split(".")[1]);
  expect(JSON.parse(Buffer.from(payload, "base64url").toString("utf8"))).toMatchObject({
    aud: target.did,
    lxm: "com.atproto.server.createAccount",
  });
  expect(old.issuedTokens.length).toBeGreaterThan(1);
  expect(fresh.issuedTokens.length).toBeGreaterThan(1);
  expect(sent(old).length).toBeGreaterThan(5);
  expect(sent(fresh).length).toBeGreaterThan(5);
  expect(sent(old).filter((token) => !old.issuedTokens.includes(token))).toEqual([]);
  expect(sent(fresh).filter((token) => !fresh.issuedTokens.includes(token) && !forTarget.has(token))).toEqual([]);
  expect(sent(fresh).filter((token) => old.issuedTokens.includes(token) && !forTarget.has(token))).toEqual([]);
  await move.remove();
});

test("a dry run changes nothing", async () => {
  const [source, target] = await Promise.all([
    network.addPds({ name: "dry-old", recorded: true }),
    network.addPds({ name: "dry-new", recorded: true }),
  ]);
  const account = await createFilled(source, "dry", { records: 30, blobs: 4, seed: 13 });
  const [log, document] = await Promise.all([
    auditLog(network.plcUrl, account.did),
    didDocument(network.plcUrl, account.did),
  ]);
  const from = (await network.recording(source)).requests.length;
  const to = (await network.recording(target)).requests.length;
  const move = await prepareMove(network, account, target, ["--password-file", "--new-password-file"]);
  const { code, stdout } = await runDecamp([...move.args, "--dry-run", "--json"]);
  expect(code).toBe(0);
  const asked = [
    ...(await network.recording(source)).requests.slice(from),
    ...(await network.recording(target)).requests.slice(to),
  ];
  expect(asked.length).toBeGreaterThan(3);
  expect(asked.filter(({ method, authorization }) => method !== "GET" || authorization !== undefined)).toEqual([]);
  const told = events(stdout);
  expect(told.find(({ type }) => type === "plan")).toMatchObject({
    plan: { did: account.did, source: source.url, target: target.url, newHandle: `dry${target.handleDomain}` },
  });
  expect(told.at(-1)).toMatchObject({ type: "result", state: "planned" });

  expect(await auditLog(network.plcUrl, account.did)).toEqual(log);
  expect(await didDocument(network.plcUrl, account.did)).toEqual(document);
  expect(await repoStatus({ url: source.url, did: account.did })).toBe("active");
  expect(await repoStatus({ url: target.url, did: account.did })).toBe("absent");
  await move.remove();
});

test("the same command goes on from wherever it stopped, elsewhere and with a newer snapshot in the archive, too", async () => {
  const account = await createFilled(network.a, "stops", { records: 60, blobs: 10, seed: 14 });
  const before = await lookBefore(network.plcUrl, account);
  const move = await prepareMove(network, account, network.b);
  const stops = ["export", "create-account", "import-repo", "transfer-blobs", "sign-operation", "submit-operation"];
  for (const step of stops) {
    const { code, stdout } = await runDecamp([...move.args, "--until", step]);
    // Once the identity names the new server, nobody can see the account until the rest is done.
    const isDark = step === "submit-operation";
    expect([step, code]).toEqual([step, isDark ? 8 : 0]);
    expect(stdout.includes("Nobody can see the account")).toBe(isDark);
  }
  expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("deactivated");
  expect((await runDecamp([...move.args, "--until", "activate"])).code).toBe(0);
  const archive = archiveOfMove(move.stateDir, account.did);
  const other = path.join(move.folder, "other");
  const where = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--state-dir", other];
  expect((await runDecamp(["export", account.did, "-o", archive, ...where])).code).toBe(0);
  const words = move.args.map((word) => (word === move.stateDir ? other : word));
  expect((await runDecamp([...words, "--archive", archive])).code).toBe(0);
  const checks = await proveMove(network.plcUrl, before, network.b, {
    handle: move.newHandle,
    password: move.newPassword,
  });
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  await move.remove();
});

test("what was written during the move comes along", async () => {
  const account = await createFilled(network.a, "writes", { records: 30, blobs: 4, seed: 15 });
  const move = await prepareMove(network, account, network.b);
  // It goes on from an archive that is there, and whose repository is compressed.
  const archive = path.join(move.folder, "archive");
  const where = ["--from", account.pds.url, "--plc-url", network.plcUrl, "--state-dir", move.stateDir];
  const backup = ["export", account.did, "-o", archive, "--compress", "zstd", "--allow-private-hosts", "--no-input"];
  expect((await runDecamp([...backup, ...where])).code).toBe(0);
  const args = [...move.args, "--archive", archive];
  expect((await runDecamp([...args, "--until", "transfer-blobs"])).code).toBe(0);
  await procedure(
    account.pds.url,
    "com.atproto.repo.createRecord",
    {
      repo: account.did,
      collection: "app.bsky.feed.post",
      record: { $type: "app.bsky.feed.post", text: "One more from here.", createdAt: new Date().toISOString() },
    },
    { token: account.accessJwt },
  );
  const before = await lookBefore(network.plcUrl, account);
  expect((await runDecamp(args)).code).toBe(0);
  const checks = await proveMove(network.plcUrl, before, network.b, {
    handle: move.newHandle,
    password: move.newPassword,
  });
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  await move.remove();
});
