/** How a run that failed says so, to a person or to a script, and which exit code it ends with. */
import { DecampError, isDecampError } from "../../errors.ts";
import { ownSystem } from "../../services/system-rules.ts";
import type { Piece, Terminal } from "./terminal.ts";

/** Marks for the start of a line; words, so that nothing depends on colour. */
const mark = { error: { text: "Error:", style: "red" }, hint: { text: "Hint:", style: "cyan" } } as const;

export interface FailureOptions {
  readonly json: boolean;
  readonly verbose: boolean;
  /** Where bugs are reported, if anybody knows. */
  readonly bugs?: string | undefined;
  readonly version: string;
}

/** Reports `error` on stderr and returns the exit code. */
export function reportFailure(terminal: Terminal, error: unknown, options: FailureOptions): number {
  const expected = isDecampError(error);
  const where = options.bugs === undefined ? "to the maintainers" : `at ${options.bugs}`;
  const { code, message, hint = `Please report it ${where} with this text.`, exitCode } = failureFacts(error);
  const facts = { code, message, hint, exitCode };
  // An expected error explains itself; what it was made from may tell more, to those who ask for more.
  const stack = expected && !(options.verbose && error.cause !== undefined) ? [] : stackLines(error);
  // The data of an expected error are facts for scripts.
  const data = expected && Object.keys(error.data).length > 0 ? { data: error.data } : {};
  const more = expected ? {} : { stack, decamp: options.version };
  const document = { type: "error", version: 1, ...facts, ...data, ...more };
  terminal.log.record(document);
  if (options.json) {
    terminal.err.json(document);
    return facts.exitCode;
  }
  const { err } = terminal;
  const say = (label: Piece, text: string): void => {
    for (const [index, line] of text.split("\n").entries()) {
      err.line(...(index === 0 ? [label, " ", line] : [line]));
    }
  };
  if (expected && error.code === "interrupted") {
    say({ text: "Stopped.", style: "yellow" }, facts.hint);
    return facts.exitCode;
  }
  // One sentence: what looks like a line of decamp's own in it is a server's word, and is spelled out.
  err.line(mark.error, " ", facts.message);
  if (facts.hint !== "") {
    say(mark.hint, facts.hint);
  }
  if (stack.length > 0) {
    err.line();
    for (const line of [`decamp ${options.version}, Node.js ${process.version}, ${ownSystem}`, ...stack]) {
      err.line({ text: line, style: "dim" });
    }
  }
  return facts.exitCode;
}

/** What an error is about. One that nobody expected has no hint. */
export function failureFacts(error: unknown): { code: string; message: string; hint?: string; exitCode: number } {
  if (isDecampError(error)) {
    const { code, message, hint, exitCode } = error;
    return { code, message, hint, exitCode };
  }
  const message = `This is a bug in decamp: ${error instanceof Error ? error.message : String(error)}`;
  return { code: "internal", message, exitCode: 1 };
}

/**
 * The error for a standard output that could not be written.
 *
 * @param code what the system calls the reason
 */
export function lostOutput(
  code: string,
  hint: string = "What the command did is done; what it printed is not complete.",
): DecampError {
  const reason = code === "ENOSPC" ? "there is no room left" : code;
  return new DecampError("storage", `The standard output could not be written: ${reason}.`, {
    hint,
    data: { reason: code },
  });
}

/** The stack of an error and of what caused it. */
function stackLines(error: unknown): string[] {
  const lines: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    lines.push(...(depth === 0 ? [] : ["caused by:"]), ...(current.stack ?? current.message).split("\n"));
    current = current.cause;
  }
  return lines;
}
