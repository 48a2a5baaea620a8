/** The states of an account between two servers, as `decamp migrate status` names them, told from the truth. */
import { whereStates, type WhereState } from "../../../src/account/where.ts";
import type { ServerName } from "./actions.ts";
import type { World } from "./world.ts";

/** Every state. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of an object literal are exactly these
export const states: readonly WhereState[] = Object.keys(whereStates) as WhereState[];

/** Who can be asked. */
type Running = ReadonlySet<ServerName>;

/** What may be said of an account without a move. */
export function statesOfHome({ home, places }: World, running: Running): WhereState[] {
  if (home === undefined) {
    return ["home-absent"];
  }
  const fit: WhereState[] = running.has(home) ? [] : ["home-unknown"];
  switch (places[home].state) {
    case "active":
      return [...fit, "at-home"];
    case "deactivated":
      return [...fit, "frozen"];
    case "absent":
      return [...fit, "home-absent"];
    case "taken-down":
      return [...fit, "taken-down"];
  }
}

/**
 * What may be said of a move.
 *
 * @param running the servers that can be asked
 * @returns the states that fit: more than one where two things are true at once
 */
export function statesThatFit(world: World, running: Running, from: ServerName, to: ServerName): WhereState[] {
  const { home, places } = world;
  if (from === to || home === undefined) {
    return statesOfHome(world, running);
  }
  if (!running.has(home)) {
    return ["home-unknown", ...(home === from || home === to ? [] : (["elsewhere"] as const))];
  }
  if (places[home].state === "taken-down") {
    return ["taken-down"];
  }
  if (places[home].state === "absent") {
    return home === to ? ["switched-absent"] : ["home-absent"];
  }
  if (home === to) {
    return statesAfter(world, running, from, to);
  }
  return home === from ? statesBefore(world, running, from, to) : ["elsewhere"];
}

/** The identity names the old server, which has the account. */
function statesBefore({ lived, places }: World, running: Running, from: ServerName, to: ServerName): WhereState[] {
  const dark = places[from].state !== "active";
  const copy = places[to].state;
  if (!running.has(to)) {
    return dark ? ["frozen", "target-unknown"] : ["target-unknown"];
  }
  if (copy === "active") {
    return lived.has(to) ? ["return-unfinished"] : dark ? ["copy-active", "frozen"] : ["copy-active"];
  }
  if (dark) {
    return lived.has(to) ? ["frozen", "return-unfinished"] : ["frozen"];
  }
  return copy === "absent" ? ["not-begun"] : lived.has(to) ? ["returned"] : ["begun"];
}

/** The identity names the new server, which has the account. */
function statesAfter({ places }: World, running: Running, from: ServerName, to: ServerName): WhereState[] {
  const there = places[from].state;
  const full: WhereState =
    places[to].state !== "active"
      ? "switched"
      : running.has(from)
        ? there === "active"
          ? "source-active"
          : "moved"
        : "source-unknown";
  if (places[to].records.size > 0) {
    return [full];
  }
  // A server shows only what is active: that one is empty and the other has more can be seen of two such accounts
  // alone.
  return places[to].state === "active" && there === "active" && running.has(from)
    ? ["switched-empty"]
    : ["switched-empty", full];
}
