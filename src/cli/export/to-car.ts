/** `decamp export -o NAME.car` and `-o -`: one CAR file in the place of an archive. */
import type { ExportOptions } from "../../archive/export/export-options.ts";
import type { Found } from "../../archive/export/find-and-export.ts";
import type { ReceivedRepo } from "../../archive/export/fetch-repo.ts";
import { DecampError, isDecampError, withHint } from "../../errors.ts";
import { fileSource } from "../../services/disk/car-file.ts";
import { alreadyThere, fileSize, NewFile, unusedName } from "../../services/disk/files.ts";
import { isFolder } from "../../services/disk/hash-file.ts";
import { createSpool, type Spool } from "../../services/disk/spool.ts";
import { lostOutput } from "../talk/failure.ts";
import type { Channel, Terminal } from "../talk/terminal.ts";

/** Where the file goes. */
export type CarTarget = { readonly path: string } | "stdout";

/** A repository that was fetched, proved, and handed over. */
export interface CarResult extends Omit<ReceivedRepo, "file"> {
  /** Bytes of the file. */
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly futureRev: boolean;
  /** False if whoever reads it stopped before the end. */
  readonly taken: boolean;
}

/** Whether what `-o` says is one file: a name that ends in .car and is no folder that is there, or `-`. */
export async function carTarget(output: string | undefined): Promise<CarTarget | undefined> {
  if (output === "-") {
    return "stdout";
  }
  return output?.toLowerCase().endsWith(".car") === true && !(await isFolder(output)) ? { path: output } : undefined;
}

/** Looks, before any work is done, whether the file can go there. @throws DecampError `usage`, `refused`, `storage` */
export async function checkTarget(target: CarTarget, { out }: Terminal): Promise<void> {
  if (target === "stdout") {
    if (out.isTerminal) {
      throw new DecampError("usage", "-o - writes a CAR file to the standard output, but that is a terminal.", {
        hint: "Redirect it, or name a file that ends in .car.",
      });
    }
  } else if ((await fileSize(target.path)) !== undefined) {
    throw alreadyThere(target.path);
  }
}

/** The same terminal while the standard output carries the file: what would be said there is said beside it. */
export function beside(terminal: Terminal, target: CarTarget | undefined): Terminal {
  const { err, env, secrets, log } = terminal;
  return target !== "stdout"
    ? terminal
    : {
        out: err,
        err,
        // Not opened before somebody wants it.
        get stdin() {
          return terminal.stdin;
        },
        env,
        secrets,
        log,
      };
}

/**
 * Fetches the repository, proves it, and hands it over.
 *
 * @param out for the standard output
 * @throws as `exportCar`; `refused` if the name was taken meanwhile; `storage` if the standard output takes no more
 */
export async function exportToCar(
  target: CarTarget,
  { located, pds }: Found,
  options: ExportOptions,
  out: Channel,
): Promise<CarResult> {
  const { exportCar } = await import("../../archive/export/export-car.ts");
  const spools: Spool[] = [];
  const create = async (): Promise<NewFile> => {
    if (target !== "stdout") {
      return NewFile.create(unusedName(target.path));
    }
    const spool = await createSpool();
    spools.push(spool);
    return spool.file;
  };
  try {
    const exporting = exportCar({ ...located, pds }, options, create);
    const { file, ...came } = await (target === "stdout" ? onSpoolDisk(exporting) : exporting);
    try {
      const sha256 = Buffer.from(file.digest()).toString("hex");
      const taken = target === "stdout" ? await copy(file, out, options.signal) : await name(file, target.path);
      return { ...came, size: file.size, sha256, taken };
    } finally {
      await file.discard();
    }
  } finally {
    for (const spool of spools) {
      await spool.close();
    }
  }
}

/** Names the place where there may be more room. */
async function onSpoolDisk<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isDecampError(error, "storage")) {
      throw error;
    }
    throw withHint(
      error,
      "With -o - the repository is kept there until it is proved. The environment variable TMPDIR names another folder for that.",
    );
  }
}

async function name(file: NewFile, path: string): Promise<true> {
  await file.keepNew(path);
  return true;
}

/** So many bytes are handed over at once. */
const piece = 1 << 20;

/** @returns whether all of it was taken */
async function copy(file: NewFile, out: Channel, signal: AbortSignal): Promise<boolean> {
  const source = fileSource(file.descriptor, file.path);
  try {
    for (let at = 0; at < file.size && !out.closed; at += piece) {
      out.bytes(source.read(at, piece));
      await orStopped(out.drained(), signal);
    }
    await orStopped(out.settled(), signal);
  } catch (error) {
    out.abandon();
    throw error;
  }
  if (out.failure !== undefined) {
    throw lostOutput(
      out.failure,
      "What was written of the CAR file is not whole. Name a place with room for it, then run the same command again.",
    );
  }
  return !out.closed;
}

/** Who reads may not go on reading: that holds nobody up who wants to end. @throws the signal's reason */
async function orStopped(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const stopped = Promise.withResolvers<never>();
  const onStop = (): void => stopped.reject(signal.reason);
  signal.addEventListener("abort", onStop, { once: true });
  try {
    signal.throwIfAborted();
    await Promise.race([work, stopped.promise]);
  } finally {
    signal.removeEventListener("abort", onStop);
  }
}
