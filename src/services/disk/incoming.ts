/**
 * What a user gives to be read, by a path or as a stream. Whatever it is, whoever is asked to stop stops at once: of
 * what may never bring anything (a pipe, a terminal) the system tells when there is something, and no thread waits in a
 * read for it.
 */
import { close, constants, fstat, open, read, type Stats } from "node:fs";
import { Socket } from "node:net";
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { readPlain } from "./plain-file.ts";
import { systemCode } from "../system-error.ts";
import { ownRules } from "../system-rules.ts";
import { pause } from "../wait.ts";

/** What was opened by its path. Whoever does not read it closes it. */
export interface Opened {
  readonly fd: number;
  readonly stat: Stats;
}

/**
 * Opens anything to read it, and waits for nobody: not for who writes to a pipe either. @throws what the system says
 */
export async function openNamed(path: string): Promise<Opened> {
  const fd = await promisify(open)(path, readPlain | (constants.O_NOCTTY ?? 0));
  try {
    return { fd, stat: await promisify(fstat)(fd) };
  } catch (error) {
    await promisify(close)(fd);
    throw error;
  }
}

/**
 * The bytes of what a path leads to.
 *
 * @throws what the system says; the signal's reason
 */
export async function* readNamed(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  yield* readOpened(await openNamed(path), signal);
}

/** The same for what is open; it is closed at the end. */
export async function* readOpened({ fd, stat }: Opened, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  if (stat.isFIFO()) {
    if (!ownRules.hasProc) {
      // Elsewhere than on Linux a pipe that nobody has opened yet looks like one that has ended.
      const first = await awaitWriter(fd, signal);
      if (first.length > 0) {
        yield first;
      }
    }
    yield* pieces(new Socket({ fd, readable: true, writable: false }), signal);
  } else if (stat.isCharacterDevice()) {
    yield* readDevice(fd, signal);
  } else {
    yield* readDescriptor(fd, signal);
  }
}

/** So often it is looked whether there is something (milliseconds). */
const lookEvery = 50;
const pieceSize = 1 << 16;

/** Reads what is there; undefined if there is nothing at this moment. */
async function readNow(fd: number): Promise<Uint8Array | undefined> {
  const memory = new Uint8Array(pieceSize);
  try {
    const { bytesRead } = await promisify(read)(fd, memory, 0, memory.length, null);
    return memory.subarray(0, bytesRead);
  } catch (error) {
    if (systemCode(error) === "EAGAIN") {
      return undefined;
    }
    throw error;
  }
}

async function lookAgain(signal: AbortSignal | undefined): Promise<void> {
  await pause(lookEvery, signal).catch(() => undefined);
}

/**
 * The bytes of a file on a disk, from its start; it is closed at the end. The disk may be slow, or gone: whoever is
 * asked to stop waits for it no longer, and the file is closed once the disk has answered. Node's stream would do the
 * same, and takes its time to load.
 */
export async function* readDescriptor(fd: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const turns = new Turns(signal);
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => undefined);
  const stop = (): void => stopped.reject(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  let answered: Promise<unknown> = Promise.resolve();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const memory = new Uint8Array(pieceSize);
      const reading = promisify(read)(fd, memory, 0, memory.length, null);
      answered = reading.catch(() => undefined);
      const { bytesRead } = await Promise.race([reading, stopped.promise]);
      if (bytesRead === 0) {
        return;
      }
      yield memory.subarray(0, bytesRead);
      await turns.take();
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    const closed = answered.then(async () => promisify(close)(fd)).catch(() => undefined);
    if (signal?.aborted !== true) {
      await closed;
    }
  }
}

/** A terminal, or another device that was opened so that reading it does not wait. */
async function* readDevice(fd: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      signal?.throwIfAborted();
      const bytes = await readNow(fd);
      if (bytes === undefined) {
        await lookAgain(signal);
      } else if (bytes.length > 0) {
        yield bytes;
      } else {
        return;
      }
    }
  } finally {
    await promisify(close)(fd).catch(() => undefined);
  }
}

/**
 * Waits until somebody has opened a pipe to write.
 *
 * @param fd a pipe that was opened so that reading it does not wait; it is closed if this throws
 * @returns what was read of it meanwhile
 * @throws what the system says; the signal's reason
 */
export async function awaitWriter(fd: number, signal?: AbortSignal): Promise<Uint8Array> {
  try {
    for (;;) {
      signal?.throwIfAborted();
      // Without a writer it reads as ended, and with one who has written nothing yet there is nothing at this moment.
      const bytes = await readNow(fd);
      if (bytes === undefined || bytes.length > 0) {
        return bytes ?? new Uint8Array(0);
      }
      await lookAgain(signal);
    }
  } catch (error) {
    await promisify(close)(fd).catch(() => undefined);
    throw error;
  }
}

/**
 * What a stream brings, piece by piece. When the signal fires the stream is destroyed: nobody waits for it any more.
 *
 * @throws what the stream breaks with; the signal's reason
 */
export async function* pieces(
  stream: AsyncIterable<Uint8Array | string>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const onStop = (): void => {
    if (stream instanceof Readable) {
      stream.destroy();
    }
  };
  if (signal?.aborted === true) {
    onStop();
    throw signal.reason;
  }
  signal?.addEventListener("abort", onStop, { once: true });
  const turns = new Turns(signal);
  try {
    for await (const piece of stream) {
      signal?.throwIfAborted();
      yield typeof piece === "string" ? Buffer.from(piece) : piece;
      await turns.take();
    }
  } catch (error) {
    // What broke because of the request is the request's doing.
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", onStop);
  }
  signal?.throwIfAborted();
}

/** So long nobody else has their turn, at most (milliseconds), beyond the work at hand. */
const longestTurn = 20;

/** For work on what has come already, which would hold up everything else as long as there is more of it. */
export class Turns {
  readonly #signal: AbortSignal | undefined;
  /** Of the first turn only the rest counts: most work is over by then, and needs no clock. */
  #last: number | undefined;
  #hasBegun = false;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** To be awaited after each piece of the work: others have their turn if it is time. @throws the signal's reason */
  async take(): Promise<void> {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
    } else if (this.#last === undefined) {
      this.#last = performance.now();
    } else if (performance.now() - this.#last >= longestTurn) {
      await setImmediate();
      this.#last = performance.now();
      this.#signal?.throwIfAborted();
    }
  }
}
