/** Bytes go to files through one door, which knows what a short write is; and no permission is changed by a path. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const src = fileURLToPath(new URL("../../src", import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

/** What Node has beside that door: some pass over a short write, and some follow a link. */
const besides = /\b(?:writeFile|appendFile|writev|write|chmod|chown|truncate|cp)(?:Sync)?\b|\bcreateWriteStream\b/;

/** What a file takes from Node's own modules for files; `import * as` takes everything. */
function taken(text: string): string[] {
  const imports = text.matchAll(/import (?:type )?(?:\{([^}]*)\}|(\* as \w+|\w+)) from "node:fs(?:\/promises)?"/g);
  return [...imports].flatMap(([, names, all]) => (all === undefined ? (names ?? "").split(",") : ["writeFile"]));
}

const takesMore = (text: string): boolean => taken(text).some((name) => besides.test(name));

test("only the one door takes more from Node than to open a file", () => {
  const found = files.filter((file) => takesMore(readFileSync(path.join(src, file), "utf8")));
  expect(found).toEqual([path.join("services", "disk", "write-whole.ts")]);
});

test.each([
  'import { open, writeFile } from "node:fs/promises";',
  'import { createWriteStream } from "node:fs";',
  'import {\n  chmodSync,\n  openSync,\n} from "node:fs";',
  'import * as fs from "node:fs";',
  'import fs from "node:fs/promises";',
])("that is found: %j", (text) => {
  expect(takesMore(text)).toBe(true);
});

test("and what only opens and reads is not", () => {
  expect(takesMore('import { open, rename, type FileHandle } from "node:fs/promises";')).toBe(false);
});
