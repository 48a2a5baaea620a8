import { createECDH, createHash } from "node:crypto";
import { base58btc } from "multiformats/bases/base58";
import { describe, expect, test } from "vitest";
import { parseDidDocument } from "../../src/identity/did-document.ts";
import { testKey } from "../tools/plc.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const k256 = await testKey("document");
const p256 = await testKey("document", "p256");
const multikey = k256.did.slice("did:key:".length);

const method = { id: `${did}#atproto`, type: "Multikey", controller: did, publicKeyMultibase: multikey };
const service = { id: "#atproto_pds", type: "AtprotoPersonalDataServer", serviceEndpoint: "https://pds.example.com" };
const document = {
  "@context": ["https://www.w3.org/ns/did/v1"],
  id: did,
  alsoKnownAs: ["at://alice.example.com"],
  verificationMethod: [method],
  service: [service],
};

/** What a directory of the old style writes: the bare uncompressed point. */
function legacyMultibase(curve: "secp256k1" | "prime256v1"): string {
  const ecdh = createECDH(curve);
  ecdh.setPrivateKey(createHash("sha256").update("decamp test key document").digest());
  return base58btc.encode(new Uint8Array(ecdh.getPublicKey()));
}

test("today's style: Multikey and full ids", () => {
  expect(parseDidDocument(document, did)).toEqual({
    did,
    alsoKnownAs: ["at://alice.example.com"],
    handle: "alice.example.com",
    signingKey: k256.did,
    pds: "https://pds.example.com",
    raw: document,
  });
});

test.each([
  ["EcdsaSecp256k1VerificationKey2019", "secp256k1", k256.did],
  ["EcdsaSecp256r1VerificationKey2019", "prime256v1", p256.did],
] as const)("legacy style: %s with a bare fragment as id", (type, curve, expected) => {
  const legacy = { id: "#atproto", type, controller: did, publicKeyMultibase: legacyMultibase(curve) };
  expect(parseDidDocument({ ...document, verificationMethod: [legacy] }, did).signingKey).toBe(expected);
});

describe("the signing key", () => {
  const other = { ...method, publicKeyMultibase: p256.did.slice("did:key:".length) };
  test.each([
    ["no list", undefined, undefined],
    ["no method of that name", [{ ...method, id: "#atproto_label" }], undefined],
    ["behind another name", [{ ...method, id: "#other" }, other], p256.did],
    ["two of the name: the first", [method, other], k256.did],
    ["two of the name, the first useless", [{ ...method, publicKeyMultibase: "z1" }, other], undefined],
    ["the name under another DID", [{ ...method, id: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa#atproto" }], undefined],
    ["another controller", [{ ...method, controller: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa" }], undefined],
    ["no controller", [{ ...method, controller: undefined }], undefined],
    ["an unknown type", [{ ...method, type: "Ed25519VerificationKey2020" }], undefined],
    ["a legacy type with a Multikey", [{ ...method, type: "EcdsaSecp256k1VerificationKey2019" }], undefined],
    ["ed25519", [{ ...method, publicKeyMultibase: "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK" }], undefined],
  ])("%s", (_, verificationMethod, expected) => {
    expect(parseDidDocument({ ...document, verificationMethod }, did).signingKey).toBe(expected);
  });
});

describe("the PDS", () => {
  test.each([
    ["no list", undefined, undefined],
    ["full id", [{ ...service, id: `${did}#atproto_pds` }], "https://pds.example.com"],
    ["another type", [{ ...service, type: "Other" }], undefined],
    ["two: the first", [service, { ...service, serviceEndpoint: "https://b.example.com" }], "https://pds.example.com"],
    ["the first useless", [{ ...service, serviceEndpoint: {} }, service], undefined],
    ["a port", [{ ...service, serviceEndpoint: "http://localhost:2583" }], "http://localhost:2583"],
    ["a slash at the end", [{ ...service, serviceEndpoint: "https://pds.example.com/" }], "https://pds.example.com"],
    ["a path", [{ ...service, serviceEndpoint: "https://pds.example.com/a" }], undefined],
    ["a user", [{ ...service, serviceEndpoint: "https://a@pds.example.com" }], undefined],
    ["another scheme", [{ ...service, serviceEndpoint: "file:///etc/passwd" }], undefined],
  ])("%s", (_, services, expected) => {
    expect(parseDidDocument({ ...document, service: services }, did).pds).toBe(expected);
  });
});

describe("the handle", () => {
  test.each([
    ["none", undefined, undefined],
    ["no at://", ["https://alice.example.com"], undefined],
    ["the first of two", ["at://a.example.com", "at://b.example.com"], "a.example.com"],
    ["behind what is none", ["https://x.example", "at://not a handle", 7, "at://b.example.com"], "b.example.com"],
    ["upper case", ["at://Alice.Example.com"], "alice.example.com"],
  ])("%s", (_, alsoKnownAs, expected) => {
    expect(parseDidDocument({ ...document, alsoKnownAs }, did).handle).toBe(expected);
  });
});

test.each([
  ["of another DID", { ...document, id: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa" }, "did-document/id"],
  ["without id", { ...document, id: undefined }, "did-document/id"],
  ["a list", [document], "did-document/form"],
  ["nothing", null, "did-document/form"],
  ["text", "document", "did-document/form"],
])("a document that is refused: %s", (_, value, rule) => {
  expect(() => parseDidDocument(value, did)).toThrow(
    expect.objectContaining({ code: "identity-invalid", data: { rule, did } }),
  );
});
