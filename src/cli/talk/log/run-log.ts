/**
 * The log of a run (`--log-file`): the documents of `--json`, whatever the screen shows, with the time and the process
 * that they come from; and every request. docs/JSON.md describes them. It changes nothing about the run: a log that
 * cannot be written is told once, and tried again with every line.
 */

/** What a run tells about itself. */
export interface LogDocument {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Where lines go. */
export interface LogSink {
  /** @throws what the system says */
  readonly write: (line: string) => void;
  readonly close: () => Promise<void>;
}

/** Signs of life of one step are this far apart (milliseconds). */
const progressEvery = 10_000;

export class RunLog {
  readonly #encode: (value: unknown) => string;
  readonly #now: () => number;
  #sink: LogSink | undefined;
  #onLost: (error: unknown) => void = () => undefined;
  #progressAt = -Infinity;

  /**
   * @param encode makes one line of JSON, without secrets
   * @param now epoch milliseconds
   */
  constructor(encode: (value: unknown) => string, now: () => number = Date.now) {
    this.#encode = encode;
    this.#now = now;
  }

  get isOpen(): boolean {
    return this.#sink !== undefined;
  }

  /** @param onLost called at most once, when a line could not be written */
  open(sink: LogSink, onLost: (error: unknown) => void): void {
    this.#sink = sink;
    this.#onLost = onLost;
  }

  /** Writes a document, if there is a log. Of progress every ten seconds one. */
  record({ type, ...fields }: LogDocument): void {
    if (this.#sink === undefined) {
      return;
    }
    const now = this.#now();
    if (type === "progress") {
      if (now - this.#progressAt < progressEvery) {
        return;
      }
      this.#progressAt = now;
    }
    const line = { time: new Date(now).toISOString(), pid: process.pid, type, version: 1, ...fields };
    try {
      this.#sink.write(this.#encode(line));
    } catch (error) {
      this.#onLost(error);
      this.#onLost = () => undefined;
    }
  }

  async close(): Promise<void> {
    await this.#sink?.close();
    this.#sink = undefined;
  }
}
