import { expect, test } from "vitest";
import { keysInDoubt } from "../../src/plc/keys-in-doubt.ts";
import { verifyLog, type VerifiedLog } from "../../src/plc/log.ts";
import { logOf, servedAt, testKey, type TestStep } from "../tools/plc.ts";

const [user, server, recovery, next, stranger] = await Promise.all([
  testKey("user"),
  testKey("server"),
  testKey("recovery of the server"),
  testKey("next server"),
  testKey("stranger"),
]);
const elsewhere = servedAt("https://new.example.com");

async function read(steps: readonly TestStep[]): Promise<VerifiedLog> {
  const entries = await logOf(steps);
  return verifyLog(entries[0]!.did, entries);
}

/** An account with a key of the user's own, added before the server's. */
const ordinary = await read([
  { keys: [server], by: server },
  { keys: [user, server], by: server },
]);
/** An account whose server has a key for recovery, too. */
const two = await read([{ keys: [recovery, server], by: server }]);
/** An account that moved here. */
const moved = await read([
  { keys: [user, server], by: server },
  { keys: [user, next], by: server, change: elsewhere },
]);

test("a server that names its keys honestly puts nothing in doubt, whoever else is there", () => {
  expect(keysInDoubt(ordinary, [server.did], [])).toEqual([]);
  expect(keysInDoubt(two, [recovery.did, server.did], [])).toEqual([]);
  expect(keysInDoubt(moved, [next.did], [])).toEqual([]);
});

test("one that does not say puts every key in doubt that nobody vouches for", () => {
  expect(keysInDoubt(two, undefined, [])).toEqual([recovery.did, server.did]);
  expect(keysInDoubt(ordinary, undefined, [user.did])).toEqual([server.did]);
  expect(keysInDoubt(ordinary, undefined, [user.did, server.did])).toEqual([]);
});

test("one that names only keys which are not there puts those in doubt that came with a server", () => {
  expect(keysInDoubt(ordinary, [stranger.did], [])).toEqual([server.did]);
  expect(keysInDoubt(moved, [stranger.did], [])).toEqual([user.did, next.did]);
});

test("one whose keys the user has taken out puts nothing in doubt", async () => {
  const taken = await read([
    { keys: [server], by: server },
    { keys: [user], by: server },
  ]);
  expect(keysInDoubt(taken, [server.did], [])).toEqual([]);
});

test("one that leaves out the key with which it founded the account puts that one in doubt", async () => {
  expect(keysInDoubt(two, [recovery.did], [])).toEqual([server.did]);
  // Who founds an account with a key of their own puts it first.
  const own = await read([{ keys: [user, server], by: user }]);
  expect(keysInDoubt(own, [server.did], [])).toEqual([]);
});
