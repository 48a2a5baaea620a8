import { expect, test } from "vitest";
import { keysThatCameAlone, powerlessKeys } from "../../src/plc/came-alone.ts";
import { undoPower } from "../../src/plc/history.ts";
import { verifyLog, type VerifiedLog } from "../../src/plc/log.ts";
import {
  at,
  auditLog,
  hour,
  logOf,
  operation,
  servedAt,
  signed,
  testCid,
  testKey,
  type TestStep,
} from "../tools/plc.ts";

const [user, late, server, recovery, next, thief] = await Promise.all([
  testKey("user"),
  testKey("late"),
  testKey("server"),
  testKey("recovery of the server"),
  testKey("next server"),
  testKey("thief"),
]);
const elsewhere = servedAt("https://new.example.com");

async function read(steps: readonly TestStep[]): Promise<VerifiedLog> {
  const entries = await logOf(steps);
  return verifyLog(entries[0]!.did, entries);
}

function powerOverHead(log: VerifiedLog, serverKeys?: readonly string[]): ReturnType<typeof undoPower> {
  return undoPower(log, log.head.cid, serverKeys);
}

test("a key of the user's above the signer can undo a move, for 72 hours", async () => {
  const log = await read([
    { keys: [user, server], by: server },
    { keys: [user, next], by: server, change: elsewhere },
  ]);
  expect(powerOverHead(log)).toEqual({ keys: [user.did], until: Date.parse(at(73 * hour)) });
  expect(powerOverHead(log, [user.did])).toBeUndefined();
});

test("the recovery key of the old server leaves with the move: then nobody can undo it", async () => {
  const log = await read([
    { keys: [recovery, server], by: server },
    { keys: [next], by: server, change: elsewhere },
  ]);
  expect(powerOverHead(log)).toBeUndefined();
});

test("a key of the user's below the signer can undo nothing", async () => {
  const log = await read([
    { keys: [server, user], by: server },
    { keys: [user, next], by: server, change: elsewhere },
  ]);
  expect(powerOverHead(log)).toBeUndefined();
});

test("where the server stays, a key that left was somebody's: it can still take that back", async () => {
  const log = await read([
    { keys: [user, server], by: server },
    { keys: [thief, server], by: server },
  ]);
  expect(powerOverHead(log)?.keys).toEqual([user.did]);
});

test("a key that once came by itself is no server's, even if a thief throws it out while taking the account away", async () => {
  const log = await read([
    { keys: [server], by: server },
    { keys: [late, server], by: server },
    { keys: [thief], by: server, change: elsewhere },
  ]);
  expect(keysThatCameAlone(log)).toEqual([late.did]);
  expect(powerOverHead(log)?.keys).toEqual([late.did]);
});

test("a key that came with another server, or in the place of another, came not alone", async () => {
  const log = await read([
    { keys: [user, server], by: server },
    { keys: [user, next], by: server, change: elsewhere },
    { keys: [user, thief], by: next, change: elsewhere },
  ]);
  expect(keysThatCameAlone(log)).toEqual([]);
});

test("nobody can undo a genesis, what is nullified, and what is not there", async () => {
  const genesis = await signed(operation(null, { rotationKeys: [user.did, server.did] }), server);
  const unwanted = await signed(operation(testCid(genesis), { rotationKeys: [server.did] }), server);
  const rescue = await signed(operation(testCid(genesis), { rotationKeys: [user.did] }), user);
  const entries = auditLog([genesis, unwanted, rescue], { nullified: [1] });
  const log = verifyLog(entries[0]!.did, entries);
  for (const gone of [genesis, unwanted, rescue]) {
    expect(undoPower(log, log.entries.find(({ cid }) => cid === testCid(gone))!.cid)).toBeUndefined();
  }
  expect(undoPower(log, testCid({ some: "thing" }))).toBeUndefined();
});

test("a key that came by itself below all others can undo nothing; one that stands between them can", async () => {
  const below = await read([
    { keys: [recovery, server], by: server },
    { keys: [recovery, server, user, late], by: server },
  ]);
  expect(powerlessKeys(below)).toEqual([user.did, late.did]);
  for (const keys of [
    [recovery, user, server],
    [user, recovery, server],
  ]) {
    expect(
      powerlessKeys(
        await read([
          { keys: [recovery, server], by: server },
          { keys, by: server },
        ]),
      ),
    ).toEqual([]);
  }
  // Where the key that stood above has left, nothing stands above.
  const alone = await read([
    { keys: [server], by: server },
    { keys: [server, user], by: server },
    { keys: [user], by: server },
  ]);
  expect(powerlessKeys(alone)).toEqual([]);
});
