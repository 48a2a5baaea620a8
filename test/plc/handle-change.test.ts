/** What a server may say of an identity where only the handle changes, and what of that the log has. */
import { expect, test } from "vitest";
import { foreignOperations } from "../../src/plc/foreign.ts";
import { handleChangeAfter, handleChanges } from "../../src/plc/handle-change.ts";
import { verifyLog, type VerifiedLog } from "../../src/plc/log.ts";
import { contentCid, normalizeOperation, type PlcOperation } from "../../src/plc/operation.ts";
import { at, auditLog, operation, signed, testCid, testDid, testKey, type Json } from "../tools/plc.ts";

const [user, server] = await Promise.all([testKey("user"), testKey("server")]);
const aliases = ["https://blog.example.com", "at://old.example.com", "at://second.example.com"];
const usual = {
  rotationKeys: [user.did, server.did],
  verificationMethods: { atproto: server.did },
  alsoKnownAs: aliases,
};
const genesis = await signed(operation(null, usual), server);
const did = testDid(genesis);
const prev = testCid(genesis);
const base = { cid: prev, operation: genesis as unknown as PlcOperation };
const inPlace = ["https://blog.example.com", "at://new.example.com", "at://second.example.com"];
const inFront = ["at://new.example.com", "https://blog.example.com", "at://second.example.com"];

function logOf(...later: readonly Json[]): VerifiedLog {
  return verifyLog(did, auditLog([genesis, ...later]));
}

async function follow(before: Json, parts: Json): Promise<Json> {
  return signed(operation(testCid(before), { ...usual, ...parts }), server);
}

test("the alias stands where the old one stood, or in front; nothing else changes", () => {
  expect(handleChanges(base, "new.example.com").map(({ alsoKnownAs }) => alsoKnownAs)).toEqual([inPlace, inFront]);
  for (const change of handleChanges(base, "new.example.com")) {
    const { alsoKnownAs: _, prev: follows, ...rest } = change;
    const { alsoKnownAs: __, prev: ___, ...before } = normalizeOperation(base.operation);
    expect([follows, rest]).toEqual([prev, before]);
  }
  const nameless = { ...base, operation: { ...base.operation, alsoKnownAs: ["https://blog.example.com"] } };
  expect(handleChanges(nameless, "new.example.com").map(({ alsoKnownAs }) => alsoKnownAs)).toEqual([
    ["at://new.example.com", "https://blog.example.com"],
    ["at://new.example.com", "https://blog.example.com"],
  ]);
});

test("an operation that does only that is found, with nothing else to say of it", async () => {
  for (const alsoKnownAs of [inPlace, inFront]) {
    const change = await follow(genesis, { alsoKnownAs });
    const log = logOf(change);
    expect(handleChangeAfter(log, prev, "new.example.com")).toEqual({ entry: log.head, more: [], between: [] });
    expect(handleChangeAfter(log, testCid(change), "new.example.com")).toBeUndefined();
  }
  expect(handleChangeAfter(logOf(), prev, "new.example.com")).toBeUndefined();
  expect(handleChangeAfter(logOf(), prev, "old.example.com")).toBeUndefined();
});

test("what it does beside that is named, and so is what came between", async () => {
  const taken = await follow(genesis, { alsoKnownAs: inPlace, rotationKeys: [server.did] });
  expect(handleChangeAfter(logOf(taken), prev, "new.example.com")?.more).toContainEqual(
    expect.stringContaining("rotationKeys"),
  );
  const shorter = await follow(genesis, { alsoKnownAs: ["at://new.example.com"] });
  expect(handleChangeAfter(logOf(shorter), prev, "new.example.com")?.more).not.toEqual([]);

  const other = await follow(genesis, { services: {} });
  const then = await follow(other, { services: {}, alsoKnownAs: inPlace });
  expect(handleChangeAfter(logOf(other, then), prev, "new.example.com")).toMatchObject({
    more: [],
    between: [testCid(other)],
  });
});

test("a watch knows by its content what a server was asked to sign", async () => {
  const change = await follow(genesis, { alsoKnownAs: inPlace });
  const log = logOf(change);
  const foreign = (made: readonly string[]): number =>
    foreignOperations(log, [log.head], { keys: [], made }, Date.parse(at(1))).length;
  const expected = handleChanges(base, "new.example.com").map((one) => contentCid(one));
  expect(foreign(expected)).toBe(0);
  expect(foreign(handleChanges(base, "another.example.com").map((one) => contentCid(one)))).toBe(1);
  expect(foreign([])).toBe(1);
});
