/** An archive of an account, made and kept up to date by the real command, and proved from outside. */
import { lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { CarReader } from "@ipld/car";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { Manifest } from "../../src/archive/manifest.ts";
import { readRecords } from "../../src/repo/records.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { changedJson, refuse } from "../faults/faults.ts";
import { startProxy, type Proxy } from "../faults/proxy.ts";
import { createAccount, createAppPassword, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { populate, type Population } from "../network/populate.ts";
import { getLatestCommit, listBlobs, listRecords } from "../network/read.ts";
import { runDecamp, type Ended } from "../network/run-decamp.ts";
import { procedure } from "../network/xrpc.ts";

const network = connectNetwork(inject("network"));

let folder = "";
let pds: Proxy;
let plc: Proxy;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "decamp-export-"));
  pds = await startProxy({ targetPort: Number(new URL(network.a.url).port) });
  plc = await startProxy({ targetPort: Number(new URL(network.plcUrl).port) });
});
afterAll(async () => {
  await pds.stop();
  await plc.stop();
  await rm(folder, { recursive: true });
});

interface Result {
  type: string;
  mode: string;
  snapshot: string;
  records: number;
  blobs: { count: number };
  received: { repoBytes: number; blobs: number };
  missing: { cid: string; reason: string; records: string[] }[];
  private: boolean;
  status?: string;
}

interface Exported extends Ended {
  result: Result;
  warnings: string[];
  /** kinds of the requests to the server and to the directory */
  requests: string[];
}

async function makeAccount(name: string, records = 60, blobs = 12): Promise<[Account, Population]> {
  const account = await createAccount(network.a, {
    handle: `${name}.a.test`,
    email: `${name}@old.example.com`,
    password: "the-password",
  });
  return [account, await populate(account, { records, blobs, seed: 7 })];
}

function argsFor(account: Account, archive: string): string[] {
  const flags = { "-o": archive, "--from": pds.url, "--plc-url": plc.url, "--state-dir": path.join(folder, "state") };
  return ["export", account.did, ...Object.entries(flags).flat(), "--allow-private-hosts", "--no-input"];
}

async function exportInto(account: Account, archive: string, ...flags: string[]): Promise<Exported> {
  const counts = [pds.recording.requests.length, plc.recording.requests.length] as const;
  const ended = await runDecamp([...argsFor(account, archive), "--json", ...flags]);
  const lines = ended.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Result & { code?: string });
  return {
    ...ended,
    result: lines.at(-1) as Result,
    warnings: lines.filter(({ type }) => type === "warning").map(({ code = "" }) => code),
    requests: [
      ...pds.recording.requests.slice(counts[0]).map(({ kind }) => kind),
      ...plc.recording.requests.slice(counts[1]).map(({ kind }) => kind),
    ],
  };
}

async function passwordFile(password: string): Promise<string> {
  const file = path.join(await mkdtemp(path.join(folder, "secret-")), "password");
  await writeFile(file, password, { mode: 0o600 });
  return file;
}

async function readManifest(archive: string, snapshot: string): Promise<Manifest> {
  return JSON.parse(await readFile(path.join(archive, "snapshots", snapshot, "manifest.json"), "utf8")) as Manifest;
}

/** Every file with what tells whether it was written. */
async function lookAt(archive: string): Promise<string[]> {
  const names = await readdir(archive, { recursive: true });
  const all = names.sort().map(async (name) => {
    const { mtimeMs, ctimeMs, ino, size, mode } = await lstat(path.join(archive, name));
    return [name, mtimeMs, ctimeMs, ino, size, mode].join(" ");
  });
  return Promise.all(all);
}

async function expectProved(archive: string): Promise<void> {
  const { code, stdout } = await runDecamp(["verify", archive, "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, signature: "valid", strays: 0, findings: [] });
  expect(code).toBe(0);
}

/** The paths alone of what `lookAt` saw. */
function names(seen: string[]): string[] {
  return seen.map((line) => line.split(" ")[0] ?? "");
}

/** The archive's newest repository has the records that the server lists, and the blobs. */
async function expectSame(account: Account, archive: string, snapshot: string): Promise<void> {
  const { did } = account;
  const reader = { url: network.a.url, did, token: account.accessJwt };
  const bytes = await readFile(path.join(archive, "snapshots", snapshot, "repo.car"));
  const archived = [...readRecords(bytesSource(bytes))].map(({ path: key, cid }) => `at://${did}/${key} ${cid}`);
  expect(archived.sort()).toEqual((await listRecords(reader)).map(({ uri, cid }) => `${uri} ${cid}`).sort());
  const { blobs, commit } = await readManifest(archive, snapshot);
  expect(blobs.map(({ cid }) => cid)).toEqual(await listBlobs(reader));
  expect(commit).toBe((await getLatestCommit(reader)).cid);
  // What others make of the file.
  const car = await CarReader.fromBytes(bytes);
  expect(String((await car.getRoots())[0])).toBe(commit);
}

async function write(account: Account, call: "createRecord" | "putRecord" | "deleteRecord", input: object) {
  return procedure<{ uri: string }>(
    account.pds.url,
    `com.atproto.repo.${call}`,
    { repo: account.did, ...input },
    { token: account.accessJwt },
  );
}

const note = (text: string): object => ({ $type: "app.example.note", text });

test("all that is public, then only what is new, then nothing", async () => {
  const [account, { pictures }] = await makeAccount("keeper");
  const archive = path.join(folder, "keeper");
  const first = await exportInto(account, archive);
  expect({ code: first.code, stderr: first.stderr, warnings: first.warnings }).toEqual({
    code: 0,
    stderr: "",
    warnings: [],
  });
  expect(first.result).toMatchObject({ mode: "full", records: 60, blobs: { count: 12 }, missing: [], private: false });
  await expectProved(archive);
  await expectSame(account, archive, first.result.snapshot);
  const manifest = await readManifest(archive, first.result.snapshot);
  expect(Object.keys(manifest.files).sort()).toEqual(["did.json", "plc-log.json", "repo.car"]);
  for (const { bytes, mimeType, blob } of pictures) {
    const cid = blob.ref.$link;
    expect(manifest.blobs.find((one) => one.cid === cid)).toEqual({ cid, size: bytes.length, mimeType });
    expect(await readFile(path.join(archive, "blobs", cid.slice(-2), cid))).toEqual(Buffer.from(bytes));
  }
  expect(await readFile(path.join(archive, "README.txt"), "utf8")).toContain("snapshots/NAME/");

  // Unchanged: two requests, and not a byte is written.
  const before = await lookAt(archive);
  const unchanged = await exportInto(account, archive);
  expect(unchanged.result).toMatchObject({ mode: "unchanged", snapshot: first.result.snapshot });
  expect(unchanged.requests).toEqual(["com.atproto.sync.getLatestCommit", "DID/log/audit"]);
  expect(await lookAt(archive)).toEqual(before);

  // Adds, an edit, deletes.
  const record = (await listRecords({ url: network.a.url, did: account.did })).find(({ uri }) =>
    uri.includes("/app.bsky.feed.like/"),
  );
  const likeKey = record?.uri.split("/").at(-1);
  await write(account, "deleteRecord", { collection: "app.bsky.feed.like", rkey: likeKey });
  await write(account, "createRecord", { collection: "app.example.note", record: note("new"), rkey: "one" });
  await write(account, "createRecord", { collection: "app.example.note", record: note("new"), rkey: "two" });
  await write(account, "putRecord", { collection: "app.example.note", record: note("edited"), rkey: "two" });
  const second = await exportInto(account, archive);
  expect(second.warnings).toEqual([]);
  expect(second.result).toMatchObject({ mode: "incremental", records: 61, received: { blobs: 0 } });
  expect(second.result.received.repoBytes).toBeLessThan(first.result.received.repoBytes / 2);
  expect(second.result.snapshot > first.result.snapshot).toBe(true);
  await expectProved(archive);
  await expectSame(account, archive, second.result.snapshot);

  // The disk changes a bit in the repository and in a picture: verify names the command that mends both.
  const [picture] = pictures;
  const cid = picture?.blob.ref.$link ?? "";
  const sound = await lookAt(archive);
  for (const name of [`blobs/${cid.slice(-2)}/${cid}`, `snapshots/${second.result.snapshot}/repo.car`]) {
    const bytes = await readFile(path.join(archive, name));
    bytes[bytes.length - 40]! ^= 4;
    await writeFile(path.join(archive, name), bytes);
  }
  const flags = ["--plc-url", plc.url, "--allow-private-hosts", "--state-dir", path.join(folder, "state")];
  const bad = await runDecamp(["verify", archive, ...flags]);
  expect(bad.code).toBe(3);
  const command = bad.stdout.trimEnd().split("\n").at(-1)?.trim() ?? "";
  expect(command).toContain("--recheck");
  expect(await runDecamp([...command.split(" ").slice(1), "--no-input"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("Mended        1 file and 1 blob") as string,
  });
  await expectProved(archive);
  expect(names(await lookAt(archive))).toEqual(names(sound));
});

test("with a password also what is private, marked and for the owner alone; --public-only leaves it out", async () => {
  const [account, { preferences }] = await makeAccount("discreet");
  const archive = path.join(folder, "discreet");
  const password = await passwordFile(account.password);
  const signedIn = await exportInto(account, archive, "--password-file", password);
  expect(signedIn).toMatchObject({ code: 0, stderr: "", warnings: [] });
  expect(signedIn.result).toMatchObject({ private: true });
  const { files } = await readManifest(archive, signedIn.result.snapshot);
  expect(Object.keys(files).filter((name) => files[name]?.private)).toEqual(["preferences.json", "account.json"]);
  const at = (name: string): string => path.join(archive, "snapshots", signedIn.result.snapshot, name);
  expect(JSON.parse(await readFile(at("preferences.json"), "utf8"))).toEqual({
    // And what the server computes from them.
    preferences: expect.arrayContaining(preferences) as unknown[],
  });
  expect(JSON.parse(await readFile(at("account.json"), "utf8"))).toMatchObject({ email: account.email, active: true });
  for (const name of ["preferences.json", "account.json"]) {
    expect(((await lstat(at(name))).mode & 0o777).toString(8)).toBe("600");
  }
  await expectProved(archive);

  // The session is ended, and an unchanged account is not written again.
  expect(signedIn.requests).toContain("com.atproto.server.deleteSession");
  expect((await exportInto(account, archive, "--password-file", password)).result).toMatchObject({ mode: "unchanged" });

  // Other preferences are another snapshot of the same repository, without a download.
  await procedure(
    account.pds.url,
    "app.bsky.actor.putPreferences",
    { preferences: [{ $type: "app.bsky.actor.defs#adultContentPref", enabled: true }] },
    { token: account.accessJwt },
  );
  const changed = await exportInto(account, archive, "--password-file", password);
  expect(changed.result).toMatchObject({ mode: "present", snapshot: `${signedIn.result.snapshot}-2` });
  expect(changed.requests).not.toContain("com.atproto.sync.getRepo");
  await expectProved(archive);

  const open = path.join(folder, "open");
  const everybody = await exportInto(account, open, "--password-file", password, "--public-only");
  expect(everybody.result).toMatchObject({ mode: "full", private: false });
  expect((await readdir(path.join(open, "snapshots", everybody.result.snapshot))).sort()).toEqual([
    "did.json",
    "manifest.json",
    "plc-log.json",
    "repo.car",
  ]);

  // An app password is enough, and what it does not give is said.
  const app = await passwordFile(await createAppPassword(account));
  const withApp = await exportInto(account, path.join(folder, "app"), "--password-file", app);
  expect(withApp).toMatchObject({ code: 0, warnings: ["app-password"], result: { private: true } });
});

test("an account that is not active: its state is named, and with the owner's session it comes", async () => {
  const [account] = await makeAccount("resting", 30, 4);
  const archive = path.join(folder, "resting");
  const { accessJwt: token, password } = account;
  const secret = await passwordFile(password);
  await procedure(account.pds.url, "com.atproto.server.deactivateAccount", {}, { token });
  const refused = await exportInto(account, archive);
  expect(refused.code).toBe(5);
  expect(JSON.parse(refused.stderr)).toMatchObject({ code: "account-unavailable", data: { state: "RepoDeactivated" } });
  expect(await readdir(folder)).not.toContain("resting");
  const own = await exportInto(account, archive, "--password-file", secret);
  expect(own).toMatchObject({ code: 0, result: { mode: "full", status: "deactivated", blobs: { count: 4 } } });
  await expectProved(archive);

  const authorization = `Basic ${Buffer.from(`admin:${network.a.adminPassword}`).toString("base64")}`;
  const setTakedown = async (applied: boolean): Promise<void> => {
    const subject = { $type: "com.atproto.admin.defs#repoRef", did: account.did };
    const input = { subject, takedown: { applied, ref: "a test" } };
    await procedure(account.pds.url, "com.atproto.admin.updateSubjectStatus", input, { headers: { authorization } });
  };
  await setTakedown(true);
  const gone = await exportInto(account, path.join(folder, "gone"));
  expect(JSON.parse(gone.stderr)).toMatchObject({ code: "account-unavailable", data: { state: "RepoTakendown" } });
  const taken = await exportInto(account, path.join(folder, "taken"), "--password-file", secret);
  expect({ ...taken, stdout: "" }).toMatchObject({ code: 0, result: { status: "takendown", blobs: { count: 4 } } });
  await expectProved(path.join(folder, "taken"));
  const again = await exportInto(account, path.join(folder, "taken"), "--password-file", secret);
  expect(again).toMatchObject({ code: 0, result: { snapshot: taken.result.snapshot, received: { blobs: 0 } } });
  await setTakedown(false);

  const { password: owner, did } = account;
  await procedure(account.pds.url, "com.atproto.server.requestAccountDelete", undefined, { token });
  const { token: code } = await network.waitForMail({ to: account.email, subject: "Delet" });
  await procedure(account.pds.url, "com.atproto.server.deleteAccount", { did, password: owner, token: code });
  const deleted = await exportInto(account, path.join(folder, "deleted"));
  expect(deleted.code).toBe(5);
  expect(["account-not-found", "identity-invalid"]).toContain((JSON.parse(deleted.stderr) as { code: string }).code);
});

test("blobs that the server has lost are named with the records that need them, and tried again", async () => {
  const [account, { pictures }] = await makeAccount("lossy", 40, 6);
  const archive = path.join(folder, "lossy");
  const lost = pictures[2]?.blob.ref.$link ?? "";
  const store = path.join(network.a.dataDirectory, "blobs", account.did, lost);
  await rename(store, `${store}.away`);
  const first = await exportInto(account, archive);
  expect(first.code).toBe(6);
  expect(first.result.missing).toEqual([
    { cid: lost, reason: "Blob not found", records: [expect.stringMatching(/^app\.bsky\./) as string] },
  ]);
  const said = await runDecamp(argsFor(account, archive));
  expect(said.code).toBe(6);
  expect(said.stdout).toContain(lost);
  expect(said.stdout).toContain(first.result.missing[0]?.records[0]);
  await rename(`${store}.away`, store);
  const second = await exportInto(account, archive);
  expect(second).toMatchObject({ code: 0, result: { snapshot: first.result.snapshot, missing: [] } });
  expect(second.result.received).toEqual({ repoBytes: 0, blobs: 1, blobBytes: pictures[2]?.bytes.length });
  await expectProved(archive);
});

test("a server that does not give out what is new is asked for the whole, and an older repository is refused", async () => {
  const [account] = await makeAccount("stubborn", 30, 2);
  const archive = path.join(folder, "stubborn");
  const first = await exportInto(account, archive);
  const old = await getLatestCommit({ url: network.a.url, did: account.did });
  await write(account, "createRecord", { collection: "app.example.note", record: note("new"), rkey: "one" });
  pds.when({ kind: "com.atproto.sync.getRepo", times: 1 }, refuse(400, "RevNotFound"));
  const second = await exportInto(account, archive);
  pds.behave();
  expect(second).toMatchObject({ code: 0, warnings: ["full-export"], result: { mode: "full", records: 31 } });
  await expectProved(archive);
  await expectSame(account, archive, second.result.snapshot);

  const before = await lookAt(archive);
  const car = await readFile(path.join(archive, "snapshots", first.result.snapshot, "repo.car"));
  pds.when(
    { kind: "com.atproto.sync.getLatestCommit" },
    changedJson(() => old),
  );
  pds.when({ kind: "com.atproto.sync.getRepo" }, async (exchange) => {
    exchange.reply({ ...(await exchange.ask()), body: car });
  });
  const rolledBack = await exportInto(account, archive);
  pds.behave();
  expect(rolledBack.code).toBe(9);
  expect(JSON.parse(rolledBack.stderr)).toMatchObject({ code: "refused" });
  expect(names(await lookAt(archive))).toEqual(names(before));
  await expectProved(archive);
});

test("a folder of something else, and of another account, is left alone", async () => {
  const [account] = await makeAccount("orderly", 20, 2);
  const [other] = await makeAccount("stranger", 20, 2);
  const full = await mkdtemp(path.join(folder, "full-"));
  await writeFile(path.join(full, "letter.txt"), "Dear Alice");
  expect((await exportInto(account, full)).code).toBe(2);
  expect(await readdir(full)).toEqual(["letter.txt"]);
  // Names that an archive has, too.
  await writeFile(path.join(full, "film.mkv.part"), "9 GB of 10");
  await writeFile(path.join(full, "README.txt"), "my own notes");
  await writeFile(path.join(full, "lock"), "notes");
  await mkdir(path.join(full, "thesis.part"));
  const downloads = await lookAt(full);
  expect((await exportInto(account, full)).code).toBe(2);
  expect(await lookAt(full)).toEqual(downloads);
  const archive = path.join(folder, "orderly");
  expect((await exportInto(account, archive)).code).toBe(0);
  const before = await lookAt(archive);
  expect((await exportInto(other, archive)).code).toBe(2);
  expect(await lookAt(archive)).toEqual(before);
});
