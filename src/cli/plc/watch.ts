/** `decamp plc watch`: the logs of accounts, followed, and what is noticed, told. */
import { findPlcDid } from "../../account/find.ts";
import type { WatchEvent } from "../../account/watch/events.ts";
import type { WatchedDirectory } from "../../account/watch/follow.ts";
import { lookOnce, watchLogs, type Looked, type WatchServices } from "../../account/watch/watch-logs.ts";
import { archivesIn } from "../../archive/archives.ts";
import { snapshotFile } from "../../archive/layout.ts";
import { openSnapshot } from "../../archive/open.ts";
import { DecampError, exitCodeOf, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { isPlcDid, parseAccount } from "../../identity/names.ts";
import { auditLogFile } from "../../plc/log-file.ts";
import { isStorageError, readWhole } from "../../services/disk/files.ts";
import { thisProcess } from "../../services/disk/lock-owner.ts";
import { madeOperations } from "../../services/disk/remembered/made-operations.ts";
import { createSeenHeads } from "../../services/disk/seen-heads.ts";
import { openWatchMemory } from "../../services/disk/remembered/watch-memory.ts";
import { openNetwork, type OpenNetwork } from "../../services/open-network.ts";
import { fetchExport } from "../../services/servers/plc-export.ts";
import { pause } from "../../services/wait.ts";
import type { Edge, Invocation } from "../command.ts";
import { requireDidKey } from "../did-key.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import { networkOptions } from "../network.ts";
import { completer, type Complete } from "../next-command.ts";
import { servicesFor } from "../services.ts";
import { plural } from "../talk/reporters/amounts.ts";
import { stoppable } from "../talk/signals.ts";
import type { Terminal } from "../talk/terminal.ts";
import type { PlcWatchFlags } from "./declare-watch.ts";
import { createNotifier } from "./notifier.ts";
import { eventJson, eventLines } from "./watch-lines.ts";

const minute = 60_000;

/** Who is watched, and what their archives know. */
interface Watched {
  readonly dids: readonly string[];
  /** The newest operation that an archive has, by DID. */
  readonly archived: ReadonlyMap<string, string>;
}

/** Runs `decamp plc watch`. With `--once` exit code 3 if something was noticed, 5 if a directory did not answer. */
export async function plcWatchCommand(invocation: Invocation<PlcWatchFlags>, edge: Edge): Promise<number> {
  const { args, flags, globals: raw } = invocation;
  const { terminal } = edge;
  const globals = readGlobals(raw, terminal.env);
  const { archives, secondDirectory, ownKey = [], notifyCommand, once = false, interval = 1, memory: file } = flags;
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
  try {
    return await stoppable(
      async (signal) => {
        const watched = await (archives === undefined
          ? namedAccounts(args, flags, globals, terminal, signal)
          : archivedAccounts(archives, globals, terminal, signal));
        const memory = await openWatchMemory(globals.stateDir, file, thisProcess(), Date.now());
        const notifier = createNotifier(notifyCommand, terminal, signal);
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
            tell: async (event) =>
              tell(event, completes, globals, terminal, async (message) => notifier.notify(message)),
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
            sayStart(watched.dids.length, [...completes.keys()], globals, terminal);
            return await watchLogs(services, options);
          }
          return tellLooked(await lookOnce(services, options), watched.dids.length, globals, terminal);
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
    exported: async (after, signal) => fetchExport(http, origin, after, signal),
    clockOffset: () => http.clocks.offset(origin) ?? 0,
  };
}

async function namedAccounts(
  names: readonly string[],
  { from }: PlcWatchFlags,
  globals: GlobalFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Watched> {
  const origin = from === undefined ? undefined : parseServerUrl(from, globals);
  const services = servicesFor(globals, terminal);
  try {
    const dids: string[] = [];
    for (const name of names) {
      dids.push(await findPlcDid(services, parseAccount(name), origin, signal));
    }
    return { dids: [...new Set(dids)], archived: new Map() };
  } finally {
    services.close();
  }
}

/** The accounts of a folder of archives, and the heads of the logs in them. @throws DecampError `usage`, `storage` */
async function archivedAccounts(
  folder: string,
  globals: GlobalFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Watched> {
  const archived = new Map<string, string>();
  const dids = new Set<string>();
  for await (const path of archivesIn(folder)) {
    signal.throwIfAborted();
    try {
      const { archive, manifest } = await openSnapshot(path);
      if (!isPlcDid(manifest.did)) {
        continue;
      }
      dids.add(manifest.did);
      const head = await archivedHead(archive, manifest.snapshot, manifest.did, signal);
      if (head !== undefined) {
        archived.set(manifest.did, head);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!isDecampError(error)) {
        throw error;
      }
      if (!globals.quiet) {
        terminal.err.line({ text: "Warning:", style: "yellow" }, ` ${path} is not watched: ${error.message}`);
      }
    }
  }
  if (dids.size === 0) {
    throw new DecampError("usage", `There is no archive of a did:plc in ${folder}.`, {
      hint: "It has to be a folder that holds archives, as decamp export makes it for several accounts.",
    });
  }
  return { dids: [...dids], archived };
}

/** The newest operation of the log in an archive, if that proves itself. */
async function archivedHead(
  archive: string,
  snapshot: string,
  did: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const bytes = await readWhole(snapshotFile(archive, snapshot, "log"));
  if (bytes === undefined) {
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const { log } = await auditLogFile({ value, lines: false }, did, { signal });
    return log?.entries.at(-1)?.cid;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SyntaxError || isDecampError(error)) {
      return undefined;
    }
    throw error;
  }
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

function sayStart(accounts: number, hosts: readonly string[], { quiet, json }: GlobalFlags, { err }: Terminal): void {
  if (!quiet && !json) {
    err.line(`Watching ${plural(accounts, "account")} at ${hosts.join(" and ")}. Ctrl-C ends that.`);
  }
}

function tellLooked(
  { events, unanswered }: Looked,
  accounts: number,
  globals: GlobalFlags,
  terminal: Terminal,
): number {
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
  return events > 0 ? exitCodeOf("damaged") : ok ? 0 : exitCodeOf("unreachable");
}
