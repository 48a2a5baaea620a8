/**
 * A repository on its way to the new server, as a whole or in parts. What the server answers is no proof; its head is,
 * after each request.
 */

import { Readable } from "node:stream";
import { headAt } from "../account/places.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { oneRootHeader } from "../repo/write/one-root.ts";
import { splitRepo } from "../repo/write/split.ts";
import type { CarFile } from "../services/disk/car-file.ts";
import { openForUpload } from "../services/disk/files.ts";
import { isLostAnswer, isTooLarge } from "../services/servers/refusal.ts";
import type { Upload } from "../services/upload.ts";
import { agreeOnCar } from "../services/second-opinion.ts";
import type { Context } from "./context.ts";
import { isAtTarget, type Wanted } from "./checks/same-repo.ts";
import { headAtTarget } from "./checks/target-account.ts";
import { fits, saidOfCopy } from "./checks/unseen.ts";

/** After a lost answer the server may still be at work: how often it is asked, and the pause (milliseconds). */
const patience = { attempts: 20, pause: 3000 };
/** What is in no file of its own is handed on so many bytes at a time. */
const uploadPiece = 256 * 1024;
/** Bytes of a part: what is tried first, and the least that is tried. */
const partBytes = { most: 4 << 20, least: 1 << 16 };

/**
 * The archived repository as it is sent: as it came, but for a header that names more than one root, which servers
 * refuse.
 *
 * @param car stays open until all is sent
 * @throws DecampError `unreadable-file`
 */
export function repoUpload(car: CarFile): Upload {
  const { size: length } = car;
  const changed = oneRootHeader(car.source);
  if (changed === undefined) {
    return { length, open: () => openFrom(car, 0) };
  }
  const { header, sectionsAt } = changed;
  const content = async function* (): AsyncGenerator<Uint8Array> {
    yield header;
    yield* openFrom(car, sectionsAt);
  };
  return { length: header.length + length - sectionsAt, open: () => Readable.from(content()) };
}

/** The bytes of a CAR from a place on. */
function openFrom({ path, source, size }: CarFile, start: number): Readable {
  if (path !== undefined) {
    return openForUpload(path, size, start);
  }
  const pieces = function* (): Generator<Uint8Array> {
    for (let at = start; at < size; at += uploadPiece) {
      yield source.read(at, Math.min(uploadPiece, size - at));
    }
  };
  return Readable.from(pieces(), { objectMode: false });
}

/**
 * Sends a CAR file, and asks for the head. Every file is first read by code that is not decamp's (`agreeOnCar`), since
 * a file does not show whether decamp has put it together.
 *
 * @throws DecampError `second-opinion` before anything is sent; `refused` if the head is another one than `wanted`
 *   then, by its commit and by its tree; whatever sending throws, see `isTooMuch`
 */
export async function sendRepo(context: Context, car: Upload, wanted: Wanted): Promise<void> {
  const { target, signal } = context;
  await agreeOnCar(car, wanted.commit, signal);
  const before = context.isUnseen ? await headAtTarget(context) : undefined;
  const hasArrived = async (): Promise<boolean> =>
    (await isAtTarget(context, wanted)) || (context.isUnseen && (await wasTaken(context, wanted, before)));
  let wasRead = false;
  const open = (): Readable => car.open().once("end", () => (wasRead = true));
  try {
    await target.importRepo({ length: car.length, open }, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!isLostAnswer(error)) {
      throw error;
    }
    // The file is not sent again blindly: the server may have it, or soon will. It cannot have one that was cut short.
    const isThere = await hasAfterLostAnswer(context, hasArrived, wasRead ? patience.attempts : 1);
    if (isThere === true) {
      return;
    }
    if (isThere === undefined || isTooMuch(error)) {
      throw error;
    }
    throw new DecampError("unreachable", `${target.host} broke off an import of ${car.length} bytes.`, {
      hint: "Run the same command again. If this happens again, the server may not take so much at once: ask its operator, or let decamp send it in parts, with --chunked-import.",
      data: { ...error.data, brokenOff: true },
      cause: error,
    });
  }
  if (!(await hasArrived())) {
    const head = await headAtTarget(context);
    const what = context.isUnseen
      ? `does not say that it has taken the ${context.snapshot.records} records`
      : head === undefined
        ? "shows no commit"
        : `has the commit ${head}, not ${wanted.commit}`;
    throw new DecampError("refused", `After the import ${target.host} ${what}.`, {
      hint: "Run the same command again; if it stays like this, ask the operator of that server what it does with an import.",
    });
  }
}

/**
 * Whether a server that shows nothing of the copy has taken it: it names another head than before, and counts as many
 * records. That is taken down, since nothing else says later which head is that of this import.
 */
async function wasTaken(context: Context, { commit }: Wanted, before: string | undefined): Promise<boolean> {
  const said = await saidOfCopy(context);
  if (said === undefined || said.head === before || !fits(said, { commit, records: context.snapshot.records })) {
    return false;
  }
  await context.note({ type: "unseen-import", commit, there: said.head });
  return true;
}

/** Whether the server has it, at once or after some time; undefined if the server cannot be asked. */
async function hasAfterLostAnswer(
  context: Context,
  hasArrived: () => Promise<boolean>,
  attempts: number,
): Promise<boolean | undefined> {
  const { services, signal } = context;
  for (let attempt = 1; ; attempt += 1) {
    const isThere = await hasIfReachable(context, hasArrived);
    if (isThere === true || attempt >= attempts) {
      return isThere;
    }
    await services.sleep(patience.pause, signal);
  }
}

async function hasIfReachable({ signal }: Context, hasArrived: () => Promise<boolean>): Promise<boolean | undefined> {
  try {
    return await hasArrived();
  } catch (error) {
    signal.throwIfAborted();
    if (isLostAnswer(error)) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Sends the repository in parts, smaller ones if need be; goes on behind the last one that the server has from an
 * earlier run.
 *
 * @throws DecampError `server-refused` if the server takes not even small ones
 */
export async function sendParts(context: Context, car: CarFile): Promise<void> {
  const { targetDescription, target, snapshot, report, signal } = context;
  const { rev } = snapshot;
  // A server that was given no limit for imports uses its limit for blobs.
  const most = Math.min(partBytes.most, Math.floor(car.size / 2), targetDescription.blobUploadLimit ?? Infinity);
  for (let size = Math.max(most, partBytes.least); ; size >>= 1) {
    try {
      let index = 0;
      const from = await partsThere(context, splitRepo(car.source, size, signal));
      for await (const { commit, data, car: bytes, records } of splitRepo(car.source, size, signal)) {
        if (index++ >= from) {
          await sendRepo(context, { length: bytes.length, open: () => Readable.from([bytes]) }, { commit, data, rev });
        }
        report({ type: "progress", step: "import-repo", unit: "records", done: records, total: snapshot.records });
      }
      return;
    } catch (error) {
      if (!isTooMuch(error)) {
        throw error;
      }
      if (size >> 1 < partBytes.least) {
        throw new DecampError(
          "server-refused",
          `${target.host} takes no repository, not even in parts of ${size} bytes.`,
          {
            hint: "Ask its operator which limit for imports there is.",
            cause: error,
          },
        );
      }
    }
  }
}

/** How many of these parts the server has already: 0 if its head is none of them. */
async function partsThere(context: Context, parts: AsyncIterable<Omit<Wanted, "rev">>): Promise<number> {
  const { target, identity, signal } = context;
  const commitThere = await headAtTarget(context);
  const dataThere = commitThere === undefined ? undefined : (await headAt(target, identity.did, signal))?.data;
  let count = 0;
  for await (const { commit, data } of parts) {
    count++;
    if (commit === commitThere || data === dataThere) {
      return count;
    }
  }
  return 0;
}

/**
 * Whether the request was, or may have been, too large, or took longer than a proxy before the server allows.
 */
export function isTooMuch(error: unknown): boolean {
  return (
    isTooLarge(error) ||
    (isDecampError(error) && (Number(error.data["status"]) === 524 || error.data["brokenOff"] === true))
  );
}
