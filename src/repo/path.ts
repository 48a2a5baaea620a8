/**
 * Keys of the tree: `collection/rkey`. (Spec: Repository, "Repository Data Structure"; NSID; Record Key.)
 */
import { hash } from "node:crypto";
import type { RuleId } from "./rules.ts";

export const maxKeyLength = 1024;
export const maxRkeyLength = 512;

const nsid =
  /^[a-zA-Z][a-zA-Z0-9-]{0,62}(?<!-)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+\.[a-zA-Z][a-zA-Z0-9]{0,62}$/;

const maxNsidLength = 317;

/**
 * Whether a text names a collection: three segments at least, 317 characters at most. The specification bounds the
 * authority in front of the name to 253 characters as well; the reference implementation and the official test files do
 * not.
 */
export function isNsid(text: string): boolean {
  return text.length <= maxNsidLength && nsid.test(text);
}

/** Whether a text is a record key: 1 to 512 of the characters that these may have, and neither `.` nor `..`. */
export function isRecordKey(text: string): boolean {
  return /^[A-Za-z0-9.\-_~:]{1,512}$/.test(text) && text !== "." && text !== "..";
}

/** Characters of a record key, by byte. */
export const rkeyCharacters: Uint8Array = new Uint8Array(256);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_~:") {
  rkeyCharacters[character.charCodeAt(0)] = 1;
}

/** The rule that a key breaks, or undefined for a good key. @param key the key's bytes as latin1 text */
export function keyFault(key: string): RuleId | undefined {
  if (key.length === 0 || key.length > maxKeyLength) {
    return "mst/key-length";
  }
  if (!/^[A-Za-z0-9.\-_~:/]*$/.test(key)) {
    return "mst/key-characters";
  }
  const slash = key.indexOf("/");
  if (slash < 0 || slash !== key.lastIndexOf("/")) {
    return "mst/key-path";
  }
  if (!isNsid(key.slice(0, slash))) {
    return "mst/key-collection";
  }
  const rkey = key.slice(slash + 1);
  return isRecordKey(rkey) ? undefined : "mst/key-rkey";
}

/** The level of the tree on which a key belongs: half of the leading zero bits of its SHA-256. */
export function keyDepth(key: Uint8Array): number {
  const digest = hash("sha256", key, "hex");
  let zeros = 0;
  while (digest.charCodeAt(zeros) === 0x30) {
    zeros++;
  }
  // A digit is worth two levels, and one that is below 4 has two zeros in front.
  return zeros * 2 + (digest.charCodeAt(zeros) < 0x34 ? 1 : 0);
}
