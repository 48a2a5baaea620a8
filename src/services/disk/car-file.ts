/** A CAR file as a source that can be read at any place: a file as it lies, a stream by way of a temporary file. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { tmpdir } from "node:os";
import { defaultBudgets, overLimit, type Limits } from "../../data/budgets.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { repoLimits } from "../../repo/limits.ts";
import type { RepoSource } from "../../repo/source.ts";
import { openNamed, pieces, readOpened, type Opened } from "./incoming.ts";
import { passingPlace } from "./passing-place.ts";
import { checkPlain, readPlain } from "./plain-file.ts";
import { unreadable } from "./unreadable.ts";
import { writeAllSync } from "./write-whole.ts";

/** A CAR file that is open. */
export interface CarFile {
  readonly source: RepoSource;
  /** Bytes. */
  readonly size: number;
  /** Closes the file, and removes it if it was a temporary one. To be called once. */
  close(): void;
}

/**
 * Opens the CAR file at `path`. A pipe or a device is refused.
 *
 * @throws DecampError `unreadable-file` if it cannot be read, or is no plain file
 */
export function openCarFile(path: string): CarFile {
  const fd = openFile(path, readPlain);
  const stat = fstatSync(fd);
  try {
    checkPlain(path, stat);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return openedFile(fd, path, stat.size);
}

export interface SpoolOptions {
  /** Ends it at once. */
  readonly signal?: AbortSignal | undefined;
  /** Those of the run; the defaults, unless given. */
  readonly limits?: Limits | undefined;
}

/**
 * Opens the CAR that a user names with `path`. What is no plain file (a pipe) is kept first, as `spoolCar` does.
 *
 * @throws DecampError `unreadable-file` if it cannot be read, or is a folder; and as `spoolCar`
 */
export async function openNamedCar(path: string, options: SpoolOptions = {}): Promise<CarFile> {
  let opened: Opened;
  try {
    opened = await openNamed(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  const { fd, stat } = opened;
  if (stat.isFile()) {
    return openedFile(fd, path, stat.size);
  }
  if (stat.isDirectory()) {
    closeSync(fd);
    throw new DecampError("unreadable-file", `Cannot read ${path}: it is a folder without a manifest.`, {
      hint: "Give a CAR file, or the folder of an archive: that has a manifest.json.",
    });
  }
  return spoolCar(readOpened(opened, options.signal), path, options);
}

function openFile(path: string, flags: number): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function openedFile(fd: number, path: string, size: number): CarFile {
  return { source: fileSource(fd, path), size, close: () => closeSync(fd) };
}

/**
 * Keeps what a stream carries in a temporary file that nobody else can read, and that is gone with the process, however
 * that ends (on Windows, where an open file keeps its name, unless it is killed). Where it shows that it is no CAR, or
 * can be read no further, it is taken for `strayBytes` more, and no longer: whoever reads what is kept finds just what
 * is wrong.
 *
 * @param from the stream's name, for messages
 * @throws DecampError `unreadable-file` if the stream breaks, `storage` if there is no room, `limit-exceeded` beyond
 *   `repoBytes`; the signal's reason
 */
export async function spoolCar(
  stream: AsyncIterable<Uint8Array | string>,
  from: string,
  { signal, limits = defaultBudgets }: SpoolOptions = {},
): Promise<CarFile> {
  // The machine that proves is large, and only what comes as a stream is looked at.
  const { FrameWatch } = await import("../../repo/verify.ts");
  const { fd, close } = onDisk(openSpool);
  const watch = new FrameWatch(repoLimits(limits));
  let size = 0;
  try {
    for await (const bytes of pieces(stream, signal)) {
      onDisk(() => writeAllSync(fd, bytes));
      size += bytes.length;
      watch.look(bytes);
      if (watch.lostAt !== undefined && size - watch.lostAt > limits.strayBytes) {
        break;
      }
      if (size > limits.repoBytes) {
        throw overLimit("repoBytes", `What comes from ${from} has`, limits.repoBytes, "bytes");
      }
    }
  } catch (error) {
    close();
    signal?.throwIfAborted();
    throw isDecampError(error) ? error : unreadable(from, error);
  }
  return { source: fileSource(fd, from), size, close };
}

function openSpool(): { fd: number; close: () => void } {
  const place = passingPlace();
  try {
    const fd = openSync(place.path, "wx+", 0o600);
    place.opened();
    return {
      fd,
      close: () => {
        closeSync(fd);
        place.remove();
      },
    };
  } catch (error) {
    place.remove();
    throw error;
  }
}

function onDisk<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new DecampError("storage", `Cannot keep the data in ${tmpdir()}: ${String(error)}.`, {
      hint: "Give it room, or name another folder for temporary files with TMPDIR.",
      cause: error,
    });
  }
}

/** An open file as a source; `name` is for messages. */
export function fileSource(fd: number, name: string): RepoSource {
  return {
    read: (offset, length, into = new Uint8Array(length)) => {
      let filled = 0;
      while (filled < length) {
        const count = readOnce(fd, into, filled, length - filled, offset + filled, name);
        if (count === 0) {
          break;
        }
        filled += count;
      }
      return into.subarray(0, filled);
    },
  };
}

function readOnce(fd: number, into: Uint8Array, at: number, length: number, position: number, name: string): number {
  try {
    return readSync(fd, into, at, length, position);
  } catch (error) {
    throw unreadable(name, error);
  }
}
