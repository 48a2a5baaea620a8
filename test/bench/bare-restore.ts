/**
 * The shortest way to bring an account back that works at all: it sends what it is told, and proves, compares and reads
 * back nothing. `node bare-restore.ts` does what stands as JSON on its standard input (a `BareRestore`).
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { Secp256k1Keypair } from "@atproto/crypto";
import { signServiceToken } from "../../src/identity/service-token.ts";
import { auditLog } from "../network/identity.ts";
import { XrpcError, procedure, procedureBytes, query } from "../network/xrpc.ts";
import { operation, signed, type Content } from "../tools/plc.ts";

/** What it takes. Serialisable. */
export interface BareRestore {
  plcUrl: string;
  /** URL of the new server */
  target: string;
  did: string;
  /** the key that the DID document names, k256, in hex */
  signingKey: string;
  /** a rotation key of the identity, k256, in hex */
  rotationKey: string;
  account: { handle: string; email: string; password: string };
  /** path of the repository */
  car: string;
  blobs: { path: string; mimeType: string }[];
  preferences: unknown[];
}

/** Uploads at once. */
const lanes = 16;

/** Brings the account to the new server. @returns the token of its session there */
export async function bareRestore(input: BareRestore): Promise<string> {
  const { plcUrl, target, did, account, preferences } = input;
  const signingKey = await Secp256k1Keypair.import(input.signingKey);
  const rotationKey = await Secp256k1Keypair.import(input.rotationKey);
  const method = "com.atproto.server.createAccount";
  const { did: audience } = await query<{ did: string }>(target, "com.atproto.server.describeServer");
  const parts = { issuer: did, audience, method, now: Date.now(), nonce: randomBytes(16).toString("hex") };
  const bearer = await signServiceToken(parts, {
    curve: "k256",
    sign: async (data) => signingKey.sign(data),
  });
  const { accessJwt: token } = await procedure<{ accessJwt: string }>(
    target,
    method,
    { ...account, did },
    { token: bearer },
  );
  const there = { token };

  const car = new Uint8Array(await readFile(input.car));
  await procedureBytes(target, "com.atproto.repo.importRepo", car, "application/vnd.ipld.car", there);
  const queue = input.blobs.values();
  const lane = async (): Promise<void> => {
    for (const { path, mimeType } of queue) {
      const bytes = new Uint8Array(await readFile(path));
      await whileBusy(async () => procedureBytes(target, "com.atproto.repo.uploadBlob", bytes, mimeType, there));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await procedure(target, "app.bsky.actor.putPreferences", { preferences }, there);

  const credentials = await query<Content>(target, "com.atproto.identity.getRecommendedDidCredentials", there);
  const log = await auditLog(plcUrl, did);
  const rotationKeys = [rotationKey.did(), ...credentials.rotationKeys];
  const unsigned = operation(log.at(-1)?.cid ?? null, { ...credentials, rotationKeys });
  const change = await signed(unsigned, { did: rotationKey.did(), sign: async (data) => rotationKey.sign(data) });
  await procedure(target, "com.atproto.identity.submitPlcOperation", { operation: change }, there);
  await procedure(target, "com.atproto.server.activateAccount", undefined, there);
  return token;
}

/** A server with one database for an account answers 500 when too many write there: then it is asked again. */
async function whileBusy(ask: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await ask();
      return;
    } catch (error) {
      if (!(error instanceof XrpcError) || error.status !== 500 || attempt === 8) {
        throw error;
      }
      await setTimeout(100);
    }
  }
}

if (import.meta.main) {
  await bareRestore(JSON.parse(await text(process.stdin)) as BareRestore);
}
