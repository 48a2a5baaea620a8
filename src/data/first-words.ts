/** The first words of a record, by which a person knows it again. */

import { decodeCbor, isCborMap, type CborValue } from "./cbor.ts";
import { isDecampError } from "../errors.ts";

/** Where a record of any kind has the words for people, the best first. */
const fields = ["text", "title", "displayName", "name", "description"];
const most = { words: 8, characters: 60 };

/**
 * The first words of the text of a record; undefined for one that has none, or cannot be read. Whoever wrote the record
 * chose them: they are not escaped.
 *
 * @param bytes the record in DAG-CBOR
 */
export function firstWords(bytes: Uint8Array): string | undefined {
  let value: CborValue;
  try {
    value = decodeCbor(bytes);
  } catch (error) {
    if (isDecampError(error, "damaged")) {
      return undefined;
    }
    throw error;
  }
  if (!isCborMap(value)) {
    return undefined;
  }
  const record = value as Record<string, CborValue | undefined>;
  const text = fields.map((field) => record[field]).find((one) => typeof one === "string" && one.trim() !== "");
  if (typeof text !== "string") {
    return undefined;
  }
  const words = text.slice(0, 1000).trim().split(/\s+/);
  const characters = Array.from(words.slice(0, most.words).join(" "));
  const isCut = words.length > most.words || characters.length > most.characters || text.length > 1000;
  return `${characters.slice(0, most.characters).join("")}${isCut ? "…" : ""}`;
}
