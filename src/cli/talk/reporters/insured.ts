/** What a run has to do with an insurance of this machine: a job remembers that it ended well, a person hears of it. */
import { lateJob, rememberJob } from "../../../services/disk/remembered/insured-jobs.ts";
import type { Terminal } from "../terminal.ts";

/**
 * Remembers a run that was well, if it is one of a job; else says it in one line where a job is long overdue, if
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
    await (exitCode === 0 ? rememberJob(stateDir, job, now) : undefined);
    return;
  }
  const late = await lateJob(stateDir, now);
  if (late !== undefined) {
    const { kind, account, days, path } = late;
    err.line(
      { text: "Warning:", style: "yellow" },
      ` the last ${kind} of ${account} that ended well, by a timer of this machine, was ${days} days ago. `,
      `See why it does not run. If it is not wanted any more, remove ${path}.`,
    );
  }
}
