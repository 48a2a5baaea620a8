/**
 * Which snapshots stay, by rules that mean what those of `restic forget` do: a rule for days keeps the last snapshot of
 * each of the most recent days that have one, and so on for weeks, months and years; a snapshot stays if any rule keeps
 * it. Days begin at 00:00 UTC, weeks on Monday. If a rule has more periods than there are, the oldest snapshot stays,
 * too. Snapshots of the future are left alone by every rule that looks at the time, and do not count in it.
 */

/** A span as `restic` writes it, such as 1y6m14d12h. */
export interface Span {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
  /** As it was written. */
  readonly text: string;
}

/** Which snapshots stay. */
export interface KeepRules {
  /** How many of the newest. */
  readonly last?: number | undefined;
  /** How many days, weeks, months, years that have a snapshot. */
  readonly daily?: number | undefined;
  readonly weekly?: number | undefined;
  readonly monthly?: number | undefined;
  readonly yearly?: number | undefined;
  /** All that are not older than this, counted from the newest one. */
  readonly within?: Span | undefined;
}

/** A snapshot and when it was made, epoch milliseconds. */
export interface Dated {
  readonly name: string;
  readonly time: number;
}

/** Which period a time belongs to. */
const periods = {
  daily: (time: number) => Math.floor(time / day),
  // 1970 began on a Thursday.
  weekly: (time: number) => Math.floor((time / day + 3) / 7),
  monthly: (time: number) => new Date(time).getUTCFullYear() * 12 + new Date(time).getUTCMonth(),
  yearly: (time: number) => new Date(time).getUTCFullYear(),
} as const;

const day = 86_400_000;

/** Whether there is any rule. */
export function hasRule(rules: KeepRules): boolean {
  return Object.values(rules).some((rule) => rule !== undefined);
}

/**
 * The snapshots that the rules keep, and why. The newest one is always kept.
 *
 * @param snapshots the oldest first, by their names
 * @param now epoch milliseconds
 */
export function applyRules(
  snapshots: readonly Dated[],
  { last, within, ...counts }: KeepRules,
  now: number,
): Map<string, readonly string[]> {
  const reasons = new Map<string, string[]>();
  const keep = ({ name }: Dated, reason: string): void => {
    reasons.set(name, [...(reasons.get(name) ?? []), reason]);
  };
  snapshots.slice(-1).forEach((one) => keep(one, "newest"));
  if (last !== undefined) {
    snapshots.slice(-last).forEach((one) => keep(one, "last"));
  }
  const looksAtTime = within !== undefined || Object.values(counts).some((count) => count !== undefined);
  if (looksAtTime) {
    // Neither does a rule judge one of which nobody can say when it was made.
    snapshots.filter(({ time }) => !(time <= now)).forEach((one) => keep(one, "in the future"));
  }
  // The last one first; where clocks disagree with the names, the time counts.
  const past = snapshots
    .filter(({ time }) => time <= now)
    .toReversed()
    .toSorted((a, b) => b.time - a.time);
  for (const rule of ["daily", "weekly", "monthly", "yearly"] as const) {
    const count = counts[rule] ?? 0;
    const seen = new Set<number>();
    for (const one of past) {
      const period = periods[rule](one.time);
      if (seen.size < count && !seen.has(period)) {
        seen.add(period);
        keep(one, rule);
      } else if (seen.size < count && one === past.at(-1)) {
        keep(one, `oldest ${rule}`);
      }
    }
  }
  if (within !== undefined) {
    const from = before(past[0]?.time ?? now, within);
    past.filter(({ time }) => time > from).forEach((one) => keep(one, `within ${within.text}`));
  }
  return reasons;
}

/** Reads a span. @returns undefined for what is none, or is empty */
export function parseSpan(text: string): Span | undefined {
  const found = /^(?:([0-9]{1,4})y)?(?:([0-9]{1,4})m)?(?:([0-9]{1,5})d)?(?:([0-9]{1,6})h)?$/.exec(text);
  if (found === null) {
    return undefined;
  }
  const [years = 0, months = 0, days = 0, hours = 0] = found
    .slice(1)
    .map((part: string | undefined) => Number(part ?? 0));
  return years + months + days + hours === 0 ? undefined : { years, months, days, hours, text };
}

/** A time by the calendar that lies so much earlier, in UTC. Epoch milliseconds. */
export function before(time: number, { years, months, days, hours }: Span): number {
  const at = new Date(time);
  at.setUTCFullYear(at.getUTCFullYear() - years, at.getUTCMonth() - months, at.getUTCDate() - days);
  return at.getTime() - hours * 3_600_000;
}
