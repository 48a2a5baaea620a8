/**
 * A restore: an account comes to a new server from its archive and with a rotation key of the user's own, because its
 * old server is gone or hostile. The steps at the new server are those of a move.
 *
 * In plain words: the archive is proved; a temporary key takes the place of the old server's signing key in the
 * identity (operation 1), so that the new server can be shown who asks; the account is made there, and everything
 * imported and read back; then the identity names the new server (operation 2), and the temporary key is destroyed. For
 * a did:web, which has no operations and no rotation key, its owner publishes a document in the place of each of them.
 */

import { pastOf, signingKeysOf } from "../../account/web/any-identity.ts";
import { homeOf } from "../../account/where.ts";
import { openSnapshot } from "../../archive/open.ts";
import { DecampError, withStanding } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import type { Answers } from "../answers.ts";
import { Context, endSessions, type MigrationServices, type Step } from "../context.ts";
import type { MigrationResult, Report } from "../events.ts";
import { restoreStepIds } from "../step-ids.ts";
import { requestToken, signOperation, submitOperation } from "../steps/change-identity.ts";
import { compare } from "../steps/compare.ts";
import { createAccount, targetAccount } from "../steps/create-account.ts";
import { proveNow, requireKnownTime } from "../steps/export.ts";
import { findArchived } from "../steps/find-archive.ts";
import { activate, confirm } from "../steps/finish.ts";
import { firstWriteOfWeb } from "../steps/first-write.ts";
import { gather } from "../steps/gather.ts";
import { importPreferences } from "../steps/import-preferences.ts";
import { importRepo } from "../steps/import-repo.ts";
import { openKey } from "../steps/open-key.ts";
import { preflightRestore } from "../steps/preflight-restore.ts";
import { takeSteps } from "../steps/run-step.ts";
import { swapKey } from "../steps/swap-key.ts";
import { destroyKey, temporaryKey } from "../steps/temporary-key.ts";
import { transferBlobs } from "../steps/transfer-blobs.ts";
import { isDocumentUnfit, publishDocument } from "../steps/web/publish-document.ts";
import { publishKey } from "../steps/web/publish-key.ts";
import { asMove, restoringOf, type RestoreOptions } from "./restore-options.ts";

/** The archive is proved while servers are waited for: the old one may be dead, which takes seconds to be sure of. */
const preflight: Step = {
  ...preflightRestore,
  run: async (context) => {
    if (context.options.dryRun || context.switched) {
      return preflightRestore.run(context);
    }
    const over = new AbortController();
    const proof = proveNow(context, AbortSignal.any([context.signal, over.signal]));
    restoringOf(context).proof = proof;
    // What it finds out is for the step that waits for it.
    const settled = proof.catch(() => undefined);
    try {
      return await preflightRestore.run(context);
    } catch (error) {
      over.abort(error);
      throw error;
    } finally {
      await settled;
    }
  },
};

const verifyArchive: Step = {
  id: "verify",
  done: () => Promise.resolve(false),
  run: async (context) => {
    requireKnownTime(context);
    await (restoringOf(context).proof ?? proveNow(context));
    return `commit ${context.snapshot.commit}`;
  },
};

/** As in a move, but that no server has to mail a code. */
const planOperation: Step = {
  ...requestToken,
  id: "plan-operation",
  run: async (context) => {
    await requestToken.run(context);
    return undefined;
  },
};

/** Before the identity names the new server. All of it can be taken back. */
const before: readonly Step[] = [
  verifyArchive,
  openKey,
  gather,
  targetAccount,
  temporaryKey,
  swapKey,
  publishKey,
  createAccount,
  importRepo,
  transferBlobs,
  importPreferences,
  compare,
  planOperation,
  signOperation,
  submitOperation,
  publishDocument,
];
const after: readonly Step[] = [activate, destroyKey, firstWriteOfWeb, confirm];
const steps: readonly Step[] = [findArchived, preflight, ...before, ...after];

/**
 * Brings an account back. Whatever interrupts it, the same call goes on.
 *
 * @returns what was restored; with `dryRun` the state `planned`, with `until` the state `stopped`
 * @throws DecampError for everything that stops it; its data `identity` says what is known of the identity then
 */
export async function restore(
  options: RestoreOptions,
  services: MigrationServices,
  answers: Answers,
  report: Report,
  signal: AbortSignal,
): Promise<MigrationResult> {
  const { allowPrivateHosts, until } = options;
  const targetOrigin = parseServerUrl(options.to, { allowPrivateHosts });
  if (until !== undefined && !restoreStepIds.includes(until)) {
    throw new DecampError("usage", `The step ${until} is no part of a restore.`, {
      hint: `The steps: ${restoreStepIds.join(", ")}.`,
    });
  }
  const { archive, manifest } = await openSnapshot(options.archive);
  const context = new Context({
    options: asMove(options, archive, manifest.did),
    services,
    answers,
    report,
    signal,
    targetOrigin,
    restoring: { options },
  });
  context.snapshot = manifest;
  let unlock: (() => Promise<void>) | undefined;
  try {
    const course = {
      steps,
      find: findArchived,
      check: preflight,
      left: async () => chooseLeft(context),
    };
    return await takeSteps(context, course, (release) => {
      unlock = release;
    });
  } catch (error) {
    throw context.hasIdentity ? withStanding(error, ...standing(context)) : error;
  } finally {
    await endSessions(context);
    await unlock?.();
  }
}

/** The steps that are left. A document is edited by hand: one that names the new server may be half right. */
async function chooseLeft(context: Context): Promise<ReadonlySet<Step>> {
  if (!context.switched) {
    return new Set(steps);
  }
  const isHalf = context.kind === "web" && context.where.target?.state !== "active" && (await isDocumentUnfit(context));
  return new Set([...(isHalf ? [publishDocument] : []), ...after]);
}

/** What is known of the identity, in a sentence. */
function standing(context: Context): ["unchanged" | "sent" | "changed", string] {
  const { identity, switched, sent, targetOrigin, restoring } = context;
  const { did } = identity;
  const again = "run the same command again";
  if (switched) {
    return ["changed", `The identity of ${did} names ${targetOrigin} already, so finish this soon: ${again}.`];
  }
  if (sent) {
    return [
      "sent",
      `The change of the identity was sent to ${targetOrigin}, and nobody knows yet whether the directory has taken it. To see, ${again}.`,
    ];
  }
  const { temporaryKey: made, earlierKeys = [] } = restoring ?? {};
  const [now] = signingKeysOf(identity);
  return now !== undefined && [made?.didKey, ...earlierKeys].includes(now)
    ? [
        "changed",
        `The identity of ${did} names ${homeOf(pastOf(identity)) ?? "no server"} still, and for now a temporary signing key. To go on, ${again}. To take it back, decamp restore cancel ${did} will do.`,
      ]
    : ["unchanged", `The identity of ${did} is as it was, as far as this run has seen.`];
}
