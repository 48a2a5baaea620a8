/** What the package says about itself. */
import { createRequire } from "node:module";

export interface PackageFacts {
  readonly version: string;
  /** The address where bugs are reported; undefined as long as it is a placeholder, which leads to nobody. */
  readonly bugs: string | undefined;
}

/** Read from the package.json of this package, wherever in it this code lies. */
export function packageFacts(): PackageFacts {
  const facts: { version: string; bugs: { url: string } } = createRequire(import.meta.url)("decamp/package.json");
  const { version, bugs } = facts;
  return { version, bugs: new URL(bugs.url).hostname.endsWith(".example") ? undefined : bugs.url };
}
