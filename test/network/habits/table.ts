/** What is tried with every make of server. docs/SERVERS.md has the table of what came of it. */
import * as cells from "./cells.ts";
import type { Cell } from "./cells.ts";
import type { Habit } from "./index.ts";
import { moveInKilled } from "./kill.ts";
import { restoreOnto } from "./restored.ts";

/** One field of the table: all of its cells have to hold. With none it is not tried. */
export interface Field {
  readonly cells: readonly Cell[];
  /** A move that cannot be: what is said, which its cell looks for, and why it is so. Nothing may be changed. */
  readonly refusal?: { readonly sentence: string; readonly why: string };
  /** What is different about it, a sentence. */
  readonly note?: string;
}

/** A column: what holds for all makes, and for those where it is otherwise. */
interface Column {
  /** What the page says where its cells hold. */
  readonly holds: string;
  readonly all: Field;
  readonly but?: Partial<Record<Habit, Field>>;
}

const moved = "moved and proved";
const notTried: Field = { cells: [] };

/** All columns, in their order. This is the one list of what is tried, and of what may be refused. */
export const columns: Readonly<Record<string, Column>> = {
  in: { holds: moved, all: { cells: [cells.moveIn, cells.moveInLate] }, but: { tranquil: notTried } },
  out: { holds: moved, all: { cells: [cells.moveOut] }, but: { tranquil: notTried } },
  back: { holds: moved, all: notTried },
  export: { holds: "exported and proved", all: { cells: [cells.exportIt] } },
  status: { holds: "says what is so", all: { cells: [cells.statusOf] } },
  cancel: { holds: "taken back and proved", all: { cells: [cells.cancelIt] }, but: { tranquil: notTried } },
  undo: { holds: "taken back and proved", all: notTried },
  "--freeze": { holds: moved, all: { cells: [cells.moveOutFrozen] }, but: { tranquil: notTried } },
  "after a kill": { holds: moved, all: { cells: [cells.moveInResumed, moveInKilled] }, but: { tranquil: notTried } },
  restore: { holds: "restored and proved", all: { cells: [restoreOnto] }, but: { tranquil: notTried } },
};

/** The field of this make in this column. */
export function fieldOf(column: string, habit: Habit): Field {
  const named = columns[column];
  if (named === undefined) {
    throw new Error(`there is no column ${column}`);
  }
  return named.but?.[habit] ?? named.all;
}
