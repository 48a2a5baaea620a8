#!/usr/bin/env node
/**
 * Prints the code that your old server has mailed, for `decamp migrate --plc-token-command 'node read-mail.mjs'`. It
 * looks into a mailbox by IMAP over TLS, and changes nothing there. It needs Node and nothing else.
 *
 *     node read-mail.mjs --mark     before the move: what is in the mailbox now is old
 *     node read-mail.mjs            waits for a mail that is not, and prints its code
 *
 * A code is printed once: the mark moves behind its mail. What it wants to know stands in the environment:
 *
 *     IMAP_HOST            the mail server, such as imap.example.com
 *     IMAP_USER            the name that you sign in with there
 *     IMAP_PASSWORD_FILE   a file with the password; or the password itself in IMAP_PASSWORD
 *     IMAP_FROM            who sends the code: an address, or the domain of it
 *     IMAP_MARK            a file for the mark (read-mail.mark)
 *     IMAP_PORT            993
 *     IMAP_FOLDER          INBOX
 *     IMAP_CODE            a regular expression, for a server whose codes do not look like ABCDE-23456
 *     IMAP_SECONDS         after so many, 1 to 86400, it gives up (600; the code is good for some 15 minutes)
 *
 * Exit code 0 with a code, 1 without.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:tls";

const { env } = process;
/** What a server may send at once; of a mail, half of it is read. */
const mostBytes = 1 << 20;
/** Milliseconds between two looks, and before the next try when the connection has broken. */
const pause = 1000;
/** Milliseconds in which a server answers something. */
const patience = 30_000;
/** As most servers mail it: ABCDE-23456. */
const usualCode = String.raw`(?<![\w-])[A-Z0-9]{5}-[A-Z0-9]{5}(?![\w-])`;

/** The connection has broken: another one may be better. */
class Broken extends Error {}

function setting(name, usual) {
  const value = env[name] ?? "";
  if (value === "" && usual === undefined) {
    throw new Error(`${name} is not set.`);
  }
  return value === "" ? usual : value;
}

function readPassword() {
  const given = setting("IMAP_PASSWORD", "");
  return given === "" ? readFileSync(setting("IMAP_PASSWORD_FILE"), "utf8").replace(/\r?\n$/, "") : given;
}

/** A folder of mails, over a connection that is signed in. */
class Mailbox {
  /** How the folder numbers its mails, and the number of the next one, when it was opened. */
  mark;
  #socket;
  #chunks;
  #text = "";
  #count = 0;

  /** Signs in, and opens the folder to be read only. */
  static async open() {
    const host = setting("IMAP_HOST");
    const port = Number(setting("IMAP_PORT", "993"));
    const login = [setting("IMAP_USER"), readPassword()];
    const mailbox = new Mailbox();
    const socket = connect({ host, port, servername: host });
    mailbox.#socket = socket.setTimeout(patience, () => socket.destroy(new Error("The mail server is silent.")));
    mailbox.#chunks = socket.setEncoding("latin1")[Symbol.asyncIterator]();
    try {
      await mailbox.#response(); // the greeting
      // As literals, so that any character may stand in them.
      await mailbox.#command("LOGIN", login);
      const answers = await mailbox.#command("EXAMINE", [setting("IMAP_FOLDER", "INBOX")]);
      const number = (word) => Number(new RegExp(`\\[${word} (\\d+)\\]`, "i").exec(answers.join("\n"))?.[1]);
      mailbox.mark = { validity: number("UIDVALIDITY"), next: number("UIDNEXT") };
      if (!(mailbox.mark.validity > 0 && mailbox.mark.next > 0)) {
        throw new Error("The mail server does not say how it numbers its mails.");
      }
      return mailbox;
    } catch (error) {
      mailbox.close();
      throw error;
    }
  }

  close() {
    this.#socket.destroy();
  }

  /** The numbers of all mails from `first` on, the newest first. */
  async since(first) {
    await this.#command("NOOP");
    const answers = await this.#command(`UID SEARCH UID ${first}:*`);
    const found = answers.flatMap((line) => /^\* SEARCH ([\d ]+)/i.exec(line)?.[1].trim().split(/ +/) ?? []);
    // `7:*` has the last mail also where its number is smaller than 7.
    return found
      .map(Number)
      .filter((uid) => uid >= first)
      .sort((a, b) => b - a);
  }

  /** A mail, or the beginning of a long one, a character for each byte. */
  async mail(uid) {
    const answers = await this.#command(`UID FETCH ${uid} BODY.PEEK[]<0.${mostBytes / 2}>`);
    for (const line of answers) {
      const literal = /^\* \d+ FETCH .*\{(\d+)\}\r\n/i.exec(line);
      if (literal !== null) {
        return line.slice(literal[0].length, literal[0].length + Number(literal[1]));
      }
    }
    return "";
  }

  /** Sends a command. @returns what the server has answered until it was done */
  async #command(words, literals = []) {
    this.#count += 1;
    const tag = `a${this.#count}`;
    const pieces = literals.map((text) => Buffer.from(text, "utf8"));
    const answers = [];
    const answered = async () => {
      for (;;) {
        const line = await this.#response();
        if (line.startsWith(`${tag} `)) {
          const [, state, says = ""] = /^\S+ (\w+) ?(.*)$/s.exec(line) ?? [];
          if (state?.toUpperCase() !== "OK") {
            throw new Error(`The mail server answered ${words.split(" ")[0]} with: ${state} ${says}`);
          }
          return true;
        }
        answers.push(line);
        if (line.startsWith("+")) {
          return false;
        }
      }
    };
    this.#socket.write(`${tag} ${words}${pieces.length > 0 ? ` {${pieces[0].length}}` : ""}\r\n`);
    for (const [index, piece] of pieces.entries()) {
      if (await answered()) {
        throw new Error("The mail server does not wait for what it was announced.");
      }
      const next = pieces[index + 1];
      this.#socket.write(piece);
      this.#socket.write(next === undefined ? "\r\n" : ` {${next.length}}\r\n`);
    }
    while (!(await answered())) {
      // It goes on although nothing more was announced.
    }
    return answers;
  }

  /** One response: a line, with the literals in it. */
  async #response() {
    let end = 0;
    for (;;) {
      const line = this.#text.indexOf("\r\n", end);
      if (line === -1) {
        await this.#more();
        continue;
      }
      const literal = /\{(\d+)\}$/.exec(this.#text.slice(end, line));
      if (literal === null) {
        const response = this.#text.slice(0, line);
        this.#text = this.#text.slice(line + 2);
        return response;
      }
      end = line + 2 + Number(literal[1]);
      while (this.#text.length < end) {
        await this.#more();
      }
    }
  }

  async #more() {
    const { value, done } = await this.#chunks.next().catch((error) => {
      throw new Broken(error.message);
    });
    if (done) {
      throw new Broken("The mail server has hung up.");
    }
    this.#text += value;
    if (this.#text.length > mostBytes) {
      throw new Error("The mail server sends more than a mail.");
    }
  }
}

/** The header fields of a mail or a part of it, and what comes behind them: an empty line, also where no field is. */
function split(entity) {
  const [head = "", ...rest] = `\n${entity}`.split(/\r?\n\r?\n/);
  const field = (name) =>
    new RegExp(`^${name}:(.*)`, "im").exec(head.replaceAll(/\r?\n[ \t]+/g, " "))?.[1].trim() ?? "";
  return { field, body: rest.join("\n\n") };
}

/** So deep may parts lie in parts. */
const deepest = 10;

/** All texts of a mail, decoded; what is plain comes first. */
function texts(entity, depth = 0) {
  const { field, body } = split(entity);
  const type = field("content-type") || "text/plain";
  const parameter = (name) => new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^";\\s]+))`, "i").exec(type)?.slice(1).join("");
  const boundary = /^multipart\//i.test(type) ? parameter("boundary") : undefined;
  if (boundary !== undefined) {
    const parts = depth < deepest ? body.split(`--${boundary}`).slice(1) : [];
    const all = parts.flatMap((part) =>
      part.startsWith("--") ? [] : texts(part.replace(/^[ \t]*\r?\n/, ""), depth + 1),
    );
    return all.sort((a, b) => Number(b.plain) - Number(a.plain));
  }
  if (!/^text\//i.test(type)) {
    return [];
  }
  const bytes = decode(body, field("content-transfer-encoding").toLowerCase());
  const text = decoder(parameter("charset")).decode(Buffer.from(bytes, "latin1"));
  return [{ plain: /^text\/plain/i.test(type), text: /^text\/html/i.test(type) ? visible(text) : text }];
}

/** For a character set; what is not known is read as if it were UTF-8. */
function decoder(charset) {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}

/** What of HTML is shown: no comments, no styles and scripts, no tags and what stands in them. */
function visible(html) {
  return html
    .replaceAll(/<!--[^]*?(?:-->|$)/g, "")
    .replaceAll(/<(style|script|head|title|template)\b[^]*?(?:<\/\1\s*>|$)/gi, " ")
    .replaceAll(/<\/?(?:br|p|div|td|th|tr|table|li|h\d)\b(?:"[^"]*"|'[^']*'|[^"'>])*>/gi, " ")
    .replaceAll(/<[a-z/!?](?:"[^"]*"|'[^']*'|[^"'>])*(?:>|$)/gi, "")
    .replaceAll(/&#(\d{1,6});/g, (_, code) => String.fromCodePoint(Number(code)))
    .replaceAll(/&(?:nbsp|ensp|emsp);/g, " ");
}

/** The bytes of a text, a character each. */
function decode(body, encoding) {
  if (encoding === "base64") {
    return Buffer.from(body, "base64").toString("latin1");
  }
  return encoding === "quoted-printable"
    ? body
        .replaceAll(/=[ \t]*\r?\n/g, "")
        .replaceAll(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    : body;
}

/** Whether a mail says that it comes from the address, or from the domain or one below it. */
function isFrom(mail, wanted) {
  // A comment in parentheses may stand behind it; in a quoted name there may be anything.
  const sender = split(mail)
    .field("from")
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, "")
    .replaceAll(/\([^()]*\)/g, "");
  const address = (/<([^<>]+)>\s*$/.exec(sender)?.[1] ?? sender).trim().toLowerCase();
  const domain = address.slice(address.lastIndexOf("@") + 1);
  return wanted.includes("@") ? address === wanted : domain === wanted || domain.endsWith(`.${wanted}`);
}

function readMark(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    throw new Error(`There is no mark in ${file}: run read-mail.mjs --mark before the move.`);
  }
}

function writeMark(file, mark) {
  writeFileSync(file, `${JSON.stringify(mark)}\n`, { mode: 0o600 });
}

/** Waits until a mail that is not old has a code. */
async function waitForCode(mailbox, mark, file) {
  const from = setting("IMAP_FROM").toLowerCase();
  const code = new RegExp(setting("IMAP_CODE", usualCode));
  const { validity } = mailbox.mark;
  if (validity !== mark.validity) {
    throw new Error("The mail server has numbered its mails anew: run read-mail.mjs --mark, then the move again.");
  }
  for (let { next } = mark; ;) {
    const uids = await mailbox.since(next);
    next = Math.max(next, ...uids.map((uid) => uid + 1));
    for (const uid of uids) {
      const mail = await mailbox.mail(uid);
      const found = isFrom(mail, from) ? texts(mail).flatMap(({ text }) => code.exec(text)?.[0] ?? []) : [];
      if (found.length > 0) {
        writeMark(file, { validity, next });
        return found[0];
      }
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** @param work is tried again with a new connection if the one that it had has broken */
async function withMailbox(work) {
  for (let wasIn = false; ;) {
    let mailbox;
    try {
      mailbox = await Mailbox.open();
      wasIn = true;
      return await work(mailbox);
    } catch (error) {
      if (!wasIn || !(error instanceof Broken)) {
        throw error;
      }
    } finally {
      mailbox?.close();
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

async function main(args) {
  const file = setting("IMAP_MARK", "read-mail.mark");
  if (args.length === 1 && args[0] === "--mark") {
    await withMailbox(async ({ mark }) => writeMark(file, mark));
  } else if (args.length === 0) {
    const mark = readMark(file);
    const seconds = Number(setting("IMAP_SECONDS", "600"));
    if (!(seconds >= 1 && seconds <= 86_400)) {
      throw new Error("IMAP_SECONDS is not a number from 1 to 86400.");
    }
    setTimeout(() => {
      process.stderr.write(`read-mail: no new mail with a code came within ${seconds} seconds.\n`);
      process.exit(1);
    }, seconds * 1000).unref();
    const found = await withMailbox(async (mailbox) => waitForCode(mailbox, mark, file));
    process.stdout.write(`${found}\n`);
  } else {
    throw new Error("It takes --mark, or nothing. All else stands in the environment.");
  }
}

main(process.argv.slice(2)).catch((error) => {
  // A server may have said it: nothing in it steers a terminal.
  process.stderr.write(`read-mail: ${error.message.replaceAll(/[^ -~]/g, "?")}\n`);
  process.exitCode = 1;
});
