/** What preflight looks at, where no server has to be asked. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { Context, MigrationServices } from "../../src/migration/context.ts";
import { checkIdentity } from "../../src/migration/checks/identity.ts";
import { isAbove } from "../../src/migration/checks/unseen.ts";
import { requireSpace } from "../../src/migration/checks/space.ts";
import { preflight } from "../../src/migration/steps/preflight.ts";
import { verifyLog } from "../../src/plc/log.ts";
import { at, auditLog, hour, operation, signed, testCid, testKey, type TestEntry } from "../tools/plc.ts";

const [user, server, next] = await Promise.all([testKey("user"), testKey("server"), testKey("next server")]);
const usual = { rotationKeys: [user.did, server.did], verificationMethods: { atproto: server.did } };
const genesis = await signed(operation(null, usual), server);
const renamed = await signed(operation(testCid(genesis), { ...usual, alsoKnownAs: ["at://new.example.com"] }), server);
const rescue = await signed(operation(testCid(genesis), { ...usual, rotationKeys: [user.did, next.did] }), user);

/** The warnings that a log gives so many hours after its first operation. */
function warnings(entries: readonly TestEntry[], hours: number, clockOffset = 0): string[] {
  const told: string[] = [];
  const services = {
    now: () => Date.parse(at(hours * hour)),
    clockOffset: () => clockOffset,
    directory: { origin: "https://plc.example.com" },
  } as unknown as MigrationServices;
  const did = entries[0]!.did;
  const identity = { did, log: verifyLog(did, entries) } as Context["plc"];
  checkIdentity({ identity, services, warn: (code) => told.push(code) });
  return told;
}

describe("the log of the identity", () => {
  test("of an account that nothing has happened to is no news", () => {
    expect(warnings(auditLog([genesis]), 100)).toEqual([]);
    expect(warnings(auditLog([genesis, renamed]), 74)).toEqual([]);
  });

  test("a change that a higher key can still undo is told", () => {
    expect(warnings(auditLog([genesis, renamed]), 72)).toEqual(["plc-undoable"]);
  });

  test("a change that was undone is told for a week", () => {
    const entries = auditLog([genesis, renamed, rescue], { nullified: [1] });
    expect(warnings(entries, 3)).toEqual(["plc-nullified"]);
    expect(warnings(entries, 168)).toEqual(["plc-nullified"]);
    expect(warnings(entries, 169)).toEqual([]);
  });

  test("a directory that takes no more operations now stops the move, and says until when", async () => {
    const many = [genesis];
    for (let count = 1; count < 10; count += 1) {
      const name = [`at://name-${count}.example.com`];
      many.push(await signed(operation(testCid(many.at(-1)), { ...usual, alsoKnownAs: name }), server));
    }
    const entries = auditLog(many, { times: many.map((_, index) => index * 60_000) });
    const until = at(hour);
    expect(() => warnings(entries, 0.9)).toThrow(`before ${until}`);
    expect(warnings(entries, 1)).toEqual(["plc-undoable"]);
    // It counts by its own clock.
    expect(() => warnings(entries, 1, -120_000)).toThrow("before");
  });

  test("without any rotation key nobody can change it, which stops the move", async () => {
    const frozen = await signed(operation(testCid(genesis), { ...usual, rotationKeys: [] }), server);
    expect(() => warnings(auditLog([genesis, frozen]), 100)).toThrow("no rotation key");
  });

  test("no deadline is told when the clocks are more than five minutes apart", () => {
    expect(warnings(auditLog([genesis, renamed]), 72, 299_000)).toEqual(["plc-undoable"]);
    expect(warnings(auditLog([genesis, renamed]), 72, 301_000)).toEqual([]);
  });
});

test("a disk that has not enough room for the archive is named, also where the folder is not there yet", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-space-"));
  const archive = path.join(folder, "not", "there", "yet");
  await expect(requireSpace({ archive }, 0)).resolves.toBeUndefined();
  await expect(requireSpace({ archive }, 1e18)).rejects.toMatchObject({
    code: "storage",
    exitCode: 1,
    hint: expect.stringContaining("--archive") as string,
  });
  await rm(folder, { recursive: true });
});

test("a move that is refused while the blobs are counted stops counting", async () => {
  let counting: AbortSignal | undefined;
  const server = (origin: string, did: string): unknown => ({
    origin,
    host: new URL(origin).host,
    describe: () => Promise.resolve({ did }),
    repoStatus: () => Promise.resolve(undefined),
    listBlobs: async function* (_did: string, signal: AbortSignal) {
      counting = signal;
      await once(signal, "abort");
      yield* [];
      signal.throwIfAborted();
    },
  });
  const source = server("https://old.example.com", "did:web:old.example.com");
  const target = server("https://new.example.com", "did:web:new.example.com");
  const entries = auditLog([genesis]);
  const { did } = entries[0]!;
  const context = {
    options: { skipBlobs: [], dryRun: true },
    answers: {},
    services: {
      now: () => Date.parse(at(100 * hour)),
      clockOffset: () => 0,
      directory: { origin: "https://plc.example.com" },
      openPds: (url: string) => (url === "https://new.example.com" ? target : source),
    },
    targetOrigin: "https://new.example.com",
    source,
    archive: path.join(tmpdir(), "decamp-no-such-folder"),
    identity: { did, log: verifyLog(did, entries) },
    signal: new AbortController().signal,
    warn: () => undefined,
  } as unknown as Context;
  await expect(preflight.run(context)).rejects.toMatchObject({ code: "account-unavailable" });
  expect(counting?.aborted).toBe(true);
});

test("a key that can take back what a server signs stands above all of its keys", () => {
  expect(isAbove("mine", ["mine", "other"], ["a", "b"])).toBe(true);
  expect(isAbove("mine", ["other", "mine", "a"], ["a", "b"])).toBe(true);
  expect(isAbove("mine", ["b", "mine"], ["a", "b"])).toBe(false);
  expect(isAbove("mine", ["other"], ["a"])).toBe(false);
  expect(isAbove("mine", ["mine"], ["mine", "a"])).toBe(false);
});
