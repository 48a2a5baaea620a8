/** What a restore says, asks and refuses before it changes anything. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { snapshotFile } from "../../src/archive/layout.ts";
import { readManifests } from "../../src/archive/manifest.ts";
import { defaultBudgets } from "../../src/data/budgets.ts";
import { CidLink } from "../../src/data/cid.ts";
import { recordsLines } from "../../src/cli/talk/reporters/lines.ts";
import { DecampError } from "../../src/errors.ts";
import { requireReplaceable } from "../../src/migration/checks/target-repo.ts";
import type { Answers } from "../../src/migration/answers.ts";
import type { Context } from "../../src/migration/context.ts";
import type { MigrationEvent, ShownChanges } from "../../src/migration/events.ts";
import { handleDomains, warnOfHandle } from "../../src/migration/restore/handle-domains.ts";
import { restore } from "../../src/migration/restore/run.ts";
import { forever } from "../account/support.ts";
import { account, key, write } from "../cli/support/archive.ts";
import { special } from "../cli/support/car.ts";
import { makeAccount, testNow, tid } from "../repo/tools/account.ts";
import { makeCar, makeCommit } from "../repo/tools/build.ts";
import { operation, servedAt, signed, testCid, type Json } from "../tools/plc.ts";
import { asked, did, genesis, late, prepareWorld, server, swap, target, user, withKey } from "./restore-world.ts";

const world = prepareWorld();
const folder = await mkdtemp(path.join(tmpdir(), "decamp-before-"));
afterAll(async () => rm(folder, { recursive: true }));

/** Runs one that cannot come as far as the identity. @returns its error and what it said */
async function run(
  operations: Json[],
  more: object = {},
  given: { nullified?: readonly number[]; answers?: Answers } = {},
): Promise<{ error: DecampError; said: MigrationEvent[] }> {
  const { services, sent } = world.with(operations, given);
  const { answers = asked } = given;
  const said: MigrationEvent[] = [];
  const error = await restore(
    { ...world.options, ...more },
    services,
    answers,
    (event) => said.push(event),
    forever,
  ).catch((thrown: unknown) => thrown);
  expect(sent).toEqual([]);
  expect(error).toBeInstanceOf(DecampError);
  return { error: error as DecampError, said };
}

const warning = (said: readonly MigrationEvent[], code: string): string | undefined =>
  said.flatMap((event) => (event.type === "warning" && event.code === code ? [event.message] : []))[0];

const post = (text: string) => ({ $type: "app.bsky.feed.post", text });
const post1 = `app.bsky.feed.post/${tid(testNow * 1000 + 5)}`;
/** As the archive, but one record more, one changed, one less. */
const [profile, note] = special.map(({ key: at }) => at);
const newer = await makeAccount({
  did,
  records: [
    ...special.slice(2),
    { key: note ?? "", value: { $type: "app.example.note", text: "another note" } },
    { key: post1, value: post("written since by somebody") },
  ],
});
const newerRev = tid(testNow * 1000 + 10);
const commit = await makeCommit(
  { did, version: 3, data: new CidLink(newer.data), rev: newerRev, prev: null },
  { didKey: key.did, sign: (bytes) => key.sign(bytes) },
);
const newerCar = makeCar(commit.cid, [commit, ...newer.blocks.slice(1)]);

test("what a home has that is newer is shown record by record, before anybody chooses", async () => {
  const status = { status: 200, did, active: true, rev: newerRev };
  world.said.set("com.atproto.sync.getRepoStatus", status);
  world.said.set("com.atproto.sync.getLatestCommit", { status: 200, cid: commit.cid, rev: newerRev });
  world.said.set("com.atproto.sync.getBlocks", { status: 200, car: newerCar });
  world.said.set("com.atproto.sync.getRepo", { status: 200, car: newerCar });
  const { error, said } = await run([genesis, withKey]);
  expect(error).toMatchObject({ code: "refused", data: { reason: "home-lives" } });
  expect(said.find(({ type }) => type === "records")).toMatchObject({
    purpose: "newer",
    added: 1,
    changed: 1,
    removed: 1,
    records: [
      { kind: "removed", path: profile, words: "Alice\u202e" },
      { kind: "added", path: post1, words: "written since by somebody" },
      { kind: "changed", path: note, words: "another note" },
    ],
  });
  expect(warning(said, "archive-age")).toMatch(/ old\. What came after that is not in it\.$/);
});

test("a stale archive says how old it is, its newest record, and which source has something newer", async () => {
  const at = `app.bsky.feed.post/${tid(testNow * 1000 + 1)}`;
  const later = `app.bsky.feed.post/${tid(testNow * 1000 + 99)}`;
  const there = await makeAccount({
    did,
    records: [
      { key: at, value: post("the last words") },
      // Named by a time after the revision: nobody knows when that was.
      { key: later, value: post("from the future") },
      ...special,
    ],
  });
  const rev = tid(testNow * 1000 + 2);
  const signedHere = await makeCommit(
    { did, version: 3, data: new CidLink(there.data), rev, prev: null },
    { didKey: key.did, sign: (bytes) => key.sign(bytes) },
  );
  const { archive } = world.options;
  const car = makeCar(signedHere.cid, [signedHere, ...there.blocks.slice(1)]);
  const file = write(snapshotFile(archive, rev, "repo"), car);
  const [first] = await readManifests(archive);
  const manifest = { ...first, snapshot: rev, rev, commit: signedHere.cid, data: there.data, records: 5 };
  write(
    snapshotFile(archive, rev, "manifest"),
    JSON.stringify({ ...manifest, files: { "repo.car": file }, createdAt: "2026-01-01T12:00:00.000Z" }),
  );
  const { said } = await run([genesis, withKey]);
  expect(warning(said, "archive-age")).toBe(
    `The archive is of 2026-01-01T12:00:00.000Z, 4 days old. Its newest record is ${at}, of 2026-03-01T00:00:00.000Z (“the last words”). What came after that is not in it.`,
  );
  expect(warning(said, "newer-elsewhere")).toBeUndefined();

  const justNow = new Date(testNow - 60_000).toISOString();
  write(
    snapshotFile(archive, rev, "manifest"),
    JSON.stringify({ ...manifest, files: { "repo.car": file }, createdAt: justNow }),
  );
  expect(warning((await run([genesis, withKey])).said, "archive-age")).toContain(`${justNow}, less than an hour old. `);

  const older = path.join(archive, "snapshots", first?.snapshot ?? "");
  const stale = await run([genesis, withKey], { archive: older });
  const elsewhere = /has something newer.* new there: 2; changed: 0; gone: 0\./;
  expect(warning(stale.said, "newer-elsewhere")).toMatch(elsewhere);
});

test("a source that is neither a folder nor an address says both ways", async () => {
  const { error } = await run([genesis, withKey], { also: ["example.org"] });
  expect(error).toMatchObject({
    code: "unreadable-file",
    message: "--also example.org: there is no such folder.",
    hint: expect.stringContaining("If it is a server, give its whole address: --also https://example.org") as string,
  });
});

test("a copy is replaced only once what would change is shown, and a person has said yes", async () => {
  const said: unknown[] = [];
  const context = (more: object): Context =>
    ({
      target: {
        host: "new.example.com",
        accountStatus: async () => Promise.resolve({ activated: false, records: 3, repoCommit: commit.cid }),
        getRepo: async () => Promise.resolve({ bytes: [newerCar] }),
        repoStatus: async () => Promise.resolve({ active: false, status: "deactivated" }),
        latestCommit: async () => Promise.resolve({ cid: commit.cid }),
        getBlocks: async () => Promise.resolve({ bytes: [newerCar] }),
        limits: defaultBudgets,
      },
      identity: { did },
      snapshot: { snapshot: "before", rev: tid(testNow * 1000), commit: "another", files: {} },
      archive: folder,
      options: {},
      from: { name: "the archive" },
      restoring: {},
      answers: {},
      signal: forever,
      report: (event: MigrationEvent) => said.push(event),
      warn: (code: string) => said.push(code),
      ...more,
    }) as unknown as Context;
  const before = await makeCommit(
    { did, version: 3, data: new CidLink(account.data), rev: tid(testNow * 1000), prev: null },
    { didKey: key.did, sign: (bytes) => key.sign(bytes) },
  );
  write(snapshotFile(folder, "before", "repo"), makeCar(before.cid, [before, ...account.blocks.slice(1)]));
  const shown = {
    type: "records",
    purpose: "replace",
    host: "new.example.com",
    added: 1,
    changed: 1,
    removed: 1,
    records: [
      { kind: "added", path: profile, words: "Alice\u202e" },
      { kind: "removed", path: post1, words: "written since by somebody" },
      // Quoted as it is there: that is what would be lost.
      { kind: "changed", path: note, words: "another note" },
    ],
  };
  await expect(requireReplaceable(context({}))).rejects.toMatchObject({ code: "target-in-use" });
  expect(said.splice(0)).toEqual([shown]);
  const no = { confirmReplacement: async () => Promise.reject(new DecampError("interrupted", "No.")) };
  const asking = context({ options: { replaceCopy: true }, answers: no });
  await expect(requireReplaceable(asking)).rejects.toMatchObject({ code: "interrupted" });
  expect(said.splice(0)).toEqual([shown]);
  await requireReplaceable(context({ options: { replaceCopy: true } }));
  expect(said).toEqual([shown, "copy-replaced"]);

  // Also where the archive has it, too: an older snapshot takes it away there all the same.
  const [other] = await readManifests(world.options.archive);
  const known = { ...other, snapshot: newerRev, rev: newerRev, commit: commit.cid };
  write(snapshotFile(folder, newerRev, "manifest"), JSON.stringify(known));
  write(snapshotFile(folder, newerRev, "repo"), newerCar);
  await expect(requireReplaceable(context({}))).rejects.toMatchObject({ code: "target-in-use" });
  await requireReplaceable(context({ restoring: undefined }));

  const many = {
    ...shown,
    removed: 3000,
    records: Array.from({ length: 1000 }, (_, at) => ({ kind: "removed", path: `a.b.c/${at}` })),
  };
  const lines = recordsLines(many as unknown as ShownChanges).map((line) => JSON.stringify(line));
  expect(lines.filter((line) => line.includes("- a.b.c/"))).toHaveLength(20);
  expect(lines.join()).toContain("and 2,980 more");
});

test("a key that a server has put there below the user's is decided by name", async () => {
  const content = { verificationMethods: { atproto: server.did } };
  const planted = await signed(
    operation(testCid(withKey), { ...content, rotationKeys: [user.did, server.did, late.did] }),
    server,
  );
  const { error } = await run([genesis, withKey, planted]);
  expect(error).toMatchObject({ code: "refused", data: { reason: "keys-in-doubt", rotationKeys: [late.did] } });
  for (const flags of [{ dropKeys: [late.did] }, { acceptKeys: [late.did] }]) {
    expect((await run([genesis, withKey, planted], flags)).error.code).toBe("input-needed");
  }
});

/** An operation after another one, signed by a key. */
const after = async (before: Json, content: object, by: typeof user): Promise<Json> =>
  signed(operation(testCid(before), { verificationMethods: { atproto: server.did }, ...content }), by);

test("where a key above has taken a finished restore back, that is said, and what can be done", async () => {
  const below = await after(genesis, { rotationKeys: [server.did, user.did] }, server);
  const [first, last] = [below, await after(below, { rotationKeys: [server.did, user.did] }, user)];
  const there = servedAt(target);
  const arrived = await after(last, { rotationKeys: [user.did], ...there }, user);
  const back = await after(first, { rotationKeys: [server.did, user.did] }, server);
  world.said.set("com.atproto.sync.getRepoStatus", { status: 200, did, active: true });
  const lost = { homeIsLost: true };
  const { error } = await run([genesis, below, last, arrived, back], lost, { nullified: [2, 3] });
  expect(error).toMatchObject({
    code: "refused",
    data: {
      reason: "taken-back",
      nullified: testCid(arrived),
      operation: testCid(back),
      signer: server.did,
      undoKeys: [],
      next: ["plc", "history", did],
    },
  });
  // Nothing of the kind: the account is in use there.
  expect((await run([genesis, below], lost)).error.code).toBe("target-in-use");

  const above = await after(genesis, { rotationKeys: [late.did, server.did, user.did] }, server);
  const moved = await after(above, { rotationKeys: [late.did, user.did], ...there }, user);
  const seized = await after(above, { rotationKeys: [late.did, server.did] }, server);
  const told = await run([genesis, above, moved, seized], lost, { nullified: [2] });
  expect(told.error.data).toMatchObject({
    undoKeys: [late.did],
    next: ["plc", "recover", did, "--operation", testCid(seized)],
  });
});

test("a key below the server's is warned of, and what that means", async () => {
  const below = await after(genesis, { rotationKeys: [server.did, user.did] }, server);
  const { said } = await run([genesis, below]);
  expect(warning(said, "server-can-undo")).toContain(server.did);
});

test("as many operations have to be left in the hour as are still needed", async () => {
  const chain: Json[] = [genesis, withKey];
  for (let count = 0; count < 6; count += 1) {
    chain.push(await after(chain.at(-1)!, { rotationKeys: [user.did, server.did] }, user));
  }
  expect((await run(chain)).error).toMatchObject({ code: "rate-limited", data: { left: 2 } });
  expect((await run(chain.slice(0, 6))).error.code).toBe("input-needed");
  // With the temporary key in the identity one is left to be made.
  await world.begun();
  const swapped = await swap(chain.at(-1)!);
  const failing = { ...asked, rotationKey: async () => Promise.reject(new DecampError("key-unusable", "No.")) };
  const going = await run([...chain, swapped], {}, { answers: failing });
  expect(going.error.code).toBe("key-unusable");
});

const keyOf =
  (by: typeof user): NonNullable<Answers["keyAtHand"]> =>
  async () =>
    Promise.resolve({ didKey: by.did, sign: async (data: Uint8Array) => by.sign(data) });

const nobodyAsked = async (): Promise<never> => Promise.reject(new Error("a dry run asks nobody"));

/** A dry run. @returns which warnings it gave, and its plan */
const dryRun = async (more: Partial<Answers>): Promise<{ warnings: string[]; plan: unknown }> => {
  const { services } = world.with([genesis, withKey]);
  const said: MigrationEvent[] = [];
  const options = { ...world.options, dryRun: true };
  await restore(
    options,
    services,
    { ...asked, rotationKey: nobodyAsked, ...more },
    (event) => said.push(event),
    forever,
  );
  return {
    warnings: said.flatMap((event) => (event.type === "warning" ? [event.code] : [])),
    plan: said.flatMap((event) => (event.type === "plan" ? [event.plan] : []))[0],
  };
};

test("a dry run tries the key that is at hand, and else says that it did not", async () => {
  const tried = await dryRun({ keyAtHand: keyOf(user) });
  expect(tried.plan).toMatchObject({ rotationKey: user.did });
  expect(tried.warnings).not.toContain("key-not-tried");
  const untried = await dryRun({});
  expect(untried.plan).not.toHaveProperty("rotationKey");
  expect(untried.warnings).toContain("key-not-tried");
  await expect(dryRun({ keyAtHand: keyOf(late) })).rejects.toMatchObject({ data: { reason: "key-without-power" } });
});

/** An account of this handle at a home that does not answer; these servers say which names they give out. */
const homeless = (handle: string, hostname: string, says: Record<string, readonly string[]>): Context =>
  ({
    identity: { handle },
    source: { origin: `https://${hostname}` },
    where: { source: { state: "absent" } },
    targetDescription: { availableUserDomains: [".new.example.com"] },
    signal: forever,
    services: {
      openPds: (origin: string) => ({
        describe: async () =>
          says[origin] === undefined
            ? Promise.reject(new DecampError("unreachable", "It does not answer."))
            : Promise.resolve({ availableUserDomains: says[origin] }),
      }),
    },
  }) as unknown as Context;

test("a handle of the old server is not kept: the plan says that it stops working", async () => {
  const given = {
    "https://names.example.net": [".names.example.net"],
    "https://new.example.com": [".new.example.com"],
  };
  const cases: [handle: string, hostname: string, isGiven: boolean][] = [
    ["alice.pds.example.com", "pds.example.com", true],
    ["alice.bsky.social", "oyster.us-east.host.bsky.network", true],
    ["alice.names.example.net", "pds.example.com", true],
    ["alice.example.org", "pds.example.com", false],
    ["alice.new.example.com", "new.example.com", false],
  ];
  for (const [handle, hostname, isGiven] of cases) {
    const domains = await handleDomains(homeless(handle, hostname, given));
    expect([handle, domains.some((domain) => handle.endsWith(domain))]).toEqual([handle, isGiven]);
    const warnings: string[] = [];
    const warn = (code: string): number => warnings.push(code);
    warnOfHandle({ identity: { handle }, warn } as unknown as Context, domains);
    expect(warnings).toEqual(isGiven ? ["handle-of-old-server"] : []);
  }
});
