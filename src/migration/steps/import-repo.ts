/** import-repo: the proved CAR file into the deactivated account. What the server answers is no proof; its head is. */

import { snapshotFile } from "../../archive/layout.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { fileSize, openForUpload } from "../../services/files.ts";
import type { Context, Step } from "../context.ts";

/** After a lost answer the server may still be at work: how often it is asked, and the pause (milliseconds). */
const patience = { attempts: 20, pause: 3000 };

export const importRepo: Step = {
  id: "import-repo",
  done: async (context) => context.moved || (await headAtTarget(context)) === context.snapshot.commit,
  run: async (context) => {
    await importNow(context);
    return undefined;
  },
};

/** @throws DecampError `target-in-use` if the account is active, `server-refused`, `refused` if the head is another one */
export async function importNow(context: Context): Promise<void> {
  const { target, snapshot, archive, signal, services } = context;
  if ((await target.accountStatus(signal)).activated) {
    throw new DecampError(
      "target-in-use",
      `The account at ${target.host} is active: an import would replace what it holds.`,
    );
  }
  const path = snapshotFile(archive, snapshot.snapshot, "repo");
  const length = (await fileSize(path)) ?? 0;
  try {
    await target.importRepo({ length, open: () => openForUpload(path) }, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (isDecampError(error) && error.data["status"] === 413) {
      throw new DecampError("server-refused", `${target.host} takes no repository of ${length} bytes.`, {
        hint: "Ask its operator to raise the limit for imports (PDS_MAX_REPO_IMPORT_SIZE), then run the same command again.",
        cause: error,
      });
    }
    if (!isLostAnswer(error)) {
      throw error;
    }
    // Not sent again blindly: the server may have it, or be about to. What it cannot answer now, it may answer later.
    for (let attempt = 1; !(await isImported(context)); attempt += 1) {
      if (attempt >= patience.attempts) {
        throw error;
      }
      await services.sleep(patience.pause, signal);
    }
  }
  const head = await headAtTarget(context);
  if (head !== snapshot.commit) {
    throw new DecampError(
      "refused",
      `After the import ${target.host} has the commit ${head}, not ${snapshot.commit}.`,
      {
        hint: "Your account is still on your old server. The new server changes what it imports; do not move there.",
      },
    );
  }
}

/** Whether the new server has the head; false as long as it cannot be reached. */
async function isImported(context: Context): Promise<boolean> {
  try {
    return (await headAtTarget(context)) === context.snapshot.commit;
  } catch (error) {
    context.signal.throwIfAborted();
    if (isDecampError(error) && isLostAnswer(error)) {
      return false;
    }
    throw error;
  }
}

async function headAtTarget({ target, signal }: Context): Promise<string> {
  return (await target.accountStatus(signal)).repoCommit;
}

/** Whether the server may have done it although we were told nothing. */
function isLostAnswer(error: unknown): boolean {
  return (
    isDecampError(error, "unreachable") ||
    (isDecampError(error, "bad-answer", "server-refused") &&
      [502, 503, 504, 524].includes(Number(error.data["status"])))
  );
}
