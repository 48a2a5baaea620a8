import { describe, expect, test } from "vitest";
import { locateAccount } from "../../src/account/find.ts";
import { findIdentity } from "../../src/account/find.ts";
import type { AccountServices } from "../../src/account/services.ts";
import { parseAccount } from "../../src/identity/names.ts";
import { documentOf } from "../cli/support/directory.ts";
import { auditLog, operation, signed, testDid, testKey, type Content } from "../tools/plc.ts";
import { forever, logServices } from "./support.ts";

const [user, server, foreign] = await Promise.all([testKey("user"), testKey("server"), testKey("foreign")]);
const first = operation(null, {
  rotationKeys: [user.did, server.did],
  verificationMethods: { atproto: server.did },
  alsoKnownAs: ["at://alice.example.com", "at://second.example.com"],
});
const genesis = await signed(first, server);
const did = testDid(genesis);
const web = "did:web:alice.example.com";

interface World {
  /** Handle → DID, as DNS and the well-known address have it. */
  readonly handles?: Record<string, string>;
  /** What the document of the did:plc says in place of the log. */
  readonly document?: Partial<Content>;
  readonly webDocument?: object;
}

function servicesOf({ handles = {}, document = {}, webDocument }: World): AccountServices {
  const { services } = logServices([auditLog([genesis])]);
  return {
    ...services,
    directory: { ...services.directory, document: async () => documentOf(did, { ...first, ...document }) },
    handles: { resolve: async (handle) => handles[handle] },
    webDocument: async () => webDocument,
    openPds: () => {
      throw new Error("no test asks a server for a handle");
    },
    clockOffset: () => undefined,
  };
}

const locate = async (text: string, world: World) => locateAccount(servicesOf(world), parseAccount(text), {}, forever);
const find = async (text: string, world: World) => findIdentity(servicesOf(world), parseAccount(text), {}, forever);

describe.each([
  ["findIdentity", find],
  ["locateAccount", locate],
] as const)("%s", (_name, look) => {
  test("a handle that leads to an account which claims it", async () => {
    const handles = { "alice.example.com": did };
    expect(await look("alice.example.com", { handles })).toMatchObject({ did, handle: "alice.example.com" });
  });

  test("a DID, whose handle nobody has to confirm", async () => {
    expect(await look(did, {})).toMatchObject({ did, handle: "alice.example.com" });
  });

  test("a handle that leads nowhere", async () => {
    await expect(look("alice.example.com", {})).rejects.toMatchObject({ code: "account-not-found", exitCode: 5 });
  });

  test.each([
    ["another's", "mallory.example.com"],
    ["one that the account names, but not first", "second.example.com"],
  ])("a handle that leads to an account which does not claim it: %s", async (_which, handle) => {
    await expect(look(handle, { handles: { [handle]: did } })).rejects.toMatchObject({
      code: "identity-invalid",
      exitCode: 9,
      data: { rule: "handle/not-claimed", did, handle, claimed: "alice.example.com" },
    });
  });
});

describe("the document of a did:plc has to say what the verified log says", () => {
  test.each<[string, Partial<Content>]>([
    ["another signing key", { verificationMethods: { atproto: foreign.did } }],
    [
      "another server",
      { services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://x.example" } } },
    ],
    ["another handle", { alsoKnownAs: ["at://mallory.example.com"] }],
    ["a handle less", { alsoKnownAs: ["at://alice.example.com"] }],
  ])("%s", async (_name, document) => {
    const contradiction = { code: "identity-invalid", data: { rule: "did-document/contradiction", did } };
    await expect(find(did, { document })).rejects.toMatchObject(contradiction);
    const located = await locate(did, { document });
    await expect(located.document()).rejects.toMatchObject(contradiction);
  });
});

describe("a did:web", () => {
  const pds = { id: "#atproto_pds", type: "AtprotoPersonalDataServer", serviceEndpoint: "https://pds.example.com" };
  const method = { type: "Multikey", controller: web, publicKeyMultibase: user.did.slice("did:key:".length) };
  const document = {
    id: web,
    alsoKnownAs: ["at://alice.example.com"],
    verificationMethod: [{ ...method, id: `${web}#atproto` }],
    service: [pds],
  };

  test("is found by its handle, and has what its document says", async () => {
    const located = await locate("alice.example.com", {
      handles: { "alice.example.com": web },
      webDocument: document,
    });
    const { document: _read, ...facts } = located;
    expect(facts).toEqual({
      did: web,
      handle: "alice.example.com",
      pds: "https://pds.example.com",
      signingKeys: [user.did],
    });
  });

  test.each<[string, object]>([
    ["that is another's", { ...document, id: "did:web:mallory.example.com" }],
    ["that claims another handle", { ...document, alsoKnownAs: ["at://mallory.example.com"] }],
    ["that names no server", { ...document, service: [] }],
  ])("is refused with a document %s", async (_name, webDocument) => {
    const world = { handles: { "alice.example.com": web }, webDocument };
    await expect(locate("alice.example.com", world)).rejects.toMatchObject({ code: "identity-invalid" });
  });
});
