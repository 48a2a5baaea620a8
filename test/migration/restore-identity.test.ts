/** What a restore, and taking it back, do to the identity: a directory in memory, and a server without the account. */
import { access, appendFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { blobFile } from "../../src/archive/layout.ts";
import { cancelMigration } from "../../src/migration/cancel.ts";
import { findJournal, openJournal, temporaryKeyFile } from "../../src/migration/journal.ts";
import { migrate } from "../../src/migration/run.ts";
import { restore } from "../../src/migration/restore/run.ts";
import { cancelRestore } from "../../src/migration/restore/cancel.ts";
import { asMove } from "../../src/migration/restore/restore-options.ts";
import { DecampError } from "../../src/errors.ts";
import { forever } from "../account/support.ts";
import { picture } from "../cli/support/car.ts";
import { at, operation, signed, testCid } from "../tools/plc.ts";
import {
  answers,
  asked,
  did,
  forgotten,
  genesis,
  late,
  old,
  prepareWorld,
  recovery,
  server,
  swap,
  target,
  temporary,
  user,
  withKey,
} from "./restore-world.ts";

const world = prepareWorld();

test("the old signing key goes back also where the archive was moved since", async () => {
  await world.begun();
  const { services, sent } = world.with([genesis, withKey, await swap(withKey)]);
  const cancelled = await cancelRestore(world.options, services, answers, () => undefined, forever);
  expect(sent.map(({ verificationMethods }) => verificationMethods["atproto"])).toEqual([server.did]);
  expect(cancelled).toMatchObject({ targetAccount: "absent", operation: testCid(sent[0]) });
  await expect(access(await temporaryKeyFile(world.options.stateDir, did))).rejects.toThrow(/ENOENT/);
  expect(await findJournal(world.options.stateDir, did, target)).toBeUndefined();
});

test("a temporary key that nobody remembers is no old signing key", async () => {
  await world.begun();
  const first = await swap(withKey, forgotten);
  const { services, sent } = world.with([genesis, withKey, first, await swap(first)]);
  const warnings: string[] = [];
  await cancelRestore(
    world.options,
    services,
    answers,
    (event) => void (event.type === "warning" && warnings.push(event.code)),
    forever,
  );
  expect(sent.map(({ verificationMethods }) => verificationMethods["atproto"])).toEqual([server.did]);
  expect(warnings).toEqual(["signing-key-passed-over"]);
});

test("nothing is taken back, and nothing thrown away, where a server has taken the key out since", async () => {
  await world.begun();
  const ours = await swap(withKey);
  const seized = await signed(
    operation(testCid(ours), { rotationKeys: [server.did], verificationMethods: { atproto: server.did } }),
    server,
  );
  const { services, sent } = world.with([genesis, withKey, ours, seized]);
  await expect(cancelRestore(world.options, services, answers, () => undefined, forever)).rejects.toMatchObject({
    code: "refused",
    data: { reason: "looks-hostile", operation: testCid(seized), next: ["plc", "recover", did] },
  });
  expect(sent).toEqual([]);
  await access(await temporaryKeyFile(world.options.stateDir, did));
  expect(await findJournal(world.options.stateDir, did, target)).toMatchObject({ restore: true });
});

test("migrate cancel leaves a restore alone: it would forget the temporary key", async () => {
  await world.begun();
  const { services } = world.with([genesis, withKey, await swap(withKey)]);
  const move = { ...asMove(world.options, world.options.archive, did), to: "" };
  await expect(cancelMigration(move, services, answers, () => undefined, forever)).rejects.toMatchObject({
    code: "refused",
    data: { reason: "restore" },
  });
  expect(await findJournal(world.options.stateDir, did, target)).toMatchObject({ temporaryKey: temporary.did });
});

test("whoever cannot say what the new server wants is told so before the identity changes", async () => {
  const { services, sent } = world.with([genesis, withKey]);
  await expect(restore(world.options, services, asked, () => undefined, forever)).rejects.toMatchObject({
    code: "input-needed",
    known: { identity: "unchanged" },
  });
  expect(sent).toEqual([]);
});

test("where the new server has the account already, the sign-in there comes before the identity changes", async () => {
  world.said.set("com.atproto.sync.getRepoStatus", { status: 200, did, active: false });
  world.said.set("com.atproto.server.createSession", {
    status: 401,
    error: "AuthenticationRequired",
    message: "Invalid",
  });
  const { services, sent } = world.with([genesis, withKey]);
  const wrong = { ...asked, targetPassword: async () => Promise.resolve("wrong") };
  await expect(restore(world.options, services, wrong, () => undefined, forever)).rejects.toMatchObject({
    code: "auth-refused",
    known: { identity: "unchanged" },
  });
  expect(sent).toEqual([]);
});

test("an archive that is damaged stops a restore; what speaks against it before that is what is said", async () => {
  await appendFile(blobFile(world.options.archive, picture), "more");
  const { services, sent } = world.with([genesis, withKey]);
  const { options } = world;
  await expect(restore(options, services, asked, () => undefined, forever)).rejects.toMatchObject({ code: "damaged" });
  // The proof is under way by then, and what it finds out is nobody's.
  world.said.set("com.atproto.sync.getRepoStatus", { status: 200, did, active: true });
  await expect(restore(options, services, asked, () => undefined, forever)).rejects.toMatchObject({
    code: "refused",
    data: { reason: "home-lives" },
  });
  expect(sent).toEqual([]);
});

test("a repository that is signed by the temporary key of an earlier run proves nothing", async () => {
  const { options } = world;
  const journal = await openJournal(options.stateDir, did, target);
  const begin = { type: "begin", did, handle: "alice.example.com", source: "https://old.example.com", target } as const;
  await journal.append({ ...begin, at: at(0), archive: options.archive, restore: true });
  await journal.append({ type: "temporary-key", key: server.did });
  await journal.close();
  const { services, sent } = world.with([genesis, withKey]);
  await expect(restore(options, services, asked, () => undefined, forever)).rejects.toMatchObject({ code: "damaged" });
  expect(sent).toEqual([]);
});

test("an error of a later run says that the identity names a temporary key", async () => {
  await world.begun();
  const { services } = world.with([genesis, withKey, await swap(withKey)]);
  const failing = { ...asked, rotationKey: async () => Promise.reject(new DecampError("passphrase-refused", "No.")) };
  await expect(restore(world.options, services, failing, () => undefined, forever)).rejects.toMatchObject({
    code: "passphrase-refused",
    known: { identity: "changed" },
  });
});

test("whose the other rotation keys are taken to be is said before anything is signed", async () => {
  const content = { verificationMethods: { atproto: server.did } };
  const moved = await signed(
    operation(testCid(withKey), {
      ...content,
      rotationKeys: [user.did, recovery.did, server.did],
      services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://other.example.com" } },
    }),
    user,
  );
  const last = await signed(
    operation(testCid(moved), {
      ...content,
      rotationKeys: [server.did, user.did, recovery.did, late.did],
      services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://other.example.com" } },
    }),
    user,
  );
  const { services } = world.with([genesis, withKey, moved, last]);
  const warnings: string[] = [];
  await expect(
    restore(
      world.options,
      services,
      asked,
      (event) => void (event.type === "warning" && warnings.push(`${event.code} ${event.message}`)),
      forever,
    ),
  ).rejects.toMatchObject({ code: "input-needed" });
  expect(warnings).toEqual(
    expect.arrayContaining([
      expect.stringMatching(new RegExp(`^key-leaves .*${recovery.did} leaves.*--accept-key ${recovery.did}$`)),
      expect.stringMatching(new RegExp(`^key-stays .*${late.did} stays.*--drop-key ${late.did}$`)),
      expect.stringMatching(new RegExp(`^key-below-server .*${user.did}`)),
    ]),
  );
  expect(warnings.filter((text) => text.includes(`${server.did} `))).toEqual([]);
});

test("a move in the middle of a restore is refused, and told how to go on; so is a restore in the middle of a move", async () => {
  await world.begun();
  const next = ["restore", world.options.archive, "--to", target, "--rotation-key-file", "FILE"];
  const move = asMove(world.options, world.options.archive, did);
  const elsewhere = "https://third.example.com";
  for (const [operations, to] of [
    [[genesis, withKey, await swap(withKey)], target],
    [[genesis, withKey, await swap(withKey)], elsewhere],
    [[genesis, withKey], target],
  ] as const) {
    const { services } = world.with([...operations]);
    await expect(migrate({ ...move, to }, services, answers, () => undefined, forever)).rejects.toMatchObject({
      code: "refused",
      data: { reason: "restore-under-way", next },
    });
  }
  // One that is finished is history, and so is one to another server whose key was never named.
  const free = world.with([genesis, withKey]).services;
  const away = { ...move, to: elsewhere, dryRun: true };
  await expect(migrate(away, free, answers, () => undefined, forever)).rejects.not.toMatchObject({
    data: { reason: "restore-under-way" },
  });
});

test("a restore in the middle of a move from a server that is there is refused, unless that is said to be lost", async () => {
  const { services } = world.with([genesis, withKey]);
  const { origin: source } = services.openPds(old);
  const journal = await openJournal(world.options.stateDir, did, target);
  await journal.append({ type: "begin", did, handle: "alice.example.com", source, target, at: at(0) });
  await journal.close();
  const run = async (active: boolean, more: object = {}): Promise<unknown> => {
    world.said.set("com.atproto.sync.getRepoStatus", { status: 200, did, active });
    return restore({ ...world.options, dryRun: true, ...more }, services, asked, () => undefined, forever).catch(
      (error: unknown) => (error as DecampError).data,
    );
  };
  const next = ["migrate", did, "--to", target];
  expect(await run(true)).toMatchObject({ reason: "move-under-way", next });
  expect(await run(true, { homeIsLost: true })).not.toMatchObject({ reason: "move-under-way" });
  // Nobody knows that it is there.
  expect(await run(false)).not.toMatchObject({ reason: "move-under-way" });
});

test("without archive and journal the old signing key goes back by what the log shows, and only what one's own key did", async () => {
  const options = { ...world.options, archive: did };
  const before = world.with([genesis, withKey]);
  await expect(cancelRestore(options, before.services, answers, () => undefined, forever)).rejects.toMatchObject({
    code: "usage",
  });
  const content = { rotationKeys: [user.did, server.did], verificationMethods: { atproto: forgotten.did } };
  const theirs = await signed(operation(testCid(withKey), content), server);
  const rotated = world.with([genesis, withKey, theirs]);
  await expect(cancelRestore(options, rotated.services, answers, () => undefined, forever)).rejects.toMatchObject({
    code: "refused",
    data: { reason: "not-your-change", signer: server.did },
  });
  expect(rotated.sent).toEqual([]);

  const { services, sent } = world.with([genesis, withKey, await swap(withKey)]);
  const warnings: string[] = [];
  const cancelled = await cancelRestore(
    options,
    services,
    answers,
    (event) => void (event.type === "warning" && warnings.push(event.code)),
    forever,
  );
  expect(sent.map(({ verificationMethods }) => verificationMethods["atproto"])).toEqual([server.did]);
  expect(cancelled).toMatchObject({ did, operation: testCid(sent[0]) });
  expect(warnings).toEqual(["restore-not-remembered"]);

  const lost = { ...options, archive: `${world.options.archive}-gone` };
  await expect(cancelRestore(lost, services, answers, () => undefined, forever)).rejects.toMatchObject({
    code: "unreadable-file",
    hint: expect.stringContaining("the DID of the account will do") as string,
  });
});

test("a restore that was taken back is not taken back once more: the temporary key is gone", async () => {
  await world.begun();
  const { services, sent } = world.with([genesis, withKey, await swap(withKey)]);
  // Nobody has to say where it went: the journal knows.
  const options = { ...world.options, to: "" };
  const cancelled = await cancelRestore(options, services, answers, () => undefined, forever);
  expect(cancelled).toMatchObject({ target, operation: testCid(sent[0]) });
  await expect(cancelRestore(world.options, services, answers, () => undefined, forever)).rejects.toMatchObject({
    code: "usage",
    message: `This machine knows of no restore of ${did} to ${target}.`,
  });
  await expect(cancelRestore(options, services, answers, () => undefined, forever)).rejects.toMatchObject({
    code: "usage",
    message: `This machine knows of no restore of ${did}.`,
  });
  expect(sent).toHaveLength(1);
});

test("where a run stops, its result names the temporary key that the identity names, and its file", async () => {
  await world.begun();
  const { services } = world.with([genesis, withKey, await swap(withKey)]);
  const options = { ...world.options, dryRun: true };
  const file = await temporaryKeyFile(options.stateDir, did);
  expect(await restore(options, services, asked, () => undefined, forever)).toMatchObject({
    temporaryKey: { key: temporary.did, file },
  });
  const plain = world.with([genesis, withKey]).services;
  expect(await restore(options, plain, asked, () => undefined, forever)).not.toHaveProperty("temporaryKey");
});
