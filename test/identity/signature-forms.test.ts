import { createECDH, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import { hasLowS, toLowS } from "../../src/identity/keys.ts";
import { readSignature } from "../../src/identity/signature-forms.ts";
import { inDer, withHighS } from "../tools/plc.ts";

const data = Buffer.from("what is signed");
const wrapped = (text: string): string => text.replace(/(.{64})/g, "$1\n");

/** A signature as OpenSSL makes it, in both of its own forms. */
function make(curve: "k256" | "p256"): { compact: Buffer; der: Buffer } {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: curve === "k256" ? "secp256k1" : "prime256v1" });
  const compact = sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" });
  return { compact, der: Buffer.from(inDer(compact.toString("base64url")), "base64url") };
}

describe.each(["k256", "p256"] as const)("signatures of %s", (curve) => {
  test("are read in every form, and get low S", () => {
    for (let count = 0; count < 100; count += 1) {
      const { compact, der } = make(curve);
      const wanted = Buffer.from(toLowS(curve, compact));
      expect(hasLowS(curve, wanted)).toBe(true);
      expect([compact.toString("base64url"), withHighS(compact.toString("base64url"), curve)]).toContain(
        wanted.toString("base64url"),
      );
      for (const form of [compact, der]) {
        const base64 = form.toString("base64");
        const texts = [form.toString("hex"), form.toString("hex").toUpperCase(), base64, form.toString("base64url")];
        const outputs = [form, ...[...texts, wrapped(base64)].flatMap((text) => [text, `${text}\n`, ` ${text}\r\n`])];
        for (const output of outputs) {
          expect(readSignature(Buffer.from(output), curve)).toEqual(new Uint8Array(wanted));
        }
      }
    }
  });

  test("OpenSSL's own DER is read", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: curve === "k256" ? "secp256k1" : "prime256v1" });
    for (let count = 0; count < 100; count += 1) {
      expect(readSignature(sign("sha256", data, privateKey), curve)).toHaveLength(64);
    }
  });

  test("numbers that are short in DER are filled up", () => {
    const compact = Buffer.concat([Buffer.alloc(31), Buffer.of(0x81), Buffer.alloc(30), Buffer.of(0x12, 0x34)]);
    const der = Buffer.from(inDer(compact.toString("base64url")), "base64url");
    expect(der).toHaveLength(2 + 4 + 4);
    expect(readSignature(der, curve)).toEqual(new Uint8Array(compact));
  });
});

test.each<[string, Uint8Array | string]>([
  ["nothing", ""],
  ["a line end", "\n"],
  ["words", "the token is locked"],
  ["63 bytes", Buffer.alloc(63, 1)],
  ["65 bytes", Buffer.alloc(65, 1)],
  ["DER with a byte behind it", Buffer.concat([make("k256").der, Buffer.of(0)])],
  ["DER that is cut off", make("k256").der.subarray(0, -1)],
  ["DER with a negative number", Buffer.from("3006020181020101", "hex")],
  ["DER with an empty number", Buffer.from("30050200020101", "hex")],
  ["DER with one number", Buffer.from("3003020101", "hex")],
  ["DER with three numbers", Buffer.from("3009020101020101020101", "hex")],
  ["DER with a number of 33 bytes", Buffer.from(`30260221${"7f".repeat(33)}020101`, "hex")],
  ["DER whose length is not its own", Buffer.from("3007020101020101", "hex")],
  ["another type in DER", Buffer.from("3006040101020101", "hex")],
  ["a key", createECDH("secp256k1").generateKeys()],
])("%s is no signature", (_name, output) => {
  expect(readSignature(Buffer.from(output), "k256")).toBeUndefined();
});

test("an S that is not below the order stays as it is: no key verifies it", () => {
  const compact = Buffer.alloc(64, 0xff);
  expect(readSignature(compact, "p256")).toEqual(new Uint8Array(compact));
});
