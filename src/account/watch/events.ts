/** What a watch tells. */
import type { ForeignOperation } from "../../plc/foreign.ts";

export type WatchEvent =
  /** An operation that its owner is not known to have made. */
  | ({ readonly event: "operation"; readonly did: string; readonly directory: string } & ForeignOperation)
  /** A directory does not show an operation that was seen before, or that another one shows. */
  | { readonly event: "hidden"; readonly did: string; readonly directory: string; readonly cid: string }
  /** A directory gives a log that does not prove itself, or none. */
  | { readonly event: "invalid"; readonly did: string; readonly directory: string; readonly message: string }
  /** A directory has not answered for a day. @param since epoch milliseconds */
  | { readonly event: "silent"; readonly directory: string; readonly since: number }
  /** It answers again. */
  | { readonly event: "answers"; readonly directory: string; readonly since: number };
