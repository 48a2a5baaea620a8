/**
 * Keys of the tree: `collection/rkey`. (Spec: Repository, "Repository Data Structure"; NSID; Record Key.)
 */
import { hash } from "node:crypto";
import type { RuleId } from "./rules.ts";

export const maxKeyLength = 1024;
export const maxRkeyLength = 512;

const nsid =
  /^[a-zA-Z][a-zA-Z0-9-]{0,62}(?<!-)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+\.[a-zA-Z][a-zA-Z0-9]{0,62}$/;

/** Whether a text names a collection: at least three segments, at most 317 characters, the authority at most 253. */
export function isNsid(text: string): boolean {
  return text.length <= 317 && text.lastIndexOf(".") <= 253 && nsid.test(text);
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
  return rkey.length === 0 || rkey.length > maxRkeyLength || rkey === "." || rkey === ".." ? "mst/key-rkey" : undefined;
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
