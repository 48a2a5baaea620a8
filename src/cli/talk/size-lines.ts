/** What the plan of a move or a restore says of sizes, of the disk and of the time. What is not known is left out. */
import type { MigrationPlan } from "../../migration/events.ts";
import { bytesText, countText } from "./reporters/amounts.ts";
import type { Line } from "./terminal.ts";

/** How large the account is. */
export function sizeLines(plan: MigrationPlan): Line[] {
  const { repoBytes, blobs, blobBytes } = plan;
  const about = isEstimate(plan) ? "about " : "";
  return [
    ...(repoBytes === undefined ? [] : [["Repository  ", bytesText(repoBytes)]]),
    ...(blobs === undefined
      ? []
      : [
          [
            "Blobs       ",
            blobBytes === undefined || blobs === 0
              ? countText(blobs)
              : `${countText(blobs)}, ${about}${bytesText(blobBytes)} together`,
          ],
        ]),
  ];
}

/** Whether `blobBytes` is reckoned from fewer blobs than there are. */
function isEstimate({ blobs = 0, sampled = blobs }: MigrationPlan): boolean {
  return sampled < blobs;
}

/** Whether there is room, and how long it takes. */
export function roomLines(plan: MigrationPlan): Line[] {
  const { free, seconds, repoBytes = 0, blobBytes = 0, sampled } = plan;
  // What the archive has already needs no room.
  const needed = sampled === undefined ? 0 : repoBytes + blobBytes;
  return [
    ...(free === undefined ? [] : [["Free space  ", `${bytesText(free)} on the disk of the archive`]]),
    ...(free === undefined || needed <= free
      ? []
      : [
          [
            {
              text: `The archive needs about ${bytesText(needed)}: that is more than is free.`,
              style: "yellow",
            } as const,
          ],
        ]),
    ...(seconds === undefined
      ? []
      : [
          ["Time        ", `${timeRange(seconds)} for the data, and what your answers take`],
          [{ text: `            ${basis(plan)}`, style: "dim" } as const],
        ]),
  ];
}

/** What the time is made from. */
function basis({ blobs = 0, sampled = 0 }: MigrationPlan): string {
  const fetched =
    sampled === 0
      ? "the repository was"
      : sampled < blobs
        ? `${countText(sampled)} of the blobs were`
        : "repository and blobs were";
  return `by how fast ${fetched} fetched just now; how fast your new server is shows later`;
}

/** "less than a minute", "about 2 to 8 minutes", "about 50 minutes to 3 hours". Seconds. */
export function timeRange({ least, most }: { readonly least: number; readonly most: number }): string {
  if (most < 60) {
    return "less than a minute";
  }
  const [from, to] = [roundTime(least), roundTime(most)];
  const until = `${countText(to.count)} ${to.unit}${to.count === 1 ? "" : "s"}`;
  if (from.unit !== to.unit) {
    return `about ${from.count} ${from.unit}${from.count === 1 ? "" : "s"} to ${until}`;
  }
  return from.count === to.count ? `about ${until}` : `about ${countText(from.count)} to ${until}`;
}

/** Up to the next minute, to the next five from ten on, to the next hour from two on. */
function roundTime(seconds: number): { readonly count: number; readonly unit: "minute" | "hour" } {
  const minutes = Math.max(1, Math.ceil(seconds / 60));
  return minutes < 10
    ? { count: minutes, unit: "minute" }
    : minutes < 120
      ? { count: Math.ceil(minutes / 5) * 5, unit: "minute" }
      : { count: Math.ceil(minutes / 60), unit: "hour" };
}
