/** The real PLC directory, with its in-memory store. */
import { createRequire } from "node:module";
import { createServer } from "node:http";
import type * as PlcModule from "@did-plc/server";
import { listen, stopServer } from "./ports.ts";

// A CommonJS bundle whose default export vitest resolves otherwise than Node does: require is the same in both.
const { Database, PlcServer } = createRequire(import.meta.url)("@did-plc/server") as typeof PlcModule;

export interface RunningPlc {
  /** says `localhost`: a PDS refuses to fetch from an address literal */
  url: string;
  stop(): Promise<void>;
}

/** Starts a directory on a free port of 127.0.0.1. */
export async function startPlc(): Promise<RunningPlc> {
  const plc = PlcServer.create({ db: Database.mock() });
  const server = createServer(plc.app);
  const port = await listen(server, 0);
  return {
    url: `http://localhost:${port}`,
    stop: async () => stopServer(server),
  };
}
