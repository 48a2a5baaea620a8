/** The first operation of a restore, by logs that other libraries have made. */
import { beforeAll, expect, test } from "vitest";
import {
  cameAsTemporary,
  hostileAnswer,
  isSwapped,
  lastOwnKey,
  planSwap,
  requireRestorePower,
  strangeArrival,
} from "../../src/migration/restore/swap.ts";
import { planUndo } from "../../src/migration/undo.ts";
import { moveBy } from "../../src/account/where.ts";
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

const home = "https://old.example.com";
const time = (hours: number): number => Date.parse(at(hours * hour));
const wish = (nullify?: string): Parameters<typeof planSwap>[1] => ({
  temporaryKey: temporary.did,
  heldKeys: [user.did],
  serverKeys: [server.did],
  nullify,
  home,
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

test("of more keys than an operation may have, those leave at once that were named", async () => {
  const many = await Promise.all(["a", "b", "c", "d"].map(async (name) => testKey(name)));
  const rotationKeys = [user, server, ...many].map(({ did }) => did);
  const content = { verificationMethods: { atproto: signing.did } };
  const crowded = await signed(operation(testCid(withKey), { ...content, rotationKeys }), user);
  const [first] = rotationKeys.slice(2);
  const errorsOf = (more: object): unknown => {
    const { operation: planned, judgement } = planSwap(
      log([genesis, withKey, crowded]),
      { ...wish(), ...more },
      time(3),
    );
    const errors = judgement.findings.filter(({ severity }) => severity === "error");
    return errors.length === 0 ? planned.rotationKeys : errors.map(({ rule }) => rule);
  };
  expect(errorsOf({})).toEqual(["plc/too-many-rotation-keys"]);
  expect(errorsOf({ dropKeys: [first] })).toEqual(rotationKeys.filter((key) => key !== first));
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
  expect(isSwapped(swapped, wish())).toBe(true);
  expect(hostileAnswer(swapped, wish(), time(4))).toBeUndefined();
  const answer = await signed(
    operation(testCid(ours), { rotationKeys: [server.did], verificationMethods: { atproto: temporary.did } }),
    server,
  );
  const answered = log([genesis, withKey, ours, answer]);
  expect(isSwapped(answered, wish())).toBe(false);
  expect(hostileAnswer(answered, wish(), time(4))?.cid).toBe(testCid(answer));
  const { operation: planned } = planSwap(answered, wish(), time(4));
  expect(planned).toMatchObject({ prev: testCid(ours), rotationKeys: [user.did] });
  expect(planned.verificationMethods).toEqual({ atproto: temporary.did });
  const again = await signed({ ...planned }, user);
  const won = log([genesis, withKey, ours, answer, again], [3]);
  expect(isSwapped(won, wish())).toBe(true);
  expect(hostileAnswer(won, wish(), time(5))).toBeUndefined();
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

/** The first operation of a restore after `before`, signed by the user. */
async function swapAfter(before: Json, key: TestKey = temporary, rotationKeys = [user.did, server.did]): Promise<Json> {
  return signed(operation(testCid(before), { rotationKeys, verificationMethods: { atproto: key.did } }), user);
}

test("what another key of the user's has signed after it is no server's answer", async () => {
  const keys = [user.did, stranger.did, server.did];
  const second = await signed(
    operation(testCid(withKey), { rotationKeys: keys, verificationMethods: { atproto: signing.did } }),
    user,
  );
  const ours = await swapAfter(second, temporary, keys);
  const own = await signed(
    operation(testCid(ours), { rotationKeys: keys, verificationMethods: { atproto: signing.did } }),
    stranger,
  );
  const seen = log([genesis, withKey, second, ours, own]);
  expect(hostileAnswer(seen, wish(), time(5))).toBeUndefined();
  expect(planSwap(seen, wish(), time(5))).toMatchObject({ operation: { prev: testCid(own) }, nullified: [] });
});

test("an answer that can no longer be taken back is what the identity says, and the restore goes on from there", async () => {
  const ours = await swapAfter(withKey);
  const answer = await signed(
    operation(testCid(ours), { rotationKeys: [user.did, server.did], verificationMethods: { atproto: signing.did } }),
    server,
  );
  const seen = log([genesis, withKey, ours, answer]);
  expect(hostileAnswer(seen, wish(), time(3 + 72))?.cid).toBe(testCid(answer));
  expect(hostileAnswer(seen, wish(), time(3 + 72) + 1)).toBeUndefined();
  expect(planSwap(seen, wish(), time(3 + 73)).operation).toMatchObject({ prev: testCid(answer) });
});

test("only what comes right after it answers it: a later move of the account is not taken back", async () => {
  const ours = await swapAfter(withKey);
  const moved = await signed(
    operation(testCid(ours), {
      rotationKeys: [user.did, stranger.did],
      verificationMethods: { atproto: signing.did },
      services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://new.example.com" } },
    }),
    user,
  );
  const on = await signed(
    operation(testCid(moved), { rotationKeys: [user.did], verificationMethods: { atproto: signing.did } }),
    stranger,
  );
  const seen = log([genesis, withKey, ours, moved, on]);
  const later = { ...wish(), serverKeys: [server.did, stranger.did] };
  expect(hostileAnswer(seen, later, time(5))).toBeUndefined();
});

test("what is named is taken back also when the temporary key stands in the identity already", async () => {
  const odd = await signed(
    operation(testCid(withKey), {
      rotationKeys: [user.did, server.did],
      verificationMethods: { atproto: signing.did },
      alsoKnownAs: ["at://other.example.com"],
    }),
    server,
  );
  const ours = await signed(
    operation(testCid(odd), {
      rotationKeys: [user.did, server.did],
      verificationMethods: { atproto: temporary.did },
      alsoKnownAs: ["at://other.example.com"],
    }),
    user,
  );
  const seen = log([genesis, withKey, odd, ours]);
  expect(isSwapped(seen, wish())).toBe(true);
  expect(isSwapped(seen, wish(testCid(odd)))).toBe(false);
  const { operation: planned, nullified } = planSwap(seen, wish(testCid(odd)), time(4));
  expect(planned).toMatchObject({ prev: testCid(withKey), alsoKnownAs: ["at://alice.example.com"] });
  expect(planned.rotationKeys).toEqual([user.did]);
  expect(nullified.map(({ cid }) => cid)).toEqual([testCid(odd), testCid(ours)]);
});

test("an identity that names another server by now gets no temporary key", async () => {
  const moved = await signed(
    operation(testCid(withKey), {
      rotationKeys: [user.did, stranger.did],
      verificationMethods: { atproto: stranger.did },
      services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://new.example.com" } },
    }),
    user,
  );
  const seen = log([genesis, withKey, moved]);
  expect(reasonOf(() => planSwap(seen, wish(), time(3)))).toBe("home-changed");
  expect(reasonOf(() => planSwap(seen, { ...wish(), home: "https://new.example.com" }, time(3)))).toBe(
    "nothing thrown",
  );
});

test("the server's signing key: not a temporary one, and one that came as such is known", async () => {
  const forgotten = await testKey("forgotten");
  const first = await swapAfter(withKey, forgotten);
  const second = await swapAfter(first);
  const seen = log([genesis, withKey, first, second]);
  expect(lastOwnKey(seen, [temporary.did])).toBe(forgotten.did);
  expect(lastOwnKey(seen, [temporary.did, forgotten.did])).toBe(signing.did);
  expect([forgotten, signing].map(({ did }) => cameAsTemporary(seen, did, [user.did]))).toEqual([true, false]);
  expect(cameAsTemporary(seen, forgotten.did, [server.did])).toBe(false);
  const back = await swapAfter(second, signing);
  expect(cameAsTemporary(log([genesis, withKey, first, second, back]), signing.did, [user.did])).toBe(false);
});

test("an identity that a server lets name the new server in the middle of a restore has not arrived", async () => {
  const ours = await swapAfter(withKey);
  const endpoint = { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://new.example.com" } };
  const content = { verificationMethods: { atproto: signing.did }, services: endpoint };
  const keys = { rotationKeys: [user.did, server.did] };
  const [theirs, own] = await Promise.all(
    [server, user].map(async (key) => signed(operation(testCid(ours), { ...content, ...keys }), key)),
  );
  const state = { temporaryKeys: [temporary.did] };
  expect(strangeArrival(log([genesis, withKey, ours, theirs ?? {}]), state)?.cid).toBe(testCid(theirs));
  expect(strangeArrival(log([genesis, withKey, ours, own ?? {}]), state)).toBeUndefined();
  const signedIt = { ...state, signed: { cid: testCid(theirs) } };
  expect(strangeArrival(log([genesis, withKey, ours, theirs ?? {}]), signedIt)).toBeUndefined();
});

test("a restore that is undone puts the server's own signing key back, and not the temporary one", async () => {
  const ours = await swapAfter(withKey);
  const back = await signed(
    operation(testCid(ours), {
      rotationKeys: [user.did, stranger.did],
      verificationMethods: { atproto: stranger.did },
      services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://new.example.com" } },
    }),
    user,
  );
  const seen = log([genesis, withKey, ours, back]);
  const moved = moveBy(seen, testCid(back));
  if (moved === undefined) {
    throw new Error("it moved the account");
  }
  const account = { did: seen.did, handle: "alice.example.com", log: seen, rawLog: [] };
  const undo = (temporaryKeys: string[]): unknown =>
    planUndo(account, moved, { didKey: user.did, temporaryKeys }, time(4)).operation.verificationMethods["atproto"];
  expect(undo([temporary.did])).toBe(signing.did);
  expect(undo([])).toBe(temporary.did);
});
