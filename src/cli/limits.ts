/** `--limit name=number` → the limits of a run. */
import { budgetNames, budgets, limitName, limitsWith, type BudgetName, type Limits } from "../data/budgets.ts";
import { DecampError } from "../errors.ts";

/** Those that can be raised, by the name that is typed. */
const byName = new Map<string, BudgetName>(
  budgetNames.filter((limit) => budgets[limit].flag).map((limit) => [limitName(limit), limit]),
);

/** @throws DecampError `usage` for a name that is no limit's */
export function readLimits(given: Readonly<Record<string, number>> = {}): Limits {
  const limits: { -readonly [Name in BudgetName]?: number } = {};
  for (const [name, value] of Object.entries(given)) {
    const limit = byName.get(name);
    if (limit === undefined) {
      throw new DecampError("usage", `--limit: there is no limit ${name}.`, {
        hint: `The limits: ${[...byName.keys()].join(", ")}.`,
      });
    }
    limits[limit] = value;
  }
  return limitsWith(limits);
}
