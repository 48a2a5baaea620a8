import { expect, test } from "vitest";
import { parseDidDocument } from "../../src/identity/did-document.ts";
import { documentDifferences, editDocument, fieldStates, unmetFields } from "../../src/identity/web-document.ts";
import { testKey } from "../tools/plc.ts";

const did = "did:web:alice.example.com";
const [old, now] = await Promise.all([testKey("old"), testKey("now", "p256")]);
const multibase = (key: { did: string }): string => key.did.slice("did:key:".length);
const wanted = { signingKey: now.did, pds: "https://new.example.org", handle: "alice.new.example.org" };

const atproto = { id: `${did}#atproto`, type: "Multikey", controller: did, publicKeyMultibase: multibase(old) };
const pds = { id: "#atproto_pds", type: "AtprotoPersonalDataServer", serviceEndpoint: "https://old.example.com" };
/** With more in it than AT Protocol knows. */
const live = {
  "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
  id: did,
  alsoKnownAs: ["https://alice.example.com", "at://alice.example.com", "at://alice.new.example.org", 7],
  verificationMethod: [
    { id: `${did}#main`, type: "JsonWebKey2020", controller: did, publicKeyJwk: { kty: "EC", x: "1", y: "2" } },
    { ...atproto, comment: "mine" },
    { ...atproto, publicKeyMultibase: "z6Mk" },
  ],
  authentication: [`${did}#main`],
  service: [
    { id: `${did}#blog`, type: "Blog", serviceEndpoint: ["https://alice.example.com", { x: null }] },
    { ...pds, priority: 1 },
  ],
  deactivated: false,
  nested: { deep: [1, { __proto__: null, two: 2.5 }] },
};

test("three fields change, and everything else stays in its place", () => {
  const edited = editDocument(live, did, wanted);
  expect(edited).toEqual({
    ...live,
    alsoKnownAs: ["https://alice.example.com", "at://alice.new.example.org", 7],
    verificationMethod: [
      live.verificationMethod[0],
      { ...atproto, comment: "mine", publicKeyMultibase: multibase(now) },
      live.verificationMethod[2],
    ],
    service: [live.service[0], { ...pds, priority: 1, serviceEndpoint: "https://new.example.org" }],
  });
  expect(Object.keys(edited)).toEqual(Object.keys(live));
  expect(unmetFields(edited, did, wanted)).toEqual([]);
  expect(parseDidDocument(edited, did)).toMatchObject(wanted);
  // What is published is not touched.
  expect(live.verificationMethod[1]).toEqual({ ...atproto, comment: "mine" });
});

test("the differences are named, and only those", () => {
  expect(documentDifferences(live, editDocument(live, did, { ...wanted, handle: undefined }))).toEqual([
    {
      field: "verificationMethod[1].publicKeyMultibase",
      kind: "changed",
      before: multibase(old),
      after: multibase(now),
    },
    {
      field: "service[1].serviceEndpoint",
      kind: "changed",
      before: "https://old.example.com",
      after: "https://new.example.org",
    },
  ]);
  expect(documentDifferences({ a: 1, b: [1] }, { b: [1, { c: 2 }], d: null })).toEqual([
    { field: "a", kind: "removed", before: "1" },
    { field: "b[1]", kind: "added", after: '{"c":2}' },
    { field: "d", kind: "added", after: "null" },
  ]);
  expect(documentDifferences({ a: 1, b: 2 }, { b: 2, a: 1 })).toEqual([]);
});

test("an old style of writing keys becomes today's, and bare names stay bare", () => {
  const legacy = {
    id: did,
    verificationMethod: [
      {
        id: "#atproto",
        type: "EcdsaSecp256k1VerificationKey2019",
        controller: did,
        publicKeyMultibase: "zQYEBzXeuTM9UR3rfvNag6L3RNAs5pQZyYPsomTsgQhsxLdEgCrPTLgFna8yqCnxPpNT7DBk6Ym3dgPKNu86vt9GR",
        publicKeyJwk: { kty: "EC" },
        publicKeyBase58: "x",
      },
    ],
    service: [pds],
  };
  expect(editDocument(legacy, did, wanted)).toEqual({
    id: did,
    verificationMethod: [{ ...atproto, id: "#atproto", publicKeyMultibase: multibase(now) }],
    service: [{ ...pds, serviceEndpoint: wanted.pds }],
    alsoKnownAs: ["at://alice.new.example.org"],
  });
});

test.each<[string, object, string, string]>([
  ["full names", { verificationMethod: [{ id: `${did}#main` }] }, `${did}#atproto`, `${did}#atproto_pds`],
  ["bare names", { service: [{ id: "#blog" }] }, "#atproto", "#atproto_pds"],
  ["nothing", {}, `${did}#atproto`, `${did}#atproto_pds`],
])("what is missing is added, in a document with %s", (_, rest, key, server) => {
  const edited = editDocument({ id: did, ...rest }, did, wanted);
  expect(edited["verificationMethod"]).toContainEqual({ ...atproto, id: key, publicKeyMultibase: multibase(now) });
  expect(edited["service"]).toContainEqual({ ...pds, id: server, serviceEndpoint: wanted.pds });
  expect(unmetFields(edited, did, wanted)).toEqual([]);
});

test("a handle that is there already stays as it is written", () => {
  const aliases = ["at://Alice.Example.com", "at://other.example.com"];
  const edited = editDocument({ ...live, alsoKnownAs: aliases }, did, { ...wanted, handle: "alice.example.com" });
  expect(edited["alsoKnownAs"]).toEqual(aliases);
});

test.each([
  ["no document", []],
  ["that of another DID", { ...live, id: "did:web:bob.example.com" }],
  ["a key that is no list", { ...live, verificationMethod: atproto }],
  ["a service that is no list", { ...live, service: { "#atproto_pds": pds } }],
  ["aliases that are no list", { ...live, alsoKnownAs: "at://alice.example.com" }],
])("%s is not edited", (_, document) => {
  expect(() => editDocument(document, did, wanted)).toThrow(expect.objectContaining({ code: "identity-invalid" }));
});

test("each field is told from what is wanted, the address letter for letter", () => {
  const served = { ...live, service: [{ ...pds, serviceEndpoint: "https://new.example.org/" }] };
  expect(fieldStates(served, did, wanted)).toEqual([
    { field: "#atproto", wanted: now.did, found: old.did },
    { field: "#atproto_pds", wanted: wanted.pds, found: "https://new.example.org/" },
    { field: "alsoKnownAs", wanted: wanted.handle, found: "alice.example.com" },
  ]);
  expect(unmetFields({ id: did }, did, { ...wanted, handle: undefined })).toEqual([
    { field: "#atproto", wanted: now.did, found: undefined },
    { field: "#atproto_pds", wanted: wanted.pds, found: undefined },
  ]);
});
