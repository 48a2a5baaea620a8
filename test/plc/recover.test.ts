import { describe, expect, test } from "vitest";
import { compareSigned } from "../../src/plc/diff.ts";
import { verifyLog } from "../../src/plc/log.ts";
import type { VerifiedLog } from "../../src/plc/log.ts";
import {
  findRecoveries,
  findUnwanted,
  planRecovery,
  recoveryOperation,
  recoveryPredecessor,
} from "../../src/plc/recover.ts";
import { at, auditLog, hour, operation, signed, testCid, testDid, testKey } from "../tools/plc.ts";
import type { Json } from "../tools/plc.ts";

const [user, spare, server, next, foreign] = await Promise.all([
  testKey("user"),
  testKey("spare", "p256"),
  testKey("server"),
  testKey("next server"),
  testKey("foreign"),
]);
const usual = { rotationKeys: [user.did, server.did], verificationMethods: { atproto: server.did } };

const genesis = await signed(operation(null, usual), server);
const renamed = await signed(
  operation(testCid(genesis), { ...usual, alsoKnownAs: ["at://renamed.example.com"] }),
  server,
);
const hostile = await signed(operation(testCid(renamed), { ...usual, rotationKeys: [foreign.did] }), server);
const later = await signed(operation(testCid(hostile), { ...usual, rotationKeys: [foreign.did, next.did] }), foreign);
const log = verifyLog(testDid(genesis), auditLog([genesis, renamed, hostile, later]));
const soon = Date.parse(at(4 * hour));

function logOf(...operations: readonly Json[]): VerifiedLog {
  return verifyLog(testDid(operations[0]), auditLog(operations));
}

describe("an operation that took the user's key away", () => {
  test("is found, with its fork point, the key and the time", () => {
    const found = findUnwanted(log, [user.did], soon);
    expect(found).toEqual({
      unwanted: log.entries[2],
      fork: log.entries[1],
      nullified: [log.entries[2], log.entries[3]],
      keys: [user.did],
      deadline: Date.parse(at(74 * hour)),
    });
    expect(planRecovery(log, { unwanted: testCid(hostile), heldKeys: [user.did], now: soon })).toEqual(found);
  });

  test("is undone by the operation that is built, as the log says afterwards", async () => {
    const recovery = planRecovery(log, { unwanted: testCid(hostile), heldKeys: [user.did], now: soon });
    const asked = recoveryOperation(recovery, [server.did]);
    expect(asked).toEqual(
      operation(testCid(renamed), {
        ...usual,
        rotationKeys: [user.did],
        alsoKnownAs: ["at://renamed.example.com"],
      }),
    );
    const answer = await signed(asked, user);
    expect(compareSigned(asked, answer, recoveryPredecessor(recovery)).cid).toBe(testCid(answer));
    const entries = auditLog([genesis, renamed, hostile, later, answer], { nullified: [2, 3] });
    expect(verifyLog(log.did, entries).head.cid).toBe(testCid(answer));
  });

  test("a recovery that the server's own key signed is refused before it is sent", async () => {
    const recovery = planRecovery(log, { unwanted: testCid(hostile), heldKeys: [user.did], now: soon });
    const asked = recoveryOperation(recovery);
    const answer = await signed(asked, server);
    expect(() => compareSigned(asked, answer, recoveryPredecessor(recovery))).toThrow(
      expect.objectContaining({ code: "operation-differs" }),
    );
  });
});

function cids(keys: string[], now: number | undefined): string[] {
  return findRecoveries(log, keys, now).map(({ unwanted }) => unwanted.cid);
}

describe("findRecoveries", () => {
  test("everything that a held key can still undo, oldest first", () => {
    expect(cids([user.did], soon)).toEqual([testCid(renamed), testCid(hostile)]);
    expect(cids([user.did], Date.parse(at(73 * hour)))).toEqual([testCid(renamed), testCid(hostile)]);
    expect(cids([user.did], Date.parse(at(73 * hour + 1)))).toEqual([testCid(hostile)]);
    expect(cids([user.did], Date.parse(at(74 * hour + 1)))).toEqual([]);
    expect(cids([server.did, foreign.did], soon)).toEqual([]);
    // Of a time that nobody knows nothing is too late.
    expect(cids([user.did], undefined)).toEqual([testCid(renamed), testCid(hostile)]);
  });
});

describe("findUnwanted", () => {
  test("a rename is not unwanted by itself", () => {
    expect(findUnwanted(logOf(genesis, renamed), [user.did], soon)).toBeUndefined();
  });

  test("a key that is put above the user's", async () => {
    const above = { ...usual, rotationKeys: [foreign.did, user.did, server.did] };
    const demoting = await signed(operation(testCid(genesis), above), server);
    expect(findUnwanted(logOf(genesis, demoting), [user.did], soon)?.unwanted.cid).toBe(testCid(demoting));
  });

  test("the user's other key above it is no harm", async () => {
    const above = { ...usual, rotationKeys: [spare.did, user.did, server.did] };
    const adding = await signed(operation(testCid(genesis), above), server);
    expect(findUnwanted(logOf(genesis, adding), [user.did, spare.did], soon)).toBeUndefined();
  });

  test("a tombstone", async () => {
    const end = await signed({ type: "plc_tombstone", prev: testCid(genesis) }, server);
    expect(findUnwanted(logOf(genesis, end), [user.did], soon)?.unwanted.cid).toBe(testCid(end));
  });
});

describe("planRecovery refuses with the reason", () => {
  const crowned = operation(testCid(genesis), { ...usual, rotationKeys: [foreign.did, user.did, server.did] });
  test.each([
    ["unknown-operation", log, testCid("other"), [user.did], soon],
    ["genesis", log, testCid(genesis), [user.did], soon],
    ["too-late", log, testCid(renamed), [user.did], Date.parse(at(73 * hour + 1))],
    ["key-without-power", log, testCid(renamed), [server.did], soon],
    ["no-key-above", log, testCid(later), [user.did], soon],
  ] as const)("%s", (reason, given, unwanted, heldKeys, now) => {
    expect(() => planRecovery(given, { unwanted, heldKeys, now })).toThrow(
      expect.objectContaining({ code: "refused", exitCode: 9, data: { reason } }),
    );
  });

  test("key-without-power: a key that the unwanted operation itself brought in", async () => {
    const bringing = await signed(crowned, server);
    const request = { unwanted: testCid(bringing), heldKeys: [foreign.did], now: soon };
    expect(() => planRecovery(logOf(genesis, bringing), request)).toThrow(
      expect.objectContaining({ data: { reason: "key-without-power" } }),
    );
  });

  test("already-nullified", async () => {
    const rescue = await signed(operation(testCid(renamed), usual), user);
    const healed = verifyLog(log.did, auditLog([genesis, renamed, hostile, rescue], { nullified: [2] }));
    expect(() => planRecovery(healed, { unwanted: testCid(hostile), heldKeys: [user.did], now: soon })).toThrow(
      expect.objectContaining({ data: { reason: "already-nullified" } }),
    );
  });

  test("the last millisecond is in time", () => {
    const now = Date.parse(at(73 * hour));
    expect(planRecovery(log, { unwanted: testCid(renamed), heldKeys: [user.did], now }).deadline).toBe(now);
  });
});

test("no rotation key may be left over by a recovery: refused", () => {
  const recovery = planRecovery(log, { unwanted: testCid(hostile), heldKeys: [user.did], now: soon });
  expect(() => recoveryOperation(recovery, [user.did, server.did])).toThrow(
    expect.objectContaining({ code: "refused" }),
  );
});

test("a recovery after a legacy create is in today's form", async () => {
  const create = await signed(
    {
      type: "create",
      signingKey: server.did,
      recoveryKey: user.did,
      handle: "alice.example.com",
      service: "https://old.example.com",
      prev: null,
    },
    server,
  );
  const taken = await signed(operation(testCid(create), { ...usual, rotationKeys: [foreign.did] }), server);
  const found = findUnwanted(logOf(create, taken), [user.did], soon)!;
  expect(recoveryOperation(found)).toEqual(operation(testCid(create), usual));
});
