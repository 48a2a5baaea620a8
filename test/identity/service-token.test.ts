/** Tokens that the account's own key signs, as other libraries read them. */
import { verifySignature } from "@atproto/crypto";
import { expect, test } from "vitest";
import { signServiceToken } from "../../src/identity/service-token.ts";
import { testKey } from "../tools/plc.ts";

const parts = {
  issuer: "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
  audience: "did:web:pds.example.org",
  method: "com.atproto.server.createAccount",
  now: 1_767_614_400_999,
  nonce: "a nonce",
};

function read(text: string): unknown {
  return JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
}

test.each([
  ["k256", "ES256K"],
  ["p256", "ES256"],
] as const)("%s: it says who asks whom for what, for a minute, and is signed", async (curve, alg) => {
  const key = await testKey("token", curve);
  const token = await signServiceToken(parts, { curve, sign: async (data) => key.sign(data) });
  const [header = "", payload = "", signature = ""] = token.split(".");
  expect(read(header)).toEqual({ typ: "JWT", alg });
  expect(read(payload)).toEqual({
    iss: parts.issuer,
    aud: parts.audience,
    lxm: parts.method,
    iat: 1_767_614_400,
    exp: 1_767_614_460,
    jti: parts.nonce,
  });
  const bytes = Buffer.from(signature, "base64url");
  expect(await verifySignature(key.did, Buffer.from(`${header}.${payload}`), bytes)).toBe(true);
  expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
});
