/**
 * How fast bodies may flow, in both directions together: one measure for all streams of a run (`--limit-rate`).
 *
 * Tricky bits:
 * - It is we who wait here. So nobody waits while a deadline or a pace is measured that is meant for a server: of what
 *   comes, between two pieces; of what is sent, before each piece, when nothing is on its way.
 * - Small answers and small bodies are counted, and held up by nothing: a token that is good for a minute would not
 *   survive the wait behind a large stream. What flows after them pays for them.
 */
import { pause } from "../wait.ts";

/** What bodies ask before they flow on. */
export interface Flow {
  /** Resolves when so many more bytes are due. @throws the reason of the signal */
  take(bytes: number): Promise<void>;
  /** Counts bytes that are not held up. */
  count(bytes: number): void;
}

/** So much may flow at once after a time in which nothing did, in milliseconds of the rate. */
const saved = 250;
/** What is sent goes in pieces of about so many milliseconds, so that a server sees that somebody is there. */
const pieceTime = 250;
const leastPiece = 256;

/** A clock that does not go back, and how to wait for it (milliseconds). */
export interface FlowTime {
  readonly now: () => number;
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

const realTime: FlowTime = { now: () => performance.now(), sleep: pause };

export class FlowRate {
  /** How large the pieces are in which something is sent. */
  readonly pieceBytes: number;
  readonly #perMillisecond: number;
  readonly #time: FlowTime;
  /** When all that was taken so far is due. */
  #dueAt = -Infinity;

  /** @param rate bytes per second */
  constructor(rate: number, time: FlowTime = realTime) {
    this.#perMillisecond = rate / 1000;
    this.pieceBytes = Math.max(leastPiece, Math.floor(this.#perMillisecond * pieceTime));
    this.#time = time;
  }

  /** The measure for one request. */
  until(signal: AbortSignal): Flow {
    return {
      take: async (bytes) => {
        const wait = this.#add(bytes);
        if (wait > 0) {
          await this.#time.sleep(wait, signal).catch((error: unknown) => {
            signal.throwIfAborted();
            throw error;
          });
        }
      },
      count: (bytes) => void this.#add(bytes),
    };
  }

  /** @returns after how many milliseconds these are due, behind all that was taken before */
  #add(bytes: number): number {
    const now = this.#time.now();
    this.#dueAt = Math.max(this.#dueAt, now - saved) + bytes / this.#perMillisecond;
    return this.#dueAt - now;
  }
}

/** The pieces of a body, each when it is due. */
export async function* slowly(
  body: AsyncIterable<Uint8Array>,
  flow: Flow,
  pieceBytes: number,
): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    for (let at = 0; at < piece.length; at += pieceBytes) {
      const part = piece.subarray(at, at + pieceBytes);
      await flow.take(part.length);
      yield part;
    }
  }
}
