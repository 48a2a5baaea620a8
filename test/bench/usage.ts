/** Loaded into a process with `--import`: when that ends, it writes down in `USAGE_FILE` what it has cost. */
import { writeFileSync } from "node:fs";

/** What a process has cost. */
export interface Usage {
  /** seconds, of the process and of the system for it */
  cpu: number;
  /** at most, in 10^6 bytes */
  megabytes: number;
}

process.on("exit", () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const usage: Usage = { cpu: (userCPUTime + systemCPUTime) / 1e6, megabytes: (maxRSS * 1024) / 1e6 };
  writeFileSync(process.env["USAGE_FILE"] ?? "", JSON.stringify(usage));
});
