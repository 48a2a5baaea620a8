/** The directions of imports are a rule of lint: breaking one fails. Tried on a copy, so that the tree is never touched. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
let copy = "";

beforeAll(() => {
  copy = mkdtempSync(path.join(tmpdir(), "decamp-lint-"));
  cpSync(path.join(root, ".oxlintrc.json"), path.join(copy, ".oxlintrc.json"));
});
afterAll(() => rmSync(copy, { recursive: true }));

/** Lints one file of one import in `folder`; returns what oxlint says. */
function lint(folder: string, statement: string): { status: number | null; output: string } {
  const file = path.join(copy, "src", folder, "tried.ts");
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${statement}\nexport const tried: unknown = it;\n`);
  const { status, stdout, stderr } = spawnSync(
    path.join(root, "node_modules", ".bin", "oxlint"),
    ["--deny-warnings", file],
    {
      cwd: copy,
      encoding: "utf8",
    },
  );
  rmSync(file);
  return { status, output: stdout + stderr };
}

test.each([
  ["data", 'import { it } from "../services/http.ts";'],
  ["identity", 'import { it } from "../plc/log.ts";'],
  ["repo", 'import { it } from "../archive/layout.ts";'],
  ["plc", 'import { it } from "../repo/verify.ts";'],
  ["services", 'import { it } from "../archive/layout.ts";'],
  ["archive", 'import { it } from "../migration/run.ts";'],
  ["archive", 'import { it } from "../account/read-log.ts";'],
  ["account", 'import { it } from "../migration/run.ts";'],
  ["account", 'import { it } from "../archive/layout.ts";'],
  ["services", 'import { it } from "../account/read-log.ts";'],
  ["migration", 'import { it } from "../cli/main.ts";'],
  ["migration/steps", 'import { it } from "../../cli/main.ts";'],
  ["repo", 'import { it } from "node:fs";'],
  ["archive", 'import { it } from "node:http";'],
  ["services", 'import { it } from "commander";'],
  ["plc", "const it = Date.now();"],
  ["data", "const it = process.env;"],
])("in %s, %s is refused", (folder, statement) => {
  const { status, output } = lint(folder, statement);
  expect(status).toBe(1);
  expect(output).toMatch(/no-restricted-(imports|globals|properties)/);
});

test.each([
  ["cli", 'import { it } from "../migration/run.ts";'],
  ["migration", 'import { it } from "../archive/layout.ts";'],
  ["migration", 'import { it } from "../account/read-log.ts";'],
  ["account", 'import { it } from "../services/files.ts";'],
  ["archive", 'import { it } from "../services/files.ts";'],
  ["services", 'import { it } from "../plc/log.ts";'],
  ["plc", 'import { it } from "../identity/keys.ts";'],
])("in %s, %s is allowed", (folder, statement) => {
  expect(lint(folder, statement)).toMatchObject({ status: 0 });
});

test.each(["", "type "])("two files that import each other are refused: import %s{ … }", (type) => {
  const other = path.join(copy, "src", "archive", "other.ts");
  mkdirSync(path.dirname(other), { recursive: true });
  writeFileSync(other, `import ${type}{ tried } from "./tried.ts";\nexport const it: typeof tried = null;\n`);
  const { status, output } = lint("archive", 'import { it } from "./other.ts";');
  rmSync(other);
  expect(status).toBe(1);
  expect(output).toContain("no-cycle");
});
