/**
 * A build is made anew when it has to be, and has what is published. Tried on a small copy, so that `dist` is never
 * touched.
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modulesFile } from "../tools/dist.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let copy = "";
const at = (file: string): string => path.join(copy, file);
const write = (file: string, text: string): void => writeFileSync(at(file), text);
const read = (file: string): string => readFileSync(at(file), "utf8");

beforeAll(() => {
  copy = mkdtempSync(path.join(tmpdir(), "decamp-build-"));
  mkdirSync(at("src"));
  mkdirSync(at("test/tools"), { recursive: true });
  for (const tool of ["declarations.ts", "dist.ts", "run.ts"]) {
    cpSync(path.join(root, "test/tools", tool), at(`test/tools/${tool}`));
  }
  symlinkSync(path.join(root, "node_modules"), at("node_modules"));
  const tsconfig = JSON.parse(readFileSync(path.join(root, "tsconfig.json"), "utf8"));
  tsconfig.compilerOptions.types = [];
  tsconfig.compilerOptions.lib = ["es2024", "esnext.disposable"];
  write("tsconfig.json", JSON.stringify(tsconfig));
  const exported = { ".": { types: "./dist/index.d.ts" }, "./part": { types: "./dist/part.d.ts" } };
  const engines = { node: "^22.22.2 || >=24.15.0" };
  write("package.json", JSON.stringify({ type: "module", exports: exported, engines }));
  write("package-lock.json", "{}");
  const later = 'export const later = async (): Promise<unknown> => import("./edge.ts");';
  write(
    "src/index.ts",
    `/** Says one. */\nexport type { Shape } from "./shape.ts";\nexport { one } from "./one.ts";\nexport { two } from "./part.ts";\n${later}\n`,
  );
  write("src/part.ts", '/** Two. */\nexport { two } from "./two.ts";\nexport const three = 3;\n');
  write("src/two.ts", "export const two = 2;\n");
  write("src/one.ts", "/** One. */\nexport const one = 1;\n");
  write(
    "src/shape.ts",
    'import type { Side, Unsaid } from "./side.ts";\n/** A shape. */\nexport interface Shape {\n  readonly a: Side;\n}\nexport type Other = Unsaid;\n',
  );
  write("src/side.ts", "type Length = 1;\nexport type Side = Length;\nexport type Unsaid = 2;\n");
  write(
    "src/edge.ts",
    '/** Of no use to others. */\n// @ts-ignore -- there are no types here\nimport { isIP } from "node:net";\nexport const edge = 2;\nexport const six: number = isIP("::1");\nexport const seven: number = ((isIP: number) => isIP)(7);\nexport const hold = (one: Disposable): void => {\n  using held = one;\n  void held;\n};\n',
  );
});
afterAll(() => rmSync(copy, { recursive: true }));

/** What `npm test -- FILE` does about the build, and the exit code. */
function buildIfStale(): { built: boolean; code: number | null } {
  const script = 'import { buildIfStale } from "./test/tools/dist.ts"; process.exitCode = await buildIfStale();';
  const env = { ...process.env, PATH: `${path.join(root, "node_modules/.bin")}:${process.env["PATH"]}` };
  const { stdout, status } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: copy,
    env,
    encoding: "utf8",
  });
  return { built: stdout.startsWith("Building"), code: status };
}

test("a first build has the code without comments and white space, in as few files as it takes, and what an entry declares", () => {
  expect(buildIfStale()).toEqual({ built: true, code: 0 });
  expect(read("dist/index.js")).toContain("const one=1;");
  expect(read("dist/index.js")).not.toMatch(/Says one|One\./);
  expect(read("dist/edge.js")).toContain("const edge=2;");
  expect(existsSync(at("dist/one.js"))).toBe(false);
  expect(read("dist/index.d.ts")).toContain("/** Says one. */");
  expect(read("dist/shape.d.ts")).toContain("/** A shape. */");
  expect(existsSync(at("dist/edge.d.ts"))).toBe(false);
});

test("of declarations there is what an entry gives out, what that speaks of, and nothing else", () => {
  expect(read("dist/shape.d.ts")).toBe(
    'import type { Side } from "./side.ts";\n/** A shape. */\nexport interface Shape {\n    readonly a: Side;\n}\n',
  );
  expect(read("dist/side.d.ts")).toBe("type Length = 1;\nexport type Side = Length;\nexport {};\n");
});

test("an entry that another one uses is a file of its name, and no other file has it", async () => {
  expect(readdirSync(at("dist")).filter((name) => /\d\.js$/.test(name))).toEqual([]);
  expect(await import(at("dist/part.js"))).toMatchObject({ two: 2, three: 3 });
});

test("a module of Node.js is loaded when something of it is first used, and what is called alike is something else", async () => {
  expect(read("dist/edge.js")).toContain("process.getBuiltinModule(`node:net`)");
  expect(read("dist/edge.js")).not.toContain("import");
  const { later } = (await import(at("dist/index.js"))) as { later: () => Promise<unknown> };
  expect(await later()).toMatchObject({ edge: 2, six: 6, seven: 7 });
});

test("what the oldest Node.js of package.json cannot read is written as it can", async () => {
  expect(read("src/edge.ts")).toMatch(/\busing \w+ ?=/);
  expect(read("dist/edge.js")).not.toMatch(/\busing \w+ ?=/);
  const { hold } = (await import(at("dist/edge.js"))) as { hold: (one: Disposable) => void };
  let disposed = false;
  hold({ [Symbol.dispose]: () => (disposed = true) });
  expect(disposed).toBe(true);
});

test("the licence of a package whose code is in dist lies beside it", () => {
  expect(read("dist/LICENSES.txt")).toMatch(/^commander \d+\.\d+\.\d+ [^]*\(The MIT License\)/);
});

test("what is as it was is not built again", () => {
  expect(buildIfStale()).toEqual({ built: false, code: 0 });
});

test("a source of the same length and time, with other bytes, is seen", () => {
  const { atime, mtime } = statSync(at("src/edge.ts"));
  write("src/edge.ts", read("src/edge.ts").replace("2", "3"));
  utimesSync(at("src/edge.ts"), atime, mtime);
  expect(buildIfStale()).toEqual({ built: true, code: 0 });
  expect(read("dist/edge.js")).toContain("const edge=3;");
});

test("a file of dist that was changed is seen, and a source that is gone is gone from dist", () => {
  write("dist/index.js", "export const one = 2;\n");
  write("src/index.ts", read("src/index.ts").replace("edge", "other"));
  renameSync(at("src/edge.ts"), at("src/other.ts"));
  expect(buildIfStale()).toEqual({ built: true, code: 0 });
  expect(read("dist/index.js")).toContain("const one=1;");
  expect(existsSync(at("dist/edge.js"))).toBe(false);
});

test("what says which module is in which file is made anew, if it is gone", () => {
  rmSync(at(modulesFile));
  expect(buildIfStale()).toEqual({ built: true, code: 0 });
  expect(JSON.parse(read(modulesFile))).toMatchObject({ "other.js": ["other.ts"] });
});

test("a build that failed is no build", () => {
  write("src/index.ts", 'export const one: number = "1";\n');
  expect(buildIfStale()).toEqual({ built: true, code: 2 });
  expect(buildIfStale()).toEqual({ built: true, code: 2 });
  // Where the one that puts the code together gives up first, it is still tsc that says what is wrong.
  write("src/index.ts", 'export { none } from "./one.ts";\n');
  expect(buildIfStale()).toEqual({ built: true, code: 2 });
});
