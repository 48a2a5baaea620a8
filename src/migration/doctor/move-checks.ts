/** A move that was begun on this machine, and has not changed the identity: what is right depends on it. */

import { stateAt } from "../../account/places.ts";
import { isWebPast } from "../../account/web/past.ts";
import { livesAt, serversOf } from "../../account/where.ts";
import { expectedFailure } from "../../errors.ts";
import type { MigrationServices } from "../context.ts";
import { knownMoves, type KnownMove } from "../journal.ts";
import { found, type HealthCheck, type Subject } from "./health.ts";

/**
 * Looks for a move away from where the account lives, whose new server has a copy.
 *
 * @param stateDir folder of decamp's own state; no journal is read unless given
 */
export async function checkMove(
  services: MigrationServices,
  { did, past }: Subject,
  stateDir: string | undefined,
  signal: AbortSignal,
): Promise<HealthCheck | undefined> {
  const lived = isWebPast(past) ? [] : serversOf(past);
  const moves = (stateDir === undefined ? [] : await movesHere(stateDir, signal)).filter(
    (move) => move.did === did && livesAt(past, move.source) && !lived.includes(move.target),
  );
  for (const { target, begunAt } of moves) {
    const pds = services.openPds(target);
    const state = await stateAt(pds, did, signal, { attempts: 1 });
    if (state !== "absent") {
      const date = begunAt === undefined ? "" : ` on ${begunAt}`;
      return found("move", "warning", `A move to ${pds.host} was begun here${date}, and is not finished.`, {
        help: "This says how far it is, and how it goes on or back:",
        next: ["migrate", "status", did],
      });
    }
  }
  return undefined;
}

async function movesHere(stateDir: string, signal: AbortSignal): Promise<readonly KnownMove[]> {
  try {
    return (await knownMoves(stateDir)).moves;
  } catch (error) {
    expectedFailure(error, signal);
    return [];
  }
}

/** Findings in which the move that is under way goes before waking the account up where it was put to sleep for it. */
export function withMove(checks: readonly HealthCheck[], move: HealthCheck | undefined): readonly HealthCheck[] {
  if (move?.next === undefined) {
    return checks;
  }
  const { help = "", next } = move;
  const awake = checks.map((check) =>
    check.next?.[0] === "account" && check.next[1] === "activate" ? { ...check, help, next } : check,
  );
  return [move, ...awake];
}
