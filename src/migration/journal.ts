/**
 * What a migration has to remember and cannot ask again: whose move it is, the handle that was chosen, and the signed
 * operation. No secret is in it. A file of lines, each with a checksum; a line that was cut off in the middle of
 * writing is dropped, and whatever it would have said is asked or done again.
 *
 * Tricky bits:
 * - A `begin` ends what was before it: facts belong to one move. What was proved after a change of the identity names
 *   the operation that made the change, so it cannot speak of another. Only keys stay: the temporary ones of a restore,
 *   since the identity may name one, whatever has begun since; and those that a did:web has had, which keeps no past.
 * - It says what somebody wanted, and where nothing else can be asked, what was proved. Where the account is, the log
 *   and the servers say (account/where.ts).
 * - Lines of a later format, or of a kind that this version does not know, are not passed over: they may say what must
 *   not be done twice.
 */

import { hash } from "node:crypto";
import * as v from "valibot";
import { isJsonObject } from "../data/json-object.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { AppendFile } from "../services/disk/append-file.ts";
import { joinPath, listFolder, removeAll } from "../services/disk/files.ts";
import { takeLock, type LockOwner } from "../services/disk/lock.ts";
import { ownFolder, readOwn } from "../services/disk/own-files.ts";
import type { ProfileCounts } from "../services/servers/app-view.ts";
import type { BlobNotMoved, MissingBlob, PreferencesNotMoved } from "./events.ts";

/** The format that is written. Journals of the first had no number. */
export const journalFormat = 2;

/** One line. */
export type JournalEntry =
  | {
      type: "begin";
      format?: number | undefined;
      /** Folder of the archive, where it is not the usual one. */
      archive?: string | undefined;
      did: string;
      handle: string;
      source: string;
      target: string;
      at: string;
      /** Whether the account comes from the archive, and not from its server. */
      restore?: boolean | undefined;
      /** What people saw of the account then, if the AppView said it. An earlier version passes over it. */
      seen?: ProfileCounts | undefined;
    }
  /** A signing key that the document of a did:web was seen to name, a did:key: nobody else remembers it. */
  | { type: "signing-key"; key: string }
  /** Of a did:web: the new server has said that it has no such account, and is asked to make one. */
  | { type: "made" }
  /** The new server calls the copy active although the identity does not name that server. */
  | { type: "active-copy" }
  /** The document of a did:web that is to be published, and the one before it. */
  | { type: "document"; signingKey: string; pds: string; file: string; kept: string }
  /** Of a did:web: its document was seen to name the new server as it has to. */
  | { type: "published" }
  /** The key that stands in the identity for now, a did:key; undefined when it is gone. */
  | { type: "temporary-key"; key?: string | undefined }
  /** The handle that was chosen, and what the new server has said of it, once it was asked. */
  | { type: "handle"; newHandle: string; state?: "taken" | "refused" | undefined }
  | { type: "frozen"; frozen: boolean }
  /** `unseen`: by what the new server says of it, without having shown it. */
  | { type: "compared"; commit: string; unseen?: boolean | undefined }
  /** The new server has shown the copy: from then on it may not hide it. */
  | { type: "shown" }
  /** It was agreed that what the new server has is proved once the account is active there. */
  | { type: "late-proof" }
  /** What the new server says that its head is, after it took this commit and showed nothing of it. */
  | { type: "unseen-import"; commit: string; there: string }
  /** Blobs that the new server took under these CIDs, and does not show. */
  | { type: "uploaded"; cids: readonly string[] }
  /** All was read back from the new server, and proved, after this operation. */
  | { type: "proved-there"; operation: string }
  /** Before the identity changed, the new server let the account's password in. */
  | { type: "signed-in" }
  | { type: "source-compared"; operation?: string | undefined }
  /** Earlier versions wrote it. What is skipped is an order of one command, and not remembered. */
  | { type: "skip-blobs"; cids: readonly string[] }
  | ({ type: "left-out" } & LeftOut)
  | { type: "signed"; cid: string; operation: Record<string, unknown> }
  | { type: "undo"; operation: string };

/** What a move has left behind, and went on without. */
export interface LeftOut {
  /** Blobs that the old server did not give. */
  readonly missing: readonly MissingBlob[];
  /** Blobs that were skipped, or that the new server did not take. */
  readonly notMoved: readonly BlobNotMoved[];
  readonly preferences?: PreferencesLeft | undefined;
}

/** What of the preferences is not as the old server has it. */
export interface PreferencesLeft extends PreferencesNotMoved {
  /** Whether it may help to ask the old server again. */
  readonly again: boolean;
  /** Those of the archive are on the new server: of when they are (ISO 8601). */
  readonly brought?: string;
}

const missingBlob = { cid: v.string(), reason: v.string(), records: v.array(v.string()) };

const entrySchema: v.GenericSchema<unknown, JournalEntry> = v.variant("type", [
  v.object({
    type: v.literal("begin"),
    format: v.optional(v.number()),
    archive: v.optional(v.string()),
    did: v.string(),
    handle: v.string(),
    source: v.string(),
    target: v.string(),
    at: v.string(),
    restore: v.optional(v.boolean()),
    seen: v.optional(
      v.object({
        followers: v.exactOptional(v.number()),
        follows: v.exactOptional(v.number()),
        posts: v.exactOptional(v.number()),
      }),
    ),
  }),
  v.object({ type: v.literal("temporary-key"), key: v.optional(v.string()) }),
  v.object({ type: v.literal("signing-key"), key: v.string() }),
  v.object({ type: v.literal("made") }),
  v.object({ type: v.literal("active-copy") }),
  v.object({
    type: v.literal("document"),
    signingKey: v.string(),
    pds: v.string(),
    file: v.string(),
    kept: v.string(),
  }),
  v.object({ type: v.literal("published") }),
  v.object({
    type: v.literal("handle"),
    newHandle: v.string(),
    state: v.optional(v.picklist(["taken", "refused"])),
  }),
  v.object({ type: v.literal("frozen"), frozen: v.boolean() }),
  v.object({ type: v.literal("compared"), commit: v.string(), unseen: v.optional(v.boolean()) }),
  v.object({ type: v.literal("shown") }),
  v.object({ type: v.literal("late-proof") }),
  v.object({ type: v.literal("unseen-import"), commit: v.string(), there: v.string() }),
  v.object({ type: v.literal("uploaded"), cids: v.array(v.string()) }),
  v.object({ type: v.literal("proved-there"), operation: v.string() }),
  v.object({ type: v.literal("signed-in") }),
  v.object({ type: v.literal("source-compared"), operation: v.optional(v.string()) }),
  v.object({ type: v.literal("skip-blobs"), cids: v.array(v.string()) }),
  v.object({
    type: v.literal("left-out"),
    missing: v.array(v.object(missingBlob)),
    notMoved: v.array(v.object({ ...missingBlob, size: v.exactOptional(v.number()), archived: v.boolean() })),
    preferences: v.optional(
      v.object({
        reason: v.string(),
        archived: v.exactOptional(v.string()),
        again: v.boolean(),
        brought: v.exactOptional(v.string()),
      }),
    ),
  }),
  v.object({ type: v.literal("signed"), cid: v.string(), operation: v.record(v.string(), v.unknown()) }),
  v.object({ type: v.literal("undo"), operation: v.string() }),
]);

/** What the lines of a journal add up to. */
export interface JournalState {
  readonly did?: string;
  /** The handle on the old server, when the migration began. */
  readonly handle?: string;
  readonly source?: string;
  readonly target?: string;
  /** When the migration began, ISO 8601. */
  readonly at?: string;
  /** What people saw of the account then, if the AppView said it. */
  readonly seen?: ProfileCounts;
  /** Folder of the archive, where it is not the usual one. */
  readonly archive?: string;
  /** The handle that was chosen for the new server; none that it has refused. */
  readonly newHandle?: string | undefined;
  /** Whether the new server has taken it, as far as this was written down. */
  readonly hasNewHandle?: boolean;
  /** Whether the account comes from the archive, and not from its server. */
  readonly restore?: boolean;
  /** The temporary signing key of a restore, a did:key, until it is destroyed. */
  readonly temporaryKey?: string | undefined;
  /** Every temporary signing key that restores to this server have made: none was ever a server's. */
  readonly temporaryKeys?: readonly string[];
  /** Signing keys of a did:web that were seen in its document, the last one first. */
  readonly signingKeys?: readonly string[];
  /** Whether the new server had no such account when this move asked it to make one; of a did:web only. */
  readonly made?: boolean;
  /**
   * The new server called the copy active before the identity named it, so that nothing there shows whether it was
   * activated.
   */
  readonly activeCopy?: boolean;
  /** The document of a did:web that was last to be published, and the one that was there before any for this server. */
  readonly document?: {
    readonly signingKey: string;
    readonly pds: string;
    readonly file: string;
    readonly kept: string;
  };
  /** Whether the document of a did:web was seen to name the new server. */
  readonly published?: boolean;
  /** Whether the account was to be deactivated on the old server, before the move. */
  readonly frozen?: boolean;
  /** The commit that the new server was proved to have, with every blob, right before the identity changed. */
  readonly compared?: string;
  /** Whether the new server has shown the copy, in any run. */
  readonly wasShown?: boolean;
  /** Whether the new server has shown nothing of that commit: it is proved only once the account is active there. */
  readonly isUnseen?: boolean;
  /** Whether somebody has agreed to that. */
  readonly lateProof?: boolean;
  /** The commit that was imported last where nothing is shown, and what the new server calls its head since. */
  readonly unseenImport?: { readonly commit: string; readonly there: string };
  /** CIDs of the blobs that the new server took under these, where it does not show them. */
  readonly uploaded?: ReadonlySet<string>;
  /** CID of the operation after which all was read back from the new server, and proved. */
  readonly provedThere?: string;
  /** Whether a sign-in at the new server was seen to work: the session that comes with a new account is none. */
  readonly signedIn?: boolean;
  /** What is not on the new server, as it was right before the identity changed, or later. */
  readonly leftOut?: LeftOut;
  /** CID of the operation after which the old server was looked at once more, and nothing was left there. */
  readonly sourceCompared?: string;
  readonly signed?: { readonly cid: string; readonly operation: Readonly<Record<string, unknown>> };
  /** CID of the operation whose undoing has begun. */
  readonly undo?: string;
  /** What this version cannot read in it, in a few words. */
  readonly newer?: string;
}

export interface Journal {
  readonly state: JournalState;
  /** Durable when it resolves. */
  append(entry: JournalEntry): Promise<void>;
  close(): Promise<void>;
}

/**
 * The journal of one account's move to one server.
 *
 * @throws DecampError `unsupported` for one that a later version wrote; `unreadable-file` for a link, and what else is
 *   no file of the user's own; `refused` if others may write to the folder; `storage`
 */
export async function openJournal(stateDir: string, did: string, target: string): Promise<Journal> {
  await ownFolder(stateDir, folderName, true);
  const path = journalPath(stateDir, did, target);
  const bytes = await readOwn(path);
  let { state } = readLines(bytes);
  if (state.newer !== undefined) {
    throw new DecampError("unsupported", `${path} was written by a later version of decamp: it has ${state.newer}.`, {
      hint: "Go on with that version.",
      data: { path, newer: state.newer },
    });
  }
  // What stops before its first line leaves no file: an empty one is one that has lost its lines.
  let file = bytes === undefined ? undefined : await AppendFile.open(path);
  return {
    get state() {
      return state;
    },
    append: async (entry) => {
      file ??= await AppendFile.open(path);
      await file.append(formatLine(entry));
      state = fold([entry], state);
    },
    close: async () => file?.close(),
  };
}

/** A journal that nobody can read or write any more: what is told to it is kept for this run only. */
export function lostJournal(): Journal {
  let state: JournalState = {};
  return {
    get state() {
      return state;
    },
    append: async (entry) => {
      state = fold([entry], state);
      return Promise.resolve();
    },
    close: async () => Promise.resolve(),
  };
}

/** The journals of this machine. */
export interface Journals {
  /** One for each account and server that it was to move to. */
  readonly states: readonly JournalState[];
  /** Paths of those that cannot be read: they help nobody, and hold nobody up. */
  readonly unreadable: readonly string[];
  /** Paths of those that are empty, or have lines that were changed: what these said is not known. */
  readonly damaged: readonly string[];
}

/**
 * Reads all journals. @throws DecampError `refused` if others may write to the folder; `storage` if it cannot be listed
 */
export async function readJournals(stateDir: string): Promise<Journals> {
  const folder = await ownFolder(stateDir, folderName);
  const states: JournalState[] = [];
  const unreadable: string[] = [];
  const damaged: string[] = [];
  for (const name of (await listFolder(folder)).filter((one) => one.endsWith(".journal"))) {
    const path = joinPath(folder, name);
    try {
      const { state, isDamaged } = readLines(await readOwn(path));
      (state.did === undefined ? [] : states).push(state);
      (isDamaged ? damaged : []).push(path);
    } catch (error) {
      if (!isDecampError(error)) {
        throw error;
      }
      unreadable.push(path);
    }
  }
  return { states, unreadable, damaged };
}

/**
 * Whether what the new server has is still to be proved, by what the journal of the move says. One that was lost, and
 * begun anew after the identity had changed, does not know the operation.
 *
 * @param arrival CID of the operation that brought the account where it is
 */
export function isProofOwed({ isUnseen = false, signed, provedThere }: JournalState, arrival: string): boolean {
  return isUnseen && (signed?.cid ?? arrival) === arrival && provedThere !== arrival;
}

/** The DIDs of accounts that had this handle, on their old or their new server, as far as this machine remembers. */
export async function rememberedDids(stateDir: string, handle: string): Promise<string[]> {
  return (await rememberedAccounts(stateDir, handle)).map(({ did }) => did);
}

/** The same, each with when the move began of which this machine remembers it (ISO 8601). */
export async function rememberedAccounts(
  stateDir: string,
  handle: string,
): Promise<{ readonly did: string; readonly at: string | undefined }[]> {
  const { states } = await readJournals(stateDir);
  return states
    .filter((one) => one.handle === handle || one.newHandle === handle)
    .flatMap(({ did, at }) => (did === undefined ? [] : [{ did, at }]));
}

/** The did:keys of all temporary keys that the restores of these journals have made. */
export function temporaryKeysIn(journals: readonly JournalState[]): string[] {
  return journals.flatMap(({ temporaryKeys = [] }) => temporaryKeys);
}

/** The journals of one account. */
export async function findJournals(stateDir: string, did: string): Promise<JournalState[]> {
  return (await readJournals(stateDir)).states.filter((state) => state.did === did);
}

/**
 * Whether a journal of this machine is that of the account's move between these two servers. It only chooses which
 * command is named: one that cannot be read is none.
 */
export async function hasMove(
  stateDir: string,
  did: string,
  { source, target }: { readonly source: string; readonly target: string },
): Promise<boolean> {
  try {
    const journals = await findJournals(stateDir, did);
    return journals.some((one) => one.source === source && one.target === target && one.restore !== true);
  } catch (error) {
    if (!isDecampError(error)) {
      throw error;
    }
    return false;
  }
}

/** The one of them for the move to `target`. */
export async function findJournal(stateDir: string, did: string, target: string): Promise<JournalState | undefined> {
  return (await findJournals(stateDir, did)).find((state) => state.target === target);
}

/**
 * The file with the temporary signing key of a restore, encrypted; it lies beside the journal.
 *
 * @throws DecampError `refused` if others may write to the folder; `storage`
 */
export async function temporaryKeyFile(stateDir: string, did: string): Promise<string> {
  const folder = await ownFolder(stateDir, folderName, true);
  return joinPath(folder, `${fileName(did)}-temporary-key.age`);
}

/**
 * The folder with the documents of a did:web that were to be published; it need not be there. It lies beside the
 * journal.
 *
 * @throws DecampError `refused` if others may write to the folder; `storage`
 */
export async function documentFolder(stateDir: string, did: string): Promise<string> {
  const folder = await ownFolder(stateDir, folderName, true);
  return joinPath(folder, `${fileName(did)}-document`);
}

/** Forgets a move that was cancelled. */
export async function removeJournal(stateDir: string, did: string, target: string): Promise<void> {
  await removeAll(journalPath(stateDir, did, target));
}

/**
 * Takes the lock of an account.
 *
 * @param now epoch milliseconds
 * @returns a function that gives it back
 * @throws DecampError `locked` while another run holds it; `refused` if others may write to the folder; `storage`
 */
export async function lockAccount(
  stateDir: string,
  did: string,
  owner: LockOwner,
  now: number,
): Promise<() => Promise<void>> {
  const folder = await ownFolder(stateDir, folderName, true);
  return takeLock(joinPath(folder, `${fileName(did)}.lock`), owner, now);
}

/** In the folder of the state. */
const folderName = "migrations";

function journalPath(stateDir: string, did: string, target: string): string {
  return joinPath(stateDir, folderName, `${fileName(did)}-to-${fileName(target)}.journal`);
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

/** The state that whole lines add up to; what cannot be read, and is whole, is named. */
function readLines(bytes: Uint8Array | undefined): { readonly state: JournalState; readonly isDamaged: boolean } {
  let state: JournalState = {};
  let isDamaged = bytes?.length === 0;
  for (const line of new TextDecoder().decode(bytes).split("\n")) {
    const text = line.slice(17);
    if (line.length < 18 || line.slice(0, 17) !== `${checksum(text)} `) {
      isDamaged ||= !isPiece(line);
      continue;
    }
    const value = parsed(text);
    const entry = v.safeParse(entrySchema, value);
    const format = isJsonObject(value) ? value["format"] : undefined;
    if (entry.success) {
      state = fold([entry.output], state);
    }
    if (typeof format === "number" && format > journalFormat) {
      state = { ...state, newer: `the format ${format}, and this version knows ${journalFormat}` };
    } else if (!entry.success) {
      const type = isJsonObject(value) ? JSON.stringify(value["type"]) : "none";
      state = { ...state, newer: `a line of type ${type}` };
    }
  }
  return { state, isDamaged };
}

/**
 * Whether it is the beginning of a line, and no more: what a crash in the middle of writing leaves, perhaps with
 * zeros where the bytes did not come, or half a character.
 */
function isPiece(line: string): boolean {
  const [, json = ""] = /^[0-9a-f]{0,16}(?: |$)(.*)$/s.exec(line.replace(/\0+$/, "")) ?? [undefined, "no"];
  // A value that is whole becomes one sign, from within; so does a string that has no end. One that ends with "}" has
  // rather lost its quotation mark.
  let left = json.replaceAll(/"(?:[^"\\]|\\.)*"/g, "@");
  const open = left.indexOf('"');
  if (open !== -1) {
    if (left.endsWith("}")) {
      return false;
    }
    left = `${left.slice(0, open)}@`;
  }
  left = left.replaceAll(/\b(?:true|false|null|\d+)\b(?=[,\]}])/g, "@");
  for (let before = ""; before !== left;) {
    before = left;
    left = left.replaceAll(/\{(?:@:@(?:,@:@)*)?\}|\[(?:@(?:,@)*)?\]/g, "@");
  }
  return left === "" || /^\{(?:@?[,:{[])*(?:@|[a-z\d]*)$/.test(left);
}

/** Undefined for what is no JSON: a line of no known kind. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fold(entries: readonly JournalEntry[], start: JournalState = {}): JournalState {
  let state = start;
  for (const entry of entries) {
    const { newer } = state;
    const kept = entry.type === "begin" ? keysOf(state) : state;
    state = { ...kept, ...facts(entry, state), ...(newer === undefined ? {} : { newer }) };
  }
  return state;
}

/** What outlives a new beginning: keys that the identity may name or has named, and that only this file knows. */
function keysOf({ temporaryKey, temporaryKeys, signingKeys }: JournalState): JournalState {
  return {
    ...(signingKeys === undefined ? {} : { signingKeys }),
    ...(temporaryKey === undefined ? {} : { temporaryKey }),
    ...(temporaryKeys === undefined ? {} : { temporaryKeys }),
  };
}

function facts(
  entry: JournalEntry,
  { temporaryKeys = [], signingKeys = [], document, uploaded }: JournalState,
): JournalState {
  switch (entry.type) {
    case "begin": {
      const { did, handle, source, target, at, archive, restore, seen } = entry;
      return {
        did,
        handle,
        source,
        target,
        at,
        ...(archive === undefined ? {} : { archive }),
        ...(restore === true ? { restore } : {}),
        ...(seen === undefined ? {} : { seen }),
      };
    }
    case "handle":
      return {
        newHandle: entry.state === "refused" ? undefined : entry.newHandle,
        hasNewHandle: entry.state === "taken",
      };
    case "compared":
      return { compared: entry.commit, isUnseen: entry.unseen ?? false };
    case "shown":
      return { wasShown: true };
    case "late-proof":
      return { lateProof: true };
    case "unseen-import":
      return { unseenImport: { commit: entry.commit, there: entry.there } };
    case "uploaded":
      return { uploaded: grown(uploaded, entry.cids) };
    case "proved-there":
      return { provedThere: entry.operation };
    case "signed-in":
      return { signedIn: true };
    case "source-compared":
      return entry.operation === undefined ? {} : { sourceCompared: entry.operation };
    case "skip-blobs":
      return {};
    case "left-out": {
      const { missing, notMoved, preferences } = entry;
      return { leftOut: { missing, notMoved, ...(preferences === undefined ? {} : { preferences }) } };
    }
    case "signing-key":
      return { signingKeys: [...new Set([entry.key, ...signingKeys])] };
    case "made":
      return { made: true };
    case "active-copy":
      return { activeCopy: true };
    case "document": {
      // One that was published with a mistake in it is not the one before the move.
      const { signingKey, pds, file } = entry;
      const kept = document?.pds === pds ? document.kept : entry.kept;
      return { document: { signingKey, pds, file, kept } };
    }
    case "published":
      return { published: true };
    case "temporary-key":
      return {
        temporaryKey: entry.key,
        ...(entry.key === undefined ? {} : { temporaryKeys: [...new Set([...temporaryKeys, entry.key])] }),
      };
    case "frozen":
      return { frozen: entry.frozen };
    case "signed":
      return { signed: { cid: entry.cid, operation: entry.operation } };
    case "undo":
      return { undo: entry.operation };
  }
}

/** The same set with more in it: a copy for each line would take a time that grows with the square of the lines. */
function grown(set: ReadonlySet<string> | undefined, more: readonly string[]): ReadonlySet<string> {
  const all: Set<string> = set instanceof Set ? set : new Set();
  for (const one of more) {
    all.add(one);
  }
  return all;
}

/** A move that this machine remembers. */
export interface KnownMove {
  readonly did: string;
  readonly handle?: string;
  /** Once the new server has taken it. */
  readonly newHandle?: string;
  readonly source: string;
  readonly target: string;
  /** ISO 8601. */
  readonly begunAt?: string;
}

/** What this machine remembers of moves, whoever's they are. */
export interface KnownMoves {
  readonly moves: readonly KnownMove[];
  /** Paths of journals that are damaged, or cannot be read: there may be more than `moves`. */
  readonly damaged: readonly string[];
}

/** Reads them. Nobody is asked. @throws DecampError `storage` */
export async function knownMoves(stateDir: string): Promise<KnownMoves> {
  const { states, unreadable, damaged } = await readJournals(stateDir);
  const moves = states.flatMap(({ did, handle, newHandle, hasNewHandle, source, target, at }) =>
    did === undefined || source === undefined || target === undefined
      ? []
      : [
          {
            did,
            source,
            target,
            ...(handle === undefined ? {} : { handle }),
            ...(newHandle === undefined || hasNewHandle !== true ? {} : { newHandle }),
            ...(at === undefined ? {} : { begunAt: at }),
          },
        ],
  );
  return { moves, damaged: [...unreadable, ...damaged] };
}
