import * as dagCbor from "@ipld/dag-cbor";
import { describe, expect, test } from "vitest";
import {
  decodeSignature,
  didOfGenesis,
  findSigner,
  normalizeOperation,
  operationBytes,
  operationCid,
  parseSignedOperation,
  rotationKeysOf,
  unsignedBytes,
} from "../../src/plc/operation.ts";
import { operation, signed, testCid, testDid, testKey } from "../tools/plc.ts";

const server = await testKey("server");
const user = await testKey("user", "p256");
const ed25519 = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";

const genesis = await signed(
  operation(null, {
    rotationKeys: [user.did, server.did],
    verificationMethods: { atproto: server.did, other: ed25519 },
  }),
  server,
);
const tombstone = await signed({ type: "plc_tombstone", prev: testCid(genesis) }, user);
const create = await signed(
  {
    type: "create",
    signingKey: server.did,
    recoveryKey: user.did,
    handle: "alice.example.com",
    service: "old.example.com",
    prev: null,
  },
  server,
);

describe.each([
  ["plc_operation", genesis, server],
  ["plc_tombstone", tombstone, user],
  ["create", create, server],
] as const)("%s", (_, json, signer) => {
  const parsed = parseSignedOperation(json);

  test("is read as it is", () => {
    expect(parsed).toEqual(json);
  });

  test("has the bytes and the CID that other libraries give it", () => {
    const { sig, ...unsigned } = json;
    expect(Buffer.from(operationBytes(parsed))).toEqual(Buffer.from(dagCbor.encode(json)));
    expect(Buffer.from(unsignedBytes(parsed))).toEqual(Buffer.from(dagCbor.encode(unsigned)));
    expect(operationCid(parsed)).toBe(testCid(json));
    expect(decodeSignature(sig)).toHaveLength(64);
  });

  test("is signed by its signer", () => {
    const others = [user, server].filter((key) => key !== signer).map((key) => key.did);
    expect(findSigner(parsed, [...others, signer.did])).toBe(signer.did);
    expect(findSigner(parsed, others)).toBeUndefined();
    expect(findSigner(parsed, [])).toBeUndefined();
  });
});

test("the DID comes from the genesis", () => {
  expect(didOfGenesis(parseSignedOperation(genesis))).toBe(testDid(genesis));
  expect(didOfGenesis(parseSignedOperation(create))).toBe(testDid(create));
});

test("prev is a text in the bytes, and no link", () => {
  expect(dagCbor.decode(operationBytes(parseSignedOperation(tombstone)))).toHaveProperty("prev", testCid(genesis));
});

test("a legacy create in today's form", () => {
  const normal = normalizeOperation(parseSignedOperation(create) as never);
  expect(normal).toEqual({
    type: "plc_operation",
    rotationKeys: [user.did, server.did],
    verificationMethods: { atproto: server.did },
    alsoKnownAs: ["at://alice.example.com"],
    services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://old.example.com" } },
    prev: null,
  });
  const full = { ...create, handle: "at://alice.example.com", service: "http://old.example.com" } as const;
  expect(normalizeOperation(full as never).alsoKnownAs).toEqual(["at://alice.example.com"]);
  expect(normalizeOperation(full as never).services["atproto_pds"]?.endpoint).toBe("http://old.example.com");
});

test("nothing may follow a tombstone", () => {
  expect(rotationKeysOf(parseSignedOperation(tombstone))).toEqual([]);
  expect(rotationKeysOf(parseSignedOperation(genesis))).toEqual([user.did, server.did]);
});

test("a name such as __proto__ is kept as a name", () => {
  const json: unknown = JSON.parse(JSON.stringify(genesis).replace('"other":', '"__proto__":'));
  const parsed = parseSignedOperation(json);
  expect(Object.keys((parsed as typeof genesis).verificationMethods)).toEqual(["atproto", "__proto__"]);
  expect(Buffer.from(operationBytes(parsed)).includes("__proto__")).toBe(true);
});

describe("what is no operation", () => {
  const service = genesis.services["atproto_pds"];
  const { prev: _prev, ...withoutPrev } = genesis;
  const { sig: _sig, ...unsigned } = genesis;
  test.each<[string, unknown, string]>([
    ["null", null, "plc/schema"],
    ["a list", [genesis], "plc/schema"],
    ["text", JSON.stringify(genesis), "plc/schema"],
    ["an unknown type", { ...genesis, type: "plc_operation_v2" }, "plc/schema"],
    ["no type", { ...genesis, type: undefined }, "plc/schema"],
    ["an extra field", { ...genesis, note: "" }, "plc/schema"],
    ["an extra field that is undefined", { ...genesis, note: undefined }, "plc/schema"],
    ["prev missing", withoutPrev, "plc/schema"],
    ["not signed", unsigned, "plc/schema"],
    ["prev as a link", { ...genesis, prev: { $link: testCid(genesis) } }, "plc/schema"],
    ["rotationKeys no list", { ...genesis, rotationKeys: { 0: user.did } }, "plc/schema"],
    ["a rotation key that is no text", { ...genesis, rotationKeys: [null] }, "plc/schema"],
    ["verificationMethods a list", { ...genesis, verificationMethods: [server.did] }, "plc/schema"],
    ["alsoKnownAs a text", { ...genesis, alsoKnownAs: "at://alice.example.com" }, "plc/schema"],
    ["half a letter", { ...genesis, alsoKnownAs: ["at://\ud800"] }, "plc/schema"],
    ["half a letter as a name", { ...genesis, services: { "\ud800": service } }, "plc/schema"],
    ["a service that is a text", { ...genesis, services: { atproto_pds: "https://old.example.com" } }, "plc/schema"],
    ["a service with one field more", { ...genesis, services: { a: { ...service, priority: 1 } } }, "plc/schema"],
    ["a service with one field less", { ...genesis, services: { a: { type: "A" } } }, "plc/schema"],
    ["a tombstone with a field of an operation", { ...tombstone, rotationKeys: [] }, "plc/schema"],
    ["a tombstone as first", { ...tombstone, prev: null }, "plc/schema"],
    ["a create with prev", { ...create, prev: testCid(genesis) }, "plc/schema"],
    ["a create with rotationKeys", { ...create, rotationKeys: [] }, "plc/schema"],
    ["an ed25519 rotation key", { ...genesis, rotationKeys: [ed25519] }, "plc/rotation-key"],
    ["a create with a broken key", { ...create, recoveryKey: "did:key:zzz" }, "plc/rotation-key"],
    ["a method that is no did:key", { ...genesis, verificationMethods: { a: "z123" } }, "plc/verification-method"],
    ["a padded signature", { ...genesis, sig: `${genesis.sig}==` }, "plc/signature-form"],
    ["a line break after the signature", { ...genesis, sig: `${genesis.sig}\n` }, "plc/signature-form"],
    ["base64 in place of base64url", { ...genesis, sig: `+${genesis.sig.slice(1)}` }, "plc/signature-form"],
    ["bits left over", { ...genesis, sig: `${genesis.sig.slice(0, 85)}B` }, "plc/signature-form"],
    ["a signature too short", { ...genesis, sig: genesis.sig.slice(0, 84) }, "plc/signature-form"],
    ["an empty signature", { ...genesis, sig: "" }, "plc/signature-form"],
  ])("%s", (_, value, rule) => {
    expect(() => parseSignedOperation(value)).toThrow(
      expect.objectContaining({ code: "identity-invalid", data: { rule } }),
    );
  });

  test("what the directory takes although the specification does not: no rotation key, one key twice", () => {
    expect(() => parseSignedOperation({ ...genesis, rotationKeys: [] })).not.toThrow();
    expect(() => parseSignedOperation({ ...genesis, rotationKeys: [user.did, user.did] })).not.toThrow();
  });
});
