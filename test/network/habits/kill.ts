/** A move that is killed at every request that changes something at a server of another make, and gone on with. */
import { end } from "../../faults/faults.ts";
import { runDecamp, startDecamp } from "../run-decamp.ts";
import { into, type Cell } from "./cells.ts";
import type { Habit } from "./index.ts";

type Moment = readonly ["before" | "after", string];

function both(method: string): Moment[] {
  return [
    ["before", method],
    ["after", method],
  ];
}

/** In the order of a move. What a make does not have is no moment there. */
function momentsOf(habit: Habit): readonly Moment[] {
  return [
    ...both(habit === "cirrus" ? "com.atproto.server.createSession" : "com.atproto.server.createAccount"),
    ...both("com.atproto.repo.importRepo"),
    ...both("com.atproto.repo.uploadBlob"),
    ...(habit === "minimal" ? [] : both("app.bsky.actor.putPreferences")),
    ...both("com.atproto.identity.submitPlcOperation"),
    ...both("com.atproto.server.activateAccount"),
  ];
}

/** SIGKILL before the server gets the request, or when it has done what it says; then the same command again. */
export const moveInKilled: Cell = async (network, habit) =>
  into(network, habit, async ({ args }, { gate }) => {
    for (const [moment, kind] of momentsOf(habit)) {
      const run = startDecamp(args);
      const kill = async (): Promise<void> => {
        run.child.kill("SIGKILL");
        await run.ended;
      };
      const rule = gate.when({ kind, times: 1 }, end(moment, kill));
      const ended = await run.ended;
      gate.behave();
      if (ended.signal !== "SIGKILL") {
        const why = `was not killed ${moment} ${kind}${rule.hits.length === 0 ? ", which it did not ask for" : ""}`;
        return { ...ended, code: ended.code === 0 ? 1 : ended.code, stderr: `${ended.stderr}\n${why}` };
      }
    }
    return runDecamp(args);
  });
