/**
 * Loaded into decamp before its own code: one of its operations on files goes wrong, as the variable DECAMP_BREAK says.
 * The product knows nothing of this.
 */
import files, { appendFileSync, constants, type PathLike } from "node:fs";
import promises, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

/** What is to go wrong. */
export interface Breakage {
  /** part of the paths that count */
  path: string;
  /** which operation on these it is, from 1 */
  nth: number;
  /**
   * `before`, `torn`, `after`: the process is killed before the operation, when half of the bytes are written, or after
   * it. `full`: from that operation on the disk is full; `read-only`: it is read-only. `short`: the system takes half
   * of the bytes, and says so. `nothing`: no operation goes wrong.
   */
  how: "before" | "torn" | "after" | "full" | "read-only" | "short" | "nothing";
  /** a file that gets a line for each operation */
  log?: string;
  /** what removes, and what makes a folder, is an operation, too */
  removals?: true;
}

const { path, nth, how, log, removals } = JSON.parse(process.env["DECAMP_BREAK"] ?? "") as Breakage;
let count = 0;

function die(): void {
  process.kill(process.pid, "SIGKILL");
}

/** What becomes of an operation. */
type Fate = "done" | "full" | "short" | "before" | "torn" | "after";

function nextFate(name: string): Fate {
  count += 1;
  if (log !== undefined) {
    appendFileSync(log, `${name}\n`);
  }
  if ((how === "full" || how === "read-only") && count >= nth) {
    return "full";
  }
  return count === nth && how !== "full" && how !== "read-only" && how !== "nothing" ? how : "done";
}

function diskFull(): Error {
  return how === "read-only"
    ? Object.assign(new Error("EROFS: read-only file system"), { code: "EROFS", errno: -30 })
    : Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC", errno: -28 });
}

/** Does `work`, unless it is the one that goes wrong; `half` does a part of it. */
async function perform<T>(name: string, work: () => Promise<T>, half?: () => Promise<T>): Promise<T> {
  const fate = nextFate(name);
  if (fate === "full") {
    await half?.();
    throw diskFull();
  }
  if (fate === "short" && half !== undefined) {
    return half();
  }
  if (fate === "before") {
    die();
  } else if (fate === "torn") {
    await half?.();
    die();
  }
  const result = await work();
  if (fate === "after") {
    die();
  }
  return result;
}

/** The same for what is done in place. */
function performAtOnce<T>(name: string, work: () => T, half?: () => T): T {
  const fate = nextFate(name);
  if (fate === "full") {
    half?.();
    throw diskFull();
  }
  if (fate === "short" && half !== undefined) {
    return half();
  }
  if (fate === "before") {
    die();
  } else if (fate === "torn") {
    half?.();
    die();
  }
  const result = work();
  if (fate === "after") {
    die();
  }
  return result;
}

const { link, mkdir, open, rename, rm, rmdir, unlink } = promises;

/** As decamp calls it. */
type Write = (
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: number | null,
) => Promise<{ bytesWritten: number }>;

function isToWrite(flags: string | number | undefined): boolean {
  return typeof flags === "number"
    ? (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0
    : /[wa]/.test(flags ?? "r");
}

promises.open = async (file, flags, mode) => {
  const name = String(file);
  if (!isToWrite(flags) || !name.includes(path)) {
    return open(file, flags, mode);
  }
  const creates = typeof flags === "string" && flags.startsWith("w");
  const handle = creates
    ? await perform(`create ${name}`, async () => open(file, flags, mode))
    : await open(file, flags, mode);
  const write = handle.write.bind(handle) as Write;
  handle.write = (async (bytes: Uint8Array, offset: number, length: number, position: number | null) =>
    perform(
      `write ${name}`,
      async () => write(bytes, offset, length, position),
      async () => write(bytes, offset, length >> 1, position),
    )) as Write as FileHandle["write"];
  return handle;
};

promises.rename = async (from, to) =>
  String(to).includes(path) ? perform(`rename ${String(to)}`, async () => rename(from, to)) : rename(from, to);

promises.link = async (from, to) =>
  String(to).includes(path) ? perform(`link ${String(to)}`, async () => link(from, to)) : link(from, to);

const { linkSync, mkdirSync, renameSync, unlinkSync } = files;

files.renameSync = (from, to) => {
  if (String(to).includes(path)) {
    performAtOnce(`rename ${String(to)}`, () => renameSync(from, to));
  } else {
    renameSync(from, to);
  }
};

files.linkSync = (from, to) => {
  if (String(to).includes(path)) {
    performAtOnce(`link ${String(to)}`, () => linkSync(from, to));
  } else {
    linkSync(from, to);
  }
};

if (removals === true) {
  const countedAtOnce =
    <T extends unknown[], R>(name: string, work: (file: PathLike, ...more: T) => R) =>
    (file: PathLike, ...more: T): R =>
      String(file).includes(path)
        ? performAtOnce(`${name} ${String(file)}`, () => work(file, ...more))
        : work(file, ...more);
  files.mkdirSync = countedAtOnce("mkdir", mkdirSync as (file: PathLike) => undefined) as typeof mkdirSync;
  files.unlinkSync = countedAtOnce("unlink", unlinkSync);
  const counted =
    <T extends unknown[], R>(name: string, work: (file: PathLike, ...more: T) => Promise<R>) =>
    async (file: PathLike, ...more: T): Promise<R> =>
      String(file).includes(path)
        ? perform(`${name} ${String(file)}`, async () => work(file, ...more))
        : work(file, ...more);
  promises.mkdir = counted("mkdir", mkdir as (file: PathLike) => Promise<undefined>) as typeof mkdir;
  promises.rm = counted("rm", rm);
  promises.rmdir = counted("rmdir", rmdir);
  promises.unlink = counted("unlink", unlink);
}
// The same for descriptors: as decamp writes what is small, and most of what is not.
const { closeSync, openSync, write: writeLater, writeSync } = files;
const written = new Map<number, string>();
type Told<T> = (error: Error | null, result?: T) => void;

files.openSync = ((file: PathLike, flags?: string | number, mode?: number) => {
  const name = String(file);
  if (!isToWrite(flags) || !name.includes(path)) {
    return openSync(file, flags ?? "r", mode);
  }
  const descriptor = performAtOnce(`create ${name}`, () => openSync(file, flags ?? "r", mode));
  written.set(descriptor, name);
  return descriptor;
}) as typeof files.openSync;

files.closeSync = (descriptor) => {
  written.delete(descriptor);
  closeSync(descriptor);
};

files.writeSync = ((descriptor: number, bytes: Uint8Array, at: number, length: number, position: number | null) => {
  const name = written.get(descriptor);
  const take = (most: number): number => writeSync(descriptor, bytes, at, most, position);
  return name === undefined
    ? take(length)
    : performAtOnce(
        `write ${name}`,
        () => take(length),
        () => take(length >> 1),
      );
}) as typeof files.writeSync;

files.write = ((
  descriptor: number,
  bytes: Uint8Array,
  at: number,
  length: number,
  position: number | null,
  told: Told<number>,
) => {
  const name = written.get(descriptor);
  const take = async (most: number): Promise<number> =>
    new Promise((resolve, reject) => {
      writeLater(descriptor, bytes, at, most, position, (error, taken) =>
        error === null ? resolve(taken) : reject(error),
      );
    });
  const writing =
    name === undefined
      ? take(length)
      : perform(
          `write ${name}`,
          async () => take(length),
          async () => take(length >> 1),
        );
  writing.then((taken) => told(null, taken), told);
}) as typeof files.write;

syncBuiltinESMExports();
