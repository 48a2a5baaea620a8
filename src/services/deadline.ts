/**
 * Deadlines for what others do. A process that was stopped, by Ctrl-Z or with the whole machine, finds them all passed
 * when it goes on, though nobody was late: what came meanwhile has not been looked at. Then the time begins anew.
 */

/** A timer that is later than this was not kept by a busy process (milliseconds). */
const stoodStill = 2000;

export interface Deadline {
  clear(): void;
}

/** @param late called after so many milliseconds in which the process ran */
export function setDeadline(
  milliseconds: number,
  late: () => void,
  now: () => number = () => performance.now(),
): Deadline {
  let timer: NodeJS.Timeout;
  const start = (): void => {
    const startedAt = now();
    timer = setTimeout(() => (now() - startedAt > milliseconds + stoodStill ? start() : late()), milliseconds);
  };
  start();
  return { clear: () => clearTimeout(timer) };
}
