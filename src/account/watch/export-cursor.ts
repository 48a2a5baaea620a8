/**
 * How far the `/export` of a directory was read, by clocks that may differ. Either may be the wrong one: what is read
 * begins by the one that is behind, and ends by the one that is ahead.
 *
 * A number may lead anywhere: where nothing comes behind one, the next page begins by the time again.
 */
import {
  clockSkew,
  exportPage,
  nextCursor,
  type ExportCursor,
  type ExportLine,
} from "../../services/servers/plc-export.ts";

/** Our time (epoch milliseconds), and by how much the directory's clock is ahead of it. */
export interface TwoClocks {
  readonly now: number;
  readonly offset: number;
}

/** The earliest time that it may be. */
export function earliest({ now, offset }: TwoClocks): number {
  return now + Math.min(0, offset);
}

/** The latest. */
function latest({ now, offset }: TwoClocks): number {
  return now + Math.max(0, offset);
}

export class ExportPosition {
  cursor: ExportCursor;
  #time: number;
  #recent: ReadonlySet<string> = new Set();

  constructor(clocks: TwoClocks) {
    this.#time = earliest(clocks) - clockSkew;
    this.cursor = { time: this.#time };
  }

  /** Whether this line was on an earlier page. */
  hasSeen(cid: string): boolean {
    return this.#recent.has(cid);
  }

  /** A page was read. @returns whether it was full: then there may be more */
  advance(lines: readonly ExportLine[], watched: ReadonlySet<string>, clocks: TwoClocks): boolean {
    if (lines.length === 0) {
      this.cursor = { time: this.#time };
      return false;
    }
    const now = latest(clocks);
    this.cursor = nextCursor(this.cursor, lines, now);
    const byTime = nextCursor(
      { time: this.#time },
      lines.map(({ did, cid, time }) => ({ did, cid, time })),
      now,
      lines.length >= exportPage,
    );
    const time = "time" in byTime ? byTime.time : this.#time;
    this.#time = time;
    // Lines that a later page has again are known by then.
    this.#recent = new Set(lines.filter((line) => line.time > time && watched.has(line.did)).map(({ cid }) => cid));
    return lines.length >= exportPage;
  }
}
