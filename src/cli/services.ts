/** The services, as the flags and the environment have them. */
import { openServices, type OpenServices } from "../services/open.ts";
import type { GlobalFlags } from "./globals.ts";
import { readLimits } from "./limit-flags.ts";
import { refuseUncheckedServers } from "./node-settings.ts";
import type { Terminal } from "./talk/terminal.ts";

/**
 * With --verbose, every answer is told on stderr. To be closed when the work is over.
 *
 * @param relay address of the relay, if one was named
 * @throws DecampError `invalid-url`, `insecure-url` for the address of the directory or the relay; `usage` for a proxy in the
 *   environment that cannot be used, for one that takes the safety out of TLS, and for a limit that is none
 */
export function servicesFor(globals: GlobalFlags, terminal: Terminal, relay?: string): OpenServices {
  refuseUncheckedServers(terminal.env);
  return openServices({
    plcUrl: globals.plcUrl,
    relay,
    stateDir: globals.stateDir,
    allowPrivateHosts: globals.allowPrivateHosts,
    limits: readLimits(globals.limit),
    env: terminal.env,
    secrets: terminal.secrets,
    onWait: ({ host, milliseconds }) => {
      const until = new Date(Date.now() + milliseconds).toISOString();
      if (globals.json) {
        terminal.out.json({ type: "pending", version: 1, host, until });
      } else if (!globals.quiet) {
        terminal.err.line(`${host} takes no more requests for now. Waiting ${Math.ceil(milliseconds / 1000)} s …`);
      }
    },
    ...(globals.verbose && !globals.json
      ? {
          onAnswer: ({ method, url, status, milliseconds }) => {
            const text = `${method} ${url} ${status} ${Math.round(milliseconds)} ms`;
            terminal.err.line({ text, style: "dim" });
          },
        }
      : {}),
  });
}
