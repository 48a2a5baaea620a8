/** `decamp plc watch`: the logs of accounts, followed, and what is noticed, told. */
import type { WatchEvent } from "../../account/watch/events.ts";
import type { WatchedDirectory } from "../../account/watch/follow.ts";
import { lookOnce, watchLogs, type Looked, type WatchServices } from "../../account/watch/watch-logs.ts";
import { DecampError, exitCodeOf, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { thisProcess } from "../../services/disk/lock-owner.ts";
import { madeOperations } from "../../services/disk/remembered/made-operations.ts";
import { createSeenHeads } from "../../services/disk/seen-heads.ts";
import { openWatchMemory } from "../../services/disk/remembered/watch-memory.ts";
import { openNetwork, type OpenNetwork } from "../../services/open-network.ts";
import { pause } from "../../services/wait.ts";
import type { Edge, Invocation } from "../command.ts";
import { requireDidKey } from "../did-key.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import { networkOptions } from "../network.ts";
import { completer, type Complete } from "../next-command.ts";
import { plural, timeText } from "../talk/reporters/amounts.ts";
import { warningLine } from "../talk/reporters/lines.ts";
import { hourlyPing, ping } from "../talk/reporters/ping.ts";
import { stoppable } from "../talk/signals.ts";
import type { Terminal } from "../talk/terminal.ts";
import type { PlcWatchFlags } from "./declare-watch.ts";
import { createNotifier } from "./notifier.ts";
import { archivedAccounts, namedAccounts, type Warn, type Watched, type WatchedArchives } from "./watched.ts";
import { eventJson, eventLines, type EventDocument } from "./watch-lines.ts";

const minute = 60_000;

/** So long a directory may be away before a single look fails for it (milliseconds). */
const patience = 24 * 60 * minute;

/**
 * Runs `decamp plc watch`. With `--once` exit code 3 if something was noticed, 5 if a log could not be had or a
 * directory has not answered for a day, 6 if an archive could not be read.
 */
export async function plcWatchCommand(invocation: Invocation<PlcWatchFlags>, edge: Edge): Promise<number> {
  const { args, flags, globals: raw } = invocation;
  const { terminal } = edge;
  const globals = readGlobals(raw, terminal.env);
  const { archives, ownKey = [], ownOperation = [], notifyCommand, pingCommand, interval = 1, memory: file } = flags;
  const { once: isOnce = false } = flags;
  if ((args.length === 0) === (archives === undefined)) {
    throw new DecampError(
      "usage",
      "Name the accounts that are to be watched, or a folder of archives with --archives.",
      {
        hint: "One of the two, such as decamp plc watch alice.example.com. decamp plc watch --help has more.",
      },
    );
  }
  const keys = ownKey.map(requireDidKey);
  const origins = originsOf(globals, flags);
  const networks = origins.map((plcUrl) => openNetwork({ ...networkOptions(globals, terminal), plcUrl }));
  const completes = new Map(
    origins.map((plcUrl) => [new URL(plcUrl).host, completer({ raw, globals: { ...globals, plcUrl } })] as const),
  );
  const seenHeads = createSeenHeads(globals.stateDir);
  const hosts = [...completes.keys()];
  const warn = warner(globals, terminal);
  const warnOnce = once(warn);
  try {
    return await stoppable(
      async (signal) => {
        const user = { owner: thisProcess(), now: () => Date.now() };
        const memory = await openWatchMemory(globals.stateDir, file, user, signal);
        if (memory.lacks !== undefined) {
          warn("memory", `${memory.lacks.message} The watch goes on without what it had remembered.`);
        }
        const notifier = createNotifier(notifyCommand, terminal, warn, isOnce, signal);
        const stand: Stand = { accounts: 0, hosts, since: Date.now(), told: 0, hasReadAll: false };
        try {
          const watched: Watched & Partial<WatchedArchives> = await (archives === undefined
            ? namedAccounts(args, flags, globals, terminal, { memory, warn, signal })
            : archivedAccounts(archives, warn, signal));
          stand.accounts = watched.dids.length;
          const own = new Set(watched.dids);
          const pingNow = hourlyPing(pingCommand, globals, terminal);
          const services: WatchServices = {
            directories: networks.map(watchedDirectory),
            ours: async (did) => {
              const made = await orNothing(warnOnce, async () => madeOperations(globals.stateDir, did));
              return { keys, made: [...ownOperation, ...(made ?? [])] };
            },
            known: (did) => memory.heads.get(did) ?? [watched.archived.get(did) ?? []].flat(),
            seen: async (did) => {
              const head = await orNothing(warnOnce, async () => seenHeads.recall(did));
              return [head?.cid ?? [], memory.seen.get(did) ?? [], watched.archived.get(did) ?? []].flat();
            },
            listed: (host) => memory.listed.get(host) ?? new Map(),
            answered: (host) => memory.answered.get(host),
            save: async (news) => {
              // At the end of a run that was asked to stop, too.
              const wait = signal.aborted ? new AbortController().signal : signal;
              await orNothing(warnOnce, async () => memory.save(news, (did) => own.has(did), wait));
            },
            tell: async (event, onTold) => {
              stand.told += 1;
              const document = tell(event, completes, flags, globals, terminal);
              notifier.notify("did" in event ? event.did : event.directory, document, onTold);
            },
            settled: async () => notifier.settled(),
            onRound: async ({ hasReadAll, isCurrent }) => {
              stand.hasReadAll ||= hasReadAll;
              if (isCurrent && notifier.hasTold()) {
                pingNow();
              }
            },
            onFailure: (_host, error) => {
              if (globals.verbose && isDecampError(error)) {
                terminal.err.line({ text: error.message, style: "dim" });
              }
            },
            now: () => Date.now(),
            elapsed: () => performance.now(),
            random: () => Math.random(),
            sleep: pause,
          };
          const options = { dids: watched.dids, interval: interval * minute, signal };
          if (!isOnce) {
            sayStart(stand, globals, terminal);
            const joined = async (): Promise<readonly string[]> => {
              const more = (await orNothing(warnOnce, async () => watched.joined?.())) ?? [];
              more.forEach((did) => own.add(did));
              stand.accounts += more.length;
              sayJoined(more.length, globals, terminal);
              return more;
            };
            return await watchLogs(services, { ...options, joined });
          }
          const look: Look = { ...(await lookOnce(services, options)), ...watched, now: Date.now() };
          const code = exitCodeFor(look);
          await ping(pingCommand, isWhole(look) ? code : exitCodeOf("incomplete"), globals, terminal);
          tellLooked(look, code, globals, terminal);
          return code;
        } catch (error) {
          throw signal.aborted && !isOnce && stand.accounts > 0 ? stopped(stand, error) : error;
        } finally {
          notifier.close();
        }
      },
      () => undefined,
    );
  } finally {
    for (const network of networks) {
      network.close();
    }
  }
}

/** The directories that are asked, one's own first. @throws DecampError `usage` if they are the same */
function originsOf(globals: GlobalFlags, { secondDirectory }: PlcWatchFlags): readonly string[] {
  const first = parseServerUrl(globals.plcUrl, globals);
  if (secondDirectory === undefined) {
    return [first];
  }
  const second = parseServerUrl(secondDirectory, globals);
  if (second === first) {
    throw new DecampError("usage", `--second-directory names the directory that is asked anyway: ${second}.`, {
      hint: "What one directory hides only another one can show. Name another, or leave the flag out.",
    });
  }
  return [first, second];
}

/** What only helps, or nothing: that it is not to be had is said, once for each thing. */
async function orNothing<T>(warn: Warn, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isDecampError(error) || error.code === "interrupted") {
      throw error;
    }
    warn("memory", `${error.message} The watch does without.`);
    return undefined;
  }
}

function warner({ json, quiet }: GlobalFlags, terminal: Terminal): Warn {
  return (code, message) => {
    if (quiet && code === "name") {
      // It passes by itself, and a mail every hour would be one too many.
      return;
    }
    const warning = { type: "warning", version: 1, code, message } as const;
    terminal.log.record(warning);
    if (json) {
      terminal.out.json(warning);
    } else {
      terminal.err.line(...warningLine(warning));
    }
  };
}

/** A few are enough: what runs for months must not grow. */
const mostSaid = 1000;

/** Says each thing once: what runs for months does not say it every minute. */
function once(warn: Warn): Warn {
  const said = new Set<string>();
  return (code, message) => {
    if (!said.has(message) && said.size < mostSaid) {
      said.add(message);
      warn(code, message);
    }
  };
}

function watchedDirectory({ directory, http }: OpenNetwork): WatchedDirectory {
  const { origin } = directory;
  return {
    host: new URL(origin).host,
    limits: directory.limits,
    auditLog: async (did, signal) => directory.auditLog(did, signal),
    exported: async (after, signal) => directory.exported(after, signal),
    clockOffset: () => http.clocks.offset(origin) ?? 0,
  };
}

/** @returns the event, as the command that is told gets it */
function tell(
  event: WatchEvent,
  completes: ReadonlyMap<string, Complete>,
  { ownKey = [], memory }: PlcWatchFlags,
  globals: GlobalFlags,
  terminal: Terminal,
): EventDocument {
  const complete = completes.get(event.directory) ?? ((words) => words.join(" "));
  const more = [...ownKey.flatMap((key) => ["--own-key", key]), ...(memory === undefined ? [] : ["--memory", memory])];
  const document = eventJson(event, complete, more);
  if (globals.json) {
    terminal.out.json(document);
  } else {
    for (const line of eventLines(document)) {
      terminal.out.line(...line);
    }
  }
  return document;
}

/** What a watch can say of itself when it is ended. */
interface Stand {
  accounts: number;
  readonly hosts: readonly string[];
  /** Epoch milliseconds. */
  readonly since: number;
  told: number;
  hasReadAll: boolean;
}

function sayStart({ accounts, hosts }: Stand, { quiet, json }: GlobalFlags, { err }: Terminal): void {
  if (!quiet && !json) {
    err.line(`Watching ${plural(accounts, "account")} at ${hosts.join(" and ")}. Ctrl-C ends that.`);
  }
}

function sayJoined(more: number, { quiet, json }: GlobalFlags, { err }: Terminal): void {
  if (more > 0 && !quiet && !json) {
    err.line(`Watching ${plural(more, "account")} more: ${more === 1 ? "it has" : "they have"} an archive now.`);
  }
}

/** What is said behind "Stopped.", with how to go on to follow. */
function stopped({ accounts, hosts, since, told, hasReadAll }: Stand, cause: unknown): DecampError {
  const watched = `${plural(accounts, "account")} ${accounts === 1 ? "was" : "were"} watched at ${hosts.join(" and ")}`;
  const start = timeText(new Date(since).toISOString());
  const news = told === 0 ? "nothing was noticed" : `${plural(told, "thing")} ${told === 1 ? "was" : "were"} told`;
  const rest = hasReadAll ? "" : " Not every log was read yet.";
  const hint = `${watched} since ${start}; ${news}.${rest}`;
  return new DecampError("interrupted", "Interrupted.", { hint, cause });
}

/** A single look, with what was not looked at. */
interface Look extends Looked, Pick<Watched, "dids" | "unwatched"> {
  /** Epoch milliseconds. */
  readonly now: number;
}

/** What a single look ends with. A directory may be away for a day, as machines are. */
function exitCodeFor(look: Look): number {
  const { events, unanswered, unread, unwatched } = look;
  if (events > 0) {
    return exitCodeOf("damaged");
  }
  if (unread.length > 0 || unanswered.some(({ answeredAt }) => !isPatient(answeredAt, look))) {
    return exitCodeOf("unreachable");
  }
  return unwatched.length > 0 ? exitCodeOf("incomplete") : 0;
}

function isPatient(answeredAt: number | undefined, { now }: Look): boolean {
  return answeredAt !== undefined && Math.abs(now - answeredAt) < patience;
}

/** Whether everything was looked at. */
function isWhole({ unanswered, unread, unwatched }: Look): boolean {
  return unanswered.length + unread.length + unwatched.length === 0;
}

function tellLooked(look: Look, code: number, globals: GlobalFlags, terminal: Terminal): void {
  const { events, unanswered, unread, unwatched, dids } = look;
  if (globals.json) {
    terminal.out.json({
      type: "result",
      version: 1,
      command: "plc watch",
      ok: code === 0,
      accounts: dids.length,
      events,
      ...(unanswered.length === 0 ? {} : { unanswered: unanswered.map(({ host }) => host) }),
      ...(unread.length === 0 ? {} : { unread: [...new Set(unread.map(({ did }) => did))] }),
      ...(unwatched.length === 0 ? {} : { unwatched }),
    });
    return;
  }
  if (globals.quiet && code === 0) {
    return;
  }
  for (const { host, answeredAt } of unanswered) {
    const last = answeredAt === undefined ? "" : ` It did last at ${timeText(new Date(answeredAt).toISOString())}.`;
    const rest = isPatient(answeredAt, look) ? " Only after a day of that is the exit code 5." : "";
    terminal.err.line(...warningLine({ message: `${host} did not answer.${last}${rest}` }));
  }
  for (const { host, did } of unread) {
    terminal.err.line(...warningLine({ message: `${host} did not give the log of ${did}.` }));
  }
  if (!globals.quiet) {
    const part = isWhole(look) ? "" : ", as far as that could be seen";
    terminal.out.line(
      events > 0
        ? `${plural(events, "thing")} to look at.`
        : `Nothing to tell of ${plural(dids.length, "account")}${part}.`,
    );
  }
}
