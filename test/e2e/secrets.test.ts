/** Every command with secrets that can be recognised; then everything that was written is searched for them. */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { secretKinds } from "../../src/cli/secret-kinds.ts";
import { parsePrivateKey } from "../../src/identity/private-key.ts";
import { encryptText } from "../../src/services/secrets/age-file.ts";
import { createAccount, login, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { auditLog, changeIdentity, generateUserKey, lastOperation } from "../network/identity.ts";
import type { PdsHandle } from "../network/pds.ts";
import { populate } from "../network/populate.ts";
import { runDecamp, type Ended } from "../network/run-decamp.ts";
import { holdLog } from "../json/hold.ts";
import { procedure } from "../network/xrpc.ts";
import { SecretSearch } from "../tools/find-secrets.ts";

vi.setConfig({ maxConcurrency: 2 });

const network = connectNetwork(inject("network"));
const folder = mkdtempSync(path.join(tmpdir(), "decamp-secrets-e2e-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** All that decamp may write to. What it only reads lies in `given`. */
const world = path.join(folder, "world");
const given = path.join(folder, "given");
const children = path.join(folder, "children");
const stateDir = path.join(world, "state");
const archive = path.join(world, "archive");
const log = path.join(world, "log");

const mark = (name: string): string => `${name}-${randomBytes(9).toString("hex")}`;
const key = parsePrivateKey(randomBytes(32).toString("hex"));
const keyHex = randomBytes(32).toString("hex");
const ownKey = parsePrivateKey(keyHex);
const secrets = {
  "old password": mark("old"),
  "new password": mark("new"),
  "wrong password": mark("wrong"),
  "sign-in code": mark("factor"),
  "wrong mailed code": mark("mailed"),
  passphrase: mark("phrase"),
  "wrong passphrase": mark("other"),
  "key in digits": keyHex,
  "the same key in multibase": ownKey.reveal(),
  "another key in multibase": key.reveal(),
};

const search = new SecretSearch();
const written: { where: string; text: string }[] = [];

let source: PdsHandle;
let target: PdsHandle;
beforeAll(async () => {
  for (const name of [given, path.join(world, "tmp"), path.join(world, "home")]) {
    mkdirSync(name, { recursive: true });
  }
  writeFileSync(children, "");
  for (const [name, secret] of Object.entries(secrets)) {
    search.add(name, secret);
  }
  search.add("the bytes of a key", Buffer.from(keyHex, "hex"));
  // Opens more quickly than one that decamp makes.
  writeFileSync(path.join(world, "key.age"), await encryptText(ownKey.reveal(), secrets.passphrase, 8));
  [source, target] = await Promise.all([
    network.addPds({ name: "secrets-old", recorded: true }),
    network.addPds({ name: "secrets-new", recorded: true }),
  ]);
});

let files = 0;
/** A file that only its owner can read, which decamp is told to read. */
function fileWith(text: string): string {
  files += 1;
  const name = path.join(given, `file-${files}`);
  writeFileSync(name, text, { mode: 0o600 });
  return name;
}
const command = (secret: string): string => `cat ${fileWith(secret)}`;

/** Runs decamp in its own world, and keeps what it printed. */
async function decamp(args: readonly string[], env: NodeJS.ProcessEnv = {}, input?: string): Promise<Ended> {
  const globals = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--no-input", "--state-dir", stateDir];
  // A rate that nothing here reaches: how bodies flow with one is tried on the way.
  const ended = await runDecamp([...args, ...globals, "--log-file", log, "--limit-rate", "1G"], {
    cwd: world,
    input,
    env: {
      HOME: path.join(world, "home"),
      TMPDIR: path.join(world, "tmp"),
      XDG_STATE_HOME: undefined,
      // No test may write to a keychain that somebody uses.
      XDG_RUNTIME_DIR: undefined,
      DBUS_SESSION_BUS_ADDRESS: undefined,
      NODE_OPTIONS: `--import=${new URL("../tools/record-children.ts", import.meta.url).href}`,
      CHILDREN_LIST: children,
      ...env,
    },
  });
  const name = args.filter((argument) => !argument.startsWith(folder)).join(" ");
  written.push({ where: `stdout of ${name}`, text: ended.stdout }, { where: `stderr of ${name}`, text: ended.stderr });
  return ended;
}

/** The same, and it has to end with this exit code. */
async function ends(code: number, ...run: Parameters<typeof decamp>): Promise<Ended> {
  const ended = await decamp(...run);
  expect({ args: run[0], ...ended }).toMatchObject({ code });
  return ended;
}

async function newAccount(name: string): Promise<Account> {
  const account = await createAccount(source, {
    handle: `${name}${source.handleDomain}`,
    email: `${name}@old.example.com`,
    password: secrets["old password"],
  });
  await populate(account, { records: 20, blobs: 2, seed: 5 });
  return account;
}

const readMail = fileURLToPath(new URL("../network/read-mail.ts", import.meta.url));
const mailedTo = (email: string, subject = ""): string =>
  `node ${readMail} ${network.controlUrl} ${email} ${Date.now()} ${subject}`;
const yes = (account: Account): string[] => ["--confirm-did", account.did];

/** Everything found: printed, written, or visible to other processes. */
function leaks(): object[] {
  const printed = written.flatMap(({ where, text }) => search.inText(where, text));
  const shown = search.inText("arguments or environment of a child", readFileSync(children));
  return [...printed, ...shown, ...search.inFolder(world)];
}

/** What the servers have given out and were sent: tokens, and codes by mail. */
async function addTokens(): Promise<void> {
  search.add("the admin password of a server", source.adminPassword);
  for (const pds of [source, target]) {
    const { requests, issuedTokens } = await network.recording(pds);
    const sent = requests.flatMap(({ authorization }) => authorization?.replace(/^(?:Bearer|Basic) /, "") ?? []);
    const codes = requests.flatMap(({ body }) => /"token":"([A-Z2-7]{5}-[A-Z2-7]{5})"/.exec(body ?? "")?.[1] ?? []);
    expect(issuedTokens.length).toBeGreaterThan(2);
    expect(codes.length).toBeGreaterThan(0);
    for (const token of new Set([...issuedTokens, ...sent])) {
      search.add("a token of a session or a service", token);
    }
    for (const code of new Set(codes)) {
      search.add("a mailed code", code);
    }
  }
}

test("the search finds a secret in every form, wherever it stands", () => {
  for (const secret of [...Object.values(secrets), Buffer.from(keyHex, "hex")]) {
    for (const before of ["", "a", "ab", "abc"]) {
      const bytes = Buffer.concat([Buffer.from(before), Buffer.from(secret), Buffer.from("behind")]);
      for (const form of [bytes, ...(["hex", "base64", "base64url"] as const).map((name) => bytes.toString(name))]) {
        expect(search.inText("here", form)).not.toEqual([]);
      }
    }
  }
  expect(search.inText("here", Buffer.from("something else").toString("base64"))).toEqual([]);
});

test.concurrent("keys: imported, inspected, with the right and the wrong passphrase", async () => {
  const account = await newAccount("keys");
  const passphrase = ["--passphrase-file", fileWith(`${secrets.passphrase}\n`)];
  await ends(0, ["key", "import", "-", "-o", "imported.age", ...passphrase, "-v"], {}, `${keyHex}\n`);
  const wrong = { DECAMP_PASSPHRASE: secrets["wrong passphrase"] };
  for (const flag of ["-v", "--json"]) {
    await ends(4, ["key", "inspect", "key.age", flag], wrong);
  }
  const right = ["--passphrase-command", command(secrets.passphrase)];
  await ends(0, ["key", "inspect", "key.age", ...right, "--account", account.did, "--json"]);
  await ends(0, ["key", "inspect", "-v"], { PLC_SIGNING_KEY: secrets["another key in multibase"] });
  await ends(2, ["key", "inspect", "-", "-v"], {}, `${secrets["another key in multibase"]}x`);
});

test.concurrent("the identity: a key is added, an operation undone, another signed offline", async () => {
  const account = await newAccount("identity");
  const wrongPassword = ["--password-file", fileWith(secrets["wrong password"])];
  const password = ["--password-command", command(secrets["old password"])];
  const passphrase = ["--passphrase-command", command(secrets.passphrase)];
  const add = ["plc", "add-key", account.did, "key.age", ...passphrase, ...yes(account)];
  await ends(4, [...add, ...wrongPassword, "-v"]);
  await ends(4, [...add, ...password, "--plc-token-file", fileWith(secrets["wrong mailed code"]), "--json"]);
  await ends(0, [...add, ...password, "--plc-token-command", mailedTo(account.email), "-v"]);

  await changeIdentity(network, account, ({ rotationKeys }) => ({ rotationKeys: rotationKeys.slice(1) }));
  const byKey = ["--rotation-key-command", command(keyHex), "--via", "directory"];
  await ends(0, ["plc", "recover", account.did, ...byKey, ...yes(account), "--json"]);
  expect((await lastOperation(network.plcUrl, account.did)).rotationKeys[0]).toBe(ownKey.didKey);

  const spare = await generateUserKey();
  await ends(0, ["plc", "diff", account.did, "--add-rotation-key", spare.didKey, "-o", "operation.json", "-v"]);
  const log = fileWith(JSON.stringify(await auditLog(network.plcUrl, account.did)));
  const sign = ["plc", "sign", "operation.json", "--log", log, "-v"];
  const signed = await ends(0, [...sign, "--rotation-key-file", "key.age", ...passphrase]);
  const submit = ["plc", "submit", account.did, fileWith(signed.stdout), "--via", "directory", ...yes(account)];
  await ends(0, [...submit, "--json"]);
});

/** Every answer that a move needs but the mailed code. */
function moveArgs(account: Account): string[] {
  const name = account.handle.split(".")[0] ?? "";
  const flags: Record<string, string> = {
    "--from": source.url,
    "--to": target.url,
    "--archive": archive,
    "--password-file": fileWith(secrets["old password"]),
    "--auth-factor-command": command(secrets["sign-in code"]),
    "--new-password-command": command(secrets["new password"]),
    "--new-handle": `${name}${target.handleDomain}`,
    "--new-email": `${name}@new.example.com`,
  };
  return ["migrate", account.handle, ...Object.entries(flags).flat(), ...yes(account)];
}

test.concurrent("a move: refused, stopped, resumed, proved; another one cancelled", async () => {
  const account = await newAccount("moving");
  const args = moveArgs(account);
  await ends(4, [...args, "--password-file", fileWith(secrets["wrong password"]), "--json"]);
  await ends(0, [...args, "--until", "request-token", "-v"]);
  await ends(4, [...args, "--json"], { PLC_SIGN_TOKEN: secrets["wrong mailed code"] });
  await ends(0, [...args, "-v", "--plc-token-command", mailedTo(account.email)]);
  await ends(0, ["migrate", "status", account.did, "--json"]);
  const signIn = ["--sign-in", "--password-file"];
  await ends(4, ["doctor", account.did, "-v", "--quick", ...signIn, fileWith(secrets["wrong password"])]);
  await ends(0, ["doctor", account.did, "-v", ...signIn, fileWith(secrets["new password"]), "--report", "report.json"]);
  await ends(0, ["account", "status", account.did, "--json", ...signIn, fileWith(secrets["new password"])]);
  await ends(0, ["verify", archive, "--online", "-v"]);
  expect((await login(target, account.did, secrets["new password"])).did).toBe(account.did);

  const other = await newAccount("staying");
  const begun = [...moveArgs(other).map((argument) => (argument === archive ? `${archive}-2` : argument)), "-v"];
  await ends(0, [...begun, "--until", "compare"]);
  const cancelArgs = ["migrate", "cancel", other.did, ...begun.slice(2)];
  await ends(0, [...cancelArgs, "--delete-token-command", mailedTo("staying@new.example.com", "'Account Deletion'")]);
});

test.concurrent("all accounts of a server, with the wrong and the right password of its operator", async () => {
  const account = await newAccount("resting");
  await procedure(source.url, "com.atproto.server.deactivateAccount", {}, { token: account.accessJwt });
  const all = ["export", "--all", "--pds", source.url, "-o", "all", "--ping-command", "cat /dev/null"];
  await ends(4, [...all, "--admin-password-file", fileWith(secrets["wrong password"]), "-v"]);
  await decamp([...all, "-v"], { DECAMP_ADMIN_PASSWORD: source.adminPassword });
  const right = ["--admin-password-command", command(source.adminPassword), "--include-taken-down", "--json"];
  const { stdout } = await decamp([...all, ...right]);
  expect(stdout).toMatch(new RegExp(`"did":"${account.did}".*"ok":true.*"status":"deactivated"`));
});

/** Every command and group that the help knows, as it is typed. */
async function commandsUnder(typed: readonly string[]): Promise<string[][]> {
  const { stdout } = await runDecamp([...typed, "--help"]);
  const [, list = ""] = stdout.split("\nCommands:\n");
  const names = [...list.matchAll(/^ {2}([a-z-]+)\b/gm)].map(([, name = ""]) => name).filter((name) => name !== "help");
  const below = await Promise.all(names.map(async (name) => commandsUnder([...typed, name])));
  return names.flatMap((name, index) => [[...typed, name], ...(below[index] ?? [])]);
}

test.concurrent("every command there is, with every secret in the environment", async () => {
  const commands = await commandsUnder([]);
  expect(commands.map((typed) => typed.join(" "))).toEqual(
    expect.arrayContaining(["migrate", "migrate cancel", "plc sign", "key generate"]),
  );
  const account = await newAccount("every");
  const values: Record<keyof typeof secretKinds, string> = {
    sourcePassword: secrets["wrong password"],
    authFactor: secrets["sign-in code"],
    targetPassword: secrets["new password"],
    adminPassword: secrets["wrong password"],
    oldPassword: secrets["old password"],
    plcToken: secrets["wrong mailed code"],
    deleteToken: secrets["wrong mailed code"],
    rotationKey: secrets["key in digits"],
    passphrase: secrets.passphrase,
  };
  const env = Object.fromEntries(
    Object.entries(secretKinds).flatMap(([name, { env: names }]) =>
      names.map((variable) => [variable, values[name as keyof typeof values]]),
    ),
  );
  // A new key would go to the keychain of whoever runs this.
  const more: Record<string, string[]> = {
    "key generate": ["-o", "generated.age"],
    "key import": ["-o", "missing/imported.age"],
    "key inspect": ["key.age"],
    "account handle": [`renamed${source.handleDomain}`, "--yes"],
    // It would go on for ever.
    "plc watch": ["--once"],
  };
  const run = async (typed: readonly string[]): Promise<void> => {
    const name = typed.join(" ");
    const account1 = name.startsWith("key ") ? [] : [account.did];
    const second = name === "plc add-key" ? [ownKey.didKey] : [];
    await decamp([...typed, ...account1, ...second, ...(more[name] ?? []), "-v"], {
      ...env,
      DECAMP_SOURCE_PDS: source.url,
      DECAMP_TARGET_PDS: target.url,
    });
  };
  // Two at a time: one is not enough to keep the machine busy.
  const queue = [...commands];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await run(next);
    }
  };
  await Promise.all([worker(), worker()]);
});

test("nothing that was printed, written or shown to other processes gives a secret away", async () => {
  await addTokens();
  expect(leaks()).toEqual([]);
});

test("what was searched is what was written", () => {
  const started = readFileSync(children, "utf8").trim().split("\n");
  expect(started.length).toBeGreaterThan(5);
  expect(started.every((line) => line.includes("cat ") || line.includes("read-mail"))).toBe(true);
  expect(written.map(({ text }) => text).join("\n")).toContain(ownKey.didKey);
  // The search reaches what lies there: a word that is no secret is found in the journal, and in the archive.
  const known = new SecretSearch();
  known.add("a handle", "moving.secrets-old.test");
  const places = known.inFolder(world).map(({ where }) => where);
  expect(places.some((place) => place.startsWith(stateDir))).toBe(true);
  expect(places).toContain(log);
  expect(places.some((place) => place.startsWith(archive))).toBe(true);
});

test("the log has what happened on the way of every move, and is as docs/JSON.md says", () => {
  const lines = holdLog(readFileSync(log, "utf8"));
  const types = new Set(lines.map(({ type }) => type));
  for (const type of ["run", "step", "progress", "plan", "identity", "warning", "request", "error", "result", "end"]) {
    expect([type, types.has(type)]).toEqual([type, true]);
  }
  expect(lines).toContainEqual(expect.objectContaining({ type: "step", id: "submit-operation", state: "done" }));
  expect(lines).toContainEqual(expect.objectContaining({ type: "result", command: "migrate" }));
});
