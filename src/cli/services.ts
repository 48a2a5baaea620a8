/** The services, as the flags and the environment have them. */
import { openServices, type OpenServices } from "../services/open.ts";
import type { GlobalFlags } from "./globals.ts";
import { networkOptions } from "./network.ts";
import type { Terminal } from "./talk/terminal.ts";

/**
 * To be closed when the work is over.
 *
 * @param relay address of the relay, if one was named
 * @param appView the same of the AppView
 * @throws as `networkOptions` and `openServices`
 */
export function servicesFor(globals: GlobalFlags, terminal: Terminal, relay?: string, appView?: string): OpenServices {
  return openServices({ ...networkOptions(globals, terminal), relay, appView, stateDir: globals.stateDir });
}
