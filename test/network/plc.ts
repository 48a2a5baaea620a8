/** The real PLC directory, with its in-memory store, and the `/export` that this store leaves empty. */
import { createRequire } from "node:module";
import { createServer, type ServerResponse } from "node:http";
import type * as PlcModule from "@did-plc/server";
import { listen, stopServer } from "./ports.ts";

// A CommonJS bundle whose default export vitest resolves otherwise than Node does: require is the same in both.
const { Database, PlcServer } = createRequire(import.meta.url)("@did-plc/server") as typeof PlcModule;

export interface RunningPlc {
  /** says `localhost`: a PDS refuses to fetch from an address literal */
  url: string;
  stop(): Promise<void>;
}

/** The most lines of a page, as the real one has it. */
const pageSize = 1000;

/** Starts a directory on a free port of 127.0.0.1. */
export async function startPlc(): Promise<RunningPlc> {
  const db = Database.mock();
  // What newer versions number, in the order in which it came.
  const numbers = new Map<string, number>();
  const all = (): {
    did: string;
    operation: unknown;
    cid: string;
    nullified: boolean;
    createdAt: string;
    seq: number;
  }[] =>
    Object.values(db.contents)
      .flat()
      .map(({ did, operation, cid, nullified, createdAt }) => ({
        did,
        operation,
        cid: cid.toString(),
        nullified,
        createdAt: createdAt.toISOString(),
      }))
      .sort((one, other) => (one.createdAt < other.createdAt ? -1 : one.createdAt > other.createdAt ? 1 : 0))
      .map((line) => {
        const seq = numbers.get(line.cid) ?? numbers.size + 1;
        numbers.set(line.cid, seq);
        return { ...line, seq };
      });
  db.exportOps = async (count, after) =>
    all()
      .filter(({ createdAt }) => after === undefined || Date.parse(createdAt) > after.getTime())
      .slice(0, count)
      .map((line) => ({ ...line, seq: undefined }) as unknown as Awaited<ReturnType<typeof db.exportOps>>[number]);
  const plc = PlcServer.create({ db });
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
    const after = searchParams.get("after") ?? "";
    if (pathname === "/export" && /^[0-9]+$/.test(after)) {
      const lines = all().filter(({ seq }) => seq > Number(after));
      sendLines(
        response,
        lines.slice(0, pageSize).map((line) => ({ type: "sequenced_op", ...line, nullified: undefined })),
      );
      return;
    }
    plc.app(request, response);
  });
  const port = await listen(server, 0);
  return {
    url: `http://localhost:${port}`,
    stop: async () => stopServer(server),
  };
}

function sendLines(response: ServerResponse, lines: readonly object[]): void {
  response.setHeader("content-type", "application/jsonlines");
  response.end(lines.map((line) => JSON.stringify(line)).join("\n"));
}
