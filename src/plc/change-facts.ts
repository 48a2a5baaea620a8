/**
 * What a change of an identity means for the one who has to confirm it: which server, which handle, whose keys leave,
 * come and stay with which rank, and who can undo it. Facts, and no words: `cli` has the sentences.
 */
import { changesServer, keysThatCameAlone } from "./came-alone.ts";
import { undoKeys } from "./history.ts";
import type { VerifiedLog } from "./log.ts";
import { contentOf, pdsOf, type SignedOperation, type UnsignedOperation } from "./operation.ts";
import { placeOperation } from "./place.ts";
import { handleAmong } from "./update.ts";

/** Who is known to own which rotation key (did:keys). Of a key that nobody names, nobody knows. */
export interface KeyKnowledge {
  /** Keys of the user's: held in this run, or named by them as their own. This goes before what a server says. */
  readonly user?: readonly string[];
  /** What the server that the identity names now calls its own. */
  readonly oldServer?: readonly string[];
  /** What the server that the identity will name calls its own, where that is another one. */
  readonly newServer?: readonly string[];
  /** Keys that may stay although nobody knows whose they are. They are not counted on for anything. */
  readonly accepted?: readonly string[];
  /** The keys of which one is going to sign; missing if nobody knows. */
  readonly signers?: readonly string[];
}

/** Whose a rotation key is, as far as that is known. */
export type KeyOwner = "user" | "old-server" | "new-server" | "unknown";

/** A rotation key, and what an operation does to it. */
export interface KeyFact {
  readonly key: string;
  readonly owner: KeyOwner;
  readonly change: "leaves" | "comes" | "stays";
  /** Its place before and after: 0 is the most powerful. */
  readonly rankBefore?: number;
  readonly rank?: number;
  /** It will stand above every key of the server that the identity will name. */
  readonly outranksServer?: true;
  /** The log shows that it once came by itself, and not with a server. */
  readonly cameAlone?: true;
  readonly accepted?: true;
}

/** What an operation means for whom it is about. */
export interface ChangeFacts {
  /** Origins, as the identity names them before and after. */
  readonly server: BeforeAndAfter;
  readonly handle: BeforeAndAfter;
  /** Every rotation key of before and after: those that leave, those that come, those that stay; each by rank. */
  readonly keys: readonly KeyFact[];
  /** How many rotation keys there will be. */
  readonly keyCount: number;
  readonly undo: UndoFacts;
}

/** What something is before an operation and after it; unset where there is none. */
export interface BeforeAndAfter {
  readonly before?: string;
  readonly after?: string;
}

/** Whether it can be undone in the 72 hours after the directory has taken it, and by whom. */
export interface UndoFacts {
  /** `depends`: on which of the keys that may sign it does; that is not known. */
  readonly possible: "yes" | "no" | "depends";
  /** The keys that can, or could; none of them is known to be a server's. */
  readonly keys: readonly string[];
}

/**
 * The facts about an operation that is planned.
 *
 * @throws DecampError `refused` as `placeOperation`
 */
export function changeFacts(log: VerifiedLog, operation: UnsignedOperation, known: KeyKnowledge): ChangeFacts {
  const { base, keys } = placeOperation(log, operation);
  const before = contentOf(log.head.operation) ?? contentOf(base.operation) ?? operation;
  return {
    server: change(pdsOf(before), pdsOf(operation)),
    handle: change(handleAmong(before.alsoKnownAs), handleAmong(operation.alsoKnownAs)),
    keys: keyFacts(log, before, operation, known),
    keyCount: new Set(operation.rotationKeys).size,
    undo: undoFacts(log, base.operation, operation, known, keys),
  };
}

/** The keys that are a server's, or that nobody vouches for: nobody is told to undo anything with them. */
export function serverKeysOf({ keys }: ChangeFacts): readonly string[] {
  return keys.flatMap(({ key, owner, accepted }) =>
    owner === "old-server" || owner === "new-server" || (owner === "unknown" && accepted === true) ? [key] : [],
  );
}

function change(before: string | undefined, after: string | undefined): BeforeAndAfter {
  return { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
}

function keyFacts(
  log: VerifiedLog,
  before: UnsignedOperation,
  after: UnsignedOperation,
  known: KeyKnowledge,
): readonly KeyFact[] {
  const [old, now] = [[...new Set(before.rotationKeys)], [...new Set(after.rotationKeys)]];
  const { user = [], oldServer = [], accepted = [] } = known;
  const moves = changesServer(before, after);
  const newServer = moves ? (known.newServer ?? []) : oldServer;
  const owner = (key: string): KeyOwner => {
    if (user.includes(key)) {
      return "user";
    }
    const isNew = moves && now.includes(key) && newServer.includes(key);
    return isNew ? "new-server" : oldServer.includes(key) ? "old-server" : "unknown";
  };
  const highest = now.findIndex((key) => newServer.includes(key) && !user.includes(key));
  const alone = keysThatCameAlone(log);
  const fact = (key: string): KeyFact => {
    const [rankBefore, rank] = [old.indexOf(key), now.indexOf(key)];
    return {
      key,
      owner: owner(key),
      change: rank < 0 ? "leaves" : rankBefore < 0 ? "comes" : "stays",
      ...(rankBefore < 0 ? {} : { rankBefore }),
      ...(rank < 0 ? {} : { rank }),
      ...(rank >= 0 && rank < highest ? { outranksServer: true } : {}),
      ...(alone.includes(key) ? { cameAlone: true } : {}),
      ...(accepted.includes(key) ? { accepted: true } : {}),
    };
  };
  return [
    ...old.filter((key) => !now.includes(key)),
    ...now.filter((key) => !old.includes(key)),
    ...now.filter((key) => old.includes(key)),
  ].map(fact);
}

/** @param allowed the keys that may sign it, the most powerful first */
function undoFacts(
  log: VerifiedLog,
  before: SignedOperation,
  after: UnsignedOperation,
  known: KeyKnowledge,
  allowed: readonly string[],
): UndoFacts {
  const { user = [], oldServer = [], newServer = [], accepted = [] } = known;
  const kept = [...user, ...keysThatCameAlone(log)];
  const servers = [...oldServer, ...newServer, ...accepted].filter((key) => !user.includes(key));
  const signers = allowed.filter((key) => known.signers?.includes(key) ?? true);
  // Whoever stands above the most powerful of them stands above all.
  const powers = signers.map((signer) => undoKeys(signer, before, after, { kept, servers }));
  const [least = [], most = []] = [powers[0], powers.at(-1)];
  if (least.length > 0) {
    return { possible: "yes", keys: least };
  }
  return { possible: most.length > 0 ? "depends" : "no", keys: most };
}
