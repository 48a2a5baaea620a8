/**
 * The log of a run: a file that a user names, and that only grows. Several runs may write to it at once, so nothing in
 * it is ever taken back. Each line is handed to the system before anything else happens, and is not waited for on the
 * disk: a log must not slow down what it tells about.
 */
import { fstatSync, readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { DecampError, isDecampError } from "../../../errors.ts";
import { openOwn } from "../own-files.ts";
import { pathFault, shownPath, systemCode } from "../../system-error.ts";
import { writeAllSync } from "../write-whole.ts";

const lineEnd = 0x0a;

const reasons: Readonly<Partial<Record<string, string>>> = {
  EISDIR: "it is a folder",
  ENOENT: "there is no such folder",
  EACCES: "you may not write there",
  EPERM: "you may not write there",
  EROFS: "nobody may write there",
};

export class LogFile {
  readonly #handle: FileHandle;
  /** Whether what stands there may end in the middle of a line. */
  #isTorn: boolean;

  private constructor(handle: FileHandle, isTorn: boolean) {
    this.#handle = handle;
    this.#isTorn = isTorn;
  }

  /**
   * Opens the file, or makes it, for its user alone.
   *
   * @throws DecampError `unreadable-file` for what is no plain file of the user's, or cannot be written
   */
  static async open(path: string): Promise<LogFile> {
    try {
      const handle = await openOwn(path);
      const { size } = fstatSync(handle.fd);
      const last = Buffer.of(lineEnd);
      readSync(handle.fd, last, 0, 1, Math.max(0, size - 1));
      return new LogFile(handle, last[0] !== lineEnd);
    } catch (error) {
      if (isDecampError(error)) {
        throw error;
      }
      const code = systemCode(error) ?? "unknown reason";
      const why = pathFault(path, error) ?? reasons[code] ?? code;
      throw new DecampError("unreadable-file", `The log cannot be written to ${shownPath(path)}: ${why}.`, {
        hint: "Give --log-file a file in a folder that is there, where you may write.",
        data: { path, reason: code },
        cause: error,
      });
    }
  }

  /** @throws what the system says: then a part of the line may be there, and the next one begins a line of its own */
  write(line: string): void {
    const bytes = Buffer.from(`${this.#isTorn ? "\n" : ""}${line}\n`);
    this.#isTorn = true;
    writeAllSync(this.#handle.fd, bytes);
    this.#isTorn = false;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
