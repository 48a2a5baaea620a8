/**
 * The head of every audit log that was seen, one small file a DID. What no log can show, a newest operation that is
 * held back, is noticed with it: a log that no longer has the head that was seen last.
 */

import { isJsonObject } from "../../data/json-object.ts";
import { DecampError } from "../../errors.ts";
import { joinPath, writeShared } from "./files.ts";
import { madeHere, noteMade } from "./remembered/made-operations.ts";
import { ownFolder, readOwn } from "./own-files.ts";

export interface SeenHead {
  readonly did: string;
  /** CID of the operation. */
  readonly cid: string;
  /** ISO 8601. */
  readonly seenAt: string;
  /** Where it is kept, for messages; unset where that is `SeenHeads.place`. */
  readonly place?: string;
  /** Another one that was seen, of which nobody knows whether it came before: a log has to have both. */
  readonly besides?: SeenHead;
}

/** The heads of logs that were seen, by their DIDs. */
export interface SeenHeads {
  /**
   * @throws DecampError `damaged` if the file is not as decamp writes it; `refused`, `unreadable-file` as own-files.ts;
   *   `storage`
   */
  recall(did: string): Promise<SeenHead | undefined>;
  /** Durable when it resolves. @throws DecampError `refused` as own-files.ts, `storage` */
  remember(head: SeenHead): Promise<void>;
  /**
   * Remembers that decamp is about to submit an operation, so that a watch knows whose it is. @param cid its own, or
   * that of its content where a server is going to sign it (`contentCid`) @throws as `remember`
   */
  noteMade?(did: string, cid: string): Promise<void>;
  /** What decamp has made of it on this machine, as far as that can be read. @throws the signal's reason */
  made?(did: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Where the head of a DID is kept, for messages. */
  place(did: string): string;
}

const folder = "heads";

/** @param stateDir folder of decamp's own state */
export function createSeenHeads(stateDir: string): SeenHeads {
  const place = (did: string): string => joinPath(stateDir, folder, `${did.replaceAll(/[^a-zA-Z0-9.]+/g, "-")}.json`);
  return {
    place,
    recall: async (did) => {
      await ownFolder(stateDir, folder);
      const bytes = await readOwn(place(did));
      return bytes === undefined ? undefined : parse(new TextDecoder().decode(bytes), did, place(did));
    },
    remember: async ({ did, cid, seenAt }) => {
      await ownFolder(stateDir, folder, true);
      await writeShared(place(did), `${JSON.stringify({ did, cid, seenAt })}\n`);
    },
    noteMade: async (did, cid) => noteMade(stateDir, did, cid),
    made: async (did, signal) => madeHere(stateDir, did, signal),
  };
}

function parse(text: string, did: string, path: string): SeenHead {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value) && value["did"] === did) {
      const { cid, seenAt } = value;
      if (typeof cid === "string" && typeof seenAt === "string") {
        return { did, cid, seenAt };
      }
    }
  } catch {
    // falls through to the one sentence
  }
  throw new DecampError("damaged", `${path} does not say which operation of ${did} was seen last.`, {
    hint: "It was written by decamp. If you know that nobody else touched it, remove it.",
    data: { path },
  });
}
