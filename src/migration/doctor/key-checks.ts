/** The rotation keys of an identity as the doctor sees them. A log shows how a key came, and never whose it is. */

import { arrivals, keysThatCameAlone } from "../../plc/came-alone.ts";
import { undoPower } from "../../plc/history.ts";
import type { LogEntry, VerifiedLog } from "../../plc/log.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import { fine, found, shortKey, type HealthCheck } from "./health.ts";

/** How a key of the identity came, the last time that it did. */
interface Come {
  readonly key: string;
  /**
   * `alone`: by itself, as keys of users do. `replaced`: when one that had come by itself left. `server`: with a
   * server, or in the place of such a key.
   */
  readonly how: "alone" | "replaced" | "server";
  readonly entry: LogEntry;
  /** In an operation that decamp has made on this machine. */
  readonly here: boolean;
}

/**
 * Whether a key that may be the user's stands above those of servers.
 *
 * @param made operations that decamp has made on this machine
 * @param now epoch milliseconds by the directory's clock
 */
export function checkKeys(log: VerifiedLog, made: readonly string[], now: number): HealthCheck {
  const { did } = log;
  const keys = comeKeys(log, made);
  if (keys.length === 0) {
    return frozen(log, now);
  }
  const ranks = ranksOf(keys);
  const firstOfServers = keys.findIndex(({ how }) => how === "server");
  const strange = keys.find(({ how, here }) => how === "replaced" && !here);
  if (strange !== undefined) {
    const { key, entry } = strange;
    const message = `A key of unknown owner stands in the identity since ${entry.createdAt}, in the place of one that most likely was yours: ${shortKey(key)}.${ranks}`;
    return found("keys", "warning", message, {
      help: "If it is not yours, whoever holds it can change the identity. This shows what was done with it:",
      next: ["plc", "history", did],
    });
  }
  const at = keys.findIndex(({ how }) => how !== "server");
  const own = keys[at];
  if (own === undefined) {
    const message = `Servers alone can change the identity: no rotation key in it came by itself.${ranks}`;
    return found("keys", "warning", message, {
      help: 'With a key of your own you could leave a server that is gone or hostile: decamp help "rotation key".',
    });
  }
  const { key, here } = own;
  if (firstOfServers >= 0 && firstOfServers < at) {
    const message = `A rotation key that came by itself stands below a key of a server, which can take back what it signs: ${shortKey(key)}.${ranks}`;
    return found("keys", "fault", message, {
      help: here
        ? "decamp has put it there on this machine. This moves it up:"
        : `Is it yours? If you did not make it, leave it there, and see decamp plc history ${did}. Only if you made it, this moves it up:`,
      next: ["plc", "add-key", did, key],
    });
  }
  if (!holdsServerKey(log)) {
    const message = `No rotation key of a server stands in the identity: the server cannot change the handle, and may refuse to activate the account.${ranks}`;
    return found("keys", "warning", message, {
      help: "You may have meant it so. Once the account is deactivated, decamp plc repair puts one in again.",
    });
  }
  return fine(
    "keys",
    here
      ? `Your rotation key stands first: ${shortKey(key)}.`
      : `A rotation key that is no server's stands first: ${shortKey(key)}. It should be yours: decamp help "rotation key".`,
  );
}

/** No key is left: only what took the last one out can be taken back, and not for long. */
function frozen(log: VerifiedLog, now: number): HealthCheck {
  const { did, head } = log;
  const message = `No rotation key is left in the identity since ${head.createdAt}: nobody can change it, and the account cannot move.`;
  const undo = undoPower(log, head.cid);
  return undo !== undefined && undo.until >= now
    ? found("keys", "fault", message, {
        help: `Until ${new Date(undo.until).toISOString()} whoever holds the rotation key ${undo.keys.map(shortKey).join(" or ")} can take that back:`,
        next: ["plc", "recover", did, "--operation", head.cid],
      })
    : found("keys", "fault", message, {
        help: "Nobody can mend that. It lives as long as its server does; this makes an archive of it:",
        next: ["export", did],
      });
}

/** Whether a key of the identity may be the user's, as far as the log shows. */
export function mayHoldKey(log: VerifiedLog): boolean {
  return comeKeys(log, []).some(({ how }) => how === "alone");
}

/** Whether a key of the identity may be a server's: one that was put back later came by itself, too. */
export function holdsServerKey(log: VerifiedLog): boolean {
  const keys = comeKeys(log, []);
  return keys.length > 1 || keys.some(({ how }) => how !== "alone");
}

function comeKeys(log: VerifiedLog, made: readonly string[]): readonly Come[] {
  const alone = keysThatCameAlone(log);
  const all = arrivals(log);
  return [...new Set(rotationKeysOf(log.head.operation))].flatMap((key): Come[] => {
    const arrival = all.findLast((one) => one.keys.includes(key));
    if (arrival === undefined) {
      return [];
    }
    const { entry } = arrival;
    const here = made.includes(entry.cid);
    if (arrival.with === "nothing") {
      return [{ key, how: "alone", entry, here }];
    }
    const before = log.entries.find(({ cid }) => cid === entry.operation.prev);
    const gone = before === undefined ? [] : rotationKeysOf(before.operation);
    const took = gone.some((one) => alone.includes(one) && !rotationKeysOf(entry.operation).includes(one));
    return [{ key, how: took ? "replaced" : "server", entry, here }];
  });
}

/** The keys by rank, and how each came; nothing of a single one. */
function ranksOf(keys: readonly Come[]): string {
  if (keys.length < 2) {
    return "";
  }
  const words: Readonly<Record<Come["how"], string>> = {
    alone: "came by itself",
    replaced: "of unknown owner",
    server: "a server's",
  };
  const list = keys.map(
    ({ key, how, here }, index) =>
      `${index + 1}. ${shortKey(key)} (${here && how !== "server" ? "put in by decamp here" : words[how]})`,
  );
  return ` By rank: ${list.join(", ")}. For 72 hours a key can take back what one below it signs.`;
}
