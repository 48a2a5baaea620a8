/** Shelves do not become heaps, and a name of a file says which one it is. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const src = fileURLToPath(new URL("../../src", import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

function grouped(by: (file: string) => string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const file of files) {
    groups.set(by(file), [...(groups.get(by(file)) ?? []), file]);
  }
  return groups;
}

test("no folder has more than 22 files", () => {
  const full = [...grouped((file) => path.dirname(file))].filter(([, inside]) => inside.length > 22);
  expect(full.map(([folder, inside]) => `${folder}: ${inside.length}`)).toEqual([]);
});

/** Names that may stand more than once: what a part is to its folder, and a command, its use case and its rule. */
const mayRepeat: ReadonlySet<string> = new Set(
  [
    ["declare", "run", "request", "result", "answers", "events", "open", "services"],
    ["add-key", "audit", "cancel", "certificate", "diff", "recover", "sign-in", "status", "submit", "undo"],
  ]
    .flat()
    .map((name) => `${name}.ts`),
);

test("another name stands only once", () => {
  const twice = [...grouped((file) => path.basename(file))].filter(([, inside]) => inside.length > 1);
  expect(twice.filter(([name]) => !mayRepeat.has(name))).toEqual([]);
  expect(new Set(twice.map(([name]) => name))).toEqual(mayRepeat);
});

/** Whether a file has nothing but `export … from`. */
function onlyGivesOut(file: string): boolean {
  const text = readFileSync(path.join(src, file), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  return text.replaceAll(/export (?:type )?(?:\*|\{[^}]*\}) from "[^"]*";/g, "").trim() === "";
}

test("only the entries of the package give out what others have, and nothing of their own", () => {
  expect(files.filter(onlyGivesOut).sort()).toEqual(["index.ts", "plc.ts", "repo.ts"]);
});

test("no comment is wider than the code", () => {
  const test = fileURLToPath(new URL("..", import.meta.url));
  const others = readdirSync(test, { recursive: true, encoding: "utf8" }).filter((file) =>
    /^(?!.*node_modules).*\.ts$/.test(file),
  );
  const all = [...files.map((file) => path.join(src, file)), ...others.map((file) => path.join(test, file))];
  const wide = all.flatMap((file) =>
    readFileSync(file, "utf8")
      .split("\n")
      .flatMap((line, index) =>
        /^\s*(?:\/\*\*|\*|\/\/)/.test(line) && line.length > 120 ? [`${file}:${index + 1}`] : [],
      ),
  );
  expect(wide).toEqual([]);
});
