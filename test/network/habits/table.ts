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

/** The same with a make that has no place for preferences, where that is said. */
function partly(cells: readonly Cell[]): Field {
  return {
    cells,
    note: "All but the preferences, which have no place there. decamp says so, and ends with exit code 6.",
  };
}

const into = [cells.moveIn, cells.moveInLate];
const out = [cells.moveOut];
const frozen = [cells.moveOutFrozen];
const killed = [cells.moveInResumed, moveInKilled];

/** All columns, in their order. This is the one list of what is tried, and of what may be refused. */
export const columns: Readonly<Record<string, Column>> = {
  in: { holds: moved, all: { cells: into }, but: { tranquil: notTried, minimal: partly(into) } },
  out: { holds: moved, all: { cells: out }, but: { tranquil: notTried, minimal: partly(out) } },
  back: { holds: moved, all: notTried },
  export: { holds: "exported and proved", all: { cells: [cells.exportIt] } },
  status: { holds: "says what is so", all: { cells: [cells.statusOf] } },
  cancel: { holds: "taken back and proved", all: { cells: [cells.cancelIt] }, but: { tranquil: notTried } },
  undo: { holds: "taken back and proved", all: notTried },
  "--freeze": { holds: moved, all: { cells: frozen }, but: { tranquil: notTried, minimal: partly(frozen) } },
  "after a kill": { holds: moved, all: { cells: killed }, but: { tranquil: notTried, minimal: partly(killed) } },
  restore: {
    holds: "restored and proved",
    all: { cells: [restoreOnto] },
    but: { tranquil: notTried, minimal: partly([restoreOnto]) },
  },
};

/** The field of this make in this column. */
export function fieldOf(column: string, habit: Habit): Field {
  const named = columns[column];
  if (named === undefined) {
    throw new Error(`there is no column ${column}`);
  }
  return named.but?.[habit] ?? named.all;
}
