/** Taking a restore back, before the identity names the new server: the old signing key, and nothing left there. */

import { timeAtDirectory } from "../../account/directory-time.ts";
import { findAnyIdentity } from "../../account/find.ts";
import { pastOf, signingKeysOf } from "../../account/web/any-identity.ts";
import { livesAt, whereIs } from "../../account/where.ts";
import { signerOf } from "../../archive/export/fetch-repo.ts";
import { openSnapshot, type OpenSnapshot } from "../../archive/open.ts";
import { DecampError, isDecampError, withStanding } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { documentUrl, isDid, parseAccount } from "../../identity/names.ts";
import { editOperation } from "../../plc/edit.ts";
import { judgeOperation } from "../../plc/judge.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { rotationKeysOf, signingKeyOf } from "../../plc/operation.ts";
import { activeEntries } from "../../plc/recover.ts";
import { removeFile } from "../../services/disk/plain-entries.ts";
import type { Answers } from "../answers.ts";
import { confirmDeletion, removeFromTarget, type CancelResult } from "../cancel.ts";
import { Context, endSessions, type MigrationServices } from "../context.ts";
import type { PublishedDocument, Report } from "../events.ts";
import {
  findJournals,
  lockAccount,
  openJournal,
  removeJournal,
  temporaryKeyFile,
  temporaryKeysIn,
} from "../journal.ts";
import { publishedAs } from "../web/document-files.ts";
import { publish, withSigningKey } from "../web/publish.ts";
import { recall } from "../web/recall.ts";
import { changeByKey } from "./change-by-key.ts";
import { asMove, type RestoreOptions } from "./restore-options.ts";
import { cameAsTemporary, lastOwnKey } from "./swap.ts";

/** What was taken back. */
export interface CancelledRestore {
  readonly did: string;
  readonly handle: string;
  /** Origin of the new server. */
  readonly target: string;
  readonly targetAccount: CancelResult["targetAccount"];
  /** CID of the operation that put the old signing key back; unset where the identity named no temporary key. */
  readonly operation?: string;
  /** Of a did:web: the document that named the old signing key again; unset where it named no temporary key. */
  readonly document?: PublishedDocument;
}

/**
 * Takes a restore back. The identity first: from then on the old server's commits count again.
 *
 * It works without the archive, and without the journal, too: the log has the old signing key, and shows the operation
 * that put another one in its place.
 *
 * @param options as for `restore`; `archive` may be the DID of the account, and `to` empty for the one restore of it
 *   that this machine remembers
 * @throws DecampError `refused` if the identity names the new server already, `target-in-use`; and what signing,
 *   submitting and signing in throw
 */
export async function cancelRestore(
  options: RestoreOptions,
  services: MigrationServices,
  answers: Answers,
  report: Report,
  signal: AbortSignal,
): Promise<CancelledRestore> {
  const { allowPrivateHosts, stateDir } = options;
  const opened = isDid(options.archive) ? undefined : await openArchive(options.archive);
  const did = opened?.manifest.did ?? options.archive;
  const to = options.to === "" ? await onlyTarget(stateDir, did) : options.to;
  const target = parseServerUrl(to, { allowPrivateHosts });
  const unlock = await lockAccount(stateDir, did, services.lockOwner, services.now());
  const move = asMove({ ...options, to }, opened?.archive, did);
  const context = new Context({ options: move, services, answers, report, signal, targetOrigin: target });
  if (opened !== undefined) {
    context.snapshot = opened.manifest;
  }
  try {
    const cancelled = await takeBack(context);
    await removeJournal(stateDir, did, target);
    return cancelled;
  } finally {
    await unlock();
  }
}

/**
 * The new server of the one restore that this machine remembers. @throws DecampError `usage` if there are none, or
 * several
 */
async function onlyTarget(stateDir: string, did: string): Promise<string> {
  const restores = (await findJournals(stateDir, did)).filter((state) => state.restore === true);
  const [only, ...others] = restores.flatMap(({ target }) => (target === undefined ? [] : [target]));
  if (only === undefined || others.length > 0) {
    throw new DecampError(
      "usage",
      only === undefined
        ? `This machine knows of no restore of ${did}.`
        : `There are several restores of ${did}: to ${[only, ...others].join(", ")}.`,
      {
        hint:
          only === undefined
            ? "If it was taken back already, that is all. If it was begun on another machine, name the new server with --to."
            : "Name the new server with --to.",
      },
    );
  }
  return only;
}

/** @throws DecampError as `openSnapshot`, with what to give in place of an archive that is lost */
async function openArchive(path: string): Promise<OpenSnapshot> {
  return openSnapshot(path).catch((error: unknown) => {
    if (!isDecampError(error, "unreadable-file", "incomplete", "damaged")) {
      throw error;
    }
    const { code, message, hint, data } = error;
    const more = `${hint} Taking a restore back needs no archive: the DID of the account will do.`.trim();
    throw new DecampError(code, message, { hint: more, data, cause: error });
  });
}

async function takeBack(context: Context): Promise<CancelledRestore> {
  try {
    return await putBackAll(context);
  } finally {
    await endSessions(context);
  }
}

async function putBackAll(context: Context): Promise<CancelledRestore> {
  const { options, services, signal, targetOrigin: target } = context;
  const { stateDir } = options;
  const found = await findAnyIdentity(services, parseAccount(options.account), { past: true }, signal);
  const identity = await recall(found, stateDir);
  const { did, handle } = identity;
  const past = pastOf(identity);
  if (livesAt(past, target)) {
    const isWeb = identity.log === undefined;
    throw new DecampError("refused", `The identity of ${did} names ${target} already. This cannot be cancelled.`, {
      hint: isWeb
        ? "To go on, run the restore again. A document that names a server where the account is lost helps nobody."
        : "If it has not ended yet, run the restore again. Where the server before still answers, this takes the change of the identity back:",
      data: isWeb ? {} : { next: ["plc", "undo", did] },
    });
  }
  context.identity = identity;
  context.target = services.openPds(target);
  context.journal = await openJournal(stateDir, did, target);
  const isForgotten = identity.log !== undefined && context.journal.state.did === undefined;
  const forgotten = isForgotten ? keyBySwap(identity.log) : undefined;
  if (context.journal.state.restore !== true && forgotten === undefined) {
    throw new DecampError("usage", `This machine knows of no restore of ${did} to ${target}.`, {
      hint:
        identity.log === undefined
          ? `What the identity says now stands at ${documentUrl(did)}.`
          : `What the identity says now: decamp plc history ${did}. For another signing key: decamp plc diff --signing-key, then plc sign and plc submit.`,
    });
  }
  context.newHandle = context.journal.state.newHandle;
  context.isActiveCopy = context.journal.state.activeCopy === true;
  const where = await whereIs(services, past, { source: undefined, target }, signal);
  await confirmDeletion(context, where);
  const { operation, document } = await putKeyBack(context, forgotten);
  let targetAccount: CancelResult["targetAccount"] = "kept";
  try {
    const kept = where.target?.state === "absent" ? "absent" : "kept";
    targetAccount = where.livedAtTarget ? kept : await removeFromTarget(context);
  } catch (error) {
    const left = `What is left is the copy at ${target}: run the same command again.`;
    throw operation === undefined && document === undefined
      ? withStanding(error, "unchanged", `This run has not changed the identity of ${did}. ${left}`)
      : withStanding(error, "changed", `The identity of ${did} has its old signing key again. ${left}`);
  }
  await removeFile(await temporaryKeyFile(stateDir, did));
  return {
    did,
    handle,
    target,
    targetAccount,
    ...(operation === undefined ? {} : { operation }),
    ...(document === undefined ? {} : { document }),
  };
}

/**
 * Has the identity name the old signing key again.
 *
 * @returns what did it; nothing if the identity does not name the temporary key
 */
async function putKeyBack(
  context: Context,
  forgotten: string | undefined,
): Promise<Pick<CancelledRestore, "operation" | "document">> {
  if (context.identity.log === undefined) {
    const document = await putDocumentBack(context);
    return document === undefined ? {} : { document };
  }
  const operation = await signKeyBack(context, forgotten);
  return operation === undefined ? {} : { operation };
}

/** The same for a did:web. @throws DecampError `identity-invalid` if nobody remembers the old key, and as `publish` */
async function putDocumentBack(context: Context): Promise<PublishedDocument | undefined> {
  const { identity, options } = context;
  const { did, document } = identity;
  const journals = await findJournals(options.stateDir, did);
  const temporaryKeys = new Set(temporaryKeysIn(journals));
  if (!temporaryKeys.has(document.signingKey ?? "")) {
    return undefined;
  }
  const signingKey = signingKeysOf(identity).find((key) => !temporaryKeys.has(key));
  const wanted = signingKey === undefined ? undefined : withSigningKey(context, signingKey);
  if (wanted === undefined) {
    throw new DecampError("identity-invalid", `This machine does not remember which signing key ${did} had before.`, {
      hint: "Each snapshot of an archive has a copy of the document, did.json: publish that of the newest one again.",
    });
  }
  await publish(context, wanted, "old-signing-key");
  return publishedAs(context.journal.state.document, did);
}

/**
 * The signing key of the identity, if it came as a temporary key does, whoever has put it there: for a machine that
 * remembers no restore.
 */
function keyBySwap(log: VerifiedLog): string | undefined {
  const key = signingKeyOf(log.head.operation);
  return key !== undefined && cameAsTemporary(log, key, rotationKeysOf(log.head.operation)) ? key : undefined;
}

/**
 * @param forgotten the temporary key by what the log shows, where no journal knows of one
 * @returns CID of the operation; undefined if the identity does not name the temporary key
 * @throws DecampError `refused` if somebody has taken the power of the key that put the temporary one there
 */
async function signKeyBack(context: Context, forgotten: string | undefined): Promise<string | undefined> {
  const { plc: identity, answers, services, options, warn } = context;
  const { did, log } = identity;
  const { head } = log;
  // A key that a restore to another server has made is none that any server has, either.
  const journals = await findJournals(options.stateDir, did);
  const temporaryKeys = [...temporaryKeysIn(journals), ...(forgotten === undefined ? [] : [forgotten])];
  const ours = activeEntries(log).findLast(({ operation }) => temporaryKeys.includes(signingKeyOf(operation) ?? ""));
  if (ours === undefined) {
    return undefined;
  }
  if (!rotationKeysOf(head.operation).includes(ours.signer)) {
    throw new DecampError(
      "refused",
      `Since the temporary key was put there, an operation has taken out the key that did it, ${ours.signer}. The last one is ${head.cid}, signed by ${head.signer}.`,
      {
        hint: "Take that back first, while a key above the signer's still can: within 72 hours. Then run the same command again.",
        data: { reason: "looks-hostile", operation: head.cid, next: ["plc", "recover", did] },
      },
    );
  }
  if (!temporaryKeys.includes(signingKeyOf(head.operation) ?? "")) {
    return undefined;
  }
  if (answers.rotationKey === undefined) {
    throw new TypeError("nobody has named the rotation key");
  }
  const signer = await answers.rotationKey(rotationKeysOf(head.operation));
  const held = [signer.didKey];
  if (forgotten !== undefined && !cameAsTemporary(log, forgotten, held)) {
    throw new DecampError(
      "refused",
      `The signing key ${forgotten} was not put there by your key ${signer.didKey}, and this machine knows of no restore of ${did}.`,
      {
        hint: `See who did that with decamp plc history ${did}`,
        data: { reason: "not-your-change", signer: ours.signer },
      },
    );
  }
  if (forgotten !== undefined) {
    warn(
      "restore-not-remembered",
      `This machine knows of no restore of ${did}. By the log your key has put the signing key ${forgotten} in the place of another, and changed nothing else: that is taken back.`,
    );
  }
  const signingKey = await serversKey(context, temporaryKeys, [...held, ours.signer]);
  const operation = editOperation(head, { signingKey });
  const intent = { signingKey, userKeys: held, known: { user: held, signers: held } };
  const judgement = judgeOperation(log, operation, intent, timeAtDirectory(services));
  const { entry } = await changeByKey(context, { operation, judgement }, signer, "old-signing-key");
  return entry.cid;
}

/**
 * The signing key that goes back. One that came as temporary keys do may be of a restore that nobody remembers, unless
 * the archive is signed with it.
 *
 * @param signers the did:keys of whoever restores
 */
async function serversKey(
  context: Context,
  temporaryKeys: readonly string[],
  signers: readonly string[],
): Promise<string> {
  const { plc: identity, archive, signal, warn } = context;
  const { did, log } = identity;
  const signingKeys = log.signingKeys.filter((key) => !temporaryKeys.includes(key));
  const doubtful = signingKeys.filter((key) => cameAsTemporary(log, key, signers));
  if (doubtful.length === 0) {
    return lastOwnKey(log, temporaryKeys);
  }
  const archived = context.hasSnapshot
    ? await signerOf(archive, context.snapshot, { did, signingKeys }, signal)
    : undefined;
  const left = doubtful.filter((key) => key !== archived);
  const key = lastOwnKey(
    log,
    signingKeys.every((one) => left.includes(one)) ? temporaryKeys : [...temporaryKeys, ...left],
  );
  const last = lastOwnKey(log, temporaryKeys);
  if (key !== last) {
    warn(
      "signing-key-passed-over",
      `The identity named the signing key ${last} since, which came as a temporary key does, and which the archive is not signed with. It is passed over.`,
    );
  }
  return key;
}
