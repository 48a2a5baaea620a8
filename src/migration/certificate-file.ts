/** The certificate of a move, beside the archive that it speaks of. */

import { certificateFile, snapshotFile } from "../archive/layout.ts";
import type { LogEntry, VerifiedLog } from "../plc/log.ts";
import { pdsOf } from "../plc/operation.ts";
import { extractCommit } from "../repo/commit-proof.ts";
import { openCarFile } from "../services/car-file.ts";
import { writeWhole } from "../services/files.ts";
import type { Certificate } from "./certificate.ts";
import type { Context } from "./context.ts";

/**
 * Writes what proves the move of the context's snapshot. A log that has no operation of this move gives no certificate.
 *
 * @param newCommit the head on the new server as a CAR file of its own, if that server has signed the same tree
 */
export async function writeCertificate(
  context: Context,
  log: VerifiedLog,
  newCommit: Uint8Array | undefined,
): Promise<void> {
  const { identity, services, snapshot, archive, source, target, oldHandle, newHandle, missingBlobs } = context;
  const operation = operationOfMove(log, target.origin);
  if (operation === undefined) {
    return;
  }
  const car = openCarFile(snapshotFile(archive, snapshot.snapshot, "repo"));
  let oldCommit: Uint8Array;
  try {
    oldCommit = extractCommit(car.source);
  } finally {
    car.close();
  }
  const certificate: Certificate = {
    format: 1,
    writtenBy: services.writtenBy,
    movedAt: operation.createdAt,
    did: identity.did,
    oldHandle,
    handle: newHandle ?? identity.handle,
    source: source.origin,
    target: target.origin,
    records: snapshot.records,
    blobs: snapshot.blobs.length,
    missingBlobs: missingBlobs.map(({ cid }) => cid),
    operation: operation.cid,
    oldCommit: Buffer.from(oldCommit).toString("base64"),
    ...(newCommit === undefined ? {} : { newCommit: Buffer.from(newCommit).toString("base64") }),
    plcLog: log.entries.map(({ cid, operation: signed, createdAt, nullified }) => ({
      did: identity.did,
      cid,
      operation: signed,
      createdAt,
      nullified,
    })),
  };
  await writeWhole(certificateFile(archive), `${JSON.stringify(certificate, undefined, 2)}\n`);
}

/** The newest operation that took the account to `target` from somewhere else. */
function operationOfMove(log: VerifiedLog, target: string): LogEntry | undefined {
  const active = log.entries.filter(({ nullified }) => !nullified);
  const place = active.findLastIndex(
    (entry, index) => pdsOf(entry.operation) === target && index > 0 && pdsOf(active[index - 1]?.operation) !== target,
  );
  return active[place];
}
