/**
 * A command of the user's that is told something: it gets one JSON document on its standard input, and nothing else of
 * what we know. What it is told about comes from servers, and a shell would read arguments and variables.
 * Whoever adds a variable to its environment makes that of parsed values alone.
 */
import { isDecampError, type DecampError } from "../../errors.ts";
import { runSilentCommand } from "./run-command.ts";

/** Mail and push services answer in seconds, or not at all. Milliseconds. */
const patience = 60_000;

export interface HookCommand {
  /** As the user has written it, for the system's shell. */
  readonly command: string;
  /** What it should do, for messages: "tell you of it". */
  readonly purpose: string;
  /** The environment of the command: without secrets. */
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** Milliseconds after which it is ended, with all that it has started; a minute unless given. */
  readonly deadline?: number | undefined;
  /** The exit code with which it says that it has passed the message on, and that nobody has taken it yet. */
  readonly passedOn?: number | undefined;
  readonly signal: AbortSignal;
}

/** How a hook ended: `isTaken` unless it has only passed on what it got. */
export type HookOutcome =
  { readonly done: true; readonly isTaken: boolean } | { readonly done: false; readonly error: DecampError };

/**
 * Runs a hook. Only its exit code is looked at: what it prints goes nowhere, and its messages go to our stderr.
 *
 * @param message what it gets on its standard input, as one line of JSON; nothing unless given
 * @returns whether it ended with exit code 0 in time, and if not, why: a hook that fails stops nobody
 * @throws DecampError `interrupted` if the signal fires
 */
export async function runHook(
  { command, purpose, env, deadline = patience, passedOn, signal }: HookCommand,
  message?: object,
): Promise<HookOutcome> {
  const input = message === undefined ? undefined : new TextEncoder().encode(`${JSON.stringify(message)}\n`);
  try {
    const accepted = passedOn === undefined ? [0] : [0, passedOn];
    const code = await runSilentCommand(command, purpose, { env, input, deadline, accepted, signal });
    return { done: true, isTaken: code === 0 };
  } catch (error) {
    if (isDecampError(error, "input-needed")) {
      return { done: false, error };
    }
    throw error;
  }
}
