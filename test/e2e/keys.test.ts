/**
 * Whose keys stay when an account changes its server: said, or refused, before anything is made and before a code is
 * mailed.
 */
import { rmSync } from "node:fs";
import path from "node:path";
import { Secp256k1Keypair } from "@atproto/crypto";
import { describe, expect, inject, test } from "vitest";
import { changedJson, refuse, status } from "../faults/faults.ts";
import { openLane } from "../faults/lane.ts";
import { startProxy, type Fault, type Proxy } from "../faults/proxy.ts";
import { createAccount, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { addOwnParts, auditLog, changeIdentity, generateUserKey, lastOperation } from "../network/identity.ts";
import { repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp, type Move } from "../network/run-decamp.ts";
import type { PdsHandle } from "../network/pds.ts";

const network = connectNetwork(inject("network"));
const stranger = (await Secp256k1Keypair.create()).did();
const credentials = "com.atproto.identity.getRecommendedDidCredentials";
const codes = "com.atproto.identity.requestPlcOperationSignature";

interface Line {
  readonly type: string;
  readonly [field: string]: unknown;
}

interface KeyLine {
  readonly key: string;
  readonly owner: string;
  readonly change: string;
  readonly rank?: number;
}

/** Runs it with JSON: the exit code, the lines, and the error if there is one. */
async function run(args: readonly string[]): Promise<{ code: number | null; lines: Line[]; error: Line | undefined }> {
  const { code, stdout, stderr } = await runDecamp([...args, "--json"]);
  const read = (text: string): Line[] =>
    text.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Line] : []));
  return { code, lines: read(stdout), error: read(stderr).find(({ type }) => type === "error") };
}

/** The keys as the last change was shown. */
function shownKeys(lines: readonly Line[]): readonly KeyLine[] {
  const shown = lines.findLast(({ type }) => type === "identity") as { facts?: { keys: KeyLine[] } } | undefined;
  return shown?.facts?.keys ?? [];
}

/** An account at a server, and the move that takes it to `b` through a proxy before its server. */
async function setOut(pds: PdsHandle, name: string): Promise<{ account: Account; proxy: Proxy; move: Move }> {
  const account = await createAccount(pds, {
    handle: `${name}${pds.handleDomain}`,
    email: `${name}@old.example.com`,
    password: "the-password",
  });
  const proxy = await startProxy({ targetPort: pds.port });
  const move = await prepareMove(network, { ...account, pds: { ...pds, url: proxy.url } }, network.b);
  return { account, proxy, move };
}

const requests = (proxy: Proxy, kind: string): number =>
  proxy.recording.requests.filter((request) => request.kind === kind).length;

const names = (...rotationKeys: readonly string[]): Fault => changedJson((answer) => ({ ...answer, rotationKeys }));

describe("an old server that does not say which keys are its own", () => {
  test.each<[string, string, Fault]>([
    ["refuses", "keys-404", refuse(404, "MethodNotImplemented")],
    ["answers nonsense", "keys-null", status(200, { "content-type": "application/json" }, "null")],
    ["names another key", "keys-other", names(stranger)],
  ])("%s: the move stops before anything is made", async (_, name, fault) => {
    const { account, proxy, move } = await setOut(network.a, name);
    const [key = ""] = (await lastOperation(network.plcUrl, account.did)).rotationKeys;
    proxy.when({ kind: credentials }, fault);
    const { code, error } = await run(move.args);
    expect({ code, error }).toMatchObject({
      code: 9,
      error: { code: "refused", data: { reason: "keys-in-doubt", rotationKeys: [key] } },
    });
    expect(error?.["hint"]).toContain(`--accept-key ${key}`);
    expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("absent");
    expect(requests(proxy, codes)).toBe(0);
    expect(await auditLog(network.plcUrl, account.did)).toHaveLength(1);
    await proxy.stop();
    await move.remove();
  });

  test("a key that is accepted by name stays, is shown with its rank, and is not counted on", async () => {
    const { account, proxy, move } = await setOut(network.a, "keys-accepted");
    const [key = ""] = (await lastOperation(network.plcUrl, account.did)).rotationKeys;
    proxy.when({ kind: credentials }, refuse(404, "MethodNotImplemented"));
    const { code, lines } = await run([...move.args, "--accept-key", key]);
    expect(code).toBe(0);
    expect(shownKeys(lines).find((shown) => shown.key === key)).toMatchObject({
      owner: "unknown",
      change: "stays",
      rank: 0,
      outranksServer: true,
    });
    const result = lines.at(-1);
    expect(result).toMatchObject({ type: "result", state: "moved", undoKeys: [] });
    expect(result).not.toHaveProperty("recoverableUntil");
    expect((await lastOperation(network.plcUrl, account.did)).rotationKeys[0]).toBe(key);
    await proxy.stop();
    await move.remove();
  });
});

test("a server with two keys that names one: hiding the one that signs stops the move, the other is named", async () => {
  const recovery = (await Secp256k1Keypair.create()).did();
  const pds = await network.addPds({ name: "twokeys", env: { recoveryDidKey: recovery } });
  const { account, proxy, move } = await setOut(pds, "keys-two");
  const [first, working = ""] = (await lastOperation(network.plcUrl, account.did)).rotationKeys;
  expect(first).toBe(recovery);
  const through = [...move.args, "--until", "request-token"];

  proxy.when({ kind: credentials }, names(recovery));
  const hidden = await run(through);
  expect(hidden.error).toMatchObject({ code: "refused", data: { rotationKeys: [working] } });
  expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("absent");

  proxy.behave();
  proxy.when({ kind: credentials }, names(working));
  const shown = await run(through);
  expect(shown.code).toBe(0);
  expect(shownKeys(shown.lines).find(({ key }) => key === recovery)).toMatchObject({
    owner: "unknown",
    change: "stays",
    rank: 0,
    outranksServer: true,
  });

  // What cannot be seen in the log is seen when the server signs: with a key that it never named.
  const endpoints = ["https://elsewhere.example.com", pds.publicUrl];
  for (const endpoint of endpoints) {
    await changeIdentity(network, account, ({ services }) => ({
      services: { ...services, atproto_pds: { type: "AtprotoPersonalDataServer", endpoint } },
    }));
  }
  const before = await auditLog(network.plcUrl, account.did);
  proxy.behave();
  proxy.when({ kind: credentials }, names(recovery));
  const signed = await run(move.args);
  expect(signed.error).toMatchObject({ code: "refused", data: { reason: "keys-in-doubt", rotationKeys: [working] } });
  expect(await auditLog(network.plcUrl, account.did)).toEqual(before);

  // With the whole truth the same command moves it, and both keys leave.
  proxy.behave();
  const moved = await run(move.args);
  expect(moved.code).toBe(0);
  expect(shownKeys(moved.lines).map(({ key, owner, change }) => [key, owner, change])).toEqual([
    [recovery, "old-server", "leaves"],
    [working, "old-server", "leaves"],
    [expect.any(String), "new-server", "comes"],
  ]);
  expect(moved.lines.at(-1)).toMatchObject({ undoKeys: [] });
  await proxy.stop();
  await move.remove();
  await network.stopPds(pds);
});

test("with a key of one's own first the usual command moves, and says with which key that can be undone", async () => {
  const { account, proxy, move } = await setOut(network.a, "keys-own");
  const { didKey } = await addOwnParts(network, account);
  const { code, stdout, stderr } = await runDecamp(move.args);
  expect(code).toBe(0);
  const sentences = [
    `${account.handle} moves from ${network.a.url} to ${network.b.url}.`,
    `Its handle becomes ${move.newHandle}.`,
    `A rotation key stays, at rank 1 of 2: ${didKey}. It once came by itself`,
    "The identity changes like this:",
  ].map((sentence) => stderr.indexOf(sentence));
  expect(sentences.every((place, index) => place > (sentences[index - 1] ?? -1))).toBe(true);
  const again = `decamp plc undo ${account.did} --rotation-key-file FILE --plc-url ${network.plcUrl} --allow-private-hosts`;
  expect(stdout).toMatch(
    new RegExp(`^Until \\S+ \\S+ \\(UTC[^)]*\\) it can be undone with ${didKey}: ${again} --state-dir`, "m"),
  );
  await proxy.stop();
  await move.remove();
});

describe("a new server that recommends what is not its own", () => {
  test.each<[string, string, (account: Account) => Promise<Fault>, RegExp]>([
    [
      "the old server's signing key",
      "oldkey",
      async ({ did }) => {
        const { verificationMethods } = await lastOperation(network.plcUrl, did);
        return changedJson((answer) => ({ ...answer, verificationMethods }));
      },
      /recommends the signing key that the identity had at/,
    ],
    [
      "an alias of another handle",
      "oldalias",
      () => Promise.resolve(changedJson((answer) => ({ ...answer, alsoKnownAs: ["at://mallory.example.com"] }))),
      /calls the account mallory\.example\.com/,
    ],
  ])("%s: refused before a code is mailed", async (_, name, faultFor, message) => {
    await using lane = await openLane(network, name);
    const subject = await lane.newSubject({ records: 20, blobs: 2 });
    lane.proxies.target.when({ kind: credentials }, await faultFor(subject.account));
    const { code, error } = await run(subject.move.args);
    expect(code).toBe(9);
    expect(error).toMatchObject({ code: "refused", message: expect.stringMatching(message) as string });
    expect(requests(lane.proxies.source, codes)).toBe(0);
    expect(await subject.changes()).toEqual([]);
    await subject.move.remove();
  });
});

/** `decamp plc …` on an account of `a`, through a proxy. */
function plcArgs(account: Account, move: Move): string[] {
  const token = move.args[move.args.indexOf("--plc-token-command") + 1] ?? "";
  const where = ["--plc-url", network.plcUrl, "--state-dir", move.stateDir, "--allow-private-hosts", "--no-input"];
  const secrets = ["--password-file", path.join(move.folder, "old"), "--plc-token-command", token];
  return [...where, ...secrets, "--confirm-did", account.did];
}

test("a server that calls the account otherwise than its first alias: add-key says so before the mail", async () => {
  const pds = await network.addPds({ name: "alias", recorded: true });
  const { account, proxy, move } = await setOut(pds, "keys-alias");
  await changeIdentity(network, account, ({ alsoKnownAs }) => ({
    alsoKnownAs: ["at://first.example.com", ...alsoKnownAs],
  }));
  const { didKey } = await generateUserKey();
  const add = ["plc", "add-key", account.did, didKey, ...plcArgs(account, move)];
  const mailed = async (): Promise<number> => {
    const recording = await network.recording(pds);
    return recording.requests.filter(({ kind }) => kind === codes).length;
  };
  const before = await mailed();
  const { code, error } = await run(add);
  expect(code).toBe(9);
  expect(error).toMatchObject({ code: "refused", data: { reason: "server-would-refuse" } });
  expect(error?.["message"]).toContain(
    `calls the account ${account.handle}, and the first alias is at://first.example.com`,
  );
  expect(error?.["hint"]).toContain("--via directory");
  expect(await mailed()).toBe(before);
  const added = await run([...add, "--via", "directory"]);
  expect(added.code).toBe(0);
  expect((await lastOperation(network.plcUrl, account.did)).rotationKeys[0]).toBe(didKey);
  await proxy.stop();
  await move.remove();
  await network.stopPds(pds);
});

test("a key of the user's below the server's is named by history, export and a dry run, and add-key moves it first", async () => {
  const { account, proxy, move } = await setOut(network.a, "keys-below");
  const { didKey } = await generateUserKey();
  const [server = ""] = (await lastOperation(network.plcUrl, account.did)).rotationKeys;
  await changeIdentity(network, account, ({ rotationKeys }) => ({ rotationKeys: [...rotationKeys, didKey] }));
  const where = ["--plc-url", network.plcUrl, "--state-dir", move.stateDir, "--allow-private-hosts", "--no-input"];
  const mend = `decamp plc add-key ${account.did} ${didKey}`;

  const looks = [
    ["plc", "history", account.did, ...where],
    ["export", account.did, "-o", path.join(move.folder, "archive"), ...where],
  ];
  for (const args of looks) {
    expect((await runDecamp(args)).stdout).toContain(mend);
    const { lines } = await run(args);
    expect(lines.at(-1)).toMatchObject({ powerlessKeys: [didKey] });
  }
  const dry = await run([...move.args, "--dry-run"]);
  const told = dry.lines.filter(({ code }) => code === "key-below-server");
  expect(told).toHaveLength(1);
  expect(told[0]?.["next"]).toContain(mend);

  const { code, lines } = await run(["plc", "add-key", account.did, didKey, ...plcArgs(account, move)]);
  expect(code).toBe(0);
  expect(lines.at(-1)).toMatchObject({ state: "added", signer: server });
  expect((await lastOperation(network.plcUrl, account.did)).rotationKeys).toEqual([didKey, server]);
  expect((await run(looks[0] ?? [])).lines.at(-1)).toMatchObject({ powerlessKeys: [] });
  await proxy.stop();
  rmSync(path.join(move.folder, "archive"), { recursive: true });
  await move.remove();
});
