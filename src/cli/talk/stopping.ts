/**
 * Ctrl-Z, `kill -TSTP` and `fg`. Whoever has changed the terminal is a guest of it: before the process is stopped each
 * puts it back as it was, and takes it again when the process goes on.
 */
import { setTimeout as delay } from "node:timers/promises";
import { ownsTerminal } from "../../services/process-stat.ts";

export interface Guest {
  /** Puts the terminal back: the process is stopped as soon as all have. */
  readonly leave: () => void | Promise<void>;
  /** The process goes on, perhaps in the background. */
  readonly comeBack: () => void;
}

const guests = new Set<Guest>();
let isStopping = false;

/** @returns to be called when this guest has left the terminal for good */
export function addGuest(guest: Guest): () => void {
  guests.add(guest);
  if (guests.size === 1 && !isStopping) {
    process.on("SIGTSTP", onStop);
  }
  return () => {
    if (guests.delete(guest) && guests.size === 0) {
      process.off("SIGTSTP", onStop);
    }
  };
}

function onStop(): void {
  void stop();
}

async function stop(): Promise<void> {
  if (isStopping) {
    return;
  }
  isStopping = true;
  const away = [...guests].toReversed();
  for (const guest of away) {
    await guest.leave();
  }
  // Without a listener it does what it does to any process. Where no shell could continue it, the system passes over
  // it.
  process.off("SIGTSTP", onStop);
  // The whole group, as the terminal does it, but only now: npx and a script around this process would wait for it,
  // stopped, with the shell behind them; and who is stopped before the terminal is left may be told to go on before
  // this process has stopped.
  process.kill(ownsTerminal() ? 0 : process.pid, "SIGTSTP");
  // Another thread may be the one that is told: a moment later this one stands still, too.
  await delay(20);
  isStopping = false;
  if (guests.size > 0) {
    process.on("SIGTSTP", onStop);
  }
  for (const guest of away.toReversed()) {
    guest.comeBack();
  }
}
