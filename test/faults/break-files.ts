/**
 * Loaded into decamp before its own code: one of its operations on files goes wrong, as the variable DECAMP_BREAK says.
 * The product knows nothing of this.
 */
import { appendFileSync, constants, type PathLike } from "node:fs";
import promises, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

/** What is to go wrong. */
export interface Breakage {
  /** part of the paths that count */
  path: string;
  /** which operation on these it is, from 1 */
  nth: number;
  /**
   * `before`, `torn`, `after`: the process is killed before the operation, when half of the bytes are written, or after
   * it. `full`: from that operation on the disk is full. `short`: the system takes half of the bytes, and says so.
   * `nothing`: no operation goes wrong.
   */
  how: "before" | "torn" | "after" | "full" | "short" | "nothing";
  /** a file that gets a line for each operation */
  log?: string;
  /** what removes, and what makes a folder, is an operation, too */
  removals?: true;
}

const { path, nth, how, log, removals } = JSON.parse(process.env["DECAMP_BREAK"] ?? "") as Breakage;
let count = 0;

function die(): void {
  process.kill(process.pid, "SIGKILL");
}

/** Does `work`, unless it is the one that goes wrong; `half` does a part of it. */
async function perform<T>(name: string, work: () => Promise<T>, half?: () => Promise<T>): Promise<T> {
  count += 1;
  if (log !== undefined) {
    appendFileSync(log, `${name}\n`);
  }
  if (how === "full" && count >= nth) {
    await half?.();
    throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC", errno: -28 });
  }
  if (count !== nth) {
    return work();
  }
  if (how === "short" && half !== undefined) {
    return half();
  }
  if (how === "before") {
    die();
  } else if (how === "torn") {
    await half?.();
    die();
  }
  const result = await work();
  if (how === "after") {
    die();
  }
  return result;
}

const { link, mkdir, open, rename, rm, rmdir, unlink } = promises;

/** As decamp calls it. */
type Write = (
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: number | null,
) => Promise<{ bytesWritten: number }>;

function isToWrite(flags: string | number | undefined): boolean {
  return typeof flags === "number"
    ? (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0
    : /[wa]/.test(flags ?? "r");
}

promises.open = async (file, flags, mode) => {
  const name = String(file);
  if (!isToWrite(flags) || !name.includes(path)) {
    return open(file, flags, mode);
  }
  const creates = typeof flags === "string" && flags.startsWith("w");
  const handle = creates
    ? await perform(`create ${name}`, async () => open(file, flags, mode))
    : await open(file, flags, mode);
  const write = handle.write.bind(handle) as Write;
  handle.write = (async (bytes: Uint8Array, offset: number, length: number, position: number | null) =>
    perform(
      `write ${name}`,
      async () => write(bytes, offset, length, position),
      async () => write(bytes, offset, length >> 1, position),
    )) as Write as FileHandle["write"];
  return handle;
};

promises.rename = async (from, to) =>
  String(to).includes(path) ? perform(`rename ${String(to)}`, async () => rename(from, to)) : rename(from, to);

promises.link = async (from, to) =>
  String(to).includes(path) ? perform(`link ${String(to)}`, async () => link(from, to)) : link(from, to);

if (removals === true) {
  const counted =
    <T extends unknown[], R>(name: string, work: (file: PathLike, ...more: T) => Promise<R>) =>
    async (file: PathLike, ...more: T): Promise<R> =>
      String(file).includes(path)
        ? perform(`${name} ${String(file)}`, async () => work(file, ...more))
        : work(file, ...more);
  promises.mkdir = counted("mkdir", mkdir as (file: PathLike) => Promise<undefined>) as typeof mkdir;
  promises.rm = counted("rm", rm);
  promises.rmdir = counted("rmdir", rmdir);
  promises.unlink = counted("unlink", unlink);
}

syncBuiltinESMExports();
