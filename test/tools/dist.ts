/**
 * What lies in `dist`, and whether it is what the sources say.
 *
 * The code is without comments and source maps: nobody who runs decamp reads them, and they were half of the package.
 * Declarations keep their comments, because editors show them, but for what stands above a whole file: that is for who
 * reads the source. Declarations that no entry of package.json leads to are left out.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { run } from "./run.ts";

const folder = "dist";
/** Says from which sources the last build was made, and what it made. */
const stamp = ".cache/dist";
const code = ["--declaration", "false", "--isolatedDeclarations", "false", "--removeComments", "--noCheck"];

/** Builds `dist` from nothing, so that no file of an older build is left. Returns an exit code. */
export async function build(): Promise<number> {
  rmSync(folder, { recursive: true, force: true });
  rmSync(stamp, { force: true });
  const sources = hash(sourceFiles());
  const codes = await Promise.all([run("tsc", ["--emitDeclarationOnly"]), run("tsc", code)]);
  const failed = codes.find((exit) => exit !== 0);
  if (failed !== undefined) {
    return failed;
  }
  trimDeclarations();
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, `${sources} ${hash(filesIn(folder))}`);
  return 0;
}

/**
 * Builds if a source or a file of `dist` is not as the last build saw or left it. Compares bytes, not times. Returns an
 * exit code.
 */
export async function buildIfStale(): Promise<number> {
  if (read(stamp) === `${hash(sourceFiles())} ${hash(filesIn(folder))}`) {
    console.log("dist is that of these sources.");
    return 0;
  }
  console.log("Building: dist is not that of these sources.");
  return build();
}

/** Everything that a build depends on. */
function sourceFiles(): string[] {
  return [...filesIn("src"), "test/tools/dist.ts", "tsconfig.json", "package.json", "package-lock.json"];
}

/** All files under `root`, in one order; none if there is no such folder. */
function filesIn(root: string): string[] {
  try {
    const entries = readdirSync(root, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort();
  } catch {
    return [];
  }
}

/** One hash of the names and bytes of `files`. */
function hash(files: readonly string[]): string {
  const all = createHash("sha256");
  for (const file of files) {
    all.update(`${file}\0${createHash("sha256").update(readFileSync(file)).digest("hex")}\n`);
  }
  return all.digest("hex");
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** The comment above a file: one that stands before its imports, or before another comment. */
const aboveFile = /^\s*\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*(?=import\b|\/\*\*)/;
const anyComment = /\s*\/\*\*(?:(?!\*\/)[\s\S])*\*\//g;

/**
 * Removes what nobody reads of the declarations: all that no entry of package.json leads to; comments on what the
 * entries lead to and do not give out; and what is above a file.
 */
function trimDeclarations(): void {
  const { exports } = JSON.parse(read("package.json") ?? "") as { exports: Record<string, string | { types: string }> };
  const entries = Object.values(exports).flatMap((entry) =>
    typeof entry === "string" ? [] : [path.normalize(entry.types)],
  );
  const givenOut = new Set(entries.flatMap(declarationsNamedIn));
  const reached = new Set(entries);
  // A set is walked to its end, also where it grows.
  for (const file of reached) {
    declarationsNamedIn(file).forEach((one) => reached.add(one));
  }
  for (const file of filesIn(folder).filter((one) => one.endsWith(".d.ts") && !entries.includes(one))) {
    if (!reached.has(file)) {
      rmSync(file);
    } else if (givenOut.has(file)) {
      writeFileSync(file, readFileSync(file, "utf8").replace(aboveFile, ""));
    } else {
      writeFileSync(file, readFileSync(file, "utf8").replaceAll(anyComment, "").trimStart());
    }
  }
}

/** The declarations that a file of declarations imports, or gives out. */
function declarationsNamedIn(file: string): string[] {
  const specifiers = readFileSync(file, "utf8").matchAll(/(?:from |import\()"(\.[^"]+)"/g);
  return Array.from(specifiers, ([, specifier = ""]) =>
    path.join(path.dirname(file), specifier.replace(/\.ts$/, ".d.ts")),
  );
}
