/**
 * The directions of imports are a rule of lint: breaking one fails. Tried on a copy, so that the tree is never touched.
 * The copy lies in a folder with the name of one of ours: the walls are counted from `src/`, whatever is above it.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { objectionTo } from "../tools/walls.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let copy = "";

beforeAll(() => {
  copy = path.join(mkdtempSync(path.join(tmpdir(), "decamp-lint-")), "test", "src");
  for (const file of [".oxlintrc.json", "test/tools/walls.ts"]) {
    cpSync(path.join(root, file), path.join(copy, file));
  }
});
afterAll(() => rmSync(path.join(copy, "../.."), { recursive: true }));

/** A folder, and a statement in a file of it. */
type Case = readonly [folder: string, statement: string];

const refused: readonly Case[] = [
  ["data", 'import { it } from "../services/http.ts";'],
  ["identity", 'import { it } from "../plc/log.ts";'],
  ["repo", 'import { it } from "../archive/layout.ts";'],
  ["plc", 'import { it } from "../repo/verify.ts";'],
  ["services", 'import { it } from "../archive/layout.ts";'],
  ["archive", 'import { it } from "../migration/run.ts";'],
  ["account", 'import { it } from "../migration/run.ts";'],
  ["account", 'import { it } from "../archive/layout.ts";'],
  ["services", 'import { it } from "../account/read-log.ts";'],
  ["migration", 'import { it } from "../cli/main.ts";'],
  ["migration/steps", 'import { it } from "../../cli/main.ts";'],
  ["migration", 'export { it } from "../cli/main.ts";'],
  ["archive", 'const { it } = await import("../migration/run.ts");'],
  // The rooms of a floor.
  ["repo", 'import { it } from "./proof/tree-check.ts";'],
  ["services/disk", 'import { it } from "../../repo/proof/tree-check.ts";'],
  ["services", 'import { it } from "./http/http.ts";'],
  ["services", 'import { it } from "./disk/files.ts";'],
  ["services/http", 'import { it } from "../servers/pds.ts";'],
  ["services/http", 'import { it } from "../disk/files.ts";'],
  ["services/disk", 'import { it } from "../http/http.ts";'],
  ["services/disk", 'import { it } from "../secrets/command.ts";'],
  ["services/servers", 'import { it } from "../secrets/command.ts";'],
  ["services/secrets", 'import { it } from "../servers/pds.ts";'],
  ["services/disk", 'import { it } from "../open.ts";'],
  ["archive", 'import { it } from "./export/export.ts";'],
  ["archive", 'import { it } from "./check/check.ts";'],
  ["archive/check", 'import { it } from "../export/export.ts";'],
  ["archive/export", 'import { it } from "../night/night.ts";'],
  ["migration", 'import { it } from "./steps/resolve.ts";'],
  ["cli/plc", 'import { it } from "../main.ts";'],
  ["cli/plc", 'import { it } from "../key/declare.ts";'],
  ["cli/plc", 'const { it } = await import("../archive/run.ts");'],
  ["cli", 'import { it } from "./archive/run.ts";'],
  ["cli/talk", 'import { it } from "../migrate/result.ts";'],
  ["cli/talk", 'import { it } from "../inputs/log-input.ts";'],
  ["cli", 'import { it } from "../network/pds.ts";'],
  ["cli/archive", 'import { it } from "node:fs";'],
  ["services", 'import { it } from "node:v8";'],
  ["repo", 'import { it } from "node:fs";'],
  ["archive", 'import { it } from "node:http";'],
  ["services", 'import { it } from "commander";'],
  ["plc", "const it = Date.now();"],
  ["data", "const it = process.env;"],
  // In other words.
  ["data", 'type It = import("../migration/run.ts").It; const it: It = 1;'],
  ["data", "const it = await import(`../migration/run.ts`);"],
  ["data", 'const it = await import("../migration/" + name);'],
  ["data", 'import { it } from "decamp";'],
  ["data", 'import { it } from "decamp/plc";'],
  ["data", 'import { createRequire as it } from "node:module";'],
  ["services", 'import { it } from "node:readline/promises";'],
  ["services", 'import { it } from "node:http2";'],
  ["archive", 'import { it } from "a-package-that-nobody-knows";'],
  ["repo", 'import { setTimeout as it } from "node:timers/promises";'],
  ["repo", 'import { randomBytes as it } from "node:crypto";'],
  ["repo", 'export { randomUUID as it } from "node:crypto";'],
  ["repo", "const it = crypto.randomUUID();"],
  ["plc", "const it = new Date();"],
  ["plc", "const it = globalThis.process;"],
  ["services", "const it = globalThis.process;"],
  // Only for what it does when it is loaded: the build leaves that out.
  ["data", 'import "./cid.ts"; const it = 1;'],
];

const allowed: readonly Case[] = [
  ["cli", 'import { it } from "../migration/run.ts";'],
  ["cli/verify", 'import { it } from "../../archive/open.ts";'],
  ["cli/archive", 'import { it } from "./declare.ts";'],
  ["cli/archive", 'import { it } from "../talk/terminal.ts";'],
  ["cli/archive", 'import { it } from "../inputs/log-input.ts";'],
  ["repo/proof", 'import { it } from "../report.ts";'],
  ["services/secrets", 'import { it } from "../disk/files.ts";'],
  ["services/servers", 'import { it } from "../http/http.ts";'],
  ["archive/export", 'import { it } from "../check/check.ts";'],
  ["archive/night", 'import { it } from "../export/export.ts";'],
  ["archive", 'import { it } from "../account/read-log.ts";'],
  ["migration", 'import { it } from "../archive/layout.ts";'],
  ["migration", 'import { it } from "../account/read-log.ts";'],
  ["account", 'import { it } from "../services/files.ts";'],
  ["archive", 'import { it } from "../services/files.ts";'],
  ["services", 'import { it } from "../plc/log.ts";'],
  ["plc", 'import { it } from "../identity/keys.ts";'],
  ["plc", "const it = new Date(0);"],
  ["repo", 'import { hash as it } from "node:crypto";'],
  ["repo", 'export { hash as it } from "node:crypto";'],
  ["repo", 'import { setImmediate as it } from "node:timers/promises";'],
  ["services", 'import { randomBytes as it } from "node:crypto";'],
];

/** Puts a file with one statement into a folder of the copy. @returns its path */
function write([folder, statement]: Case, name: string): string {
  const file = path.join(copy, "src", folder, `${name}.ts`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${statement}\nexport const tried: unknown = it;\n`);
  return file;
}

/** Lints the copy. @returns the rules that were broken in each file */
function lint(): Map<string, string[]> {
  const { stdout } = spawnSync(
    path.join(root, "node_modules", ".bin", "oxlint"),
    ["--deny-warnings", "--format", "json", "src"],
    { cwd: copy, encoding: "utf8" },
  );
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] };
  const broken = new Map<string, string[]>();
  for (const { code, filename } of diagnostics) {
    const file = path.resolve(copy, filename);
    broken.set(file, [...(broken.get(file) ?? []), code]);
  }
  return broken;
}

const walls = /^house\(walls\)$|no-restricted-(globals|properties)|no-unassigned-import/;
const nameOf = ([folder, statement]: Case): string => `in ${folder}: ${statement}`;

test("what breaks a wall is refused, and nothing else", () => {
  const files = new Map([...refused, ...allowed].map((one, index) => [nameOf(one), write(one, `tried${index}`)]));
  const broken = lint();
  const isRefused = (one: Case): boolean =>
    (broken.get(files.get(nameOf(one)) ?? "") ?? []).some((code) => walls.test(code));
  expect(refused.filter((one) => !isRefused(one)).map(nameOf)).toEqual([]);
  expect(allowed.filter(isRefused).map(nameOf)).toEqual([]);
  for (const file of files.values()) {
    rmSync(file);
  }
});

test("the table of commands opens the folder of each", () => {
  expect(objectionTo("cli/commands.ts", "./archive/declare.ts")).toBeUndefined();
  expect(objectionTo("repo/verify.ts", "./proof/tree-check.ts")).toBeUndefined();
  expect(objectionTo("migration/run.ts", "./steps/resolve.ts")).toBeUndefined();
  expect(objectionTo("services/open.ts", "./servers/pds.ts")).toBeUndefined();
});

test("the entries of the package give out their own floors", () => {
  expect(objectionTo("repo.ts", "./repo/verify-later.ts")).toBeUndefined();
  expect(objectionTo("plc.ts", "./plc/log.ts")).toBeUndefined();
  expect(objectionTo("index.ts", "./migration/run.ts")).toBeUndefined();
  expect(objectionTo("repo.ts", "./services/disk/car-file.ts")).toMatch(/repo\.ts may not import services/);
  expect(objectionTo("plc.ts", "./repo/verify.ts")).toMatch(/plc\.ts may not import repo/);
  expect(objectionTo("index.ts", "./cli/main.ts")).toMatch(/index\.ts may not import cli/);
});

test.each(["", "type "])("two files that import each other are refused: import %s{ … }", (type) => {
  const tried = write(["archive", 'import { it } from "./other.ts";'], "tried");
  const other = path.join(copy, "src", "archive", "other.ts");
  writeFileSync(other, `import ${type}{ tried } from "./tried.ts";\nexport const it: typeof tried = null;\n`);
  const codes = lint().get(tried) ?? [];
  rmSync(other);
  rmSync(tried);
  expect(codes.join()).toContain("no-cycle");
});

/**
 * Which files a file of `src` names, whether they are loaded with it or later. Only the declaration of a command loads
 * what names it in turn.
 */
function namedBy(file: string): string[] {
  const text = readFileSync(path.join(root, "src", file), "utf8");
  const isDeclaration = /^cli\/[^/]+\/declare(?:-change)?\.ts$/.test(file);
  const named = text.matchAll(isDeclaration ? /\bfrom\s+"(\.[^"]+)"/g : /(?:\bfrom\s+|\bimport\()"(\.[^"]+)"/g);
  return Array.from(named, ([, specifier = ""]) => path.posix.join(path.posix.dirname(file), specifier));
}

/** Files that lead back to themselves, through others or directly. */
function inCircles(named: ReadonlyMap<string, readonly string[]>): string[] {
  return [...named].flatMap(([file, first]) => {
    const reached = new Set(first);
    for (const one of reached) {
      named.get(one)?.forEach((next) => reached.add(next));
    }
    return reached.has(file) ? [file] : [];
  });
}

test("what is loaded later leads in no circle either, which lint does not see", () => {
  const files = readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
    .map((file) => file.split(path.sep).join("/"))
    .filter((file) => file.endsWith(".ts"));
  const named = new Map(files.map((file) => [file, namedBy(file)]));
  expect(inCircles(named)).toEqual([]);
  named.set("data/cid.ts", [...(named.get("data/cid.ts") ?? []), "repo/verify-later.ts"]);
  expect(inCircles(named)).toContain("repo/verify-later.ts");
});
