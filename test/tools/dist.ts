/**
 * What lies in `dist`, and whether it is what the sources say.
 *
 * The code is without comments, white space and source maps: nobody who runs decamp reads them, and they were half of
 * the package.
 * Each file costs a start its time, half a millisecond, and so do some twenty kilobytes of code, whether they run or
 * not. So what is loaded together is in one file, by stages: what every start needs, then what reads the command line,
 * then what opens the inputs, and then what works on them. What leads to a package, or is only shown, is apart, in a
 * file that is named after the module that the others of it are there for. Functions and classes keep their names, so
 * that a stack can be read. Node.js prints the line of an error that nobody has caught: so lines are short.
 *
 * What stands in the table of commands and is only shown, such as help, is made by the build: who asks for it waits for
 * no code that makes it.
 *
 * A module of Node.js that is imported costs twice what it costs to ask for it, since all that it exports is looked at;
 * and most runs use few of those that they lead to. So each is asked for when something of it is first used.
 *
 * Declarations keep their comments, because editors show them, but for what stands above a whole file: that is for who
 * reads the source. Declarations that no entry of package.json leads to are left out.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { rolldown, type CodeSplittingNameFunction, type Plugin, type PreRenderedChunk } from "rolldown";
import { declarationsAt, neededDeclarations } from "./declarations.ts";
import { parseSync, transformSync } from "rolldown/utils";
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
  writeLicences();
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
export function sourceFiles(): string[] {
  return [
    ...filesIn("src"),
    "test/tools/declarations.ts",
    "test/tools/dist.ts",
    "tsconfig.json",
    "package.json",
    "package-lock.json",
  ];
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
export function hash(files: readonly string[]): string {
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
  const names = [...publicEntries().map((file) => path.relative(folder, file).replace(/\.d\.ts$/, "")), started];
  return Object.fromEntries(
    names.map((name) => [name, `src/${name}.ts`]).filter(([, source]) => existsSync(source ?? "")),
  );
}

async function writeCode(): Promise<void> {
  const input = entries();
  const { [started]: start, ...given } = input;
  const bundle = await rolldown({
    input: given,
    // What the compiler itself adds is part of the code.
    external: (id) => /^(?![./]|\0|@oxc-project\/runtime\/)/.test(id) && !bundled.includes(id),
    platform: "node",
    plugins: [runAtBuild, builtinsLater, ...(start === undefined ? [] : [startedFrom(start)])],
    treeshake: { moduleSideEffects: false },
    transform: { target: oldestNode() },
    // What a static import loads anyway is imported dynamically, too, by who need not wait for it.
    checks: { ineffectiveDynamicImport: false },
  });
  const { output } = await bundle.write({
    dir: folder,
    format: "esm",
    comments: false,
    // Names are told apart by who imports them, too: short ones would have to be told twice.
    minifyInternalExports: false,
    // What is local to a function gets a short name. Functions and classes keep theirs, which is what a stack shows.
    minify: {
      mangle: { toplevel: false, keepNames: { function: true, class: true } },
      // Statements stay statements.
      compress: { keepNames: { function: true, class: true }, sequences: false, joinVars: false },
      codegen: { removeWhitespace: true },
    },
    entryFileNames: "[name].js",
    chunkFileNames: (chunk) => (chunk.name in ownFiles ? "[name].js" : chunkFileName(chunk, Object.values(input))),
    codeSplitting: {
      // Each takes its modules, and what these lead to, before the next one does.
      groups: Object.keys(ownFiles).map((name, index) => ({
        debugName: name,
        name: (id, context) => (ownFile(id, context) === name ? name : null),
        priority: 20 - index,
        ...(name === "shared" ? { minShareCount: 2 } : {}),
      })),
    },
  });
  const chunks = output.flatMap((file) => (file.type === "chunk" ? [file] : []));
  const helpers = helpersOf(read(path.join(folder, helperFile)) ?? "");
  rmSync(path.join(folder, helperFile), { force: true });
  for (const { fileName } of chunks.filter((chunk) => chunk.fileName !== helperFile)) {
    const file = path.join(folder, fileName);
    const whole = withHelpers(readFileSync(file, "utf8"), helpers);
    writeFileSync(file, breakLines(readAtOnce.test(fileName) ? withoutDelay(whole) : whole));
  }
  // What the compiler adds is no module of ours.
  const modules = chunks.map(({ fileName, moduleIds }) => [
    fileName,
    moduleIds.filter((id) => !id.startsWith("\0")).map((id) => path.relative("src", id)),
  ]);
  writeFileSync(modulesFile, JSON.stringify(Object.fromEntries(modules)));
}

/** What `bin/decamp.js` starts. Nobody else imports it: so it may give out what the other files need, too. */
const started = "cli/main";

const startedFrom = (id: string): Plugin => ({
  name: "started",
  buildStart() {
    this.emitFile({ type: "chunk", id, name: started, preserveSignature: "allow-extension" });
  },
});

/** Functions that the compiler needs, in a file of their own, which costs more than they do. */
const helperFile = "rolldown-runtime.js";

/** The declarations in that file, by name, each with those that it needs, which stand before it. */
function helpersOf(code: string): ReadonlyMap<string, string> {
  const made = new Map<string, string>();
  const { program } = parseSync(helperFile, code);
  for (const statement of program.body) {
    for (const { id, start, end } of statement.type === "VariableDeclaration" ? statement.declarations : []) {
      if (id.type === "Identifier") {
        made.set(id.name, `const ${code.slice(start, end)};`);
      }
    }
  }
  return made;
}

/** A file with the helpers that it imports in it. */
function withHelpers(code: string, helpers: ReadonlyMap<string, string>): string {
  const asked = /import\{([\w,]+)\}from"[./]+rolldown-runtime\.js";/;
  const needed = new Set(asked.exec(code)?.[1]?.split(","));
  // A set is walked to its end, also where it grows.
  for (const name of needed) {
    const declared = helpers.get(name);
    if (declared === undefined) {
      throw new Error(`the compiler needs ${name}, and it is nowhere`);
    }
    const words = new Set(declared.match(/\w+/g));
    [...helpers.keys()].filter((one) => words.has(one)).forEach((one) => needed.add(one));
  }
  const inOrder = [...helpers].flatMap(([name, declared]) => (needed.has(name) ? [declared] : []));
  const alone = code.replace(asked, () => inOrder.join(""));
  if (alone.includes(helperFile)) {
    throw new Error(`${helperFile} is imported in a way that the build does not know`);
  }
  return alone;
}

const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === "object" && value !== null && "start" in value && typeof value.start === "number";

interface SyntaxNode {
  readonly start: number;
  readonly end: number;
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The parts of a piece of syntax, in order. */
function partsOf(node: object): SyntaxNode[] {
  return Object.values(node).flatMap((value: unknown) => (Array.isArray(value) ? value : [value]).filter(isNode));
}

function parsed(code: string): SyntaxNode {
  const { program, errors } = parseSync("chunk.js", code);
  if (errors.length > 0) {
    throw new Error(errors.map(({ message }) => message).join("\n"));
  }
  return program as unknown as SyntaxNode;
}

/**
 * The same code, whose functions the engine compiles when it reads it, so that `enableCompileCache` keeps what comes of
 * it: what is compiled later, when it is called, is compiled in every run. A function in brackets is taken for one that
 * is called at once. So each gets some; one that is declared for the whole file becomes a constant at its top, where it
 * was for whoever calls it. Methods and asynchronous arrows are not taken so.
 */
function withoutDelay(code: string): string {
  const brackets: (readonly [number, string])[] = [];
  const declared: (SyntaxNode & { readonly name: string })[] = [];
  const program = parsed(code);
  const walk = (node: SyntaxNode): void => {
    const isMethod =
      node.type === "MethodDefinition" || node["method"] === true || /^[gs]et$/.test(String(node["kind"]));
    for (const part of partsOf(node)) {
      const { type, start, end, id } = part;
      if (type === "FunctionDeclaration" && node === program && isNode(id)) {
        declared.push({ ...part, name: String(id["name"]) });
      } else if (
        (type === "FunctionExpression" && !isMethod) ||
        (type === "ArrowFunctionExpression" && part["async"] !== true)
      ) {
        brackets.push([start, "("], [end, ")"]);
      }
      walk(part);
    }
  };
  walk(program);
  // Where one ends and another begins, the end comes first.
  brackets.sort(([a, one], [b, other]) => a - b || (one === other ? 0 : one === ")" ? -1 : 1));
  let next = 0;
  const copy = (from: number, to: number): string => {
    let made = "";
    let at = from;
    for (let [place, bracket] = brackets[next] ?? [to, ""]; place < to || (place === to && bracket === ")");) {
      made += code.slice(at, place) + bracket;
      at = place;
      next += 1;
      [place, bracket] = brackets[next] ?? [to, ""];
    }
    return made + code.slice(at, to);
  };
  let [first, rest, at] = ["", "", 0];
  for (const { start, end, name } of declared) {
    rest += copy(at, start);
    first += `const ${name}=(${copy(start, end)});`;
    at = end;
  }
  return first + rest + copy(at, code.length);
}

/** Files that are small, or of which most runs that load them need much. */
const readAtOnce = /^(?:basis|program|inputs|files|journal|listing|keys|identity|cli\/.*)\.js$/;

/** A line is broken before it is longer than this, where it can be. */
const usualLine = 1900;

/**
 * Code in lines that can be shown: broken before statements, members, elements and arguments, where a line break means
 * nothing.
 */
function breakLines(code: string): string {
  const starts: number[] = [];
  const walk = (node: SyntaxNode): void => {
    for (const value of Object.values(node)) {
      const list: unknown[] = Array.isArray(value) ? value : [];
      starts.push(...list.filter(isNode).flatMap(({ type, start }) => (type === "TemplateElement" ? [] : [start])));
    }
    partsOf(node).forEach(walk);
  };
  walk(parsed(code));
  let made = "";
  let [from, line] = [0, 0];
  // Only behind these: `let a` has a list, too.
  const places = starts.filter((at) => /[;{}[(,]/.test(code[at - 1] ?? "")).sort((a, b) => a - b);
  const ends = [...new Set(places), code.length];
  for (const [index, at] of ends.entries()) {
    line = Math.max(line, code.lastIndexOf("\n", at - 1) + 1);
    const next = ends[index + 1] ?? at;
    if (next - line > usualLine && at > line) {
      made += `${code.slice(from, at)}\n`;
      [from, line] = [at, at];
    }
  }
  return made + code.slice(from);
}

/** The oldest Node.js that package.json allows, as the compiler calls it: it has to read all that is written. */
function oldestNode(): string {
  const { engines } = JSON.parse(read("package.json") ?? "") as { engines: { node: string } };
  const [, version] = /^\^(\d+\.\d+\.\d+) /.exec(engines.node) ?? [];
  if (version === undefined) {
    throw new Error(`package.json does not begin with the oldest Node.js: ${engines.node}`);
  }
  return `node${version}`;
}

/**
 * Packages whose code is in `dist`, with their licences: most commands need them, and are quicker so. smol-toml is
 * small, and loaded where there is a configuration file.
 */
export const bundled: readonly string[] = ["commander", "ipaddr.js", "smol-toml", "valibot"];

function writeLicences(): void {
  const texts = bundled.map((name) => {
    const { version } = JSON.parse(read(`node_modules/${name}/package.json`) ?? "") as { version: string };
    const licence = read(`node_modules/${name}/LICENSE`) ?? readFileSync(`node_modules/${name}/LICENSE.md`, "utf8");
    return `${name} ${version} is part of the files in this folder. Its licence:\n\n${licence}`;
  });
  writeFileSync(`${folder}/LICENSES.txt`, texts.join("\n"));
}

/**
 * The files of what leads to no package. Each has what all of these lead to by static imports, and no file before it
 * has: `proof.js` is what the library loads once something is to be proved.
 */
const ownFiles: Readonly<Record<string, readonly (readonly string[])[]>> = {
  // What the library needs, too.
  basis: [
    ["cli/main", "cli/limit-flags", "repo/limits", "data/json-object"],
    ["repo", "plc"],
  ],
  [started]: [["cli/main", "cli/help/suggest"]],
  program: [["cli/program", "cli/node-settings", "cli/collector", "cli/open-names", "cli/migrate/run"]],
  // What is pure: `decamp/repo` has the first two, `decamp/plc` the first and the third.
  core: [["repo"], ["plc"]],
  tree: [["repo"]],
  log: [["plc"]],
  proof: [["repo/verify"]],
  // What commands need before they know whether there is anything to work on, and then to work.
  inputs: [
    [
      "cli/verify/run",
      "cli/look/run",
      "cli/plc/read",
      "cli/archive/run",
      "cli/key/run",
      "services/disk/hash-file",
      "archive/layout",
    ],
  ],
  files: [["cli/verify/prove", "archive/unpack"]],
  journal: [["cli/migrate/status"]],
  listing: [["cli/archive/list-archive"]],
  keys: [["cli/key/inspect"]],
  identity: [["cli/plc/given-log", "cli/inputs/verified-log"]],
  signing: [["cli/plc/sign", "cli/key/keep"]],
  network: [["services/open", "account/find", "cli/services", "cli/network"]],
  archive: [["cli/archive/prune-archive"]],
  export: [["cli/export/run-one", "cli/export/many"]],
  // Whatever more than one command leads to.
  shared: [],
};

const isPackage = (id: string): boolean => !path.isAbsolute(id) && !/^(?:node:|\0)/.test(id);

/** Whoever needs one of these needs nothing else. */
const readAlone =
  /^(?:cli\/help\/(?:command-table|complete|explain-word|ready-help|shell-scripts|show|topics|words)|cli\/completion\/run|services\/disk\/known-accounts)\.ts$/;

/** Which of these files a module is in; none if it leads to a package, or to what is not cheap. */
function ownFile(id: string, context: Parameters<CodeSplittingNameFunction>[1]): string | undefined {
  const reachedFrom = (from: string): Set<string> => {
    const reached = new Set([from]);
    for (const one of reached) {
      context.getModuleInfo(one)?.importedIds.forEach((imported) => reached.add(imported));
    }
    return reached;
  };
  if (readAlone.test(path.relative("src", id)) || [...reachedFrom(id)].some(isPackage)) {
    return undefined;
  }
  const isReached = (names: readonly string[]): boolean =>
    names.some((name) => reachedFrom(path.resolve(`src/${name}.ts`)).has(id));
  const found = Object.keys(ownFiles).find((name) => ownFiles[name]?.every(isReached));
  const info = context.getModuleInfo(id);
  const isDoor = info !== null && info.importers.length === 0 && info.dynamicImporters.length > 0;
  return found === "shared" && isDoor ? undefined : found;
}

/** Sources that are run by the build: what they export is in their place. It has to be JSON. */
const runByBuild: ReadonlySet<string> = new Set([
  "src/cli/help/command-table.ts",
  "src/cli/help/ready-help.ts",
  "src/services/package.ts",
]);

export const runAtBuild: Plugin = {
  name: "run-at-build",
  load: async (id) => {
    if (!runByBuild.has(path.relative("", id))) {
      return null;
    }
    const made = Object.entries((await import(id)) as Record<string, unknown>);
    const code = made.map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};`).join("\n");
    return { code, moduleType: "js" };
  },
};

/**
 * A module of Node.js is loaded when something of it is first used. So `import { a as b } from "node:x"` goes, and
 * where `b` stood is `builtin_x().a`: the transformer knows what else is called `b` in that file.
 */
const builtinsLater: Plugin = {
  name: "builtins-later",
  transform: {
    filter: { code: /from ["']node:/ },
    handler: (code, id) => {
      const used: Record<string, string> = {};
      const asking = code.replace(
        /^import (?!type )([^"';]+) from ["']node:([^"']+)["'];$/gm,
        (_, what: string, module: string) => {
          const ask = `builtin_${module.replaceAll(/\W/g, "_")}`;
          const [, whole, parts = ""] = /^(\w+)?(?:, )?(?:\{([^}]*)\})?$/.exec(what) ?? [];
          const values = parts.split(",").map((part) => part.trim());
          for (const value of values.filter((part) => part !== "" && !part.startsWith("type "))) {
            const [name = "", local = name] = value.split(" as ");
            used[local] = `${ask}().${name}`;
          }
          // This one has a name already.
          used[whole ?? ""] = module === "process" ? "process" : `${ask}()`;
          return `import { ${ask} } from "node:${module}";`;
        },
      );
      delete used[""];
      const { code: made, errors } = transformSync(id, asking, {
        define: used,
        typescript: { onlyRemoveTypeImports: true },
      });
      if (errors.length > 0) {
        throw new Error(errors.map(({ message }) => message).join("\n"));
      }
      return { code: made, moduleType: "js" };
    },
  },
  renderChunk: (code) => {
    const later = code.replace(
      /^import \{ (builtin_\w+) \} from "(node:[^"]+)";$/gm,
      (_, ask: string, module: string) =>
        `let ${ask}_; const ${ask} = () => (${ask}_ ??= process.getBuiltinModule("${module}"));`,
    );
    if (/^import .* from "node:/m.test(later)) {
      throw new Error("a module of Node.js is imported in a way that the build does not know");
    }
    return later;
  },
};

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
  const all = filesIn(folder).filter((file) => file.endsWith(".d.ts"));
  for (const file of all.filter((one) => !given.includes(one))) {
    if (!reached.has(file)) {
      rmSync(file);
    } else if (givenOut.has(file)) {
      writeFileSync(file, readFileSync(file, "utf8").replace(aboveFile, ""));
    } else {
      writeFileSync(file, readFileSync(file, "utf8").replaceAll(anyComment, "").trimStart());
    }
  }
  const texts = new Map(
    all.flatMap((file) => (reached.has(file) ? [[file, readFileSync(file, "utf8")] as const] : [])),
  );
  const needed = neededDeclarations(texts, given);
  for (const file of texts.keys()) {
    const text = needed.get(file);
    if (text === undefined) {
      rmSync(file);
    } else {
      writeFileSync(file, text);
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
  return Array.from(specifiers, ([, specifier = ""]) => declarationsAt(file, specifier));
}
