/** import-repo: the proved CAR file into the deactivated account. What the server answers is no proof; its head is. */

import { Readable } from "node:stream";
import { openSnapshotRepo } from "../../archive/open-repo.ts";
import { bytesText } from "../../data/bytes-text.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import type { CarFile } from "../../services/disk/car-file.ts";
import type { Upload } from "../../services/upload.ts";
import type { Context, Step } from "../context.ts";
import { isMereCopy } from "../checks/mere-copy.ts";
import { isAtTarget } from "../checks/same-repo.ts";
import { isActiveThere, statusAtTarget } from "../checks/target-account.ts";
import type { Report } from "../events.ts";
import { isTooMuch, repoUpload, sendParts, sendRepo } from "../send-repo.ts";

export const importRepo: Step = {
  id: "import-repo",
  done: async (context) => isAtTarget(context, context.snapshot),
  run: async (context) => {
    return bytesText(await importNow(context));
  },
};

/**
 * @returns the bytes of the repository
 * @throws DecampError `target-in-use` if the account is active, `server-refused`, `refused` if the head is another one
 */
export async function importNow(context: Context): Promise<number> {
  const { target, snapshot, archive, signal } = context;
  const status = await statusAtTarget(context);
  const isActive = await isActiveThere(context, status);
  const isCopy = isActive && !context.switched && (await isMereCopy(context));
  if (isActive && !isCopy && !(context.switched && status?.records === 0)) {
    throw new DecampError(
      "target-in-use",
      `The account at ${target.host} is active: an import would replace what it holds.`,
    );
  }
  const car = await openSnapshotRepo(archive, snapshot, { signal });
  try {
    await importCar(context, car);
  } finally {
    car.close();
  }
  return car.size;
}

/** Sends the repository, whole or where that is too much in parts. @throws DecampError as `importNow` */
async function importCar(context: Context, car: CarFile): Promise<void> {
  const { target, targetDescription, identity, snapshot, options, report } = context;
  const { size: length } = car;
  try {
    await sendRepo(context, counted(repoUpload(car), report), snapshot);
  } catch (error) {
    if (!isTooMuch(error)) {
      throw error;
    }
    // A part is proved by what the server has after it, which such a one does not show.
    if (!options.chunkedImport || context.isUnseen) {
      if (isDecampError(error, "unreachable")) {
        throw error;
      }
      throw new DecampError("server-refused", `${target.host} takes no repository of ${length} bytes.`, {
        // A server of one account empties itself before each import: of parts it would keep the last.
        hint: `Ask its operator to raise the limit for imports (PDS_MAX_REPO_IMPORT_SIZE, and whatever a proxy before it allows), then run the same command again${context.isUnseen || targetDescription.did === identity.did ? "." : "; or let decamp send it in parts, with --chunked-import."}`,
        data: { bytes: length },
        cause: error,
      });
    }
    context.warn(
      "chunked-import",
      `${target.host} does not take a repository of ${length} bytes at once: it is sent in parts.`,
    );
    await sendParts(context, car);
  }
}

/** The same, which says how much of it is on its way. */
function counted({ length, open }: Upload, report: Report): Upload {
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    let done = 0;
    for await (const piece of open() as AsyncIterable<Uint8Array>) {
      yield piece;
      done += piece.length;
      report({ type: "progress", step: "import-repo", unit: "bytes", done, total: length });
    }
  };
  return { length, open: () => Readable.from(pieces()) };
}
