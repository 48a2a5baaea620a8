/** Whether this process may use its terminal. One in the background is stopped by the system when it tries. */
import { readFileSync } from "node:fs";

/** True also where the system does not tell. */
export function ownsTerminal(): boolean {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    // Behind the name, which may hold anything: state, parent, group, session, terminal, group in the foreground.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[2] === fields[5];
  } catch {
    return true;
  }
}
