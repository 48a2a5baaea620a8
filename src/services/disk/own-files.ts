/**
 * What decamp keeps for itself, in the folder of its state. Nobody but its user may write there, and nothing there is a
 * link: who could put one in the place of a file would have decamp write wherever they like.
 *
 * - The folder of the state may lie anywhere, and be reached by links that the user or the system's administrator has
 *   made. It belongs to the user, or to the administrator; others may not write to it, unless it is one where they
 *   cannot touch what is not theirs (such as /tmp).
 * - The folders in it are the user's own, and no links.
 * - Files are plain ones with one name, are the user's own, and nobody else may write to them.
 *
 * Permissions are changed through what was opened and looked at, never by a path. Windows has other ones, and is left
 * to them.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { DecampError } from "../../errors.ts";
import { isAbsentAt, makeDurableFolder, onDisk, privateFile, privateFolder } from "./files.ts";
import { administrator, currentUser, othersWrite } from "./named/users.ts";
import { systemCode } from "../system-error.ts";

/** The folders that decamp makes in the folder of its state. */
const ownFolders: ReadonlySet<string> = new Set(["migrations", "heads", "archives", "made", "watch", "insured"]);

/** The sticky bit: others may add to the folder, and not touch what is not theirs. */
const sticky = 0o1000;

const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants>;

/**
 * A folder in the folder of the state, after a look at both.
 *
 * @param make makes them where they are not there yet; durable when it resolves
 * @throws DecampError `refused` if others may write there, or it is another user's, or a link leads there; `storage`
 */
export async function ownFolder(stateDir: string, name: string, make: boolean = false): Promise<string> {
  const folder = join(resolve(stateDir), name);
  await onDisk(folder, async () => {
    const found = await requireOwn(stateDir, folder);
    if (make && !found) {
      await makeDurableFolder(folder);
      // Somebody may have been faster.
      await requireOwn(stateDir, folder);
    }
  });
  return folder;
}

/**
 * Looks in place: an export of very many accounts does so for each, and to give way costs ten times what a look does.
 *
 * @returns whether the folder is there
 */
async function requireOwn(stateDir: string, folder: string): Promise<boolean> {
  const user = currentUser();
  if (user === undefined) {
    return false;
  }
  requireOwnLinks(resolve(stateDir), user);
  await requireClosed(stateDir, user, false);
  return requireClosed(folder, user, true);
}

/** Whoever makes a link on the way decides where it ends. */
function requireOwnLinks(path: string, user: number): void {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    const found = lstatSync(at, { throwIfNoEntry: false });
    if (found?.isSymbolicLink() === true && found.uid !== user && found.uid !== administrator) {
      throw new DecampError("refused", `${at} is a symbolic link that another user has made.`, {
        hint: "The folder of decamp's state must not depend on others. Name another one with --state-dir.",
        data: { path: at },
      });
    }
  }
}

/** @param inner whether it is one that decamp makes in the folder of its state @returns whether it is there */
async function requireClosed(path: string, user: number, inner: boolean): Promise<boolean> {
  const found = (inner ? lstatSync : statSync)(path, { throwIfNoEntry: false });
  if (found === undefined) {
    return false;
  }
  const data = { path };
  if (found.isSymbolicLink()) {
    throw new DecampError("refused", `${path} is a symbolic link, and decamp makes none there.`, {
      hint: "Look who made it and where it leads, then move it away. The folder of the state itself may be a link of yours.",
      data,
    });
  }
  if (found.uid !== user && (inner || found.uid !== administrator)) {
    throw new DecampError("refused", `The folder ${path} belongs to another user, and decamp keeps its state there.`, {
      hint: `Give it to the user who runs decamp (chown), or name a folder with --state-dir that decamp may make itself, such as ${join(path, "decamp")}.`,
      data,
    });
  }
  const isShared = !inner && (found.mode & sticky) !== 0;
  if ((found.mode & othersWrite) !== 0 && !isShared) {
    await close(path, found, user, inner);
  }
  return true;
}

/**
 * Takes the permission away from others, of a folder that is clearly decamp's. One in which something lies already is
 * refused all the same, once: it may not be what the user has left there.
 */
async function close(path: string, found: Stats, user: number, inner: boolean): Promise<void> {
  const names = readdirSync(path);
  const isOurs = found.uid === user && (inner || names.every((name) => ownFolders.has(name)));
  if (!isOurs || !(await closeOpened(path, found, inner))) {
    throw new DecampError("refused", `Others may write to the folder ${path}, and decamp keeps its state there.`, {
      hint: `Take that from them (chmod go-w ${path}). If it belongs to them too, or lies on a disk that knows no permissions, name another folder with --state-dir.`,
      data: { path },
    });
  }
  if (names.length > 0) {
    throw new DecampError(
      "refused",
      `Others could write to the folder ${path} until now, and decamp keeps its state there.`,
      {
        hint: "It is closed to them from now on. Look whether what lies in it is yours, then run the same command again.",
        data: { path },
      },
    );
  }
}

/** @returns whether it is closed now: it is the folder that was found, and its disk keeps what it is told */
async function closeOpened(path: string, found: Stats, inner: boolean): Promise<boolean> {
  const handle = await open(path, constants.O_RDONLY | O_NONBLOCK | (inner ? O_NOFOLLOW : 0));
  try {
    const opened = await handle.stat();
    if (opened.ino !== found.ino || opened.dev !== found.dev) {
      return false;
    }
    await handle.chmod(privateFolder);
    return ((await handle.stat()).mode & othersWrite) === 0;
  } finally {
    await handle.close();
  }
}

/**
 * Opens a file of decamp's own to append to it: it is made if it is not there, and becomes readable for its user alone.
 *
 * @throws DecampError `unreadable-file` if it is not as decamp makes it; and what the system says
 */
export async function openOwn(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | noWaiting, privateFile);
  } catch (error) {
    throw asLink(path, error);
  }
  try {
    const found = await handle.stat();
    refuse(path, flawOf(found));
    if ((found.mode & 0o777) !== privateFile) {
      await handle.chmod(privateFile);
    }
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * The content of a file of decamp's own; undefined if there is none. @throws DecampError `unreadable-file`, `storage`
 */
export async function readOwn(path: string): Promise<Uint8Array | undefined> {
  return readUnlinked(path, flawOf);
}

/**
 * The same for a file that decamp has written, and perhaps for another user: a lock. It may have more names than one.
 */
export async function readShared(path: string): Promise<Uint8Array | undefined> {
  return readUnlinked(path, (found) => (found.isFile() ? undefined : flaws.kind));
}

/** In place: these files are small. */
async function readUnlinked(path: string, flaw: (found: Stats) => Flaw | undefined): Promise<Uint8Array | undefined> {
  return onDisk(path, async () => {
    if (isAbsentAt(path)) {
      return undefined;
    }
    let file: number;
    try {
      file = openSync(path, constants.O_RDONLY | noWaiting);
    } catch (error) {
      if (systemCode(error) === "ENOENT") {
        return undefined;
      }
      throw asLink(path, error);
    }
    try {
      refuse(path, flaw(fstatSync(file)));
      return readFileSync(file);
    } finally {
      closeSync(file);
    }
  });
}

/** Follows no link, and waits for nobody where a pipe has the name of a file. */
const noWaiting = O_NOFOLLOW | O_NONBLOCK;

function asLink(path: string, error: unknown): unknown {
  return systemCode(error) === "ELOOP" ? notOurs(path, flaws.link) : error;
}

function refuse(path: string, flaw: Flaw | undefined): void {
  if (flaw !== undefined) {
    throw notOurs(path, flaw);
  }
}

interface Flaw {
  readonly what: string;
  readonly hint: string;
}

const flaws = {
  link: {
    what: "it is a symbolic link",
    hint: "decamp makes no links there. Look who made it and where it leads, then move it away.",
  },
  kind: { what: "it is no plain file", hint: "Look what it is and who has put it there, then move it away." },
  names: {
    what: "it has a second name (a hard link), and what is written to it would change that file too",
    hint: "Make a file of its own of it: copy it, and move the copy into its place.",
  },
  owner: {
    what: "it belongs to another user",
    hint: "Look who has put it there. Move it away, or give it to the user who runs decamp (chown).",
  },
  others: {
    what: "others may write to it",
    hint: "Look whether what it says is yours. Then take that from them with chmod 600, or move it away.",
  },
} as const satisfies Record<string, Flaw>;

function flawOf(found: Stats): Flaw | undefined {
  if (!found.isFile()) {
    return flaws.kind;
  }
  const user = currentUser();
  if (user === undefined) {
    return undefined;
  }
  return found.nlink > 1
    ? flaws.names
    : found.uid !== user
      ? flaws.owner
      : (found.mode & othersWrite) === 0
        ? undefined
        : flaws.others;
}

function notOurs(path: string, { what, hint }: Flaw): DecampError {
  return new DecampError("unreadable-file", `Cannot use ${path}: ${what}.`, { hint, data: { path } });
}
