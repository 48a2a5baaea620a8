/**
 * Which declarations a package has to have: those that its entries give out, those that these speak of, and so on. tsc
 * writes all that a module exports.
 *
 * A file of declarations is taken apart at the lines that begin a statement. Every word in a statement that is a name
 * of its file, or one that the file imports, counts as spoken of: what is kept may be too much, and never too little.
 */
import path from "node:path";

/** What a file of declarations is made of. */
interface Parts {
  readonly statements: readonly { readonly text: string; readonly names: readonly string[] }[];
  /** Name in this file → where it is from, and what it is called there; `*` for a whole module. */
  readonly imported: ReadonlyMap<string, { readonly from: string; readonly name: string }>;
}

/**
 * Takes away what no entry leads to.
 *
 * @param texts path of each file → its text
 * @param entries paths of the files that stay as they are
 * @returns the same of all files that are left, with what is left of them
 */
export function neededDeclarations(
  texts: ReadonlyMap<string, string>,
  entries: readonly string[],
): ReadonlyMap<string, string> {
  const parts = new Map([...texts].map(([file, text]) => [file, partsOf(file, text)]));
  const needed = new Map<string, Set<string>>();
  const open: [file: string, name: string][] = [];
  const need = (file: string, name: string): void => {
    const names = needed.get(file) ?? new Set();
    needed.set(file, names);
    if (!names.has(name)) {
      names.add(name);
      open.push([file, name]);
    }
  };
  for (const entry of entries) {
    for (const statement of statementsOf(texts.get(entry) ?? "")) {
      followed(entry, statement).forEach(([from, name]) => need(from, name));
    }
  }
  for (const [file, name] of open) {
    const { statements, imported } = parts.get(file) ?? { statements: [], imported: new Map() };
    const from = imported.get(name);
    if (from !== undefined) {
      need(from.from, from.name);
    }
    for (const { text, names } of statements.filter((one) => name === "*" || one.names.includes(name))) {
      names.forEach((one) => need(file, one));
      followed(file, text).forEach(([target, one]) => need(target, one));
      for (const [word] of text.matchAll(/[\w$]+/g)) {
        if (imported.has(word) || statements.some((one) => one.names.includes(word))) {
          need(file, word);
        }
      }
    }
  }
  const left = [...texts].flatMap(([file, text]) => {
    const names = needed.get(file);
    return entries.includes(file)
      ? [[file, text] as const]
      : names === undefined
        ? []
        : [[file, without(text, names)] as const];
  });
  return new Map(left);
}

/** A text without the statements, and the names of lists, that are not needed. */
function without(text: string, needed: ReadonlySet<string>): string {
  const kept = statementsOf(text).flatMap((statement) => {
    const list = listIn(statement);
    if (list === undefined) {
      const names = namesIn(statement);
      return names.length === 0 || names.some((name) => needed.has(name)) ? [statement] : [];
    }
    const left = list.names.filter(({ here }) => needed.has(here) || needed.has("*"));
    const whole = left.map((one) => one.text).join(", ");
    return left.length === 0 ? [] : [statement.replace(/\{[^}]*\}/, whole === "" ? "{}" : `{ ${whole} }`)];
  });
  return kept.join("");
}

function partsOf(file: string, text: string): Parts {
  const imported = new Map<string, { from: string; name: string }>();
  const statements: { text: string; names: readonly string[] }[] = [];
  for (const statement of statementsOf(text)) {
    const list = listIn(statement);
    const from = /\bfrom "([^"]+)";\s*$/.exec(statement)?.[1];
    for (const { there, here } of from === undefined ? [] : (list?.names ?? [])) {
      // What is from a package needs nothing here.
      imported.set(here, { from: from?.startsWith(".") === true ? declarationsAt(file, from) : "", name: there });
    }
    if (list === undefined) {
      statements.push({ text: statement, names: namesIn(statement) });
    }
  }
  return { statements, imported };
}

/** Statements, each with the comment above it and the end of its last line. */
function statementsOf(text: string): string[] {
  const parts = text.split(/^(?=(?:\/\*\*|export|import|declare|interface|type|const|class|abstract)\b|\/\*\*)/m);
  const statements: string[] = [];
  let comment = "";
  for (const part of parts.filter((one) => one !== "")) {
    if (/^\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*$/.test(part)) {
      comment += part;
    } else {
      statements.push(comment + part);
      comment = "";
    }
  }
  return statements;
}

/** The names of `import { … }` and `export { … }`: what each is called there and here. */
function listIn(
  statement: string,
): { readonly names: readonly { readonly text: string; readonly there: string; readonly here: string }[] } | undefined {
  const [, list] =
    /^(?:\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*)?(?:import|export)(?: type)? \{([^}]*)\}/.exec(statement) ?? [];
  if (list === undefined || list.trim() === "") {
    return undefined;
  }
  const names = list
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  return {
    names: names.map((text) => {
      const [there = "", here = there] = text.replace(/^type /, "").split(" as ");
      return { text, there, here };
    }),
  };
}

/** What a statement declares. */
function namesIn(statement: string): string[] {
  const code = statement.replace(/^\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*/, "");
  const declared =
    /^(?:export )?(?:declare )?(?:abstract )?(?:class|function|const|let|interface|type|enum) ([\w$]+)/.exec(
      code,
    )?.[1] ?? /^import (?:type )?(?:\* as )?([\w$]+) from /.exec(code)?.[1];
  return declared === undefined ? [] : [declared];
}

/**
 * What a statement takes from other files by itself, as in
 * `import("…").Name`, `export { Name } from "…"`, `export * from "…"`.
 */
function followed(file: string, statement: string): [file: string, name: string][] {
  const inline = [...statement.matchAll(/import\("(\.[^"]+)"\)\.([\w$]+)/g)];
  const found = inline.map(([, from = "", name = ""]): [string, string] => [declarationsAt(file, from), name]);
  const [, from] = /^export [^"]*from "(\.[^"]+)";\s*$/m.exec(statement) ?? [];
  const names = listIn(statement)?.names.map(({ there }) => there) ?? ["*"];
  return from === undefined
    ? found
    : [...found, ...names.map((name): [string, string] => [declarationsAt(file, from), name])];
}

/** The file of declarations that a specifier in another one means. */
export function declarationsAt(file: string, specifier: string): string {
  return path.join(path.dirname(file), specifier.replace(/\.ts$/, ".d.ts"));
}
