/** The first operation of a restore, by logs that other libraries have made. */
import { beforeAll, expect, test } from "vitest";
import { isSwapped, hostileAnswer, planSwap, requireRestorePower } from "../../src/migration/restore/swap.ts";
import { verifyLog, type VerifiedLog } from "../../src/plc/log.ts";
import { keysOfServer } from "../../src/plc/server-keys.ts";
import {
  at,
  auditLog,
  hour,
  operation,
  signed,
  testCid,
  testDid,
  testKey,
  type Json,
  type TestKey,
} from "../tools/plc.ts";

let user: TestKey, server: TestKey, signing: TestKey, temporary: TestKey, stranger: TestKey;
let genesis: Json, withKey: Json, seizure: Json;

beforeAll(async () => {
  [user, server, signing, temporary, stranger] = (await Promise.all(
    ["user", "server", "signing", "temporary", "stranger"].map(async (name) => testKey(name)),
  )) as [TestKey, TestKey, TestKey, TestKey, TestKey];
  const content = { verificationMethods: { atproto: signing.did } };
  genesis = await signed(operation(null, { ...content, rotationKeys: [server.did] }), server);
  const keys = [user.did, server.did];
  withKey = await signed(operation(testCid(genesis), { ...content, rotationKeys: keys }), server);
  seizure = await signed(operation(testCid(withKey), { ...content, rotationKeys: [server.did] }), server);
});

function log(operations: Json[], nullified: number[] = []): VerifiedLog {
  return verifyLog(testDid(genesis), auditLog(operations, { nullified }));
}

function reasonOf(work: () => unknown): unknown {
  try {
    work();
    return "nothing thrown";
  } catch (error) {
    return (error as { data?: { reason?: unknown } }).data?.reason;
  }
}

const time = (hours: number): number => Date.parse(at(hours * hour));
const wish = (nullify?: string): Parameters<typeof planSwap>[1] => ({
  temporaryKey: temporary.did,
  heldKeys: [user.did],
  serverKeys: [server.did],
  nullify,
});

test("it changes the signing key, and nothing else", () => {
  const before = log([genesis, withKey]);
  const { operation: planned, judgement, nullified } = planSwap(before, wish(), time(3));
  expect(planned).toEqual({
    ...operation(testCid(withKey), { rotationKeys: [user.did, server.did] }),
    verificationMethods: { atproto: temporary.did },
  });
  expect(nullified).toEqual([]);
  expect(judgement.findings.filter(({ severity }) => severity === "error")).toEqual([]);
});

test("what is named is taken back, and the server's key that signed it leaves", () => {
  const { operation: planned, nullified } = planSwap(log([genesis, withKey, seizure]), wish(testCid(seizure)), time(3));
  expect(planned).toEqual({
    ...operation(testCid(withKey), { rotationKeys: [user.did] }),
    verificationMethods: { atproto: temporary.did },
  });
  expect(nullified.map(({ cid }) => cid)).toEqual([testCid(seizure)]);
});

test("a key that is taken out: named it can be taken back for 72 hours, and not a moment longer", () => {
  const seized = log([genesis, withKey, seizure]);
  const held = { heldKeys: [user.did], nullify: undefined };
  expect(reasonOf(() => requireRestorePower(seized, held, time(3)))).toBe("looks-hostile");
  const named = { ...held, nullify: testCid(seizure) };
  expect(reasonOf(() => requireRestorePower(seized, named, time(2 + 72)))).toBe("nothing thrown");
  expect(reasonOf(() => requireRestorePower(seized, named, time(2 + 72) + 1))).toBe("too-late");
  expect(reasonOf(() => requireRestorePower(seized, held, time(2 + 73)))).toBe("too-late");
});

test("a key that was never there has no power, and an operation that is nobody's cannot be named", () => {
  const before = log([genesis, withKey]);
  const strange = { heldKeys: [stranger.did], nullify: undefined };
  expect(reasonOf(() => requireRestorePower(before, strange, time(3)))).toBe("key-without-power");
  const unknown = { heldKeys: [user.did], nullify: testCid("x") };
  expect(reasonOf(() => requireRestorePower(before, unknown, time(3)))).toBe("unknown-operation");
  expect(reasonOf(() => requireRestorePower(before, { ...strange, heldKeys: [user.did] }, time(3)))).toBe(
    "nothing thrown",
  );
});

test("an operation of the user's own is not taken back with the same key", async () => {
  const own = await signed(
    operation(testCid(withKey), { rotationKeys: [user.did], verificationMethods: { atproto: signing.did } }),
    user,
  );
  const named = { heldKeys: [user.did], nullify: testCid(own) };
  expect(reasonOf(() => requireRestorePower(log([genesis, withKey, own]), named, time(3)))).toBe("no-key-above");
});

test("a server's answer to our operation is seen, whatever it changes, and taken back without its key", async () => {
  const ours = await signed(
    operation(testCid(withKey), {
      rotationKeys: [user.did, server.did],
      verificationMethods: { atproto: temporary.did },
    }),
    user,
  );
  const swapped = log([genesis, withKey, ours]);
  expect(isSwapped(swapped, temporary.did, [user.did])).toBe(true);
  expect(hostileAnswer(swapped, temporary.did, [user.did])).toBeUndefined();
  const answer = await signed(
    operation(testCid(ours), { rotationKeys: [server.did], verificationMethods: { atproto: temporary.did } }),
    server,
  );
  const answered = log([genesis, withKey, ours, answer]);
  expect(isSwapped(answered, temporary.did, [user.did])).toBe(false);
  expect(hostileAnswer(answered, temporary.did, [user.did])?.cid).toBe(testCid(answer));
  const { operation: planned } = planSwap(answered, wish(), time(4));
  expect(planned).toMatchObject({ prev: testCid(ours), rotationKeys: [user.did] });
  expect(planned.verificationMethods).toEqual({ atproto: temporary.did });
  const again = await signed({ ...planned }, user);
  const won = log([genesis, withKey, ours, answer, again], [3]);
  expect(isSwapped(won, temporary.did, [user.did])).toBe(true);
  expect(hostileAnswer(won, temporary.did, [user.did])).toBeUndefined();
});

test("the server's keys are those that did not come alone, unless they are named", async () => {
  const second = await signed(
    operation(testCid(withKey), {
      rotationKeys: [stranger.did, user.did, server.did],
      verificationMethods: { atproto: signing.did },
    }),
    server,
  );
  const three = log([genesis, withKey, second]);
  const { operation: head } = three.head;
  expect(keysOfServer(three, head, [user.did], [])).toEqual([server.did]);
  expect(keysOfServer(three, head, [user.did], [stranger.did])).toEqual([stranger.did, server.did]);
  expect(keysOfServer(three, head, [user.did, server.did], [])).toEqual([]);
});
