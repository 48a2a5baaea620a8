/** An insurance as lines of a crontab (crontab(5)): what a job prints is mailed by cron itself. */
import { jobVariable } from "../secret-kinds.ts";
import { jobsOf, shortName, type Insurance, type Job, type Units } from "./jobs.ts";
import { assigned, quoted, shellLine } from "./shell-line.ts";

export function cronLines(insurance: Insurance): Units {
  const lines = jobsOf(insurance).map((job) => {
    // A bare % ends a line of a crontab, and begins what the command reads.
    const line = `umask 077; export ${assigned(job)}; ${shellLine(job, insurance.notifyCommand)}`;
    return `${timeOf(job)}  ${line.replaceAll("%", "\\%")}`;
  });
  const short = shortName(insurance.account);
  const name = `decamp-${short}.crontab`;
  // Those that are in the crontab from before.
  const old = quoted(`/${jobVariable}=[a-z]*-${short.replaceAll(".", "\\.")}[; ]/d`);
  return {
    system: "cron",
    units: [{ name, path: "crontab", content: `${lines.join("\n")}\n` }],
    install: ["crontab -e"],
    place: (folder) => [`{ crontab -l 2>/dev/null | sed ${old}; cat ${quoted(`${folder}/${name}`)}; } | crontab -`],
  };
}

function timeOf({ id, minute }: Job): string {
  return { export: `${minute} 3 * * *`, watch: `${minute} * * * *`, check: `${minute} 5 * * 0` }[id];
}
