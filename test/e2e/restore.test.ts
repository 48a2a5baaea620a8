/** Accounts that come back from their archives, against the real directory and real servers. */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { P256Keypair } from "@atproto/crypto";
import { expect, inject, test, vi } from "vitest";
import { meanwhile } from "../faults/faults.ts";
import { startProxy } from "../faults/proxy.ts";
import type { Manifest } from "../../src/archive/manifest.ts";
import { login } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { auditLog, changeIdentity, didDocument, lastOperation } from "../network/identity.ts";
import { png } from "../network/pictures.ts";
import { applyWrites, uploadBlob } from "../network/populate.ts";
import { lookBefore } from "../network/prove.ts";
import { getLatestCommit, listBlobs, listRecords, repoStatus } from "../network/read.ts";
import { archivedAccount, type Archived } from "../network/restore.ts";
import { seededRandom } from "../network/random.ts";
import { prepareMove, runDecamp, type Ended } from "../network/run-decamp.ts";

vi.setConfig({ testTimeout: 300_000 });

const network = connectNetwork(inject("network"));
const { a, b, plcUrl } = network;

function described({ code, stderr }: Ended): string {
  return code === 0 ? "exit 0" : `exit ${code ?? ""} ${stderr}`;
}

/** The error, as JSON. */
function failure({ stderr }: Ended): unknown {
  return JSON.parse(stderr.trim().split("\n").at(-1) ?? "");
}

/** The last document on stdout. */
function result({ stdout }: Ended): Record<string, unknown> {
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
}

/** The identity as its server would change it: without the user's key. */
async function seize({ account }: Archived): Promise<string> {
  await changeIdentity(network, account, (last) => ({ rotationKeys: last.rotationKeys.slice(1) }));
  return (await auditLog(plcUrl, account.did)).at(-1)?.cid ?? "";
}

test("the old server is killed: the account comes back with two operations; once more there is nothing to do", async () => {
  const home = await network.addPds({ name: "gone", apart: true });
  const exportFlags = ["--compress", "zstd"];
  const subject = await archivedAccount(network, { home, target: b, name: "comeback" }, network, { exportFlags });
  await network.killPds(home);
  const planned = await runDecamp([...subject.args, "--dry-run", "--json"]);
  expect(described(planned)).toBe("exit 0");
  expect(await auditLog(plcUrl, subject.account.did)).toEqual(subject.before.log);
  const restored = await runDecamp([...subject.args, "--json"]);
  expect(described(restored)).toBe("exit 0");
  expect(result(restored)).toMatchObject({ state: "moved", sourceState: "unreachable" });
  expect(await subject.flaws()).toEqual([]);
  expect(described(await runDecamp(subject.args))).toBe("exit 0");
  expect(await subject.flaws()).toEqual([]);
  expect(described(await runDecamp([...subject.args, "--dry-run"]))).toBe("exit 0");
  await subject.remove();
});

test("a signing key of p256, and a server that lives and has nothing newer", async () => {
  const subject = await archivedAccount(network, { home: a, target: b, name: "p256back" });
  const other = await P256Keypair.create();
  await changeIdentity(network, subject.account, () => ({ verificationMethods: { atproto: other.did() } }));
  expect(described(await runDecamp(subject.args))).toBe("exit 0");
  expect(await subject.flaws(3)).toEqual([]);
  const { verificationMethods } = (await auditLog(plcUrl, subject.account.did)).at(-2)?.operation ?? {};
  expect(verificationMethods?.["atproto"]).toMatch(/^did:key:zDn/);
  await subject.remove();
});

test("a hostile operation is taken back only when it is named, and with it the key that made it", async () => {
  const subject = await archivedAccount(network, { home: a, target: b, name: "seized" });
  const { did } = subject.account;
  const hostile = await seize(subject);
  const refused = await runDecamp([...subject.args, "--json"]);
  expect(refused.code).toBe(9);
  expect(failure(refused)).toMatchObject({ data: { reason: "looks-hostile", operation: hostile } });
  expect(await auditLog(plcUrl, did)).toHaveLength(subject.before.log.length + 1);
  expect(described(await runDecamp([...subject.args, "--nullify", hostile]))).toBe("exit 0");
  expect(await subject.flaws(3)).toEqual([]);
  const log = await auditLog(plcUrl, did);
  expect(log.filter(({ nullified }) => nullified).map(({ cid }) => cid)).toEqual([hostile]);
  await subject.remove();
});

test("a server that answers the first operation with one of its own loses its key, and the account comes home", async () => {
  const directory = await startProxy({ targetPort: Number(new URL(plcUrl).port) });
  const subject = await archivedAccount(network, { home: a, target: b, name: "fighting" }, { plcUrl: directory.url });
  const { did } = subject.account;
  directory.when(
    { kind: "POST DID", times: 1 },
    meanwhile("after", async () => void (await seize(subject))),
  );
  expect(described(await runDecamp(subject.args))).toBe("exit 0");
  expect(await subject.flaws(4)).toEqual([]);
  expect((await auditLog(plcUrl, did)).filter(({ nullified }) => nullified)).toHaveLength(1);
  await directory.stop();
  await subject.remove();
});

test("a home that lives and has something newer is not restored over, unless it is said to be lost", async () => {
  const subject = await archivedAccount(network, { home: a, target: b, name: "newer" });
  const post = { $type: "app.bsky.feed.post", text: "newer", createdAt: new Date(0).toISOString() };
  await applyWrites(subject.account, [{ collection: "app.bsky.feed.post", rkey: "3kznewer22222", value: post }]);
  const refused = await runDecamp([...subject.args, "--json"]);
  expect(refused.code).toBe(9);
  expect(failure(refused)).toMatchObject({ data: { reason: "home-lives" } });
  expect(await auditLog(plcUrl, subject.account.did)).toEqual(subject.before.log);
  const lost = await runDecamp([...subject.args, "--home-is-lost", "--json"]);
  expect(described(lost)).toBe("exit 0");
  expect(await subject.flaws()).toEqual([]);
  expect(lost.stdout).toContain("Records that are new there: 1; changed: 0; gone: 0.");
  expect(result(lost)).not.toHaveProperty("temporaryKey");
  await subject.remove();
});

test("a restore is taken back: the old signing key stands there again, and the copy is gone", async () => {
  const subject = await archivedAccount(network, { home: a, target: b, name: "regret" });
  const { account, before, args, where, archive, newHandle } = subject;
  const { did } = account;
  const stopped = await runDecamp([...args, "--until", "transfer-blobs"]);
  expect(described(stopped)).toBe("exit 0");
  const keyFile = args[args.indexOf("--rotation-key-file") + 1] ?? "";
  expect(stopped.stdout).toContain(
    `\n  decamp restore cancel ${did} --to ${b.url} --rotation-key-file ${keyFile} --plc-url`,
  );
  const key = (await lastOperation(plcUrl, did)).verificationMethods["atproto"];
  expect(key).not.toBe(before.log.at(-1)?.operation.verificationMethods["atproto"]);
  const status = await runDecamp(["migrate", "status", did, ...where, "--json"]);
  const next = expect.stringMatching(
    `^decamp restore ${archive} --to ${b.url} --rotation-key-file FILE --plc-url`,
  ) as string;
  expect(result(status)).toMatchObject({ moves: [{ temporaryKey: key, archive, next }] });
  const email = `${newHandle.split(".")[0] ?? ""}@new.example.com`;
  const readMail = new URL("../network/read-mail.ts", import.meta.url).pathname;
  const mailed = `node ${readMail} ${network.controlUrl} ${email} ${Date.now()} 'Account Deletion'`;
  const [, ...rest] = args;
  const cancelled = await runDecamp(["restore", "cancel", ...rest, "--delete-token-command", mailed, "--json"]);
  expect(described(cancelled)).toBe("exit 0");
  expect(result(cancelled)).toMatchObject({ targetAccount: "deleted" });
  expect(await didDocument(plcUrl, did)).toEqual(before.document);
  expect(await repoStatus({ url: b.url, did })).not.toBe("active");
  await subject.remove();
});

test("back to a server where the account once was, which has it deactivated; blobs come from another archive, too", async () => {
  const home = await network.addPds({ name: "second", apart: true });
  const subject = await archivedAccount(network, { home: a, target: a, name: "return" });
  const { account, before, archive, fileWith, where, newHandle } = subject;
  const { did } = account;
  const move = await prepareMove(network, account, home);
  expect(described(await runDecamp(move.args))).toBe("exit 0");
  const moved = await login(home, move.newHandle, move.newPassword);
  const image = await uploadBlob(moved, png(seededRandom(77)));
  const embed = { $type: "app.bsky.embed.images", images: [{ alt: "", image }] };
  const value = { $type: "app.bsky.feed.post", text: "new home", createdAt: new Date(0).toISOString(), embed };
  await applyWrites(moved, [{ collection: "app.bsky.feed.post", rkey: "3kznewer22222", value }]);
  const second = await lookBefore(plcUrl, moved);
  const newer = `${archive}-newer`;
  const exported = await runDecamp(["export", did, "-o", newer, "--from", home.url, ...where]);
  expect(described(exported)).toBe("exit 0");
  await network.killPds(home);
  // One blob is in the older archive alone.
  const [cid = ""] = before.blobs;
  await rm(path.join(newer, "blobs", cid.slice(-2), cid));
  const manifest = path.join(
    newer,
    "snapshots",
    (await readdir(path.join(newer, "snapshots")))[0] ?? "",
    "manifest.json",
  );
  const { blobs, missing, ...rest } = JSON.parse(await readFile(manifest, "utf8")) as Manifest;
  const lacking = {
    ...rest,
    blobs: blobs.filter((blob) => blob.cid !== cid),
    missing: [...missing, { cid, reason: "not found", records: ["app.bsky.feed.post/x"] }],
  };
  await writeFile(manifest, JSON.stringify(lacking));
  const flags = {
    "--to": a.publicUrl,
    "--rotation-key-file": await fileWith(subject.key.privateKeyHex),
    "--passphrase-file": await fileWith("secret"),
    "--new-handle": account.handle,
    "--new-password-file": await fileWith(account.password),
    "--confirm-did": did,
  };
  const args = ["restore", newer, ...Object.entries(flags).flat(), ...where];
  const without = await runDecamp([...args, "--json"]);
  expect(without.code).toBe(6);
  expect(failure(without)).toMatchObject({ data: { missing: [cid] } });
  expect(described(await runDecamp([...args, "--also", archive]))).toBe("exit 0");
  const reader = { url: a.url, did };
  expect((await getLatestCommit(reader)).cid).toBe(second.head);
  expect(await listRecords(reader)).toEqual(second.records);
  expect(await listBlobs(reader)).toEqual(second.blobs);
  expect(await repoStatus(reader)).toBe("active");
  const { rotationKeys } = await lastOperation(plcUrl, did);
  expect(rotationKeys).toEqual(before.log.at(-1)?.operation.rotationKeys);
  expect((await didDocument(plcUrl, did)).alsoKnownAs[0]).toBe(`at://${account.handle}`);
  expect(newHandle).toBe(account.handle);
  await move.remove();
  await subject.remove();
});
