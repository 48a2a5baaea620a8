/** The network, as the flags and the environment have it. */
import { openNetwork, type NetworkOptions, type OpenNetwork } from "../services/open-network.ts";
import type { GlobalFlags } from "./globals.ts";
import { readLimits } from "./limit-flags.ts";
import { refuseUncheckedServers } from "./node-settings.ts";
import { tellWait } from "./talk/reporters/waiting.ts";
import type { Terminal } from "./talk/terminal.ts";

/**
 * To be closed when the work is over.
 *
 * @throws as `networkOptions` and `openNetwork`
 */
export function networkFor(globals: GlobalFlags, terminal: Terminal): OpenNetwork {
  return openNetwork(networkOptions(globals, terminal));
}

/**
 * With --verbose, every request is told on stderr; in the log they all are.
 *
 * @throws DecampError `usage` for an environment that takes the safety out of TLS, and for a limit that is none
 */
export function networkOptions(globals: GlobalFlags, terminal: Terminal): NetworkOptions {
  refuseUncheckedServers(terminal.env);
  const isShown = globals.verbose && !globals.json;
  return {
    plcUrl: globals.plcUrl,
    allowPrivateHosts: globals.allowPrivateHosts,
    limits: readLimits(globals.limit),
    limitRate: globals.limitRate,
    env: terminal.env,
    secrets: terminal.secrets,
    onWait: (wait) => tellWait(terminal, globals, wait),
    ...(isShown || terminal.log.isOpen
      ? {
          onRequest: (request) => {
            terminal.log.record({ type: "request", ...request });
            if (isShown) {
              const { method, url, status, failure = "", milliseconds } = request;
              terminal.err.line({ text: `${method} ${url} ${status ?? failure} ${milliseconds} ms`, style: "dim" });
            }
          },
        }
      : {}),
  };
}
