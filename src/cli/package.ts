/** What the package says about itself. */
import { createRequire } from "node:module";

export interface PackageFacts {
  readonly version: string;
  /** The address where bugs are reported. */
  readonly bugs: string;
}

/** Read from package.json, two folders up from here in the sources and in what is published. */
export function packageFacts(): PackageFacts {
  const facts: { version: string; bugs: { url: string } } = createRequire(import.meta.url)("../../package.json");
  return { version: facts.version, bugs: facts.bugs.url };
}
