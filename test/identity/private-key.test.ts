import { createHash, randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { P256PrivateKeyExportable, Secp256k1PrivateKeyExportable } from "@atcute/crypto";
import { P256Keypair, Secp256k1Keypair, verifySignature as theirVerify } from "@atproto/crypto";
import { base58btc } from "multiformats/bases/base58";
import { describe, expect, test } from "vitest";
import { hasLowS, verifySignature } from "../../src/identity/keys.ts";
import { makePrivateKey, parsePrivateKey } from "../../src/identity/private-key.ts";

const orders = {
  k256: "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
  p256: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
};
const scalar = createHash("sha256").update("a private key for tests").digest();
const hex = scalar.toString("hex");
const data = new TextEncoder().encode("what is signed");
const theirs = { k256: await Secp256k1Keypair.import(scalar), p256: await P256Keypair.import(scalar) };
const exported = {
  k256: await (await Secp256k1PrivateKeyExportable.importRaw(scalar)).exportPrivateKey("multikey"),
  p256: await (await P256PrivateKeyExportable.importRaw(scalar)).exportPrivateKey("multikey"),
};

describe.each(["k256", "p256"] as const)("%s", (curve) => {
  test("hex and multibase are the same key, and the one that other libraries see", () => {
    const key = parsePrivateKey(hex, curve);
    expect(key).toMatchObject({ curve, didKey: theirs[curve].did() });
    expect(parsePrivateKey(hex.toUpperCase(), curve).didKey).toBe(key.didKey);
    // multibase says its curve itself
    expect(parsePrivateKey(exported[curve], curve === "k256" ? "p256" : "k256")).toMatchObject({
      curve,
      didKey: key.didKey,
    });
    expect(key.reveal()).toBe(exported[curve]);
  });

  test("signatures verify here and elsewhere, and have low S, always", async () => {
    const key = parsePrivateKey(hex, curve);
    const signatures = await Promise.all(Array.from({ length: 32 }, async () => key.sign(data)));
    for (const signature of signatures) {
      expect(hasLowS(curve, signature)).toBe(true);
      expect(verifySignature(key.didKey, data, signature)).toBe(true);
      expect(await theirVerify(key.didKey, data, signature)).toBe(true);
    }
    expect(verifySignature(key.didKey, new Uint8Array([1]), signatures[0]!)).toBe(false);
  });

  test("a new key takes its number from the source of randomness, and passes over one that is none", () => {
    const numbers = [Buffer.alloc(32), Buffer.from(orders[curve], "hex"), Buffer.alloc(32, 0xff), scalar];
    const key = makePrivateKey(curve, (size) => {
      expect(size).toBe(32);
      return numbers.shift()!;
    });
    expect(key.didKey).toBe(theirs[curve].did());
    expect(makePrivateKey(curve, randomBytes).didKey).not.toBe(makePrivateKey(curve, randomBytes).didKey);
  });

  test.each([
    ["zero", "0".repeat(64)],
    ["the order of the curve", orders[curve]],
    ["more than the order", "f".repeat(64)],
  ])("%s is no key", (_name, text) => {
    expect(() => parsePrivateKey(text, curve)).toThrow(
      expect.objectContaining({ code: "key-unusable", exitCode: 2 }) as Error,
    );
  });

  test("nothing that prints an object shows the private part", () => {
    const key = parsePrivateKey(hex, curve);
    for (const shown of [
      inspect(key, { depth: 9, showHidden: true }),
      JSON.stringify(key),
      JSON.stringify(Object.entries(key)),
    ]) {
      expect(shown).toContain(key.didKey);
      expect(shown).not.toContain(hex);
      expect(shown).not.toContain(key.reveal());
    }
  });
});

test("empty lines and remarks around the key do not matter", () => {
  const text = `# a key of mine\r\n\r\n  ${exported.p256}  \r\n# and a last word\n`;
  expect(parsePrivateKey(text).didKey).toBe(theirs.p256.did());
});

test.each([
  ["nothing", "# only a remark\n", "There is no key in this text."],
  ["two lines", `${hex}\n${hex}\n`, "more than one line"],
  ["a public key", theirs.k256.did(), "This is a public key"],
  ["a public key without did:key", theirs.p256.did().slice("did:key:".length), "This is a public key"],
  ["too few digits", hex.slice(2), "no private key in a form that decamp knows"],
  ["digits with 0x", `0x${hex}`, "no private key in a form that decamp knows"],
  ["a letter that base58 does not have", `${exported.k256.slice(0, -1)}0`, "that base58 does not have"],
  ["a byte short", base58btc.encode(Uint8Array.of(0x81, 0x26, ...scalar.subarray(1))), "31 bytes in place of 32"],
  ["a byte too long", base58btc.encode(Uint8Array.of(0x86, 0x26, ...scalar, 1)), "33 bytes in place of 32"],
  ["an ed25519 key", base58btc.encode(Uint8Array.of(0x80, 0x26, ...scalar)), "of a kind that AT Protocol does not use"],
  ["a password", "correct horse battery staple", "no private key in a form that decamp knows"],
  ["far too much", `z${"1".repeat(5000)}`, "no private key in a form that decamp knows"],
])("%s: refused with its reason, and not repeated", (_name, text, reason) => {
  let thrown: unknown;
  try {
    parsePrivateKey(text);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: "key-unusable", message: expect.stringContaining(reason) as string });
  expect((thrown as Error).message).not.toContain(text.trim().slice(0, 20));
});
