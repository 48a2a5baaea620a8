/**
 * The guided move at a real terminal, key by key: `decamp migrate` and nothing else, on 80 columns and on 40. What is
 * on the screen is compared with files that a person can read, in the folder beside this file; what the terminal itself
 * has broken, because it is one word or a command, stands there in one line.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { makePrivateKey } from "../../src/identity/private-key.ts";
import { encryptText } from "../../src/services/secrets/age-file.ts";
import { onScreen, type Screen } from "../cli/support/pty.ts";
import { connectNetwork } from "../network/control.ts";
import { auditLog } from "../network/identity.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { repoStatus } from "../network/read.ts";
import { guidedKeys, masked, type GuidedKeys } from "../tools/guided-keys.ts";

const network = connectNetwork(inject("network"));
const bin = new URL("../../bin/decamp.js", import.meta.url);
const lightKeys = new URL("../pages/light-keys.ts", import.meta.url).href;
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "decamp-guided-"));
});
afterAll(async () => rm(folder, { recursive: true }));

/** `decamp migrate` on a terminal of so many columns. What key files cost is of no interest here. */
function guided(columns: number, ...args: string[]): Screen & Pick<GuidedKeys, "answer"> {
  return guidedWith({ NODE_OPTIONS: `--import=${lightKeys}` }, columns, ...args);
}

function guidedWith(env: NodeJS.ProcessEnv, columns: number, ...args: string[]): Screen & Pick<GuidedKeys, "answer"> {
  const where = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--state-dir", path.join(folder, "state")];
  const screen = onScreen(bin, ["migrate", ...where, ...args], env, columns, folder);
  return { ...screen, ...guidedKeys(screen) };
}

/** What is on the screen, with what is other in every run replaced. */
const seen = (screen: Screen, did: string): string => masked(screen.whole(), { network, folder, did });

const file = async (columns: number, name: string): Promise<string> =>
  (await readFile(new URL(`guided/${name}-${columns}.txt`, import.meta.url), "utf8")).trimEnd();

/** The answers for a new key, which is kept in a file of this name. */
async function answerForAKey(screen: GuidedKeys, keyFile: string): Promise<void> {
  await screen.answer("Make one now?", "\r");
  await screen.answer("Where to keep it", `\u0015${keyFile}\r`);
  await screen.answer("A passphrase for the key file:", "a passphrase\r");
  await screen.answer("The same passphrase once more:", "a passphrase\r");
}

/** The answers up to the plan. */
async function answerUntilThePlan(screen: GuidedKeys, keyFile: string): Promise<void> {
  await answerForAKey(screen, keyFile);
  await screen.answer("? Your handle on the new server", "\r");
}

test.each([
  ["a whole move on 80 columns: a wrong password, a wrong code, another code, the window closed, and on", 80],
  ["a whole move on 40 columns: the same, with wrong names before, and in the end with plain lines", 40],
])("%s", async (_title, columns) => {
  const name = `guided${columns}`;
  const account = await createFilled(network.a, name, { records: 30, blobs: 4, seed: columns });
  const before = await lookBefore(network.plcUrl, account);
  const keyFile = `${name}.age`;
  const code = async (to: string, after: number): Promise<string> =>
    (await network.waitForMail({ to, after })).token ?? "";

  const first = guided(columns);
  if (columns === 40) {
    await first.answer("its handle or its DID:", "nobody at all\r");
    await first.answer("That did not work:", "");
  }
  await first.answer("its handle or its DID:", `${account.did}\r`);
  if (columns === 40) {
    await first.answer("its address:", "http://\r");
    await first.answer("That did not work:", "");
    await first.answer("its address:", `${network.a.url}\r`);
    await first.answer("is the server where your account lives now.", "");
  }
  await first.answer("its address:", `${network.b.url}\r`);
  await answerUntilThePlan(first, keyFile);
  await first.answer("? Begin?", columns === 40 ? "\r" : "yes\r");
  if (columns === 40) {
    await first.answer("Please type an answer", "yes\r");
  }
  await first.answer("? Password of", "not-the-password\r");
  await first.answer("refuses the sign-in", "");
  await first.answer("? Password of", `${account.password}\r`);
  await first.answer("? Your e-mail address on the new server", `\u0015${name}@new.example.com\r`);
  await first.answer("? New password for", "the-new-password\r");
  await first.answer("? The same password once more", "the-new-password\r");
  await first.answer("Your own rotation key", "");
  let asked = Date.now();
  await first.answer("Type the DID", `${account.did}\r`);
  await first.answer("? Code from the mail", "AAAAA-AAAAA\r");
  await first.answer("is not the right one", "");
  await code(account.email, asked);
  asked = Date.now();
  await first.answer("? Code from the mail", "\r");
  await first.answer("Another mail was asked for.", "");
  await first.answer("? Code from the mail", `${await code(account.email, asked)}\r`);
  await first.answer("The point of no return", "");
  await first.answer("Type the DID", "");
  expect(seen(first, account.did)).toBe(await file(columns, "until-the-window-is-closed"));
  first.hangUp();
  await first.ended;

  const again = [account.did, "--to", network.b.url, "--new-handle", `${name}.b.test`, "--recovery-key", keyFile];
  const second = guided(columns, ...again);
  await second.answer("? Password of", `${account.password}\r`);
  await second.answer("? Passphrase", "a passphrase\r");
  await second.answer("? Password of", "the-new-password\r");
  await second.answer("Type the DID", `${account.did}\r`);
  await second.answer("? Code from the mail", "\u0003");
  expect(await second.ended).toBe(130);
  expect(seen(second, account.did)).toBe(await file(columns, "left-at-the-code"));

  // For a screen reader, where the lines are short.
  const third = guided(columns, ...again, ...(columns === 40 ? ["--plain"] : []));
  await third.answer("Password of", `${account.password}\r`);
  await third.answer("Passphrase", "a passphrase\r");
  await third.answer("Password of", "the-new-password\r");
  asked = Date.now();
  await third.answer("Type the DID", `${account.did}\r`);
  await third.answer("Code from the mail:", `${await code(account.email, asked)}\r`);
  await third.answer("The move is done.", "");
  asked = Date.now();
  await third.answer("Have a code mailed there now, to confirm it?", "\r");
  if (columns === 40) {
    await third.answer("Code from the mail:", "skip\r");
  } else {
    await code(`${name}@new.example.com`, asked);
    await third.answer("Code from the mail:", "AAAAA-AAAAA\r");
    await third.answer("is not the right one", "");
    asked = Date.now();
    await third.answer("Code from the mail:", "\r");
    await third.answer("Another mail was asked for.", "");
    await third.answer("Code from the mail:", `${await code(`${name}@new.example.com`, asked)}\r`);
  }
  expect(await third.ended).toBe(0);
  expect(seen(third, account.did)).toBe(await file(columns, "until-the-end"));
  expect(/^[\x20-\x7e\r\n]*$/.test(third.raw())).toBe(columns === 40);

  const written = [first, second, third].map((screen) => screen.raw()).join("");
  const secrets = [account.password, "the-new-password", "a passphrase", "not-the-password"];
  expect(secrets.filter((secret) => written.includes(secret))).toEqual([]);
  const to = { handle: `${name}.b.test`, password: "the-new-password" };
  const wrong = (await proveMove(network.plcUrl, before, network.b, to)).filter(({ ok }) => !ok);
  // The operation that puts the key first came before the move.
  expect(wrong.map((one) => one.name)).toEqual(["one operation was added", "it follows the one before"]);
  expect(await auditLog(network.plcUrl, account.did)).toHaveLength(before.log.length + 2);
});

test("on 40 columns: wrong answers, left and taken up again, and no", async () => {
  const { did } = await createFilled(network.a, "narrow", { records: 20, blobs: 2, seed: 32 });
  const first = guided(40);
  // The name is in no DNS, and Enter alone asks for another one.
  await first.answer("its handle or its DID:", "narrow.a.test\r");
  await first.answer("The address of your old server", "\r");
  await first.answer("its handle or its DID:", "narrow.a.test\r");
  await first.answer("The address of your old server", `${network.a.url}\r`);
  await first.answer("Your new server, its address:", `${network.b.url}\r`);
  await first.answer("Make one now?", "no\r");
  await first.answer("? Your handle", "\u0003");
  expect(await first.ended).toBe(130);
  expect(seen(first, did)).toBe(await file(40, "left-at-the-handle"));

  // Ctrl-C while a key is made, which takes its time: it is kept, and nothing is asked behind it.
  const making = guidedWith({}, 40, "narrow.a.test", "--from", network.a.url, "--to", network.b.url, "--guide");
  await answerForAKey(making, "made.age");
  await making.answer("Writing the key file", "\u0003");
  expect(await making.ended).toBe(130);
  expect(making.whole().join(" ")).toContain("--recovery-key made.age");
  expect(await readFile(path.join(folder, "made.age"), "utf8")).toContain("AGE ENCRYPTED FILE");

  // A key file that an earlier run has left.
  const key = makePrivateKey("k256", randomBytes);
  await writeFile(path.join(folder, "left.age"), await encryptText(`${key.reveal()}\n`, "a passphrase", 8));
  const second = guided(40, "narrow.a.test", "--from", network.a.url, "--to", network.b.url, "--guide");
  await second.answer("Make one now?", "perhaps\r");
  await second.answer("Please type yes or no.", "\u0015yes\r");
  await second.answer("Where to keep it", "\u0015left.age\r");
  await second.answer("Use the key in it?", "\r");
  await second.answer("? Passphrase", "a passphrase\r");
  await second.answer(key.didKey.slice(0, 20), "");
  await second.answer("? Your handle", "\r");
  await second.answer("? Begin?", "no\r");
  expect(await second.ended).toBe(0);
  expect(second.whole().join(" ")).toContain("--recovery-key left.age");
  expect(await repoStatus({ url: network.b.url, did })).toBe("absent");
});
