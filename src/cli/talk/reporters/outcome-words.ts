/** What is said to people of what became of accounts: the same at the end of a run, and later. */
import type { AccountOutcome } from "../../../archive/state/last-run.ts";

const words: Readonly<Record<string, string>> = {
  exported: "exported",
  unchanged: "unchanged",
  incomplete: "incomplete",
  inactive: "not active",
  takenDown: "taken down",
  moved: "moved away",
  gone: "gone",
  notLookedAt: "not looked at",
  failed: "failed",
} satisfies Record<AccountOutcome, string>;

/** @param outcome its name in notes and figures; one that a newer version has is said as it is */
export function outcomeWord(outcome: string): string {
  return words[outcome] ?? outcome;
}
