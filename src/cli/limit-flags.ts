/** `--limit name=number` → the limits of a run. */
import { budgetNames, budgets, limitName, limitsWith, type BudgetName, type Limits } from "../data/budgets.ts";
import { DecampError } from "../errors.ts";

/** By the name that is typed. */
const byName = new Map<string, BudgetName>(budgetNames.map((limit) => [limitName(limit), limit]));

/** @throws DecampError `usage` for a name that is no limit's, a limit that cannot be raised, or not so far */
export function readLimits(given: Readonly<Record<string, number>> = {}): Limits {
  const limits: { -readonly [Name in BudgetName]?: number } = {};
  for (const [name, value] of Object.entries(given)) {
    const limit = byName.get(name);
    if (limit === undefined || !budgets[limit].flag) {
      const raised = budgetNames.filter((one) => budgets[one].flag).map(limitName);
      throw new DecampError(
        "usage",
        limit === undefined ? `--limit: there is no limit ${name}.` : `--limit: ${name} cannot be raised.`,
        { hint: `What can be raised: ${raised.join(", ")}.` },
      );
    }
    const { ceiling = Infinity } = budgets[limit];
    if (value > ceiling) {
      throw new DecampError("usage", `--limit: ${name} can be at most ${ceiling}.`);
    }
    limits[limit] = value;
  }
  return limitsWith(limits);
}
