/** Private keys in the forms that other tools give out. What they are is said by other libraries. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { P256PrivateKeyExportable, Secp256k1PrivateKeyExportable } from "@atcute/crypto";
import { P256Keypair, Secp256k1Keypair } from "@atproto/crypto";
import { describe, expect, test } from "vitest";
import { parseDidKey } from "../../src/identity/keys.ts";
import { parsePrivateKey } from "../../src/identity/private-key.ts";
import { parseSignedOperation, parseUnsignedOperation } from "../../src/plc/operation.ts";

const scalar = createHash("sha256").update("a private key in many forms").digest();
const hex = scalar.toString("hex");
const exportable = {
  k256: await Secp256k1PrivateKeyExportable.importRaw(scalar),
  p256: await P256PrivateKeyExportable.importRaw(scalar),
};
const keys = {
  k256: {
    did: (await Secp256k1Keypair.import(scalar)).did(),
    multibase: await exportable.k256.exportPrivateKey("multikey"),
    jwk: await exportable.k256.exportPrivateKey("jwk"),
    goatType: "K-256 / secp256k1 / ES256K private key",
  },
  p256: {
    did: (await P256Keypair.import(scalar)).did(),
    multibase: await exportable.p256.exportPrivateKey("multikey"),
    jwk: await exportable.p256.exportPrivateKey("jwk"),
    goatType: "P-256 / secp256r1 / ES256 private key",
  },
};

/** What `goat key generate` prints (bluesky-social/goat, key.go). */
function goat({ did, multibase, goatType }: (typeof keys)["k256"]): string {
  return [
    `Key Type: ${goatType}`,
    "Secret Key (Multibase Syntax): save this securely (eg, add to password manager)",
    `\t${multibase}`,
    "Public Key (DID Key Syntax): share or publish this (eg, in DID document)",
    `\t${did}`,
    "",
  ].join("\n");
}

function pem(curve: "k256" | "p256", type: "sec1" | "pkcs8", more: object = {}): string {
  const object = createPrivateKey({ key: keys[curve].jwk as JsonWebKey, format: "jwk" });
  return object.export({ type, format: "pem", ...more }).toString();
}

describe.each(["k256", "p256"] as const)("%s", (curve) => {
  const { did, multibase, jwk } = keys[curve];
  const { x: _x, y: _y, ...bare } = jwk as Record<string, unknown>;
  // openssl ecparam prints the curve before the key
  const parameters = "-----BEGIN EC PARAMETERS-----\nBgUrgQQACg==\n-----END EC PARAMETERS-----\n";
  const forms: [string, string][] = [
    ["what goat prints", goat(keys[curve])],
    ["the same, its tabs lost", goat(keys[curve]).replaceAll("\t", "")],
    ["the same, with the ends of lines of Windows", goat(keys[curve]).replaceAll("\n", "\r\n")],
    ["the key on the line of its label", `Secret Key (Multibase Syntax): ${multibase}\n`],
    [
      "what decamp prints",
      `Public key   ${did}\nCurve        ${curve}\nKept in      f.age, encrypted\nPrivate key  ${multibase}\n`,
    ],
    ["the JSON that decamp prints", JSON.stringify({ type: "result", didKey: did, privateKey: multibase })],
    ["a JWK", JSON.stringify(jwk, undefined, 2)],
    ["a JWK without the public part", JSON.stringify(bare)],
    ["a set of one JWK", JSON.stringify({ keys: [jwk] })],
    ["PEM, SEC1", pem(curve, "sec1")],
    ["PEM, PKCS8", pem(curve, "pkcs8")],
    ["PEM with the curve before it", parameters + pem(curve, "sec1")],
    ["PEM with the public key behind it", pem(curve, "pkcs8") + createPublicPem(curve)],
    ["a setting", `PDS_PLC_ROTATION_KEY=${multibase}`],
    ["an exported setting in quotes", `export PLC_SIGNING_KEY="${multibase}"\n`],
    [
      "a setting with PEM in one line",
      `ROTATION_KEY='${pem(curve, "pkcs8")
        .trim()
        .replaceAll("\n", String.raw`\n`)}'`,
    ],
    ["quotes alone", `'${multibase}'`],
  ];
  test.each(forms)("%s", (_, text) => {
    // Each of these forms names its curve itself.
    expect(parsePrivateKey(text, curve === "k256" ? "p256" : "k256")).toMatchObject({ curve, didKey: did });
  });

  test("a public key beside it that is another one", () => {
    const other = keys[curve === "k256" ? "p256" : "k256"];
    const { x, y } = other.jwk as Record<string, unknown>;
    for (const text of [goat(keys[curve]).replace(did, other.did), JSON.stringify({ ...jwk, x, y })]) {
      expect(() => parsePrivateKey(text)).toThrow("does not belong to the public key");
    }
  });
});

function createPublicPem(curve: "k256" | "p256"): string {
  const key = keys[curve].jwk as JsonWebKey;
  return createPublicKey({ key, format: "jwk" }).export({ type: "spki", format: "pem" }).toString();
}

test("the settings of a server: its rotation key, of the curve that the name says", () => {
  const settings = [
    "PDS_HOSTNAME=pds.example.com",
    `PDS_JWT_SECRET=${"ab".repeat(32)}`,
    `PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX=${hex}`,
    "PDS_DID_PLC_URL=https://plc.directory",
    "PDS_EMAIL_SMTP_URL=",
    "",
  ].join("\n");
  expect(parsePrivateKey(settings, "p256").didKey).toBe(keys.k256.did);
  expect(() => parsePrivateKey(settings.replace("ROTATION", "OTHER"))).toThrow("not exactly one");
  expect(() => parsePrivateKey(`${settings}OLD_ROTATION_KEY=${hex}\n`)).toThrow("not exactly one");
});

test("a setting whose name has no curve leaves it open", () => {
  expect(parsePrivateKey(`export KEY=${hex}`, "p256").didKey).toBe(keys.p256.did);
  expect(parsePrivateKey(`export KEY=${hex}`, "k256").didKey).toBe(keys.k256.did);
});

const { privateKey: ed25519 } = generateKeyPairSync("ed25519");
const p384 = generateKeyPairSync("ec", { namedCurve: "secp384r1" }).privateKey;
const words = "abandon ability able about above absent absorb abstract absurd abuse access accident";
const { d: _d, ...publicJwk } = keys.k256.jwk as Record<string, unknown>;

test.each([
  ["encrypted PKCS8", pem("k256", "pkcs8", { cipher: "aes-256-cbc", passphrase: "secret" }), "is encrypted"],
  ["encrypted SEC1", pem("p256", "sec1", { cipher: "aes-256-cbc", passphrase: "secret" }), "is encrypted"],
  ["PEM that is cut off", pem("k256", "pkcs8").slice(0, -30), "not copied whole"],
  ["PEM with a fault", pem("k256", "pkcs8").replace(/M[A-Z]/, "AA"), "damaged, or of a kind"],
  ["two PEM keys", pem("k256", "pkcs8") + pem("p256", "pkcs8"), "more than one key"],
  ["PEM of a public key", createPublicPem("k256"), "This is a public key"],
  ["PEM of ed25519", ed25519.export({ type: "pkcs8", format: "pem" }).toString(), "AT Protocol does not use"],
  ["PEM of P-384", p384.export({ type: "sec1", format: "pem" }).toString(), "AT Protocol does not use"],
  ["an SSH key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----", "for SSH"],
  ["a public SSH key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ user@host", "for SSH"],
  ["a PGP key", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ\n-----END PGP PRIVATE KEY BLOCK-----", "for PGP"],
  ["a key of age", "# created: 2026\nAGE-SECRET-KEY-1QQQQQQ", "a key of age"],
  ["twelve words", words, "words of a wallet"],
  ["twenty-four words", `${words} ${words}`, "words of a wallet"],
  ["JSON that is no key", '{"type": "plc_operation"}', "no key (JWK)"],
  ["JSON that is cut off", JSON.stringify(keys.k256.jwk).slice(0, -5), "not copied whole"],
  ["a public JWK", JSON.stringify(publicJwk), "This is a public key"],
  ["a JWK of another kind", JSON.stringify({ kty: "OKP", crv: "Ed25519", d: "AA" }), "AT Protocol does not use"],
  ["a JWK whose number is short", JSON.stringify({ ...publicJwk, d: "AAAA" }), "3 bytes in place of 32"],
  ["two JWKs", JSON.stringify({ keys: [keys.k256.jwk, keys.p256.jwk] }), "more than one key"],
  ["a private key behind did:key:", `did:key:${keys.k256.multibase}`, "a private key behind did:key:"],
  ["goat's output without its key", goat(keys.k256).replace(keys.k256.multibase, ""), "This is a public key"],
  ["two of goat's outputs", goat(keys.k256) + goat(keys.p256), "more than one line"],
])("%s: named for what it is, and not repeated", (_, text, reason) => {
  let thrown: unknown;
  try {
    parsePrivateKey(text);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: "key-unusable", message: expect.stringContaining(reason) as string });
  for (const secret of [hex, keys.k256.multibase, keys.p256.multibase, words, text]) {
    expect(JSON.stringify(Object.assign({}, thrown, { message: (thrown as Error).message }))).not.toContain(secret);
  }
});

describe("a private key in the place of a public one is in no error", () => {
  const operation = {
    type: "plc_operation",
    rotationKeys: [keys.k256.did],
    verificationMethods: { atproto: keys.k256.did },
    alsoKnownAs: [],
    services: {},
    prev: null,
  };
  const short = keys.p256.multibase.slice(0, -3);
  test.each([keys.k256.multibase, keys.p256.multibase, short, hex])("%#", (secret) => {
    for (const text of [`did:key:${secret}`, secret]) {
      const reads = [
        () => parseDidKey(text),
        () => parseUnsignedOperation({ ...operation, rotationKeys: [text] }),
        // Digits alone are a private key only where a key belongs.
        ...(secret === hex ? [] : [() => parseSignedOperation({ ...operation, [text]: 1, sig: "A".repeat(86) })]),
      ];
      for (const read of reads) {
        let shown = "";
        try {
          read();
        } catch (error) {
          for (let at: unknown = error; at instanceof Error; at = at.cause) {
            shown += at.message;
          }
        }
        expect(shown).not.toBe("");
        expect(shown).not.toContain(secret);
      }
    }
  });
});
