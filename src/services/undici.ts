/**
 * The parts of undici that send requests. The whole of it also brings fetch, WebSockets, caches and more, and takes several
 * times as long to load, which is a good part of the time that a short command takes.
 */
import { createRequire, Module } from "node:module";
import type { Agent, Dispatcher, EnvHttpProxyAgent } from "undici";

/** A class that makes a dispatcher. */
type Maker<Options> = new (options: Options) => Dispatcher;
type RequestOptions = Omit<Dispatcher.RequestOptions, "origin" | "path">;
type Send = (this: Dispatcher, options: Dispatcher.RequestOptions) => Promise<Dispatcher.ResponseData>;

/** The parts have no types of their own. */
interface Parts {
  "undici/lib/dispatcher/agent.js": Maker<Agent.Options>;
  "undici/lib/api/api-request.js": Send;
  undici: { readonly EnvHttpProxyAgent: Maker<EnvHttpProxyAgent.Options> };
}

const require = createRequire(import.meta.url);

/**
 * By HTTP/1.1 alone: over a long way, one connection with a window for each stream is slower than a connection for each
 * request.
 */
const oneVersion = { allowH2: false } as const;

/** Connections to servers, a pool for each. */
export function openAgent(options: Agent.Options): Dispatcher {
  leaveOut("undici/lib/dispatcher/client-h2.js");
  const Opened = load("undici/lib/dispatcher/agent.js");
  return new Opened({ ...options, ...oneVersion });
}

/** The same by way of the proxy that the environment names: rare enough to load all of it. */
export function openProxyAgent(options: EnvHttpProxyAgent.Options): Dispatcher {
  const { EnvHttpProxyAgent: Opened } = load("undici");
  return new Opened({ ...options, ...oneVersion });
}

/** Sends a request; resolves when the headers of the answer are there. */
export async function request(
  dispatcher: Dispatcher,
  { origin, pathname, search }: URL,
  options: RequestOptions,
): Promise<Dispatcher.ResponseData> {
  const send = load("undici/lib/api/api-request.js");
  return send.call(dispatcher, { ...options, origin, path: `${pathname}${search}` });
}

/** A part that is asked for by another one and never called. With it, Node's own HTTP/2 stays away, which takes as long to load. */
function leaveOut(path: string): void {
  const id = require.resolve(path);
  if (require.cache[id] === undefined) {
    const part = new Module(id);
    part.loaded = true;
    part.exports = (): never => {
      throw new Error(`${path} was left out`);
    };
    require.cache[id] = part;
  }
}

function load<Path extends keyof Parts>(path: Path): Parts[Path] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as declared above
  return require(path) as Parts[Path];
}
