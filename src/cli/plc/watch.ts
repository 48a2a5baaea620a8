/** `decamp plc watch`: the logs of accounts, followed, and what is noticed, told. */
import type { WatchEvent } from "../../account/watch/events.ts";
import type { WatchedDirectory } from "../../account/watch/follow.ts";
import { lookOnce, watchLogs, type Looked, type WatchServices } from "../../account/watch/watch-logs.ts";
import { DecampError, exitCodeOf, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { isStorageError } from "../../services/disk/files.ts";
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
import { hourlyPing, ping } from "../talk/reporters/ping.ts";
import { stoppable } from "../talk/signals.ts";
import type { Terminal } from "../talk/terminal.ts";
import type { PlcWatchFlags } from "./declare-watch.ts";
import { createNotifier } from "./notifier.ts";
import { archivedAccounts, namedAccounts } from "./watched.ts";
import { eventJson, eventLines } from "./watch-lines.ts";

const minute = 60_000;

/** Runs `decamp plc watch`. With `--once` exit code 3 if something was noticed, 5 if a directory did not answer. */
export async function plcWatchCommand(invocation: Invocation<PlcWatchFlags>, edge: Edge): Promise<number> {
  const { args, flags, globals: raw } = invocation;
  const { terminal } = edge;
  const globals = readGlobals(raw, terminal.env);
  const { archives, secondDirectory, ownKey = [], notifyCommand, pingCommand, once = false } = flags;
  const { interval = 1, memory: file } = flags;
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
  const urls = [globals.plcUrl, ...(secondDirectory === undefined ? [] : [secondDirectory])];
  const origins = [...new Set(urls.map((url) => parseServerUrl(url, globals)))];
  const networks = origins.map((plcUrl) => openNetwork({ ...networkOptions(globals, terminal), plcUrl }));
  const completes = new Map(
    origins.map((plcUrl) => [new URL(plcUrl).host, completer({ raw, globals: { ...globals, plcUrl } })] as const),
  );
  const seenHeads = createSeenHeads(globals.stateDir);
  const hosts = [...completes.keys()];
  try {
    return await stoppable(
      async (signal) => {
        const watched = await (archives === undefined
          ? namedAccounts(args, flags, globals, terminal, signal)
          : archivedAccounts(archives, globals, terminal, signal));
        const memory = await openWatchMemory(globals.stateDir, file, thisProcess(), Date.now());
        const notifier = createNotifier(notifyCommand, terminal, signal);
        const pingNow = hourlyPing(pingCommand, globals, terminal);
        const stand: Stand = { accounts: watched.dids.length, hosts, since: Date.now(), told: 0, hasReadAll: false };
        try {
          const services: WatchServices = {
            directories: networks.map(watchedDirectory),
            ours: async (did) => ({ keys, made: await madeOperations(globals.stateDir, did) }),
            known: (did) => memory.heads.get(did) ?? [watched.archived.get(did) ?? []].flat(),
            seen: async (did) => {
              const head = await seenHeads.recall(did);
              return [head?.cid ?? [], watched.archived.get(did) ?? []].flat();
            },
            save: async (heads) =>
              memory.save(heads).catch((error: unknown) => {
                // Memory only helps: a full disk must not end a watch.
                if (!isStorageError(error)) {
                  throw error;
                }
                terminal.err.line(`${error.message} What was seen is not remembered.`);
              }),
            tell: async (event) => {
              stand.told += 1;
              await tell(event, completes, globals, terminal, async (message) => notifier.notify(message));
            },
            onRound: async ({ hasReadAll, isCurrent }) => {
              stand.hasReadAll ||= hasReadAll;
              if (isCurrent && notifier.hasTold()) {
                await pingNow(Date.now());
              }
            },
            onFailure: (_host, error) => {
              if (globals.verbose && isDecampError(error)) {
                terminal.err.line({ text: error.message, style: "dim" });
              }
            },
            now: () => Date.now(),
            random: () => Math.random(),
            sleep: async (milliseconds, stop) => {
              await notifier.retry(Date.now());
              await pause(milliseconds, stop);
            },
          };
          const options = { dids: watched.dids, interval: interval * minute, signal };
          if (!once) {
            sayStart(stand, globals, terminal);
            return await watchLogs(services, options);
          }
          const looked = await lookOnce(services, options);
          const code = exitCodeFor(looked);
          await ping(pingCommand, code, globals, terminal);
          tellLooked(looked, stand.accounts, globals, terminal);
          return code;
        } catch (error) {
          throw signal.aborted && !once ? stopped(stand, error) : error;
        } finally {
          await memory.close();
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

async function tell(
  event: WatchEvent,
  completes: ReadonlyMap<string, Complete>,
  globals: GlobalFlags,
  terminal: Terminal,
  notify: (message: object) => Promise<void>,
): Promise<void> {
  const complete = completes.get(event.directory) ?? ((words) => words.join(" "));
  const document = eventJson(event, complete, Date.now());
  if (globals.json) {
    terminal.out.json(document);
  } else {
    for (const line of eventLines(document)) {
      terminal.out.line(...line);
    }
  }
  await notify(document);
}

/** What a watch can say of itself when it is ended. */
interface Stand {
  readonly accounts: number;
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

/** What is said behind "Stopped.", with how to go on to follow. */
function stopped({ accounts, hosts, since, told, hasReadAll }: Stand, cause: unknown): DecampError {
  const watched = `${plural(accounts, "account")} ${accounts === 1 ? "was" : "were"} watched at ${hosts.join(" and ")}`;
  const start = timeText(new Date(since).toISOString());
  const news = told === 0 ? "nothing was noticed" : `${plural(told, "thing")} ${told === 1 ? "was" : "were"} told`;
  const rest = hasReadAll ? "" : " Not every log was read yet.";
  const hint = `${watched} since ${start}; ${news}.${rest}`;
  return new DecampError("interrupted", "Interrupted.", { hint, cause });
}

/** What a single look ends with. */
function exitCodeFor({ events, unanswered }: Looked): number {
  return events > 0 ? exitCodeOf("damaged") : unanswered.length === 0 ? 0 : exitCodeOf("unreachable");
}

function tellLooked({ events, unanswered }: Looked, accounts: number, globals: GlobalFlags, terminal: Terminal): void {
  const ok = events === 0 && unanswered.length === 0;
  if (globals.json) {
    terminal.out.json({
      type: "result",
      version: 1,
      command: "plc watch",
      ok,
      accounts,
      events,
      ...(unanswered.length === 0 ? {} : { unanswered }),
    });
  } else if (!globals.quiet) {
    for (const host of unanswered) {
      terminal.err.line(`${host} did not answer, or not for every account.`);
    }
    terminal.out.line(
      events > 0
        ? `${plural(events, "thing")} to look at.`
        : `Nothing to tell of ${plural(accounts, "account")}${ok ? "" : ", as far as that could be seen"}.`,
    );
  }
}
