/** Moves and restores of a did:web, where no real server is needed: a host in memory, and a server that says little. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { webIdentityOf } from "../../src/account/web/any-identity.ts";
import { snapshotFile } from "../../src/archive/layout.ts";
import { parseDidDocument } from "../../src/identity/did-document.ts";
import { editDocument } from "../../src/identity/web-document.ts";
import type { Answers } from "../../src/migration/answers.ts";
import { cancelMigration } from "../../src/migration/cancel.ts";
import { Context, type MigrationServices } from "../../src/migration/context.ts";
import type { MigrationEvent } from "../../src/migration/events.ts";
import { findJournal, openJournal, temporaryKeyFile, type JournalEntry } from "../../src/migration/journal.ts";
import type { MigrateOptions } from "../../src/migration/options.ts";
import { cancelRestore } from "../../src/migration/restore/cancel.ts";
import { asMove, type RestoreOptions } from "../../src/migration/restore/restore-options.ts";
import { restore } from "../../src/migration/restore/run.ts";
import { migrate } from "../../src/migration/run.ts";
import { migrationStatus } from "../../src/migration/status.ts";
import { publish } from "../../src/migration/web/publish.ts";
import { recall } from "../../src/migration/web/recall.ts";
import { openServices } from "../../src/services/open.ts";
import { forever } from "../account/support.ts";
import { key as archived, makeArchive } from "../cli/support/archive.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { testRev } from "../repo/tools/account.ts";
import { testKey } from "../tools/plc.ts";
import { restoreOptions } from "./restore-world.ts";

const did = "did:web:alice.example.com";
const [old, next, temporary, other] = await Promise.all(
  ["old", "next", "temporary", "other"].map(async (name) => testKey(name)),
);
if (old === undefined || next === undefined || temporary === undefined || other === undefined) {
  throw new Error("four names are four keys");
}
/** The origins of two scripted servers. */
let source = "";
let target = "";
const documentOf = (key: { did: string }, pds = source): Record<string, unknown> => ({
  id: did,
  alsoKnownAs: ["at://alice.example.com"],
  verificationMethod: [
    { id: "#atproto", type: "Multikey", controller: did, publicKeyMultibase: key.did.slice("did:key:".length) },
  ],
  service: [{ id: "#atproto_pds", type: "AtprotoPersonalDataServer", serviceEndpoint: pds }],
});
const toTarget = () => ({ signingKey: next.did, pds: target, handle: "alice.example.com" });

/** What both servers say of the account: active at the old one, unless a test says otherwise. */
const states = new Map<string, object>();
let servers: readonly ScriptedServer[];
let folder = "";
let options: RestoreOptions;
let live: unknown;
/** What happens while the document is waited for. */
let meanwhile: () => void;
let events: MigrationEvent[];

beforeAll(async () => {
  servers = await Promise.all(
    ["old", "new"].map(async (name) =>
      scriptedServer(({ url = "" }, response) => {
        const state = url.startsWith("/xrpc/com.atproto.sync.getRepoStatus") ? states.get(name) : undefined;
        sendJson(response, state === undefined ? 400 : 200, state ?? { error: "RepoNotFound", message: "no repo" });
      }),
    ),
  );
  [source = "", target = ""] = servers.map(({ origin }) => origin);
  folder = await mkdtemp(path.join(tmpdir(), "decamp-web-"));
});
afterAll(async () => {
  await Promise.all(servers.map(async (server) => server[Symbol.asyncDispose]()));
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  states.clear();
  states.set("old", { did, active: true });
  events = [];
  live = documentOf(old);
  meanwhile = () => undefined;
  const archive = makeArchive(folder, (manifest) => ({ ...manifest, did }));
  await writeFile(snapshotFile(archive, testRev, "document"), JSON.stringify(documentOf(archived)));
  options = await restoreOptions(archive, target, folder);
});

function services(): MigrationServices {
  let time = Date.UTC(2026, 0, 6);
  const open = openServices({ allowPrivateHosts: true, stateDir: options.stateDir });
  return {
    ...open,
    webDocument: async () => Promise.resolve(live),
    now: () => time,
    sleep: async (milliseconds) => {
      time += milliseconds;
      meanwhile();
      return Promise.resolve();
    },
  };
}

const answers = {
  canAskAgain: false,
  hasPlcToken: false,
  confirmIdentityChange: async () => Promise.resolve(),
} as unknown as Answers;

const move = (): MigrateOptions => asMove(options, options.archive, did);

async function journalOf(...entries: JournalEntry[]): Promise<void> {
  const journal = await openJournal(options.stateDir, did, target);
  const begin = {
    type: "begin",
    did,
    handle: "alice.example.com",
    source,
    target,
    at: "2026-01-05T12:00:00Z",
  } as const;
  await journal.append({
    ...begin,
    ...(entries.some(({ type }) => type === "temporary-key") ? { restore: true } : {}),
  });
  for (const entry of entries) {
    await journal.append(entry);
  }
  await journal.close();
}

async function context(more: Partial<Answers> = {}): Promise<Context> {
  const made = new Context({
    options: move(),
    services: services(),
    answers: { ...answers, ...more },
    report: (event) => void events.push(event),
    signal: forever,
    targetOrigin: target,
  });
  made.identity = await recall(webIdentityOf(parseDidDocument(live, did)), options.stateDir);
  await journalOf();
  made.journal = await openJournal(options.stateDir, did, target);
  return made;
}

test("the document is confirmed, written, and waited for; what it replaces is kept", async () => {
  const written = async (): Promise<string[]> => readdir(path.join(options.stateDir, "migrations"));
  const told: string[] = [];
  const at = await context({
    confirmIdentityChange: async ({ document, differences }) => {
      told.push(`${document?.url ?? ""}: ${differences.map(({ field }) => field).join(" ")}`);
      expect(await written()).not.toContain("did-web-alice.example.com-document");
    },
  });
  meanwhile = () => (live = editDocument(documentOf(old), did, toTarget()));
  const document = await publish(at, toTarget());
  expect(document).toMatchObject({ signingKey: next.did, pds: target });
  expect(told).toEqual([
    "https://alice.example.com/.well-known/did.json: verificationMethod[0].publicKeyMultibase service[0].serviceEndpoint",
  ]);
  const event = events.find(({ type }) => type === "document") as MigrationEvent & { type: "document" };
  expect(event.until).toBe("2026-01-06T00:30:00.000Z");
  expect(JSON.parse(await readFile(event.file, "utf8"))).toEqual(live);
  expect(JSON.parse(await readFile(event.kept, "utf8"))).toEqual(documentOf(old));
  expect(at.switched).toBe(true);
  await at.journal.close();
  const { document: noted } = (await findJournal(options.stateDir, did, target)) ?? {};
  expect(noted).toEqual({ signingKey: next.did, pds: target, file: event.file, kept: event.kept });

  // Published already: nobody is asked, and nothing is written.
  events = [];
  const again = await context({ confirmIdentityChange: async () => Promise.reject(new Error("it was confirmed")) });
  await publish(again, toTarget());
  expect(events).toEqual([]);
  await again.journal.close();
});

test("a file that is there and says something else is not lost", async () => {
  const at = await context();
  const place = path.join(options.stateDir, "migrations", "did-web-alice.example.com-document");
  meanwhile = () => (live = editDocument(documentOf(old), did, toTarget()));
  await publish(at, toTarget());
  await writeFile(path.join(place, "did.json"), "mine");
  live = documentOf(other);
  meanwhile = () => (live = editDocument(documentOf(other), did, toTarget()));
  const later = await context();
  await publish(later, toTarget());
  await Promise.all([at.journal.close(), later.journal.close()]);
  const files = await readdir(place);
  expect(files).toHaveLength(4);
  const texts = await Promise.all(files.map(async (file) => readFile(path.join(place, file), "utf8")));
  expect(texts.filter((text) => text === "mine")).toHaveLength(1);
  expect(texts.filter((text) => text.includes(old.did.slice("did:key:".length)))).toHaveLength(1);
});

test("a document that names the new server with another key stops it, and the identity is known to be changed", async () => {
  const at = await context();
  meanwhile = () => (live = documentOf(other, target));
  await expect(publish(at, toTarget())).rejects.toMatchObject({
    code: "refused",
    data: { reason: "document-changed", fields: ["#atproto"] },
  });
  expect(at.switched).toBe(true);
  await at.journal.close();
});

test("a document that names a third server by now is not written over", async () => {
  const at = await context({ confirmIdentityChange: async () => Promise.reject(new Error("it was confirmed")) });
  live = documentOf(other, "https://third.example.com");
  await expect(publish(at, toTarget())).rejects.toMatchObject({ code: "refused", data: { reason: "home-changed" } });
  await at.journal.close();
});

test("one that is not confirmed is not written", async () => {
  const at = await context({ confirmIdentityChange: async () => Promise.reject(new Error("no")) });
  await expect(publish(at, toTarget())).rejects.toThrow("no");
  await at.journal.close();
  expect(await readdir(path.join(options.stateDir, "migrations"))).toHaveLength(1);
});

const report = (event: MigrationEvent): void => void events.push(event);

test.each<[string, Partial<MigrateOptions>, Partial<Answers>, string]>([
  ["a rotation key", {}, { rotationKey: async () => Promise.reject(new Error("opened")) }, "a rotation key"],
  ["a code", {}, { hasPlcToken: true }, "a code that confirms a PLC operation"],
  ["a key to be put first", { addRecoveryKey: true }, {}, "--recovery-key"],
  ["a key that may stay", { acceptKeys: [other.did] }, {}, "--accept-key"],
])("what only a did:plc has is refused: %s", async (_, wishes, given, named) => {
  const asked = servers.map(({ requests }) => requests.length);
  const moving = migrate({ ...move(), ...wishes }, services(), { ...answers, ...given }, report, forever);
  await expect(moving).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining(`${did} is a did:web: ${named} has no meaning for it`) as string,
  });
  const restoring = restore({ ...options, namesKey: true }, services(), answers, report, forever);
  await expect(restoring).rejects.toMatchObject({ code: "usage" });
  expect(servers.map(({ requests }) => requests.length)).toEqual(asked);
});

test("where the document names the new server, somebody has to say which was the old one", async () => {
  live = documentOf(next, target);
  const moving = migrate(move(), services(), answers, report, forever);
  await expect(moving).rejects.toMatchObject({
    code: "same-server",
    hint: expect.stringContaining("--from") as string,
  });
});

const silent = { ...answers, targetPassword: async () => Promise.reject(new Error("a password")) };

async function cancel(): Promise<unknown> {
  return cancelMigration(move(), services(), silent, report, forever);
}

test("a copy is deleted only where this machine knows that a move has made it", async () => {
  states.set("new", { did, active: false, status: "deactivated" });
  await journalOf();
  await expect(cancel()).rejects.toMatchObject({
    code: "refused",
    message: expect.stringContaining("A did:web keeps no past") as string,
    data: { reason: "lived-there" },
  });
  await journalOf({ type: "made" });
  await expect(cancel()).rejects.toThrow("a password");
  await journalOf({ type: "made" }, { type: "published" });
  await expect(cancel()).rejects.toMatchObject({
    code: "refused",
    message: expect.stringContaining("The account has lived at") as string,
  });
});

test("status says what is known, and which document waits to be published", async () => {
  states.set("new", { did, active: false, status: "deactivated" });
  await journalOf(
    { type: "made" },
    { type: "document", ...toTarget(), file: "/state/did.json", kept: "/state/before.json" },
    // It was published with a mistake in it: the one before the move is still the first.
    { type: "document", ...toTarget(), file: "/state/did.json", kept: "/state/mistake.json" },
  );
  const question = { account: did, stateDir: options.stateDir, allowPrivateHosts: true };
  expect(await migrationStatus(question, services(), forever)).toMatchObject({
    livesAt: source,
    moves: [
      {
        state: "begun",
        reversible: true,
        document: { file: "/state/did.json", kept: "/state/before.json" },
        isHistory: false,
      },
    ],
  });
  live = documentOf(next, target);
  expect(await migrationStatus(question, services(), forever)).toMatchObject({
    livesAt: target,
    dark: true,
    moves: [{ source: { url: source }, state: "switched", next: ["migrate", did, "--from", source, "--to", target] }],
  });
});

test("an archive that only vouches for itself is told", async () => {
  live = documentOf(other);
  await expect(restore(options, services(), answers, report, forever)).rejects.toThrow();
  expect(events.flatMap((event) => (event.type === "warning" ? [event.code] : []))).toEqual(["archive-key-remembered"]);
  events = [];
  await journalOf({ type: "signing-key", key: archived.did });
  await expect(restore(options, services(), answers, report, forever)).rejects.toThrow();
  expect(events.filter(({ type }) => type === "warning")).toEqual([]);
});

test("restore cancel has the document with the old key published again, and forgets the temporary one", async () => {
  await journalOf({ type: "signing-key", key: old.did }, { type: "temporary-key", key: temporary.did });
  await writeFile(await temporaryKeyFile(options.stateDir, did), "a key");
  live = documentOf(temporary);
  meanwhile = () => (live = documentOf(old));
  const purposes: (string | undefined)[] = [];
  const confirmIdentityChange: Answers["confirmIdentityChange"] = async ({ purpose }) =>
    Promise.resolve(void purposes.push(purpose));
  const cancelled = await cancelRestore(options, services(), { ...answers, confirmIdentityChange }, report, forever);
  expect(purposes).toEqual(["old-signing-key"]);
  expect(cancelled).toMatchObject({ targetAccount: "absent" });
  expect(JSON.parse(await readFile(cancelled.document?.file ?? "", "utf8"))).toEqual(documentOf(old));
  expect(await findJournal(options.stateDir, did, target)).toBeUndefined();
  expect(await readdir(path.join(options.stateDir, "migrations"))).not.toContainEqual(expect.stringMatching(/\.age$/));
});
