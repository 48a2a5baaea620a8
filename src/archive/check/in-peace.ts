/**
 * Looks at an archive that others may work on meanwhile. A snapshot that is being made or removed is half to whoever
 * looks, and not damaged: what is not good is looked at again once nobody works on it any more. Whoever looks takes no
 * lock: an archive may lie where nothing can be written.
 */
import { DecampError, isDecampError } from "../../errors.ts";
import { isHeld, type LockOwner } from "../../services/disk/lock.ts";
import { joinPath } from "../../services/disk/files.ts";
import { listEntries, plainSize, type Entry } from "../../services/disk/plain-entries.ts";
import { lockFile, snapshotFile, snapshotsFolder } from "../layout.ts";

/** So often it is looked at, at the most. */
const looks = 3;

/** So long it is waited, in all, until nobody is at work (milliseconds), and so often it is asked. */
const longestWait = 60_000;
const step = 250;

/** What a look needs. */
export interface Peace<T> {
  readonly isGood: (seen: T) => boolean;
  readonly lockOwner: LockOwner;
  /** Epoch milliseconds, at the moment. */
  readonly now: () => number;
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * @param look may be called again
 * @returns what was seen: good, or while nobody was at work
 * @throws DecampError what `look` throws, while nobody is at work; `locked` if somebody is, and stays; `storage`; the
 *   signal's reason
 */
export async function lookInPeace<T>(archive: string, look: () => Promise<T>, peace: Peace<T>): Promise<T> {
  const { isGood, lockOwner, now, pause, signal } = peace;
  const isBusy = async (): Promise<boolean> => isHeld(lockFile(archive), lockOwner, now());
  let waited = 0;
  for (let left = looks; ; left -= 1) {
    const before = await shapeOf(archive);
    const wasBusy = await isBusy();
    const seen = await look().catch((error: unknown) => {
      if (!isDecampError(error)) {
        throw error;
      }
      return { error };
    });
    signal.throwIfAborted();
    const isFailure = isCaught(seen);
    if (!isFailure && isGood(seen)) {
      return seen;
    }
    const isOther = wasBusy || (await isBusy()) || (await shapeOf(archive)) !== before;
    while (waited < longestWait && (await isBusy())) {
      await pause(step, signal);
      waited += step;
    }
    if (await isBusy()) {
      throw new DecampError("locked", `A run is at work on ${archive}: what it has not finished looks like damage.`, {
        hint: "Run the same command again once that run has ended.",
        data: { path: archive },
      });
    }
    if (isOther && left > 1) {
      continue;
    }
    if (isFailure) {
      throw seen.error;
    }
    return seen;
  }
}

function isCaught(seen: unknown): seen is { readonly error: DecampError } {
  return typeof seen === "object" && seen !== null && "error" in seen && isDecampError(seen.error);
}

/** Of what cannot be read the look itself says why. */
const nothing = (): readonly Entry[] => [];

/** Which snapshots there are, and which of them have a manifest. */
async function shapeOf(archive: string): Promise<string> {
  const entries = await listEntries(snapshotsFolder(archive)).catch(nothing);
  const sizes = entries.map(async ({ name, kind }) =>
    kind === "folder" ? plainSize(snapshotFile(archive, name, "manifest")).catch(() => "unreadable") : kind,
  );
  const known = await Promise.all(sizes);
  return entries.map(({ name }, index) => joinPath(name, String(known[index]))).join("\n");
}
