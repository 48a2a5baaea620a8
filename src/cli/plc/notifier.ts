/**
 * The command that is told what a watch has noticed, beside the watch, which goes on: a few at once, for each account
 * in its order, and again and again for a day if it fails. In a job of an insurance it is the command that is told of
 * every failure: what it finds in its environment then, it finds here, too.
 */
import { exitCodeOf } from "../../errors.ts";
import type { OnTold } from "../../account/watch/events.ts";
import { runHook, type HookOutcome } from "../../services/secrets/hook-command.ts";
import { pause } from "../../services/wait.ts";
import { failedVariable, jobVariable, noticeVariable, withoutSecrets } from "../secret-kinds.ts";
import type { Terminal } from "../talk/terminal.ts";
import { noticeText, type EventDocument } from "./watch-lines.ts";
import type { Warn } from "./watched.ts";

/** It is tried again after so long, and for so long (milliseconds). */
const pace = 5 * 60_000;
const longest = 24 * 60 * 60_000;
/** So many wait at the most. What is more is not remembered as told. */
const mostWaiting = 1000;
/** So many run at once. */
const mostAtOnce = 4;

export interface Notifier<Message extends object> {
  /**
   * Hands a message on, and does not wait.
   *
   * @param about what it is about, such as a DID: messages about the same thing stay in their order
   * @param onTold called once the command has done its work, with whether somebody has taken it; never if it fails
   */
  notify(about: string, message: Message, onTold: OnTold): void;
  /** Resolves once nothing runs, and nothing waits that was not tried. @throws DecampError `interrupted` */
  settled(): Promise<void>;
  /** Whether everything was told, as far as is known. */
  hasTold(): boolean;
}

/** One that waits for something of its own. */
interface ClosedInTime extends Notifier<EventDocument> {
  /** Nothing is tried again. */
  close(): void;
}

/** What is done in the world. */
export interface NotifierParts<Message extends object> {
  /** Runs the command. @throws DecampError `interrupted` */
  readonly run: (message: Message) => Promise<HookOutcome>;
  /** Says what comes of a failure. */
  readonly again: string;
  /** Says a sentence. */
  readonly warn: (message: string) => void;
  /** Milliseconds of a clock that only goes on. */
  readonly elapsed: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/**
 * @param command none where nobody is to be told: then nobody takes anything
 * @param isOnce whether this run ends before anything is tried again
 */
export function createNotifier(
  command: string | undefined,
  { env: around }: Pick<Terminal, "env">,
  warn: Warn,
  isOnce: boolean,
  signal: AbortSignal,
): ClosedInTime {
  const env = withoutSecrets(around);
  const job = around[jobVariable] ?? "";
  const closed = new AbortController();
  const notifier = notifierOf<EventDocument>({
    run: async (message) =>
      command === undefined
        ? { done: true, isTaken: false }
        : runHook(
            {
              command,
              purpose: "tell you of what was noticed",
              env: job === "" ? env : { ...env, [failedVariable]: job, [noticeVariable]: noticeText(message) },
              passedOn: exitCodeOf("rate-limited"),
              signal,
            },
            message,
          ),
    again: isOnce ? "The next run tells it again." : "It is tried again.",
    warn: (message) => warn("notify-failed", message),
    elapsed: () => performance.now(),
    sleep: async (milliseconds) => pause(milliseconds, AbortSignal.any([signal, closed.signal])),
  });
  return { ...notifier, close: () => closed.abort() };
}

interface Waiting<Message> {
  readonly message: Message;
  readonly since: number;
  readonly onTold: OnTold;
  tries: number;
}

/** The messages about one thing. */
interface Lane<Message> {
  readonly waiting: Waiting<Message>[];
  isRunning: boolean;
  /** When its first is tried again, by the clock that only goes on. */
  nextAt: number;
}

/** @param parts what is done in the world */
export function notifierOf<Message extends object>({
  run,
  again,
  warn,
  elapsed,
  sleep,
}: NotifierParts<Message>): Notifier<Message> {
  const lanes = new Map<string, Lane<Message>>();
  let running = 0;
  let waiting = 0;
  let lost = 0;
  let isBroken = false;
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);
  const onSettled: (() => void)[] = [];
  const isSettled = (): boolean =>
    running === 0 && [...lanes.values()].every((lane) => lane.waiting[0] === undefined || lane.waiting[0].tries > 0);
  const go = (): void => {
    for (const [about, lane] of lanes) {
      const [first] = lane.waiting;
      if (first === undefined) {
        lanes.delete(about);
      } else if (running < mostAtOnce && !lane.isRunning && lane.nextAt <= elapsed() && !isBroken) {
        void attempt(lane, first)
          .catch((error: unknown) => {
            isBroken = true;
            broken.reject(error);
          })
          .finally(go);
      }
    }
    if (isSettled()) {
      for (const settle of onSettled.splice(0)) {
        settle();
      }
    }
  };
  const leave = (lane: Lane<Message>): void => {
    lane.waiting.shift();
    waiting -= 1;
  };
  const attempt = async (lane: Lane<Message>, first: Waiting<Message>): Promise<void> => {
    lane.isRunning = true;
    running += 1;
    try {
      const outcome = await run(first.message);
      first.tries += 1;
      if (outcome.done) {
        leave(lane);
        lane.nextAt = 0;
        first.onTold(outcome.isTaken);
        return;
      }
      if (elapsed() - first.since > longest) {
        leave(lane);
        lost += 1;
        warn(
          "The command that should tell you of what was noticed has failed for a day. The next start of the watch tells it again.",
        );
        return;
      }
      if (first.tries === 1) {
        warn(`${outcome.error.message} ${again}`);
      }
      lane.nextAt = elapsed() + pace;
      void sleep(pace).then(go, () => undefined);
    } finally {
      lane.isRunning = false;
      running -= 1;
    }
  };
  return {
    notify: (about, message, onTold) => {
      if (waiting >= mostWaiting) {
        if (lost === 0) {
          warn("Too much waits for the command that should tell you. The next start of the watch tells the rest.");
        }
        lost += 1;
        return;
      }
      const lane: Lane<Message> = lanes.get(about) ?? { waiting: [], isRunning: false, nextAt: 0 };
      lanes.set(about, lane);
      lane.waiting.push({ message, since: elapsed(), onTold, tries: 0 });
      waiting += 1;
      go();
    },
    settled: async () => {
      if (isBroken || !isSettled()) {
        await Promise.race([broken.promise, new Promise<void>((resolve) => onSettled.push(resolve))]);
      }
    },
    hasTold: () => waiting === 0 && lost === 0,
  };
}
