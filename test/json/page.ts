/** Reads docs/JSON.md: its tables are the one source of what `--json` prints. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const pagePath: string = fileURLToPath(new URL("../../docs/JSON.md", import.meta.url));

/** A row of a table of fields. */
export interface Row {
  /** `a`, `a.b`, `a[].b`, or `...` for all fields of another table. */
  readonly field: string;
  readonly type: string;
  readonly isAlways: boolean;
  readonly says: string;
}

/** A table of fields, and what it is about. */
export interface Table {
  /** The heading, without marks. */
  readonly name: string;
  /** `step`, `result`, …; `Object` for one that others name. */
  readonly kind: string;
  /** Of a result, whose it is. */
  readonly commands: readonly string[];
  /** Of an object, its name. */
  readonly object?: string;
  readonly rows: readonly Row[];
}

export interface Page {
  /** Name of a simple type → what it is in JSON. */
  readonly types: ReadonlyMap<string, string>;
  readonly tables: readonly Table[];
  /** Code → exit code, as the table of errors has them. */
  readonly codes: ReadonlyMap<string, number>;
}

/** @throws Error for a heading or a row that cannot be understood */
export function readPage(text: string = readFileSync(pagePath, "utf8")): Page {
  const types = new Map<string, string>();
  const codes = new Map<string, number>();
  const tables: Table[] = [];
  for (const section of text.split(/^#{2,3} /m).slice(1)) {
    const [heading = ""] = section.split("\n");
    for (const [head, ...rows] of tablesIn(section)) {
      const columns = (head ?? []).join(", ");
      if (columns === "type, in JSON, is") {
        rows.forEach(([name = "", json = ""]) => types.set(name, json));
      } else if (columns === "code, exit code, about") {
        rows.forEach(([code = "", exit]) => codes.set(code.replaceAll("`", ""), Number(exit)));
      } else if (columns === "field, type, there, is") {
        tables.push({ ...readHeading(heading), rows: rows.map(readRow) });
      } else {
        throw new Error(`docs/JSON.md: a table of the columns ${columns} is not known`);
      }
    }
  }
  return { types, tables, codes };
}

/** All tables below a heading, as rows of cells; the first row is the head. */
function tablesIn(section: string): string[][][] {
  const tables: string[][][] = [];
  let open: string[][] | undefined;
  for (const line of section.split("\n")) {
    if (!line.startsWith("|")) {
      open = undefined;
    } else if (!/^\|[-| ]+\|$/.test(line)) {
      if (open === undefined) {
        open = [];
        tables.push(open);
      }
      open.push(
        line
          .slice(1, -1)
          .split("|")
          .map((cell) => cell.trim()),
      );
    }
  }
  return tables;
}

function readHeading(heading: string): Omit<Table, "rows"> {
  const name = heading.replaceAll("`", "");
  const object = /^Object `(\w+)`$/.exec(heading)?.[1];
  if (object !== undefined) {
    return { name, kind: "Object", commands: [], object };
  }
  const [, kind, list = ""] = /^`(\w+)`(?: of ((?:`[^`]+`(?:, | and )?)+))?/.exec(heading) ?? [];
  if (kind === undefined) {
    throw new Error(`docs/JSON.md: the heading ${heading} has a table, and does not say of what`);
  }
  return { name, kind, commands: [...list.matchAll(/`([^`]+)`/g)].map(([, command = ""]) => command) };
}

function readRow([field = "", type = "", there = "", says = ""]: readonly string[]): Row {
  if (field === "" || type === "") {
    throw new Error(`docs/JSON.md: a row has no field, or no type: ${[field, type, there, says].join(" | ")}`);
  }
  return { field, type, isAlways: there === "always", says };
}
