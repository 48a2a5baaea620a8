/**
 * A question as a plain line, for a screen reader or a terminal that can do no more: nothing is drawn over. The
 * terminal itself shows what is typed, and edits it; of a secret it shows nothing.
 */
import type { Channel } from "../terminal.ts";

/** The question was left: by a key, by the signal, or because the input ended. */
class LeftQuestion extends Error {
  override readonly name = "LeftQuestion";
}

/** What is asked, and of whom. */
interface PlainQuestion {
  /** As it is written, over as many lines as it takes. */
  readonly message: string;
  readonly isSecret: boolean;
  /** What an empty line stands for. */
  readonly suggestion?: string | undefined;
  /** `true`, or what is wrong with the answer: then it is asked for again. */
  readonly validate: (answer: string) => Promise<true | string>;
  readonly stdin: NodeJS.ReadStream;
  readonly err: Channel;
  readonly signal: AbortSignal;
}

/** Asks until the answer is good. @throws LeftQuestion */
export async function askPlainly(question: PlainQuestion): Promise<string> {
  const { message, isSecret, suggestion, validate, stdin, err } = question;
  const note = isSecret ? " (it is not shown)" : suggestion === undefined ? "" : ` [${suggestion}]`;
  // Before it is asked: what is typed from then on is shown, or is not.
  stdin.setRawMode(isSecret);
  stdin.resume();
  try {
    for (;;) {
      err.text(`${message}${err.render(note)} `);
      const typed = await readTyped(question);
      const answer = typed === "" ? (suggestion ?? "") : typed;
      const verdict = await validate(answer);
      if (verdict === true) {
        return answer;
      }
      err.text(`${verdict}\n`);
    }
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
  }
}

/** One line. */
async function readTyped({ isSecret, stdin, err, signal }: PlainQuestion): Promise<string> {
  if (signal.aborted) {
    throw new LeftQuestion();
  }
  const keys = isSecret ? new HiddenLine() : new ShownLine();
  return new Promise((resolve, reject) => {
    const done = (settle: () => void): void => {
      stdin.off("data", onData);
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    const onAbort = (): void =>
      done(() => {
        // Whatever is said next begins a line of its own.
        err.text("\n");
        reject(new LeftQuestion());
      });
    const decoder = new TextDecoder();
    const onData = (bytes: Buffer | string): void => {
      const heard = keys.take(decoder.decode(Buffer.from(bytes), { stream: true }));
      if (heard === "left") {
        onAbort();
      } else if (heard !== undefined) {
        done(() => {
          if (isSecret) {
            err.text("\n");
          }
          resolve(heard.line);
        });
      }
    };
    stdin.on("data", onData);
    signal.addEventListener("abort", onAbort);
  });
}

/** The line, once it is whole; `left` by a key that leaves the question. */
type Heard = { readonly line: string } | "left" | undefined;

/** The terminal hands over whole lines. */
class ShownLine {
  #typed = "";

  take(text: string): Heard {
    this.#typed += text;
    const end = this.#typed.search(/[\r\n]/);
    return end < 0 ? undefined : { line: this.#typed.slice(0, end) };
  }
}

/** The terminal hands over every key, and shows none. */
class HiddenLine {
  #typed: string[] = [];

  take(text: string): Heard {
    // Arrows and the like are no letters.
    // oxlint-disable-next-line no-control-regex -- keys are what is meant
    for (const key of text.replaceAll(/\u001b(?:\[[0-9;]*[A-Za-z~]|O.)?/g, "")) {
      if (key === "\r" || key === "\n") {
        return { line: this.#typed.join("") };
      }
      if (key === "\u0003" || (key === "\u0004" && this.#typed.length === 0)) {
        return "left";
      }
      if (key === "\u001a") {
        process.kill(process.pid, "SIGTSTP");
      } else if (key === "\u0015") {
        this.#typed = [];
      } else if (key === "\u007f" || key === "\b") {
        this.#typed.pop();
      } else if (key >= " ") {
        this.#typed.push(key);
      }
    }
    return undefined;
  }
}
