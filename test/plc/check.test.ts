import * as dagCbor from "@ipld/dag-cbor";
import { describe, expect, test } from "vitest";
import { checkOperation } from "../../src/plc/check.ts";
import type { CheckContext } from "../../src/plc/check.ts";
import type { UnsignedOperation } from "../../src/plc/operation.ts";
import { at, hour, operation, testCid, testKey } from "../tools/plc.ts";

const names = ["user", "spare", "server", "next server", "five", "six"];
const [user, spare, server, next, five, six] = (await Promise.all(names.map((name) => testKey(name)))).map(
  (key) => key.did,
) as [string, string, string, string, string, string];
const ed25519 = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";

const good = operation(testCid("head"), {
  rotationKeys: [user, spare, next],
  verificationMethods: { atproto: next },
  alsoKnownAs: ["at://alice.new.example", "https://alice.example.com"],
  services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://new.example.com" } },
}) as unknown as UnsignedOperation;
const context: CheckContext = {
  userKeys: [user, spare],
  headKeys: [user, server, spare],
  expectedKeys: [next],
  leavingKeys: [server],
  endpoint: "https://new.example.com",
  signingKey: next,
  handle: "alice.new.example",
  history: { createdAt: [at(0)], now: Date.parse(at(hour)) },
};

function rules(change: Partial<UnsignedOperation>, given: Partial<CheckContext> = {}): string[] {
  return checkOperation({ ...good, ...change }, { ...context, ...given }).map(
    ({ rule, severity }) => `${severity} ${rule}`,
  );
}

test("a good plan", () => {
  expect(rules({})).toEqual([]);
  expect(checkOperation(good)).toEqual([]);
});

const pds = good.services["atproto_pds"]!;
const many = (count: number): number[] => [...Array.from({ length: count }).keys()];
const methods = (count: number): Record<string, string> =>
  Object.fromEntries([["atproto", next], ...many(count - 1).map((index) => [`m${index}`, ed25519])]);
const aliases = (count: number): string[] => [
  "at://alice.new.example",
  ...many(count - 1).map((index) => `https://${index}`),
];
const services = (count: number): UnsignedOperation["services"] =>
  Object.fromEntries([["atproto_pds", pds], ...many(count - 1).map((index) => [`s${index}`, pds] as const)]);

/** An operation of about 4000 bytes; each letter of the length is one more. */
function sized(length: number): Partial<UnsignedOperation> {
  const long = { type: "x".repeat(200), endpoint: "x".repeat(500) };
  return {
    services: { ...good.services, long, l2: long, s: { type: "x", endpoint: "x".repeat(length) } },
    alsoKnownAs: [...aliases(1), ...many(6).map((index) => `https://${String(index).repeat(250)}`)],
  };
}

describe("what speaks against an operation", () => {
  test.each<[string, Partial<UnsignedOperation>, Partial<CheckContext>, string[]]>([
    ["no rotation key", { rotationKeys: [] }, { userKeys: [], headKeys: [] }, ["error plc/no-rotation-key"]],
    [
      "six rotation keys",
      { rotationKeys: [user, spare, next, server, five, six] },
      { expectedKeys: [next, five, six] },
      ["error plc/too-many-rotation-keys"],
    ],
    ["a key twice", { rotationKeys: [user, spare, next, next] }, {}, ["error plc/duplicate-rotation-key"]],
    [
      "a key that cannot sign",
      { rotationKeys: [user, spare, next, ed25519] },
      { expectedKeys: [next, ed25519] },
      ["error plc/rotation-key"],
    ],
    ["a user key lost", { rotationKeys: [user, next] }, {}, ["error plc/user-key-lost"]],
    ["a user key behind the server's", { rotationKeys: [user, next, spare] }, {}, ["error plc/user-key-demoted"]],
    ["user keys in another order", { rotationKeys: [spare, user, next] }, {}, ["error plc/user-key-demoted"]],
    [
      "a new user key that is not first",
      { rotationKeys: [user, spare, next, five] },
      { userKeys: [five, user, spare] },
      ["error plc/user-key-demoted"],
    ],
    ["a key that nobody asked for", { rotationKeys: [user, spare, next, five] }, {}, ["error plc/unknown-key"]],
    [
      "a key lost that is nobody's we know",
      {},
      { headKeys: [user, spare, five], userKeys: [user, spare] },
      ["error plc/key-lost"],
    ],
    ["eleven methods", { verificationMethods: methods(11) }, {}, ["error plc/too-many-verification-methods"]],
    [
      "a method that is no did:key",
      { verificationMethods: { atproto: next, x: "z6Mk" } },
      {},
      ["error plc/verification-method"],
    ],
    [
      "a method with a long name",
      { verificationMethods: { atproto: next, ["x".repeat(33)]: next } },
      {},
      ["error plc/verification-method"],
    ],
    [
      "a method with a long key",
      { verificationMethods: { atproto: next, x: `did:key:z${"1".repeat(248)}` } },
      {},
      ["error plc/verification-method"],
    ],
    [
      "a signing key that cannot sign",
      { verificationMethods: { atproto: ed25519 } },
      { signingKey: ed25519 },
      ["error plc/verification-method"],
    ],
    ["another signing key", { verificationMethods: { atproto: server } }, {}, ["error plc/wrong-signing-key"]],
    ["no signing key", { verificationMethods: {} }, {}, ["error plc/wrong-signing-key"]],
    ["eleven aliases", { alsoKnownAs: aliases(11) }, {}, ["error plc/too-many-aliases"]],
    ["an alias that is no URI", { alsoKnownAs: ["at://alice.new.example", "alice"] }, {}, ["error plc/alias"]],
    [
      "a long alias",
      { alsoKnownAs: ["at://alice.new.example", `https://${"a".repeat(251)}`] },
      {},
      ["error plc/alias"],
    ],
    [
      "an alias twice",
      { alsoKnownAs: [...good.alsoKnownAs, "https://alice.example.com"] },
      {},
      ["error plc/duplicate-alias"],
    ],
    [
      "the old handle left first",
      { alsoKnownAs: ["at://alice.old.example", "at://alice.new.example"] },
      {},
      ["error plc/wrong-handle"],
    ],
    ["eleven services", { services: services(11) }, {}, ["error plc/too-many-services"]],
    [
      "a service with a long name",
      { services: { ...good.services, ["x".repeat(33)]: pds } },
      {},
      ["error plc/service"],
    ],
    [
      "a service of a long type",
      { services: { ...good.services, x: { ...pds, type: "x".repeat(257) } } },
      {},
      ["error plc/service"],
    ],
    [
      "a service with a long endpoint",
      { services: { ...good.services, x: { ...pds, endpoint: "x".repeat(513) } } },
      {},
      ["error plc/service"],
    ],
    [
      "another endpoint",
      { services: { atproto_pds: { ...pds, endpoint: "https://old.example.com" } } },
      {},
      ["error plc/wrong-endpoint"],
    ],
    ["another type of PDS", { services: { atproto_pds: { ...pds, type: "Other" } } }, {}, ["error plc/wrong-endpoint"]],
    ["no PDS", { services: {} }, {}, ["error plc/wrong-endpoint"]],
  ])("%s", (_, change, given, expected) => {
    expect(rules(change, given)).toEqual(expected);
  });

  test("just within every limit", () => {
    const change = {
      rotationKeys: [user, spare, next, five, six],
      verificationMethods: methods(10),
      alsoKnownAs: [...aliases(9), `https://${"a".repeat(250)}`],
      services: { ...services(9), ["x".repeat(32)]: { type: "x".repeat(256), endpoint: "x".repeat(512) } },
    };
    expect(rules(change, { expectedKeys: [next, five, six] })).toEqual([]);
  });

  test("a key of the old server's operator that stands above the user's may stay there", () => {
    const given = { userKeys: [user], headKeys: [server, user], leavingKeys: [] };
    expect(rules({ rotationKeys: [server, user, next] }, given)).toEqual([]);
    expect(rules({ rotationKeys: [server, next, user] }, given)).toEqual(["error plc/user-key-demoted"]);
  });

  test("4000 bytes are allowed, 4001 are not", () => {
    const size = dagCbor.encode({ ...good, ...sized(300), sig: "A".repeat(86) }).length;
    const most = 300 + 4000 - size;
    expect(most).toBeGreaterThan(256);
    expect(most).toBeLessThan(512);
    expect(rules(sized(most))).toEqual([]);
    expect(rules(sized(most + 1))).toEqual(["error plc/too-large"]);
  });

  test.each([
    [7, hour / 20, []],
    [8, hour / 20, ["warning plc/rate"]],
    [10, hour / 20, ["error plc/rate"]],
    [10, hour / 9, ["warning plc/rate"]],
    [30, hour / 2, ["error plc/rate"]],
    [100, 1.5 * hour, ["error plc/rate"]],
    [100, 1.7 * hour, []],
  ])("%i operations, one every %i ms", (count, apart, expected) => {
    const now = Date.parse(at(0));
    const createdAt = many(count).map((index) => at(-index * apart));
    expect(rules({}, { history: { createdAt, now } })).toEqual(expected);
  });
});
