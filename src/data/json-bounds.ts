/**
 * What JSON from outside may hold before it is parsed: whoever reads it goes down its levels, and keeps all of its
 * values. What the protocol has needs fewer than ten levels; an audit log needs some thirty values for an operation, a
 * page of a list a thousand.
 */
import { defaultBudgets, type Limits } from "./budgets.ts";

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** A bound that JSON does not keep to. */
export interface JsonExcess {
  readonly limit: "jsonDepth" | "jsonValues";
  readonly most: number;
  /** To follow "something that". */
  readonly says: string;
}

/**
 * Why `bytes` are not to be parsed; undefined if they keep to the bounds. Whether they are JSON is for the parser to
 * say.
 */
export function jsonExcess(
  bytes: Uint8Array,
  { jsonDepth, jsonValues }: Pick<Limits, "jsonDepth" | "jsonValues"> = defaultBudgets,
): JsonExcess | undefined {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]!) {
      case quote:
        for (at++; at < bytes.length && bytes[at] !== quote; at++) {
          if (bytes[at] === backslash) {
            at++;
          }
        }
        break;
      case openList:
      case openObject:
        depth++;
        values++;
        if (depth > jsonDepth) {
          return { limit: "jsonDepth", most: jsonDepth, says: `is nested more than ${jsonDepth} levels deep` };
        }
        break;
      case closeList:
      case closeObject:
        depth--;
        break;
      case comma:
        values++;
        break;
    }
    if (values > jsonValues) {
      return { limit: "jsonValues", most: jsonValues, says: `holds more than ${jsonValues} values` };
    }
  }
  return undefined;
}
