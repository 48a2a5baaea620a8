/** What was looked at, as lines: its state, what was seen, and what mends it. */
import type { HealthCheck } from "../../../migration/doctor/health.ts";
import type { Complete } from "../../next-command.ts";
import type { Channel, Line } from "../terminal.ts";
import { withLocalTimes } from "./amounts.ts";

/** The word that each of them begins with. */
const stateWords: Readonly<Record<HealthCheck["state"], Line[number]>> = {
  ok: { text: "ok       ", style: "green", hangs: true },
  warning: { text: "warning  ", style: "yellow", hangs: true },
  fault: { text: "fault    ", style: "red", hangs: true },
  unknown: { text: "unknown  ", style: "yellow", hangs: true },
};

/** The line of a finding. */
export function findingLine({ state, message }: Pick<HealthCheck, "state" | "message">): Line {
  return [stateWords[state], withLocalTimes(message)];
}

/** Prints findings, each with what to do about it. */
export function tellHealth(channel: Channel, checks: readonly HealthCheck[], complete: Complete): void {
  for (const { state, message, help, next } of checks) {
    const lines: Line[] = [
      findingLine({ state, message }),
      ...(help === undefined ? [] : [[`         ${withLocalTimes(help)}`]]),
      ...(next === undefined ? [] : [[`           ${complete(next)}`]]),
    ];
    lines.forEach((line) => channel.line(...line));
  }
}

/** The same for `--json`: with the commands complete. */
export function completeHealth(checks: readonly Pick<HealthCheck, "next">[], complete: Complete): readonly object[] {
  return checks.map(({ next, ...check }) => ({ ...check, ...(next === undefined ? {} : { next: complete(next) }) }));
}
