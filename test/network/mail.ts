/** Where the mails of the servers end: an SMTP server that keeps them in memory. */
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { SMTPServer } from "smtp-server";

/** One mail as it was received. */
export interface Mail {
  to: string[];
  subject: string;
  /** the first text part, decoded */
  text: string;
  /** all of it as it came, a character for each byte */
  raw: string;
  /** the first `XXXXX-XXXXX` of the text: what the servers ask to be typed in */
  token?: string;
  /** epoch milliseconds */
  receivedAt: number;
}

export interface MailQuery {
  /** the address, in any case */
  to: string;
  /** a part of the subject, in any case */
  subject?: string;
  /** only mails received at or after this time, in epoch milliseconds */
  after?: number;
}

export interface MailSink {
  smtpUrl: string;
  /** the newest mail that fits, at once or when it arrives; rejects with the signal's reason */
  waitForMail: (query: MailQuery, signal: AbortSignal) => Promise<Mail>;
  /** called with every mail from now on */
  onMail: (listener: (mail: Mail) => void) => void;
  stop(): Promise<void>;
}

/** Starts the sink on a free port of 127.0.0.1. */
export async function startMailSink(): Promise<MailSink> {
  const mails: Mail[] = [];
  const listeners = new Set<(mail: Mail) => void>();
  const smtp = new SMTPServer({
    disabledCommands: ["AUTH", "STARTTLS"],
    logger: false,
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const to = session.envelope.rcptTo.map(({ address }) => address.toLowerCase());
        const raw = Buffer.concat(chunks).toString("latin1");
        const mail: Mail = { to, ...parseMail(raw), raw, receivedAt: Date.now() };
        mails.push(mail);
        for (const listener of listeners) {
          listener(mail);
        }
        done();
      });
    },
  });
  smtp.on("error", () => undefined); // a client that hangs up is no concern of ours
  smtp.listen(0, "127.0.0.1");
  await once(smtp.server, "listening");
  const { port } = smtp.server.address() as AddressInfo;
  return {
    smtpUrl: `smtp://127.0.0.1:${port}?ignoreTLS=true`,
    waitForMail: async (query, signal) => {
      const known = mails.findLast((mail) => fits(mail, query));
      if (known !== undefined) {
        return known;
      }
      return new Promise<Mail>((resolve, reject) => {
        const settle = (): void => {
          listeners.delete(listener);
          signal.removeEventListener("abort", abort);
        };
        const listener = (mail: Mail): void => {
          if (fits(mail, query)) {
            settle();
            resolve(mail);
          }
        };
        const abort = (): void => {
          settle();
          reject(signal.reason as Error);
        };
        signal.addEventListener("abort", abort);
        listeners.add(listener);
      });
    },
    onMail: (listener) => {
      listeners.add(listener);
    },
    stop: async () =>
      new Promise<void>((resolve) => {
        smtp.close(() => resolve());
      }),
  };
}

function fits(mail: Mail, query: MailQuery): boolean {
  return (
    mail.to.includes(query.to.toLowerCase()) &&
    mail.subject.toLowerCase().includes((query.subject ?? "").toLowerCase()) &&
    mail.receivedAt >= (query.after ?? 0)
  );
}

/** Reads what nodemailer writes: a header, one or more parts in quoted-printable, base64 or plain. */
function parseMail(raw: string): Pick<Mail, "subject" | "text" | "token"> {
  const { header, body } = splitEntity(raw);
  const boundary = /boundary="?([^";\r\n]+)/i.exec(header["content-type"] ?? "")?.[1];
  const parts = boundary === undefined ? [{ header, body }] : body.split(`--${boundary}`).map(splitEntity);
  const part = parts.find((one) => (one.header["content-type"] ?? "").startsWith("text/plain")) ?? {
    header,
    body,
  };
  const text = decodeBody(part.body, part.header["content-transfer-encoding"] ?? "");
  const token = /\b[A-Z2-7]{5}-[A-Z2-7]{5}\b/.exec(text)?.[0];
  return { subject: header["subject"] ?? "", text, ...(token === undefined ? {} : { token }) };
}

function splitEntity(raw: string): { header: Record<string, string>; body: string } {
  const text = raw.replace(/^\r\n/, "");
  const end = text.indexOf("\r\n\r\n");
  const header: Record<string, string> = {};
  for (const line of text
    .slice(0, end)
    .replaceAll(/\r\n[ \t]+/g, " ")
    .split("\r\n")) {
    const colon = line.indexOf(":");
    header[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { header, body: text.slice(end + 4) };
}

function decodeBody(body: string, encoding: string): string {
  switch (encoding.toLowerCase()) {
    case "base64":
      return Buffer.from(body, "base64").toString("utf8");
    case "quoted-printable":
      return Buffer.from(
        body
          .replaceAll(/=\r\n/g, "")
          .replaceAll(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
        "latin1",
      ).toString("utf8");
    default:
      return Buffer.from(body, "latin1").toString("utf8");
  }
}
