/**
 * The page as a JSON Schema (2020-12). It leaves further fields alone, as a script should that will meet later
 * versions; `validate.ts` does not.
 */
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { readPage, type Page, type Row, type Table } from "./page.ts";

export const schemaPath: string = fileURLToPath(new URL("../../docs/json-schema.json", import.meta.url));

/** The part of JSON Schema that is written here, and that `validate.ts` knows. */
export interface Schema {
  readonly $ref?: string;
  readonly anyOf?: readonly Schema[];
  readonly type?: string;
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema;
  readonly description?: string;
}

export interface Root extends Schema {
  readonly $schema: string;
  readonly title: string;
  readonly $defs: Readonly<Record<string, Schema>>;
}

/** What a simple type is beside what the page says of it. */
const patterns: Readonly<Record<string, string>> = {
  word: String.raw`^[A-Za-z0-9._/[\]#:-]+$`,
  url: "^https?://[^/]+$",
  time: String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`,
  command: "^decamp ",
  did: "^did:[a-z]+:.",
  cid: "^b[a-z2-7]{10,}$",
  key: "^did:key:z[1-9A-HJ-NP-Za-km-z]+$",
  rev: "^[2-7a-z]{13}$",
  digest: "^[0-9a-f]{64}$",
};
const wholes = new Set(["count", "bytes"]);

/** @throws Error for a type that the page does not know, and a field whose parent it does not have */
export function makeSchema(page: Page = readPage()): Root {
  const objects = new Map(page.tables.flatMap((table) => (table.object === undefined ? [] : [[table.object, table]])));
  const context = { page, objects };
  const messages = page.tables.filter(({ object }) => object === undefined);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "What decamp prints with --json: one document",
    anyOf: messages.map((table) => ({ $ref: `#/$defs/${nameOf(table)}` })),
    $defs: Object.fromEntries([
      ...messages.map((table) => [nameOf(table), messageSchema(table, context)]),
      ...[...objects].map(([name, { rows }]) => [name, objectSchema(flat(rows, context), context)]),
    ]),
  };
}

/** A heading as a name: `result-migrate-status-without-an-account`. */
function nameOf({ name }: Table): string {
  return name.replace(" of ", " ").replaceAll(/[^A-Za-z]+/g, "-");
}

interface Context {
  readonly page: Page;
  readonly objects: ReadonlyMap<string, Table>;
}

function messageSchema({ kind, commands, rows }: Table, context: Context): Schema {
  const head: Row[] = ["type", "version"].map((field) => ({ field, type: "JSON", isAlways: true, says: "" }));
  const names = commands.map((command) => ({ const: command }));
  const isResult = kind === "result";
  const command: Row[] = isResult ? [{ field: "command", type: "JSON", isAlways: true, says: "" }] : [];
  const { properties = {}, ...rest } = objectSchema([...head, ...command, ...flat(rows, context)], context);
  const [first] = names;
  return {
    ...rest,
    properties: {
      ...properties,
      type: { const: kind },
      version: { const: 1 },
      ...(isResult && first !== undefined ? { command: names.length === 1 ? first : { anyOf: names } } : {}),
    },
  };
}

/** The rows with those of the tables that are named by `...` in their place. */
function flat(rows: readonly Row[], context: Context): Row[] {
  return rows.flatMap((row) => {
    if (row.field !== "...") {
      return [row];
    }
    const table = context.objects.get(row.type);
    if (table === undefined) {
      throw new Error(`docs/JSON.md: there is no object ${row.type}`);
    }
    return flat(table.rows, context);
  });
}

/** @param rows those of the object itself, and below each object in it those that begin with its name */
function objectSchema(rows: readonly Row[], context: Context): Schema {
  const own = rows.filter(({ field }) => !/[.[]/.test(field));
  const inside = new Map<string, Row[]>();
  for (const row of rows) {
    const [, parent, field] = /^(\w+)(?:\[\])?\.(.+)$/.exec(row.field) ?? [];
    if (parent !== undefined && field !== undefined) {
      inside.set(parent, [...(inside.get(parent) ?? []), { ...row, field }]);
    }
  }
  const orphan = [...inside.keys()].find((name) => !own.some(({ field }) => field === name));
  if (orphan !== undefined) {
    throw new Error(`docs/JSON.md: there are fields of ${orphan}, and no ${orphan}`);
  }
  const twice = own.find(({ field }, index) => own.findIndex((other) => other.field === field) !== index);
  if (twice !== undefined) {
    throw new Error(`docs/JSON.md: ${twice.field} stands twice`);
  }
  return {
    type: "object",
    properties: Object.fromEntries(
      own.map(({ field, type, says }) => {
        const schema = typeSchema(type, inside.get(field), context);
        return [field, says === "" ? schema : { ...schema, description: says }];
      }),
    ),
    required: own.filter(({ isAlways }) => isAlways).map(({ field }) => field),
  };
}

function typeSchema(type: string, inside: readonly Row[] | undefined, context: Context): Schema {
  const choices = type.split(" or ");
  if (choices.length > 1) {
    return { anyOf: choices.map((choice) => typeSchema(choice, inside, context)) };
  }
  const [, many, one] = /^(list|map) of (.+)$/.exec(type) ?? [];
  if (one !== undefined) {
    const item = typeSchema(one, inside, context);
    return many === "list" ? { type: "array", items: item } : { type: "object", additionalProperties: item };
  }
  if (type === "object") {
    if (inside === undefined) {
      throw new Error("docs/JSON.md: an object has no fields");
    }
    return objectSchema(inside, context);
  }
  if (/^"[^"]*"$|^(?:true|false)$/.test(type)) {
    return { const: JSON.parse(type) as unknown };
  }
  if (context.objects.has(type)) {
    return { $ref: `#/$defs/${type}` };
  }
  const json = context.page.types.get(type);
  if (json === undefined) {
    throw new Error(`docs/JSON.md: the type ${type} is not known`);
  }
  const pattern = patterns[type];
  return {
    ...(json === "any" ? {} : { type: wholes.has(type) ? "integer" : json }),
    ...(wholes.has(type) ? { minimum: 0 } : {}),
    ...(pattern === undefined ? {} : { pattern }),
  };
}

/** The file as it has to be. */
export async function schemaText(): Promise<string> {
  const options = await resolveConfig(schemaPath);
  return format(JSON.stringify(makeSchema()), { ...options, filepath: schemaPath });
}
