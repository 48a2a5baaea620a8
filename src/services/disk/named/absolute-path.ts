/** Paths in a configuration file: they mean the same wherever somebody stands. */
import { isAbsolute, join, resolve } from "node:path";

/**
 * A whole path; `~/` at its beginning is the home folder.
 *
 * @returns undefined for one that depends on the folder at hand, that is none, or for a home that there is not
 */
export function absolutePath(text: string, home: () => string): string | undefined {
  if (text.includes("\0")) {
    return undefined;
  }
  const [, below] = /^~[/\\](.*)$/s.exec(text) ?? [];
  if (below === undefined) {
    return isAbsolute(text) ? resolve(text) : undefined;
  }
  try {
    return join(home(), below);
  } catch {
    return undefined;
  }
}
