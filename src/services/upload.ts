import type { Readable } from "node:stream";

/** A body to send, opened anew for every attempt. */
export interface Upload {
  /** Bytes. */
  readonly length: number;
  readonly open: () => Readable;
}
