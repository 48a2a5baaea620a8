/**
 * Opens what decamp talks to: servers, the directory, names, the disk, the clock. One function for the command line and
 * for the library, with a default for everything that has one.
 */
import { DecampError } from "../errors.ts";
import { isLoopback, parseServerUrl } from "../identity/addresses.ts";
import { publicAppView, publicRelay, stateDirectory } from "./defaults.ts";
import type { LockOwner } from "./disk/lock.ts";
import { thisProcess } from "./disk/lock-owner.ts";
import { createSeenHeads, type SeenHeads } from "./disk/seen-heads.ts";
import { openNetwork, type NetworkOptions } from "./open-network.ts";
import { packageFacts } from "./package.ts";
import { Pds, type OpenPds } from "./servers/pds.ts";
import type { PlcDirectory } from "./servers/plc-directory.ts";
import { createAppView, type AppView } from "./servers/app-view.ts";
import { createRelay, type Relay } from "./servers/relay.ts";
import { createHandleResolver, type HandleResolver } from "./servers/resolver.ts";
import { pause } from "./wait.ts";

/** What the use cases talk to. They get it, or a part of it, and never make it. */
export interface Services {
  readonly openPds: OpenPds;
  readonly directory: PlcDirectory;
  /** The document of a did:web, as parsed JSON. */
  readonly webDocument: (did: string, signal: AbortSignal) => Promise<unknown>;
  readonly handles: HandleResolver;
  /** The heads that earlier runs have seen. */
  readonly heads: SeenHeads;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /**
   * Milliseconds by which the clock of a server is ahead of ours, as its last answers told; undefined if nobody knows.
   */
  readonly clockOffset: (origin: string) => number | undefined;
  /** Resolves after so many milliseconds. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Name and version of what writes archives and certificates. */
  readonly writtenBy: string;
  /** Who holds the locks. */
  readonly lockOwner: LockOwner;
  /** The relay that is asked about the new server of a move, if any. */
  readonly relay?: Relay | undefined;
  /** The AppView that is asked what people see of an account, if any. */
  readonly appView?: AppView | undefined;
}

/** Services that were opened, and are to be closed. */
export interface OpenServices extends Services {
  /** Folder of decamp's own state: journals, heads, locks. */
  readonly stateDir: string;
  /** How many requests were sent so far, to whomever, repetitions counted. */
  readonly requestsSent: () => number;
  /** Ends what is under way, and the connections. */
  readonly close: () => void;
}

/** What may be said to `openServices`. Nothing has to be. */
export interface OpenOptions extends NetworkOptions {
  /** Address of the relay; https://bsky.network, unless given, and none where private hosts are allowed. */
  readonly relay?: string | undefined;
  /** The same of the AppView: https://public.api.bsky.app, unless given. */
  readonly appView?: string | undefined;
  /** Folder of decamp's own state; the one of the command line, unless given, with `XDG_STATE_HOME` of `env`. */
  readonly stateDir?: string;
  /** Name and version of what writes archives and certificates; decamp's own, unless given. */
  readonly writtenBy?: string;
}

/**
 * Opens the services. Nothing is asked for before somebody uses them, and nothing is written.
 *
 * @throws DecampError `invalid-url`, `insecure-url` for the address of the directory, relay or AppView; `usage` for a
 *   proxy in the environment that cannot be used
 */
export function openServices(options: OpenOptions = {}): OpenServices {
  const {
    relay: namedRelay,
    appView: namedView,
    stateDir,
    writtenBy = `decamp ${packageFacts.version}`,
    ...network
  } = options;
  const { env = {}, allowPrivateHosts = false } = options;
  // The one gate: an address may come from a document, a log or a journal, and is judged like one that was typed.
  const originOf = (url: string): string => parseServerUrl(url, { allowPrivateHosts });
  const given = (named: string | undefined, everybodys: string): string | undefined => {
    const url = named ?? (allowPrivateHosts ? undefined : everybodys);
    return url === undefined ? undefined : originOf(url);
  };
  const relay = given(namedRelay, publicRelay);
  const appView = given(namedView, publicAppView);
  const folder = stateDirectory(stateDir, env);
  const { http, directory, webDocument, close } = openNetwork(network);
  return {
    openPds: (origin, adminPassword) => {
      const server = originOf(origin);
      if (adminPassword !== undefined) {
        requireSafeWay(server, env);
      }
      return new Pds(http, server, adminPassword);
    },
    directory,
    webDocument,
    handles: createHandleResolver(http),
    heads: createSeenHeads(folder),
    now: () => Date.now(),
    clockOffset: (origin) => http.clocks.offset(origin),
    sleep: pause,
    writtenBy,
    lockOwner: thisProcess(),
    ...(relay === undefined ? {} : { relay: createRelay(http, relay) }),
    ...(appView === undefined ? {} : { appView: createAppView(http, appView) }),
    stateDir: folder,
    requestsSent: () => http.sent,
    close,
  };
}

/**
 * Makes sure that a password of an operator is seen by nobody on its way: it goes by https, or by http to this machine
 * itself, and then by no proxy.
 *
 * @throws DecampError `insecure-url`
 */
export function requireSafeWay(origin: string, env: Readonly<NodeJS.ProcessEnv>): void {
  const { protocol, hostname } = new URL(origin);
  const hasProxy = [env["HTTP_PROXY"], env["http_proxy"]].some((value) => (value ?? "") !== "");
  if (protocol !== "https:" && (hasProxy || !isLoopback(hostname))) {
    throw new DecampError(
      "insecure-url",
      `An admin password does not go to ${origin}: the way there is not encrypted.`,
      {
        hint: "Give the https address of the server. Without https it goes to this machine itself only, and by no proxy.",
        data: { host: new URL(origin).host },
      },
    );
  }
}
