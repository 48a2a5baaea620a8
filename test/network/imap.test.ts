/** examples/read-mail.mjs, which prints the mailed code for `--plc-token-command`, against a mailbox. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startImap, type ImapServer } from "./imap.ts";
import { trust } from "./tls-front.ts";

const program = fileURLToPath(new URL("../../examples/read-mail.mjs", import.meta.url));
const from = "noreply@pds.example.com";
const user = { name: "alice", password: 'pass "word\\ {7} größer' };

let folder = "";
let mailbox: ImapServer;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "decamp-imap-"));
  mailbox = await startImap(user);
});
afterAll(async () => {
  await mailbox[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

interface Reader {
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function start(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Reader {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: folder,
    env: {
      ...trust,
      IMAP_HOST: "localhost",
      IMAP_PORT: String(mailbox.port),
      IMAP_USER: user.name,
      IMAP_PASSWORD: user.password,
      IMAP_FROM: from,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (texts.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (texts.stderr += text));
  return { ended: once(child, "close").then(([code]) => ({ code: code as number | null, ...texts })) };
}

/** A plain mail with a code, and whatever header is given. */
function mail(code: string, sender = from, header = ""): string {
  return `From: Your server <${sender}>\r\nSubject: A code\r\n${header}\r\nTo go on, use the code ${code}.\r\n`;
}

/** A part of a mail. */
function part(type: string, encoding: string, body: string): string {
  return `--=_x\r\nContent-Type: ${type};\r\n charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}\r\n`;
}

/** Resolves when the reader has looked once more. */
async function looks(count = 1): Promise<void> {
  const before = mailbox.commands.length;
  const seen = (): number => mailbox.commands.slice(before).filter((one) => one.startsWith("UID SEARCH")).length;
  while (seen() < count) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const prints = (code: string): object => ({ code: 0, stdout: `${code}\n`, stderr: "" });

beforeEach(async () => {
  expect(await start(["--mark"]).ended).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("a mail from before the mark counts for nothing, nor does one of another sender; a newer one is waited for", async () => {
  mailbox.deliver(mail("OLDER-22222"));
  expect((await start(["--mark"]).ended).code).toBe(0);
  mailbox.deliver(mail("OTHER-22222", "noreply@pds.example.com.example.net"));
  const reader = start();
  await looks();
  mailbox.deliver(mail("NEWER-22222"));
  expect(await reader.ended).toEqual(prints("NEWER-22222"));
  // It has only looked.
  const words = new Set(mailbox.commands.map((command) => command.replace(/^(UID \w+|\w+).*/, "$1")));
  expect(words).toEqual(new Set(["LOGIN", "EXAMINE", "NOOP", "UID SEARCH", "UID FETCH"]));
});

test("of two new mails the newer one counts, and no code is printed twice", async () => {
  mailbox.deliver(mail("FIRST-22222"));
  mailbox.deliver(mail("AGAIN-22222"));
  expect(await start().ended).toEqual(prints("AGAIN-22222"));
  const reader = start([], { IMAP_FROM: "example.com" });
  await looks();
  mailbox.deliver(mail("THIRD-22222"));
  expect(await reader.ended).toEqual(prints("THIRD-22222"));
});

test("the code is found in whatever form the mail has, and in nothing that only looks like one", async () => {
  const html = part("text/html", "7bit", "<b>HTMLS-22222</b>");
  const plain = Buffer.from("It is PLAIN-22222, and not XPLAIN-222222.").toString("base64");
  const alternative = 'Content-Type: multipart/alternative;\r\n boundary="=_x"\r\n';
  mailbox.deliver(`From: ${from}\r\n${alternative}\r\n${html}${part("text/plain", "base64", plain)}--=_x--\r\n`);
  expect(await start().ended).toEqual(prints("PLAIN-22222"));
  const quoted = part(
    "text/html",
    "quoted-printable",
    "<p class=3D=22LONGER-NAMES=22>Gr=C3=BC=C3=9Fe: QUO=\r\nTE-22222</p>",
  );
  mailbox.deliver(`From: ${from}\r\n${alternative}\r\n${quoted}--=_x--\r\n`);
  expect(await start().ended).toEqual(prints("QUOTE-22222"));
  mailbox.deliver(mail("abc123"));
  expect(await start([], { IMAP_CODE: "(?<=the code )\\w+" }).ended).toEqual(prints("abc123"));
});

/** The header of a mail of parts. */
const multipart = (id: string): string => `Content-Type: multipart/mixed; boundary=${id}\r\n`;

test("of HTML what is shown counts, and mails of many shapes are read", async () => {
  const html =
    '<style>.STYLE-22222{}</style><script>"SCRIP-22222"</script><!-- NOTES-22222 --><a href="/?ATTRI-22222" title=">">x</a> ';
  mailbox.deliver(
    `From: ${from}\r\n${multipart("=_x")}\r\n${part("text/html", "7bit", `${html}<b>SHOWN</b>-<i>22222</i>`)}--=_x--\r\n`,
  );
  expect(await start().ended).toEqual(prints("SHOWN-22222"));
  // A part without headers; a comment behind the address.
  mailbox.deliver(`From: x <${from}> (a comment)\r\n${multipart("b")}\r\n--b\r\n\r\nIt is PARTS-22222.\r\n--b--\r\n`);
  expect(await start().ended).toEqual(prints("PARTS-22222"));
  const wide = Buffer.from("It is WIDER-22222.", "utf16le").toString("base64");
  const coded = `Content-Type: text/plain; charset="utf-16le"\r\nContent-Transfer-Encoding: base64\r\n`;
  mailbox.deliver(`From: ${from}\r\n${coded}\r\n${wide}\r\n`);
  expect(await start().ended).toEqual(prints("WIDER-22222"));
  // One in another, very often, is passed over.
  const deep = Array.from({ length: 5000 }, (_, index) => `${multipart(`b${index}`)}\r\n--b${index}\r\n`).join("");
  mailbox.deliver(mail("UNDER-22222"));
  mailbox.deliver(`From: ${from}\r\n${deep}\r\nDEEPS-22222`);
  expect(await start().ended).toEqual(prints("UNDER-22222"));
});

test("seconds are a number from 1 to 86400", async () => {
  const ended = await Promise.all(
    ["soon", "0", "86401"].map(async (seconds) => start([], { IMAP_SECONDS: seconds }).ended),
  );
  const stderr = "read-mail: IMAP_SECONDS is not a number from 1 to 86400.\n";
  expect(ended).toEqual(ended.map(() => ({ code: 1, stdout: "", stderr })));
});

test("what cannot be done is said, with no code and no password", async () => {
  const [wrong, untrusted, late, unset] = await Promise.all([
    start([], { IMAP_PASSWORD: "another" }).ended,
    start([], { NODE_EXTRA_CA_CERTS: "" }).ended,
    start([], { IMAP_SECONDS: "1" }).ended,
    start([], { IMAP_FROM: "" }).ended,
  ]);
  expect(wrong).toEqual({
    code: 1,
    stdout: "",
    stderr: "read-mail: The mail server answered LOGIN with: NO [AUTHENTICATIONFAILED] Authentication failed.\n",
  });
  expect(untrusted).toEqual({ code: 1, stdout: "", stderr: expect.stringContaining("certificate") as string });
  expect(late).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("within 1 seconds") as string });
  expect(unset).toEqual({ code: 1, stdout: "", stderr: "read-mail: IMAP_FROM is not set.\n" });
});

test("a connection that breaks is opened anew", async () => {
  const reader = start();
  await looks();
  const before = mailbox.connections();
  mailbox.hangUp();
  mailbox.deliver(mail("AFTER-22222"));
  expect(await reader.ended).toEqual(prints("AFTER-22222"));
  expect(mailbox.connections()).toBe(before + 1);
});

test("without a mark, or with that of another count, nothing is taken for new", async () => {
  mailbox.deliver(mail("NOMAR-22222"));
  const none = await start([], { IMAP_MARK: "none" }).ended;
  expect(none).toEqual({ code: 1, stdout: "", stderr: expect.stringContaining("There is no mark in none") as string });
  expect(existsSync(path.join(folder, "none"))).toBe(false);
  mailbox.renumber();
  const { code, stdout, stderr } = await start().ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain("numbered its mails anew");
});
