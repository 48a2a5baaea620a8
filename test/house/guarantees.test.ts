/** docs/GUARANTEES.md names tests: they have to exist, and every promise needs one. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const text = readFileSync(path.join(root, "docs", "GUARANTEES.md"), "utf8");
const named = [...text.matchAll(/^- `(?<file>[^`]+)`: “(?<title>[^”]+)”$/gm)].map(({ groups }) => ({
  file: groups?.["file"] ?? "",
  title: groups?.["title"] ?? "",
}));

test.each(named)("$file has “$title”", ({ file, title }) => {
  expect(readFileSync(path.join(root, file), "utf8")).toContain(`"${title}",`);
});

test("every promise has its tests, and every item of the lists is one", () => {
  const promises = text.split(/^## /m).slice(1);
  expect(promises).toHaveLength(8);
  expect(promises.filter((promise) => !/^- `/m.test(promise))).toEqual([]);
  expect(text.match(/^- /gm)).toHaveLength(named.length);
});
