/** An operation that was signed elsewhere: judged against the log as it is now, and submitted. */

import { DecampError } from "../errors.ts";
import { compareSigned } from "../plc/diff.ts";
import { judgeOperation } from "../plc/judge.ts";
import {
  findSigner,
  normalizeOperation,
  operationCid,
  parseSignedOperation,
  rotationKeysOf,
  type PlcOperation,
} from "../plc/operation.ts";
import { placeOperation, predecessorAt, type Place } from "../plc/place.ts";
import { carryOut, type ChangeOptions, type ChangeParts, type ChangeResult } from "./change.ts";
import { directoryTime, timeAtDirectory } from "./directory-time.ts";
import { readAccount, type AccountLog } from "./find.ts";
import { submitOperation } from "./submit.ts";

/** An operation that somebody has signed, and what may be done with it. */
export interface SubmitRequest extends ChangeOptions {
  /** A handle or a DID. */
  readonly account: string;
  /** Origin of the server that is asked for the handle. */
  readonly from?: string | undefined;
  /** The signed operation, parsed JSON. */
  readonly operation: unknown;
  /** Whether it may nullify operations that are in the log. */
  readonly nullify: boolean;
}

/** What came of it: it was submitted, or was in the log already. */
export type SubmitResult = { readonly did: string; readonly state: "submitted" | "already-there" } & ChangeResult;

/**
 * Submits a signed operation.
 *
 * @throws DecampError `identity-invalid` for one that has not the form, `unsupported` for one that is no plc_operation,
 *   `head-moved` for one that does not follow the head, `refused` for one that must not be made, or is signed by a key
 *   without the power; and as `carryOut`
 */
export async function submitSigned(parts: ChangeParts, request: SubmitRequest): Promise<SubmitResult> {
  const { services, signal } = parts;
  const signed = parseSignedOperation(request.operation);
  if (signed.type !== "plc_operation") {
    throw new DecampError("unsupported", `decamp does not submit a ${signed.type}.`, {
      hint: "A tombstone ends an identity for good, and a create founds one.",
    });
  }
  const account = await readAccount(services, request.account, { ...request, anyState: true }, signal);
  const { did, log } = account;
  const cid = operationCid(signed);
  if (log.entries.some((entry) => entry.cid === cid)) {
    return { did, state: "already-there", ...(await readBack(parts, account, signed)) };
  }
  const operation = normalizeOperation(signed);
  requireHead(account, signed, request.nullify);
  const signer = findSigner(signed, rotationKeysOf(placeOperation(log, operation).base.operation));
  const known = signer === undefined ? {} : { signers: [signer] };
  const judgement = judgeOperation(log, operation, { byHand: true, known }, timeAtDirectory(services));
  const { place } = judgement;
  requireSignature(signed, place, directoryTime(services));
  const result = await carryOut(parts, { account, operation, judgement }, request, async () =>
    Promise.resolve(compareSigned(operation, signed, predecessorAt(place))),
  );
  return { did, state: "submitted", ...result };
}

/** Nothing is sent: the log has it. @throws DecampError `head-moved` if it was nullified */
async function readBack(
  { services, signal }: ChangeParts,
  { did, log }: AccountLog,
  operation: PlcOperation,
): Promise<ChangeResult> {
  const submitted = await submitOperation(
    services,
    {
      did,
      operation,
      cid: operationCid(operation),
      plannedHead: log.head.cid,
      host: "",
      send: () => Promise.reject(new TypeError("the log lost an operation that it had")),
    },
    signal,
  );
  return { ...submitted, differences: [], host: new URL(services.directory.origin).host };
}

function requireHead({ did, log }: AccountLog, operation: PlcOperation, nullify: boolean): void {
  if (operation.prev === log.head.cid || nullify) {
    return;
  }
  const { nullified } = placeOperation(log, operation);
  throw new DecampError(
    "head-moved",
    `This operation does not follow the head of the log, ${log.head.cid}, but an older one: it would nullify ${nullified.length} that came after.`,
    {
      hint: `See what they changed with decamp plc history ${did}. If they are to be undone, add --nullify; otherwise plan anew.`,
      data: { expected: operation.prev ?? undefined, found: log.head.cid, nullified: nullified.map(({ cid }) => cid) },
    },
  );
}

function requireSignature(
  operation: PlcOperation,
  { keys, nullified, deadline }: Place,
  now: number | undefined,
): void {
  if (deadline !== undefined && now !== undefined && now > deadline) {
    const end = new Date(deadline).toISOString();
    throw new DecampError("refused", `What it would nullify could be undone until ${end}, and not any more.`, {
      data: { reason: "too-late" },
    });
  }
  if (findSigner(operation, keys) === undefined) {
    const those = keys.length === 0 ? "No key may" : `These keys may: ${keys.join(", ")}`;
    const what = nullified.length > 0 ? "may nullify what came after the operation that it follows" : "may sign it";
    throw new DecampError("refused", `This operation is not signed by a key that ${what}. ${those}.`, {
      data: { reason: "key-without-power", keys },
    });
  }
}
