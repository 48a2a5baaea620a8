/**
 * What it takes to look an identity up, without what servers of accounts need: a command that does no more loads no
 * more.
 */
import { parseServerUrl } from "../identity/addresses.ts";
import { defaultPlcUrl } from "./defaults.ts";
import { Http, type HttpOptions } from "./http/http.ts";
import { packageFacts } from "./package.ts";
import { fetchWebDocument } from "./servers/did-web.ts";
import { createPlcDirectory, type PlcDirectory } from "./servers/plc-directory.ts";

/** What may be said about the network. Nothing has to be. */
export interface NetworkOptions extends Omit<Partial<HttpOptions>, "proxyEnv"> {
  /** Address of the directory of did:plc; https://plc.directory, unless given. */
  readonly plcUrl?: string;
  /** The environment, of which `HTTPS_PROXY` and its like are followed; none, unless given. */
  readonly env?: Readonly<NodeJS.ProcessEnv>;
}

/** The network, open. */
export interface OpenNetwork {
  readonly http: Http;
  readonly directory: PlcDirectory;
  /** The document of a did:web, as parsed JSON. */
  readonly webDocument: (did: string, signal: AbortSignal) => Promise<unknown>;
  /** Ends what is under way, and the connections. */
  readonly close: () => void;
}

/**
 * Opens the network. Nothing is asked for before somebody uses it.
 *
 * @throws DecampError `invalid-url`, `insecure-url` for the address of the directory; `usage` for a proxy in the
 *   environment that cannot be used
 */
export function openNetwork(options: NetworkOptions): OpenNetwork {
  const { plcUrl = defaultPlcUrl, env, allowPrivateHosts = false, ...rest } = options;
  const origin = parseServerUrl(plcUrl, { allowPrivateHosts });
  const http = new Http({
    userAgent: `decamp/${packageFacts.version}`,
    ...rest,
    allowPrivateHosts,
    ...(env === undefined ? {} : { proxyEnv: env }),
  });
  return {
    http,
    directory: createPlcDirectory(http, origin),
    webDocument: async (did, signal) => fetchWebDocument(http, did, signal),
    close: () => http.close(),
  };
}
