/** What a repository may ask of the machine. All limits can be raised; each finding about one says how. */
import { defaultBudgets, type Limits } from "../data/budgets.ts";

export { howToRaise, limitName } from "../data/budgets.ts";

/** Those limits of `data/budgets.ts` that are a repository's. */
export type RepoLimits = {
  -readonly [
    Name in "headerBytes" | "blockBytes" | "nodeEntries" | "recordDepth" | "indexEntries" | "heldBytes" | "findings"
  ]: Limits[Name];
};

/** The limits of a verification, unless others are given. */
export const defaultLimits: Readonly<RepoLimits> = repoLimits(defaultBudgets);

/** The limits of a repository among all limits. */
export function repoLimits(limits: Limits): RepoLimits {
  const { headerBytes, blockBytes, nodeEntries, recordDepth, indexEntries, heldBytes, findings } = limits;
  return { headerBytes, blockBytes, nodeEntries, recordDepth, indexEntries, heldBytes, findings };
}
