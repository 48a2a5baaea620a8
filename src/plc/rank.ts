/**
 * Whether a key of the user's stands above every key of the server: only then it can undo, for 72 hours, what the
 * server signs (did:plc specification, "Key Rotation & Account Recovery").
 */
import { rotationKeysOf } from "./operation.ts";
import type { VerifiedLog } from "./log.ts";
import { keysOfServer } from "./server-keys.ts";

/** Where the first key of the user's stands. */
export type Rank =
  { readonly state: "none" } | { readonly state: "below" | "first"; readonly key: string; readonly message: string };

/**
 * Ranks the user's keys in the head of a log.
 *
 * @param own did:keys that are the user's, or that nobody but the user is likely to have added
 * @param held whether they are known to be held
 */
export function rankOf(log: VerifiedLog, own: readonly string[], held: boolean): Rank {
  const keys = rotationKeysOf(log.head.operation);
  const key = keys.find((one) => own.includes(one));
  if (key === undefined) {
    return { state: "none" };
  }
  const servers = keysOfServer(log, log.head.operation, held ? own : [], []);
  if (servers.some((server) => keys.indexOf(server) < keys.indexOf(key))) {
    return {
      state: "below",
      key,
      message: `A key of the server stands above ${key}, and could take back what it signs.`,
    };
  }
  const whose = held ? "Your key" : `A key that is no server's, as far as the log shows (${key}),`;
  const where = keys.length === 1 ? "is the only one in the identity" : "stands above those of the server";
  return { state: "first", key, message: `${whose} ${where}.` };
}
