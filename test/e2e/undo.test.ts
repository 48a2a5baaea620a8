/** A move is taken back after the identity has changed. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, inject, test, vi } from "vitest";
import { login, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { addOwnParts, auditLog, didDocument, generateUserKey, lastOperation } from "../network/identity.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { listRecords, repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp, type Move } from "../network/run-decamp.ts";
import { procedure } from "../network/xrpc.ts";

vi.setConfig({ maxConcurrency: 2 });

const network = connectNetwork(inject("network"));

async function filled(name: string): Promise<Account> {
  return createFilled(network.a, name, { records: 30, blobs: 4, seed: 51 });
}

/** The command that undoes a move, with every answer. */
function undoArgs(move: Move, account: Account, privateKeyHex: string): string[] {
  const key = path.join(move.folder, "key");
  writeFileSync(key, privateKeyHex, { mode: 0o600 });
  const passwords = [
    "--password-file",
    path.join(move.folder, "old"),
    "--new-password-file",
    path.join(move.folder, "new"),
  ];
  const where = [
    "--from",
    account.pds.url,
    "--plc-url",
    network.plcUrl,
    "--allow-private-hosts",
    "--state-dir",
    move.stateDir,
    "--no-input",
  ];
  const yes = ["--confirm-did", account.did];
  return ["plc", "undo", account.handle, "--rotation-key-file", key, ...passwords, ...where, ...yes, "--json"];
}

/** What the move would change. */
function diffArgs(move: Move, account: Account): string[] {
  const passwords = [
    "--password-file",
    path.join(move.folder, "old"),
    "--new-password-file",
    path.join(move.folder, "new"),
  ];
  const where = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--state-dir", move.stateDir, "--no-input"];
  return ["plc", "diff", account.did, "--to", network.b.url, ...passwords, ...where, "--json"];
}

test.concurrent(
  "the identity, the old account and the new one are as before; and the move can be made again",
  async () => {
    const account = await filled("regretful");
    const key = await addOwnParts(network, account);
    const before = await lookBefore(network.plcUrl, account);
    const move = await prepareMove(network, account, network.b);
    expect((await runDecamp(move.args)).code).toBe(0);
    const moved = (await auditLog(network.plcUrl, account.did)).at(-1);

    const { code, stdout, stderr } = await runDecamp(undoArgs(move, account, key.privateKeyHex));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      source: network.a.url,
      target: network.b.url,
      undone: moved?.cid,
      nullified: [moved?.cid],
      signer: key.didKey,
      targetStillActive: false,
      warnings: [],
    });
    expect(await didDocument(network.plcUrl, account.did)).toEqual(before.document);
    expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");
    expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("deactivated");
    const again = await login(network.a, account.handle, account.password);
    const now = await lookBefore(network.plcUrl, again);
    expect(now).toMatchObject({ head: before.head, records: before.records, blobs: before.blobs });

    // Again, signed by the user's own key: no code is mailed. It stands first, so nobody can nullify this move; but it
    // can say the old state once more.
    const since = Date.now();
    const byKey = move.args.filter((_, index, all) =>
      [index, index - 1].every((i) => all[i] !== "--plc-token-command"),
    );
    const second = await runDecamp([...byKey, "--rotation-key-file", path.join(move.folder, "key"), "--json"]);
    expect({ code: second.code, stderr: second.stderr }).toEqual({ code: 0, stderr: "" });
    await expect(network.waitForMail({ to: account.email, subject: "PLC Update", after: since }, 100)).rejects.toThrow(
      "no mail",
    );
    const checks = await proveMove(network.plcUrl, now, network.b, {
      handle: move.newHandle,
      password: move.newPassword,
    });
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);

    const home = await runDecamp(undoArgs(move, account, key.privateKeyHex));
    expect(JSON.parse(home.stdout)).toMatchObject({
      state: "undone",
      source: network.a.url,
      nullified: [],
      signer: key.didKey,
    });
    expect(await didDocument(network.plcUrl, account.did)).toEqual(before.document);
    expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");
    await move.remove();
  },
);

test.concurrent(
  "what was written on the new server is told, and stays there; a dead new server holds nothing up",
  async () => {
    const target = await network.addPds({ name: "regretted" });
    const account = await filled("writer");
    const move = await prepareMove(network, account, target);
    // The key is put first by the move itself: one more mail, one more operation.
    const key = await generateUserKey();
    const args = undoArgs(move, account, key.privateKeyHex);
    const moved = await runDecamp([...move.args, "--recovery-key", path.join(move.folder, "key"), "--json"]);
    expect({ code: moved.code, stderr: moved.stderr }).toEqual({ code: 0, stderr: "" });
    const log = await auditLog(network.plcUrl, account.did);
    expect(log.map(({ operation }) => operation.rotationKeys.indexOf(key.didKey))).toEqual([-1, 0, 0]);
    const there = await login(target, move.newHandle, move.newPassword);
    const record = { $type: "app.bsky.feed.post", text: "Here.", createdAt: new Date().toISOString() };
    await procedure(
      target.url,
      "com.atproto.repo.createRecord",
      { repo: account.did, collection: "app.bsky.feed.post", record },
      { token: there.accessJwt },
    );
    const before = await listRecords({ url: target.url, did: account.did });
    const withoutNew = args.filter((arg, index) =>
      [arg, args[index - 1]].every((one) => one !== "--new-password-file"),
    );
    const { code, stdout } = await runDecamp(withoutNew);
    expect(code).toBe(8);
    const result = JSON.parse(stdout) as { targetStillActive: boolean; warnings: { code: string }[] };
    expect(result.targetStillActive).toBe(true);
    expect(result.warnings.map((warning) => warning.code)).toEqual(["written-since", "target-still-active"]);
    expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");
    expect(await listRecords({ url: target.url, did: account.did })).toEqual(before);

    // Nothing is forgotten: the same command goes on with what is left, and says so until it is done.
    const status = ["migrate", "status", account.did, "--plc-url", network.plcUrl, "--allow-private-hosts"];
    const where = await runDecamp([...status, "--state-dir", move.stateDir, "--json"]);
    expect(JSON.parse(where.stdout)).toMatchObject({ state: "return-unfinished", livesAt: network.a.url, dark: false });
    const again = await runDecamp(withoutNew);
    expect([again.code, JSON.parse(again.stdout)]).toMatchObject([8, { state: "finished", targetStillActive: true }]);
    expect(await auditLog(network.plcUrl, account.did)).toHaveLength(log.length + 1);
    const whole = await runDecamp(args);
    expect([whole.code, JSON.parse(whole.stdout)]).toMatchObject([0, { state: "finished", targetStillActive: false }]);
    expect(await repoStatus({ url: target.url, did: account.did })).toBe("deactivated");
    await network.stopPds(target);
    await move.remove();
  },
);

test.concurrent("an undoing that was interrupted after the identity had changed goes on", async () => {
  const account = await filled("halfway");
  const key = await addOwnParts(network, account);
  const move = await prepareMove(network, account, network.b);
  expect((await runDecamp(move.args)).code).toBe(0);
  const args = undoArgs(move, account, key.privateKeyHex);
  const moved = (await auditLog(network.plcUrl, account.did)).at(-1)?.cid ?? "";
  const first = [
    "plc",
    "recover",
    account.did,
    "--operation",
    moved,
    "--rotation-key-file",
    path.join(move.folder, "key"),
  ];
  const where = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--state-dir", move.stateDir, "--no-input"];
  expect((await runDecamp([...first, ...where, "--confirm-did", account.did])).code).toBe(0);
  expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("deactivated");
  const log = await auditLog(network.plcUrl, account.did);

  const { code, stdout, stderr } = await runDecamp(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ state: "finished", undone: moved, targetStillActive: false });
  expect(await auditLog(network.plcUrl, account.did)).toEqual(log);
  expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");
  expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("deactivated");
  await move.remove();
});

test.concurrent("without a key that can do it nothing is changed, and the reason is said", async () => {
  const account = await filled("keyless");
  const move = await prepareMove(network, account, network.b);
  const stranger = await generateUserKey();
  const early = await runDecamp(undoArgs(move, account, stranger.privateKeyHex));
  expect(early.code).toBe(9);
  expect(JSON.parse(early.stderr)).toMatchObject({ data: { reason: "no-move" } });

  expect((await runDecamp([...move.args, "--until", "compare"])).code).toBe(0);
  const shown = await runDecamp(diffArgs(move, account));
  expect({ code: shown.code, stderr: shown.stderr }).toEqual({ code: 0, stderr: "" });
  const planned = JSON.parse(shown.stdout) as { findings: unknown[]; operation: object };
  expect(planned.findings).toEqual([]);
  expect((await runDecamp([...move.args, "--until", "submit-operation"])).code).toBe(8);
  expect(await lastOperation(network.plcUrl, account.did)).toMatchObject(planned.operation);
  const log = await auditLog(network.plcUrl, account.did);
  const { code, stderr } = await runDecamp(undoArgs(move, account, stranger.privateKeyHex));
  expect(code).toBe(9);
  expect(JSON.parse(stderr)).toMatchObject({ code: "refused", data: { reason: "no-key-above" } });
  expect(await auditLog(network.plcUrl, account.did)).toEqual(log);
  expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");
  await move.remove();
});
