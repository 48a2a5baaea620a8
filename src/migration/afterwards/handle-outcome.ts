/** What has come of another handle, as it is seen in the end: in the document, at the server, and from outside. */

import { stateAt } from "../../account/places.ts";
import { readDocument } from "../../account/read-identity.ts";
import { expectedFailure, isDecampError, type DecampError } from "../../errors.ts";
import type { HandleChange } from "../../plc/handle-change.ts";
import { normalizeOperation } from "../../plc/operation.ts";
import type { Pds } from "../../services/servers/pds.ts";
import { handleFromOutside, whereItLeads, type SeenHandle } from "../checks/handle-outside.ts";
import type { MigrationServices } from "../context.ts";

/** What is going to happen. */
export interface HandlePlan {
  readonly did: string;
  /** The handle that the identity claims now, if it claims one. */
  readonly before?: string;
  readonly handle: string;
  /** Origin of the server that the identity names. */
  readonly server: string;
  /** Whether the server gives out names like it: then it needs no record. */
  readonly givenOut: boolean;
}

/** What came of it. */
export interface HandleSet extends HandlePlan {
  /** `same`: it was the handle already, and nothing was sent. */
  readonly state: "set" | "same";
  /** CID of the operation that brought it, and the key that signed it, a did:key; a did:web has none. */
  readonly operation?: string;
  readonly signer?: string;
  /** Where the handle leads, as it was seen in the end. */
  readonly leads: SeenHandle["seen"];
  /** The same as a sentence. */
  readonly message: string;
  /** What the server calls the account, if it says so. */
  readonly stated?: string;
  /** What somebody should look at. */
  readonly warnings: readonly string[];
}

/** What it takes to look. */
export interface Ending {
  readonly services: MigrationServices;
  readonly pds: Pds;
  readonly plan: HandlePlan;
  readonly allowPrivateHosts: boolean;
  readonly signal: AbortSignal;
}

/**
 * Looks at what has come of it.
 *
 * @param change what the log has, if it has anything new
 * @throws the signal's reason; nothing that the network says
 */
export async function outcomeOf(
  ending: Ending,
  state: HandleSet["state"],
  change: HandleChange | undefined,
): Promise<HandleSet> {
  const { services, pds, plan, signal } = ending;
  const { did, handle } = plan;
  const warnings: string[] = [];
  if (change !== undefined) {
    const { entry, more, between } = change;
    if (more.length > 0) {
      warnings.push(`The operation that ${pds.host} made changed more than the handle: ${more.join(", ")}.`);
    }
    if (between.length > 0) {
      warnings.push(`Meanwhile somebody else has changed the identity, too: ${between.join(", ")}.`);
    }
    if (entry.operation.type === "plc_operation") {
      const content = normalizeOperation(entry.operation);
      const document = await answered(async () => readDocument(services, did, content, signal), signal);
      if (isDecampError(document)) {
        warnings.push(`The log has it, and the DID document was not seen to show it: ${document.message}`);
      }
    }
  }
  const stated = await statedBy(ending);
  if (stated !== undefined && stated !== handle) {
    warnings.push(`${pds.host} calls the account ${stated} all the same.`);
  }
  const { seen, message } = await leadsNow(ending);
  return {
    ...plan,
    state,
    ...(change === undefined ? {} : { operation: change.entry.cid, signer: change.entry.signer }),
    leads: seen,
    message,
    ...(stated === undefined ? {} : { stated }),
    warnings,
  };
}

/** What the server calls the account, in lower case, if it says so. */
async function statedBy({ pds, plan, signal }: Ending): Promise<string | undefined> {
  const stated = await answered(async () => pds.statedHandle(plan.did, signal), signal);
  return isDecampError(stated) ? undefined : stated?.toLowerCase();
}

/** The answer, or why there is none: what is done is done, whoever answers. */
async function answered<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T | DecampError> {
  try {
    return await ask();
  } catch (error) {
    return expectedFailure(error, signal);
  }
}

/** Where the handle leads. Of a name that only its own server can know, that is asked. */
async function leadsNow({ services, pds, plan, allowPrivateHosts, signal }: Ending): Promise<SeenHandle> {
  const { did, handle, givenOut } = plan;
  const asker = { services, identity: { did }, options: { allowPrivateHosts }, signal };
  let found = givenOut ? await handleFromOutside(asker, handle) : await whereItLeads(asker, handle);
  if (found.seen === "not-asked") {
    const holder = await answered(async () => pds.resolveHandle(handle, signal), signal);
    if (isDecampError(holder)) {
      return { seen: "unreachable", message: `${holder.message} ${found.message}` };
    }
    found =
      holder === did
        ? { seen: "not-asked", message: `${pds.host} leads ${handle} to the account. ${found.message}` }
        : {
            seen: holder === undefined ? "nowhere" : "leads-elsewhere",
            message: `By what ${pds.host} says, ${handle} leads ${holder === undefined ? "to no account" : `to ${holder}`}.`,
          };
  }
  if (found.seen !== "nowhere") {
    return found;
  }
  const standing = await stateAt(pds, did, signal);
  return standing === "active"
    ? found
    : {
        ...found,
        message: `${found.message} The account is not active at ${pds.host} (${standing}), and many servers lead no handle to one that is not.`,
      };
}
