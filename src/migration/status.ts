/** Where an account stands, asked from both servers and the directory. Nothing is changed, and nobody has to sign in. */

import { findIdentity } from "../account/find.ts";
import { isDecampError } from "../errors.ts";
import { parseAccount, parseServerUrl } from "../identity/syntax.ts";
import { undoDeadline } from "../plc/history.ts";
import type { Pds } from "../services/pds.ts";
import { directoryTime } from "./checks/clock.ts";
import type { MigrationServices } from "./context.ts";
import { findJournals, type JournalState } from "./journal.ts";

/** What a server says about the account: one of the protocol's words, or one of ours for what it cannot say. */
export type PlaceState = "active" | "deactivated" | "absent" | "unreachable" | (string & {});

/** Where a move is: what of it holds, and what can be taken back. */
export type Phase = "not-begun" | "in-progress" | "identity-moved" | "source-active" | "done";

export interface MoveStatus {
  readonly source: { readonly url: string; readonly state: PlaceState };
  readonly target: { readonly url: string; readonly state: PlaceState };
  readonly phase: Phase;
  /** Whether everything that was done can still be undone with `decamp migrate cancel`. */
  readonly reversible: boolean;
  /** Whether the account was deactivated on the old server for the move. */
  readonly frozen: boolean;
  /** Until when a rotation key of higher rank can undo the change of the identity (ISO 8601); unset when it is over, or the clocks differ too much to tell. */
  readonly undoUntil?: string;
}

export interface AccountStatusReport {
  readonly did: string;
  readonly handle: string;
  /** Origin of the server that the identity names. */
  readonly livesAt: string | undefined;
  /** Every move that this machine knows of. */
  readonly moves: readonly MoveStatus[];
}

export interface StatusOptions {
  readonly account: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly stateDir: string;
  readonly allowPrivateHosts: boolean;
}

/**
 * Asks where an account stands. `to` (with `from`, or the server where it lives) names a move that this machine has no journal
 * of.
 *
 * @throws DecampError as `findIdentity`
 */
export async function migrationStatus(
  options: StatusOptions,
  services: MigrationServices,
  signal: AbortSignal,
): Promise<AccountStatusReport> {
  const account = parseAccount(options.account);
  const { allowPrivateHosts } = options;
  const origin = (url: string | undefined): string | undefined =>
    url === undefined ? undefined : parseServerUrl(url, { allowPrivateHosts });
  const [from, to] = [origin(options.from), origin(options.to)];
  const journals = await findJournals(options.stateDir, account);
  const identity = await findIdentity(services, account, { from, known: journals[0]?.did }, signal);
  const livesAt = identity.document.pds;
  const moves: JournalState[] =
    to === undefined
      ? journals
      : [
          {
            ...journals.find(({ target }) => target === to),
            source: from ?? sourceOf(journals, to) ?? livesAt ?? to,
            target: to,
          },
        ];
  const until = undoDeadline(identity.log.head);
  const now = directoryTime(services);
  return {
    did: identity.did,
    handle: identity.handle,
    livesAt,
    moves: await Promise.all(
      moves.map(async ({ source = "", target = "", frozen = false }) => {
        const [there, here] = await Promise.all([
          stateAt(services.openPds(source), identity.did, signal),
          stateAt(services.openPds(target), identity.did, signal),
        ]);
        const moved = livesAt === target;
        const phase = phaseOf(moved, there, here);
        return {
          source: { url: source, state: there },
          target: { url: target, state: here },
          phase,
          reversible: !moved,
          frozen: frozen && there === "deactivated" && !moved,
          ...(moved && now !== undefined && until > now ? { undoUntil: new Date(until).toISOString() } : {}),
        };
      }),
    ),
  };
}

function sourceOf(journals: readonly JournalState[], target: string): string | undefined {
  return journals.find((state) => state.target === target)?.source;
}

function phaseOf(moved: boolean, source: PlaceState, target: PlaceState): Phase {
  if (!moved) {
    return target === "absent" ? "not-begun" : "in-progress";
  }
  if (target !== "active") {
    return "identity-moved";
  }
  return source === "active" ? "source-active" : "done";
}

/** The state of the account on one server, as anybody can see it. */
export async function stateAt(pds: Pds, did: string, signal: AbortSignal): Promise<PlaceState> {
  try {
    const status = await pds.repoStatus(did, signal);
    if (status === undefined) {
      return "absent";
    }
    return status.active ? "active" : (status.status ?? "inactive");
  } catch (error) {
    if (isDecampError(error, "unreachable", "bad-answer", "server-refused", "rate-limited")) {
      return "unreachable";
    }
    throw error;
  }
}
