/**
 * The terminal: the only file that touches the process's streams.
 *
 * The rules of talking to people:
 *
 * - Data goes to stdout. Messages, prompts and progress go to stderr.
 * - Short, calm sentences. First what is, then what to do. Nobody is blamed, nothing is praised.
 * - Every error says what is wrong, and a hint says what to try. No stack, unless decamp itself is at fault.
 * - Say "your old server" and "your new server"; show the DID beside the handle where it matters.
 * - Nothing that comes from a server reaches the screen as it is: control characters, direction marks and invisible
 *   characters are spelled out. So text is handed over in pieces, and only this file adds colour.
 * - Colour and movement only on a terminal, decided for each stream apart. Nothing depends on colour alone. Where plain
 *   lines are wanted there are only those, and only ASCII but for names.
 * - A secret is never shown, not even in part: every text is searched for those that are known, in all their forms.
 * - What is typed while nothing is asked is not shown, and answers nothing.
 * - Who reads our output may stop reading: that is no error. Output that fails ends no work: the exit code says it at
 *   the end.
 */
import type { ChalkInstance } from "chalk";
import { KnownSecrets } from "../../data/known-secrets.ts";
import type { Line, Piece } from "./line.ts";
import { whoseField } from "./reporters/contract-words.ts";
import { inAscii, showsUnicode } from "./plain/signs.ts";
import { RunLog, type LogDocument } from "./log/run-log.ts";
import { wrapLine } from "./wrap.ts";
import { openDirectOutput, type DirectOutput } from "../../services/disk/output/direct-output.ts";
import { writeAllSync } from "../../services/disk/write-whole.ts";

/** One of the two output streams. */
export type { Line, Piece };

export interface Channel {
  readonly isTerminal: boolean;
  /**
   * Whether it takes plain lines and nothing else: no colour, no signs beside ASCII, nothing drawn over. Asked for with
   * `--plain`, or a dumb terminal.
   */
  readonly isPlain: boolean;
  /** Whether lines may be drawn over: a terminal that is not a plain one. */
  readonly canAnimate: boolean;
  /** Whether signs beside ASCII are shown; names keep theirs. */
  readonly unicode: boolean;
  /** Whether this stream shows colour. */
  readonly color: boolean;
  /** Columns; 80 where nobody knows. */
  readonly width: number;
  /** True once the reader has gone away, or writing has failed; everything that is written then is dropped. */
  readonly closed: boolean;
  /** Why writing has failed, as the system calls it, such as `ENOSPC`. A reader that went away is no failure. */
  readonly failure: string | undefined;
  /** Writes one line. Every piece is escaped. */
  line(...pieces: readonly Piece[]): void;
  /** The pieces as one escaped and coloured string, without a line end, for whoever draws a line by other means. */
  render(...pieces: readonly Piece[]): string;
  /** Writes `value` as one line of JSON; invisible and control characters as `\u` escapes. */
  json(value: unknown): void;
  /** Writes JSON that was made elsewhere, escaped in the same way. */
  jsonText(text: string): void;
  /** Writes a text of our own (help) as it is. */
  text(text: string): void;
  /** Writes bytes as they are. They have to stay so. Not for a terminal. */
  bytes(bytes: Uint8Array): void;
  /** Gives up what nobody has taken yet: the process ends without waiting for whoever reads. */
  abandon(): void;
  readonly abandoned: boolean;
  /** Resolves when the stream takes more without buffering, or is closed. For long listings. */
  drained(): Promise<void>;
  /** Resolves when all that was written has left, or is lost: then `failure` is final. */
  settled(): Promise<void>;
  /** The stream itself, for a prompt or a spinner. */
  readonly stream: NodeJS.WriteStream;
}

export interface Terminal {
  readonly out: Channel;
  readonly err: Channel;
  readonly stdin: NodeJS.ReadStream;
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** What is never printed. Whoever reads a secret, or is given one by a server, adds it. */
  readonly secrets: KnownSecrets;
  /** The log of the run, which is open where one was asked for. */
  readonly log: RunLog;
}

/** What a terminal is made from; a test hands over its own. */
export interface TerminalParts {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** What is written to in the place of a stream, as long as that works; the stream is not asked for then. */
  readonly direct?: (name: OutputName) => DirectOutput | undefined;
  readonly env: Readonly<NodeJS.ProcessEnv>;
}

type OutputName = "stdout" | "stderr";

/** The streams and the environment of this process. */
export function processParts(): TerminalParts {
  return {
    // Each is opened only when it is asked for.
    get stdin() {
      return endsQuietly(process.stdin);
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
    direct: (name) => openDirectOutput(name === "stdout" ? 1 : 2),
    env: process.env,
  };
}

const quiet = new WeakSet<NodeJS.ReadStream>();

/**
 * A terminal that was closed answers everything with an error, and the prompts, which wait for none, would throw it
 * into nowhere. It is no failure: the input has ended. Whoever reads is told that by the `close` of the stream.
 */
function endsQuietly(stdin: NodeJS.ReadStream): NodeJS.ReadStream {
  if (stdin.isTTY && !quiet.has(stdin)) {
    quiet.add(stdin);
    const emit = stdin.emit.bind(stdin);
    stdin.emit = (event: string | symbol, ...args: unknown[]): boolean => {
      const [error] = args;
      const isGone = event === "error" && error instanceof Error && "code" in error && error.code === "EIO";
      return isGone || emit(event, ...args);
    };
  }
  return stdin;
}

/**
 * Opens the terminal. chalk is loaded only when a stream shows colour, and what writes to files only when one is a
 * file.
 */
export async function openTerminal(
  parts: TerminalParts,
  options: { noColor: boolean; plain?: boolean },
): Promise<Terminal> {
  const secrets = new KnownSecrets();
  const { noColor, plain = false } = options;
  const log = new RunLog((value) => printableJson(JSON.stringify(secrets.redactForGood(value, whoseField))));
  const outputs = { stdout: new Output(parts, "stdout"), stderr: new Output(parts, "stderr") };
  const colored = ({ isTerminal }: Output): boolean => showsColor(isTerminal, parts.env, noColor || plain);
  let chalk: ChalkInstance | undefined;
  if (colored(outputs.stdout) || colored(outputs.stderr)) {
    const { Chalk } = await import("chalk");
    chalk = new Chalk({ level: 1 });
  }
  const channel = (output: Output): Channel =>
    openChannel(output, {
      chalk: colored(output) ? chalk : undefined,
      plain: plain || (output.isTerminal && parts.env["TERM"] === "dumb"),
      unicode: !output.isTerminal || showsUnicode(parts.env),
      secrets,
      log,
    });
  return {
    out: channel(outputs.stdout),
    err: channel(outputs.stderr),
    get stdin() {
      return parts.stdin;
    },
    env: parts.env,
    secrets,
    log,
  };
}

/** One of the two outputs, written to in the shortest way. Its stream is opened when nothing else will do. */
class Output {
  readonly isTerminal: boolean;
  readonly #parts: TerminalParts;
  readonly #name: OutputName;
  #direct: DirectOutput | undefined;
  #opened: NodeJS.WriteStream | undefined;
  #onError: (error: unknown) => void = () => undefined;

  constructor(parts: TerminalParts, name: OutputName) {
    this.#parts = parts;
    this.#name = name;
    this.#direct = parts.direct?.(name);
    this.isTerminal = this.#direct === undefined && this.stream.isTTY;
  }

  /** The stream. Once it is open, all goes through it, so that nothing overtakes what waits there. */
  get stream(): NodeJS.WriteStream {
    if (this.#opened === undefined) {
      this.#direct = undefined;
      this.#opened = this.#parts[this.#name];
      this.#opened.on("error", (error) => this.#onError(error));
    }
    return this.#opened;
  }

  /** The stream, if it was needed so far. */
  get opened(): NodeJS.WriteStream | undefined {
    return this.#opened;
  }

  /** @param onError hears of what the stream tells later */
  hear(onError: (error: unknown) => void): void {
    this.#onError = onError;
  }

  /** Writes, or throws. */
  put(content: string | Uint8Array): void {
    const left = this.#direct === undefined ? content : this.#direct(Buffer.from(content));
    if (left.length === 0) {
      return;
    }
    const file = fileOf(this.stream);
    if (file === undefined) {
      this.stream.write(left);
    } else {
      writeAllSync(file, Buffer.from(left));
    }
  }
}

/**
 * Whether a stream shows colour: `--no-color` wins, then FORCE_COLOR, then NO_COLOR (both as Node.js and most tools
 * read them), then TERM=dumb, then whether it is a terminal.
 */
export function showsColor(isTerminal: boolean, env: Readonly<NodeJS.ProcessEnv>, noColor: boolean): boolean {
  if (noColor) {
    return false;
  }
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) {
    return forced !== "0" && forced !== "false";
  }
  return (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb" && isTerminal;
}

// Control (C0, DEL, C1) and format characters (direction marks, zero width, tags), line and paragraph separators, lone
// surrogates, and the few letters and marks that show nothing.
// oxlint-disable-next-line no-misleading-character-class -- one at a time is what is meant
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]/gu;

/** `text` with every character that could move the cursor, hide, or reorder what is shown spelled out as `\u{…}`. */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** JSON text with the same characters as `\uXXXX`: the same value, harmless on a screen. */
export function printableJson(text: string): string {
  return text.replace(unprintable, (character) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}

interface ChannelOptions {
  readonly chalk: ChalkInstance | undefined;
  readonly plain: boolean;
  readonly unicode: boolean;
  readonly secrets: KnownSecrets;
  readonly log: RunLog;
}

/** Whether a document that is printed goes to the log by that. What happens on the way goes there by itself. */
function isLogged(value: unknown): value is LogDocument {
  const type: unknown = typeof value === "object" && value !== null && "type" in value ? value.type : undefined;
  return type === "result" || type === "account" || type === "pending";
}

/**
 * A document that only `--json` prints; the log has it in any case.
 *
 * @returns whether it was printed
 */
export function tellDocument(
  { out, log }: Pick<Terminal, "out" | "log">,
  json: boolean,
  document: LogDocument,
): boolean {
  if (json) {
    out.json(document);
  } else {
    log.record(document);
  }
  return json;
}

function openChannel(output: Output, { chalk, plain, secrets, log, ...of }: ChannelOptions): Channel {
  const unicode = of.unicode && !plain;
  const { isTerminal } = output;
  if (isTerminal) {
    neverWithoutSize(output.stream);
  }
  let closed = false;
  let abandoned = false;
  let failure: string | undefined;
  const lose = (error: unknown): void => {
    if (!closed) {
      closed = true;
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
      // A terminal that was closed answers EIO.
      const isGone = code === "EPIPE" || code === "ERR_STREAM_DESTROYED" || (isTerminal && code === "EIO");
      failure = isGone ? undefined : code;
      // Whoever waits for it need not any longer. Only once: an animation writes again when it hears this, which fails
      // again.
      output.opened?.emit("drain");
    }
  };
  output.hear(lose);
  const write = (content: string | Uint8Array): void => {
    if (closed) {
      return;
    }
    try {
      output.put(content);
    } catch (error) {
      lose(error);
    }
  };
  const signed = (text: string): string => (unicode ? text : inAscii(text));
  const show = (text: string): string => signed(printable(secrets.redact(text)));
  const render = (...pieces: readonly Piece[]): string =>
    pieces
      .map((piece) => {
        if (typeof piece === "string") {
          return show(piece);
        }
        const text = show(piece.text);
        return chalk === undefined || text === "" ? text : chalk[piece.style](text);
      })
      .join("");
  return {
    isTerminal,
    get canAnimate() {
      return isTerminal && !plain && hasRoom(output.stream);
    },
    isPlain: plain,
    unicode,
    color: chalk !== undefined,
    get width() {
      const columns = output.opened?.columns ?? 0;
      return columns > 0 ? columns : 80;
    },
    get closed() {
      return closed;
    },
    get failure() {
      return failure;
    },
    line: (...pieces) => {
      const shown = pieces.map((piece) =>
        typeof piece === "string" ? show(piece) : { ...piece, text: show(piece.text) },
      );
      const told = isTerminal ? saidColumns.get(output.stream)?.() : undefined;
      for (const line of typeof told === "number" && told > 0 ? wrapLine(shown, told) : [shown]) {
        write(`${render(...line)}\n`);
      }
    },
    render,
    json: (value) => {
      if (isLogged(value)) {
        log.record(value);
      }
      write(`${printableJson(JSON.stringify(secrets.redactIn(value, whoseField)))}\n`);
    },
    // The line ends of JSON that is laid out over several lines are no part of a value.
    jsonText: (text) => write(`${secrets.redact(text).split("\n").map(printableJson).join("\n")}\n`),
    text: (text) => write(signed(secrets.redact(text))),
    bytes: write,
    abandon: () => {
      closed = true;
      abandoned = true;
    },
    get abandoned() {
      return abandoned;
    },
    drained: async () => {
      const { opened: stream } = output;
      if (!closed && stream?.writableNeedDrain === true) {
        await new Promise<void>((resolve) => {
          stream.once("drain", resolve);
        });
      }
    },
    settled: async () => {
      const { opened: stream } = output;
      if (!closed && stream !== undefined && stream.writableLength > 0) {
        await new Promise<void>((resolve) => {
          stream.once("error", () => resolve());
          stream.write("", () => resolve());
        });
      }
      // An error is told one turn of the loop later.
      await new Promise((resolve) => setImmediate(resolve));
    },
    get stream() {
      return output.stream;
    },
  };
}

/** What is drawn over needs so many columns: on fewer it would be broken into lines that stay. */
const animatedWidth = 20;

/** The sizes that the system gives for terminals that have told none. */
const unknownSize = { columns: 80, rows: 24 };

/** What the system says of a stream's size, before `neverWithoutSize`. */
const saidColumns = new WeakMap<NodeJS.WriteStream, () => unknown>();

function hasRoom(stream: NodeJS.WriteStream): boolean {
  const said = saidColumns.get(stream)?.();
  return typeof said === "number" && said >= animatedWidth;
}

/**
 * A terminal that has told no size, as `docker run -t` and `ssh -tt` make them, has none: 0 columns. Whoever divides by
 * that draws for ever. So to all who draw here it has the usual size, until it has one of its own. It may change at any
 * time.
 */
function neverWithoutSize(stream: NodeJS.WriteStream): void {
  if (saidColumns.has(stream)) {
    return;
  }
  for (const name of ["columns", "rows"] as const) {
    let said: unknown = stream[name];
    Object.defineProperty(stream, name, {
      configurable: true,
      enumerable: true,
      get: () => (typeof said === "number" && said > 0 ? said : unknownSize[name]),
      set: (size: unknown) => {
        said = size;
      },
    });
    if (name === "columns") {
      saidColumns.set(stream, () => said);
    }
  }
}

/**
 * The descriptor, if this is a file. Node takes a short write to one for a whole one: what did not fit any more would
 * be lost without a word.
 */
function fileOf(stream: NodeJS.WriteStream): number | undefined {
  const fd: unknown = "fd" in stream ? stream.fd : undefined;
  return stream.constructor.name === "SyncWriteStream" && typeof fd === "number" ? fd : undefined;
}
