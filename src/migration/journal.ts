/**
 * What a migration has to remember and cannot ask again: whose move it is, the handle that was chosen, and the signed
 * operation. No secret is in it. A file of lines, each with a checksum; a line that was cut off in the middle of writing
 * is dropped, and whatever it would have said is asked or done again.
 */

import { hash } from "node:crypto";
import * as v from "valibot";
import { AppendFile, joinPath, listFolder, readWhole, removeAll } from "../services/files.ts";

/** One line. */
export type JournalEntry =
  | { type: "begin"; did: string; handle: string; source: string; target: string; at: string }
  | { type: "handle"; newHandle: string }
  | { type: "frozen"; frozen: boolean }
  | { type: "source-compared" }
  | { type: "signed"; cid: string; operation: Record<string, unknown> };

const entrySchema: v.GenericSchema<unknown, JournalEntry> = v.variant("type", [
  v.object({
    type: v.literal("begin"),
    did: v.string(),
    handle: v.string(),
    source: v.string(),
    target: v.string(),
    at: v.string(),
  }),
  v.object({ type: v.literal("handle"), newHandle: v.string() }),
  v.object({ type: v.literal("frozen"), frozen: v.boolean() }),
  v.object({ type: v.literal("source-compared") }),
  v.object({ type: v.literal("signed"), cid: v.string(), operation: v.record(v.string(), v.unknown()) }),
]);

/** What the lines of a journal add up to. */
export interface JournalState {
  readonly did?: string;
  /** The handle on the old server, when the migration began. */
  readonly handle?: string;
  readonly source?: string;
  readonly target?: string;
  readonly newHandle?: string;
  /** Whether the account was deactivated on the old server by us, before the move. */
  readonly frozen?: boolean;
  /** Whether the old server was looked at once more after the switch, and nothing was left there. */
  readonly sourceCompared?: boolean;
  readonly signed?: { readonly cid: string; readonly operation: Readonly<Record<string, unknown>> };
}

export interface Journal {
  readonly state: JournalState;
  /** Durable when it resolves. */
  append(entry: JournalEntry): Promise<void>;
  close(): Promise<void>;
}

/** The journal of one account's move to one server. */
export async function openJournal(stateDir: string, did: string, target: string): Promise<Journal> {
  const path = journalPath(stateDir, did, target);
  let state = fold(parseLines(await readWhole(path)));
  const file = await AppendFile.open(path);
  return {
    get state() {
      return state;
    },
    append: async (entry) => {
      await file.append(formatLine(entry));
      state = fold([entry], state);
    },
    close: async () => file.close(),
  };
}

/** The states of the journals of an account, which had this handle or has this DID; one for each server it was to move to. */
export async function findJournals(
  stateDir: string,
  account: { handle: string } | { did: string },
): Promise<JournalState[]> {
  const folder = journalFolder(stateDir);
  const found: JournalState[] = [];
  for (const name of await listFolder(folder)) {
    if (name.endsWith(".journal")) {
      const state = fold(parseLines(await readWhole(joinPath(folder, name))));
      if ("did" in account ? state.did === account.did : state.handle === account.handle) {
        found.push(state);
      }
    }
  }
  return found;
}

/** The one of them for the move to `target`. */
export async function findJournal(
  stateDir: string,
  account: { handle: string } | { did: string },
  target: string,
): Promise<JournalState | undefined> {
  return (await findJournals(stateDir, account)).find((state) => state.target === target);
}

/** Forgets a move that was cancelled. */
export async function removeJournal(stateDir: string, did: string, target: string): Promise<void> {
  await removeAll(journalPath(stateDir, did, target));
}

/** Where the lock of an account lies. */
export function lockPath(stateDir: string, did: string): string {
  return joinPath(journalFolder(stateDir), `${fileName(did)}.lock`);
}

function journalFolder(stateDir: string): string {
  return joinPath(stateDir, "migrations");
}

function journalPath(stateDir: string, did: string, target: string): string {
  return joinPath(journalFolder(stateDir), `${fileName(did)}-to-${fileName(target)}.journal`);
}

/** Letters, digits, dots and hyphens stay; everything else becomes a hyphen. */
function fileName(text: string): string {
  return text.replaceAll(/[^a-zA-Z0-9.]+/g, "-");
}

function formatLine(entry: JournalEntry): string {
  const text = JSON.stringify(entry);
  return `${checksum(text)} ${text}`;
}

function checksum(text: string): string {
  return hash("sha256", text, "hex").slice(0, 16);
}

function parseLines(bytes: Uint8Array | undefined): JournalEntry[] {
  const entries: JournalEntry[] = [];
  for (const line of new TextDecoder().decode(bytes).split("\n")) {
    const text = line.slice(17);
    if (line.length < 18 || line.slice(0, 16) !== checksum(text)) {
      continue;
    }
    const result = v.safeParse(entrySchema, JSON.parse(text));
    if (result.success) {
      entries.push(result.output);
    }
  }
  return entries;
}

function fold(entries: readonly JournalEntry[], start: JournalState = {}): JournalState {
  return Object.assign({}, start, ...entries.map(facts));
}

function facts(entry: JournalEntry): JournalState {
  switch (entry.type) {
    case "begin": {
      const { did, handle, source, target } = entry;
      return { did, handle, source, target };
    }
    case "handle":
      return { newHandle: entry.newHandle };
    case "source-compared":
      return { sourceCompared: true };
    case "frozen":
      return { frozen: entry.frozen };
    case "signed":
      return { signed: { cid: entry.cid, operation: entry.operation } };
  }
}
