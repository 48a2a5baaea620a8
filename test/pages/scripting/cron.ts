/** Runs the lines of a crontab as cron does: by `sh -c`, with no environment but what cron and the crontab give. */
import type { Ended, Machine } from "./machine.ts";

/** How a line ended. */
export interface Job extends Ended {
  readonly command: string;
}

/**
 * Runs every line once, in their order.
 *
 * @param variables of crontabs before; those of this one are added
 * @throws Error for a line that cron would not understand, or would cut off
 */
export async function runCrontab(text: string, machine: Machine, variables: Record<string, string>): Promise<Job[]> {
  const jobs: Job[] = [];
  for (const line of text.split("\n").filter((one) => !/^\s*(?:#|$)/.test(one))) {
    const [, name, value = ""] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      variables[name] = value;
      continue;
    }
    const [, command] = /^(?:[\d*][\d*/,-]*\s+){5}(\S.*)$/.exec(line) ?? [];
    if (command === undefined || command.includes("%")) {
      throw new Error(`cron does not take the line ${line}`);
    }
    const env = { SHELL: "/bin/sh", PATH: "/usr/bin:/bin", HOME: machine.at("/home"), LOGNAME: "alice", ...variables };
    jobs.push({ command, ...(await machine.run("/bin/sh", ["-c", command], { env })) });
  }
  return jobs;
}
