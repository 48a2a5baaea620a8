/** `--freeze`, `migrate status` and `migrate cancel` against the real servers. */
import { writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import path from "node:path";
import { expect, inject, test } from "vitest";
import { Http, Pds } from "../../src/index.ts";
import { login, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { auditLog } from "../network/identity.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp, type Move } from "../network/run-decamp.ts";
import { procedure } from "../network/xrpc.ts";

const network = connectNetwork(inject("network"));

async function filled(name: string): Promise<Account> {
  return createFilled(network.a, name, { records: 30, blobs: 4, seed: 31 });
}

interface Status {
  livesAt: string;
  moves: { phase: string; reversible: boolean; frozen: boolean; undoUntil?: string }[];
}

async function status(move: Move, account: Account): Promise<Status> {
  const args = ["migrate", "status", account.did, "--plc-url", network.plcUrl, "--allow-private-hosts"];
  const { code, stdout, stderr } = await runDecamp([...args, "--state-dir", move.stateDir, "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Status;
}

/** The command that cancels a move, with every answer. */
function cancelArgs(move: Move, account: Account): string[] {
  const readMail = move.args[move.args.indexOf("--plc-token-command") + 1] ?? "";
  const command = readMail.replace(account.email, move.newEmail).concat(" 'Account Deletion'");
  const rest = move.args.slice(2);
  return ["migrate", "cancel", account.did, ...rest, "--delete-token-command", command];
}

test("a frozen move shows where it stands, is cancelled, and everything is as it was", async () => {
  const account = await filled("frozen");
  const before = await lookBefore(network.plcUrl, account);
  const move = await prepareMove(network, account, network.b);
  expect(await status(move, account)).toMatchObject({ livesAt: network.a.url, moves: [] });

  expect((await runDecamp([...move.args, "--freeze", "--until", "compare"])).code).toBe(8);
  expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("deactivated");
  expect(await status(move, account)).toMatchObject({
    livesAt: network.a.url,
    moves: [{ phase: "in-progress", reversible: true, frozen: true }],
  });
  // Nothing can be written meanwhile.
  const write = procedure(
    network.a.url,
    "com.atproto.repo.createRecord",
    {
      repo: account.did,
      collection: "app.bsky.feed.post",
      record: { $type: "app.bsky.feed.post", text: "Too late.", createdAt: new Date().toISOString() },
    },
    { token: account.accessJwt },
  );
  await expect(write).rejects.toThrow("AccountDeactivated");

  const { code, stdout, stderr } = await runDecamp([...cancelArgs(move, account), "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ targetAccount: "deleted", reactivated: true });
  expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");
  expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("absent");
  const again = await login(network.a, account.handle, account.password);
  expect(await lookBefore(network.plcUrl, again)).toMatchObject({
    head: before.head,
    log: before.log,
    records: before.records,
    blobs: before.blobs,
  });

  // And the same move can begin anew, and end.
  expect((await runDecamp([...move.args, "--freeze"])).code).toBe(0);
  const checks = await proveMove(network.plcUrl, before, network.b, {
    handle: move.newHandle,
    password: move.newPassword,
  });
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  await move.remove();
});

test("after the point of no return nothing is cancelled, and it is said what there is instead", async () => {
  const account = await filled("too-late");
  const move = await prepareMove(network, account, network.b);
  expect((await runDecamp([...move.args, "--until", "submit-operation"])).code).toBe(8);
  const log = await auditLog(network.plcUrl, account.did);
  expect(await status(move, account)).toMatchObject({
    livesAt: network.b.url,
    state: "switched",
    dark: true,
    moves: [{ phase: "identity-moved", reversible: false }],
  });

  const { code, stderr } = await runDecamp([...cancelArgs(move, account), "--json"]);
  expect(code).toBe(9);
  // The account has no key of its own, so nothing is said of a way back.
  expect(JSON.parse(stderr)).toMatchObject({
    code: "refused",
    hint: expect.stringMatching(/Go on with the move.*no rotation key of yours/) as string,
    data: { state: "switched", identity: "changed" },
  });
  expect(await auditLog(network.plcUrl, account.did)).toEqual(log);
  expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("deactivated");

  expect((await runDecamp(move.args)).code).toBe(0);
  expect(await status(move, account)).toMatchObject({ livesAt: network.b.url, moves: [{ phase: "done" }] });

  // Once it is finished, there is nothing to go on with either.
  const finished = await runDecamp([...cancelArgs(move, account), "--json"]);
  expect(finished.code).toBe(9);
  const { message, hint, data } = JSON.parse(finished.stderr) as { message: string; hint: string; data: object };
  expect(message).toContain("is finished");
  expect(hint).toContain(`names ${network.b.url} since ${log.at(-1)?.createdAt ?? "never"}.`);
  expect(hint).toMatch(/\n {2}decamp migrate status did:plc:\S+ .*--state-dir/);
  expect(hint).not.toMatch(/unchanged|[Gg]o on/);
  expect(data).toMatchObject({ state: "moved", identity: "changed", undoKeys: [] });
  await move.remove();
});

test("a code that is refused ends with 4, like every answer that a server does not believe", async () => {
  const account = await filled("refused");
  const move = await prepareMove(network, account, network.b);
  expect((await runDecamp([...move.args, "--until", "compare"])).code).toBe(0);
  const args = cancelArgs(move, account);
  const code = path.join(move.folder, "code");
  const withFile = [...args.slice(0, args.indexOf("--delete-token-command")), "--delete-token-file", code, "--json"];
  await writeFile(code, "AAAAA-AAAAA\n");
  const wrong = await runDecamp(withFile);
  expect(wrong.code).toBe(4);
  expect(JSON.parse(wrong.stderr)).toMatchObject({
    code: "plc-token-refused",
    message: "The mailed code is not the right one.",
    hint: expect.stringContaining("Run the same command again") as string,
    data: { identity: "unchanged" },
  });
  expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("deactivated");

  // The right one, twenty minutes old: it is good for fifteen. And the right one with another password.
  const http = new Http({ allowPrivateHosts: true, userAgent: "a-test/1.0" });
  const pds = new Pds(http, network.b.url);
  const { signal } = new AbortController();
  const { did } = account;
  const { token = "" } = await network.waitForMail({ to: move.newEmail, subject: "Account Deletion", after: 0 });
  await expect(pds.deleteAccount({ did, password: "another", token }, signal)).rejects.toMatchObject({
    code: "auth-refused",
    exitCode: 4,
  });
  const database = new DatabaseSync(path.join(network.b.dataDirectory, "account.sqlite"));
  const past = new Date(Date.now() - 20 * 60_000).toISOString();
  expect(database.prepare("update email_token set requestedAt = ? where did = ?").run(past, did).changes).toBe(1);
  database.close();
  await expect(pds.deleteAccount({ did, password: move.newPassword, token }, signal)).rejects.toMatchObject({
    code: "plc-token-refused",
    message: "The mailed code has expired.",
  });
  http.close();

  expect((await runDecamp(args)).code).toBe(0);
  expect(await repoStatus({ url: network.b.url, did })).toBe("absent");
  await move.remove();
});

test("nothing to cancel", async () => {
  const account = await filled("nothing");
  const move = await prepareMove(network, account, network.b, ["--to"]);
  const args = ["migrate", "cancel", account.did, ...move.args.slice(2), "--json"];
  const unknown = await runDecamp(args);
  expect(unknown.code).toBe(2);
  expect(JSON.parse(unknown.stderr)).toMatchObject({ hint: expect.stringContaining("--to") as string });

  const named = await runDecamp([...args, "--to", network.b.url]);
  expect(named.code).toBe(0);
  expect(JSON.parse(named.stdout)).toMatchObject({ targetAccount: "absent", reactivated: false });
  await move.remove();
});
