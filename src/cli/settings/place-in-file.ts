/** Where in a configuration file something stands: the library that reads it says that only of faults of its own. */
import { parse, type TomlTable, type TomlValue } from "smol-toml";

/** From 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/**
 * Where something is named for the first time. The text is gone through statement by statement: a line, and those in
 * which it goes on, until it can be read by itself.
 *
 * @param text what can be read as a whole
 * @param path the names of the tables that it is in, and its own
 */
export function placeOf(text: string, path: readonly string[]): Place {
  const lines = text.split(/\r?\n/);
  let table: readonly string[] = [];
  let start = 0;
  for (const [index] of lines.entries()) {
    const statement = lines.slice(start, index + 1).join("\n");
    const value = readAlone(statement);
    if (value === undefined) {
      continue;
    }
    const isHeader = /^\s*\[/.test(statement);
    table = isHeader ? namesIn(value) : table;
    if (holds(isHeader ? value : within(table, value), path)) {
      const first = lines[start] ?? "";
      const at = first.indexOf(path.at(-1) ?? "");
      return { line: start + 1, column: (at === -1 ? first.search(/\S|$/) : at) + 1 };
    }
    start = index + 1;
  }
  return { line: 1, column: 1 };
}

function readAlone(statement: string): TomlTable | undefined {
  try {
    return parse(statement);
  } catch {
    return undefined;
  }
}

/** Those of the header of a table. */
function namesIn(value: TomlValue): string[] {
  const [[name, inner] = []] = isTable(value) ? Object.entries(value) : [];
  return name === undefined || inner === undefined ? [] : [name, ...namesIn(inner)];
}

function within(table: readonly string[], value: TomlTable): TomlTable {
  return table.reduceRight<TomlTable>((inner, name) => ({ [name]: inner }), value);
}

function holds(value: TomlValue, path: readonly string[]): boolean {
  const [name, ...rest] = path;
  if (name === undefined) {
    return true;
  }
  return isTable(value) && Object.hasOwn(value, name) && holds(value[name] ?? "", rest);
}

/** Whether a value is a table, and not a list or a time. */
export function isTable(value: TomlValue): value is TomlTable {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Date);
}
