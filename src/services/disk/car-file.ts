/**
 * A CAR file as a source that can be read at any place: a file as it lies, a stream by way of a temporary file. What is
 * compressed, which its first bytes show, is unpacked first: a small one in memory, another into such a file.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { tmpdir } from "node:os";
import { defaultBudgets, overLimit, type Limits } from "../../data/budgets.ts";
import { isZstd } from "../../data/zstd-frame.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { repoLimits } from "../../repo/limits.ts";
import type { RepoSource } from "../../repo/source.ts";
import { openNamed, pieces, readDescriptor, readOpened, type Opened } from "./incoming.ts";
import { passingPlace } from "./passing-place.ts";
import { checkPlain, readPlain } from "./plain-file.ts";
import { unreadable } from "./unreadable.ts";
import { atOnce, writeAllSync } from "./write-whole.ts";

/** A CAR file that is open. */
export interface CarFile {
  readonly source: RepoSource;
  /** Bytes, of what `source` gives. */
  readonly size: number;
  /** Where it lies as it is; unset for what is only kept for now. */
  readonly path?: string;
  /** Closes the file, and removes it if it was a temporary one. To be called once. */
  close(): void;
}

/**
 * Opens the CAR file at `path`, as it lies there: what is compressed is none. A pipe or a device is refused.
 *
 * @throws DecampError `unreadable-file` if it cannot be read, or is no plain file
 */
export function openCarFile(path: string): CarFile {
  const { fd, size } = openPlain(path);
  return openedFile(fd, path, size);
}

/** How what is compressed may be unpacked. */
export interface StoredOptions extends SpoolOptions {
  /** How many bytes it has to have then, if that is known. */
  readonly size?: number | undefined;
}

/**
 * The same of a CAR that may be compressed.
 *
 * @throws DecampError as `openCarFile`, and as `unpack`; `storage` if there is no room to unpack it; the signal's
 *   reason
 */
export async function openStoredCar(path: string, options: StoredOptions = {}): Promise<CarFile> {
  const { fd, size } = openPlain(path);
  return startsPacked(fd, path) ? openPacked(fd, path, size, options) : openedFile(fd, path, size);
}

/**
 * The first bytes of a CAR that may be compressed, as many as any header takes that a server makes.
 *
 * @throws DecampError as `openStoredCar`
 */
export async function readCarStart(
  path: string,
  { signal, limits = defaultBudgets }: SpoolOptions,
): Promise<RepoSource> {
  const { fd, size } = openPlain(path);
  if (!startsPacked(fd, path)) {
    try {
      return await inMemorySource(fileSource(fd, path).read(0, startBytes));
    } finally {
      closeSync(fd);
    }
  }
  const { unpack } = await loadUnpack();
  const start: Uint8Array[] = [];
  let unpacked = 0;
  for await (const piece of unpack(readDescriptor(fd, signal), path, { limits, packedSize: size })) {
    start.push(piece);
    unpacked += piece.length;
    if (unpacked >= startBytes) {
      break;
    }
  }
  return inMemorySource(Buffer.concat(start));
}

const startBytes = 1 << 16;

/** Bytes in memory as a source: what they are for in most runs, a file, needs none of the code for repositories. */
const inMemorySource = async (bytes: Uint8Array): Promise<RepoSource> =>
  (await import("../../repo/source.ts")).bytesSource(bytes);

/** What unpacks is loaded where something is compressed. */
const loadUnpack = async () => import("./packed/unpack-zstd.ts");

function openPlain(path: string): { fd: number; size: number } {
  const fd = openFile(path, readPlain);
  const stat = fstatSync(fd);
  try {
    checkPlain(path, stat);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return { fd, size: stat.size };
}

/** Whether what is open is compressed. It is closed if this throws. */
function startsPacked(fd: number, path: string): boolean {
  try {
    return isZstd(fileSource(fd, path).read(0, 4));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** What is compressed, whole: in memory as long as it is small. The descriptor is closed. */
async function openPacked(
  fd: number,
  path: string,
  packedSize: number,
  { signal, limits = defaultBudgets, size }: StoredOptions,
): Promise<CarFile> {
  const { unpack } = await loadUnpack();
  const kept = new Kept(inMemory);
  try {
    for await (const piece of unpack(readDescriptor(fd, signal), path, { limits, size, packedSize })) {
      kept.add(piece);
    }
  } catch (error) {
    kept.discard();
    throw isDecampError(error) || signal?.aborted === true ? error : unreadable(path, error);
  }
  return kept.open(path);
}

/** A repository that unpacks to no more needs no file (bytes). */
const inMemory = 4 << 20;

/** Bytes that are kept: in memory up to a bound, and beyond it in a file that is gone with the process. */
class Kept {
  readonly #most: number;
  #pieces: Uint8Array[] = [];
  #size = 0;
  #file: { readonly fd: number; readonly close: () => void } | undefined;

  /** @param most bytes in memory */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  /** @throws DecampError `storage` if there is no room */
  add(piece: Uint8Array): void {
    this.#size += piece.length;
    if (this.#file === undefined && this.#size <= this.#most) {
      this.#pieces.push(piece);
      return;
    }
    const file = (this.#file ??= onDisk(openSpool));
    for (const bytes of [...this.#pieces.splice(0), piece]) {
      onDisk(() => writeAllSync(file.fd, bytes));
    }
  }

  /** Closes the file, if there is one. */
  discard(): void {
    this.#file?.close();
  }

  /** @param name for messages */
  async open(name: string): Promise<CarFile> {
    return this.#file === undefined
      ? { source: await inMemorySource(Buffer.concat(this.#pieces)), size: this.#size, close: () => undefined }
      : { source: fileSource(this.#file.fd, name), size: this.#size, close: this.#file.close };
  }
}

/** How a CAR is opened that has to be kept somewhere first. */
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
    return startsPacked(fd, path) ? openPacked(fd, path, stat.size, options) : openedFile(fd, path, stat.size);
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
  const file = fileSource(fd, path);
  return { source: size <= atOnce ? readOnDemand(file, size) : file, size, path, close: () => closeSync(fd) };
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
  const kept = new Kept(0);
  const watch = new FrameWatch(repoLimits(limits));
  try {
    for await (const bytes of unpackedIfPacked(pieces(stream, signal), from, limits)) {
      kept.add(bytes);
      watch.look(bytes);
      if (watch.lostAt !== undefined && kept.size - watch.lostAt > limits.strayBytes) {
        break;
      }
      if (kept.size > limits.repoBytes) {
        throw overLimit("repoBytes", `What comes from ${from} has`, limits.repoBytes, "bytes");
      }
    }
  } catch (error) {
    kept.discard();
    signal?.throwIfAborted();
    throw isDecampError(error) ? error : unreadable(from, error);
  }
  return kept.open(from);
}

/** The same bytes, or what they unpack to where they are compressed. */
async function* unpackedIfPacked(
  stream: AsyncGenerator<Uint8Array>,
  from: string,
  limits: Limits,
): AsyncGenerator<Uint8Array> {
  // Four bytes tell, and may come in as many pieces.
  let start: Uint8Array = new Uint8Array(0);
  let isOver = false;
  const all = async function* (): AsyncGenerator<Uint8Array> {
    if (start.length > 0) {
      yield start;
    }
    yield* stream;
  };
  try {
    while (start.length < 4 && !isOver) {
      const next = await stream.next();
      isOver = next.done === true;
      start = next.done === true ? start : start.length === 0 ? next.value : Buffer.concat([start, next.value]);
    }
    yield* isZstd(start) ? (await loadUnpack()).unpack(all(), from, { limits }) : all();
  } finally {
    // Also where no more than its start was taken.
    await stream.return(undefined);
  }
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

/** A small file is read once, when something of it is wanted: a tree takes very many small reads. */
function readOnDemand(file: RepoSource, size: number): RepoSource {
  let whole: Uint8Array | undefined;
  return {
    read: (offset, length) => {
      whole ??= file.read(0, size);
      return whole.subarray(offset, offset + length);
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
