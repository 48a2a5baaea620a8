/**
 * What lies in `dist`, and whether it is what the sources say.
 *
 * The code is without comments and source maps: nobody who runs decamp reads them, and they were half of the package.
 * What is always loaded together is one file, because each file costs a start its time; it is named after the module
 * that the others are there for, and names in it stay what they are, so that a stack can be read.
 *
 * Declarations keep their comments, because editors show them, but for what stands above a whole file: that is for who
 * reads the source. Declarations that no entry of package.json leads to are left out.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { rolldown, type PreRenderedChunk } from "rolldown";
import { run } from "./run.ts";

const folder = "dist";
/** Says from which sources the last build was made, and what it made. */
const stamp = ".cache/dist";
/** Which modules are in which file of the code. */
export const modulesFile = ".cache/dist-modules.json";

/** Builds `dist` from nothing, so that no file of an older build is left. Returns an exit code. */
export async function build(): Promise<number> {
  rmSync(folder, { recursive: true, force: true });
  rmSync(stamp, { force: true });
  const sources = hash(sourceFiles());
  mkdirSync(path.dirname(stamp), { recursive: true });
  // Each is waited for: tsc says best what is wrong with a source.
  const [failed, [code]] = await Promise.all([
    run("tsc", ["--emitDeclarationOnly"]),
    Promise.allSettled([writeCode()]),
  ]);
  if (failed !== 0) {
    return failed;
  }
  if (code.status === "rejected") {
    throw code.reason;
  }
  trimDeclarations();
  writeFileSync(stamp, `${sources} ${hash(madeFiles())}`);
  return 0;
}

/**
 * Builds if a source or a file of `dist` is not as the last build saw or left it. Compares bytes, not times. Returns an
 * exit code.
 */
export async function buildIfStale(): Promise<number> {
  if (read(stamp) === `${hash(sourceFiles())} ${hash(madeFiles())}`) {
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

/** Everything that a build makes. */
function madeFiles(): string[] {
  return [...filesIn(folder), ...(existsSync(modulesFile) ? [modulesFile] : [])];
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

/** What somebody starts or imports: by its name in `dist`, the source. */
function entries(): Record<string, string> {
  const names = [...publicEntries().map((file) => path.relative(folder, file).replace(/\.d\.ts$/, "")), "cli/main"];
  return Object.fromEntries(
    names.map((name) => [name, `src/${name}.ts`]).filter(([, source]) => existsSync(source ?? "")),
  );
}

async function writeCode(): Promise<void> {
  const input = entries();
  const bundle = await rolldown({
    input,
    external: /^(?![./]|\0)/,
    platform: "node",
    treeshake: { moduleSideEffects: false },
    // What a static import loads anyway is imported dynamically, too, by who need not wait for it.
    checks: { ineffectiveDynamicImport: false },
  });
  const { output } = await bundle.write({
    dir: folder,
    format: "esm",
    comments: false,
    entryFileNames: "[name].js",
    chunkFileNames: (chunk) => chunkFileName(chunk, Object.values(input)),
  });
  const chunks = output.flatMap((file) => (file.type === "chunk" ? [file] : []));
  const modules = chunks.map(({ fileName, moduleIds }) => [fileName, moduleIds.map((id) => path.relative("src", id))]);
  writeFileSync(modulesFile, JSON.stringify(Object.fromEntries(modules)));
}

/**
 * After the module that the others of the chunk are there for: the last. The name of an entry is that of the file that
 * is imported, also where its module is in another.
 */
function chunkFileName({ moduleIds }: PreRenderedChunk, entrySources: readonly string[]): string {
  const names = moduleIds.filter((id) => id.endsWith(".ts")).map((id) => path.relative("", id));
  const last = names.findLast((name) => !entrySources.includes(name)) ?? names.at(-1);
  return last === undefined ? "[name].js" : `${path.relative("src", last).replace(/\.ts$/, "")}.js`;
}

/** The comment above a file: one that stands before its imports, or before another comment. */
const aboveFile = /^\s*\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*(?=import\b|\/\*\*)/;
const anyComment = /\s*\/\*\*(?:(?!\*\/)[\s\S])*\*\//g;

/**
 * Removes what nobody reads of the declarations: all that no entry of package.json leads to; comments on what the
 * entries lead to and do not give out; and what is above a file.
 */
function trimDeclarations(): void {
  const given = publicEntries();
  const givenOut = new Set(given.flatMap(declarationsNamedIn));
  const reached = new Set(given);
  // A set is walked to its end, also where it grows.
  for (const file of reached) {
    declarationsNamedIn(file).forEach((one) => reached.add(one));
  }
  for (const file of filesIn(folder).filter((one) => one.endsWith(".d.ts") && !given.includes(one))) {
    if (!reached.has(file)) {
      rmSync(file);
    } else if (givenOut.has(file)) {
      writeFileSync(file, readFileSync(file, "utf8").replace(aboveFile, ""));
    } else {
      writeFileSync(file, readFileSync(file, "utf8").replaceAll(anyComment, "").trimStart());
    }
  }
}

/** The declarations that package.json gives out. */
function publicEntries(): string[] {
  const { exports } = JSON.parse(read("package.json") ?? "") as { exports: Record<string, string | { types: string }> };
  return Object.values(exports).flatMap((entry) => (typeof entry === "string" ? [] : [path.normalize(entry.types)]));
}

/** The declarations that a file of declarations imports, or gives out. */
function declarationsNamedIn(file: string): string[] {
  const specifiers = readFileSync(file, "utf8").matchAll(/(?:from |import\()"(\.[^"]+)"/g);
  return Array.from(specifiers, ([, specifier = ""]) =>
    path.join(path.dirname(file), specifier.replace(/\.ts$/, ".d.ts")),
  );
}
