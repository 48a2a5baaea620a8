/** The accounts that a watch is for: named, or those of a folder of archives. */
import { findPlcDid } from "../../account/find.ts";
import { archivesIn } from "../../archive/archives.ts";
import { snapshotFile } from "../../archive/layout.ts";
import { openSnapshot } from "../../archive/open.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { isPlcDid, parseAccount } from "../../identity/names.ts";
import { auditLogFile } from "../../plc/log-file.ts";
import { readWhole } from "../../services/disk/files.ts";
import type { GlobalFlags } from "../globals.ts";
import { servicesFor } from "../services.ts";
import type { Terminal } from "../talk/terminal.ts";
import type { PlcWatchFlags } from "./declare-watch.ts";

/** Who is watched, and what their archives know. */
export interface Watched {
  readonly dids: readonly string[];
  /** The newest operation that an archive has, by DID. */
  readonly archived: ReadonlyMap<string, string>;
}

/** The accounts that were named. @throws what `findPlcDid` throws */
export async function namedAccounts(
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
export async function archivedAccounts(
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
