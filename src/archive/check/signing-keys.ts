/** The keys that an account has signed with, from its identity: what a commit of any time is checked against. */
import type { Limits } from "../../data/budgets.ts";
import { DecampError } from "../../errors.ts";
import { parseDidDocument } from "../../identity/did-document.ts";
import { isPlcDid, isWebDid } from "../../identity/names.ts";
import { proveLog, type VerifiedLog } from "../../plc/log.ts";
import { signingKeyOf } from "../../plc/operation.ts";

/** Where identities are looked up. Nothing that they answer is believed as it is. */
export interface IdentitySources {
  /** How large a log may be; the defaults, unless given. */
  readonly limits?: Limits;
  /** The audit log of a did:plc, as parsed JSON. */
  auditLog(did: string, signal: AbortSignal): Promise<unknown>;
  /** The document of a did:web, as parsed JSON. */
  webDocument(did: string, signal: AbortSignal): Promise<unknown>;
}

export interface SigningKey {
  readonly didKey: string;
  /** When it was replaced, ISO 8601; unset for the one that is current. */
  readonly until?: string;
  /** True for one that only the archive's own copy of the document names, of a did:web. */
  readonly remembered?: boolean;
}

/**
 * Every key that was ever the account's, by the verified log, the newest first; of a did:web the current one, because
 * it keeps no past.
 *
 * @throws DecampError `identity-invalid` if the log or the document is not in order; `unsupported` for other DID
 *   methods; whatever looking it up throws
 */
export async function fetchSigningKeys(
  did: string,
  sources: IdentitySources,
  signal: AbortSignal,
): Promise<SigningKey[]> {
  if (isPlcDid(did)) {
    const { limits } = sources;
    return keysOfLog(await proveLog(did, await sources.auditLog(did, signal), { signal, limits }));
  }
  if (isWebDid(did)) {
    const { signingKey } = parseDidDocument(await sources.webDocument(did, signal), did);
    return signingKey === undefined ? [] : [{ didKey: signingKey }];
  }
  throw new DecampError("unsupported", `The keys of ${did} cannot be looked up: this is neither did:plc nor did:web.`, {
    hint: "Give the key with --signing-key.",
  });
}

/** The same from a log that is verified already. */
export function keysOfLog(log: VerifiedLog): SigningKey[] {
  // The time at which each key was last replaced. A key that came back is current again.
  const until = new Map<string, string | undefined>();
  let current: string | undefined;
  for (const { operation, nullified, createdAt } of log.entries) {
    if (nullified) {
      continue;
    }
    const next = signingKeyOf(operation);
    if (current !== undefined && next !== current) {
      until.set(current, createdAt);
    }
    if (next !== undefined) {
      until.set(next, undefined);
    }
    current = next;
  }
  return log.signingKeys.map((didKey) => {
    const end = until.get(didKey);
    return end === undefined ? { didKey } : { didKey, until: end };
  });
}
