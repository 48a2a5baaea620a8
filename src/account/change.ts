/**
 * A change of an identity, from the plan to the log: it is shown, confirmed, signed, compared with what was shown, and
 * submitted. Nothing is sent before the confirmation.
 */

import { DecampError } from "../errors.ts";
import { parseServerUrl } from "../identity/addresses.ts";
import type { Difference, SignedAnswer } from "../plc/diff.ts";
import { serverKeysOf, type ChangeFacts } from "../plc/change-facts.ts";
import type { Judgement } from "../plc/judge.ts";
import { pdsOf, type UnsignedOperation } from "../plc/operation.ts";
import type { Pds } from "../services/servers/pds.ts";
import type { IdentityAnswers } from "./answers.ts";
import { requireNoErrors } from "./plan-move.ts";
import type { AccountLog } from "./find.ts";
import type { AccountServices } from "./services.ts";
import { ownerOf, signIn } from "./sign-in.ts";
import { notSent, submitOperation, type Submitted } from "./submit.ts";

/**
 * Who hands an operation to the directory: the server that it names, which then knows at once and tells the network; or
 * decamp itself, which needs no password.
 */
export type Route = "server" | "directory";

/** A change of an identity that nobody has signed yet. */
export interface ChangePlan {
  readonly account: AccountLog;
  readonly operation: UnsignedOperation;
  readonly judgement: Judgement;
}

/** A change of an identity that was made. */
export interface ChangeResult extends Submitted {
  readonly differences: readonly Difference[];
  /** What it means: server, handle, keys, and who can undo it; missing for what was in the log already. */
  readonly facts?: ChangeFacts;
  /** Whom the operation was sent to. */
  readonly host: string;
}

/** How a change of an identity gets to the log. */
export interface ChangeOptions {
  readonly route: Route;
  /** Allow `http:` and addresses of this machine and of home networks. */
  readonly allowPrivateHosts: boolean;
}

/** Whom a change of an identity needs. */
export interface ChangeParts {
  readonly services: AccountServices;
  readonly answers: IdentityAnswers;
  /** Called with the plan before it is confirmed. */
  readonly show: (plan: ChangePlan) => void;
  /** Origins of servers that the person has named: a password that was given beforehand may go there. */
  readonly named?: readonly string[] | undefined;
  readonly signal: AbortSignal;
}

/**
 * Carries out a change.
 *
 * @param sign makes the signed operation, once the change is confirmed
 * @param server the server that the operation names, if there is a session already
 * @throws DecampError `refused` at an error among the findings or without the confirmation, `operation-differs`,
 *   `head-moved`, and what signing in and submitting throw; each with data `identity`, as `submitOperation`
 */
export async function carryOut(
  parts: ChangeParts,
  plan: ChangePlan,
  options: ChangeOptions,
  sign: () => Promise<SignedAnswer>,
  server?: Pds,
): Promise<ChangeResult> {
  try {
    return await showAndSend(parts, plan, options, sign, server);
  } catch (error) {
    // An error after the sending carries its own standing, which `notSent` leaves as it is.
    throw notSent(error);
  }
}

async function showAndSend(
  parts: ChangeParts,
  plan: ChangePlan,
  options: ChangeOptions,
  sign: () => Promise<SignedAnswer>,
  server: Pds | undefined,
): Promise<ChangeResult> {
  const { services, answers, show, signal } = parts;
  const { account, judgement } = plan;
  const { did, handle = did, log } = account;
  show(plan);
  requireNoErrors(judgement.findings);
  const { differences, facts } = judgement;
  await answers.confirmIdentityChange({ did, handle, differences, facts });
  const pds = options.route === "directory" ? undefined : (server ?? (await openServer(parts, plan, options)));
  try {
    const signed = await sign();
    const { directory } = services;
    const host = pds?.host ?? new URL(directory.origin).host;
    const submitted = await submitOperation(
      services,
      {
        ...signed,
        did,
        plannedHead: log.head.cid,
        host,
        serverKeys: serverKeysOf(facts),
        send: async (sent, stop) =>
          pds === undefined ? directory.submit(did, sent, stop) : pds.submitPlcOperation(sent, stop),
      },
      signal,
    );
    return { ...submitted, differences, facts, host };
  } finally {
    if (pds !== server) {
      await pds?.signOut();
    }
  }
}

/** A session at the server that an operation names. */
async function openServer(
  { services, answers, named, signal }: ChangeParts,
  { account, operation }: ChangePlan,
  { allowPrivateHosts }: ChangeOptions,
): Promise<Pds> {
  const endpoint = pdsOf(operation);
  if (endpoint === undefined) {
    throw new DecampError("refused", "This operation names no server that it could be submitted through.", {
      hint: "Send it to the directory itself, with --via directory.",
    });
  }
  const pds = services.openPds(parseServerUrl(endpoint, { allowPrivateHosts }));
  const holdsIt = endpoint === pdsOf(account.log.head.operation);
  const password = holdsIt ? "sourcePassword" : "targetPassword";
  await signIn(services, pds, ownerOf(account, named), answers, password, signal);
  return pds;
}
