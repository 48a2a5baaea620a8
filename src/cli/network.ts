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
 * With --verbose, every answer is told on stderr.
 *
 * @throws DecampError `usage` for an environment that takes the safety out of TLS, and for a limit that is none
 */
export function networkOptions(globals: GlobalFlags, terminal: Terminal): NetworkOptions {
  refuseUncheckedServers(terminal.env);
  return {
    plcUrl: globals.plcUrl,
    allowPrivateHosts: globals.allowPrivateHosts,
    limits: readLimits(globals.limit),
    limitRate: globals.limitRate,
    env: terminal.env,
    secrets: terminal.secrets,
    onWait: (wait) => tellWait(terminal, globals, wait),
    ...(globals.verbose && !globals.json
      ? {
          onAnswer: ({ method, url, status, milliseconds }) => {
            const text = `${method} ${url} ${status} ${Math.round(milliseconds)} ms`;
            terminal.err.line({ text, style: "dim" });
          },
        }
      : {}),
  };
}
