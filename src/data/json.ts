/**
 * The JSON form of atproto data: links as `{"$link": …}`, bytes as `{"$bytes": …}`. (Spec: Data Model, "JSON".) What
 * breaks the data model has no form there, and is marked:
 *
 *     {"$float": 1.5}                      a floating-point number; "NaN", "Infinity" and "-Infinity" as texts
 *     {"$undefined": true}                 undefined
 *     {"$simple": 16}                      another simple value of CBOR
 *     {"$badText": "/w"}                   a text that is not UTF-8: its bytes in base64
 *     {"$tag": 1, "$value": …}             a tag of CBOR, and what it stands before; a link of another kind has tag 42
 *     {"$map": [["key", …], …]}            a map with a key twice, or with keys that are no texts: its entries
 *
 * A map that could be taken for one of these marks is written as its entries, too.
 */
import { CidLink } from "./cid.ts";
import type { CborValue } from "./cbor.ts";
import {
  CborBadText,
  CborEntries,
  CborFloat,
  CborSimple,
  isMark,
  readLoose,
  type CborTag,
  type LooseValue,
} from "./cbor-loose.ts";

/**
 * A value as JSON, for people and tools. Nothing is rounded: integers beyond 2^53 are written with all their digits.
 *
 * @param indent spaces for each level; 0 writes one line
 */
export function toJson(value: CborValue, indent: number = 2): string {
  return write(value, indent === 0 ? "" : "\n", " ".repeat(indent), false);
}

/** Writing goes down one level at a time. */
const deepest = 512;

/**
 * A record that breaks the data model, as JSON with marks. Undefined if it cannot be read to its end, or is nested too
 * deeply.
 */
export function looseJson(bytes: Uint8Array, indent: number = 2): string | undefined {
  const { value, isWhole, depth, end } = readLoose(bytes);
  return value === undefined || !isWhole || depth > deepest || end !== bytes.length
    ? undefined
    : write(value, indent === 0 ? "" : "\n", " ".repeat(indent), true);
}

const marks: ReadonlySet<string> = new Set(["$float", "$undefined", "$simple", "$badText", "$tag", "$map"]);

/**
 * @param line the line break and the indentation that are due at this level, or nothing
 * @param marked whether there are marks, so that maps must not look like them
 */
function write(value: LooseValue, line: string, indent: string, marked: boolean): string {
  if (typeof value === "bigint") {
    return value.toString();
  }
  if (typeof value !== "object" || value === null) {
    return JSON.stringify(value);
  }
  const inner = line === "" ? "" : line + indent;
  const colon = line === "" ? ":" : ": ";
  const list = (items: readonly LooseValue[]): string =>
    enclose(
      "[",
      items.map((item) => inner + write(item, inner, indent, marked)),
      line,
      "]",
    );
  const map = (members: readonly (readonly [string, LooseValue])[]): string =>
    enclose(
      "{",
      members.map(([key, member]) => inner + JSON.stringify(key) + colon + write(member, inner, indent, marked)),
      line,
      "}",
    );
  if (value instanceof CborFloat) {
    return enclose("{", [`${inner}"$float"${colon}${float(value.number)}`], line, "}");
  }
  if (value instanceof Uint8Array) {
    return map([["$bytes", base64(value)]]);
  }
  if (value instanceof CidLink) {
    return map([["$link", value.cid]]);
  }
  if (Array.isArray(value)) {
    return list(value);
  }
  if (isMark(value)) {
    return value instanceof CborEntries
      ? map([["$map", value.entries.map(([key, member]) => [key, member])]])
      : map(markOf(value));
  }
  const members = Object.keys(value).map((key) => [key, value[key] ?? null] as const);
  return marked && members.some(([key]) => marks.has(key))
    ? map([["$map", members.map(([key, member]) => [key, member])]])
    : map(members);
}

function markOf(value: CborSimple | CborBadText | CborTag): (readonly [string, LooseValue])[] {
  if (value instanceof CborSimple) {
    return [value.code === 23 ? ["$undefined", true] : ["$simple", value.code]];
  }
  return value instanceof CborBadText
    ? [["$badText", base64(value.bytes)]]
    : [
        ["$tag", value.tag],
        ["$value", value.value],
      ];
}

/** Always with a point or an exponent, or as a text. */
function float(number: number): string {
  if (!Number.isFinite(number)) {
    return JSON.stringify(String(number));
  }
  const digits = Object.is(number, -0) ? "-0" : String(number);
  return /[.e]/.test(digits) ? digits : `${digits}.0`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replace(/=+$/, "");
}

function enclose(open: string, parts: readonly string[], line: string, close: string): string {
  return parts.length === 0 ? open + close : open + parts.join(",") + line + close;
}
