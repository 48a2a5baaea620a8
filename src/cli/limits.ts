/** `--limit name=number` → the limits of a verification. */
import { DecampError } from "../errors.ts";
import { defaultLimits, limitName, type RepoLimits } from "../repo/limits.ts";

const byName = new Map<string, keyof RepoLimits>();
for (const limit in defaultLimits) {
  if (isLimit(limit)) {
    byName.set(limitName(limit), limit);
  }
}

/** @throws DecampError `usage` for a name that is no limit's */
export function readLimits(given: Readonly<Record<string, number>> = {}): Partial<RepoLimits> {
  const limits: Partial<RepoLimits> = {};
  for (const [name, value] of Object.entries(given)) {
    const limit = byName.get(name);
    if (limit === undefined) {
      throw new DecampError("usage", `--limit: there is no limit ${name}.`, {
        hint: `The limits: ${[...byName.keys()].join(", ")}.`,
      });
    }
    limits[limit] = value;
  }
  return limits;
}

function isLimit(name: string): name is keyof RepoLimits {
  return Object.hasOwn(defaultLimits, name);
}
