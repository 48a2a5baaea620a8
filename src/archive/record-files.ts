/**
 * Names of files for keys, when records are unpacked into a folder: one folder a collection, one file a record. The
 * names can be turned back into keys; no two keys share a name, even where a file system does not tell `a` from `A`;
 * none means anything special to Windows, macOS or Linux, and none leads out of the folder.
 *
 * Lower-case letters, digits, `-`, `_` and `.` stand for themselves. A capital letter is `=` and the small one; any
 * other character is `=` and two hexadecimal digits, of which the first is a numeral, which tells the two apart. So is
 * a dot at the start or end of a name, and the first letter of a name that Windows keeps for a device. Long names are
 * cut into folders, with `=` at the cut.
 */
import { DecampError } from "../errors.ts";
import { isDeviceName } from "../services/system-rules.ts";

/** Parts of a path stay below the 255 bytes that file systems allow, with room for an ending. */
const longestName = 200;

function escapeCharacter(character: string): string {
  return /[A-Z]/.test(character) ? `=${character.toLowerCase()}` : escapeByte(character);
}

/** `=` and two digits; the first is always a numeral for ASCII, which tells it from an escaped capital. */
function escapeByte(character: string): string {
  return `=${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

function escapeName(text: string): string {
  let name = text.replaceAll(/[^a-z0-9\-_.]/g, escapeCharacter);
  if (name.startsWith(".") || isDeviceName(name)) {
    name = escapeByte(name.charAt(0)) + name.slice(1);
  }
  return name.endsWith(".") ? name.slice(0, -1) + escapeByte(".") : name;
}

function unescapeName(name: string): string {
  return name.replaceAll(/=(?:([a-z])|([0-7][0-9a-f]))/g, (_all, capital?: string, byte?: string) =>
    capital === undefined ? String.fromCharCode(Number.parseInt(byte ?? "", 16)) : capital.toUpperCase(),
  );
}

/** Cuts a long name into parts, each but the last with `=` at its end, never within an escape. */
function cutName(name: string): string[] {
  const parts: string[] = [];
  let part = "";
  for (const [unit] of name.matchAll(/=(?:[a-z]|[0-7][0-9a-f])|[^=]/g)) {
    if (part.length + unit.length > longestName) {
      parts.push(`${part}=`);
      part = "";
    }
    part += unit;
  }
  return [...parts, part];
}

/** A part that starts anew after a cut may start with what a name must not start with. */
function guardPart(part: string, index: number): string {
  return index > 0 && (part.startsWith(".") || isDeviceName(part)) ? escapeByte(part.charAt(0)) + part.slice(1) : part;
}

/**
 * The path of a record's file below the folder, with `/` between its parts: `app.bsky.feed.post/3k….json`.
 *
 * @param path the record's key, `collection/rkey`
 * @throws DecampError `damaged` if that is no key that a repository can have
 */
export function recordFileName(path: string): string {
  const slash = path.indexOf("/");
  if (slash <= 0 || slash === path.length - 1 || slash !== path.lastIndexOf("/") || !/^[\u0020-\u007e]*$/.test(path)) {
    throw new DecampError("damaged", `This is not the path of a record: ${JSON.stringify(path)}.`);
  }
  const parts = [path.slice(0, slash), path.slice(slash + 1)].map((part) => cutName(escapeName(part)).map(guardPart));
  return `${parts.flat().join("/")}.json`;
}

/** The key of the record whose file this is, or undefined if no record's file is called so. */
export function recordPath(fileName: string): string | undefined {
  if (!fileName.endsWith(".json")) {
    return undefined;
  }
  const joined = fileName.slice(0, -".json".length).replaceAll("=/", "");
  const parts = joined.split("/").map(unescapeName);
  const path = parts.join("/");
  try {
    return parts.length === 2 && recordFileName(path) === fileName ? path : undefined;
  } catch {
    return undefined;
  }
}
