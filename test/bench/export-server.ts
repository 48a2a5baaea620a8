/**
 * A directory of very many identities, in a process of its own, so that its memory is not the watch's. Each log is one
 * operation, made from its number. `POST /add` has one of them changed. Says its address on the standard output.
 */
import { createServer } from "node:http";
import { operation, signed, testCid, testDid, testKey, type Json } from "../tools/plc.ts";

const [count = 0] = process.argv.slice(2).map(Number);
const key = await testKey("server");
const usual = { rotationKeys: [key.did], verificationMethods: { atproto: key.did } };

interface Line {
  readonly did: string;
  readonly operation: Json;
  readonly cid: string;
  readonly nullified: boolean;
  readonly createdAt: string;
}

const lines: Line[] = [];
const logs = new Map<string, Line[]>();
const add = (did: string, what: Json, time: number): Line => {
  const createdAt = new Date(time).toISOString();
  const line = { did, operation: what, cid: testCid(what), nullified: false, createdAt };
  lines.push(line);
  logs.set(did, [...(logs.get(did) ?? []), line]);
  return line;
};
for (let index = 0; index < count; index += 1) {
  const genesis = await signed(operation(null, { ...usual, alsoKnownAs: [`at://a${index}.example.com`] }), key);
  add(testDid(genesis), genesis, Date.UTC(2026, 0, 1) + index);
}
const dids = [...logs.keys()];

const change = async (did: string, time: number): Promise<string> => {
  const prev = logs.get(did)?.at(-1)?.cid ?? "";
  const content = { ...usual, alsoKnownAs: [`at://x${lines.length}.example.com`] };
  return add(did, await signed(operation(prev, content), key), time).cid;
};

const counts = { exports: 0, audits: 0 };
const server = createServer((request, response) => {
  // Whoever asks may be far ahead of our clock.
  response.sendDate = false;
  const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
  const [, did = "", log] = pathname.split("/");
  if (pathname === "/export") {
    counts.exports += 1;
    const after = searchParams.get("after") ?? "";
    const isNumber = /^[0-9]+$/.test(after);
    const from = isNumber
      ? Number(after)
      : lines.findIndex(({ createdAt }) => Date.parse(createdAt) > Date.parse(after));
    const page = from < 0 ? [] : lines.slice(from, from + 1000);
    response.end(
      page
        .map((line, index) =>
          JSON.stringify(isNumber ? { ...line, type: "sequenced_op", seq: from + index + 1 } : line),
        )
        .join("\n"),
    );
  } else if (pathname === "/add") {
    const chosen = dids[Number(searchParams.get("account"))] ?? "";
    void change(chosen, Number(searchParams.get("time"))).then((cid) => response.end(cid));
  } else if (pathname === "/dids") {
    response.end(dids.join("\n"));
  } else if (pathname === "/counts") {
    response.end(JSON.stringify(counts));
  } else if (log === "log") {
    counts.audits += 1;
    response.statusCode = logs.has(did) ? 200 : 404;
    response.end(JSON.stringify(logs.get(did) ?? {}));
  }
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(`http://localhost:${typeof address === "object" && address !== null ? address.port : 0}`);
});
