/** The accounts that a watch is for: named, or those of a folder of archives. */
import { findPlcDid } from "../../account/find.ts";
import { archivesIn } from "../../archive/archives.ts";
import { snapshotFile } from "../../archive/layout.ts";
import { refuseEmpty, refuseFile } from "../../archive/no-archive.ts";
import { openSnapshot } from "../../archive/open.ts";
import { DecampError, expectedFailure, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { isPlcDid, parseAccount } from "../../identity/names.ts";
import { auditLogFile } from "../../plc/log-file.ts";
import { readWhole } from "../../services/disk/files.ts";
import type { WatchMemory } from "../../services/disk/remembered/watch-memory.ts";
import type { GlobalFlags } from "../globals.ts";
import { servicesFor } from "../services.ts";
import type { Terminal } from "../talk/terminal.ts";
import type { PlcWatchFlags } from "./declare-watch.ts";

/** Says what is not as it should be, and ends nothing. @param code what it is about */
export type Warn = (code: string, message: string) => void;

/** Who is watched, and what their archives know. */
export interface Watched {
  readonly dids: readonly string[];
  /** The newest operation that an archive has, by DID. */
  readonly archived: ReadonlyMap<string, string>;
  /** Archives that could not be read: nobody knows whose they are. */
  readonly unwatched: readonly { readonly path: string; readonly message: string }[];
}

/**
 * The accounts that were named. Where a name cannot be looked up, because nobody answers, it stands for whom it stood
 * for last.
 *
 * @throws what `findPlcDid` throws
 */
export async function namedAccounts(
  names: readonly string[],
  { from }: PlcWatchFlags,
  globals: GlobalFlags,
  terminal: Terminal,
  { memory, warn, signal }: { readonly memory: WatchMemory; readonly warn: Warn; readonly signal: AbortSignal },
): Promise<Watched> {
  const origin = from === undefined ? undefined : parseServerUrl(from, globals);
  const services = servicesFor(globals, terminal);
  try {
    const dids: string[] = [];
    for (const name of names) {
      const account = parseAccount(name);
      try {
        const did = await findPlcDid(services, account, origin, signal);
        if (account.type === "handle") {
          memory.names.set(account.handle, did);
        }
        dids.push(did);
      } catch (error) {
        const known = account.type === "handle" ? memory.names.get(account.handle) : undefined;
        if (known === undefined || !isDecampError(error, "unreachable", "server-refused", "bad-answer")) {
          throw error;
        }
        warn("name", `${error.message} ${name} was ${known} last, and that is watched.`);
        dids.push(known);
      }
    }
    return { dids: [...new Set(dids)], archived: new Map(), unwatched: [] };
  } finally {
    services.close();
  }
}

/** Who has an archive, and how more of them are found. */
export interface WatchedArchives extends Watched {
  /** The accounts that have got an archive since the last look; `archived` has what their archives know. */
  joined(): Promise<readonly string[]>;
}

/**
 * The accounts of a folder of archives, and the heads of the logs in them. An archive is read once.
 *
 * @throws DecampError `unreadable-file` for what is no folder of archives; `usage`, `storage`
 */
export async function archivedAccounts(folder: string, warn: Warn, signal: AbortSignal): Promise<WatchedArchives> {
  await refuseFile(folder);
  await refuseEmpty(folder);
  const archived = new Map<string, string>();
  const dids = new Set<string>();
  const read = new Set<string>();
  /** By their paths, and why. */
  const unread = new Map<string, string>();
  const joined = async (): Promise<readonly string[]> => {
    const before = new Set(dids);
    for await (const path of archivesIn(folder)) {
      signal.throwIfAborted();
      if (read.has(path)) {
        continue;
      }
      try {
        const { archive, manifest } = await openSnapshot(path);
        read.add(path);
        unread.delete(path);
        if (!isPlcDid(manifest.did)) {
          continue;
        }
        dids.add(manifest.did);
        const head = await archivedHead(archive, manifest.snapshot, manifest.did, signal);
        if (head !== undefined) {
          archived.set(manifest.did, head);
        }
      } catch (error) {
        const { message } = expectedFailure(error, signal);
        if (unread.get(path) !== message) {
          unread.set(path, message);
          warn("archive", `${path} is not watched: ${message}`);
        }
      }
    }
    return [...dids].filter((did) => !before.has(did));
  };
  await joined();
  if (dids.size === 0) {
    throw new DecampError("usage", `There is no archive of a did:plc in ${folder}.`, {
      hint: "It has to be a folder that holds archives, as decamp export makes it for several accounts.",
    });
  }
  return {
    dids: [...dids],
    archived,
    unwatched: [...unread].map(([path, message]) => ({ path, message })),
    joined,
  };
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
