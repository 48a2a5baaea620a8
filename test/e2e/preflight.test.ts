/** What is seen before anything is written: each reason is named, and nothing was changed. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { createAccount, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { addOwnParts, auditLog, changeIdentity, generateUserKey } from "../network/identity.ts";
import { createFilled } from "../network/populate.ts";
import { scriptedServer, sendJson } from "../faults/scripted-server.ts";
import { repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp, type Move } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));
const shiftedClock = new URL("../network/shifted-clock.ts", import.meta.url).href;

let count = 0;
async function newAccount(): Promise<Account> {
  count += 1;
  const name = `preflight-${count}`;
  return createFilled(network.a, name, { records: 20, blobs: 2, seed: count });
}

interface Line {
  type: string;
  code: string;
  message: string;
  hint: string;
  exitCode: number;
}

/** Runs a move with JSON; the warnings, and the error if it failed. */
async function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; warnings: Line[]; error: Line | undefined }> {
  const { code, stdout, stderr } = await runDecamp([...args, "--json"], { env });
  const lines = (text: string): Line[] =>
    text.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Line] : []));
  const warnings = lines(stdout).filter(({ type }) => type === "warning");
  return { code, warnings, error: lines(stderr).find(({ type }) => type === "error") };
}

async function expectUntouched(account: Account): Promise<void> {
  expect(await auditLog(network.plcUrl, account.did)).toHaveLength(1);
  expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");
  expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("absent");
}

/** Runs decamp with a clock that is so far ahead. */
function clockAhead(milliseconds: number): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import=${shiftedClock}`, DECAMP_TEST_CLOCK: String(milliseconds) };
}

describe("the folder for the archive", () => {
  let account: Account;
  let move: Move;
  beforeAll(async () => {
    account = await newAccount();
    move = await prepareMove(network, account, network.b);
  });

  test("that holds something else is refused, and stays as it is", async () => {
    const folder = path.join(move.folder, "documents");
    await mkdir(folder);
    await writeFile(path.join(folder, "letter.txt"), "Dear all");
    await writeFile(path.join(folder, "film.mkv.part"), "9 GB of 10");
    const { code, error } = await run([...move.args, "--archive", folder]);
    expect(error).toMatchObject({ code: "usage", exitCode: 2 });
    expect(code).toBe(2);
    expect(error?.message).toContain(folder);
    expect(await readdir(folder)).toEqual(["film.mkv.part", "letter.txt"]);
    await expectUntouched(account);
  });

  test("that is a file is refused", async () => {
    const file = path.join(move.folder, "old");
    expect((await run([...move.args, "--archive", file])).error).toMatchObject({ code: "usage", exitCode: 2 });
    await expectUntouched(account);
  });

  test("that is another account's archive is refused", async () => {
    const other = await newAccount();
    const theirs = await prepareMove(network, other, network.b);
    const folder = path.join(move.folder, "theirs");
    expect((await run([...theirs.args, "--archive", folder, "--until", "export"])).code).toBe(0);
    const { error } = await run([...move.args, "--archive", folder]);
    expect(error).toMatchObject({ code: "usage", exitCode: 2 });
    expect(error?.message).toContain(other.did);
    await expectUntouched(account);
    // An empty one is as good as none.
    const empty = path.join(move.folder, "empty");
    await mkdir(empty);
    expect((await run([...move.args, "--archive", empty, "--until", "export"])).code).toBe(0);
  });
});

test("the file of a key that is to be put first is looked at before anything is done, in a dry run, too", async () => {
  const account = await newAccount();
  const move = await prepareMove(network, account, network.b);
  const keyFile = path.join(move.folder, "no-key.age");
  for (const more of [[], ["--dry-run"]]) {
    const { error } = await run([...move.args, "--recovery-key", keyFile, ...more]);
    expect(error).toMatchObject({ code: "unreadable-file", exitCode: 2 });
    expect(error?.message).toContain(keyFile);
  }
  // No journal, and no archive.
  expect((await readdir(move.stateDir, { recursive: true })).filter((one) => /journal|archive/.test(one))).toEqual([]);
  await expectUntouched(account);
});

describe("the clock of this machine", () => {
  test.each([60_000, -60_000])("%i milliseconds off is a warning", async (shift) => {
    const account = await newAccount();
    const move = await prepareMove(network, account, network.b);
    const { code, warnings } = await run([...move.args, "--dry-run"], clockAhead(shift));
    expect(code).toBe(0);
    const told = warnings.filter((warning) => warning.code === "clock-skew");
    expect(told).toHaveLength(1);
    expect(told[0]?.message).toContain(shift > 0 ? "60 seconds ahead of" : "60 seconds behind");
  });

  test("six minutes off stops the move, and takes no deadline for granted", async () => {
    const account = await newAccount();
    const move = await prepareMove(network, account, network.b);
    const { code, error } = await run(move.args, clockAhead(360_000));
    expect(error).toMatchObject({ code: "refused", exitCode: 9 });
    expect(code).toBe(9);
    expect(error?.message).toContain("6 minutes ahead of");
    expect(error?.hint).toContain("Set the clock");
    await expectUntouched(account);
  });

  test("is no reason to leave a move unfinished", async () => {
    const account = await newAccount();
    await addOwnParts(network, account); // with a key above the server's, which can undo the move until a certain time
    const move = await prepareMove(network, account, network.b);
    expect((await run([...move.args, "--until", "submit-operation"])).code).toBe(8);
    const status = ["migrate", "status", account.did, "--plc-url", network.plcUrl, "--state-dir", move.stateDir];
    const asked = [...status, "--allow-private-hosts", "--json"];
    expect((await runDecamp(asked)).stdout).toContain("undoUntil");
    expect((await runDecamp(asked, { env: clockAhead(360_000) })).stdout).not.toContain("undoUntil");
    const { code, warnings } = await run(move.args, clockAhead(360_000));
    expect(code).toBe(0);
    expect(warnings.map((warning) => warning.code)).toContain("clock-skew");
    expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("active");
  });
});

test("an old server without a rotation key in the identity cannot sign, which is said before anything is made", async () => {
  const account = await newAccount();
  const key = await generateUserKey();
  await changeIdentity(network, account, () => ({ rotationKeys: [key.didKey] }));
  const move = await prepareMove(network, account, network.b);
  const { error } = await run(move.args);
  expect(error).toMatchObject({ code: "refused", exitCode: 9 });
  expect(error?.message).toContain("rotation key");
  expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("absent");
});

test("an address that was never confirmed is a warning, because the code goes there", async () => {
  const account = await newAccount();
  const move = await prepareMove(network, account, network.b);
  const { warnings } = await run([...move.args, "--until", "sign-in"]);
  const told = warnings.filter((warning) => warning.code === "email-unconfirmed");
  expect(told).toHaveLength(1);
  expect(told[0]?.message).toContain(account.email);
});

test("a handle that somebody else has is refused in a dry run already", async () => {
  const other = await createAccount(network.b, {
    handle: "preflight-taken.b.test",
    email: "taken@new.example.com",
    password: "new-password",
  });
  const account = await newAccount();
  const move = await prepareMove(network, account, network.b, ["--new-handle"]);
  const { error } = await run([...move.args, "--new-handle", other.handle, "--dry-run"]);
  expect(error).toMatchObject({ code: "handle-taken", exitCode: 5 });
  await expectUntouched(account);
});

/** What a dry run says of a relay that answers like this, and how it was asked. @param ofAccount of the account */
async function asRelay(
  answer: object,
  status = 200,
  ofAccount: object = { error: "RepoNotFound" },
): Promise<{ warnings: Line[]; paths: string[] }> {
  await using relay = await scriptedServer(({ url = "" }, response) =>
    url.includes("getRepoStatus")
      ? sendJson(response, "error" in ofAccount ? 400 : 200, ofAccount)
      : sendJson(response, status, answer),
  );
  const account = await newAccount();
  const move = await prepareMove(network, account, network.b);
  const { code, warnings } = await run([...move.args, "--dry-run", "--relay", relay.origin]);
  expect(code).toBe(0);
  const told = warnings.filter((warning) => warning.code.startsWith("relay"));
  return { warnings: told, paths: relay.requests.map((request) => request.path) };
}

describe("the relay", () => {
  test.each([
    ["near its limit", { status: "active", accountCount: 97 }, ["relay-limit"]],
    ["that has throttled the new server", { status: "throttled", accountCount: 100 }, ["relay-status", "relay-limit"]],
    ["with room", { status: "active", accountCount: 12 }, []],
    ["that has raised the limit", { status: "active", accountCount: 250_000 }, []],
    ["that says nothing", {}, []],
  ])("%s", async (_, answer, codes) => {
    const { warnings, paths } = await asRelay({ hostname: "b", seq: 1, ...answer });
    expect(warnings.map((warning) => warning.code)).toEqual(codes);
    expect(paths.toSorted()).toEqual([
      `/xrpc/com.atproto.sync.getHostStatus?hostname=${encodeURIComponent(new URL(network.b.url).host)}`,
      expect.stringMatching(/^\/xrpc\/com\.atproto\.sync\.getRepoStatus\?did=did%3Aplc%3A/),
    ]);
  });

  // The limit holds for accounts that are new to it.
  test.each([
    ["carries", { active: true }, []],
    ["has throttled", { active: false, status: "throttled" }, ["relay-limit", "relay-throttled"]],
  ])("near its limit, that %s the account", async (_, ofAccount, codes) => {
    const near = { hostname: "b", seq: 1, status: "active", accountCount: 97 };
    const { warnings } = await asRelay(near, 200, { did: "did:plc:x", ...ofAccount });
    expect(warnings.map(({ code }) => code).toSorted()).toEqual(codes);
  });

  test("that does not know the new server", async () => {
    const { warnings } = await asRelay({ error: "HostNotFound", message: "host not found" }, 400);
    expect(warnings.map((warning) => warning.code)).toEqual(["relay-unknown"]);
  });

  test("that is broken is no reason for anything", async () => {
    expect((await asRelay({ error: "InternalServerError" }, 500)).warnings).toEqual([]);
  });
});
