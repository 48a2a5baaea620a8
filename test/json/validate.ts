/**
 * Holds a value against the schema, more strictly than that says: a field that is not in it is a fault. What of JSON
 * Schema is not used there is refused, so that nothing is passed over.
 */
import type { Root, Schema } from "./schema.ts";

const known = new Set(
  [
    ["$ref", "anyOf", "type", "const", "pattern", "minimum"],
    ["items", "properties", "required", "additionalProperties", "description"],
  ].flat(),
);

/** @returns what is wrong, with its place in the value; nothing if it fits */
export function faultsIn(value: unknown, schema: Schema, root: Root, at = ""): string[] {
  const strange = Object.keys(schema).filter((word) => !known.has(word));
  if (strange.length > 0) {
    throw new Error(`the schema has ${strange.join(", ")}, which nobody checks`);
  }
  if (schema.$ref !== undefined) {
    const referred = root.$defs[schema.$ref.replace("#/$defs/", "")];
    if (referred === undefined) {
      throw new Error(`the schema has no ${schema.$ref}`);
    }
    return faultsIn(value, referred, root, at);
  }
  if (schema.anyOf !== undefined) {
    const all = schema.anyOf.map((choice) => faultsIn(value, choice, root, at));
    // Whatever is closest.
    return all.reduce((best, faults) => (faults.length < best.length ? faults : best));
  }
  return [...faultsOfValue(value, schema, at), ...faultsOfParts(value, schema, root, at)];
}

function faultsOfValue(value: unknown, { type, const: only, pattern, minimum }: Schema, at: string): string[] {
  const found = JSON.stringify(value);
  return [
    ...(type === undefined || isOfType(value, type) ? [] : [`${at} should be of the type ${type}, and is ${found}`]),
    ...(only === undefined || value === only ? [] : [`${at} should be ${JSON.stringify(only)}, and is ${found}`]),
    ...(pattern === undefined || typeof value !== "string" || new RegExp(pattern, "u").test(value)
      ? []
      : [`${at} should be like ${pattern}, and is ${found}`]),
    ...(minimum === undefined || typeof value !== "number" || value >= minimum
      ? []
      : [`${at} should be at least ${minimum}, and is ${found}`]),
  ];
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    default:
      return typeof value === type;
  }
}

function faultsOfParts(value: unknown, schema: Schema, root: Root, at: string): string[] {
  const { items, properties, required = [], additionalProperties } = schema;
  if (Array.isArray(value) && items !== undefined) {
    return value.flatMap((item, index) => faultsIn(item, items, root, `${at}[${index}]`));
  }
  if (!isObject(value)) {
    return [];
  }
  const missing = required.filter((name) => !Object.hasOwn(value, name));
  return [
    ...missing.map((name) => `${at}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, part]) => {
      const place = `${at}.${name}`;
      const own = properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
      const expected = own ?? additionalProperties;
      if (expected !== undefined) {
        return faultsIn(part, expected, root, place);
      }
      // Only where nothing is said of fields may there be any.
      return properties === undefined ? [] : [`${place} is not known`];
    }),
  ];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
