/** How far the `/export` of a directory was read. */
import {
  clockSkew,
  earliest,
  exportPage,
  nextCursor,
  type ExportCursor,
  type ExportLine,
  type TwoClocks,
} from "../../services/servers/plc-export.ts";

export class ExportPosition {
  cursor: ExportCursor;
  #recent: ReadonlySet<string> = new Set();

  constructor(clocks: TwoClocks) {
    this.cursor = { time: earliest(clocks) - clockSkew };
  }

  /** Whether this line was on an earlier page. */
  hasSeen(cid: string): boolean {
    return this.#recent.has(cid);
  }

  /** A page was read. @returns whether it was full: then there may be more */
  advance(lines: readonly ExportLine[], watched: ReadonlySet<string>, clocks: TwoClocks): boolean {
    const cursor = nextCursor(this.cursor, lines, clocks);
    this.cursor = cursor;
    const again = "time" in cursor ? lines.filter(({ did, time }) => time > cursor.time && watched.has(did)) : [];
    this.#recent = new Set(again.map(({ cid }) => cid));
    return lines.length >= exportPage;
  }
}
