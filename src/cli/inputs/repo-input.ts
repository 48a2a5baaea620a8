/** Opens what a command is told to look into: a CAR file, an archive, or the standard input. */
import type { Manifest } from "../../archive/manifest.ts";
import { openNamedCar, spoolCar, type CarFile, type SpoolOptions } from "../../services/disk/car-file.ts";
import type { Terminal } from "../talk/terminal.ts";
import { requirePipe } from "./standard-input.ts";

/** A repository that is open; of an archive the newest one. */
export interface Input extends CarFile {
  readonly archive?: { readonly path: string; readonly manifest: Manifest };
}

export interface InputOptions extends SpoolOptions {
  /** Whether of an archive the newest snapshot counts that has a manifest which can be read. */
  readonly passesOver?: boolean;
}

/**
 * @param path a path, or `-` for the standard input
 * @throws DecampError `usage` if the standard input is a terminal; `unreadable-file`, also for a folder that is no
 *   archive; `incomplete` for an archive without a complete snapshot; `damaged` for a manifest that cannot be read;
 *   `storage`; of what is no file also `limit-exceeded`; the signal's reason
 */
export async function openInput(path: string, terminal: Terminal, options: InputOptions): Promise<Input> {
  if (path === "-") {
    requirePipe(terminal.stdin, "Give the path of a CAR file, or pipe one in.");
    return spoolCar(terminal.stdin, "the standard input", options);
  }
  return (await openArchive(path, options)) ?? openNamedCar(path, options);
}

/** Undefined if `path` is no archive. */
async function openArchive(path: string, { passesOver, ...options }: InputOptions): Promise<Input | undefined> {
  const { isFolder } = await import("../../services/disk/hash-file.ts");
  if (!(await isFolder(path))) {
    return undefined;
  }
  const [{ readableManifests, readManifests }, { openSnapshotRepo }] = await Promise.all([
    import("../../archive/manifest.ts"),
    import("../../archive/open-repo.ts"),
  ]);
  const readable = passesOver === true ? (await readableManifests(path)).at(-1) : undefined;
  const manifest = readable ?? (await readManifests(path)).at(-1);
  if (manifest === undefined) {
    const unfinished = await (await import("../../archive/open.ts")).notComplete(path);
    if (unfinished !== undefined) {
      throw unfinished;
    }
    return undefined;
  }
  return { ...(await openSnapshotRepo(path, manifest, options)), archive: { path, manifest } };
}
