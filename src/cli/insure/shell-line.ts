/** A job in one line for `sh`, where whatever starts it knows no failures. */
import { systemRules } from "../../services/system-rules.ts";
import { failedVariable, noticeVariable } from "../secret-kinds.ts";
import { failureOf, type Job } from "./jobs.ts";

/** A word for `sh`. */
export const quoted: (word: string) => string = systemRules("linux").quoted;

/** What the job finds in its environment, as `export` takes it. */
export function assigned({ env }: Job): string {
  return env.map(([name, value]) => `${name}=${quoted(value)}`).join(" ");
}

/** @param notify what is run when one of them fails, as the user has written it */
export function shellLine({ commands, name, hasTold }: Job, notify: string | undefined): string {
  const all = commands.map((words) => words.map(quoted).join(" ")).join(" && ");
  if (notify === undefined) {
    return all;
  }
  const job = hasTold === undefined ? all : `${all} || [ $? -eq ${hasTold} ]`;
  const notice = quoted(failureOf(name, "Run its command by hand to see why."));
  return `{ ${job}; } || ${failedVariable}=${name} ${noticeVariable}=${notice} /bin/sh -c ${quoted(notify)}`;
}
