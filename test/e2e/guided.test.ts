/**
 * The guided move at a real terminal, key by key: `decamp migrate` and nothing else. What is on the screen is compared
 * with files that a person can read, in the folder beside this file.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { onScreen, type Screen } from "../cli/support/pty.ts";
import { connectNetwork } from "../network/control.ts";
import { auditLog } from "../network/identity.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { repoStatus } from "../network/read.ts";

const network = connectNetwork(inject("network"));
const bin = new URL("../../bin/decamp.js", import.meta.url);
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "decamp-guided-"));
});
afterAll(async () => rm(folder, { recursive: true }));

/** `decamp migrate` on a terminal of so many columns. */
function guided(columns: number, ...args: string[]): Screen {
  const where = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--state-dir", path.join(folder, "state")];
  return onScreen(bin, ["migrate", ...where, ...args], {}, columns);
}

/** Finds a text although the terminal may have broken it. */
const broken = (text: string): RegExp =>
  new RegExp(Array.from(text, (one) => one.replace(/\W/, "\\$&")).join("\\n?"), "g");

/** What is on the screen, with what is other in every run replaced, also where the terminal itself has broken it. */
function seen(screen: Screen, did: string): string {
  const lines = screen.lines().map((line) => line.trimEnd());
  return lines
    .join("\n")
    .replace(broken(folder), "FOLDER")
    .replace(broken(did.replaceAll(":", "-")), "did-plc-ALICE")
    .replace(broken(did), "did:plc:ALICE")
    .replaceAll(/\n?FOLDER/g, " FOLDER")
    .replaceAll(broken(network.a.url), "http://old")
    .replaceAll(broken(network.b.url), "http://new")
    .replaceAll(broken(network.plcUrl), "http://plc")
    .replaceAll(new URL(network.a.url).host, "old")
    .replaceAll(new URL(network.b.url).host, "new")
    .replaceAll(/did:key:z\w+/g, "did:key:KEY")
    .replaceAll(/bafyrei\w+/g, "CID")
    .replaceAll(/[A-Z2-7]{5}-[A-Z2-7]{5}/g, "CODE")
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d \(UTC[^)]*\)/g, "TIME")
    .replaceAll(/\d+(?:\.\d+)? [GT]B are free/g, "SOME are free");
}

const file = async (name: string): Promise<string> =>
  (await readFile(new URL(`guided/${name}.txt`, import.meta.url), "utf8")).trimEnd();

test("a whole move on 80 columns: a wrong password, a wrong code, another code, the window closed, and on", async () => {
  const account = await createFilled(network.a, "guided", { records: 30, blobs: 4, seed: 31 });
  const before = await lookBefore(network.plcUrl, account);
  const keyFile = path.join(folder, "key.age");
  const mail = async (after: number): Promise<string> =>
    (await network.waitForMail({ to: account.email, subject: "PLC Update", after })).token ?? "";

  const first = guided(80);
  await first.answers("Your account, its handle or its DID:", `${account.did}\r`);
  await first.answers("Your new server, its address:", `${network.b.url}\r`);
  await first.answers("Make one now?", "\r");
  await first.answers("Where to keep it", `\u0015${keyFile}\r`);
  for (const question of ["A passphrase for the key file:", "The same passphrase once more:"]) {
    await first.answers(question, "a passphrase\r");
  }
  await first.answers("? Your handle on the new server", "\r");
  await first.answers("? Begin?", "\r");
  await first.answers("? Password of guided.a.test", "not-the-password\r");
  await first.shows("refuses the sign-in");
  await first.answers("? Password of guided.a.test", `${account.password}\r`);
  await first.answers("? Your e-mail address on the new server", "\u0015guided@new.example.com\r");
  await first.answers("? New password for guided.b.test", "the-new-password\r");
  await first.answers("? The same password once more", "the-new-password\r");
  await first.shows("Your own rotation key");
  await first.shows("? Type the DID");
  let asked = Date.now();
  first.type(`${account.did}\r`);
  await first.answers("? Code from the mail", "AAAAA-AAAAA\r");
  await first.shows("is not the right one");
  await first.shows("? Code from the mail");
  await mail(asked);
  asked = Date.now();
  first.type("\r");
  await first.answers("Another mail was asked for.", `${await mail(asked)}\r`);
  await first.shows("The point of no return");
  await first.shows("? Type the DID");
  expect(seen(first, account.did)).toBe(await file("until-the-window-is-closed"));
  first.hangUp();
  await first.ended;

  const second = guided(
    80,
    account.did,
    "--to",
    network.b.url,
    "--new-handle",
    "guided.b.test",
    "--recovery-key",
    keyFile,
  );
  await second.answers("? Password of guided.a.test", `${account.password}\r`);
  await second.answers("? Passphrase", "a passphrase\r");
  await second.answers("? Password of guided.b.test", "the-new-password\r");
  await second.shows("? Type the DID");
  asked = Date.now();
  second.type(`${account.did}\r`);
  await second.answers("? Code from the mail", `${await mail(asked)}\r`);
  expect(await second.ended).toBe(0);
  expect(seen(second, account.did)).toBe(await file("until-the-end"));

  const secrets = [account.password, "the-new-password", "a passphrase", "not-the-password"];
  expect(secrets.filter((secret) => first.raw().includes(secret) || second.raw().includes(secret))).toEqual([]);
  const to = { handle: "guided.b.test", password: "the-new-password" };
  const wrong = (await proveMove(network.plcUrl, before, network.b, to)).filter(({ ok }) => !ok);
  // The operation that puts the key first came before the move.
  expect(wrong.map(({ name }) => name)).toEqual(["one operation was added", "it follows the one before"]);
  expect(await auditLog(network.plcUrl, account.did)).toHaveLength(before.log.length + 2);
});

test("on 40 columns: wrong answers, left and taken up again, and no", async () => {
  const { did } = await createFilled(network.a, "narrow", { records: 20, blobs: 2, seed: 32 });
  const first = guided(40);
  await first.spells("itshandleoritsDID:");
  first.type("nobody at all\r");
  await first.spells("Thatdidnotwork:");
  await first.spells("itshandleoritsDID:");
  first.type(`${did}\r`);
  await first.spells("itsaddress:");
  first.type("http://\r");
  await first.spells("Thatdidnotwork:");
  await first.spells("itsaddress:");
  first.type(`${network.b.url}\r`);
  await first.spells("Makeonenow?");
  first.type("perhaps\r");
  await first.spells("Pleasetypeyesorno.");
  first.type("\u0015no\r");
  await first.spells("?Yourhandle");
  first.type("\u0003");
  expect(await first.ended).toBe(130);
  expect(seen(first, did)).toBe(await file("left-at-the-handle"));

  const second = guided(40, did, "--to", network.b.url, "--guide");
  await second.spells("Makeonenow?");
  second.type("no\r");
  await second.spells("?Yourhandle");
  second.type("\r");
  await second.spells("?Begin?");
  second.type("no\r");
  expect(await second.ended).toBe(0);
  expect(await repoStatus({ url: network.b.url, did })).toBe("absent");
});
