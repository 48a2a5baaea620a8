/** The small files of a snapshot: identity, preferences, account. */

import { hash } from "node:crypto";
import { isDecampError, type DecampError } from "../../errors.ts";
import { isUnrendered } from "../../identity/did-document.ts";
import { readPlainFile } from "../../services/disk/plain-entries.ts";
import { snapshotFile, snapshotFiles } from "../layout.ts";
import type { ArchivedFile, Manifest } from "../manifest.ts";
import type { ExportOptions, ExportSource } from "./export-options.ts";

/** A file as it will be written. */
export interface Part {
  readonly part: "document" | "log" | "preferences" | "account";
  readonly text: string;
  readonly described: ArchivedFile;
}

/** What of an account only its owner sees, and could not be read although the owner has signed in. */
export interface LeftOut {
  readonly part: "preferences";
  /** A sentence. */
  readonly reason: string;
}

/** The small files, and what is not among them. */
export interface Collected {
  readonly parts: readonly Part[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * What there is beside repository and blobs. The DID document is taken from the last snapshot if the log has not
 * changed.
 *
 * @param last the newest snapshot, if there is one
 */
export async function collectParts(
  archive: string,
  source: ExportSource,
  last: Manifest | undefined,
  options: ExportOptions,
): Promise<Collected> {
  const parts: Part[] = [];
  const leftOut: LeftOut[] = [];
  const { log, pds } = source;
  const logPart = log === undefined ? undefined : makePart("log", log.raw);
  if (logPart !== undefined) {
    parts.push(logPart);
  }
  const sameLog = logPart !== undefined && isInSnapshot(logPart, last);
  const kept = sameLog && last !== undefined ? await keptDocument(archive, last) : undefined;
  const document = kept ?? (await readDocument(source, options));
  if (document !== undefined) {
    parts.push(document);
  }
  if (pds.isSignedIn && options.publicOnly !== true) {
    const preferences = await readPreferences(source, options);
    if (isDecampError(preferences)) {
      leftOut.push({ part: "preferences", reason: preferences.message });
    } else {
      parts.push(makePart("preferences", { preferences }));
    }
    if (pds.account !== undefined) {
      parts.push(makePart("account", pds.account));
    }
  }
  return { parts, leftOut };
}

/** Whether a snapshot holds the same. */
export function isInSnapshot({ part, described }: Part, snapshot: Manifest | undefined): boolean {
  return snapshot?.files[snapshotFiles[part]]?.sha256 === described.sha256;
}

/** What the manifest of a snapshot with this log says of its file. @param raw as the directory sent it */
export function describeLog(raw: unknown): ArchivedFile {
  return makePart("log", raw).described;
}

function makePart(part: Part["part"], value: unknown): Part {
  return describe(part, `${JSON.stringify(value, undefined, 2)}\n`);
}

function describe(part: Part["part"], text: string): Part {
  const bytes = Buffer.from(text);
  const isPrivate = part === "preferences" || part === "account";
  return { part, text, described: { size: bytes.length, sha256: hash("sha256", bytes, "hex"), private: isPrivate } };
}

/** The document of the last snapshot, if it is there and unharmed. */
async function keptDocument(archive: string, last: Manifest): Promise<Part | undefined> {
  const bytes = await readPlainFile(snapshotFile(archive, last.snapshot, "document"));
  const part = bytes === undefined ? undefined : describe("document", new TextDecoder().decode(bytes));
  return part !== undefined && isInSnapshot(part, last) ? part : undefined;
}

/**
 * The DID document. A verified log says all of it: a directory that has the log and cannot make the document of it, as
 * of keys of other kinds, is no reason against a snapshot. Without a log the document is all that there is.
 */
async function readDocument(source: ExportSource, { report }: ExportOptions): Promise<Part | undefined> {
  try {
    return makePart("document", (await source.document()).raw);
  } catch (error) {
    if (source.log === undefined || !isUnrendered(error)) {
      throw error;
    }
    report({
      type: "warning",
      code: "document-unavailable",
      message: `The DID document is left out, which the log says all of: ${error.message}`,
    });
    return undefined;
  }
}

/**
 * The preferences; none where the server keeps none, the error where they cannot be had: no reason against a snapshot.
 */
async function readPreferences(
  { pds }: ExportSource,
  { signal, report }: ExportOptions,
): Promise<readonly unknown[] | DecampError> {
  try {
    return await pds.getPreferences(signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!isDecampError(error, "server-refused", "bad-answer", "unreachable")) {
      throw error;
    }
    if (error.code === "server-refused" && error.data["status"] === 404) {
      return [];
    }
    report({
      type: "warning",
      code: "preferences-refused",
      message: `The preferences are left out: ${error.message}`,
    });
    return error;
  }
}
