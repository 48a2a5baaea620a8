/** A job in one line for `sh`, where whatever starts it knows no failures. */
import { systemRules } from "../../services/system-rules.ts";
import type { Job } from "./jobs.ts";

const { quoted } = systemRules("linux");

/** What the job finds in its environment, as `export` takes it. */
export function assigned({ env }: Job): string {
  return env.map(([name, value]) => `${name}=${quoted(value)}`).join(" ");
}

/** @param notify what is run when one of them fails, as the user has written it */
export function shellLine({ commands, name }: Job, notify: string | undefined): string {
  const all = commands.map((words) => words.map(quoted).join(" ")).join(" && ");
  return notify === undefined ? all : `{ ${all}; } || DECAMP_FAILED=${name} /bin/sh -c ${quoted(notify)}`;
}
