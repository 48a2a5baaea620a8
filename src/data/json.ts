/** The JSON form of atproto data: links as `{"$link": …}`, bytes as `{"$bytes": …}`. (Spec: Data Model, "JSON".) */
import { CidLink } from "./cid.ts";
import type { CborValue } from "./cbor.ts";

/**
 * A value as JSON, for people and tools. Nothing is rounded: integers beyond 2^53 are written with all their digits.
 *
 * @param indent spaces for each level; 0 writes one line
 */
export function toJson(value: CborValue, indent: number = 2): string {
  return write(value, indent === 0 ? "" : "\n", " ".repeat(indent));
}

/** @param line the line break and the indentation that are due at this level, or nothing */
function write(value: CborValue, line: string, indent: string): string {
  if (typeof value === "bigint") {
    return value.toString();
  }
  if (typeof value !== "object" || value === null) {
    return JSON.stringify(value);
  }
  if (value instanceof Uint8Array) {
    return write({ $bytes: Buffer.from(value).toString("base64").replace(/=+$/, "") }, line, indent);
  }
  if (value instanceof CidLink) {
    return write({ $link: value.cid }, line, indent);
  }
  const inner = line === "" ? "" : line + indent;
  const colon = line === "" ? ":" : ": ";
  if (Array.isArray(value)) {
    return enclose(
      "[",
      value.map((item) => inner + write(item, inner, indent)),
      line,
      "]",
    );
  }
  const members = Object.keys(value).map(
    (key) => inner + JSON.stringify(key) + colon + write(value[key] ?? null, inner, indent),
  );
  return enclose("{", members, line, "}");
}

function enclose(open: string, parts: readonly string[], line: string, close: string): string {
  return parts.length === 0 ? open + close : open + parts.join(",") + line + close;
}
