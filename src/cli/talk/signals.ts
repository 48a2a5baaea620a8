/** Ctrl-C and its relatives: once is a request to stop cleanly, twice means now. */
import { isatty } from "node:tty";
import { DecampError, isDecampError } from "../../errors.ts";
import { mayBeTerminal } from "../../services/descriptor.ts";
import { ownRules } from "../../services/system-rules.ts";
import type { GlobalFlags } from "../globals.ts";
import type { Terminal } from "./terminal.ts";

const names = ownRules.stopSignals;

/** Whether a standard stream is a terminal, which can hang up. */
const hasTerminal = (): boolean => [0, 1, 2].some((fd) => mayBeTerminal(fd) && isatty(fd));

const pass = (): void => undefined;

/**
 * Without a terminal there is none that could hang up: SIGHUP comes from a session that ends, and was not meant for
 * whoever was started to outlive it. `nohup` has it ignored, but Node.js forgets that. It ends nothing then, from now
 * on.
 *
 * @returns to be called at the end
 */
export function outliveSession(): () => void {
  if (!hasTerminal()) {
    process.on("SIGHUP", pass);
  }
  return () => process.off("SIGHUP", pass);
}

/**
 * Runs `work` with a signal that fires when the process is asked to end; its reason is a DecampError `interrupted`.
 * Asked a second time, the process ends at once with exit code 130.
 *
 * @param work gets the signal, and a way to fire it: to leave a question is the same as Ctrl-C anywhere else. Whoever
 *   goes on after an error asks the signal first, so only what fires it is never taken for one more thing that failed
 * @param onStop called at the first request from outside, to say that the work at hand is being finished
 */
export async function stoppable<T>(
  work: (signal: AbortSignal, leave: () => void) => Promise<T>,
  onStop: () => void,
): Promise<T> {
  const controller = new AbortController();
  const leave = (): void => controller.abort(new DecampError("interrupted", "Interrupted."));
  const heard = hasTerminal() ? names : names.filter((name) => name !== "SIGHUP");
  const stop = (name: NodeJS.Signals): void => {
    if (!controller.signal.aborted) {
      leave();
      onStop();
    } else if (name !== "SIGHUP") {
      endNow();
    }
    // A terminal that is closed sends SIGHUP twice, from the system and from the shell: that is no second Ctrl-C.
  };
  for (const name of heard) {
    process.on(name, stop);
  }
  try {
    return await work(controller.signal, leave);
  } catch (error) {
    // Whatever broke because of the request is the request's doing.
    if (controller.signal.aborted && !isDecampError(error, "interrupted")) {
      const known = isDecampError(error) ? error.known : undefined;
      throw new DecampError("interrupted", "Interrupted.", { cause: error, known });
    }
    throw error;
  } finally {
    if (controller.signal.aborted) {
      // On the way out, with an exit code. What a hang-up tells once more must not kill it meanwhile, so somebody
      // listens at every moment.
      process.on("SIGHUP", pass);
    }
    for (const name of heard) {
      process.off(name, stop);
    }
  }
}

/** What one of the threads that wait for the system may be busy with. */
const isWaiting = (): boolean => process.getActiveResourcesInfo().some((name) => /^(?:FSReq|GetAddrInfo)/.test(name));

/** So long such a thread is waited for (milliseconds): work on a disk is over in less. */
const patience = 300;

/**
 * Ends the process with exit code 130. Node.js waits for its threads at the end, and one of them may never come back,
 * as from a disk in the network that is gone: then the system ends the process, as it does with any that does not
 * listen.
 */
function endNow(): void {
  if (!ownRules.sendsSignals || !isWaiting()) {
    process.exit(130);
  }
  setTimeout(() => {
    // Whoever has changed the terminal puts it back.
    process.emit("exit", 130);
    process.removeAllListeners("SIGINT");
    process.kill(process.pid, "SIGINT");
    process.kill(process.pid, "SIGKILL");
  }, patience);
  setInterval(() => {
    if (!isWaiting()) {
      process.exit(130);
    }
  }, 10);
}

/** For long work: says to a person that it was heard, and what is waited for. */
export function tellStopping({ err }: Terminal, { json, quiet }: Pick<GlobalFlags, "json" | "quiet">): () => void {
  return () => {
    if (!json && !quiet) {
      err.line("Stopping as soon as the work at hand is safe. Press Ctrl-C again to stop at once.");
    }
  };
}
