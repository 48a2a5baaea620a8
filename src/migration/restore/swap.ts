/**
 * The first operation of a restore: it puts a temporary signing key into the identity, and keeps everything else, so
 * that all can be taken back. It may at the same time take back what somebody hostile has made.
 *
 * Tricky bits:
 * - An operation is taken back only when it was named. The one exception is a hostile server's answer to our own: it
 *   comes right after an operation with our temporary key, and is signed by a key that is taken to be the server's.
 * - Whoever signed what is taken back could do the same again. So the key of a server that did leaves with it.
 */

import { homeOf, livesAt, staysOf } from "../../account/where.ts";
import type { Cid } from "../../data/cid.ts";
import { DecampError } from "../../errors.ts";
import { changesServer } from "../../plc/came-alone.ts";
import { mostRotationKeys } from "../../plc/check.ts";
import { editOperation } from "../../plc/edit.ts";
import { judgeOperation, type Judgement } from "../../plc/judge.ts";
import type { LogEntry, VerifiedLog } from "../../plc/log.ts";
import { contentOf, rotationKeysOf, signingKeyOf, type UnsignedOperation } from "../../plc/operation.ts";
import { activeEntries, findRecoveries, findUnwanted, planRecovery, recoveryOperation } from "../../plc/recover.ts";

/** What the first operation depends on. */
export interface SwapWish {
  /** The signing key from now on, a did:key. */
  readonly temporaryKey: string;
  /** The did:keys that the user holds. */
  readonly heldKeys: readonly string[];
  /** Keys that are taken to be the old server's. */
  readonly serverKeys: readonly string[];
  /** CID of the operation that is to be taken back. */
  readonly nullify: string | undefined;
  /** Keys that were named to leave. They do so now only where the operation could not be made with them. */
  readonly dropKeys?: readonly string[] | undefined;
  /** Origin of the server that the identity named when this began. */
  readonly home: string;
}

export interface PlannedSwap {
  readonly operation: UnsignedOperation;
  readonly judgement: Judgement;
  /** What is taken back, oldest first. */
  readonly nullified: readonly LogEntry[];
}

/** The signing key that the account had before the temporary ones. */
export function lastOwnKey({ did, signingKeys }: VerifiedLog, temporaryKeys: readonly string[]): string {
  const key = signingKeys.find((one) => !temporaryKeys.includes(one));
  if (key === undefined) {
    throw new DecampError("identity-invalid", `The identity of ${did} has never named a signing key.`);
  }
  return key;
}

/**
 * Whether a key came to be the signing key, the first time, in an operation that changed nothing else, and that one of
 * these keys has signed: so comes a temporary key, also one that nobody remembers any more. A key that stood there
 * before and came back like that is the old one again: a temporary key is made anew each time.
 */
export function cameAsTemporary(log: VerifiedLog, signingKey: string, signers: readonly string[]): boolean {
  const chain = activeEntries(log);
  const index = chain.findIndex((entry) => namesKey(entry, signingKey));
  const [before, entry] = [chain[index - 1], chain[index]].map((one) => one && contentOf(one.operation));
  return (
    before !== undefined &&
    entry !== undefined &&
    signers.includes(chain[index]?.signer ?? "") &&
    !changesServer(before, entry) &&
    JSON.stringify([before.rotationKeys, before.alsoKnownAs]) ===
      JSON.stringify([entry.rotationKeys, entry.alsoKnownAs])
  );
}

/** Whether the identity is as the first operation has made it, and what was named is taken back. */
export function isSwapped(
  log: VerifiedLog,
  { temporaryKey, serverKeys, nullify }: Pick<SwapWish, "temporaryKey" | "serverKeys" | "nullify">,
): boolean {
  const { head } = log;
  return namesKey(head, temporaryKey) && !serverKeys.includes(head.signer) && stillThere(log, nullify) === undefined;
}

/**
 * What a server has made of our operation: the one right after it that a server's key has signed, as long as a key that
 * is held can take it back. One that cannot be taken back is only what the identity says.
 *
 * @param now epoch milliseconds by the directory's clock
 */
export function hostileAnswer(
  log: VerifiedLog,
  {
    temporaryKey,
    heldKeys,
    serverKeys,
  }: Pick<SwapWish, "heldKeys" | "serverKeys"> & { temporaryKey?: string | undefined },
  now: number,
): LogEntry | undefined {
  const chain = activeEntries(log);
  const ours = chain.findLastIndex(
    (entry) => temporaryKey !== undefined && namesKey(entry, temporaryKey) && !serverKeys.includes(entry.signer),
  );
  const answer = ours < 0 ? undefined : chain[ours + 1];
  return answer !== undefined &&
    serverKeys.includes(answer.signer) &&
    findRecoveries(log, heldKeys, now).some(({ unwanted }) => unwanted.cid === answer.cid)
    ? answer
    : undefined;
}

/** What is taken back: of what was named and a server's answer, the older one, which takes back the other. */
function unwantedIn(log: VerifiedLog, wish: Parameters<typeof baseOf>[1], now: number): Cid | undefined {
  const wanted = new Set([hostileAnswer(log, wish, now)?.cid, stillThere(log, wish.nullify)]);
  return activeEntries(log).find(({ cid }) => wanted.has(cid))?.cid;
}

/**
 * The operation that the next one of a restore follows: the head, or the one before what is taken back.
 *
 * @param now epoch milliseconds by the directory's clock
 */
export function baseOf(
  log: VerifiedLog,
  wish: Pick<SwapWish, "heldKeys" | "serverKeys" | "nullify"> & { readonly temporaryKey?: string | undefined },
  now: number,
): LogEntry {
  const chain = activeEntries(log);
  const unwanted = unwantedIn(log, wish, now);
  return chain[chain.findIndex(({ cid }) => cid === unwanted) - 1] ?? log.head;
}

/**
 * Plans the operation.
 *
 * @param now epoch milliseconds by the directory's clock
 * @throws DecampError `refused` as `planRecovery` for what cannot be taken back; with data `reason`: `home-changed` if
 *   the identity names another server than when this began
 */
export function planSwap(log: VerifiedLog, wish: SwapWish, now: number): PlannedSwap {
  const { temporaryKey, heldKeys, serverKeys, dropKeys = [], home } = wish;
  const unwanted = unwantedIn(log, wish, now);
  const intent = {
    signingKey: temporaryKey,
    userKeys: heldKeys,
    known: { user: heldKeys, oldServer: serverKeys, signers: heldKeys },
  };
  if (unwanted === undefined) {
    if (!livesAt(log, home)) {
      throw new DecampError(
        "refused",
        `The identity of ${log.did} names ${homeOf(log) ?? "no server"} by now, not ${home}.`,
        {
          hint: `See who changed that with decamp plc history ${log.did}`,
          data: { reason: "home-changed", operation: log.head.cid },
        },
      );
    }
    const keys = rotationKeysOf(log.head.operation);
    const leaving = keys.length > mostRotationKeys ? keys.filter((key) => dropKeys.includes(key)) : [];
    const operation = editOperation(log.head, { signingKey: temporaryKey, removeRotationKeys: leaving });
    const judgement = judgeOperation(log, operation, { ...intent, leavingKeys: leaving }, now);
    return { operation, judgement, nullified: [] };
  }
  const recovery = planRecovery(log, { unwanted, heldKeys, now });
  const before = rotationKeysOf(recovery.fork.operation);
  const signers = new Set(recovery.nullified.map(({ signer }) => signer));
  const isTooMany = before.length > mostRotationKeys;
  const leaving = before.filter(
    (key) => (signers.has(key) && serverKeys.includes(key)) || (isTooMany && dropKeys.includes(key)),
  );
  const undone = recoveryOperation(recovery, leaving);
  const operation = { ...undone, verificationMethods: { ...undone.verificationMethods, atproto: temporaryKey } };
  const judgement = judgeOperation(log, operation, { ...intent, leavingKeys: leaving }, now);
  return { operation, judgement, nullified: recovery.nullified };
}

/**
 * Stops a restore whose key cannot do what it is for.
 *
 * @param now epoch milliseconds by the directory's clock
 * @throws DecampError `refused` with data `reason`: as `planRecovery` for the operation that is named; for a key that
 *   is not in the identity, `key-without-power`, or why what took it out can no longer be taken back;
 *   `looks-hostile` for an operation that looks unwanted by itself and was not named
 */
export function requireRestorePower(
  log: VerifiedLog,
  { heldKeys, nullify }: Pick<SwapWish, "heldKeys" | "nullify">,
  now: number,
): void {
  const named = stillThere(log, nullify);
  if (named !== undefined) {
    planRecovery(log, { unwanted: named, heldKeys, now });
    return;
  }
  const hostile = findUnwanted(log, heldKeys, now);
  if (hostile !== undefined) {
    const { cid, createdAt, signer } = hostile.unwanted;
    throw new DecampError(
      "refused",
      `The operation ${cid} of ${createdAt}, signed by ${signer}, took power from your key. It can still be taken back.`,
      {
        hint: `See what it changed with decamp plc history ${log.did}. To take it back, and all after it, add --nullify ${cid}`,
        data: { reason: "looks-hostile", operation: cid, signer },
      },
    );
  }
  const keys = rotationKeysOf(log.head.operation);
  if (heldKeys.some((key) => keys.includes(key))) {
    return;
  }
  const taken = takenOut(log, heldKeys);
  if (taken !== undefined) {
    planRecovery(log, { unwanted: taken.cid, heldKeys, now });
  }
  throw new DecampError("refused", `Your key ${heldKeys.join(", ")} is none of the rotation keys of ${log.did}.`, {
    hint: "Is it the key of another account, or an older one? decamp key inspect FILE says which key a file has.",
    data: { reason: "key-without-power", keys },
  });
}

/**
 * The operation that took the identity where it is now, if a restore that is under way has not made it, and somebody
 * else than whoever put the temporary key there has signed it.
 */
export function strangeArrival(
  log: VerifiedLog,
  {
    temporaryKeys = [],
    signed,
  }: { readonly temporaryKeys?: readonly string[]; readonly signed?: { readonly cid: string } },
): LogEntry | undefined {
  const ours = activeEntries(log).filter((entry) => temporaryKeys.some((key) => namesKey(entry, key)));
  const arrival = staysOf(log).at(-1)?.arrival;
  const [first] = ours;
  return arrival === undefined ||
    first === undefined ||
    arrival.cid === signed?.cid ||
    ours.some(({ signer }) => signer === arrival.signer) ||
    log.entries.indexOf(arrival) < log.entries.indexOf(first)
    ? undefined
    : arrival;
}

/** The operation that is named, unless it is nullified already. @throws DecampError `refused` if there is none */
function stillThere(log: VerifiedLog, cid: string | undefined): Cid | undefined {
  const entry = log.entries.find((one) => one.cid === cid);
  if (cid !== undefined && entry === undefined) {
    throw new DecampError("refused", `There is no operation ${cid} in the log of ${log.did}.`, {
      data: { reason: "unknown-operation" },
    });
  }
  return entry === undefined || entry.nullified ? undefined : entry.cid;
}

/** The last operation that took one of these keys out. */
function takenOut(log: VerifiedLog, heldKeys: readonly string[]): LogEntry | undefined {
  const chain = activeEntries(log);
  return chain.findLast((entry, index) => {
    const before = chain[index - 1];
    const keys = before === undefined ? [] : rotationKeysOf(before.operation);
    return heldKeys.some((key) => keys.includes(key) && !rotationKeysOf(entry.operation).includes(key));
  });
}

function namesKey({ operation }: LogEntry, key: string): boolean {
  return signingKeyOf(operation) === key;
}
