/** Packages of the reference servers set timers for times that are over; Node.js warns of each, and it is not ours. */

/** Leaves out that one warning in this process, and no other. */
export function quietTimers(): void {
  const emit = process.emitWarning.bind(process) as (...args: unknown[]) => void;
  process.emitWarning = (...args: unknown[]): void => {
    if (args[1] !== "TimeoutNegativeWarning") {
      emit(...args);
    }
  };
}
