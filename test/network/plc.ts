/** The real PLC directory, with its in-memory store. */
import { createRequire } from "node:module";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type * as PlcModule from "@did-plc/server";

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
  const server = plc.app.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
