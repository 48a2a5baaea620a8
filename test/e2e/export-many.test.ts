/** All accounts of a server, an archive each, by the real command against a real server. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { changedJson, drop, refuse, samePage } from "../faults/faults.ts";
import { startProxy, type Proxy } from "../faults/proxy.ts";
import { createAccount, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import type { PdsHandle } from "../network/pds.ts";
import { populate } from "../network/populate.ts";
import { listen, stopServer } from "../network/ports.ts";
import { getLatestCommit, listBlobs } from "../network/read.ts";
import { runDecamp, type Ended } from "../network/run-decamp.ts";
import { procedure } from "../network/xrpc.ts";

const network = connectNetwork(inject("network"));

let folder = "";
let server: PdsHandle;
let pds: Proxy;
let plc: Proxy;
const accounts: Account[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "decamp-many-"));
  server = await network.addPds({ name: "many" });
  pds = await startProxy({ targetPort: server.port });
  plc = await startProxy({ targetPort: Number(new URL(network.plcUrl).port) });
  for (const name of ["ann", "ben", "cleo", "dora", "emil", "finn"]) {
    const account = await createAccount(server, {
      handle: `${name}.many.test`,
      email: `${name}@many.example.com`,
      password: "the-password",
    });
    await populate(account, { records: 20, blobs: 3, seed: name.length });
    accounts.push(account);
  }
});
afterAll(async () => {
  await pds.stop();
  await plc.stop();
  await rm(folder, { recursive: true });
});

interface Line {
  type: string;
  account: string;
  did?: string;
  archive?: string;
  ok: boolean;
  code?: string;
  mode?: string;
  received?: { repoBytes: number; blobs: number };
  missing?: { cid: string }[];
}

interface Summary {
  type: string;
  requests: number;
  ok: boolean;
  accounts: { total: number; complete: number; unchanged: number; incomplete: number; failed: number };
  failures: { account: string; code: string }[];
}

interface Many extends Ended {
  lines: Line[];
  summary: Summary;
  /** kinds of the requests to the server and to the directory, sorted */
  requests: string[];
}

const flags = (): string[] => {
  const state = path.join(folder, "state");
  return ["--plc-url", plc.url, "--state-dir", state, "--allow-private-hosts", "--no-input", "--json"];
};

async function exportMany(output: string, ...more: string[]): Promise<Many> {
  const counts = [pds.recording.requests.length, plc.recording.requests.length] as const;
  const ended = await runDecamp(["export", "-o", path.join(folder, output), ...more, ...flags()]);
  const lines = ended.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line & Summary);
  return {
    ...ended,
    lines: lines.filter(({ type }) => type === "account"),
    summary: lines.at(-1) as Summary,
    requests: [...pds.recording.requests.slice(counts[0]), ...plc.recording.requests.slice(counts[1])]
      .map(({ kind }) => kind)
      .sort(),
  };
}

const everyone = (): string[] => ["--all", "--pds", pds.url];
const sorted = (values: readonly (string | undefined)[]): string[] => values.map((value = "") => value).sort();

/** Whether an account is asked for its real head today. */
function isAskedToday(did: string): boolean {
  const digits = createHash("sha256").update(did).digest("hex").slice(8, 16);
  const goldenRatio = 1.618_033_988_749_895;
  const turn = (Math.floor(Date.now() / 86_400_000) * goldenRatio) % 1;
  return Number.parseInt(digits, 16) % 100 === Math.floor(turn * 100);
}

function archiveOf({ did }: Account): string {
  return path.join(folder, "all", did.replaceAll(":", "-"));
}

function isAbout({ did }: Account, requestPath: string): boolean {
  return new URL(requestPath, "http://localhost").searchParams.get("did") === did;
}

async function expectProved(output: string, account: Account): Promise<void> {
  const archive = path.join(folder, output, account.did.replaceAll(":", "-"));
  const { code, stdout } = await runDecamp(["verify", archive, "--json"]);
  const { commit, ...rest } = JSON.parse(stdout) as Record<string, unknown>;
  expect({ code, ...rest }).toMatchObject({ code: 0, ok: true, did: account.did, signature: "valid", findings: [] });
  const reader = { url: network.a.url, did: account.did, token: account.accessJwt };
  expect(commit).toBe((await getLatestCommit({ ...reader, url: account.pds.url })).cid);
  const blobs = await readdir(path.join(archive, "blobs"), { recursive: true });
  const stored = blobs.map((name) => path.basename(name)).filter((name) => name.startsWith("baf"));
  expect(stored.sort()).toEqual(await listBlobs({ ...reader, url: account.pds.url }));
}

test("every account of a server, then nothing, then only what is new", async () => {
  const first = await exportMany("all", ...everyone(), "--jobs", "3");
  expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: "" });
  expect(sorted(first.lines.map(({ did }) => did))).toEqual(sorted(accounts.map(({ did }) => did)));
  expect(first.lines.every(({ ok, mode }) => ok && mode === "full")).toBe(true);
  expect(first.summary).toMatchObject({
    type: "result",
    ok: true,
    accounts: { total: 6, complete: 6, unchanged: 0, incomplete: 0, failed: 0 },
    failures: [],
  });
  for (const account of accounts) {
    await expectProved("all", account);
  }

  // The list shows that nothing is new: an account costs no request, but for the few that are asked all the same, and
  // the half of the identities that is looked up this time.
  const asked = accounts.filter(({ did }) => isAskedToday(did)).map(({ did }) => did);
  const second = await exportMany("all", ...everyone());
  expect(second.code).toBe(0);
  expect(second.summary.accounts).toMatchObject({ total: 6, complete: 6, unchanged: 6 });
  expect(second.lines.every(({ mode, received }) => mode === "unchanged" && received?.repoBytes === 0)).toBe(true);
  const third = await exportMany("all", ...everyone());
  for (const { requests } of [second, third]) {
    const kinds = new Set(requests.filter((kind) => kind !== "com.atproto.sync.listRepos"));
    expect(requests.filter((kind) => kind === "com.atproto.sync.getLatestCommit")).toHaveLength(asked.length);
    expect([...kinds].filter((kind) => !["com.atproto.sync.getLatestCommit", "DID/log/audit"].includes(kind))).toEqual(
      [],
    );
  }
  // In two nights each identity was looked up once.
  const looks = [second, third].flatMap(({ requests }) => requests.filter((kind) => kind === "DID/log/audit"));
  expect(looks).toHaveLength(accounts.length + asked.length);

  const [, ben] = accounts;
  await procedure(
    ben!.pds.url,
    "com.atproto.repo.createRecord",
    { repo: ben!.did, collection: "app.example.note", record: { $type: "app.example.note", text: "new" } },
    { token: ben!.accessJwt },
  );
  const fourth = await exportMany("all", ...everyone());
  const changed = fourth.lines.filter(({ mode }) => mode !== "unchanged");
  expect(changed).toMatchObject([{ did: ben!.did, mode: "incremental", received: { blobs: 0 } }]);
  await expectProved("all", ben!);
});

/** One of the blobs that lie in the archive. */
async function blobOf(account: Account): Promise<string> {
  const blobs = path.join(archiveOf(account), "blobs");
  const names = await readdir(blobs, { recursive: true });
  return path.join(blobs, names.find((name) => name.includes("baf")) ?? "");
}

async function repoOf(account: Account): Promise<string> {
  const snapshots = path.join(archiveOf(account), "snapshots");
  return path.join(snapshots, (await readdir(snapshots)).at(-1) ?? "", "repo.car");
}

test("what is gone from the disk, or cut off, is noticed in the next night, whatever the list says", async () => {
  const [ann, ben, cleo, dora] = accounts as [Account, Account, Account, Account];
  await rm(await blobOf(ann));
  await rm(await repoOf(ben));
  for (const file of [await repoOf(cleo), await blobOf(dora)]) {
    await truncate(file, (await stat(file)).size - 1);
  }
  const { code, summary } = await exportMany("all", ...everyone());
  expect({ code, accounts: summary.accounts }).toMatchObject({ code: 0, accounts: { complete: 6, mended: 4 } });
  for (const account of [ann, ben, cleo, dora]) {
    await expectProved("all", account);
  }
});

test("an account that the list has no more is gone, one whose identity names another server has moved: no failures", async () => {
  const [ann, ben] = accounts as [Account, Account];
  const hide = changedJson((page) => ({
    ...page,
    repos: (page["repos"] as { did: string }[]).flatMap((repo) =>
      repo.did === ann.did ? [] : [repo.did === ben.did ? { ...repo, active: false, status: "deactivated" } : repo],
    ),
  }));
  pds.when({ kind: "com.atproto.sync.listRepos" }, hide);
  const first = await exportMany("all", ...everyone());
  expect(first).toMatchObject({
    code: 0,
    summary: { ok: true, accounts: { total: 6, complete: 4, inactive: 1, gone: 1 } },
  });
  expect(first.lines.find(({ did }) => did === ann.did)).toMatchObject({ ok: false, class: "gone" });
  expect((await exportMany("all", ...everyone(), "--fail-on", "gone,moved")).code).toBe(6);
  pds.behave();
  expect((await exportMany("all", ...everyone())).summary.accounts).toMatchObject({
    complete: 6,
    gone: 0,
    inactive: 0,
  });
});

test("a directory that does not answer is one error; what needs no look at it is as good as ever", async () => {
  const [, , , , emil] = accounts as [Account, Account, Account, Account, Account];
  await procedure(
    emil.pds.url,
    "com.atproto.repo.createRecord",
    { repo: emil.did, collection: "app.example.note", record: { $type: "app.example.note", text: "new" } },
    { token: emil.accessJwt },
  );
  plc.when({}, drop());
  const [{ code, lines, summary }, fresh] = await Promise.all([
    exportMany("all", ...everyone()),
    exportMany("silent", ...everyone(), "--jobs", "1"),
  ]);
  plc.behave();
  // Where there is no archive at all, the server is asked for its list and for the first one, and not for all in vain.
  expect(fresh).toMatchObject({ code: 6, summary: { accounts: { total: 6, failed: 0 } } });
  expect(fresh.summary.requests).toBeLessThan(2 * accounts.length);
  expect(code).toBe(6);
  expect(summary).toMatchObject({ ok: false, accounts: { total: 6, failed: 0 }, unanswered: { code: "unreachable" } });
  expect(lines.filter(({ ok }) => !ok)).toEqual([]);
  expect(lines.map(({ did }) => did)).not.toContain(emil.did);
  const next = await exportMany("all", ...everyone());
  expect(next).toMatchObject({ code: 0, summary: { accounts: { complete: 6 } } });
  await expectProved("all", emil);
});

test("a second run over the same accounts ends at once, with its own exit code", async () => {
  const release = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  pds.when({ kind: "com.atproto.sync.listRepos" }, async (exchange) => {
    reached.resolve();
    await release.promise;
    await exchange.pass();
  });
  const first = exportMany("all", ...everyone());
  await reached.promise;
  const second = await runDecamp(["export", "-o", path.join(folder, "all"), ...everyone(), ...flags()]);
  expect(second.code).toBe(11);
  release.resolve();
  expect((await first).code).toBe(0);
  pds.behave();
});

test("what happens to one does not stop the others: each failure is named, and tried again by the next run", async () => {
  const [ann, ben, cleo, dora] = accounts as [Account, Account, Account, Account];
  const token = { token: cleo.accessJwt };
  await procedure(cleo.pds.url, "com.atproto.server.deactivateAccount", {}, token);
  const lost = (await listBlobs({ url: dora.pds.url, did: dora.did }))[0] ?? "";
  pds.when({ kind: "com.atproto.sync.getRepo" }, async (exchange) =>
    isAbout(ben, exchange.request.path) ? refuse(400, "InvalidRequest")(exchange) : exchange.pass(),
  );
  pds.when({ kind: "com.atproto.sync.getBlob" }, async (exchange) =>
    exchange.request.path.includes(lost) && isAbout(dora, exchange.request.path)
      ? refuse(400, "BlobNotFound")(exchange)
      : exchange.pass(),
  );
  const first = await exportMany("failing", ...everyone());
  pds.behave();
  expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 6, stderr: "" });
  expect(first.summary).toMatchObject({
    ok: false,
    accounts: { total: 6, complete: 3, incomplete: 1, failed: 1, inactive: 1 },
  });
  const codes = Object.fromEntries(first.summary.failures.map(({ account, code }) => [account, code]));
  expect(codes).toEqual({ [ben.did]: "server-refused" });
  expect(first.lines.find(({ did }) => did === cleo.did)).toMatchObject({ ok: false, status: "deactivated" });
  expect(first.lines.find(({ did }) => did === dora.did)).toMatchObject({ ok: true, missing: [{ cid: lost }] });
  await expectProved("failing", ann);

  // The blob was missing the last time, too: that is known, and can be let pass.
  pds.when({ kind: "com.atproto.sync.getBlob" }, async (exchange) =>
    exchange.request.path.includes(lost) ? refuse(400, "BlobNotFound")(exchange) : exchange.pass(),
  );
  const known = await exportMany("failing", ...everyone());
  expect(known).toMatchObject({ code: 6, summary: { ok: false, accounts: { incomplete: 1, asBefore: 1 } } });
  const passed = await exportMany("failing", ...everyone(), "--allow-known-missing");
  pds.behave();
  expect(passed).toMatchObject({ code: 0, summary: { ok: true, accounts: { incomplete: 1, asBefore: 1 } } });

  await procedure(cleo.pds.url, "com.atproto.server.activateAccount", undefined, token);
  const second = await exportMany("failing", ...everyone());
  expect(second).toMatchObject({ code: 0, summary: { accounts: { complete: 6, unchanged: 4 }, failures: [] } });
  for (const account of [ben, cleo, dora]) {
    await expectProved("failing", account);
  }
});

test("the shards of a server have each account exactly once, where the hash of its DID says", async () => {
  const count = 3;
  const dids: string[] = [];
  for (const index of [0, 1, 2]) {
    const { code, lines } = await exportMany(`shard-${index}`, ...everyone(), "--shard", `${index}/${count}`);
    expect(code).toBe(0);
    for (const { did = "" } of lines) {
      // As the documentation says it, for other tools.
      const hex = createHash("sha256").update(did).digest("hex").slice(0, 8);
      expect(Number.parseInt(hex, 16) % count).toBe(index);
      dids.push(did);
    }
    const output = path.join(folder, `shard-${index}`);
    const archives = (await readdir(output)).filter((name) => name.startsWith("did-"));
    expect(archives).toHaveLength(lines.length);
  }
  expect(sorted(dids)).toEqual(sorted(accounts.map(({ did }) => did)));
});

test("the accounts of a list, by DID and by handle; what is none is named", async () => {
  const [ann, ben, cleo] = accounts as [Account, Account, Account];
  const list = path.join(folder, "accounts.txt");
  const junk = "did:example:../../../../tmp/decamp-escaped";
  const lines = ["# mine", "", ann.did, `  @${ben.handle}  `, junk, "nobody.many.test", `at://${cleo.did}`, ann.did];
  await writeFile(list, lines.join("\r\n"));
  const {
    code,
    lines: told,
    summary,
  } = await exportMany("listed", "--accounts", list, "--from", pds.url, "--jobs", "1");
  expect(code).toBe(6);
  expect(sorted(await readdir(path.join(folder, "listed")))).toEqual(
    sorted([ann, ben, cleo].map(({ did }) => did.replaceAll(":", "-"))),
  );
  expect(summary.failures.map(({ account, code: why }) => [account, why])).toEqual([
    [junk, "invalid-account"],
    ["nobody.many.test", "account-not-found"],
  ]);
  expect(told.filter(({ ok }) => ok).map(({ did, mode }) => [did, mode])).toEqual([
    [ann.did, "full"],
    [ben.did, "full"],
    [cleo.did, "full"],
    [ann.did, "unchanged"],
  ]);
});

test.each([
  ["turns in a circle", () => "again"],
  ["has no end", (ordinal: number) => `page-${ordinal}`],
])("a list that %s is given up, and what it named is exported", async (what, cursor) => {
  pds.when({ kind: "com.atproto.sync.listRepos" }, samePage(cursor));
  const { code, stderr, summary } = await exportMany(`list-${what.length}`, ...everyone());
  pds.behave();
  expect(code).toBe(5);
  expect(JSON.parse(stderr)).toMatchObject({ code: "bad-answer" });
  expect(summary.accounts).toMatchObject({ complete: 6, failed: 0 });
});

const admin = (): { authorization: string } => ({
  authorization: `Basic ${Buffer.from(`admin:${server.adminPassword}`).toString("base64")}`,
});
const asOperator = async (...more: string[]): Promise<Many> => {
  const file = path.join(folder, "admin.password");
  await writeFile(file, `${server.adminPassword}\n`, { mode: 0o600 });
  return exportMany("operator", ...everyone(), "--admin-password-file", file, ...more);
};
/** who was asked with it, and for what */
const askedWith = (since: number): { kind: string; method: string; path: string }[] =>
  pds.recording.requests.slice(since).filter(({ authorization }) => authorization?.startsWith("Basic ") === true);
const manifestOf = async ({ did }: Account): Promise<{ status?: string; blobs: unknown[] }> => {
  const snapshots = path.join(folder, "operator", did.replaceAll(":", "-"), "snapshots");
  const [name = ""] = (await readdir(snapshots)).slice(-1);
  return JSON.parse(await readFile(path.join(snapshots, name, "manifest.json"), "utf8")) as { blobs: unknown[] };
};
const asOperatorInto = async (output: string): Promise<Many> =>
  exportMany(output, ...everyone(), "--admin-password-command", `cat ${path.join(folder, "admin.password")}`);

describe("with the admin password of the server", () => {
  beforeAll(async () => {
    const [, , cleo, dora] = accounts as [Account, Account, Account, Account];
    await procedure(cleo.pds.url, "com.atproto.server.deactivateAccount", {}, { token: cleo.accessJwt });
    const subject = { $type: "com.atproto.admin.defs#repoRef", did: dora.did };
    const input = { subject, takedown: { applied: true, ref: "a test" } };
    await procedure(dora.pds.url, "com.atproto.admin.updateSubjectStatus", input, { headers: admin() });
  });

  test("a wrong one is one error, before anything else is asked; so is a file that others can read", async () => {
    const file = path.join(folder, "wrong.password");
    await writeFile(file, "not-the-password", { mode: 0o600 });
    const wrong = await exportMany("wrong", ...everyone(), "--admin-password-file", file);
    expect(wrong).toMatchObject({ code: 4, lines: [], requests: ["com.atproto.sync.getLatestCommit"] });
    expect(JSON.parse(wrong.stderr)).toMatchObject({ code: "auth-refused" });
    await writeFile(path.join(folder, "open.password"), server.adminPassword, { mode: 0o644 });
    const open = await exportMany("wrong", ...everyone(), "--admin-password-file", path.join(folder, "open.password"));
    expect({ code: open.code, requests: open.requests }).toEqual({ code: 9, requests: [] });
  });

  test("accounts that only the operator is given are exported, with what they are; those taken down if that is said", async () => {
    const [ann, , cleo, dora] = accounts as [Account, Account, Account, Account];
    const since = pds.recording.requests.length;
    const first = await asOperator();
    expect(first).toMatchObject({
      code: 0,
      stderr: "",
      summary: { accounts: { complete: 5, inactive: 1, failed: 0 } },
    });
    expect(first.lines.find(({ did }) => did === dora.did)).toMatchObject({ class: "inactive", status: "takendown" });
    expect(await manifestOf(cleo)).toMatchObject({ status: "deactivated" });
    expect((await manifestOf(cleo)).blobs).toHaveLength(3);
    expect(await manifestOf(ann)).not.toHaveProperty("status");

    const second = await asOperator("--include-taken-down");
    expect(second).toMatchObject({ code: 0, summary: { accounts: { complete: 6, unchanged: 5, inactive: 0 } } });
    expect(await manifestOf(dora)).toMatchObject({ status: "takendown" });
    const proved = await runDecamp(["verify", path.join(folder, "operator", dora.did.replaceAll(":", "-"))]);
    expect(proved.code).toBe(0);

    // It went along where it was needed, and nowhere else.
    const asked = askedWith(since);
    expect(asked.filter(({ kind, method }) => method !== "GET" || !kind.startsWith("com.atproto.sync."))).toEqual([]);
    const whom = asked.map((request) => new URL(request.path, pds.url).searchParams.get("did"));
    const nobody = "did:plc:222222222222222222222222";
    expect(new Set(whom)).toEqual(new Set([nobody, cleo.did, dora.did]));
    expect(plc.recording.requests.filter(({ authorization }) => authorization !== undefined)).toEqual([]);

    // Nothing is new: the list says so of these, too.
    const third = await asOperator("--include-taken-down");
    expect(third).toMatchObject({ code: 0, summary: { accounts: { complete: 6, unchanged: 6 } } });
    expect(third.requests.filter((kind) => kind === "com.atproto.sync.getRepo")).toEqual([]);
  });

  test("it never goes along where the server leads", async () => {
    const [, , cleo] = accounts as [Account, Account, Account];
    const seen: (string | undefined)[] = [];
    const elsewhere = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(404).end();
    });
    const port = await listen(elsewhere, 0);
    pds.when({ kind: /^com\.atproto\.sync\.get(?:Repo|Blob)$/ }, async (exchange) =>
      exchange.request.authorization === undefined
        ? exchange.pass()
        : exchange.reply({
            status: 302,
            headers: { location: `http://localhost:${port}/there` },
            body: Buffer.alloc(0),
          }),
    );
    const { code, lines } = await asOperatorInto("led-away");
    pds.behave();
    await stopServer(elsewhere);
    expect(code).toBe(6);
    expect(lines.find(({ did }) => did === cleo.did)).toMatchObject({ ok: false, code: "bad-answer" });
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter((authorization) => authorization !== undefined)).toEqual([]);
  });

  test("a server that does not take it: what was asked for and does not come has failed", async () => {
    const [, , cleo] = accounts as [Account, Account, Account];
    pds.when({ kind: /^com\.atproto\.sync\.get/ }, async (exchange) =>
      isAbout(cleo, exchange.request.path) ? refuse(400, "RepoDeactivated")(exchange) : exchange.pass(),
    );
    const { code, summary } = await asOperatorInto("not-taken");
    pds.behave();
    expect({ code, failures: summary.failures }).toMatchObject({ code: 6, failures: [{ account: cleo.did }] });
  });
});
