/** What is said when servers refuse, or do not answer: what was seen and sent, and nothing that nobody can know. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, inject, test, vi } from "vitest";
import { createAccount, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { addOwnParts, changeIdentity, generateUserKey, lastOperation } from "../network/identity.ts";
import type { PdsHandle } from "../network/pds.ts";
import { prepareMove, runDecamp, startDecamp, type Ended } from "../network/run-decamp.ts";
import { procedure } from "../network/xrpc.ts";
import { drop, loseAnswer, refuse, status } from "./faults.ts";
import { openLane } from "./lane.ts";
import { startProxy, type Fault, type Proxy } from "./proxy.ts";

// No more at once: every run has deadlines, and here they pass ten times as fast.
vi.setConfig({ testTimeout: 300_000, maxConcurrency: 2 });

const network = connectNetwork(inject("network"));
const preload = new URL("hurry.ts", import.meta.url);
const folder = mkdtempSync(path.join(tmpdir(), "decamp-claims-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function fileWith(text: string): string {
  files += 1;
  const name = path.join(folder, `file-${files}`);
  writeFileSync(name, text, { mode: 0o600 });
  return name;
}

/** A command line without white space in its arguments. */
function words(...parts: string[]): string[] {
  return parts.join(" ").split(" ");
}

interface Said {
  code: string;
  message: string;
  hint: string;
  data: Record<string, unknown>;
}

/** The error that a run with --json ended with; none if it went well. */
function said({ stderr }: Ended): Partial<Said> {
  const line = stderr
    .split("\n")
    .filter((text) => text.startsWith("{"))
    .map((text) => JSON.parse(text) as { type: string })
    .findLast(({ type }) => type === "error");
  return (line ?? {}) as Partial<Said>;
}

/** Sentences that only hold as long as nothing was sent. */
const unchanged = /nothing (was|is|has been)|unchanged|not (been )?changed|still on your|as before/i;

/** What a run has to say that has sent an operation, and does not know what became of it. */
function expectSent(name: string, { code, message = "", hint = "", data = {} }: Partial<Said>, expected: string): void {
  const claims = unchanged.exec(`${message} ${hint}`)?.[0];
  expect({ name, code, claims, identity: data["identity"] }).toEqual({
    name,
    code: expected,
    claims: undefined,
    identity: "sent",
  });
  expect(hint).toContain("decamp plc history");
}

/** Runs decamp, and stops it when it sends what the proxy has a `kind` for; that gets no answer. */
async function interruptedAt(proxy: Proxy, kind: string, args: readonly string[]): Promise<Ended> {
  const rule = proxy.when({ kind }, () => {
    run.child.kill("SIGINT");
  });
  const run = startDecamp(args, { preload });
  const ended = await run.ended;
  expect(rule.hits).toHaveLength(1);
  proxy.behave();
  return ended;
}

const submissions: [string, Fault, string][] = [
  ["it never gets there", drop(), "unreachable"],
  ["it is refused", refuse(400, "InvalidRequest", "No."), "server-refused"],
  ["it is taken, and the log never has it", status(200), "refused"],
  ["the server stumbles", status(503), "bad-answer"],
];

test.concurrent("no error after the operation was sent says that nothing was changed: migrate", async () => {
  await using lane = await openLane(network, "sends");
  const { source, target, directory } = lane.proxies;
  const { move, flaws } = await lane.newSubject({ blobs: 2 });
  const args = [...move.args, "--json"];
  const kind = "com.atproto.identity.submitPlcOperation";
  expect((await runDecamp([...args, "--until", "sign-operation"], { preload })).code).toBe(0);
  // The others are tried below, where a run is short.
  for (const [name, fault, code] of submissions.slice(0, 2)) {
    const rule = target.when({ kind }, fault);
    expectSent(name, said(await runDecamp(args, { preload })), code);
    expect(rule.hits.length).toBeGreaterThan(0);
    target.behave();
  }

  expectSent("it is interrupted", said(await interruptedAt(target, kind, args)), "interrupted");

  // The last: now the log has it, and decamp is not told.
  target.when({ kind }, async (exchange) => {
    directory.when({ kind: "DID/log/audit" }, refuse(500, "InternalServerError"));
    await loseAnswer()(exchange);
  });
  expectSent("the log cannot be read afterwards", said(await runDecamp(args, { preload })), "server-refused");
  for (const proxy of [source, target, directory]) {
    proxy.behave();
  }
  expect(said(await runDecamp(args))).toEqual({});
  expect(await flaws()).toEqual([]);
  await move.remove();
});

test.concurrent("no error after the operation was sent says that nothing was changed: plc commands", async () => {
  const directory = await startProxy({ targetPort: Number(new URL(network.plcUrl).port) });
  const account = await newAccount(network.a, "claims-plc");
  const held = await addOwnParts(network, account);
  const fresh = await generateUserKey();
  const key = fileWith(fresh.privateKeyHex);
  const plc = (did: string): string[] =>
    words(
      `plc add-key ${account.did} ${key} --rotation-key-file ${fileWith(held.privateKeyHex)} --via directory`,
      `--plc-url ${directory.url} --state-dir ${path.join(folder, "plc")} --confirm-did ${did}`,
      "--allow-private-hosts --no-input --json",
    );

  const unconfirmed = said(await runDecamp(plc("did:plc:another")));
  expect(unconfirmed).toMatchObject({ code: "refused", data: { identity: "unchanged" } });
  expect(unconfirmed.hint).toMatch(/^Nothing was sent/);

  const kind = "POST DID";
  for (const [name, fault, code] of submissions) {
    directory.when({ kind }, fault);
    const expected = code === "bad-answer" ? "server-refused" : code;
    expectSent(name, said(await runDecamp(plc(account.did), { preload })), expected);
    directory.behave();
  }

  expectSent("it is interrupted", said(await interruptedAt(directory, kind, plc(account.did))), "interrupted");

  directory.when({ kind }, async (exchange) => {
    directory.when({ kind: "DID/log/audit" }, refuse(500, "InternalServerError"));
    await loseAnswer()(exchange);
  });
  const unread = said(await runDecamp(plc(account.did), { preload }));
  expectSent("the log cannot be read afterwards", unread, "server-refused");
  expect((await lastOperation(network.plcUrl, account.did)).rotationKeys[0]).toBe(fresh.didKey);
  await directory.stop();
});

test.concurrent("a blob is gone only where the old server says so; all else could not be had", async () => {
  await using lane = await openLane(network, "blobs");
  const { source } = lane.proxies;
  const { move, changes } = await lane.newSubject({ blobs: 4 });
  const args = [...move.args, "--json", "--until", "export"];
  const kind = "com.atproto.sync.getBlob";
  const failed = refuse(403, "Forbidden", "Blob not found");

  source.when({ kind }, refuse(404, "BlobNotFound", "No such blob."));
  const gone = said(await runDecamp(args, { preload }));
  expect(gone).toMatchObject({ code: "incomplete" });
  expect(gone.message).toMatch(/^Your old server no longer has 4 of the blobs/);
  expect(gone.data?.["gone"]).toEqual(gone.data?.["missing"]);

  for (const fault of [failed, status(404)]) {
    source.behave();
    source.when({ kind }, fault);
    const { code, message = "", data } = said(await runDecamp(args, { preload }));
    expect(code).toBe("incomplete");
    expect(message).toMatch(/^4 of the blobs that records need could not be had from .* answered /);
    expect(message).not.toContain("no longer");
    expect(data?.["gone"]).toEqual([]);
  }

  source.behave();
  source.when({ kind }, failed);
  source.when({ kind, times: 1 }, refuse(400, "InvalidRequest", "Blob not found"));
  const { message, data } = said(await runDecamp(args, { preload }));
  expect(message).toMatch(/^3 of the blobs that records need could not be had .* no longer has 1 more: /);
  expect(data).toMatchObject({ gone: { length: 1 }, missing: { length: 4 } });
  expect(await changes()).toEqual([]);
  await move.remove();
});

async function newAccount(pds: PdsHandle, name: string): Promise<Account> {
  const handle = `${name}${pds.handleDomain}`;
  return createAccount(pds, { handle, email: `${name}@old.example.com`, password: "the-password" });
}

test.concurrent(
  "at sign-in: the password, the account, its state, and a server without passwords are told apart",
  async () => {
    await using lane = await openLane(network, "signin");
    const { proxies, target } = lane;
    const account = await newAccount(target, "here");
    const key = fileWith((await generateUserKey()).privateKeyHex);
    const signIn = async ({ did }: Account, password: string): Promise<Partial<Said>> =>
      said(
        await runDecamp(
          words(
            `plc add-key ${did} ${key} --from ${target.publicUrl} --password-file ${fileWith(password)}`,
            `--plc-token-file ${fileWith("AAAAA-AAAAA")}`,
            `--plc-url ${network.plcUrl} --state-dir ${path.join(folder, "in")} --confirm-did ${did}`,
            "--allow-private-hosts --no-input --json",
          ),
        ),
      );
    const { host } = new URL(target.url);

    const password = await signIn(account, "not-the-password");
    expect(password).toMatchObject({ code: "auth-refused", exitCode: 4 });
    expect(password.message).toContain("Invalid identifier or password");

    const elsewhere = await newAccount(network.a, "claims-gone");
    await changeIdentity(network, elsewhere, ({ services, ...last }) => ({
      ...last,
      services: { ...services, atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: target.publicUrl } },
    }));
    const absent = await signIn(elsewhere, "the-password");
    expect(absent).toMatchObject({ code: "account-not-found", exitCode: 5, data: { host, did: elsewhere.did } });
    expect(absent.message).toContain("says that it does not have the account");

    const authorization = `Basic ${Buffer.from(`admin:${target.adminPassword}`).toString("base64")}`;
    const subject = { $type: "com.atproto.admin.defs#repoRef", did: account.did };
    const takedown = { applied: true, ref: "a test" };
    const setStatus = { subject, takedown };
    await procedure(target.url, "com.atproto.admin.updateSubjectStatus", setStatus, { headers: { authorization } });
    const taken = await signIn(account, "the-password");
    expect(taken).toMatchObject({ code: "account-unavailable", exitCode: 5, data: { state: "AccountTakedown" } });

    const without: [Fault, RegExp][] = [
      [refuse(501, "MethodNotImplemented", "Method Not Implemented"), /has no sign-in with a password/],
      [status(404, { "content-type": "text/html" }, "<h1>Not found</h1>"), /has no sign-in with a password/],
      [refuse(401, "LegacyLoginBlocked", "Use your passkey."), /takes no password for this account: Use your passkey/],
    ];
    for (const [fault, message] of without) {
      proxies.target.when({ kind: "com.atproto.server.createSession" }, fault);
      const refused = await signIn(account, "the-password");
      expect(refused).toMatchObject({
        code: "unsupported",
        exitCode: 2,
        message: expect.stringMatching(message) as string,
      });
      proxies.target.behave();
    }
    // A server that says nothing in words, and one that hides who has an account.
    proxies.target.when({ kind: "com.atproto.server.createSession" }, status(401));
    proxies.target.when({ kind: "com.atproto.sync.getRepoStatus" }, refuse(500, "InternalServerError"));
    expect(await signIn(account, "the-password")).toMatchObject({
      code: "auth-refused",
      message: `${host} refuses the sign-in: it answered 401.`,
    });
  },
);

test.concurrent("an account that the new server neither makes nor has is said to be that", async () => {
  await using lane = await openLane(network, "orphan");
  const account = await newAccount(network.a, "orphaned");
  const move = await prepareMove(network, account, lane.target);
  lane.proxies.target.when(
    { kind: "com.atproto.server.createAccount" },
    refuse(400, "AlreadyExists", "Repo already exists"),
  );
  const left = said(await runDecamp([...move.args, "--json"]));
  expect(left).toMatchObject({ code: "account-unavailable", data: { did: account.did } });
  expect(left.message).toMatch(/does not make the account .* exists already, and yet says that it does not have it/);
  lane.proxies.target.behave();
  expect((await runDecamp(move.args)).code).toBe(0);
  await move.remove();
});
