/** A DNS server on loopback that knows the TXT records that a test gives it. */
import { createSocket } from "node:dgram";
import { once } from "node:events";

export interface DnsServer extends AsyncDisposable {
  /** Address and port, for a resolver. */
  readonly address: string;
  /** Every name that was asked for. */
  readonly asked: readonly string[];
}

/** Name → its TXT records, each a list of strings; `failed` answers that the server itself has failed. */
type Records = Readonly<Record<string, readonly (readonly string[])[] | "failed">>;

export async function dnsServer(records: Records): Promise<DnsServer> {
  const socket = createSocket("udp4");
  const asked: string[] = [];
  socket.on("message", (query, { port, address }) => {
    const { name, end } = readName(query);
    asked.push(name);
    socket.send(answerTo(query, end, records[name]), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    [Symbol.asyncDispose]: async () => new Promise((resolve) => socket.close(resolve)),
  };
}

/** The name in the question of a query, and where the question ends. */
function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), end: at + 5 };
}

function answerTo(query: Buffer, end: number, found: Records[string] | undefined): Buffer {
  const texts = found === undefined || found === "failed" ? [] : found;
  const code = found === undefined ? 3 : found === "failed" ? 2 : 0;
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(texts.length, 6);
  const answers = texts.map((strings) => {
    const data = Buffer.concat(strings.map((text) => Buffer.concat([Buffer.of(text.length), Buffer.from(text)])));
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc00c, 0); // the name of the question
    record.writeUInt16BE(16, 2); // TXT
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(60, 6);
    record.writeUInt16BE(data.length, 10);
    return Buffer.concat([record, data]);
  });
  return Buffer.concat([header, query.subarray(12, end), ...answers]);
}
