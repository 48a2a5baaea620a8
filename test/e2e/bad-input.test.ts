/** What people get wrong, and what servers refuse: each has its exit code, says what is wrong, and what to try. */
import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { knownMoves } from "../../src/migration/journal.ts";
import { knownAccounts } from "../../src/services/disk/known-accounts.ts";
import { createAccount, createAppPassword, createInviteCode, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { auditLog } from "../network/identity.ts";
import type { PdsHandle } from "../network/pds.ts";
import { repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp, type Move } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));

let count = 0;
async function newAccount(pds: PdsHandle = network.a): Promise<Account> {
  count += 1;
  const name = `bad-${count}`;
  return createAccount(pds, {
    handle: `${name}${pds.handleDomain}`,
    email: `${name}@old.example.com`,
    password: "old-password",
  });
}

/** What is said, row by row, as a person reads it: `bad-input.txt`. Each row has the name of its test. */
const transcript = new Map(
  readFileSync(new URL("bad-input.txt", import.meta.url), "utf8")
    .split("\n\n")
    .flatMap((entry) => {
      const [name = "", ...lines] = entry.trim().split("\n");
      return name.startsWith("# ") && lines.length > 0 ? [[name.slice(2), lines] as const] : [];
    }),
);
/** Rows that a test has looked at. */
const seen = new Set<string>();

afterAll(() => {
  // Of a run of all tests.
  if (seen.size > 20) {
    expect([...transcript.keys()].filter((name) => !seen.has(name))).toEqual([]);
  }
});

/** An error as it stands in the transcript: servers, accounts and folders have other names in every run. */
function asWritten({ message, hint, exitCode }: Failed, account: Account, args: readonly string[]): string[] {
  const target = args[args.indexOf("--to") + 1] ?? "";
  const plain = (text: string): string =>
    [
      [target, "NEW"],
      [target.replace(/^https?:\/\//, ""), "NEW"],
      [account.pds.url, "OLD"],
      [new URL(account.pds.url).host, "OLD"],
      [account.did, "DID"],
      [account.handle, "HANDLE"],
    ]
      .reduce((now, [from = "", to = ""]) => (from === "" ? now : now.replaceAll(from, to)), text)
      .replaceAll(/bad-[0-9]+/g, "bad-N");
  return [`Error: ${plain(message)}`, `Hint: ${plain(hint)}`, `[exit ${exitCode}]`];
}

interface Failed {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly exitCode: number;
}

/**
 * Runs a move that has to fail, as it is written, and returns its error; the account must be as it was.
 *
 * @param row which row of the transcript it is, if the test has more than one
 */
async function failing(account: Account, args: readonly string[], row = ""): Promise<Failed> {
  const log = await auditLog(network.plcUrl, account.did);
  const { code, stderr } = await runDecamp([...args, "--json"]);
  const line = stderr.trim().split("\n").at(-1) ?? "";
  const error = JSON.parse(line) as Failed & { type: string };
  expect(error.type).toBe("error");
  expect(error.exitCode).toBe(code);
  expect(error.hint).not.toBe("");
  expect(await auditLog(network.plcUrl, account.did)).toEqual(log);
  expect(await repoStatus({ url: account.pds.url, did: account.did })).toBe("active");
  expect(stderr).not.toContain("    at ");
  const name = `${expect.getState().currentTestName ?? ""}${row === "" ? "" : `: ${row}`}`;
  seen.add(name);
  expect({ name, says: asWritten(error, account, args) }).toEqual({ name, says: transcript.get(name) });
  return error;
}

/** The arguments of a move with some flags replaced. */
function withFlags(move: Move, flags: Record<string, string>): string[] {
  const args = [...move.args];
  for (const [flag, value] of Object.entries(flags)) {
    const at = args.indexOf(flag);
    if (at >= 0) {
      args[at + 1] = value;
    } else {
      args.push(flag, value);
    }
  }
  return args;
}

describe("what is typed", () => {
  let account: Account;
  let move: Move;
  beforeAll(async () => {
    account = await newAccount();
    move = await prepareMove(network, account, network.b);
    return async () => move.remove();
  });
  const typed = (name: string): string[] => ["migrate", name, ...move.args.slice(2)];

  test("a handle that leads nowhere", async () => {
    const error = await failing(account, typed("nobody.a.test"));
    expect(error).toMatchObject({ code: "account-not-found", exitCode: 5 });
    expect(error.message).toContain("nobody.a.test");
  });

  test.each(["not a handle", "alice", "alice@", "did:plc:short", "did:key:zQ3sh"])("%j is no account", async (name) => {
    expect(await failing(account, typed(name))).toMatchObject({ code: "invalid-account", exitCode: 2 });
  });

  test.each([
    "pds.example.com",
    "ftp://pds.example.com",
    "https://user:pw@pds.example.com",
    "https://pds.example.com/path",
  ])("%j is no address of a server", async (url) => {
    const error = await failing(account, withFlags(move, { "--to": url }));
    expect(error).toMatchObject({ code: "invalid-url", exitCode: 2 });
    expect(error.message).not.toContain(":pw@");
  });

  test("the target is the source", async () => {
    const error = await failing(account, withFlags(move, { "--to": network.a.url }));
    expect(error).toMatchObject({ code: "same-server", exitCode: 2 });
  });

  test.each(["http://pds.example.com", "https://127.0.0.1", "https://localhost"])(
    "%s without --allow-private-hosts",
    async (url) => {
      const args = withFlags(move, { "--to": url, "--plc-url": "https://plc.directory" });
      const without = args.filter((arg) => arg !== "--allow-private-hosts");
      const error = await failing(account, without);
      expect(error).toMatchObject({ code: "insecure-url", exitCode: 2 });
      expect(error.hint).toContain("--allow-private-hosts");
    },
  );

  test("a handle that the target does not give out", async () => {
    for (const handle of ["a.b.test", "two.labels.b.test", "somewhere.else.test", "not_a_handle"]) {
      const error = await failing(account, withFlags(move, { "--new-handle": handle }), handle);
      expect(error).toMatchObject({ code: "handle-refused", exitCode: 5 });
      expect(error.hint).toContain("--new-handle");
    }
  });

  test("a handle that the target itself refuses", async () => {
    const error = await failing(account, withFlags(move, { "--new-handle": "admin.b.test" }));
    expect(error).toMatchObject({ exitCode: 5 });
    expect(["handle-refused", "handle-taken"]).toContain(error.code);
    expect(error.hint).toContain("--new-handle");
    // It is nobody's, and offered nowhere; the next run asks for another one.
    const { did, handle } = account;
    expect(knownAccounts(move.stateDir)).toEqual({ handles: [handle], dids: [did] });
    expect((await knownMoves(move.stateDir)).moves).toMatchObject([{ did, handle }]);
    expect((await knownMoves(move.stateDir)).moves).not.toMatchObject([{ newHandle: "admin.b.test" }]);
    const at = move.args.indexOf("--new-handle");
    const without = await failing(account, move.args.toSpliced(at, 2), "and then none");
    expect(without).toMatchObject({ code: "input-needed", exitCode: 7 });
  });
});

describe("passwords", () => {
  test("the wrong one", async () => {
    const account = await newAccount();
    const move = await prepareMove(network, account, network.b);
    await writeFile(path.join(move.folder, "old"), "not-the-password\n");
    expect(await failing(account, move.args)).toMatchObject({ code: "auth-refused", exitCode: 4 });
    expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("absent");
    await move.remove();
  });

  test.each([false, true])("an app password (privileged: %s)", async (privileged) => {
    const account = await newAccount();
    const move = await prepareMove(network, account, network.b);
    await writeFile(path.join(move.folder, "old"), `${await createAppPassword(account, privileged)}\n`);
    const error = await failing(account, move.args);
    expect(error).toMatchObject({ code: "app-password", exitCode: 4 });
    expect(error.hint).toContain("own password");
    expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("absent");
    await move.remove();
  });
});

describe("what the target refuses", () => {
  test("no invite code, and a wrong one", async () => {
    const target = await network.addPds({ name: "invites", inviteRequired: true });
    const account = await newAccount();
    const move = await prepareMove(network, account, target);
    const error = await failing(account, move.args);
    expect(error).toMatchObject({ code: "input-needed", exitCode: 7 });
    expect(error.hint).toContain("--invite-code");
    expect(await failing(account, [...move.args, "--invite-code", "not-a-code"], "a wrong one")).toMatchObject({
      code: "invite-refused",
      exitCode: 5,
    });
    // With one that is good it goes on.
    expect((await runDecamp([...move.args, "--invite-code", await createInviteCode(target)])).code).toBe(0);
    expect(await repoStatus({ url: target.url, did: account.did })).toBe("active");
    await move.remove();
  });

  test("a handle that is taken", async () => {
    const other = await newAccount(network.b);
    const account = await newAccount();
    const move = await prepareMove(network, account, network.b);
    const error = await failing(account, withFlags(move, { "--new-handle": other.handle }));
    expect(error).toMatchObject({ code: "handle-taken", exitCode: 5 });
    expect(error.hint).toContain("--new-handle");
    // Nothing is lost: with another handle it goes on.
    expect((await runDecamp(withFlags(move, { "--new-handle": "bad-free.b.test" }))).code).toBe(0);
    expect((await knownMoves(move.stateDir)).moves).toMatchObject([{ newHandle: "bad-free.b.test" }]);
    expect(knownAccounts(move.stateDir).handles).toEqual([account.handle, "bad-free.b.test"].toSorted());
    await move.remove();
  });

  test("an e-mail address that is taken", async () => {
    const other = await newAccount(network.b);
    const account = await newAccount();
    const move = await prepareMove(network, account, network.b);
    const error = await failing(account, withFlags(move, { "--new-email": other.email }));
    expect(error).toMatchObject({ code: "email-taken", exitCode: 5 });
    expect(error.hint).toContain("--new-email");
    await move.remove();
  });

  test("a target that is down", async () => {
    const target = await network.addPds({ name: "down" });
    await network.stopPds(target);
    const account = await newAccount();
    const move = await prepareMove(network, account, target);
    const error = await failing(account, move.args);
    expect(error).toMatchObject({ code: "unreachable", exitCode: 5 });
    expect(error.message).toContain(new URL(target.url).host);
    // When it is back, the same command moves.
    await network.startPds(target);
    expect((await runDecamp(move.args)).code).toBe(0);
    await move.remove();
  });
});

describe("the mailed code", () => {
  test("a wrong one ends the run, and the next run goes on with the right one", async () => {
    const account = await newAccount();
    const move = await prepareMove(network, account, network.b);
    const code = path.join(move.folder, "code");
    await writeFile(code, "AAAAA-AAAAA\n");
    const index = move.args.indexOf("--plc-token-command");
    const args = [...move.args.slice(0, index), "--plc-token-file", code, ...move.args.slice(index + 2)];
    expect(await failing(account, args)).toMatchObject({ code: "plc-token-refused", exitCode: 4 });
    expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("deactivated");
    await rm(code);
    expect((await runDecamp(move.args)).code).toBe(0);
    expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("active");
    await move.remove();
  });
});

describe("without a terminal, a missing answer names the flag", () => {
  test.each([
    ["--password-file", "--password-file"],
    ["--new-password-file", "--new-password-file"],
    ["--new-handle", "--new-handle"],
    ["--plc-token-command", "--plc-token-file"],
    ["--confirm-did", "--confirm-did"],
  ])("%s", async (leftOut, named) => {
    const account = await newAccount();
    const move = await prepareMove(network, account, network.b, [leftOut]);
    const error = await failing(account, move.args);
    expect(error).toMatchObject({ code: "input-needed", exitCode: 7 });
    expect(error.hint).toContain(named);
    await move.remove();
  });

  test("the wrong DID is no yes", async () => {
    const account = await newAccount();
    const move = await prepareMove(network, account, network.b);
    const args = withFlags(move, { "--confirm-did": "did:plc:ewvi7nxzyoun6zhxrhs64oiz" });
    expect(await failing(account, args)).toMatchObject({ code: "refused", exitCode: 9 });
    await move.remove();
  });
});
