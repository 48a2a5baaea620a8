/** A repository whose revision lies in the future is kept, and a warning names the revision. */
import { isFutureRev } from "../../repo/commit.ts";
import { timeOfRev } from "../../repo/head.ts";
import type { ExportOptions } from "./export-options.ts";

/** Says so if the revision of what was exported lies in the future. @returns whether it does */
export function warnOfFuture(rev: string, { now, report }: Pick<ExportOptions, "now" | "report">): boolean {
  const isFuture = isFutureRev(rev, now);
  if (isFuture) {
    report({
      type: "warning",
      code: "future-rev",
      message: `The revision of the repository, ${rev}, lies in the future: it names ${timeOfRev(rev) ?? "no time"}. The clock of its server was wrong when it was written, or that of this machine is wrong now. The data is kept.`,
    });
  }
  return isFuture;
}
