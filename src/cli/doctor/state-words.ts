/** The word that each line of the doctor begins with. */
import type { HealthCheck } from "../../migration/doctor/health.ts";
import type { Line } from "../talk/terminal.ts";

export const stateWords: Readonly<Record<HealthCheck["state"], Line[number]>> = {
  ok: { text: "ok       ", style: "green" },
  warning: { text: "warning  ", style: "yellow" },
  fault: { text: "fault    ", style: "red" },
  unknown: { text: "unknown  ", style: "yellow" },
};
