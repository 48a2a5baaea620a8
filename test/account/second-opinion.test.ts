/**
 * Somebody else's code that says something else, in the place of each opinion: nothing is kept, and nothing is sent.
 */
import type * as Crypto from "@atproto/crypto";
import type * as DagCbor from "@ipld/dag-cbor";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { addRotationKey } from "../../src/account/add-key.ts";
import { keepKey, trySigning } from "../../src/account/keep-key.ts";
import { submitOperation } from "../../src/account/submit.ts";
import { isDecampError } from "../../src/errors.ts";
import { parsePrivateKey } from "../../src/identity/private-key.ts";
import { parseSignedOperation, type PlcOperation } from "../../src/plc/operation.ts";
import { auditLog, operation, signed, testCid, testDid, testKey, withHighS } from "../tools/plc.ts";
import { forever, logServices } from "./support.ts";

/** What the other code answers wrongly. */
const lies = vi.hoisted(() => ({ key: false, signature: false, bytes: false }));
beforeEach(() => {
  Object.assign(lies, { key: false, signature: false, bytes: false });
});

vi.mock("@atproto/crypto", async (original) => {
  const real = await original<typeof Crypto>();
  const Keypair = class extends real.Secp256k1Keypair {
    static override async import(...args: Parameters<typeof real.Secp256k1Keypair.import>) {
      return lies.key ? real.Secp256k1Keypair.create() : real.Secp256k1Keypair.import(...args);
    }
  };
  const verifySignature: typeof real.verifySignature = async (...args) =>
    (await real.verifySignature(...args)) !== lies.signature;
  return { ...real, Secp256k1Keypair: Keypair, verifySignature };
});

vi.mock("@ipld/dag-cbor", async (original) => {
  const real = await original<typeof DagCbor>();
  const encode: typeof real.encode = (value) => {
    const bytes = real.encode(value);
    // What the tests make themselves is signed already.
    return lies.bytes && !("sig" in (value as object)) ? bytes.subarray(1) : bytes;
  };
  return { ...real, encode };
});

const key = parsePrivateKey("7".repeat(64));
const other = parsePrivateKey("8".repeat(64));
const differs = { code: "second-opinion", exitCode: 9 };

describe("a key", () => {
  test("is not kept", async () => {
    lies.key = true;
    const touched: string[] = [];
    const store = {
      keep: async (text: string) => void touched.push(text),
      recall: () => Promise.reject(new Error("nothing was kept")),
    };
    const form = { write: () => "text", read: async () => Promise.resolve(key) };
    await expect(keepKey(store, key, form)).rejects.toMatchObject({ ...differs, data: { about: "key" } });
    expect(touched).toEqual([]);
    lies.key = false;
    await expect(keepKey(store, key, form)).rejects.toThrow("nothing was kept");
    expect(touched).toEqual(["text"]);
  });

  test("whose signatures only decamp finds good is not relied on", async () => {
    await trySigning(key);
    lies.signature = true;
    await expect(trySigning(key)).rejects.toMatchObject({ ...differs, data: { about: "signature" } });
  });

  test("that signs for another public part is refused before anything is asked", async () => {
    const doctored = { didKey: other.didKey, sign: async (data: Uint8Array) => key.sign(data) };
    // Whatever is asked of these is a TypeError.
    const parts = { services: {} } as unknown as Parameters<typeof addRotationKey>[0];
    const request = { account: "did:plc:x", key: other.didKey, route: "directory", allowPrivateHosts: false } as const;
    await expect(addRotationKey(parts, { ...request, proof: doctored })).rejects.toMatchObject({
      code: "key-unusable",
    });
  });
});

describe("an operation", async () => {
  const [user, server] = await Promise.all([testKey("user"), testKey("server")]);
  const genesis = await signed(operation(null, { rotationKeys: [user.did, server.did] }), server);
  const good = await signed(operation(testCid(genesis), { rotationKeys: [user.did, server.did] }), user);

  /** Submits an operation to a log that takes it; says how that ended, and whether it was sent. */
  async function submit(asked: typeof good): Promise<{ sent: boolean; code: string; about: unknown }> {
    const { services } = logServices([auditLog([genesis]), auditLog([genesis, asked])]);
    let sent = false;
    const submission = {
      did: testDid(genesis),
      operation: parseSignedOperation(asked) as PlcOperation,
      cid: testCid(asked),
      plannedHead: testCid(genesis),
      host: "pds.example.com",
      send: async () => {
        sent = true;
        return Promise.resolve();
      },
    };
    try {
      await submitOperation(services, submission, forever);
      return { sent, code: "", about: undefined };
    } catch (error) {
      return isDecampError(error)
        ? { sent, code: error.code, about: error.data["about"] }
        : { sent, code: String(error), about: undefined };
    }
  }

  test("is sent when both agree", async () => {
    expect(await submit(good)).toEqual({ sent: true, code: "", about: undefined });
  });

  test.each([
    ["signature", { signature: true }],
    ["operation", { bytes: true }],
  ])("is not sent when they do not agree on the %s", async (about, lie) => {
    Object.assign(lies, lie);
    expect(await submit(good)).toEqual({ sent: false, code: "second-opinion", about });
  });

  test("is not sent with a signature that neither finds good", async () => {
    const stranger = await signed(good, await testKey("stranger"));
    for (const doctored of [{ ...good, sig: withHighS(good.sig, "k256") }, stranger]) {
      expect(await submit(doctored)).toEqual({ sent: false, code: "second-opinion", about: "signature" });
    }
  });
});
