/**
 * What `npm run check` remembers is only an answer about the same bytes. Tried on a copy, with tools that only count.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

let copy = "";
const at = (file: string): string => path.join(copy, file);

beforeAll(() => {
  copy = mkdtempSync(path.join(tmpdir(), "decamp-check-"));
  mkdirSync(at("test/tools"), { recursive: true });
  mkdirSync(at("bin"));
  cpSync(fileURLToPath(new URL("../tools/check.ts", import.meta.url)), at("test/tools/check.ts"));
  for (const tool of ["oxlint", "knip", "tsc", "prettier"]) {
    writeFileSync(
      at(`bin/${tool}`),
      `#!/bin/sh\necho ${tool} >> called\ngrep -q fault source.ts && exit 1 || exit 0\n`,
    );
    chmodSync(at(`bin/${tool}`), 0o755);
  }
  writeFileSync(at("source.ts"), "one");
  writeFileSync(at("page.md"), "one");
  writeFileSync(at(".gitignore"), ".cache\ncalled\n");
  spawnSync("git", ["init", "-q"], { cwd: copy });
});
afterAll(() => rmSync(copy, { recursive: true }));

/** The tools that were called, and the exit code. */
function check(): { called: string; code: number | null } {
  writeFileSync(at("called"), "");
  const env = { ...process.env, PATH: `${at("bin")}:${process.env["PATH"] ?? ""}` };
  const { status: code } = spawnSync(process.execPath, ["test/tools/check.ts"], { cwd: copy, env });
  const called = readFileSync(at("called"), "utf8").trim().split("\n").sort().join(" ");
  return { called, code };
}

const all = "knip oxlint prettier tsc";

test("who remembers nothing is not asked again about the same bytes, and is about others; a fault is no memory", () => {
  expect(check()).toEqual({ called: all, code: 0 });
  expect(check()).toEqual({ called: "prettier tsc", code: 0 });
  writeFileSync(at("page.md"), "two");
  expect(check()).toEqual({ called: "prettier tsc", code: 0 });
  writeFileSync(at("source.ts"), "fault");
  expect(check()).toEqual({ called: all, code: 1 });
  expect(check()).toEqual({ called: all, code: 1 });
  writeFileSync(at("new.ts"), "one");
  writeFileSync(at("source.ts"), "one");
  expect(check()).toEqual({ called: all, code: 0 });
  rmSync(at("new.ts"));
  expect(check()).toEqual({ called: all, code: 0 });
});
