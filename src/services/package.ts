/** What the package says about itself. */
import { createRequire } from "node:module";

export interface PackageFacts {
  readonly version: string;
  /** Where bugs are reported, if the package names a place. */
  readonly bugs: string | undefined;
}

/** Read from package.json, two folders up from here in the sources and in what is published. */
export function packageFacts(): PackageFacts {
  const facts: { version: string; bugs?: string | { url?: string } } = createRequire(import.meta.url)(
    "../../package.json",
  );
  const { version, bugs } = facts;
  return { version, bugs: typeof bugs === "string" ? bugs : bugs?.url };
}
