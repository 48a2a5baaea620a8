/** An insurance as lines of a crontab (crontab(5)): what a job prints is mailed by cron itself. */
import { jobsOf, shortName, type Insurance, type Job, type Units } from "./jobs.ts";
import { assigned, quoted, shellLine } from "./shell-line.ts";

export function cronLines(insurance: Insurance): Units {
  const lines = jobsOf(insurance).map((job) => {
    // A bare % ends a line of a crontab, and begins what the command reads.
    const line = `umask 077; export ${assigned(job)}; ${shellLine(job, insurance.notifyCommand)}`;
    return `${timeOf(job)}  ${line.replaceAll("%", "\\%")}`;
  });
  const name = `decamp-${shortName(insurance.account)}.crontab`;
  return {
    system: "cron",
    units: [{ name, path: "crontab", content: `${lines.join("\n")}\n` }],
    install: ["crontab -e"],
    place: (folder) => [`{ crontab -l 2>/dev/null; cat ${quoted(`${folder}/${name}`)}; } | crontab -`],
  };
}

function timeOf({ id, minute }: Job): string {
  return { export: `${minute} 3 * * *`, watch: `${minute} * * * *`, check: `${minute} 5 * * 0` }[id];
}
