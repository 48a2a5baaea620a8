/** The services of a migration, as the flags and the environment have them. */
import { hostname } from "node:os";
import type { MigrationServices } from "../migration/context.ts";
import { openAccountServices } from "./account-services.ts";
import type { GlobalFlags } from "./globals.ts";
import { packageFacts } from "./package.ts";
import type { Terminal } from "./terminal.ts";

/** @throws DecampError `invalid-url`, `insecure-url` for the address of the directory */
export function openMigrationServices(
  globals: GlobalFlags,
  terminal: Terminal,
): { services: MigrationServices; close: () => Promise<void> } {
  const { services, close } = openAccountServices(globals, terminal);
  return {
    services: {
      ...services,
      writtenBy: `decamp ${packageFacts().version}`,
      lockOwner: { pid: process.pid, host: hostname(), isAlive },
    },
    close,
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
