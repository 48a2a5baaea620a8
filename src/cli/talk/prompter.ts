/**
 * Asks a person. This is the one place that decides between asking and failing: whoever needs an answer says what it is
 * and which flag or variable gives it, and never looks at the terminal.
 */
import { DecampError } from "../../errors.ts";
import type { Channel, Terminal } from "./terminal.ts";
import { wrapLine } from "./wrap.ts";
import { addGuest } from "./stopping.ts";
import { holdTyping, nobodyTypes, type Typing } from "./typing.ts";

export interface Question {
  /** Said before, on a line of its own, to whoever can be asked. */
  readonly lead?: string | undefined;
  /** Said once it is answered, where what follows takes a while. */
  readonly afterwards?: string | undefined;
  /** What is shown: "Password for alice.example.com at old.example.com:". */
  readonly message: string;
  /** What is missing when nobody can be asked: "the password for your old server". */
  readonly what: string;
  /** What would have answered: "--password-file, --password-command, or DECAMP_SOURCE_PASSWORD". */
  readonly answeredBy: string;
  /** `true`, or what is wrong with the answer: then it is asked for again. An empty answer is refused before. */
  readonly check?: (answer: string) => true | string;
  /** Whether a wrong answer leaves the line, so that the next one is not typed behind it. */
  readonly startsOver?: boolean;
  /** Whether an empty answer is one. */
  readonly mayBeEmpty?: boolean;
  /** The answer that an empty line stands for. */
  readonly suggestion?: string | undefined;
}

export interface Prompter {
  /** Whether a person can be asked at all. */
  readonly canAsk: boolean;
  /**
   * Asks for a line of text.
   *
   * @throws DecampError `input-needed` if nobody can be asked, `interrupted` if the person leaves
   */
  text(question: Question): Promise<string>;
  /** The same for a secret: what is typed is not shown. */
  secret(question: Question): Promise<string>;
  /** Has a spinner leave the line until the next question is answered: what is said before it stands alone. */
  makeRoom(): void;
  /** Runs `work` with the terminal as it was before us, for a command that may want it for itself. */
  lend<T>(work: () => Promise<T>): Promise<T>;
}

export interface PrompterOptions {
  readonly noInput: boolean;
  readonly json: boolean;
  readonly noColor: boolean;
  /** Ends a question that is open. */
  readonly signal: AbortSignal;
  /** Called when the person leaves a question, before the error is thrown: stops the whole run. */
  readonly leave: () => void;
  /** Called before something is asked, perhaps twice, and after the answer, so that a spinner can leave the line. */
  readonly beforeAsking?: () => void;
  readonly afterAsking?: () => void;
}

/**
 * Runs long work with a prompter. As long as it lasts, what is typed while nothing is asked is not shown, and is no
 * answer to what is asked later.
 */
export async function withPrompter<T>(
  terminal: Terminal,
  options: PrompterOptions,
  work: (prompter: Prompter) => Promise<T>,
): Promise<T> {
  const { canAsk } = createPrompter(terminal, options);
  const typing = canAsk ? holdTyping(terminal.stdin) : nobodyTypes;
  try {
    return await work(createPrompter(terminal, options, typing));
  } finally {
    typing.close();
  }
}

export function createPrompter(terminal: Terminal, options: PrompterOptions, typing: Typing = nobodyTypes): Prompter {
  const canAsk = terminal.err.isTerminal && !options.noInput && !options.json && terminal.stdin.isTTY;

  const ask = async (question: Question, secret: boolean): Promise<string> => {
    if (!canAsk) {
      throw new DecampError("input-needed", `Something is missing, and nobody can be asked for it: ${question.what}.`, {
        hint: `Give it with ${question.answeredBy}.`,
        data: { answeredBy: question.answeredBy },
      });
    }
    await typing.release();
    options.beforeAsking?.();
    if (question.lead !== undefined) {
      terminal.err.line(question.lead);
    }
    try {
      const answer = await askUntilAnswered(question, secret);
      // What is typed from now on answers nothing, and the work may leave no time to notice it.
      typing.hold();
      if (question.afterwards !== undefined) {
        terminal.err.line({ text: question.afterwards, style: "dim" });
      }
      return answer;
    } finally {
      typing.hold();
      options.afterAsking?.();
    }
  };

  /** Ctrl-Z closes the question, so that the shell has its terminal as it was, and `fg` asks it once more. */
  const askUntilAnswered = async (question: Question, secret: boolean): Promise<string> => {
    for (;;) {
      const answer = await askOnce(question, secret);
      if (answer !== undefined) {
        return answer;
      }
    }
  };

  /** Undefined if the process was stopped meanwhile. */
  const askOnce = async (question: Question, secret: boolean): Promise<string | undefined> => {
    const left = new AbortController();
    const closed = Promise.withResolvers<undefined>();
    const back = Promise.withResolvers<undefined>();
    const forget = addGuest({
      leave: async () => {
        left.abort();
        await closed.promise;
      },
      comeBack: () => back.resolve(undefined),
    });
    const open = whileOpen(terminal.stdin, AbortSignal.any([options.signal, left.signal]));
    const check = async (answer: string): Promise<true | string> => {
      const verdict = verdictOn(answer, question, terminal.err);
      await open.wait();
      return verdict;
    };
    try {
      return await (terminal.err.isPlain
        ? askInPlainLines(terminal, question, { secret, check, signal: open.signal })
        : askDrawn(terminal, question, { secret, check, signal: open.signal, noColor: options.noColor }));
    } catch (error) {
      if (isLeft(error)) {
        if (left.signal.aborted && !options.signal.aborted) {
          closed.resolve(undefined);
          return await back.promise;
        }
        options.leave();
        throw new DecampError("interrupted", "Interrupted.");
      }
      throw error;
    } finally {
      open.done();
      closed.resolve(undefined);
      forget();
    }
  };

  return {
    canAsk,
    text: async (question) => (await ask(question, false)).trim(),
    secret: (question) => ask(question, true),
    makeRoom: () => options.beforeAsking?.(),
    lend: async (work) => typing.lend(work),
  };
}

interface Asking {
  readonly secret: boolean;
  readonly check: (answer: string) => Promise<true | string>;
  readonly signal: AbortSignal;
}

async function askInPlainLines(
  { stdin, err }: Terminal,
  { message, suggestion }: Question,
  { secret, check, signal }: Asking,
): Promise<string> {
  const { askPlainly } = await import("./plain/line-prompt.ts");
  const lines = wrapLine([message], err.width).map((line) => err.render(...line));
  return askPlainly({ message: lines.join("\n"), suggestion, isSecret: secret, validate: check, stdin, err, signal });
}

async function askDrawn(
  { stdin, err }: Terminal,
  question: Question,
  { secret, check, signal, noColor }: Asking & { readonly noColor: boolean },
): Promise<string> {
  if (noColor) {
    // The prompts know only the environment.
    process.env["NO_COLOR"] = "1";
    delete process.env["FORCE_COLOR"];
  }
  const { input, password } = await import("@inquirer/prompts");
  const context = { input: stdin, output: err.stream, signal };
  // The prompts break lines anywhere. Two columns are for what stands before the message.
  const note = secret ? [" ", { text: "(hidden)", style: "dim" } as const] : [];
  const lines = wrapLine([question.message, ...note], err.width - 3);
  const message = lines.map((line) => err.render(...line)).join("\n  ");
  // No tick for what was typed: whether the answer is good is often seen later.
  const theme = { prefix: { idle: err.render({ text: "?", style: "cyan" }), done: ">" } };
  return secret
    ? password(
        { message, theme: { ...theme, style: { maskedText: "" } }, toggleMask: false, validate: check },
        { ...context, clearPromptOnDone: true },
      )
    : input(
        {
          message,
          theme: { ...theme, validationFailureMode: question.startsOver === true ? "clear" : "keep" },
          validate: check,
          ...(question.suggestion === undefined ? {} : { default: question.suggestion }),
        },
        context,
      );
}

/** Whether a question was left: of the prompts, only the names of their errors are known. */
function isLeft(error: unknown): boolean {
  return error instanceof Error && ["LeftQuestion", "ExitPromptError", "AbortPromptError"].includes(error.name);
}

/**
 * Asks for yes or no.
 *
 * @param isTyped whether a yes has to be typed; else Enter alone is one
 * @throws as `Prompter.text`
 */
export async function askYesOrNo(
  prompter: Prompter,
  question: Pick<Question, "message" | "what" | "answeredBy">,
  isTyped = false,
): Promise<boolean> {
  const answer = await prompter.text({
    ...question,
    message: `${question.message} (yes or no)`,
    suggestion: isTyped ? undefined : "yes",
    check: (text) => /^\s*(?:y|yes|n|no)\s*$/i.test(text) || "Please type yes or no.",
  });
  return /^y/i.test(answer);
}

/** `true`, or what is wrong with an answer. */
function verdictOn(answer: string, { check, mayBeEmpty }: Question, screen: Channel): true | string {
  if (answer.trim() === "" && mayBeEmpty !== true) {
    return "Please type an answer, or press Ctrl-C to stop.";
  }
  const verdict = check?.(answer) ?? true;
  return verdict === true ? true : screen.render(verdict);
}

interface WhileOpen {
  /**
   * Fires with the signal of the run, and when the input ends or is closed with Ctrl-D. The prompts do not notice the
   * latter: they would wait for ever, and the process would end without a word.
   */
  readonly signal: AbortSignal;
  /**
   * Until all keys that came in one piece have been heard; for ever, if the person left with one of them. A prompt
   * writes a wrong answer back into its line, and that throws into nowhere once the line is closed.
   */
  readonly wait: () => Promise<void>;
  readonly done: () => void;
}

function whileOpen(stdin: NodeJS.ReadStream, signal: AbortSignal): WhileOpen {
  const ended = new AbortController();
  let isOver = false;
  // A prompt that was answered or left pauses its input too; it has settled by the next turn of the loop.
  const abort = (): void => {
    isOver = true;
    setImmediate(() => ended.abort());
  };
  const events = ["pause", "end", "close"] as const;
  for (const event of events) {
    stdin.on(event, abort);
  }
  return {
    signal: AbortSignal.any([signal, ended.signal]),
    wait: async () =>
      new Promise((resolve) => {
        setImmediate(() => {
          if (!isOver) {
            resolve();
          }
        });
      }),
    done: () => {
      isOver = true;
      for (const event of events) {
        stdin.off(event, abort);
      }
    },
  };
}
