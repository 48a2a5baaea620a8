/** What JSON from outside may hold before it is parsed: whoever reads it goes down its levels, and keeps all of its values. */

/** The deepest nesting of lists and objects. What the protocol has needs fewer than ten. */
export const jsonDepth = 100;
/** The most values. An audit log needs some thirty for an operation, a page of a list a thousand. */
export const jsonValues = 1_000_000;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/**
 * Why `bytes` are not to be parsed, to follow "something that"; undefined if they keep to the bounds. Whether they are JSON is
 * for the parser to say.
 */
export function jsonExcess(bytes: Uint8Array): string | undefined {
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
          return `is nested more than ${jsonDepth} levels deep`;
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
      return `holds more than ${jsonValues} values`;
    }
  }
  return undefined;
}
