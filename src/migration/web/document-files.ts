/** The document that is to be published, and the one that it replaces, as files in the folder of the state. */

import { hash } from "node:crypto";
import { documentUrl } from "../../identity/names.ts";
import { joinPath, makeDurableFolder, onDisk, writeWhole } from "../../services/disk/files.ts";
import { readOwn } from "../../services/disk/own-files.ts";
import type { PublishedDocument } from "../events.ts";
import { documentFolder, type JournalState } from "../journal.ts";

/** Where the files lie. */
export interface DocumentFiles {
  /** The document to publish. */
  readonly file: string;
  /** The one that was published before. */
  readonly kept: string;
}

/**
 * Where the files will lie.
 *
 * @param before the document that is published now, as parsed JSON
 * @throws DecampError `refused` if others may write to the folder; `storage`
 */
export async function placeOfDocuments(stateDir: string, did: string, before: unknown): Promise<DocumentFiles> {
  const folder = await documentFolder(stateDir, did);
  return { file: joinPath(folder, "did.json"), kept: joinPath(folder, `before-${mark(textOf(before))}.json`) };
}

/**
 * Writes both. Another document that an earlier run has made, or that somebody has changed since, is kept under a name
 * of its own.
 *
 * @throws DecampError `unreadable-file` for what is no file of the user's own; `refused`, `storage`
 */
export async function writeDocuments(
  stateDir: string,
  did: string,
  { before, planned }: { readonly before: unknown; readonly planned: unknown },
): Promise<DocumentFiles> {
  const files = await placeOfDocuments(stateDir, did, before);
  const folder = await documentFolder(stateDir, did);
  await onDisk(folder, async () => makeDurableFolder(folder));
  const text = textOf(planned);
  const there = await readOwn(files.file);
  const old = there === undefined ? undefined : Buffer.from(there).toString("utf8");
  if (old !== undefined && old !== text) {
    await writeWhole(joinPath(folder, `earlier-${mark(old)}.json`), old);
  }
  await writeWhole(files.kept, textOf(before));
  await writeWhole(files.file, text);
  return files;
}

/** The document that a journal remembers, for whoever asks where it lies. */
export function publishedAs(made: JournalState["document"], did: string): PublishedDocument | undefined {
  return made === undefined ? undefined : { url: documentUrl(did), file: made.file, kept: made.kept };
}

function textOf(document: unknown): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** The same for the same text, so that nothing else is replaced. */
function mark(text: string): string {
  return hash("sha256", text, "hex").slice(0, 12);
}
