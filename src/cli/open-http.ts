/** The one way to the network, as the flags and the environment have it. */
import { Http } from "../services/http/http.ts";
import type { GlobalFlags } from "./globals.ts";
import { readLimits } from "./limit-flags.ts";
import { refuseUncheckedServers } from "./node-settings.ts";
import { packageFacts } from "./package.ts";
import type { Terminal } from "./talk/terminal.ts";

/**
 * With --verbose, every answer is told on stderr. Close it when the work is over.
 *
 * @throws DecampError `usage` for a proxy in the environment that cannot be used, for one that takes the safety out of TLS, and for
 *   a limit that is none
 */
export function openHttp(globals: GlobalFlags, terminal: Terminal): Http {
  refuseUncheckedServers(terminal.env);
  const { version } = packageFacts();
  const tells = globals.verbose && !globals.json;
  return new Http({
    allowPrivateHosts: globals.allowPrivateHosts,
    userAgent: `decamp/${version}`,
    limits: readLimits(globals.limit),
    proxyEnv: terminal.env,
    secrets: terminal.secrets,
    onWait: ({ host, milliseconds }) => {
      const until = new Date(Date.now() + milliseconds).toISOString();
      if (globals.json) {
        terminal.out.json({ type: "pending", version: 1, host, until });
      } else if (!globals.quiet) {
        terminal.err.line(`${host} takes no more requests for now. Waiting ${Math.ceil(milliseconds / 1000)} s …`);
      }
    },
    ...(tells
      ? {
          onAnswer: ({ method, url, status, milliseconds }) => {
            const text = `${method} ${url} ${status} ${Math.round(milliseconds)} ms`;
            terminal.err.line({ text, style: "dim" });
          },
        }
      : {}),
  });
}
