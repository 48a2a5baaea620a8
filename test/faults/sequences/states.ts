/** The states of an account between two servers, as `decamp migrate status` names them, told from the truth. */
import type { ServerName } from "./actions.ts";
import type { World } from "./world.ts";

/** Every state. */
export const states = [
  "at-home",
  "not-begun",
  "begun",
  "frozen",
  "copy-active",
  "returned",
  "return-unfinished",
  "switched",
  "switched-empty",
  "switched-absent",
  "source-active",
  "source-unknown",
  "moved",
  "elsewhere",
  "home-absent",
  "taken-down",
  "home-unknown",
  "target-unknown",
] as const;

export type State = (typeof states)[number];

/**
 * What may be said of the move from one server to another.
 *
 * @param running the servers that can be asked
 * @returns the states that fit: more than one where two things are true at once
 */
export function statesThatFit(
  { home, lived, places }: World,
  running: ReadonlySet<ServerName>,
  from: ServerName,
  to: ServerName,
): State[] {
  if (home === undefined) {
    return ["elsewhere"];
  }
  const lost: State[] = [
    ...(running.has(home) ? [] : (["home-unknown"] as const)),
    ...(places[home].state === "taken-down" ? (["taken-down"] as const) : []),
    ...(places[home].state === "absent" && home !== to ? (["home-absent"] as const) : []),
  ];
  if (from === to) {
    return ["at-home", ...lost];
  }
  if (home !== from && home !== to) {
    return lost.length > 0 ? [...lost, "elsewhere"] : ["elsewhere"];
  }
  if (home === from) {
    const unknown: State[] = running.has(to) ? [] : ["target-unknown"];
    return lost.length + unknown.length > 0 ? [...lost, ...unknown] : beforeTheSwitch(from, to);
  }
  return !running.has(to) ? ["home-unknown", "target-unknown"] : afterTheSwitch();

  function beforeTheSwitch(source: ServerName, target: ServerName): State[] {
    const [there, here] = [places[source].state, places[target].state];
    if (lived.has(target) && here !== "absent") {
      return here === "active" || there !== "active" ? ["return-unfinished"] : ["returned"];
    }
    if (here === "active") {
      return ["copy-active"];
    }
    if (there === "deactivated") {
      return lived.has(target) ? ["frozen", "return-unfinished"] : ["frozen"];
    }
    // A copy that its operator has taken down can be asked about, and is no home.
    return here === "absent" ? ["not-begun"] : here === "taken-down" ? ["begun", "taken-down"] : ["begun"];
  }

  function afterTheSwitch(): State[] {
    const [there, here] = [places[from].state, places[to].state];
    if (here === "absent") {
      return ["switched-absent"];
    }
    if (here === "taken-down") {
      return ["taken-down"];
    }
    if (places[to].records.size === 0) {
      return here === "deactivated"
        ? ["switched-empty"]
        : ["switched-empty", "source-active", "source-unknown", "moved"];
    }
    if (here === "deactivated") {
      return ["switched"];
    }
    return !running.has(from) ? ["source-unknown"] : there === "active" ? ["source-active"] : ["moved"];
  }
}
