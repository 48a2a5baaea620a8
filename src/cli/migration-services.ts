/** The services of a migration, as the flags and the environment have them. */
import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import { parseServerUrl } from "../identity/syntax.ts";
import type { MigrationServices } from "../migration/context.ts";
import { Pds } from "../services/pds.ts";
import { createPlcDirectory } from "../services/plc-directory.ts";
import { createHandleResolver } from "../services/resolver.ts";
import { createSeenHeads } from "../services/seen-heads.ts";
import type { GlobalFlags } from "./globals.ts";
import { openHttp } from "./http.ts";
import { packageFacts } from "./package.ts";
import type { Terminal } from "./terminal.ts";

/** @throws DecampError `invalid-url`, `insecure-url` for the address of the directory */
export function openMigrationServices(
  globals: GlobalFlags,
  terminal: Terminal,
): { services: MigrationServices; close: () => Promise<void> } {
  const plcUrl = parseServerUrl(globals.plcUrl, { allowPrivateHosts: globals.allowPrivateHosts });
  const http = openHttp(globals, terminal);
  return {
    services: {
      openPds: (origin) => new Pds(http, origin),
      directory: createPlcDirectory(http, plcUrl),
      handles: createHandleResolver(http),
      heads: createSeenHeads(globals.stateDir),
      now: () => Date.now(),
      sleep: async (milliseconds, signal) => setTimeout(milliseconds, undefined, { signal }),
      writtenBy: `decamp ${packageFacts().version}`,
      lockOwner: { pid: process.pid, host: hostname(), isAlive },
    },
    close: async () => http.close(),
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
