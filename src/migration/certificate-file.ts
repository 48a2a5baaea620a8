/** The certificate of a move, beside the archive that it speaks of. */

import { moveBy, staysOf, type MoveInLog } from "../account/where.ts";
import { certificateFile } from "../archive/layout.ts";
import { withRepo } from "../archive/open-repo.ts";
import type { VerifiedLog } from "../plc/log.ts";
import { extractCommit } from "../repo/commit-proof.ts";
import { writeWhole } from "../services/disk/files.ts";
import { verifyCertificate, type Certificate } from "./certificate.ts";
import type { Context } from "./context.ts";

/**
 * Writes what proves the move of the context's snapshot, and nothing that does not prove it. The new server's commit is
 * left out where the log does not show that this server signed it, and only after the move. Where not even the old
 * commit is the old server's, which has signed nothing since the account came to it, no certificate is written.
 *
 * @param newCommit the head on the new server as a CAR file of its own, if that server has signed the same tree
 * @returns its path; undefined if there is no certificate of this move
 */
export async function writeCertificate(
  context: Context,
  log: VerifiedLog,
  newCommit: Uint8Array | undefined,
): Promise<string | undefined> {
  const { archive, target } = context;
  const arrival = staysOf(log).findLast(({ server }) => server === target.origin)?.arrival;
  const move = moveBy(log, arrival?.cid);
  if (move === undefined) {
    return undefined;
  }
  const unsigned = await unsignedCertificate(context, log, move);
  const signed = newCommit === undefined ? [] : [{ ...unsigned, newCommit: Buffer.from(newCommit).toString("base64") }];
  for (const certificate of [...signed, unsigned]) {
    if ((await verifyCertificate(certificate)).ok) {
      const path = certificateFile(archive);
      await writeWhole(path, `${JSON.stringify(certificate, undefined, 2)}\n`);
      return path;
    }
  }
  return undefined;
}

/** The certificate without a commit of the new server. */
async function unsignedCertificate(
  context: Context,
  log: VerifiedLog,
  { operation, source, target }: MoveInLog,
): Promise<Certificate> {
  const { identity, services, snapshot, archive, oldHandle, newHandle, missingBlobs, notMoved, signal } = context;
  const oldCommit = await withRepo(archive, snapshot, async (repo) => extractCommit(repo, signal));
  return {
    format: 1,
    writtenBy: services.writtenBy,
    movedAt: operation.createdAt,
    did: identity.did,
    oldHandle,
    handle: newHandle ?? identity.handle,
    // As the log names them, whatever address was used.
    source,
    target,
    records: snapshot.records,
    blobs: snapshot.blobs.length,
    missingBlobs: missingBlobs.map(({ cid }) => cid),
    ...(notMoved.size === 0 ? {} : { blobsNotMoved: [...notMoved.keys()] }),
    operation: operation.cid,
    oldCommit: Buffer.from(oldCommit).toString("base64"),
    plcLog: log.entries.map(({ cid, operation: signed, createdAt, nullified }) => ({
      did: identity.did,
      cid,
      operation: signed,
      createdAt,
      nullified,
    })),
  };
}
