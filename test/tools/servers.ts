/** `npm run servers -- [MAKE | CELL] …`: moves accounts in and out for every make of server, and says what held. */
import * as cells from "../network/habits/cells.ts";
import { habits } from "../network/habits/index.ts";
import { startNetwork } from "../network/index.ts";

const table: Record<string, cells.Cell> = {
  in: cells.moveIn,
  frozen: cells.moveOutFrozen,
  resumed: cells.moveInResumed,
  out: cells.moveOut,
  back: cells.moveBack,
  home: cells.moveHome,
  export: cells.exportIt,
  status: cells.statusOf,
  cancel: cells.cancelIt,
  undo: cells.undoIt,
  refused: cells.refuseIt,
  "taken back": cells.takeBack,
};
/** What only some makes have. */
const only: Partial<Record<string, readonly string[]>> = {
  refused: ["tranquil"],
  "taken back": ["tranquil"],
  // What it has from before nobody can see, and so it is not replaced.
  home: habits.filter((habit) => habit !== "tranquil"),
};
const wanted = new Set(process.argv.slice(2));
const chosen = <T extends string>(all: readonly T[]): readonly T[] => {
  const named = all.filter((one) => wanted.has(one));
  return named.length === 0 ? all : named;
};

const network = await startNetwork();
let wrong = 0;
for (const habit of chosen(habits)) {
  for (const name of chosen(Object.keys(table)).filter((one) => only[one]?.includes(habit) ?? true)) {
    const found = await table[name]?.(network, habit).catch((error: unknown) => [
      `broke: ${error instanceof Error ? error.message : String(error)}`,
    ]);
    wrong += found?.length === 0 ? 0 : 1;
    console.log(`${habit} ${name}: ${found?.length === 0 ? "right" : found?.join("; ")}`);
  }
}
await network.stop();
process.exit(wrong === 0 ? 0 : 1);
