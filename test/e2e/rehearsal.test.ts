/** A rehearsal: an archive comes back with an identity of its own, and nothing of it stays. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, inject, test } from "vitest";
import { connectNetwork } from "../network/control.ts";
import { auditLog } from "../network/identity.ts";
import { rehearse } from "../network/rehearsal.ts";
import { archivedAccount } from "../network/restore.ts";

const network = connectNetwork(inject("network"));
const { a, b, plcUrl } = network;

/** A hash of every file below a folder. */
function hashes(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .map((file) => `${file} ${createHash("sha256").update(readFileSync(file)).digest("hex")}`);
}

const rehearsals = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("decamp-rehearsal-"));

test("all comes back, under keys that were made for it and are gone; the archive and the real identity are untouched", async () => {
  const subject = await archivedAccount(network, { home: a, target: b, name: "rehearse" });
  const { account, archive, before, key } = subject;
  const [files, left] = [hashes(archive), rehearsals()];
  const { did, records, blobs, flaws, log } = await rehearse(archive, { plcUrl, target: b });
  expect(flaws).toEqual([]);
  expect({ records, blobs }).toEqual({ records: before.records.length, blobs: before.blobs.length });
  expect(did).not.toBe(account.did);
  expect(hashes(archive)).toEqual(files);
  expect(await auditLog(plcUrl, account.did)).toEqual(before.log);
  // Not one key of the real log stands in the other, nor has signed there.
  const real = before.log.flatMap(({ operation }) => [
    ...operation.rotationKeys,
    ...Object.values(operation.verificationMethods),
  ]);
  const made = log
    .slice(0, 2)
    .flatMap(({ operation }) => [...operation.rotationKeys, ...Object.values(operation.verificationMethods)]);
  expect(real).toContain(key.didKey);
  expect(made.filter((one) => real.includes(one))).toEqual([]);
  expect(log).toHaveLength(3);
  expect(rehearsals()).toEqual(left);
  await subject.remove();
}, 120_000);

test("an archive that is damaged is not rehearsed", async () => {
  await expect(rehearse(path.join(tmpdir(), "no-such-archive"), { plcUrl, target: b })).rejects.toThrow(
    "the archive is not in order",
  );
});
