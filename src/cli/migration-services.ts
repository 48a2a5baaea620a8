/** The services of a migration, as the flags and the environment have them. */
import { parseServerUrl } from "../identity/addresses.ts";
import { createRelay } from "../services/servers/relay.ts";
import type { MigrationServices } from "../migration/context.ts";
import { openAccountServices } from "./account-services.ts";
import type { GlobalFlags } from "./globals.ts";
import { thisProcess } from "./lock-owner.ts";
import { packageFacts } from "./package.ts";
import type { Terminal } from "./talk/terminal.ts";

/** Asked about the new server when nobody names another one. Servers on private networks are no business of its. */
const publicRelay = "https://bsky.network";

/**
 * @param relay address of the relay, if one was named
 * @throws DecampError `invalid-url`, `insecure-url` for the address of the directory or the relay
 */
export function openMigrationServices(
  globals: GlobalFlags,
  terminal: Terminal,
  relay?: string,
): { services: MigrationServices; close: () => void } {
  const relayUrl = relay ?? (globals.allowPrivateHosts ? undefined : publicRelay);
  const relayOrigin = relayUrl === undefined ? undefined : parseServerUrl(relayUrl, globals);
  const { services, http, close } = openAccountServices(globals, terminal);
  return {
    services: {
      ...services,
      writtenBy: `decamp ${packageFacts().version}`,
      ...(relayOrigin === undefined ? {} : { relay: createRelay(http, relayOrigin) }),
      lockOwner: thisProcess(),
    },
    close,
  };
}
