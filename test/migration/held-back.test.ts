/**
 * A directory that holds back an operation which an archive has: whatever knows the archive, and would write there,
 * sign on top of the log, or send a password where it leads, notices. A directory in memory, and no state.
 */
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { snapshotFile } from "../../src/archive/layout.ts";
import { getBlobs } from "../../src/migration/afterwards/get-blobs.ts";
import { pushBlobs } from "../../src/migration/afterwards/push-blobs.ts";
import { putPreferencesBack } from "../../src/migration/afterwards/put-preferences.ts";
import { cancelMigration } from "../../src/migration/cancel.ts";
import type { MigrationServices } from "../../src/migration/context.ts";
import { archiveOfMove } from "../../src/archive/export/usual-archive.ts";
import { cancelRestore } from "../../src/migration/restore/cancel.ts";
import { couldComeBack } from "../../src/migration/restore/comeback.ts";
import { asMove, type RestoreOptions } from "../../src/migration/restore/restore-options.ts";
import { restore } from "../../src/migration/restore/run.ts";
import { migrate } from "../../src/migration/run.ts";
import { forever } from "../account/support.ts";
import { archiveWithLog, makeArchive } from "../cli/support/archive.ts";
import { testRev } from "../repo/tools/account.ts";
import { testCid } from "../tools/plc.ts";
import { answers, asked, did, genesis, prepareWorld, swap, withKey } from "./restore-world.ts";

const world = prepareWorld();
let folder = "";
/** With an operation that puts the user's key into the identity. */
let archive = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "decamp-held-back-"));
  archive = archiveWithLog(folder, [genesis, withKey]);
});
afterAll(async () => rm(folder, { recursive: true }));

const heldBack = (where: string): object => ({
  code: "identity-invalid",
  hint: expect.stringContaining(snapshotFile(where, testRev, "log")) as string,
  data: { rule: "plc/seen-head", cid: testCid(withKey), did },
});
const say = (): undefined => undefined;
const anyone = { allowPrivateHosts: true, servers: [] };

type Use = (services: MigrationServices, options: RestoreOptions) => Promise<unknown>;
const uses: Record<string, Use> = {
  restore: async (services, options) => restore(options, services, asked, say, forever),
  "restore, of one snapshot": async (services, options) =>
    restore({ ...options, archive: path.join(archive, "snapshots", testRev) }, services, asked, say, forever),
  "restore cancel": async (services, options) => cancelRestore(options, services, answers, say, forever),
  migrate: async (services, options) => migrate(asMove(options, archive, did), services, asked, say, forever),
  "migrate cancel": async (services, options) =>
    cancelMigration(asMove(options, archive, did), services, answers, say, forever),
  "doctor --archive": async (services) =>
    couldComeBack({ account: did, archive, allowPrivateHosts: true }, services, undefined, forever),
  "account preferences": async (services) =>
    putPreferencesBack(services, answers, { account: did, archive, ...anyone }, async () => undefined, forever),
  "blob get": async (services, { stateDir }) =>
    getBlobs(services, {} as never, { account: did, archive, stateDir, ...anyone }, forever),
  "blob push": async (services, { stateDir }) =>
    pushBlobs(services, answers, {} as never, { account: did, archive, stateDir, ...anyone }, forever),
};

test.each(Object.entries(uses))("%s: the archive has what is held back", async (_name, use) => {
  await world.begun();
  const { services, sent } = world.with([genesis]);
  await expect(use(services, { ...world.options, archive })).rejects.toMatchObject(heldBack(archive));
  expect(sent).toEqual([]);
});

test("a restore: another archive that was named has it", async () => {
  const { services, sent } = world.with([genesis]);
  const options = { ...world.options, also: [archive], archive: archiveWithLog(folder, [genesis]) };
  await expect(restore(options, services, asked, say, forever)).rejects.toMatchObject(heldBack(archive));
  expect(sent).toEqual([]);
});

test("a move, and blob get: the archive in its usual place has it", async () => {
  const { services } = world.with([genesis]);
  const { options } = world;
  const { stateDir } = options;
  const place = archiveOfMove(stateDir, did);
  await mkdir(path.dirname(place));
  await rename(archiveWithLog(folder, [genesis, withKey]), place);
  await expect(migrate(asMove(options, undefined, did), services, asked, say, forever)).rejects.toMatchObject(
    heldBack(place),
  );
  const request = { account: did, stateDir, ...anyone };
  await expect(getBlobs(services, {} as never, request, forever)).rejects.toMatchObject(heldBack(place));
});

test("a restore goes on where the directory has more than the archive, its own operation among that", async () => {
  await world.begun();
  const { services } = world.with([genesis, withKey, await swap(withKey)]);
  for (const older of [archive, archiveWithLog(folder, [genesis]), makeArchive(folder)]) {
    await expect(restore({ ...world.options, archive: older }, services, asked, say, forever)).rejects.toMatchObject({
      code: "input-needed",
    });
  }
});
