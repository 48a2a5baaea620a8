/**
 * What is typed while nobody is asked. The terminal itself would show it, a secret that is typed too early included,
 * and the next question would take it for its answer. So while work goes on the terminal is in raw mode, and what is
 * typed is dropped. Ctrl-C, Ctrl-Z and Ctrl-\ keep their meaning. However the process ends, the terminal is as it was.
 */
import { ownsTerminal } from "../../services/process-stat.ts";
import { ownRules } from "../../services/system-rules.ts";
import { addGuest } from "./stopping.ts";

export interface Typing {
  /** Before a question: drops what was typed until now, and leaves the keys to whoever asks. */
  release(): Promise<void>;
  /** After it: what is typed is dropped again. */
  hold(): void;
  /** Runs `work` with the terminal as it was, for a command that may want it for itself. */
  lend<T>(work: () => Promise<T>): Promise<T>;
  /** The terminal is as it was, for good. */
  close(): void;
}

/** For where nobody can be asked: nothing is held. */
export const nobodyTypes: Typing = {
  release: () => Promise.resolve(),
  hold: () => undefined,
  lend: async (work) => work(),
  close: () => undefined,
};

const keys = { interrupt: 0x03, suspend: 0x1a, quit: 0x1c };

/**
 * Holds the terminal of `stdin` from now on. A process in the background leaves it alone: touching it would stop it.
 */
export function holdTyping(stdin: NodeJS.ReadStream): Typing {
  let held = false;
  let wanted = false;

  const onKeys = (bytes: Buffer | string): void => {
    for (const key of Buffer.from(bytes)) {
      if (key === keys.interrupt) {
        send("SIGINT");
      } else if (key === keys.suspend) {
        process.kill(process.pid, "SIGTSTP");
      } else if (key === keys.quit) {
        leave();
        send("SIGQUIT");
      }
    }
  };
  const take = (): void => {
    if (!held && ownsTerminal()) {
      held = true;
      stdin.setRawMode(true);
      stdin.on("data", onKeys);
      stdin.resume();
    }
  };
  const leave = (): void => {
    if (held) {
      held = false;
      stdin.off("data", onKeys);
      stdin.pause();
      stdin.setRawMode(false);
    }
  };
  /** Back from Ctrl-Z, perhaps in the background. */
  const onContinue = (): void => {
    leave();
    if (wanted) {
      take();
    }
  };
  const hold = (): void => {
    wanted = true;
    take();
  };
  const release = async (): Promise<void> => {
    wanted = false;
    if (held) {
      // A round of the loop brings what the terminal has buffered.
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      // Not out of raw mode: whoever asks wants it, too.
      held = false;
      stdin.off("data", onKeys);
    }
  };
  process.on("exit", leave);
  process.on("SIGCONT", onContinue);
  const forget = addGuest({ leave, comeBack: onContinue });
  hold();
  return {
    release,
    hold,
    lend: async (work) => {
      wanted = false;
      leave();
      try {
        return await work();
      } finally {
        hold();
      }
    },
    close: () => {
      wanted = false;
      leave();
      process.off("exit", leave);
      process.off("SIGCONT", onContinue);
      forget();
    },
  };
}

/** As the terminal would have sent it: to the whole group. */
function send(signal: "SIGINT" | "SIGQUIT"): void {
  if (ownRules.sendsSignals) {
    process.kill(0, signal);
  } else if (signal === "SIGINT") {
    process.emit("SIGINT");
  }
}
