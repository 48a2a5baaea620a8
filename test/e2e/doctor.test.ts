/** Whether an account could come back today, by real servers and the real directory. */
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { expect, inject, test, vi } from "vitest";
import { createAccount } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { auditLog, changeIdentity, generateUserKey } from "../network/identity.ts";
import { applyWrites } from "../network/populate.ts";
import { archivedAccount, type Archived } from "../network/restore.ts";
import { runDecamp } from "../network/run-decamp.ts";

vi.setConfig({ testTimeout: 120_000 });

const network = connectNetwork(inject("network"));
const { a, b, plcUrl } = network;

interface Page {
  code: number | null;
  ok: boolean;
  states: Record<string, string>;
  losses: string[];
  next: string;
}

/** What the doctor says, with the key of the account or another. */
async function doctor(
  { account, archive, where, fileWith }: Archived,
  key?: string,
  more: string[] = [],
): Promise<Page> {
  const flags = key === undefined ? [] : ["--rotation-key-file", await fileWith(key)];
  const { code, stdout, stderr } = await runDecamp([
    "doctor",
    account.did,
    "--archive",
    archive,
    ...flags,
    ...more,
    ...where,
    "--json",
  ]);
  expect(stderr).toBe("");
  const { ok, checks, losses, next } = JSON.parse(stdout) as {
    ok: boolean;
    checks: { id: string; state: string }[];
    losses: string[];
    next: string;
  };
  return { code, ok, losses, next, states: Object.fromEntries(checks.map(({ id, state }) => [id, state])) };
}

const good = { archive: "ok", blobs: "ok", newer: "ok", key: "ok", rank: "ok", target: "ok" };

test("yes, with everything named; then something newer, a key below the server's, a blob that is gone, a strange key", async () => {
  const subject = await archivedAccount(network, { home: a, target: b, name: "doctored" });
  const { account, before, key, archive } = subject;
  const to = ["--to", b.publicUrl];
  expect(await doctor(subject, key.privateKeyHex, to)).toMatchObject({ code: 0, ok: true, states: good, losses: [] });
  expect(await doctor(subject)).toMatchObject({ code: 0, states: { ...good, key: "warning", target: "warning" } });

  const value = { $type: "app.bsky.feed.post", text: "newer", createdAt: new Date(0).toISOString() };
  await applyWrites(account, [{ collection: "app.bsky.feed.post", rkey: "3kznewer22222", value }]);
  const newer = await doctor(subject, key.privateKeyHex, to);
  expect(newer).toMatchObject({ code: 0, states: { ...good, newer: "warning" } });
  expect(newer.losses).toEqual(["1 record that was written, changed or deleted since the archive was made"]);
  expect(newer.next).toMatch(
    new RegExp(`^decamp restore ${archive} --to ${b.publicUrl} --rotation-key-file /.* --plc-url`),
  );

  const stranger = await generateUserKey();
  expect(await doctor(subject, stranger.privateKeyHex, to)).toMatchObject({
    code: 6,
    ok: false,
    states: { key: "fault" },
  });

  await changeIdentity(network, account, ({ rotationKeys }) => ({ rotationKeys: rotationKeys.toReversed() }));
  expect(await doctor(subject, key.privateKeyHex, to)).toMatchObject({ code: 6, states: { key: "fault" } });
  expect(await doctor(subject)).toMatchObject({ code: 6, states: { rank: "fault" } });

  const [cid = ""] = before.blobs;
  await rm(path.join(archive, "blobs", cid.slice(-2), cid));
  expect(await doctor(subject)).toMatchObject({ code: 6, states: { archive: "fault" } });
  // Nothing of this has changed anything.
  expect(await auditLog(plcUrl, account.did)).toHaveLength(before.log.length + 1);
  expect((await readdir(archive)).filter((name) => name.endsWith(".part"))).toEqual([]);
  await subject.remove();
});

test("no: a server that is gone, and an account without a key of its own", async () => {
  const subject = await archivedAccount(network, { home: a, target: b, name: "lonely" });
  const other = await createAccount(a, { handle: "other1.a.test", email: "o@old.example.com", password: "pw" });
  const wrong = await runDecamp(["doctor", other.did, "--archive", subject.archive, ...subject.where]);
  expect(wrong.code).toBe(9);
  await changeIdentity(network, subject.account, ({ rotationKeys }) => ({ rotationKeys: rotationKeys.slice(1) }));
  const gone = ["--to", "http://localhost:1"];
  expect(await doctor(subject, undefined, gone)).toMatchObject({ code: 6, states: { rank: "fault", target: "fault" } });
  await subject.remove();
});
