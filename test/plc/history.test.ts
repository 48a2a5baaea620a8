import { expect, test } from "vitest";
import { describeHistory } from "../../src/plc/history.ts";
import { verifyLog } from "../../src/plc/log.ts";
import { at, auditLog, hour, operation, signed, testCid, testKey } from "../tools/plc.ts";

const [user, spare, server, next] = await Promise.all([
  testKey("user"),
  testKey("spare", "p256"),
  testKey("server"),
  testKey("next server"),
]);
const usual = { rotationKeys: [user.did, spare.did, server.did], verificationMethods: { atproto: server.did } };

const genesis = await signed(operation(null, usual), server);
const renamed = await signed(
  operation(testCid(genesis), { ...usual, alsoKnownAs: ["at://renamed.example.com"] }),
  server,
);
const hostile = await signed(operation(testCid(renamed), { ...usual, rotationKeys: [server.did] }), server);
const more = await signed(operation(testCid(hostile), { ...usual, rotationKeys: [next.did] }), server);
const rescue = await signed(operation(testCid(renamed), { ...usual, rotationKeys: [user.did, next.did] }), spare);
const end = await signed({ type: "plc_tombstone", prev: testCid(rescue) }, next);

const entries = auditLog([genesis, renamed, hostile, more, rescue, end], { nullified: [2, 3] });
/** 72 hours after an operation that came this many hours after the first. */
function until(hours: number): number {
  return Date.parse(at((hours + 72) * hour));
}

const history = describeHistory(verifyLog(entries[0]!.did, entries));

test("what every operation is, and who signed it", () => {
  expect(history.map(({ kind, signerRank }) => [kind, signerRank])).toEqual([
    ["genesis", 2],
    ["update", 2],
    ["update", 2],
    ["update", 0],
    ["recovery", 1],
    ["tombstone", 1],
  ]);
  expect(history.map(({ entry }) => entry.signer)).toEqual(
    [server, server, server, server, spare, next].map((key) => key.did),
  );
});

test("what every operation changed in the one that it follows", () => {
  expect(history.map(({ changes }) => changes.map(({ field, kind }) => `${kind} ${field}`))).toEqual([
    [
      "added rotationKeys[0]",
      "added rotationKeys[1]",
      "added rotationKeys[2]",
      "added verificationMethods.atproto",
      "added alsoKnownAs[0]",
      "added services.atproto_pds",
    ],
    ["removed alsoKnownAs[0]", "added alsoKnownAs[0]"],
    ["removed rotationKeys[0]", "removed rotationKeys[1]", "removed alsoKnownAs[0]", "added alsoKnownAs[0]"],
    ["removed rotationKeys[0]", "added rotationKeys[0]"],
    [
      "removed rotationKeys[1]",
      "removed rotationKeys[2]",
      "added rotationKeys[1]",
      "removed alsoKnownAs[0]",
      "added alsoKnownAs[0]",
    ],
    [],
  ]);
});

test("what nullified what", () => {
  expect(history.map(({ nullifies }) => nullifies)).toEqual([[], [], [], [], [testCid(hostile), testCid(more)], []]);
  const by = testCid(rescue);
  expect(history.map(({ nullifiedBy }) => nullifiedBy)).toEqual([undefined, undefined, by, by, undefined, undefined]);
});

test("who can undo it, and until when: never a genesis, and not what is undone already", () => {
  expect(history.map(({ undoKeys }) => undoKeys)).toEqual([
    [],
    [user.did, spare.did],
    [user.did, spare.did],
    [],
    [user.did],
    [user.did],
  ]);
  expect(history.map(({ undoUntil }) => undoUntil)).toEqual([
    undefined,
    until(1),
    undefined,
    undefined,
    until(4),
    until(5),
  ]);
});
