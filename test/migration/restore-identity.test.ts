/** What a restore, and taking it back, do to the identity: a directory in memory, and a server without the account. */
import { access, appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { blobFile } from "../../src/archive/layout.ts";
import { cancelMigration } from "../../src/migration/cancel.ts";
import type { Answers } from "../../src/migration/answers.ts";
import type { MigrationServices } from "../../src/migration/context.ts";
import { findJournal, openJournal, temporaryKeyFile } from "../../src/migration/journal.ts";
import { restore } from "../../src/migration/restore/run.ts";
import { cancelRestore } from "../../src/migration/restore/cancel.ts";
import { asMove, type RestoreOptions } from "../../src/migration/restore/restore-options.ts";
import { DecampError } from "../../src/errors.ts";
import { makePrivateKey } from "../../src/identity/private-key.ts";
import { openServices } from "../../src/services/open.ts";
import { forever, logServices } from "../account/support.ts";
import { did, key as server, makeArchive } from "../cli/support/archive.ts";
import { picture } from "../cli/support/car.ts";
import { documentOf } from "../cli/support/directory.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { at, auditLog, operation, signed, testCid, testKey, type Content, type Json } from "../tools/plc.ts";

const [user, temporary, forgotten] = await Promise.all(["user", "temporary", "forgotten"].map(async (n) => testKey(n)));
if (user === undefined || temporary === undefined || forgotten === undefined) {
  throw new Error("three names are three keys");
}
const genesis = await signed(
  operation(null, { rotationKeys: [server.did], verificationMethods: { atproto: server.did } }),
  server,
);
const both = { rotationKeys: [user.did, server.did] };
const withKey = await signed(
  operation(testCid(genesis), { ...both, verificationMethods: { atproto: server.did } }),
  server,
);
const swap = async (before: Json, to = temporary): Promise<Json> =>
  signed(operation(testCid(before), { ...both, verificationMethods: { atproto: to.did } }), user);

const target = "https://new.example.com";
/** What the servers answer in place of `notFound`, by method. */
const said = new Map<string, { status: number; [field: string]: unknown }>();
const notFound = { status: 400, error: "RepoNotFound", message: `Could not find repo for DID: ${did}` };
let silent: ScriptedServer;
let folder = "";
let options: RestoreOptions;

beforeAll(async () => {
  silent = await scriptedServer((request, response) => {
    const [, method = ""] = /^\/xrpc\/([\w.]+)/.exec(request.url ?? "") ?? [];
    const { status, ...answer } = said.get(method) ?? notFound;
    sendJson(response, status, answer);
  });
  folder = await mkdtemp(path.join(tmpdir(), "decamp-cancel-"));
});
afterAll(async () => {
  await silent[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  said.clear();
  const description = {
    did: `did:web:${new URL(silent.origin).host.replace(":", "%3A")}`,
    availableUserDomains: [".new.example.com"],
  };
  said.set("com.atproto.server.describeServer", { status: 200, ...description });
  options = {
    archive: makeArchive(folder),
    to: target,
    homeIsLost: false,
    replaceNewer: false,
    dryRun: false,
    stateDir: await mkdtemp(path.join(folder, "state-")),
    allowPrivateHosts: true,
    chunkedImport: false,
    allowMissingBlobs: false,
    acceptFutureRev: true,
  };
});

/** The services, and every operation that the directory got. */
function world(operations: Json[]): { services: MigrationServices; sent: Content[] } {
  const sent: Content[] = [];
  const open = openServices({ allowPrivateHosts: true, stateDir: options.stateDir });
  const { services } = logServices([]);
  const times = [...operations, {}, {}].map((_, index) => index * 60_000);
  const all = (): Json[] => [...operations, ...sent];
  return {
    sent,
    services: {
      ...open,
      ...services,
      openPds: () => open.openPds(silent.origin),
      now: () => Date.parse(at(600_000)),
      directory: {
        ...services.directory,
        auditLog: async () => Promise.resolve(auditLog(all(), { times: times.slice(0, all().length) })),
        document: async () => Promise.resolve(documentOf(did, all().at(-1) as Content)),
        submit: async (_did, made) => Promise.resolve(void sent.push(made as Content)),
      },
    },
  };
}

const answers = {
  canAskAgain: false,
  rotationKey: async () => Promise.resolve({ didKey: user.did, sign: async (data: Uint8Array) => user.sign(data) }),
  confirmIdentityChange: async () => Promise.resolve(),
  deletionCode: async () => Promise.reject(new Error("there is nothing to delete")),
} as unknown as Answers;

/** A journal as a restore leaves it that has put its key into the identity, and the file with that key. */
async function begun(): Promise<void> {
  const journal = await openJournal(options.stateDir, did, target);
  const begin = { type: "begin", did, handle: "alice.example.com", source: "https://old.example.com", target } as const;
  await journal.append({ ...begin, at: at(0), archive: "/there", restore: true });
  await journal.append({ type: "temporary-key", key: temporary?.did ?? "" });
  // A later run has found the archive elsewhere, and did not come as far as the key.
  await journal.append({ ...begin, at: at(1), archive: options.archive, restore: true });
  await journal.close();
  await writeFile(await temporaryKeyFile(options.stateDir, did), "a key");
}

test("the old signing key goes back also where the archive was moved since", async () => {
  await begun();
  const { services, sent } = world([genesis, withKey, await swap(withKey)]);
  const cancelled = await cancelRestore(options, services, answers, () => undefined, forever);
  expect(sent.map(({ verificationMethods }) => verificationMethods["atproto"])).toEqual([server.did]);
  expect(cancelled).toMatchObject({ targetAccount: "absent", operation: testCid(sent[0]) });
  await expect(access(await temporaryKeyFile(options.stateDir, did))).rejects.toThrow(/ENOENT/);
  expect(await findJournal(options.stateDir, did, target)).toBeUndefined();
});

test("a temporary key that nobody remembers is no old signing key", async () => {
  await begun();
  const first = await swap(withKey, forgotten);
  const { services, sent } = world([genesis, withKey, first, await swap(first)]);
  const warnings: string[] = [];
  await cancelRestore(
    options,
    services,
    answers,
    (event) => void (event.type === "warning" && warnings.push(event.code)),
    forever,
  );
  expect(sent.map(({ verificationMethods }) => verificationMethods["atproto"])).toEqual([server.did]);
  expect(warnings).toEqual(["signing-key-passed-over"]);
});

test("nothing is taken back, and nothing thrown away, where a server has taken the key out since", async () => {
  await begun();
  const ours = await swap(withKey);
  const seized = await signed(
    operation(testCid(ours), { rotationKeys: [server.did], verificationMethods: { atproto: server.did } }),
    server,
  );
  const { services, sent } = world([genesis, withKey, ours, seized]);
  await expect(cancelRestore(options, services, answers, () => undefined, forever)).rejects.toMatchObject({
    code: "refused",
    data: { reason: "looks-hostile", operation: testCid(seized), next: ["plc", "recover", did] },
  });
  expect(sent).toEqual([]);
  await access(await temporaryKeyFile(options.stateDir, did));
  expect(await findJournal(options.stateDir, did, target)).toMatchObject({ restore: true });
});

test("migrate cancel leaves a restore alone: it would forget the temporary key", async () => {
  await begun();
  const { services } = world([genesis, withKey, await swap(withKey)]);
  const move = { ...asMove(options, options.archive, did), to: "" };
  await expect(cancelMigration(move, services, answers, () => undefined, forever)).rejects.toMatchObject({
    code: "refused",
    data: { reason: "restore" },
  });
  expect(await findJournal(options.stateDir, did, target)).toMatchObject({ temporaryKey: temporary.did });
});

const asked = {
  ...answers,
  targetHandle: async () => Promise.resolve("alice.new.example.com"),
  targetEmail: async () => Promise.resolve("alice@example.com"),
  targetPassword: async () => Promise.reject(new DecampError("input-needed", "There is no password.")),
  temporaryKey: async () => Promise.resolve(makePrivateKey("k256", randomBytes)),
} as unknown as Answers;

test("whoever cannot say what the new server wants is told so before the identity changes", async () => {
  const { services, sent } = world([genesis, withKey]);
  await expect(restore(options, services, asked, () => undefined, forever)).rejects.toMatchObject({
    code: "input-needed",
    known: { identity: "unchanged" },
  });
  expect(sent).toEqual([]);
});

test("where the new server has the account already, the sign-in there comes before the identity changes", async () => {
  said.set("com.atproto.sync.getRepoStatus", { status: 200, did, active: false });
  said.set("com.atproto.server.createSession", { status: 401, error: "AuthenticationRequired", message: "Invalid" });
  const { services, sent } = world([genesis, withKey]);
  const wrong = { ...asked, targetPassword: async () => Promise.resolve("wrong") };
  await expect(restore(options, services, wrong, () => undefined, forever)).rejects.toMatchObject({
    code: "auth-refused",
    known: { identity: "unchanged" },
  });
  expect(sent).toEqual([]);
});

test("an archive that is damaged stops a restore; what speaks against it before that is what is said", async () => {
  await appendFile(blobFile(options.archive, picture), "more");
  const { services, sent } = world([genesis, withKey]);
  await expect(restore(options, services, asked, () => undefined, forever)).rejects.toMatchObject({ code: "damaged" });
  // The proof is under way by then, and what it finds out is nobody's.
  said.set("com.atproto.sync.getRepoStatus", { status: 200, did, active: true });
  await expect(restore(options, services, asked, () => undefined, forever)).rejects.toMatchObject({
    code: "refused",
    data: { reason: "home-lives" },
  });
  expect(sent).toEqual([]);
});

test("a repository that is signed by the temporary key of an earlier run proves nothing", async () => {
  const journal = await openJournal(options.stateDir, did, target);
  const begin = { type: "begin", did, handle: "alice.example.com", source: "https://old.example.com", target } as const;
  await journal.append({ ...begin, at: at(0), archive: options.archive, restore: true });
  await journal.append({ type: "temporary-key", key: server.did });
  await journal.close();
  const { services, sent } = world([genesis, withKey]);
  await expect(restore(options, services, asked, () => undefined, forever)).rejects.toMatchObject({ code: "damaged" });
  expect(sent).toEqual([]);
});

test("an error of a later run says that the identity names a temporary key", async () => {
  await begun();
  const { services } = world([genesis, withKey, await swap(withKey)]);
  const failing = { ...asked, rotationKey: async () => Promise.reject(new DecampError("passphrase-refused", "No.")) };
  await expect(restore(options, services, failing, () => undefined, forever)).rejects.toMatchObject({
    code: "passphrase-refused",
    known: { identity: "changed" },
  });
});

test("whose the other rotation keys are taken to be is said before anything is signed", async () => {
  const [recovery, late] = await Promise.all(["recovery", "late"].map(async (name) => testKey(name)));
  const content = { verificationMethods: { atproto: server.did } };
  const moved = await signed(
    operation(testCid(withKey), {
      ...content,
      rotationKeys: [user.did, recovery?.did ?? "", server.did],
      services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://other.example.com" } },
    }),
    user,
  );
  const last = await signed(
    operation(testCid(moved), {
      ...content,
      rotationKeys: [server.did, user.did, recovery?.did ?? "", late?.did ?? ""],
      services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://other.example.com" } },
    }),
    user,
  );
  const { services } = world([genesis, withKey, moved, last]);
  const warnings: string[] = [];
  await expect(
    restore(
      options,
      services,
      asked,
      (event) => void (event.type === "warning" && warnings.push(`${event.code} ${event.message}`)),
      forever,
    ),
  ).rejects.toMatchObject({ code: "input-needed" });
  expect(warnings).toEqual(
    expect.arrayContaining([
      expect.stringMatching(
        new RegExp(`^key-leaves .*${recovery?.did ?? ""} leaves.*--accept-key ${recovery?.did ?? ""}$`),
      ),
      expect.stringMatching(new RegExp(`^key-stays .*${late?.did ?? ""} stays.*--drop-key ${late?.did ?? ""}$`)),
      expect.stringMatching(new RegExp(`^key-below-server .*${user.did}`)),
    ]),
  );
  expect(warnings.filter((text) => text.includes(`${server.did} `))).toEqual([]);
});
