/** A job in one line for `sh`, where whatever starts it knows no failures. */
import { systemRules } from "../../services/system-rules.ts";
import type { Job } from "./jobs.ts";

const { quoted } = systemRules("linux");

/** @param notify what is run when one of them fails, as the user has written it */
export function shellLine({ commands, name }: Job, notify: string | undefined): string {
  const all = commands.map((words) => words.map(quoted).join(" ")).join(" && ");
  return notify === undefined ? all : `{ ${all}; } || DECAMP_FAILED=${name} /bin/sh -c ${quoted(notify)}`;
}
