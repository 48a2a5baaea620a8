/**
 * A mailbox that programs read by IMAP over TLS (RFC 3501), with as much of it as a reader needs: LOGIN, EXAMINE, NOOP,
 * UID SEARCH, UID FETCH. Literals are taken where the standard allows them. Its certificate is that of the TLS front.
 */
import { readFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer, type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import type { Network } from "./control.ts";
import { listen } from "./ports.ts";

const pem = (name: string): string => fileURLToPath(new URL(`../faults/tls/${name}.pem`, import.meta.url));

export interface ImapServer extends AsyncDisposable {
  readonly port: number;
  /** Every command that was understood, without its tag and without names and passwords. */
  readonly commands: readonly string[];
  /** How many connections there were. */
  readonly connections: () => number;
  /** A mail comes in, as it came by SMTP. */
  deliver(mail: string): void;
  /** From now on mails have numbers of a new count, as after a repair of the mailbox. */
  renumber(): void;
  /** Ends every connection when it asks the next time. */
  hangUp(): void;
}

/** @param user who may sign in, and nobody else */
export async function startImap(user: { readonly name: string; readonly password: string }): Promise<ImapServer> {
  const mails: { readonly uid: number; readonly raw: Buffer }[] = [];
  const commands: string[] = [];
  const open = new Set<TLSSocket>();
  let [validity, next, connections] = [1_700_000_000, 100, 0];
  const hangingUp = new Set<TLSSocket>();

  const respond = (line: string, literals: readonly string[]): readonly (string | Buffer)[] => {
    const [tag = "", ...words] = line.split(" ");
    const command = words.join(" ");
    commands.push(command.startsWith("LOGIN") ? "LOGIN" : command);
    const found = mails.filter(({ uid }) => uid >= Number(/^UID (?:SEARCH UID|FETCH) (\d+)/.exec(command)?.[1]));
    switch (command.replace(/^(UID \w+|\w+).*/, "$1")) {
      case "LOGIN":
        return literals[0] === user.name && literals[1] === user.password
          ? [`${tag} OK [CAPABILITY IMAP4rev1] welcome`]
          : [`${tag} NO [AUTHENTICATIONFAILED] Authentication failed.`];
      case "EXAMINE":
        return [
          `* ${mails.length} EXISTS`,
          `* OK [UIDVALIDITY ${validity}] UIDs valid`,
          `* OK [UIDNEXT ${next}] Predicted next UID`,
          `${tag} OK [READ-ONLY] ${literals[0]} selected`,
        ];
      case "NOOP":
        return [`* ${mails.length} EXISTS`, `${tag} OK nothing done`];
      case "UID SEARCH": {
        // A range `n:*` has the last mail, whatever n is.
        const uids = [...new Set([...found, ...mails.slice(-1)].map(({ uid }) => uid))];
        return [`* SEARCH${uids.map((uid) => ` ${uid}`).join("")}`, `${tag} OK`];
      }
      case "UID FETCH": {
        const [mail] = found;
        const most = Number(/<0\.(\d+)>$/.exec(command)?.[1]);
        const raw = mail?.raw.subarray(0, most) ?? Buffer.alloc(0);
        return [
          "* 1 FETCH (FLAGS (\\Recent))", // what nobody has asked for may come at any time
          Buffer.concat([
            Buffer.from(`* 1 FETCH (UID ${mail?.uid} BODY[]<0> {${raw.length}}\r\n`),
            raw,
            Buffer.from(" FLAGS (\\Recent))"),
          ]),
          `${tag} OK`,
        ];
      }
      default:
        return [`${tag} BAD unknown command`];
    }
  };

  const [key, cert] = await Promise.all([readFile(pem("key")), readFile(pem("cert"))]);
  const server = createServer({ key, cert }, (socket) => {
    connections += 1;
    open.add(socket.on("close", () => open.delete(socket)).on("error", () => undefined));
    socket.write("* OK IMAP4rev1 ready\r\n");
    // As bytes; a command waits for its literals, one after the other.
    let [text, line, wanted] = ["", "", 0];
    let literals: string[] = [];
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
      for (;;) {
        const end = text.indexOf("\r\n", wanted);
        if (end === -1) {
          return;
        }
        literals.push(...(wanted > 0 ? [Buffer.from(text.slice(0, wanted), "latin1").toString("utf8")] : []));
        const rest = text.slice(wanted, end);
        line += rest;
        text = text.slice(end + 2);
        wanted = Number(/\{(\d+)\}$/.exec(rest)?.[1] ?? 0);
        if (wanted > 0) {
          socket.write("+ go on\r\n");
          continue;
        }
        if (hangingUp.delete(socket)) {
          socket.destroy();
          return;
        }
        for (const answer of respond(line, literals)) {
          socket.write(Buffer.concat([Buffer.from(answer), Buffer.from("\r\n")]));
        }
        [line, literals] = ["", []];
      }
    });
  });
  server.on("tlsClientError", () => undefined); // who does not trust the certificate hangs up
  return {
    port: await listen(server, 0),
    commands,
    connections: () => connections,
    deliver: (mail) => {
      mails.push({ uid: next, raw: Buffer.from(mail, "latin1") });
      next += 1;
    },
    renumber: () => {
      validity += 1;
    },
    hangUp: () => open.forEach((socket) => hangingUp.add(socket)),
    [Symbol.asyncDispose]: async () => {
      open.forEach((socket) => socket.destroy());
      server.close();
      await once(server, "close");
    },
  };
}

/** Has every mail of the bed to `to` delivered into the mailbox, from now on, until `signal` is aborted. */
export async function forwardMails(
  network: Network,
  to: string,
  mailbox: Pick<ImapServer, "deliver">,
  signal: AbortSignal,
): Promise<void> {
  for (let after = Date.now(); !signal.aborted;) {
    const mail = await network.waitForMail({ to, after }, 500).catch(() => undefined);
    if (mail !== undefined) {
      mailbox.deliver(mail.raw);
      after = mail.receivedAt + 1;
    }
  }
}
