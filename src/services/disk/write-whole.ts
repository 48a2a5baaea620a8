/**
 * The one door through which bytes go to a file. The system may take a part of what it is given and say so, on a disk
 * that is nearly full: then the rest is offered again, and what it will not take is an error at that moment.
 */
import { closeSync, fchmod, fdatasync, fstatSync, fsync, lstatSync, openSync, write, writeSync } from "node:fs";
import { promisify } from "node:util";
import { systemCode } from "../system-error.ts";

/** What takes bytes, such as a FileHandle. */
interface Taker {
  write(bytes: Uint8Array, offset: number, length: number, position: number | null): Promise<{ bytesWritten: number }>;
}

/**
 * Writes all bytes.
 *
 * @param position where in the file (bytes); where the file is at, or at its end if it was opened to append, unless
 *   given
 * @throws what the system says when no more of them are taken
 */
export async function writeAll(handle: Taker, bytes: Uint8Array, position: number | null = null): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const place = position === null ? null : position + at;
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, place);
    at += taken(bytesWritten);
  }
}

/**
 * The same for a descriptor, before anything else happens. @throws what the system says when no more of them are taken
 */
export function writeAllSync(descriptor: number, bytes: Uint8Array, position: number | null = null): void {
  for (let at = 0; at < bytes.length;) {
    const place = position === null ? null : position + at;
    at += taken(writeSync(descriptor, bytes, at, bytes.length - at, place));
  }
}

/** So many bytes are read or written in place: to give way takes ten times as long. */
export const atOnce: number = 1 << 16;

/**
 * A new file that is written. A FileHandle does the same, and gives way at each step: for a small file that takes most
 * of the time. Here only those steps give way that wait for the disk. It is closed once, and not while a step is under
 * way: its number would by then be that of another file.
 */
export class WrittenFile {
  /** To read back what was written. */
  readonly descriptor: number;
  #underWay = 0;
  #isClosed = false;

  private constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** @param mode its permissions @throws what the system says, also if something has this name */
  static async create(path: string, mode: number): Promise<WrittenFile> {
    return new WrittenFile(openSync(path, "wx+", mode));
  }

  /** Writes all bytes; the beginning of a file in place. @param position where in it (bytes) @throws as `writeAll` */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    if (position + bytes.length <= atOnce) {
      writeAllSync(this.#opened(), bytes, position);
    } else {
      await this.#step(async () => writeAll(takerOf(this.#opened()), bytes, position));
    }
  }

  /**
   * Whether this name is another file's: that of a run which took this one for ended. Not where there is none, and not
   * where the size is the same: some disks in the network number a file anew. Throws what the system says.
   */
  isReplacedAt(path: string): boolean {
    const there = lstatSync(path, { throwIfNoEntry: false });
    const own = this.#isClosed ? undefined : fstatSync(this.descriptor);
    return there !== undefined && own !== undefined && there.ino !== own.ino && there.size !== own.size;
  }

  /** Brings all to the disk. Throws what the system says. */
  async sync(): Promise<void> {
    await this.#step(async () => promisedSync(this.#opened()));
  }

  /** Brings the content to the disk. Throws what the system says. */
  async datasync(): Promise<void> {
    await this.#step(async () => promisedDatasync(this.#opened()));
  }

  /** Gives it these permissions, whatever the umask says. Throws what the system says. */
  async permit(mode: number): Promise<void> {
    await this.#step(async () => promisedChmod(this.#opened(), mode));
  }

  /** Closes it, now or when what is under way has ended. Throws what the system says. */
  close(): void {
    if (!this.#isClosed) {
      this.#isClosed = true;
      if (this.#underWay === 0) {
        closeSync(this.descriptor);
      }
    }
  }

  #opened(): number {
    if (this.#isClosed) {
      throw Object.assign(new Error("EBADF: the file is closed"), { code: "EBADF" });
    }
    return this.descriptor;
  }

  async #step<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0 && this.#isClosed) {
        closeSync(this.descriptor);
      }
    }
  }
}

const promisedChmod = promisify(fchmod);
const promisedSync = promisify(fsync);
const promisedDatasync = promisify(fdatasync);

function takerOf(descriptor: number): Taker {
  return {
    write: async (bytes, offset, length, position) =>
      new Promise((resolve, reject) => {
        write(descriptor, bytes, offset, length, position, (error, bytesWritten) => {
          if (error === null) {
            resolve({ bytesWritten });
          } else {
            reject(error);
          }
        });
      }),
  };
}

/** Brings the names in a folder to the disk. Throws what the system says. */
export async function syncNames(path: string): Promise<void> {
  const folder = openSync(path, "r");
  try {
    await promisedSync(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * The same for a pipe that was opened so that writing to it does not wait.
 *
 * @returns how many bytes were taken: less than all once it is full
 * @throws what the system says for any other reason
 */
export function writeSomeSync(descriptor: number, bytes: Uint8Array): number {
  let at = 0;
  try {
    while (at < bytes.length) {
      at += taken(writeSync(descriptor, bytes, at));
    }
  } catch (error) {
    if (systemCode(error) !== "EAGAIN") {
      throw error;
    }
  }
  return at;
}

/** Nothing taken, and no reason given: to offer it again would never end. */
function taken(bytesWritten: number): number {
  if (bytesWritten > 0) {
    return bytesWritten;
  }
  throw Object.assign(new Error("EIO: the disk takes no more, and says no reason"), { code: "EIO" });
}
