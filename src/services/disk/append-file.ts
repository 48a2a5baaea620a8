/**
 * A file that only grows, line by line. Each line is on the disk when `append` resolves; of one that throws nothing
 * stays.
 */
import { dirname } from "node:path";
import type { FileHandle } from "node:fs/promises";
import { onDisk, syncFolder } from "./files.ts";
import { openOwn } from "./own-files.ts";
import { writeAll } from "./write-whole.ts";

const lineEnd = 0x0a;

export class AppendFile {
  readonly path: string;
  readonly #handle: FileHandle;
  /** Its bytes without the line that is being written. */
  #size: number;
  /** Whether these may end with a piece of a line. */
  #isTorn = false;

  private constructor(path: string, handle: FileHandle, size: number) {
    this.path = path;
    this.#handle = handle;
    this.#size = size;
  }

  /**
   * Opens a file of decamp's own, or makes it. A last line that was cut off in the middle of writing, by a kill or a
   * power cut, stays a line of its own.
   *
   * @throws DecampError `unreadable-file` as openOwn, `storage`
   */
  static async open(path: string): Promise<AppendFile> {
    return onDisk(path, async () => {
      const handle = await openOwn(path);
      try {
        const { size } = await handle.stat();
        const file = new AppendFile(path, handle, size);
        if (size > 0) {
          const last = new Uint8Array(1);
          await handle.read(last, 0, 1, size - 1);
          file.#isTorn = last[0] !== lineEnd;
        }
        await syncFolder(dirname(path));
        return file;
      } catch (error) {
        await handle.close();
        throw error;
      }
    });
  }

  /** @throws DecampError `storage`: then the line is not in the file, or is a piece that nobody takes for one */
  async append(line: string): Promise<void> {
    await onDisk(this.path, async () => {
      const bytes = new TextEncoder().encode(`${this.#isTorn ? "\n" : ""}${line}\n`);
      try {
        await writeAll(this.#handle, bytes);
        await this.#handle.sync();
      } catch (error) {
        await this.#takeBack();
        throw error;
      }
      this.#size += bytes.length;
      this.#isTorn = false;
    });
  }

  /** Half a line may be there, or a whole one that is not on the disk. */
  async #takeBack(): Promise<void> {
    try {
      await this.#handle.truncate(this.#size);
      await this.#handle.sync();
    } catch {
      // It stays a line of its own.
      this.#isTorn = true;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
