/**
 * `decamp account deactivate`: the old copy of an account is deactivated once home was proved to have all of it, and in
 * no other case. The servers are real; a proxy stands in front of one only where something happens in between.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { afterAll, expect, inject, test, vi } from "vitest";
import { noteMade } from "../../src/services/disk/remembered/made-operations.ts";
import { flip, meanwhile, refuse, status } from "../faults/faults.ts";
import { startProxy } from "../faults/proxy.ts";
import { login, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { auditLog, changeIdentity } from "../network/identity.ts";
import type { PdsHandle } from "../network/pds.ts";
import { freePort } from "../network/ports.ts";
import { applyWrites, createFilled } from "../network/populate.ts";
import { listBlobs, listRecords, repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp, type Move } from "../network/run-decamp.ts";
import { procedure } from "../network/xrpc.ts";

vi.setConfig({ testTimeout: 180_000 });

const network = connectNetwork(inject("network"));
const { a, b, plcUrl } = network;
const folder = mkdtempSync(path.join(tmpdir(), "decamp-deactivate-"));
afterAll(() => rmSync(folder, { recursive: true }));
const where = ["--plc-url", plcUrl, "--allow-private-hosts", "--state-dir", path.join(folder, "state")];
const collection = "app.bsky.feed.post";

interface Moved {
  account: Account;
  move: Move;
  /** At the new server. */
  there: Account;
}

/** An account whose move has stopped once it was active at the new server: it is active at the old one, too. */
async function halfMoved(account: Account, target: PdsHandle, ...flags: string[]): Promise<Moved> {
  const move = await prepareMove(network, account, target);
  await runDecamp([...move.args, "--archive", path.join(move.folder, "archive"), "--until", "activate", ...flags]);
  expect(await repoStatus({ url: target.url, did: account.did })).toBe("active");
  await settle(account);
  return { account, move, there: await login(target, move.newHandle, move.newPassword) };
}

async function filled(name: string): Promise<Account> {
  return createFilled(a, name, { records: 25, blobs: 3, seed: name.length });
}

async function states({ did }: Account, target: PdsHandle): Promise<string[]> {
  return Promise.all([repoStatus({ url: a.url, did }), repoStatus({ url: target.url, did })]);
}

interface Said {
  code: number | null;
  said: Record<string, unknown> & {
    code?: string;
    message?: string;
    hint?: string;
    data?: { reason?: string; next?: string };
  };
}

/** What the command answers: its result, or its error. */
async function deactivate({ did, password }: Account, ...flags: string[]): Promise<Said> {
  const secret = path.join(folder, "password");
  writeFileSync(secret, password, { mode: 0o600 });
  const own = ["--password-file", secret, ...where, "--no-input", "--json"];
  const { code, stdout, stderr } = await runDecamp(["account", "deactivate", did, ...flags, ...own]);
  return { code, said: JSON.parse(code === 0 ? stdout : (stderr.trim().split("\n").at(-1) ?? "")) as Said["said"] };
}

function post(rkey: string, text: string) {
  return { collection, rkey, value: { $type: collection, text, createdAt: new Date(0).toISOString() } };
}

/** Makes an account active again although the identity does not name the server, which would refuse that. */
function revive({ dataDirectory }: PdsHandle, { did }: Account): void {
  const database = new DatabaseSync(path.join(dataDirectory, "account.sqlite"));
  database.prepare("update actor set deactivatedAt = null where did = ?").run(did);
  database.close();
}

/** Types a printed line. What would be asked for is in the environment. */
async function type(line: string | undefined, { account, move }: Moved): Promise<void> {
  const env = {
    PATH: process.env["PATH"],
    HOME: folder,
    DECAMP_SOURCE_PASSWORD: account.password,
    DECAMP_TARGET_PASSWORD: move.newPassword,
  };
  const shell = `decamp() { "${process.execPath}" bin/decamp.js "$@"; }; ${line ?? ""}`;
  expect(line).toMatch(/^decamp /);
  await promisify(execFile)("sh", ["-c", shell], { env });
}

/** As if decamp had made the account's moves with the state of this test: else nothing is done there by itself. */
async function settle({ did }: Account): Promise<void> {
  for (const { cid } of await auditLog(plcUrl, did)) {
    await noteMade(path.join(folder, "state"), did, cid);
  }
}

test("the old copy is deactivated after a yes, once home has all of it; and what is not to be is refused", async () => {
  const moved = await halfMoved(await filled("closing"), b);
  const { account, there, move } = moved;
  const { did, handle } = account;
  const [first, second] = await listRecords({ url: b.url, did });
  const rkey = first?.uri.split("/").at(-1) ?? "";
  const kind = first?.uri.split("/").at(-2) ?? "";
  const record = {
    ...(second?.value as object),
    ...(first?.value as object),
    text: "said otherwise at the new server",
  };
  await procedure(
    b.url,
    "com.atproto.repo.putRecord",
    { repo: did, collection: kind, rkey, record },
    {
      token: there.accessJwt,
    },
  );

  const unasked = await deactivate(account);
  expect([unasked.code, unasked.said]).toMatchObject([7, { code: "input-needed", data: { answeredBy: "--yes" } }]);
  const itself = await deactivate(account, "--server", b.url, "--yes");
  expect([itself.code, itself.said.data?.reason]).toEqual([9, "lives-there"]);
  expect(await states(account, b)).toEqual(["active", "active"]);

  const done = await deactivate(account, "--yes");
  const records = await listRecords({ url: b.url, did });
  const blobs = await listBlobs({ url: b.url, did });
  const named = { did, handle: move.newHandle, server: a.url, home: b.url, homeState: "active" };
  expect([done.code, done.said]).toEqual([
    0,
    {
      type: "result",
      version: 1,
      command: "account deactivate",
      ...named,
      state: "deactivated",
      records: records.length,
      blobs: blobs.length,
      changed: [`${kind}/${rkey}`],
      changedCount: 1,
      lost: [],
    },
  ]);
  expect(await states(account, b)).toEqual(["deactivated", "active"]);
  expect(handle).not.toBe(move.newHandle);

  const again = await deactivate(account);
  const already = { type: "result", version: 1, command: "account deactivate", ...named, state: "already-deactivated" };
  expect([again.code, again.said]).toEqual([0, already]);

  await procedure(b.url, "com.atproto.server.deactivateAccount", {}, { token: there.accessJwt });
  const dark = await deactivate(account, "--yes");
  expect([dark.code, dark.said.data]).toMatchObject([9, { reason: "home-not-active", state: "deactivated" }]);
  await type(dark.said.data?.next, { ...moved, account: { ...account, password: move.newPassword } });
  expect(await states(account, b)).toEqual(["deactivated", "active"]);
  await move.remove();
});

test("an account that has lived at one server alone; a server that does not have it", async () => {
  const account = await createFilled(a, "never-moved", { records: 20, blobs: 2 });
  const none = await deactivate(account, "--yes");
  expect([none.code, none.said]).toMatchObject([7, { code: "input-needed", data: { answeredBy: "--server" } }]);
  const absent = await deactivate(account, "--yes", "--server", b.url);
  expect([absent.code, absent.said]).toMatchObject([5, { code: "account-not-found" }]);
  expect(await repoStatus({ url: a.url, did: account.did })).toBe("active");
});

test("what was written at the old server later is named, and the printed line brings it", async () => {
  const moved = await halfMoved(await filled("late-closing"), b);
  const { account, move } = moved;
  await applyWrites(account, [post("3klateclose22", "nobody has seen it")]);
  const { code, said } = await deactivate(account, "--yes");
  expect([code, said.code]).toEqual([9, "refused"]);
  expect(said.data).toMatchObject({ reason: "late-writes", records: [`${collection}/3klateclose22`] });
  expect(said.message).toContain(`${collection}/3klateclose22`);
  expect(await states(account, b)).toEqual(["active", "active"]);
  await type(said.data?.next, moved);
  expect(await states(account, b)).toEqual(["deactivated", "active"]);
  const uris = (await listRecords({ url: b.url, did: account.did })).map(({ uri }) => uri);
  expect(uris).toContain(`at://${account.did}/${collection}/3klateclose22`);
  await move.remove();
});

test("a blob that did not come along: the printed line brings it; one that neither has is named", async () => {
  const account = await filled("blob-closing");
  const [lost = ""] = await listBlobs({ url: a.url, did: account.did });
  const moved = await halfMoved(account, b, "--skip-blob", lost);
  const { move } = moved;
  const proxy = await startProxy({ targetPort: a.port });
  const refused = await deactivate(account, "--yes");
  expect([refused.code, refused.said.data]).toMatchObject([9, { reason: "blobs-missing", blobs: [lost] }]);

  const fault = { kind: "com.atproto.sync.getBlob" };
  proxy.when(fault, status(500));
  const silent = await deactivate(account, "--yes", "--server", proxy.url);
  expect(silent).toMatchObject({ code: 5 });
  expect(await states(account, b)).toEqual(["active", "active"]);
  proxy.behave();
  proxy.when(fault, refuse(400, "BlobNotFound"));
  const gone = await deactivate(account, "--yes", "--server", proxy.url);
  expect([gone.code, gone.said]).toMatchObject([0, { state: "deactivated", lost: [{ cid: lost }] }]);
  revive(a, account);

  await type(refused.said.data?.next, moved);
  expect(await states(account, b)).toEqual(["deactivated", "active"]);
  expect(await listBlobs({ url: b.url, did: account.did })).toContain(lost);
  await proxy.stop();
  await move.remove();
});

test("an identity that names the old server again meanwhile: nothing is deactivated, or it is taken back", async () => {
  const { account, move, there } = await halfMoved(await filled("back-closing"), b);
  const { did } = account;
  const [first, last] = await auditLog(plcUrl, did);
  const proxy = await startProxy({ targetPort: a.port });
  const old = ["--yes", "--server", proxy.url];
  const owner = { ...there, email: move.newEmail };
  const goBack = async (): Promise<void> => changeIdentity(network, owner, () => first?.operation ?? expect.fail());
  for (const [kind, moment] of [
    ["com.atproto.server.createSession", "before"],
    ["com.atproto.server.deactivateAccount", "after"],
  ] as const) {
    proxy.when({ kind }, meanwhile(moment, goBack));
    const { code, said } = await deactivate(account, ...old);
    expect([code, said.code]).toEqual([9, "head-moved"]);
    expect(await states(account, b)).toEqual(["active", "active"]);
    expect(said.message?.includes("is active again")).toBe(moment === "after");
    proxy.behave();
    await changeIdentity(network, account, () => last?.operation ?? expect.fail());
  }
  await Promise.all([proxy.stop(), move.remove()]);
});

test("what happens between the proof and the end: nothing is deactivated, or it is taken back", async () => {
  const port = await freePort();
  const home = await network.addPds({ name: "closinghome", publicPort: port });
  const front = await startProxy({ port, targetPort: home.port });
  const moved = await halfMoved(await filled("faulty-closing"), home);
  const { account, move, there } = moved;
  const { did } = account;
  const proxy = await startProxy({ targetPort: a.port });
  const old = ["--yes", "--server", proxy.url];
  let count = 0;
  const write = async (): Promise<void> => {
    count += 1;
    await applyWrites(account, [post(`3kmeanwhile2${String(count + 1)}`, "meanwhile")]);
  };
  /** The same answers once more; what was written is taken back. */
  const cleanUp = async (): Promise<void> => {
    revive(a, account);
    front.behave();
    proxy.behave();
    for (const rkey of Array.from({ length: count }, (_, index) => `3kmeanwhile2${String(index + 2)}`)) {
      await procedure(
        a.url,
        "com.atproto.repo.deleteRecord",
        { repo: did, collection, rkey },
        { token: account.accessJwt },
      );
    }
    expect(await states(account, home)).toEqual(["active", "active"]);
  };

  front.when({ kind: "com.atproto.sync.getRepoStatus" }, status(502));
  expect(await deactivate(account, ...old)).toMatchObject({
    code: 5,
    said: { hint: expect.stringContaining("Nothing is deactivated") as string },
  });
  await cleanUp();
  front.when({ kind: "com.atproto.sync.getRepo" }, flip());
  expect(await deactivate(account, ...old)).toMatchObject({ code: 3, said: { code: "damaged" } });
  await cleanUp();
  proxy.when({ kind: "com.atproto.server.createSession" }, meanwhile("before", write));
  expect(await deactivate(account, ...old)).toMatchObject({ code: 9, said: { data: { reason: "written-meanwhile" } } });
  await cleanUp();
  proxy.when({ kind: "com.atproto.server.deactivateAccount" }, meanwhile("before", write));
  const late = await deactivate(account, ...old);
  expect(late).toMatchObject({ code: 9, said: { data: { reason: "written-meanwhile" } } });
  expect(late.said.message).toContain("cannot be taken back");
  expect(await repoStatus({ url: a.url, did })).toBe("deactivated");
  const rescue = path.join(folder, "rescue");
  const secret = ["--sign-in", "--password-file", path.join(folder, "password"), "--public-only"];
  expect((await runDecamp(["export", did, "--from", a.url, "-o", rescue, ...secret, ...where])).code).toBe(0);
  expect((await runDecamp(["repo", "ls", rescue, "--json"])).stdout).toContain("3kmeanwhile");
  await cleanUp();
  proxy.when({ kind: "com.atproto.server.deactivateAccount" }, status(200));
  expect(await deactivate(account, ...old)).toMatchObject({ code: 5, said: { code: "server-refused" } });
  await cleanUp();
  proxy.when(
    { kind: "com.atproto.server.deactivateAccount" },
    meanwhile("after", async () => {
      await procedure(home.url, "com.atproto.server.deactivateAccount", {}, { token: there.accessJwt });
    }),
  );
  const dark = await deactivate(account, ...old);
  expect(dark).toMatchObject({ code: 9, said: { data: { reason: "home-not-active", state: "deactivated" } } });
  expect(dark.said.data?.next).toContain("account activate");
  await procedure(home.url, "com.atproto.server.activateAccount", undefined, { token: there.accessJwt });
  await cleanUp();

  // It moves on, and that is left half done, too: now there are two old copies.
  const again = await halfMoved({ ...there, email: move.newEmail }, b);
  const open = await deactivate(account, "--yes");
  expect([open.code, open.said]).toMatchObject([7, { code: "input-needed", data: { servers: [home.url, a.url] } }]);
  expect(open.said.data?.next).toContain(`--server ${home.url}`);
  expect(await deactivate(account, "--yes", "--server", a.url)).toMatchObject({ code: 0, said: { server: a.url } });
  const last = { ...account, password: there.password };
  // Whoever has made those moves, it was not this machine: the one home, and then the other place, has to be named.
  rmSync(path.join(folder, "state", "made"), { recursive: true });
  const unsettled = async (...flags: string[]): Promise<unknown> =>
    (await deactivate(last, "--yes", ...flags)).said.data;
  expect(await unsettled()).toMatchObject({ reason: "unsettled-server", host: new URL(b.url).host });
  expect(await unsettled("--from", b.url)).toMatchObject({ reason: "unsettled-server", host: new URL(home.url).host });
  await settle(account);
  expect(await deactivate(last, "--yes")).toMatchObject({ code: 0, said: { server: home.url, home: b.url } });
  expect(await states(account, home)).toEqual(["deactivated", "deactivated"]);
  await Promise.all([front.stop(), proxy.stop(), move.remove(), again.move.remove()]);
});
