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

/** Of one that shows nothing of a copy. */
const later =
  "With `--prove-after-activation` and a rotation key of one's own that stands above the server's: it shows nothing of a copy, so what it has is proved once the account is active there. Without both it is refused, and nothing is changed.";

const into = [cells.moveIn, cells.moveInLate];
const out = [cells.moveOut];
const killed = [cells.moveInResumed, moveInKilled];

/** A freeze that is taken back at once. */
const unreadable: Field = {
  cells: [cells.moveOutFrozen],
  refusal: {
    sentence: "does not give out an account that is deactivated there, not even to its owner",
    why: "The account is active again at once, and moves without `--freeze`.",
  },
};

/** An account that has not lived behind an entryway. */
const strange: Field = {
  cells: [cells.refuseNew],
  refusal: {
    sentence: "requires bringing a DID",
    why: "Such a server takes in no account that has not lived behind it: `back` is the way of those that have.",
  },
};

/** All columns, in their order. This is the one list of what is tried, and of what may be refused. */
export const columns: Readonly<Record<string, Column>> = {
  in: {
    holds: moved,
    all: { cells: into },
    but: {
      tranquil: { cells: [cells.moveIn, cells.refuseIt], note: later },
      minimal: partly(into),
      entryway: strange,
    },
  },
  out: { holds: moved, all: { cells: out }, but: { minimal: partly(out) } },
  // What a server has from before and shows to nobody is not replaced.
  back: {
    holds: moved,
    all: { cells: [cells.moveBack, cells.moveHome] },
    but: {
      cocoon: {
        cells: [cells.moveBack],
        note: "Away from it, and home to the server before. A return to an account that has left it stops before the identity changes: it shows no blob of a deactivated account, so none can be proved to be there.",
      },
      tranquil: { cells: [cells.moveBack] },
      minimal: partly([cells.moveBack, cells.moveHome]),
      entryway: { cells: [cells.moveHome], note: "To the host behind it where the account has lived." },
    },
  },
  export: { holds: "exported and proved", all: { cells: [cells.exportIt] } },
  status: { holds: "says what is so", all: { cells: [cells.statusOf] } },
  cancel: { holds: "taken back and proved", all: { cells: [cells.cancelIt] }, but: { entryway: strange } },
  undo: {
    holds: "taken back and proved",
    all: { cells: [cells.undoIt] },
    but: { tranquil: { cells: [cells.undoIt, cells.takeBack] }, entryway: strange },
  },
  "--freeze": {
    holds: moved,
    all: { cells: [cells.moveOutFrozen] },
    but: { cocoon: unreadable, tranquil: unreadable, minimal: partly([cells.moveOutFrozen]) },
  },
  "after a kill": {
    holds: moved,
    all: { cells: killed },
    but: { tranquil: { cells: killed, note: later }, minimal: partly(killed), entryway: strange },
  },
  restore: {
    holds: "restored and proved",
    all: { cells: [restoreOnto] },
    but: { tranquil: notTried, minimal: partly([restoreOnto]), entryway: notTried },
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
