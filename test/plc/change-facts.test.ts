import { expect, test } from "vitest";
import { changeFacts, serverKeysOf, type KeyFact } from "../../src/plc/change-facts.ts";
import { editOperation } from "../../src/plc/edit.ts";
import { verifyLog, type VerifiedLog } from "../../src/plc/log.ts";
import { moveOperation } from "../../src/plc/update.ts";
import { logOf, testKey, type TestKey, type TestStep } from "../tools/plc.ts";

const [user, late, server, recovery, next] = await Promise.all([
  testKey("user"),
  testKey("late"),
  testKey("server"),
  testKey("recovery of the server"),
  testKey("next server"),
]);

async function read(steps: readonly TestStep[]): Promise<VerifiedLog> {
  const entries = await logOf(steps);
  return verifyLog(entries[0]!.did, entries);
}

const dids = (keys: readonly TestKey[]): string[] => keys.map((key) => key.did);

/** The move of an account away from `old`, to a server with one key. */
function moveFrom(log: VerifiedLog, old: readonly TestKey[]) {
  return moveOperation(log.head, {
    sourceRotationKeys: dids(old),
    target: {
      rotationKeys: [next.did],
      signingKey: next.did,
      alsoKnownAs: ["at://alice.new.example.com"],
      pds: { type: "AtprotoPersonalDataServer", endpoint: "https://new.example.com" },
    },
  });
}

function keyFact(key: TestKey, rest: Omit<KeyFact, "key">): KeyFact {
  return { key: key.did, ...rest };
}

test("a move: which server, which handle, whose keys leave, come, and stay with which rank", async () => {
  const log = await read([{ keys: [user, server], by: server }]);
  const known = { user: [user.did], oldServer: [server.did], newServer: [next.did], signers: [server.did] };
  expect(changeFacts(log, moveFrom(log, [server]), known)).toEqual({
    server: { before: "https://old.example.com", after: "https://new.example.com" },
    handle: { before: "alice.example.com", after: "alice.new.example.com" },
    keys: [
      keyFact(server, { owner: "old-server", change: "leaves", rankBefore: 1 }),
      keyFact(next, { owner: "new-server", change: "comes", rank: 1 }),
      keyFact(user, { owner: "user", change: "stays", rankBefore: 0, rank: 0, outranksServer: true }),
    ],
    keyCount: 2,
    undo: { possible: "yes", keys: [user.did] },
  });
});

test("a key that nobody names stays unknown, above the new server's; and can undo what stands below it", async () => {
  const log = await read([{ keys: [recovery, server], by: server }]);
  const known = { oldServer: [server.did], newServer: [next.did], signers: [server.did] };
  const { keys, undo } = changeFacts(log, moveFrom(log, [server]), known);
  expect(keys.at(-1)).toEqual(
    keyFact(recovery, { owner: "unknown", change: "stays", rankBefore: 0, rank: 0, outranksServer: true }),
  );
  expect(undo).toEqual({ possible: "yes", keys: [recovery.did] });
  // If it may stay whoever holds it, nobody is told to count on it.
  const accepted = changeFacts(log, moveFrom(log, [server]), { ...known, accepted: [recovery.did] });
  expect(accepted.undo).toEqual({ possible: "no", keys: [] });
  expect(serverKeysOf(accepted).toSorted()).toEqual(dids([recovery, server, next]).toSorted());
});

test("where the keys above the signer are the server's own, nobody can undo it", async () => {
  const log = await read([{ keys: [recovery, server], by: server }]);
  const known = { oldServer: dids([recovery, server]), newServer: [next.did], signers: [server.did] };
  expect(changeFacts(log, moveFrom(log, [recovery, server]), known).undo).toEqual({ possible: "no", keys: [] });
});

test("a key of the user's below the server's can undo nothing; between two of them it depends on the signer", async () => {
  const known = { user: [user.did], oldServer: dids([recovery, server]), newServer: [next.did] };
  const below = await read([{ keys: [recovery, server, user], by: server }]);
  expect(changeFacts(below, moveFrom(below, [recovery, server]), known).undo.possible).toBe("no");
  const between = await read([{ keys: [recovery, user, server], by: server }]);
  const move = moveFrom(between, [recovery, server]);
  expect(changeFacts(between, move, known).undo).toEqual({ possible: "depends", keys: [user.did] });
  expect(changeFacts(between, move, { ...known, signers: [server.did] }).undo.possible).toBe("yes");
});

test("what the user says is theirs is theirs, whatever a server calls its own", async () => {
  const log = await read([{ keys: [user, server], by: server }]);
  const { keys } = changeFacts(log, editOperation(log.head, { addRotationKeys: [late.did] }), {
    user: dids([user, late]),
    oldServer: dids([user, server]),
  });
  expect(keys.map(({ key, owner, rank }) => [key, owner, rank])).toEqual([
    [late.did, "user", 0],
    [user.did, "user", 1],
    [server.did, "old-server", 2],
  ]);
});

test("a key that came by itself is said to have done so", async () => {
  const log = await read([
    { keys: [server], by: server },
    { keys: [late, server], by: server },
  ]);
  const { keys } = changeFacts(log, moveFrom(log, [server]), { oldServer: [server.did], newServer: [next.did] });
  expect(keys.find(({ key }) => key === late.did)).toMatchObject({ owner: "unknown", cameAlone: true, rank: 0 });
});
