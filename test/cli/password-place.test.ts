/**
 * A password that a script has, and an identity that somebody else has changed an hour ago: whatever the command, the
 * password goes to that server only if the person names it. Every command runs to the moment at which it would sign in,
 * against servers that answer no further.
 */
import { hash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { archiveName } from "../../src/archive/layout.ts";
import { noteMade } from "../../src/services/disk/remembered/made-operations.ts";
import { signIn } from "../../src/account/sign-in.ts";
import type { PasswordAsked } from "../../src/account/answers.ts";
import type { SettlingServices } from "../../src/account/watch/unsettled-servers.ts";
import { verifyLog } from "../../src/plc/log.ts";
import type { Pds } from "../../src/services/servers/pds.ts";
import { scriptedServer, sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { Fleet } from "../bench/fleet.ts";
import {
  auditLog,
  hour,
  operation,
  servedAt,
  signed,
  testCid,
  testDid,
  testKey,
  type TestEntry,
} from "../tools/plc.ts";
import { run, type Ran } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-place-"));
const [user, server, fresh] = await Promise.all([testKey("user"), testKey("server"), testKey("fresh")]);
const password = "of-the-owner-alone";
const operationFile = join(folder, "operation.json");
const begun = Date.UTC(2026, 0, 5, 12);

let old: ScriptedServer;
let thief: ScriptedServer;
let did: string;
/** An operation of 200 hours ago that names the old server, and one of an hour ago that names the other one. */
let entries: TestEntry[];
/** The second one was taken back, 90 hours ago. */
let takenBack: TestEntry[];
/** Whether both say that the account is active there. */
let active = false;
/** Who got a request to sign in, and whether the password stood in it. */
let sent: string[] = [];

beforeAll(async () => {
  const start = async (name: "old" | "thief"): Promise<ScriptedServer> =>
    scriptedServer((request, response, _count, body) => {
      const { pathname } = new URL(request.url ?? "/", "http://localhost");
      const head = entries.at(-1)!.operation as ReturnType<typeof operation>;
      const answers: Record<string, unknown> = {
        [`/${did}/log/audit`]: entries,
        [`/${did}`]: {
          "@context": ["https://www.w3.org/ns/did/v1"],
          id: did,
          alsoKnownAs: head.alsoKnownAs,
          verificationMethod: [
            { id: `${did}#atproto`, type: "Multikey", controller: did, publicKeyMultibase: server.did.slice(8) },
          ],
          service: [
            {
              id: "#atproto_pds",
              type: "AtprotoPersonalDataServer",
              serviceEndpoint: head.services["atproto_pds"]!.endpoint,
            },
          ],
        },
        "/xrpc/com.atproto.sync.getRepoStatus": active ? { did, active } : { did, active, status: "deactivated" },
        "/xrpc/com.atproto.server.describeServer": { did: "did:web:localhost", availableUserDomains: [".given.test"] },
      };
      if (pathname === "/xrpc/com.atproto.server.createSession") {
        sent.push(`${name}: ${body.includes(password)}`);
        sendJson(response, 401, { error: "AuthenticationRequired", message: "Invalid identifier or password" });
      } else {
        const answer = answers[pathname];
        sendJson(response, answer === undefined ? 404 : 200, answer ?? { error: "NotFound", message: "Not here" });
      }
    });
  [old, thief] = await Promise.all([start("old"), start("thief")]);
  const content = { rotationKeys: [user.did, server.did], verificationMethods: { atproto: server.did } };
  const first = await signed(operation(null, { ...content, ...servedAt(old.origin) }), server);
  const stolen = await signed(operation(testCid(first), { ...content, ...servedAt(thief.origin) }), server);
  const own = await signed(operation(testCid(first), { ...content, ...servedAt(old.origin) }), user);
  const now = Date.now() - begun;
  did = testDid(first);
  entries = auditLog([first, stolen], { times: [now - 200 * hour, now - hour] });
  const added = { ...content, rotationKeys: [fresh.did, ...content.rotationKeys] };
  const next = await signed(operation(testCid(stolen), { ...added, ...servedAt(thief.origin) }), user);
  writeFileSync(operationFile, JSON.stringify(next));
  const times = [200, 100, 90].map((hours) => now - hours * hour);
  takenBack = auditLog([first, stolen, own], { times, nullified: [1] });
});
beforeEach(() => {
  sent = [];
  active = false;
});
afterAll(async () => {
  await Promise.all([old[Symbol.asyncDispose](), thief[Symbol.asyncDispose]()]);
  rmSync(folder, { recursive: true });
});

let states = 0;
function newState(): string {
  states += 1;
  return join(folder, `state-${states}`);
}

async function decamp(args: readonly string[], stateDir = newState(), env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const where = ["--plc-url", old.origin, "--allow-private-hosts", "--state-dir", stateDir];
  return run([...args, ...where, "--no-input", "--json"], { env: { DECAMP_SOURCE_PASSWORD: password, ...env } });
}

/** An archive that comes from a server, with preferences unless it has only what is public. */
async function archiveFrom(source: string, isPublic = false): Promise<string> {
  const place = mkdtempSync(join(folder, "archives-"));
  const fleet = await Fleet.create(source, { records: 1, blobs: 0, blobSize: 0 });
  const account = { ...(await fleet.account(0)), did, log: entries.slice(0, 1) };
  fleet.writeArchive(place, account);
  const archive = join(place, archiveName(did));
  if (isPublic) {
    return archive;
  }
  const [rev = ""] = readdirSync(join(archive, "snapshots"));
  const snapshot = join(archive, "snapshots", rev);
  const bytes = JSON.stringify({ preferences: [{ $type: "app.bsky.actor.defs#adultContentPref", enabled: true }] });
  writeFileSync(join(snapshot, "preferences.json"), bytes);
  const manifest = JSON.parse(readFileSync(join(snapshot, "manifest.json"), "utf8")) as {
    files: Record<string, object>;
  };
  manifest.files["preferences.json"] = { size: bytes.length, sha256: hash("sha256", bytes, "hex"), private: true };
  writeFileSync(join(snapshot, "manifest.json"), JSON.stringify(manifest));
  return archive;
}

const commands: readonly (readonly [string, (archive: string) => readonly string[]])[] = [
  ["account status", () => ["account", "status", did, "--sign-in"]],
  ["account activate", () => ["account", "activate", did]],
  ["account preferences", (archive) => ["account", "preferences", did, archive]],
  ["account handle", () => ["account", "handle", did, "alice.given.test", "--yes"]],
  ["doctor", () => ["doctor", did, "--sign-in", "--quick"]],
  ["blob push", () => ["blob", "push", did]],
  ["plc add-key", () => ["plc", "add-key", did, fresh.did, "--confirm-did", did]],
  ["plc repair", () => ["plc", "repair", did, "--confirm-did", did]],
  ["plc diff", () => ["plc", "diff", did, "--to", old.origin]],
  ["plc submit", () => ["plc", "submit", did, operationFile, "--confirm-did", did]],
  ["export", () => ["export", did, "-o", join(newState(), "archive")]],
  ["export to a file", () => ["export", did, "-o", join(newState(), "a.car")]],
];

test.each(commands)("%s", async (name, args) => {
  const archive = await archiveFrom(old.origin);
  const { exitCode, stdout, stderr } = await decamp(args(archive));
  expect(sent).toEqual([]);
  if (name === "doctor" || name === "account status") {
    const { checks } = JSON.parse(stdout) as { checks: { id: string; help?: string }[] };
    expect(exitCode).toBe(3);
    expect(checks.find(({ id }) => id === "sign-in")).toMatchObject({
      state: "unknown",
      help: `If you have moved there, name it with --from ${thief.origin}, or type the password at a terminal.`,
    });
  } else {
    expect([exitCode, JSON.parse(stderr)]).toMatchObject([
      9,
      { code: "refused", data: { reason: "unsettled-server", host: new URL(thief.origin).host } },
    ]);
    expect(stderr).toContain(`--from ${thief.origin}`);
  }
  const named = await decamp([...args(archive), "--from", thief.origin]);
  expect([named.exitCode, sent]).toEqual([4, ["thief: true"]]);
});

test("what decamp has done on this machine is settled, and so is what an archive comes from, and what is old", async () => {
  const stateDir = newState();
  await noteMade(stateDir, did, entries[1]!.cid);
  expect((await decamp(["account", "activate", did], stateDir)).exitCode).toBe(4);
  const archive = await archiveFrom(thief.origin);
  expect((await decamp(["export", did, "-o", archive])).exitCode).toBe(4);
  expect(sent).toEqual(["thief: true", "thief: true"]);
  expect(await at(entries, 2)).toBe("a person");
  expect(await at(entries, 100)).toBe("anybody");
});

test("what is public was taken from any server that the identity named, and settles none", async () => {
  const archive = await archiveFrom(thief.origin, true);
  const { exitCode, stderr } = await decamp(["export", did, "-o", archive]);
  expect([exitCode, sent]).toEqual([9, []]);
  expect(JSON.parse(stderr)).toMatchObject({ data: { reason: "unsettled-server" } });
});

test("what decamp has made on top of a stranger's change, and which leaves the server, does not settle it", async () => {
  const now = Date.now() - begun;
  const [first, stolen] = entries.map(({ operation: one }) => one);
  const own = JSON.parse(readFileSync(operationFile, "utf8")) as typeof stolen;
  const log = auditLog([first!, stolen!, own!], { times: [now - 200 * hour, now - 2 * hour, now - hour] });
  const made = [log[2]!.cid];
  expect(await at(log, 0, [], false, made)).toBe("a person");
  // Who has moved there with decamp knows the server, whoever changes something else.
  expect(await at(log, 0, [], false, [log[1]!.cid])).toBe("anybody");
  expect(await at(log, 100, [], false, made)).toBe("anybody");
});

test("for a server that perhaps a stranger has let the identity name, no script deactivates what is elsewhere", async () => {
  active = true;
  const args = ["account", "deactivate", did, "--yes"];
  const { exitCode, stderr } = await decamp(args);
  expect([exitCode, JSON.parse(stderr)]).toMatchObject([
    9,
    {
      message: expect.stringMatching(/ So nothing is deactivated elsewhere\.$/) as string,
      hint: expect.stringContaining(`--from ${thief.origin}, or say yes at a terminal.`) as string,
      data: { reason: "unsettled-server", host: new URL(thief.origin).host },
    },
  ]);
  // It goes on to compare both copies, which these servers do not have.
  const named = await decamp([...args, "--from", thief.origin]);
  expect(named.exitCode).not.toBe(0);
  expect(named.stderr).not.toContain("unsettled-server");
});

test("what was taken back is nobody's, however old it is", async () => {
  expect(await at(takenBack, 0)).toBe("a person");
  expect(await at(takenBack, 0, [], true)).toMatch(/^Only a change of the last 72 hours, or one that was taken back,/);
  expect(await at(takenBack, 0, [thief.origin])).toBe("anybody");
});

/**
 * Who may give a password for the other server.
 *
 * @param hours that have passed since
 * @param isJob nobody can be asked
 * @param made what decamp has made on this machine
 */
async function at(
  log: TestEntry[],
  hours: number,
  named: string[] = [],
  isJob = false,
  made: string[] = [],
): Promise<string> {
  const past = verifyLog(did, log);
  let who = "";
  const { host, origin } = new URL(thief.origin);
  const answers = {
    canAskAgain: !isJob,
    authFactorCode: async () => Promise.reject(new Error("nobody asks for it")),
    sourcePassword: async ({ onlyTyped }: PasswordAsked) => {
      who = onlyTyped === undefined ? "anybody" : "a person";
      return Promise.resolve(password);
    },
    targetPassword: async () => Promise.reject(new Error("nobody asks for it")),
  };
  const services = {
    now: () => Date.now() + hours * hour,
    clockOffset: () => 0,
    directory: { origin: old.origin },
    heads: { made: async () => Promise.resolve(made) },
  } as unknown as SettlingServices;
  const pds = { host, origin, signIn: async () => Promise.resolve({ did }) } as unknown as Pds;
  try {
    await signIn(services, pds, { past, named }, answers, "sourcePassword", new AbortController().signal);
    return who;
  } catch (error) {
    return (error as Error).message;
  }
}
