/**
 * What the entries of the package give out, read from its declarations: every one of them, and the types that it speaks
 * of.
 */
import { readFileSync } from "node:fs";
import path from "node:path";

/** Something that a file declares. */
export interface Declared {
  /** The file that declares it, without `.d.ts`, and its name there. */
  readonly file: string;
  readonly name: string;
  readonly isType: boolean;
  /** Whether a comment stands before it. */
  readonly isDescribed: boolean;
  /** What it speaks of, each once: names of the package, as the file knows them. */
  readonly speaksOf: readonly Origin[];
}

/** Where a name comes from. */
export interface Origin {
  readonly file: string;
  readonly name: string;
}

interface Unit {
  /** By the name in this file. */
  readonly imports: ReadonlyMap<string, Origin>;
  readonly gives: ReadonlyMap<string, Origin>;
  readonly declares: ReadonlyMap<string, { kind: string; text: string; isDescribed: boolean }>;
}

const statement =
  /^(?:export )?(?:declare )?(?:abstract )?(interface|type|class|function\*?|const|let|enum) ([A-Za-z_$][\w$]*)/;

/** @param dist folder of the declarations */
export function publicTypes(dist: string): { entry: (file: string) => ReadonlyMap<string, Declared> } {
  const units = new Map<string, Unit>();
  const unit = (file: string): Unit => {
    const known = units.get(file) ?? readUnit(dist, file);
    units.set(file, known);
    return known;
  };
  const resolve = ({ file, name }: Origin): Origin => {
    const { gives, declares, imports } = unit(file);
    const from = declares.has(name) ? undefined : (gives.get(name) ?? imports.get(name));
    return from === undefined ? { file, name } : resolve(from);
  };
  const declared = (origin: Origin): Declared => {
    const { file, name } = resolve(origin);
    const { imports, declares } = unit(file);
    const found = declares.get(name);
    if (found === undefined) {
      throw new Error(`${file}.d.ts does not declare ${name}`);
    }
    const { kind, text, isDescribed } = found;
    const words = new Set(withoutNoise(text).match(/[A-Za-z_$][\w$]*/g));
    words.delete(name);
    const speaksOf = [...words].flatMap((word) => {
      const origin = declares.has(word) || imports.has(word) ? resolve({ file, name: word }) : undefined;
      return origin !== undefined && isType(kindOf(origin)) ? [origin] : [];
    });
    return { file, name, isType: isType(kind), isDescribed, speaksOf };
  };
  const kindOf = ({ file, name }: Origin): string => unit(file).declares.get(name)?.kind ?? "";
  return {
    entry: (file) => new Map([...unit(file).gives].map(([name, origin]) => [name, declared(origin)])),
  };
}

/** Functions and constants are spoken of with `typeof`, which says what they are. */
function isType(kind: string): boolean {
  return ["interface", "type", "class", "enum"].includes(kind);
}

/** Without comments, texts, and the names of properties and parameters. */
function withoutNoise(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/"(?:\\.|[^"\\])*"/g, '""')
    .replaceAll(/\b[\w$]+\??:/g, ":");
}

function readUnit(dist: string, file: string): Unit {
  const text = readFileSync(path.join(dist, `${file}.d.ts`), "utf8");
  const from = (specifier: string): string | undefined =>
    specifier.startsWith(".")
      ? path.posix.join(path.posix.dirname(file), specifier.replace(/\.[jt]s$/, ""))
      : undefined;
  const read = (keyword: "import" | "export"): Map<string, Origin> => {
    const pattern = new RegExp(`^${keyword} (?:type )?\\{([^}]*)\\} from "([^"]*)";`, "gm");
    const names = new Map<string, Origin>();
    for (const [, list = "", specifier = ""] of text.matchAll(pattern)) {
      const source = from(specifier);
      for (const item of source === undefined ? [] : list.split(",")) {
        const [name = "", , as = name] = item
          .trim()
          .replace(/^type /, "")
          .split(" ");
        if (name !== "") {
          names.set(as, { file: source ?? "", name });
        }
      }
    }
    return names;
  };
  const declares = new Map<string, { kind: string; text: string; isDescribed: boolean }>();
  // Statements begin at the left edge, and so do comments on them.
  const parts = text.split(/^(?=(?:export|import|declare|interface|type|class)\b|\/\*\*)/m);
  let isDescribed = false;
  for (const part of parts) {
    if (part.startsWith("/**")) {
      isDescribed = true;
      continue;
    }
    const [, kind = "", name = ""] = statement.exec(part) ?? [];
    if (name !== "") {
      const before = declares.get(name);
      declares.set(name, {
        kind,
        text: (before?.text ?? "") + part,
        isDescribed: isDescribed || (before?.isDescribed ?? false),
      });
    }
    isDescribed = false;
  }
  const stars = [...text.matchAll(/^export \* from "([^"]*)";/gm)].flatMap(([, specifier = ""]) => [
    ...readUnit(dist, from(specifier) ?? "").gives,
  ]);
  // What a file names itself stands before what it gives out of others.
  return { imports: read("import"), gives: new Map([...stars, ...read("export")]), declares };
}
