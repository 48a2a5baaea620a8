/**
 * The accounts whose moves this machine remembers, for who types one: quickly, and without a word where something
 * cannot be read. Nothing is proved here, and nothing is decided by it: the journal of a move reads what counts.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from "node:fs";

/** Handles and DIDs that are plain, and so can be typed and shown as they are. */
export interface KnownAccounts {
  readonly handles: readonly string[];
  readonly dids: readonly string[];
}

/** Reads the journals in the folder of the state; what cannot be read is left out. */
export function knownAccounts(stateDir: string): KnownAccounts {
  const all = readSmallFiles(`${stateDir}/migrations`, ".journal").flatMap((text) => text.split("\n"));
  // A handle that was chosen, and that the new server has not taken, is nobody's, or somebody else's.
  const lines = all.filter((line) => !line.includes('"newHandle":') || line.includes('"state":"taken"'));
  const named = (field: string, form: RegExp): string[] => {
    const found = lines.flatMap((line) => [...line.matchAll(new RegExp(`"${field}":"([^"]*)"`, "g"))]);
    return [...new Set(found.map(([, value = ""]) => value))].filter((value) => form.test(value)).sort();
  };
  const handle = /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/;
  return {
    handles: [...new Set([...named("handle", handle), ...named("newHandle", handle)])].filter(
      (name) => name !== "handle.invalid",
    ),
    dids: named("did", /^did:[a-z]+:[a-zA-Z0-9._:-]+$/),
  };
}

/** So many files are looked into. */
const mostFiles = 200;
/** So much of each. */
const mostBytes = 65_536;

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants> & typeof constants;

/** The beginnings of the plain files in a folder whose names end like this. What cannot be read is left out. */
function readSmallFiles(folder: string, ending: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith(ending));
    return names.slice(0, mostFiles).flatMap((name) => readSmallFile(`${folder}/${name}`));
  } catch {
    return [];
  }
}

function readSmallFile(path: string): string[] {
  let file: number | undefined;
  try {
    // What is no plain file, such as a pipe, would have us wait.
    file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fstatSync(file).isFile()) {
      return [];
    }
    const bytes = Buffer.alloc(mostBytes);
    return [bytes.toString("utf8", 0, readSync(file, bytes))];
  } catch {
    return [];
  } finally {
    if (file !== undefined) {
      closeSync(file);
    }
  }
}
