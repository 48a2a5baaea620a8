/**
 * Record paths as file names, and back. The names are safe on every common system: nothing leads out of the folder, names
 * that differ only by case stay apart, no name is reserved or too long. Most paths stay as they are.
 *
 * `%` starts an escape: two hexadecimal digits stand for one byte. A folder whose name ends in `%` is the first part of a
 * name that would be too long.
 */
import { DecampError } from "../errors.ts";

/** Bytes that stand for themselves. No capitals: some systems do not tell them apart. */
const plain = /^[a-z0-9_.-]$/;

/** Windows reserves these, with any ending behind a dot. */
const reserved = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$|clock\$)(?:\.|$)/;

/** Longer parts are split. Systems stop at 255 bytes; temporary endings need some of them. */
const maxPart = 200;

const ending = ".json";

/**
 * The parts of the relative path of the file for a record: folders, then the file.
 *
 * @param path `collection/rkey`
 * @throws DecampError `damaged` if it is no such path
 */
export function recordFile(path: string): string[] {
  const slash = path.indexOf("/");
  const collection = path.slice(0, slash);
  const rkey = path.slice(slash + 1);
  if (slash <= 0 || rkey === "" || rkey.includes("/")) {
    throw new DecampError("damaged", `This is no path of a record: ${path}`, { data: { path } });
  }
  return [...parts(escapeName(collection)), ...parts(`${escapeName(rkey)}${ending}`)];
}

/** The record path that `recordFile` made `file` from. Undefined for a file that it never makes. */
export function recordPath(file: readonly string[]): string | undefined {
  const names = file.join("/").replaceAll("%/", "").split("/");
  const [collection, name, ...more] = names;
  if (collection === undefined || name === undefined || more.length > 0 || !name.endsWith(ending)) {
    return undefined;
  }
  const path = `${unescapeName(collection)}/${unescapeName(name.slice(0, -ending.length))}`;
  // Only what would be written is read.
  return safely(() => recordFile(path).join("/")) === file.join("/") ? path : undefined;
}

function safely(make: () => string): string | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

function escapeName(name: string): string {
  const escaped = Array.from(Buffer.from(name, "utf8"), (byte) => {
    const character = String.fromCharCode(byte);
    return plain.test(character) ? character : escapeByte(byte);
  }).join("");
  // Not hidden, and not reserved.
  return escaped.startsWith(".") || reserved.test(escaped)
    ? escapeByte(escaped.charCodeAt(0)) + escaped.slice(1)
    : escaped;
}

function escapeByte(byte: number): string {
  return `%${byte.toString(16).padStart(2, "0")}`;
}

function unescapeName(name: string): string {
  const bytes = name.replace(/%([0-9a-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** Splits a name that is too long: all parts but the last end in `%`. An escape stays whole. */
function parts(name: string): string[] {
  const made: string[] = [];
  let rest = name;
  while (rest.length > maxPart) {
    const cut = rest.slice(maxPart - 2, maxPart).indexOf("%");
    const length = cut < 0 ? maxPart : maxPart - 2 + cut;
    made.push(`${rest.slice(0, length)}%`);
    rest = rest.slice(length);
  }
  return [...made, rest];
}
