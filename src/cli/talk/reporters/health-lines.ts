/** The word that each line of the doctor begins with. */
import type { HealthCheck } from "../../migration/doctor/health.ts";
import type { Line } from "../talk/terminal.ts";

export const stateWords: Readonly<Record<HealthCheck["state"], Line[number]>> = {
  ok: { text: "ok       ", style: "green", hangs: true },
  warning: { text: "warning  ", style: "yellow", hangs: true },
  fault: { text: "fault    ", style: "red", hangs: true },
  unknown: { text: "unknown  ", style: "yellow", hangs: true },
};
