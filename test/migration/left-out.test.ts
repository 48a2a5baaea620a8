/**
 * What a move goes on without: each way in which a server can fail to read or to write, and what is worth asking again.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { snapshotFile } from "../../src/archive/layout.ts";
import { cidFor } from "../../src/data/cid.ts";
import { DecampError } from "../../src/errors.ts";
import { archiveSource, liveSource } from "../../src/migration/account-source.ts";
import { takeBackArrived } from "../../src/migration/arrived.ts";
import { BlobFailures } from "../../src/migration/blob-failures.ts";
import type { Context } from "../../src/migration/context.ts";
import { bringPreferences } from "../../src/migration/steps/import-preferences.ts";
import { leftBehind } from "../../src/migration/left-out.ts";
import type { Pds } from "../../src/services/servers/pds.ts";
import { makeArchive, rewrite, write } from "../cli/support/archive.ts";
import { testRev } from "../repo/tools/account.ts";
import { at } from "../tools/plc.ts";

const { signal } = new AbortController();
const answered = (status: number, error?: string): DecampError =>
  new DecampError(error === undefined ? "bad-answer" : "server-refused", `The server answered ${status}.`, {
    data: { status, error },
  });
const unreachable = new DecampError("unreachable", "The server could not be reached.");

const list = [{ $type: "app.bsky.actor.defs#adultContentPref", enabled: true }];

/** A server that fails, or gives back what was written there. */
function server(
  fails: { read?: DecampError; readBack?: DecampError; write?: DecampError; forgets?: boolean },
  kept: readonly unknown[],
) {
  let held = kept;
  let read = fails.read;
  return {
    host: "pds.example",
    getPreferences: async () => (read === undefined ? Promise.resolve(held) : Promise.reject(read)),
    putPreferences: async (wanted: readonly unknown[]) => {
      read = fails.readBack ?? fails.read;
      held = fails.forgets === true ? held : wanted;
      return fails.write === undefined ? Promise.resolve() : Promise.reject(fails.write);
    },
  };
}

test.each([
  ["all goes well", {}, {}, undefined],
  ["the old server has no such method", { read: answered(501, "MethodNotImplemented") }, {}, false],
  ["the old server does not know the method", { read: answered(404, "XRPCNotSupported") }, {}, false],
  ["a gateway stands before the old server", { read: answered(502) }, {}, true],
  ["the old server breaks off", { read: unreachable }, {}, true],
  ["the new server has no such method", {}, { read: answered(501, "x"), write: answered(501, "x") }, false],
  ["the new server takes none", {}, { write: answered(400, "InvalidRequest") }, false],
  ["the new server takes no so large ones", {}, { write: answered(413) }, false],
  ["a gateway stands before the new server", {}, { write: answered(502) }, false],
  ["the new server breaks off", {}, { write: unreachable }, false],
  ["the new server forgets them", {}, { forgets: true }, false],
  ["the new server gives back something else once", {}, { readBack: answered(200) }, true],
  ["the new server takes them, and gives none back", {}, { readBack: answered(501, "x") }, false],
])("preferences where %s", async (_, source, target, again) => {
  const warnings: string[] = [];
  const context = {
    from: liveSource(server(source, list) as unknown as Pds),
    target: server(target, []),
    signal,
    identity: { did: "did:plc:x" },
    archive: "archive",
    hasSnapshot: true,
    snapshot: { snapshot: "3k", files: { "preferences.json": {} } },
    warn: (code: string, message: string) => warnings.push(`${code} ${message}`),
  } as unknown as Context;
  await bringPreferences(context);
  expect(context.preferencesLeft?.again).toBe(again);
  expect(context.preferences).toBe(again === undefined ? 1 : undefined);
  if (again !== undefined) {
    expect(context.preferencesLeft?.archived).toMatch(/preferences\.json$/);
  }
  // What is asked again is told only when that did not help either.
  expect(warnings).toHaveLength(again === false ? 1 : 0);
});

const details = (birthDate: string): object => ({ $type: "app.bsky.actor.defs#personalDetailsPref", birthDate });
const muted = (item: object): object => ({ $type: "app.bsky.actor.defs#mutedWordsPref", items: [item] });

test.each<[string, object[], object[], RegExp | undefined]>([
  ["writes a time anew", [details("1990-04-01T00:00:00.000Z")], [details("1990-04-01T00:00:00Z")], undefined],
  ["has another day", [details("1990-04-01T00:00:00Z")], [details("1990-04-02T00:00:00Z")], /the date of birth/],
  ["adds a default", [muted({ value: "x" })], [muted({ value: "x", actorTarget: "all" })], undefined],
  ["drops a field", [...list, muted({ id: "3k", value: "x" })], [...list, muted({ value: "x" })], /: muted words\./],
  [
    "has another order",
    [...list, details("1990-04-01T00:00:00Z")],
    [details("1990-04-01T00:00:00Z"), ...list],
    undefined,
  ],
  ["keeps what was there", list, [...list, details("1990-04-01T00:00:00Z")], /others beside them/],
  ["has one for two", [muted({ value: "x" }), muted({ value: "x" })], [muted({ value: "x" })], /muted words/],
])("preferences at a server that %s", async (_, ours, theirs, said) => {
  const warnings: string[] = [];
  const context = {
    from: liveSource(server({}, ours) as unknown as Pds),
    target: server({ forgets: true }, theirs),
    signal,
    identity: { did: "did:plc:x" },
    archive: "archive",
    warn: (_code: string, message: string) => warnings.push(message),
  } as unknown as Context;
  await bringPreferences(context);
  expect(warnings).toEqual(said === undefined ? [] : [expect.stringMatching(said)]);
});

test("what the old server does not give comes from the archive, and how old it is comes with it", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-preferences-"));
  const archive = makeArchive(folder);
  const file = write(snapshotFile(archive, testRev, "preferences"), JSON.stringify({ preferences: list }));
  const run = async (
    source: Parameters<typeof server>[0],
    target: ReturnType<typeof server>,
    before: Partial<Context> = {},
  ) => {
    const warnings: string[] = [];
    const context = {
      from: liveSource(server(source, []) as unknown as Pds),
      target,
      signal,
      archive,
      missingBlobs: [],
      notMoved: new Map(),
      warnings: [],
      warn: (code: string) => warnings.push(code),
      ...before,
    } as unknown as Context;
    rewrite(archive, testRev, (manifest) => {
      Object.assign(context, { identity: { did: manifest.did } });
      return { files: { ...manifest.files, "preferences.json": { ...file, private: true } } };
    });
    await bringPreferences(context);
    return { context, warnings };
  };
  const gone = { read: answered(404, "XRPCNotSupported") };
  const empty = server({}, []);
  const first = await run(gone, empty);
  expect(await empty.getPreferences()).toEqual(list);
  expect(first.context.preferences).toBe(1);
  expect(first.warnings).toEqual(["preferences-from-archive"]);
  expect(leftBehind(first.context)).toMatchObject({ preferencesFromArchive: { of: at(0) } });
  expect(leftBehind(first.context)).not.toHaveProperty("preferencesNotMoved");

  // What may still come is asked for again before anything is said; then it is, once.
  const flaky = { read: unreachable };
  const again = await run(flaky, empty);
  expect([again.context.preferencesLeft?.again, again.warnings]).toEqual([true, []]);
  const { preferencesLeft } = again.context;
  expect((await run(flaky, empty, { preferencesLeft })).warnings).toEqual(["preferences-from-archive"]);
  expect((await run({}, empty, { preferencesLeft })).context.preferencesLeft).toBeUndefined();

  // Once the account lives there, what it has there stays.
  const lived = server({}, [{ $type: "changed.there" }]);
  const after = await run(gone, lived, { switched: true });
  expect(await lived.getPreferences()).toEqual([{ $type: "changed.there" }]);
  expect(leftBehind(after.context)).toHaveProperty("preferencesNotMoved");

  // One that somebody has changed since is not taken.
  write(snapshotFile(archive, testRev, "preferences"), JSON.stringify({ preferences: [] }));
  expect(leftBehind((await run(gone, server({}, []))).context)).toHaveProperty("preferencesNotMoved");
  await rm(folder, { recursive: true });
});

test("a snapshot without preferences is restored with those of another one, and says so", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-preferences-"));
  const archive = makeArchive(folder);
  const told: string[] = [];
  let source = archiveSource(archive, { files: {} } as never, {
    key: () => Promise.reject(new Error("nothing is signed")) as never,
    now: () => 0,
    onOther: (of) => told.push(of),
  });
  expect(await source.preferences(signal)).toEqual([]);
  const file = write(snapshotFile(archive, testRev, "preferences"), JSON.stringify({ preferences: list }));
  rewrite(archive, testRev, (manifest) => {
    const bare = { ...manifest, snapshot: "3zzzzzzzzzzzz" };
    source = archiveSource(archive, bare, {
      key: () => undefined as never,
      now: () => 0,
      onOther: (of) => told.push(of),
    });
    return { files: { ...manifest.files, "preferences.json": { ...file, private: true } } };
  });
  expect(await source.preferences(signal)).toEqual(list);
  expect(told).toEqual([at(0)]);
  await rm(folder, { recursive: true });
});

test("a limit of the new server is not about preferences", async () => {
  const limited = new DecampError("rate-limited", "Later.");
  const context = {
    from: liveSource(server({}, list) as unknown as Pds),
    target: server({ write: limited }, []),
    signal,
  } as unknown as Context;
  await expect(bringPreferences(context)).rejects.toBe(limited);
});

function failures(reached: boolean): BlobFailures {
  const repoStatus = async () => (reached ? Promise.resolve(undefined) : Promise.reject(unreachable));
  return new BlobFailures({ target: { repoStatus }, identity: { did: "did:plc:x" } } as unknown as Context);
}
const blob = (cid: string) => ({ cid, size: 1, mimeType: "a/b" });
const failing = (reason: Error) => async (): Promise<void> => Promise.reject(reason);

test.each([
  ["is refused", answered(400, "InvalidRequest"), true, true],
  ["is too large for a proxy", answered(413), true, true],
  ["does not come back", new DecampError("refused", "x"), true, true],
  ["hangs while the server answers", unreachable, true, true],
  ["hangs with the server", unreachable, false, false],
  ["comes when the session is over", answered(401, "ExpiredToken"), true, false],
  ["is about the account", answered(400, "RepoTakendown"), true, false],
  ["comes too early", new DecampError("rate-limited", "x"), true, false],
  ["cannot be read from the disk", new DecampError("storage", "x"), true, false],
  ["is a bug", new TypeError("x"), true, false],
])("a blob that %s", async (_, error, reached, isItsOwn) => {
  const them = failures(reached);
  const attempt = them.attempt(blob("bafk"), signal, failing(error));
  await (isItsOwn ? expect(attempt).resolves.toBe(false) : expect(attempt).rejects.toBe(error));
  expect(them.all.size).toBe(isItsOwn ? 1 : 0);
});

test("where every blob fails, it is not about the blobs", async () => {
  const error = answered(403, "Forbidden");
  const [hopeless, hopeful] = [failures(true), failures(true)];
  await hopeful.attempt(blob("one"), signal, async () => Promise.resolve());
  for (let count = 1; count < 16; count += 1) {
    expect(await hopeless.attempt(blob(`x${count}`), signal, failing(error))).toBe(false);
    expect(await hopeful.attempt(blob(`x${count}`), signal, failing(error))).toBe(false);
  }
  await expect(hopeless.attempt(blob("last"), signal, failing(error))).rejects.toBe(error);
  expect(await hopeful.attempt(blob("last"), signal, failing(error))).toBe(false);
});

test("what was to be left behind and is there, is not: as its hash says, whatever else the server stumbles over", async () => {
  const names = ["missing, and there", "skipped, and there", "other bytes", "listed as missing", "not there"];
  const [there = "", skipped = "", wrong = "", listed = "", absent = ""] = names.map((name) =>
    cidFor("raw", Buffer.from(name)),
  );
  const stumbling = Array.from({ length: 20 }, (_, index) => cidFor("raw", Buffer.from(`stumble ${index}`)));
  const held = new Map([
    [there, "missing, and there"],
    [skipped, "skipped, and there"],
    [wrong, "bytes other"],
    [listed, "listed as missing"],
  ]);
  const skips = [skipped, wrong, listed, ...stumbling].map((cid) => ({ cid, size: held.get(cid)?.length ?? 1 }));
  const context = (down: boolean): Context =>
    ({
      uploads: 2,
      signal,
      identity: { did: "did:plc:x" },
      // The size that a record tells is not true.
      missingBlobs: [there, absent].map((cid) => ({ cid, reason: "not found", records: ["a.b.c/d"], size: 1 })),
      notMoved: new Map(skips.map((one) => [one.cid, { ...one, reason: "x", records: ["a.b.c/d"], archived: true }])),
      target: {
        repoStatus: async () => (down ? Promise.reject(unreachable) : Promise.resolve(undefined)),
        getBlob: async (_: string, cid: string) => {
          const text = held.get(cid);
          if (down || text === undefined) {
            const error = stumbling.includes(cid) ? answered(500) : answered(400, "BlobNotFound");
            return Promise.reject(down ? unreachable : error);
          }
          return Promise.resolve({ bytes: [Buffer.from(text)] });
        },
      },
    }) as unknown as Context;
  const up = context(false);
  expect([...(await takeBackArrived(up, new Set([listed])))].sort()).toEqual([there, skipped].sort());
  expect(up.missingBlobs.map(({ cid }) => cid)).toEqual([absent]);
  expect([...up.notMoved.keys()]).toEqual([wrong, listed, ...stumbling]);

  const away = context(true);
  await expect(takeBackArrived(away, new Set())).rejects.toMatchObject({ code: "unreachable" });
  expect(away.missingBlobs).toHaveLength(2);
});
