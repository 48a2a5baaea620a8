/** What a run has to do with an insurance of this machine: a job remembers its end, a person hears of late ones. */
import { lateJob, rememberJob, type LateJob } from "../../../services/disk/remembered/insured-jobs.ts";
import type { Terminal } from "../terminal.ts";
import { plural } from "./amounts.ts";

/**
 * Remembers how a run has ended, if it is one of a job; else says it in one line where a job is long overdue, if
 * somebody sees it.
 *
 * @param job the name of the job, none unless it is one
 */
export async function tellInsurance(
  job: string | undefined,
  exitCode: number,
  stateDir: string,
  { err }: Pick<Terminal, "err">,
  now: number,
): Promise<void> {
  if (job !== undefined) {
    await rememberJob(stateDir, job, exitCode, now);
    return;
  }
  const late = await lateJob(stateDir, now);
  if (late !== undefined) {
    err.line({ text: "Warning:", style: "yellow" }, ` ${sentences(late)}`);
  }
}

function sentences({ kind, account, state, days, path, others }: LateJob): string {
  const what = {
    ended: `the last ${kind} of ${account} by a timer of this machine was ${plural(days, "day")} ago. See why it does not run.`,
    tried: `no ${kind} of ${account} by a timer of this machine has come to its end. The first try was ${plural(days, "day")} ago. See why it fails.`,
    ahead: `the last ${kind} of ${account} by a timer of this machine is remembered for a day that is yet to come. See whether the clock is right, and whether the timer runs.`,
  }[state];
  const more = others ? " Others are late, too." : "";
  return `${what}${more} If it is not wanted any more, remove ${path}.`;
}
