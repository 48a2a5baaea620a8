/**
 * Gives what npm packs the same permissions everywhere. They are in the package, and would be those of whoever cloned
 * and built it: another umask would make another package of the same files. `npm pack` runs it.
 */
import { chmodSync, existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const { files, bin } = JSON.parse(readFileSync("package.json", "utf8")) as {
  files: string[];
  bin: Record<string, string>;
};
const programs = new Set(Object.values(bin).map((file) => path.normalize(file)));
const published = files
  .filter((name) => existsSync(name))
  .flatMap((name) => readdirSync(name, { recursive: true, withFileTypes: true }))
  .flatMap((entry) => (entry.isFile() ? [path.join(entry.parentPath, entry.name)] : []));
for (const file of [...published, "LICENSE", "README.md", "package.json"]) {
  chmodSync(file, programs.has(path.normalize(file)) ? 0o755 : 0o644);
}
