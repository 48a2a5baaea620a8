/** What this machine remembers of a did:web, from its journals: a document says nothing of what was before it. */

import type { AnyIdentity, WebIdentity } from "../../account/web/any-identity.ts";
import type { WebMove } from "../../account/web/past.ts";
import type { DidDocument } from "../../identity/did-document.ts";
import { findJournals, temporaryKeysIn, type JournalState } from "../journal.ts";

/**
 * The identity with what the journals know of its past. Of a did:plc the log knows more.
 *
 * @throws DecampError `refused` if others may write to the folder of the journals; `storage`
 */
export async function recall(identity: AnyIdentity, stateDir: string): Promise<AnyIdentity> {
  return identity.log === undefined ? withJournals(identity, await findJournals(stateDir, identity.did)) : identity;
}

/** The same, with journals that were read. */
export function withJournals(identity: WebIdentity, journals: readonly JournalState[]): WebIdentity {
  const { past } = identity;
  const temporary = new Set(temporaryKeysIn(journals));
  const remembered = journals.flatMap(({ signingKeys = [] }) => signingKeys).filter((key) => !temporary.has(key));
  const moves = journals
    .toSorted((one, other) => ((one.at ?? "") < (other.at ?? "") ? -1 : 1))
    .flatMap(({ source, target, made = false, published = false }): WebMove[] =>
      source === undefined || target === undefined ? [] : [{ source, target, made, published }],
    );
  return { ...identity, past: { ...past, signingKeys: unique([...past.signingKeys, ...remembered]), moves } };
}

/** The identity as another document has it, with the past that is known already. */
export function seenAs({ past, ...identity }: WebIdentity, document: DidDocument): WebIdentity {
  const { pds: home, signingKey } = document;
  const signingKeys = unique([...(signingKey === undefined ? [] : [signingKey]), ...past.signingKeys]);
  return { ...identity, document, past: { ...past, home, signingKeys } };
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)];
}
