/** Runs a command that a person has named, and takes what it prints, if that is wanted. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { DecampError } from "../../errors.ts";
import { setDeadline } from "../deadline.ts";
import { endTree } from "./process-tree.ts";

export interface CommandOptions {
  /** The environment of the command. */
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** What it gets on its standard input; nothing unless given. */
  readonly input?: Uint8Array | undefined;
  /** Milliseconds after which it is given up; it may take its time unless given. */
  readonly deadline?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Exit codes that are no failure; 0 alone unless given. */
  readonly accepted?: readonly number[] | undefined;
}

/**
 * Runs `command` by the system's shell. Its messages go to our stderr.
 *
 * @param purpose what it should do, for messages: "print the password of your old server"
 * @param read what is made of its output; what it throws is taken for a fault of the output, which is not repeated
 * @throws DecampError `input-needed` if it fails, takes too long, or prints too much or nothing that can be used,
 *   `interrupted` if the signal fires
 */
export async function runCommand<T>(
  command: string,
  purpose: string,
  options: CommandOptions,
  read: (stdout: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  return (await attend(command, purpose, options, "pipe", read)).result;
}

/**
 * The same for a command that only has to do something: what it prints on its standard output goes nowhere, and what it
 * leaves running is not waited for.
 *
 * @returns its exit code, one of those that are accepted
 * @throws DecampError `input-needed` if it fails or takes too long, `interrupted` if the signal fires
 */
export async function runSilentCommand(command: string, purpose: string, options: CommandOptions): Promise<number> {
  return (await attend(command, purpose, options, "ignore", async () => undefined)).code;
}

async function attend<T>(
  command: string,
  purpose: string,
  { env, input, deadline, signal, accepted = [0] }: CommandOptions,
  output: "pipe" | "ignore",
  read: (stdout: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<{ readonly result: T; readonly code: number }> {
  refuseIfAborted(signal);
  const failed = (why: string, cause?: unknown): DecampError =>
    new DecampError("input-needed", `The command that should ${purpose} ${why}.`, {
      hint: "Run the command by hand to see what is wrong with it.",
      cause,
    });
  const mark = { name: "DECAMP_COMMAND", value: randomUUID() };
  const child = spawn(command, {
    shell: true,
    env: { ...env, [mark.name]: mark.value },
    stdio: ["pipe", output, "inherit"],
  });
  const { stdin, stdout } = child;
  const stopped = Promise.withResolvers<never>();
  const stop = (): void => stopped.reject(new DecampError("interrupted", "Interrupted."));
  signal?.addEventListener("abort", stop, { once: true });
  const timer =
    deadline === undefined
      ? undefined
      : setDeadline(deadline, () => stopped.reject(failed(`did not answer within ${deadline / 1000} seconds`)));
  const ended = once(child, output === "pipe" ? "close" : "exit");
  const result = read(
    untilLeft(stdout ?? nothing(), () => stopped.reject(failed("printed more than can be used, and was stopped"))),
  );
  for (const promise of [ended, result, stopped.promise]) {
    // Whoever fails first is seen by an await below; the others must not count as unhandled.
    promise.catch(() => undefined);
  }
  // A command that does not read to the end is judged by what it prints.
  stdin?.on("error", () => undefined).end(input);
  let hasEnded = false;
  try {
    const [code, killedBy]: readonly (number | string | null | undefined)[] = await Promise.race([
      ended,
      stopped.promise,
    ]);
    hasEnded = true;
    refuseIfAborted(signal);
    if (typeof code !== "number" || !accepted.includes(code)) {
      throw failed(killedBy === null ? `ended with exit code ${String(code)}` : `was ended by ${String(killedBy)}`);
    }
    const made = await result.catch((error: unknown) => {
      throw failed("printed nothing that can be used", error);
    });
    return { result: made, code };
  } catch (error) {
    if (error instanceof DecampError) {
      throw error;
    }
    throw failed("could not be started", error);
  } finally {
    timer?.clear();
    signal?.removeEventListener("abort", stop);
    // What was given up ends with all that it has started. What outlives a command that has done its work may live on.
    if (!hasEnded && child.pid !== undefined) {
      endTree(child.pid, `${mark.name}=${mark.value}`);
    }
    stdin?.destroy();
    stdout?.destroy();
    child.unref();
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // The output goes elsewhere.
}

/**
 * The same chunks. @param onLeft called when the reader leaves before the end: what the command does then is our doing
 */
async function* untilLeft(chunks: AsyncIterable<Uint8Array>, onLeft: () => void): AsyncGenerator<Uint8Array> {
  let isLeft = true;
  try {
    yield* chunks;
    isLeft = false;
  } catch (error) {
    isLeft = false;
    throw error;
  } finally {
    if (isLeft) {
      onLeft();
    }
  }
}

function refuseIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new DecampError("interrupted", "Interrupted.");
  }
}
