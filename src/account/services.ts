/** What work on an identity talks to. A use case gets these, and never makes them. */

import type { OpenPds } from "../services/servers/pds.ts";
import type { PlcDirectory } from "../services/servers/plc-directory.ts";
import type { HandleResolver } from "../services/servers/resolver.ts";
import type { SeenHeads } from "../services/disk/seen-heads.ts";

export interface AccountServices {
  readonly openPds: OpenPds;
  readonly directory: PlcDirectory;
  /** The document of a did:web, as parsed JSON. */
  readonly webDocument: (did: string, signal: AbortSignal) => Promise<unknown>;
  readonly handles: HandleResolver;
  /** The heads that earlier runs have seen. */
  readonly heads: SeenHeads;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Milliseconds by which the clock of a server is ahead of ours, as its last answers told; undefined if nobody knows. */
  readonly clockOffset: (origin: string) => number | undefined;
  /** Resolves after so many milliseconds. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** What it takes to read an audit log. */
export type LogServices = Pick<AccountServices, "directory" | "heads" | "now" | "sleep">;
