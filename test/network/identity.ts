/** The account's identity in the directory: reading it, and changing it through the server as a user would. */
import { Secp256k1Keypair } from "@atproto/crypto";
import type { Account } from "./account.ts";
import type { Network } from "./control.ts";
import { procedure } from "./xrpc.ts";

/** The fields of a PLC operation that its owner may choose. */
export interface PlcFields {
  rotationKeys: string[];
  alsoKnownAs: string[];
  verificationMethods: Record<string, string>;
  services: Record<string, { type: string; endpoint: string }>;
}

export interface AuditEntry {
  did: string;
  cid: string;
  nullified: boolean;
  createdAt: string;
  operation: PlcFields & { type: string; prev: string | null; sig: string };
}

export interface DidDocument {
  id: string;
  alsoKnownAs: string[];
  verificationMethod: { id: string; type: string; controller: string; publicKeyMultibase: string }[];
  service: { id: string; type: string; serviceEndpoint: string }[];
}

/** Every operation of the DID, oldest first. */
export async function auditLog(plcUrl: string, did: string): Promise<AuditEntry[]> {
  return getJson(`${plcUrl}/${did}/log/audit`);
}

/** The DID document as the directory gives it. */
export async function didDocument(plcUrl: string, did: string): Promise<DidDocument> {
  return getJson(`${plcUrl}/${did}`);
}

/** The newest operation of the DID. */
export async function lastOperation(plcUrl: string, did: string): Promise<AuditEntry["operation"]> {
  return getJson(`${plcUrl}/${did}/log/last`);
}

/**
 * Asks the server for a mailed token, lets it sign `change` of the newest operation, and sends that to the directory.
 */
export async function changeIdentity(
  network: Network,
  account: Account,
  change: (last: PlcFields) => Partial<PlcFields>,
): Promise<void> {
  const { url } = account.pds;
  const call = { token: account.accessJwt };
  const after = Date.now();
  await procedure(url, "com.atproto.identity.requestPlcOperationSignature", undefined, call);
  const { token } = await network.waitForMail({ to: account.email, subject: "PLC Update", after });
  const fields = change(await lastOperation(network.plcUrl, account.did));
  const signed = await procedure(url, "com.atproto.identity.signPlcOperation", { token, ...fields }, call);
  await sendOperation(network.plcUrl, account.did, signed["operation"] ?? signed); // some leave out the wrapper
}

/** Hands a signed operation to the directory. */
export async function sendOperation(plcUrl: string, did: string, operation: unknown): Promise<void> {
  const response = await fetch(`${plcUrl}/${did}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(operation),
  });
  if (!response.ok) {
    throw new Error(`the directory refused the operation: ${await response.text()}`);
  }
}

/** A rotation key of the user's own. */
export interface UserKey {
  didKey: string;
  privateKeyHex: string;
}

/** A fresh k256 key pair. */
export async function generateUserKey(): Promise<UserKey> {
  const pair = await Secp256k1Keypair.create({ exportable: true });
  return { didKey: pair.did(), privateKeyHex: Buffer.from(await pair.export()).toString("hex") };
}

/** What an identity holds besides what its server put there. */
export interface OwnParts {
  service: { id: string; type: string; endpoint: string };
  /** behind the handle's alias */
  alias: string;
}

/** An identity's usual extras. */
export const ownParts: OwnParts = {
  service: { id: "atproto_labeler", type: "AtprotoLabeler", endpoint: "https://labeler.example.com" },
  alias: "https://alice.example.com",
};

/** Both in one operation: a user key before all others, a service and an alias. */
export async function addOwnParts(network: Network, account: Account, parts = ownParts): Promise<UserKey> {
  const key = await generateUserKey();
  await changeIdentity(network, account, (last) => ({
    ...withParts(last, parts),
    rotationKeys: [key.didKey, ...last.rotationKeys],
  }));
  return key;
}

function withParts(last: PlcFields, { service, alias }: OwnParts): Pick<PlcFields, "alsoKnownAs" | "services"> {
  return {
    alsoKnownAs: [...last.alsoKnownAs, alias],
    services: { ...last.services, [service.id]: { type: service.type, endpoint: service.endpoint } },
  };
}

async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`${url}: ${response.status} ${await response.text()}`);
  }
  return (await response.json()) as T;
}
