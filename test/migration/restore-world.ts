/** A directory in memory, and one server that answers what a test has put into `said`: for restores in this process. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { DecampError } from "../../src/errors.ts";
import { makePrivateKey } from "../../src/identity/private-key.ts";
import type { Answers } from "../../src/migration/answers.ts";
import type { MigrationServices } from "../../src/migration/context.ts";
import { openJournal, temporaryKeyFile } from "../../src/migration/journal.ts";
import type { RestoreOptions } from "../../src/migration/restore/restore-options.ts";
import { openServices } from "../../src/services/open.ts";
import { logServices } from "../account/support.ts";
import { did, key as server, makeArchive } from "../cli/support/archive.ts";
import { documentOf } from "../cli/support/directory.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import {
  at,
  auditLog,
  operation,
  signed,
  testCid,
  testKey,
  type Content,
  type Json,
  type TestKey,
} from "../tools/plc.ts";

export { did, server };
const names = ["user", "temporary", "forgotten", "recovery", "late"];
export const [user, temporary, forgotten, recovery, late] = (await Promise.all(
  names.map(async (name) => testKey(name)),
)) as [TestKey, TestKey, TestKey, TestKey, TestKey];
export const genesis = await signed(
  operation(null, { rotationKeys: [server.did], verificationMethods: { atproto: server.did } }),
  server,
);
const both = { rotationKeys: [user.did, server.did] };
/** The user's key is first. */
export const withKey = await signed(
  operation(testCid(genesis), { ...both, verificationMethods: { atproto: server.did } }),
  server,
);
/** The first operation of a restore. */
export const swap = async (before: Json, to = temporary): Promise<Json> =>
  signed(operation(testCid(before), { ...both, verificationMethods: { atproto: to.did } }), user);

export const target = "https://new.example.com";
export const old = "https://old.example.com";

/** How a restore is asked for, without any wish. @param folder where the state lies, in a folder of its own */
export async function restoreOptions(archive: string, to: string, folder: string): Promise<RestoreOptions> {
  return {
    archive,
    to,
    homeIsLost: false,
    replaceNewer: false,
    dryRun: false,
    stateDir: await mkdtemp(path.join(folder, "state-")),
    allowPrivateHosts: true,
    chunkedImport: false,
    allowMissingBlobs: false,
    acceptFutureRev: true,
  };
}

/** What one test has. */
export interface World {
  readonly options: RestoreOptions;
  /** What the servers answer in place of `notFound`, by method: JSON, or the bytes of `car`. */
  readonly said: Map<string, { status: number; [field: string]: unknown }>;
  /** A journal as a restore leaves it that has put its key into the identity, and the file with that key. */
  readonly begun: () => Promise<void>;
  /** The services, and every operation that the directory got. @param given `now`: milliseconds after the first one */
  readonly with: (
    operations: Json[],
    given?: { readonly nullified?: readonly number[]; readonly now?: number },
  ) => { services: MigrationServices; sent: Content[] };
}

/** Prepares it for each test of a file. */
export function prepareWorld(): World {
  const said = new Map<string, { status: number; [field: string]: unknown }>();
  const notFound: { status: number; [field: string]: unknown } = {
    status: 400,
    error: "RepoNotFound",
    message: `Could not find repo for DID: ${did}`,
  };
  let silent: ScriptedServer;
  let folder = "";
  let options: RestoreOptions;

  beforeAll(async () => {
    silent = await scriptedServer((request, response) => {
      const [, method = ""] = /^\/xrpc\/([\w.]+)/.exec(request.url ?? "") ?? [];
      const { status, ...answer } = said.get(method) ?? notFound;
      if (answer["car"] instanceof Uint8Array) {
        response.writeHead(status, { "content-type": "application/vnd.ipld.car" }).end(answer["car"]);
      } else {
        sendJson(response, status, answer);
      }
    });
    folder = await mkdtemp(path.join(tmpdir(), "decamp-world-"));
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
    options = await restoreOptions(makeArchive(folder), target, folder);
  });
  return {
    said,
    get options() {
      return options;
    },
    begun: async () => begun(options),
    with: (operations, { nullified = [], now = 600_000 } = {}) => {
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
          now: () => Date.parse(at(now)),
          directory: {
            ...services.directory,
            auditLog: async () => Promise.resolve(auditLog(all(), { nullified, times: times.slice(0, all().length) })),
            document: async () => Promise.resolve(documentOf(did, all().at(-1) as Content)),
            submit: async (_did, made) => Promise.resolve(void sent.push(made as Content)),
          },
        },
      };
    },
  };
}

/** As a restore leaves its journal. */
async function begun(options: RestoreOptions): Promise<void> {
  const journal = await openJournal(options.stateDir, did, target);
  const begin = { type: "begin", did, handle: "alice.example.com", source: old, target } as const;
  await journal.append({ ...begin, at: at(0), archive: "/there", restore: true });
  await journal.append({ type: "temporary-key", key: temporary.did });
  // A later run has found the archive elsewhere, and did not come as far as the key.
  await journal.append({ ...begin, at: at(1), archive: options.archive, restore: true });
  await journal.close();
  await writeFile(await temporaryKeyFile(options.stateDir, did), "a key");
}

/** Of somebody who has the key, and says yes. */
export const answers = {
  canAskAgain: false,
  rotationKey: async () => Promise.resolve({ didKey: user.did, sign: async (data: Uint8Array) => user.sign(data) }),
  confirmIdentityChange: async () => Promise.resolve(),
  deletionCode: async () => Promise.reject(new Error("there is nothing to delete")),
} as unknown as Answers;

/** The same, who has no password for the new server: so the identity stays as it is. */
export const asked = {
  ...answers,
  targetHandle: async () => Promise.resolve("alice.new.example.com"),
  targetEmail: async () => Promise.resolve("alice@example.com"),
  targetPassword: async () => Promise.reject(new DecampError("input-needed", "There is no password.")),
  temporaryKey: async () => Promise.resolve(makePrivateKey("k256", randomBytes)),
} as unknown as Answers;
