/** JSON that a person named, in a file or a stream, or that lies in an archive. */
import { budgets } from "../../data/budgets.ts";
import { jsonExcess } from "../../data/json-bounds.ts";
import { DecampError } from "../../errors.ts";
import { readWhole } from "./files.ts";
import { pieces, readNamed } from "./incoming.ts";
import { unreadable } from "./unreadable.ts";

/** More than any log or operation needs. */
const limit = budgets.fileBytes.most;

/** What it is called when something is no JSON: a file that is of no use here, or one that has suffered. */
export type NotJson = "unreadable-file" | "damaged";

export interface JsonOptions {
  readonly notJson?: NotJson | undefined;
  /** Ends the wait for what may never come: a pipe has a path, too. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * @throws DecampError `unreadable-file` if it cannot be read or is too long; `notJson` if it is no JSON; the signal's
 *   reason
 */
export async function readJsonFile(path: string, { notJson, signal }: JsonOptions = {}): Promise<unknown> {
  return guarded(path, signal, async () => readJsonStream(readNamed(path, signal), path, { notJson }));
}

async function guarded<T>(path: string, signal: AbortSignal | undefined, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DecampError) {
      throw error;
    }
    throw unreadable(path, error);
  }
}

/** What stands in a file or a stream, and whether it stood there as lines of JSON and not as one value. */
export interface JsonValues {
  readonly value: unknown;
  readonly lines: boolean;
}

/**
 * JSON, or several lines that are JSON each (JSON Lines), which come as a list.
 *
 * @param from the path of a file, or a stream and its name
 * @throws DecampError as readJsonFile
 */
export async function readJsonValues(
  from: string | { readonly stream: AsyncIterable<Uint8Array | string>; readonly name: string },
  signal?: AbortSignal,
): Promise<JsonValues> {
  const name = typeof from === "string" ? from : from.name;
  const bytes = await (typeof from === "string"
    ? guarded(from, signal, async () => readBytes(readNamed(from, signal), from))
    : readBytes(pieces(from.stream, signal), name));
  const lines = bytes.toString("latin1").trim().split("\n");
  try {
    return { value: parseJson(bytes, name, "unreadable-file"), lines: false };
  } catch (error) {
    if (lines.length < 2) {
      throw error;
    }
  }
  const value = lines
    .filter((line) => line.trim() !== "")
    .map((line) => parseJson(Buffer.from(line, "latin1"), name, "unreadable-file"));
  return { value, lines: true };
}

/**
 * JSON in a file of ours. @throws DecampError `unreadable-file` if there is none, or is no plain file, or is no JSON
 */
export async function readOwnJson(path: string): Promise<unknown> {
  const bytes = await readWhole(path);
  if (bytes === undefined) {
    throw new DecampError("unreadable-file", `Cannot read ${path}: there is no such file.`, {
      hint: "decamp verify names everything that an archive lacks.",
    });
  }
  return parseJson(bytes, path, "unreadable-file");
}

/**
 * @param from the stream's name, for messages
 * @throws DecampError as readJsonFile
 */
export async function readJsonStream(
  stream: AsyncIterable<Uint8Array | string>,
  from: string,
  { notJson = "unreadable-file", signal }: JsonOptions = {},
): Promise<unknown> {
  return parseJson(await readBytes(pieces(stream, signal), from), from, notJson);
}

async function readBytes(stream: AsyncIterable<Uint8Array>, from: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const bytes of stream) {
    size += bytes.length;
    if (size > limit) {
      throw new DecampError("unreadable-file", `Cannot read ${from}: it is longer than ${limit} bytes.`);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function parseJson(bytes: Uint8Array, from: string, notJson: NotJson): unknown {
  const excess = jsonExcess(bytes);
  if (excess !== undefined) {
    throw new DecampError(notJson, `Cannot read ${from}: it ${excess.says}.`);
  }
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return value;
  } catch {
    // What is wrong with it may repeat what it holds.
    throw new DecampError(notJson, `Cannot read ${from}: it is not JSON.`);
  }
}
