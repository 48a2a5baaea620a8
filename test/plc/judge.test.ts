import { describe, expect, test } from "vitest";
import { editOperation } from "../../src/plc/edit.ts";
import { judgeOperation, type Intent } from "../../src/plc/judge.ts";
import { verifyLog } from "../../src/plc/log.ts";
import type { UnsignedOperation } from "../../src/plc/operation.ts";
import { placeOperation } from "../../src/plc/place.ts";
import { at, auditLog, hour, operation, signed, testCid, testDid, testKey, type Json } from "../tools/plc.ts";

const [user, server, fresh, foreign] = await Promise.all([
  testKey("user"),
  testKey("server"),
  testKey("fresh"),
  testKey("foreign"),
]);
const usual = {
  rotationKeys: [user.did, server.did],
  verificationMethods: { atproto: server.did },
  alsoKnownAs: ["at://alice.example.com", "https://alice.example.com"],
};
const genesis = await signed(operation(null, usual), server);
const second = await signed(operation(testCid(genesis), { ...usual, alsoKnownAs: ["at://b.example.com"] }), server);
const log = verifyLog(testDid(genesis), auditLog([genesis]));
const longer = verifyLog(testDid(genesis), auditLog([genesis, second]));
const now = Date.parse(at(2 * hour));

describe("an edit", () => {
  test("of nothing is the same, after the head", () => {
    expect(editOperation(log.head, {})).toEqual(operation(testCid(genesis), usual));
  });

  test("puts keys first in their order, moves those that are there, and takes others away", () => {
    expect(
      editOperation(log.head, {
        addRotationKeys: [fresh.did, server.did, fresh.did],
        removeRotationKeys: [user.did],
      }).rotationKeys,
    ).toEqual([fresh.did, server.did]);
  });

  test("of a key that is not there is refused", () => {
    expect(() => editOperation(log.head, { removeRotationKeys: [foreign.did] })).toThrow(
      expect.objectContaining({ code: "refused" }),
    );
  });

  test("of handle, server and signing key leaves the rest", () => {
    const edited = editOperation(log.head, {
      handle: "a.example.org",
      pds: "https://new.example.org",
      signingKey: fresh.did,
    });
    expect(edited).toEqual(
      operation(testCid(genesis), {
        ...usual,
        alsoKnownAs: ["at://a.example.org", "https://alice.example.com"],
        verificationMethods: { atproto: fresh.did },
        services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://new.example.org" } },
      }),
    );
  });
});

describe("the place of an operation", () => {
  test("after the head: every rotation key may sign", () => {
    expect(placeOperation(longer, { prev: testCid(second) })).toEqual({
      base: longer.head,
      nullified: [],
      keys: [user.did, server.did],
    });
  });

  test("after an older one: what it nullifies, by whom, until when", () => {
    expect(placeOperation(longer, { prev: testCid(genesis) })).toEqual({
      base: longer.entries[0],
      nullified: [longer.entries[1]],
      keys: [user.did],
      deadline: Date.parse(at(73 * hour)),
    });
  });

  test.each([
    ["genesis", null],
    ["unknown-prev", testCid("unknown")],
  ])("%s", (reason, prev) => {
    expect(() => placeOperation(log, { prev })).toThrow(expect.objectContaining({ code: "refused", data: { reason } }));
  });

  test("after a nullified one, and after a tombstone, there is none", async () => {
    const rescue = await signed(operation(testCid(genesis), usual), user);
    const rescued = verifyLog(testDid(genesis), auditLog([genesis, second, rescue], { nullified: [1] }));
    expect(() => placeOperation(rescued, { prev: testCid(second) })).toThrow(
      expect.objectContaining({ data: { reason: "prev-nullified" } }),
    );
    const end = await signed({ type: "plc_tombstone", prev: testCid(genesis) }, user);
    const ended = verifyLog(testDid(genesis), auditLog([genesis, end]));
    expect(() => placeOperation(ended, { prev: testCid(end) })).toThrow(
      expect.objectContaining({ data: { reason: "after-tombstone" } }),
    );
  });
});

const pds = (endpoint: string) => ({ atproto_pds: { type: "AtprotoPersonalDataServer", endpoint } });

function found(change: Partial<UnsignedOperation>, intent: Intent = { byHand: true }): string[] {
  const planned = { ...editOperation(log.head, {}), ...change };
  return judgeOperation(log, planned, intent, now).findings.map(({ rule, severity }) => `${severity} ${rule}`);
}

describe("the judgement", () => {
  test.each<[string, Partial<UnsignedOperation>, Intent | undefined, string[]]>([
    ["nothing changes", {}, undefined, ["warning plc/no-change"]],
    [
      "a key comes and one goes, by hand",
      { rotationKeys: [fresh.did, server.did] },
      undefined,
      ["warning plc/unknown-key", "warning plc/key-lost", "warning plc/key-demoted"],
    ],
    [
      "the same, and nobody asked for it",
      { rotationKeys: [fresh.did, server.did] },
      {},
      ["error plc/unknown-key", "error plc/key-lost"],
    ],
    [
      "a key of the user's is lost",
      { rotationKeys: [server.did] },
      { byHand: true, userKeys: [user.did] },
      ["error plc/user-key-lost"],
    ],
    [
      "a key of the user's is put below",
      { rotationKeys: [server.did, user.did] },
      { byHand: true, userKeys: [user.did] },
      ["error plc/user-key-demoted"],
    ],
    [
      "no key is left",
      { rotationKeys: [] },
      undefined,
      ["error plc/no-rotation-key", "warning plc/key-lost", "warning plc/key-lost"],
    ],
    ["the signing key is gone", { verificationMethods: {} }, undefined, ["warning plc/no-signing-key"]],
    ["the server is gone", { services: {} }, undefined, ["warning plc/no-server"]],
    [
      "another server, and nothing else",
      { services: pds("https://new.example.org") },
      undefined,
      ["warning plc/old-signing-key", "warning plc/old-handle-first"],
    ],
    [
      "another server with a path, and all that belongs to it",
      {
        services: pds("https://new.example.org/xrpc"),
        verificationMethods: { atproto: fresh.did },
        alsoKnownAs: ["at://alice.example.org"],
      },
      undefined,
      ["warning plc/endpoint-form"],
    ],
    [
      "another server than the one that was asked for",
      { services: pds("https://new.example.org"), verificationMethods: { atproto: fresh.did } },
      { byHand: true, endpoint: "https://other.example.org", handle: "alice.example.com" },
      ["error plc/wrong-endpoint"],
    ],
    [
      "the old server's name first",
      {},
      { byHand: true, handle: "alice.example.org" },
      ["error plc/wrong-handle", "warning plc/no-change"],
    ],
  ])("%s", (_, change, intent, rules) => {
    expect(found(change, intent)).toEqual(rules);
  });

  test("back at a server with what was its own there: nothing of that is odd", async () => {
    const moved = await signed(
      operation(testCid(genesis), {
        ...usual,
        services: pds("https://new.example.org"),
        verificationMethods: { atproto: fresh.did },
      }),
      server,
    );
    const away = verifyLog(testDid(genesis), auditLog([genesis, moved]));
    const { services, verificationMethods } = editOperation(log.head, {});
    const back = (change: Partial<UnsignedOperation>): string[] =>
      judgeOperation(away, { ...editOperation(away.head, {}), ...change }, { byHand: true }, now).findings.map(
        ({ rule }) => rule,
      );
    expect(back({ services, verificationMethods })).toEqual([]);
    // The key of the server that is left is none of the old one's.
    expect(back({ services })).toEqual(["plc/old-signing-key"]);
  });

  test("the same address, written otherwise, is no other server", async () => {
    const slashed = await signed(operation(null, { ...usual, services: pds("https://old.example.com/") }), server);
    const home = verifyLog(testDid(slashed), auditLog([slashed]));
    const operation2 = editOperation(home.head, { pds: "https://old.example.com" });
    expect(judgeOperation(home, operation2, { byHand: true }, now).findings).toEqual([]);
  });

  test.each<[string, string[], string[]]>([
    [
      "a new key between them",
      [user.did, fresh.did, server.did],
      [`A rotation key is new: ${fresh.did}.`, `A rotation key would be demoted: ${server.did}, below ${fresh.did}.`],
    ],
    ["a new key last", [user.did, server.did, fresh.did], [`A rotation key is new: ${fresh.did}.`]],
    ["the other order", [server.did, user.did], [`A rotation key would be demoted: ${user.did}, below ${server.did}.`]],
    [
      "the other order, and a new key first",
      [fresh.did, server.did, user.did],
      [
        `A rotation key is new: ${fresh.did}.`,
        `A rotation key would be demoted: ${user.did}, below ${fresh.did} and ${server.did}.`,
        `A rotation key would be demoted: ${server.did}, below ${fresh.did}.`,
      ],
    ],
    ["the first goes, the second rises", [server.did], [`A rotation key would be gone: ${user.did}.`]],
  ])("by hand, names the keys that others would stand above: %s", (_, rotationKeys, messages) => {
    const planned = { ...editOperation(log.head, {}), rotationKeys };
    const { findings } = judgeOperation(log, planned, { byHand: true }, now);
    expect(findings.map(({ message }) => message)).toEqual(messages);
    expect(findings.filter(({ severity }) => severity !== "warning")).toEqual([]);
  });

  test("of a place that was asked for, says nothing", () => {
    expect(found({ rotationKeys: [server.did, user.did] }, { expectedKeys: [server.did] })).toEqual([]);
  });

  test("says how many operations are left, and a recovery does not count", async () => {
    const operations: Json[] = [genesis];
    while (operations.length < 10) {
      const alsoKnownAs = [`at://a${operations.length}.example.com`];
      operations.push(await signed(operation(testCid(operations.at(-1)), { ...usual, alsoKnownAs }), server));
    }
    const busy = verifyLog(testDid(genesis), auditLog(operations, { times: operations.map((_, index) => index) }));
    const soon = Date.parse(at(1000));
    const plain = judgeOperation(busy, editOperation(busy.head, { handle: "x.example.com" }), {}, soon);
    expect(plain.left).toEqual({ hour: 0, day: 20, week: 90 });
    expect(plain.findings.map(({ rule }) => rule)).toEqual(["plc/rate"]);
    const undo = editOperation(busy.entries[0]!, { handle: "x.example.com" });
    expect(judgeOperation(busy, undo, {}, soon).findings).toEqual([]);
  });

  test("is against what the identity says now, also where the operation goes back behind it", () => {
    const undo = editOperation(longer.entries[0]!, {});
    const { differences, findings } = judgeOperation(longer, undo, {}, now);
    expect(differences.map(({ field, kind }) => `${kind} ${field}`)).toEqual([
      "removed alsoKnownAs[0]",
      "added alsoKnownAs[0]",
      "added alsoKnownAs[1]",
    ]);
    expect(findings).toEqual([]);
  });
});
