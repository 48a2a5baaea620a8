/** The one way to the network, as the flags and the environment have it. */
import { DecampError } from "../errors.ts";
import { Http } from "../services/http.ts";
import type { GlobalFlags } from "./globals.ts";
import { packageFacts } from "./package.ts";
import type { Terminal } from "./terminal.ts";

/** What names a proxy in the environment. Node would pass over a value that it cannot use, and go without one. */
const proxyVariables = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/**
 * With --verbose, every answer is told on stderr. Close it when the work is over.
 *
 * @throws DecampError `usage` for a proxy in the environment that cannot be used
 */
export function openHttp(globals: GlobalFlags, terminal: Terminal): Http {
  checkProxies(terminal.env);
  const { version } = packageFacts();
  const tells = globals.verbose && !globals.json;
  return new Http({
    allowPrivateHosts: globals.allowPrivateHosts,
    userAgent: `decamp/${version}`,
    proxyEnv: terminal.env,
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

function checkProxies(env: NodeJS.ProcessEnv): void {
  for (const name of proxyVariables) {
    const value = env[name] ?? "";
    // The value is not repeated: it may hold a password.
    if (value !== "" && !(/^https?:\/\//i.test(value) && URL.canParse(value))) {
      throw new DecampError("usage", `${name} in the environment is no address of a proxy that decamp can use.`, {
        hint: "It has to start with http:// or https://, as in http://proxy.example.com:3128. Correct it, or take it out.",
      });
    }
  }
}
