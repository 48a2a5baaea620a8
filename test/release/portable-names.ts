/** Which names of files one of Linux, macOS and Windows would not take. Rules of theirs, not of decamp. */
import { readdirSync } from "node:fs";
import path from "node:path";

/** Those of the names in one folder that Windows or macOS does not take, or takes for one another. */
export function unportable(names: readonly string[]): string[] {
  const folded = names.map((name) => name.normalize("NFC").toLowerCase());
  return names.filter(
    (name, index) =>
      // macOS may store other bytes for what is not ASCII.
      !/^[ -~]{1,255}$/.test(name) ||
      /[<>:"/\\|?*]/.test(name) ||
      /[ .]$/.test(name) ||
      /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(name) ||
      folded.indexOf(folded[index] ?? "") !== folded.lastIndexOf(folded[index] ?? ""),
  );
}

/** The same for all folders below one, with their paths. */
export function unportableBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const inside = Map.groupBy(entries, ({ parentPath }) => parentPath);
  return [...inside].flatMap(([parent, found]) =>
    unportable(found.map(({ name }) => name)).map((name) => path.join(parent, name)),
  );
}
