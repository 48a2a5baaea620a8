/** JSON from a file or a stream that a person named. */
import { createReadStream } from "node:fs";
import { DecampError } from "../errors.ts";
import { systemCode } from "./system-error.ts";

/** More than any log or operation needs, in bytes. */
const limit = 32 * 1024 * 1024;

const reasons: Partial<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "you may not read it",
  EISDIR: "it is a folder",
};

/** @throws DecampError `unreadable-file` if it cannot be read, is too long, or is no JSON */
export async function readJsonFile(path: string): Promise<unknown> {
  try {
    return await readJsonStream(createReadStream(path), path);
  } catch (error) {
    if (error instanceof DecampError) {
      throw error;
    }
    const reason = reasons[systemCode(error) ?? ""];
    throw new DecampError("unreadable-file", `Cannot read ${path}: ${reason ?? "reading failed"}.`, { cause: error });
  }
}

/**
 * @param from the stream's name, for messages
 * @throws DecampError `unreadable-file` as readJsonFile
 */
export async function readJsonStream(stream: AsyncIterable<Uint8Array | string>, from: string): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    size += bytes.length;
    if (size > limit) {
      throw new DecampError("unreadable-file", `Cannot read ${from}: it is longer than ${limit} bytes.`);
    }
    chunks.push(bytes);
  }
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)));
    return value;
  } catch {
    // What is wrong with it may repeat what it holds.
    throw new DecampError("unreadable-file", `Cannot read ${from}: it is not JSON.`);
  }
}
