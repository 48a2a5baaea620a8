/** What the package says about itself. */
import { createRequire } from "node:module";

export interface PackageFacts {
  readonly version: string;
  /** The address where bugs are reported; undefined as long as it is a placeholder, which leads to nobody. */
  readonly bugs: string | undefined;
}

/** From the package.json of this package. The build runs this file, and puts what it exports in its place. */
export const packageFacts: PackageFacts = readFacts();

function readFacts(): PackageFacts {
  const facts: { version: string; bugs: { url: string } } = createRequire(import.meta.url)("decamp/package.json");
  const { version, bugs } = facts;
  return { version, bugs: new URL(bugs.url).hostname.endsWith(".example") ? undefined : bugs.url };
}
