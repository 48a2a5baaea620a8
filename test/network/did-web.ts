/**
 * Accounts with a did:web, whose document lies on a host of the public net: by real HTTPS, for decamp and the servers.
 */
import { createServer } from "node:http";
import { Secp256k1Keypair } from "@atproto/crypto";
import type { Account } from "./account.ts";
import type { Network } from "./control.ts";
import type { PdsHandle } from "./pds.ts";
import { populate } from "./populate.ts";
import { listen, stopServer } from "./ports.ts";
import { startPublicNames, type PublicNames } from "./public-names.ts";
import { procedure, query } from "./xrpc.ts";

/** The host of a did:web: what lies there, and who has asked for it. */
export interface WebHost extends AsyncDisposable {
  readonly did: string;
  readonly names: PublicNames;
  /** Text of did.json; 404 while there is none. */
  document: string | undefined;
  /** The `cache-control` of each request for it. */
  readonly asked: (string | undefined)[];
}

/** @param host a name under `.web.test`, for which there is a certificate */
export async function startWebHost(host: string): Promise<WebHost> {
  const web: Pick<WebHost, "document" | "asked"> = { document: undefined, asked: [] };
  const server = createServer(({ url, headers }, response) => {
    const isThere = url === "/.well-known/did.json" && web.document !== undefined;
    if (isThere) {
      web.asked.push(headers["cache-control"]);
    }
    response.writeHead(isThere ? 200 : 404, { "content-type": "application/json" }).end(isThere ? web.document : "{}");
  });
  const port = await listen(server, 0);
  const names = await startPublicNames((name) => (name === host ? `http://127.0.0.1:${port}` : undefined));
  return Object.assign(web, {
    did: `did:web:${host}`,
    names,
    [Symbol.asyncDispose]: async () => {
      await names[Symbol.asyncDispose]();
      await stopServer(server);
    },
  });
}

/** A server in a process of its own that finds the document by its name, and trusts its certificate. */
export async function addPdsFor(network: Network, web: WebHost, name: string): Promise<PdsHandle> {
  const host = web.did.slice("did:web:".length);
  return network.addPds({
    name,
    apart: true,
    preload: new URL("lead-names.ts", import.meta.url).href,
    processEnv: { ...web.names.env, DECAMP_TEST_NAMES: `${host}:${web.names.tlsPort}` },
  });
}

/** Makes the account on `pds`, with the document that it needs there and something of its user's own in it. */
export async function createWebAccount(pds: PdsHandle, web: WebHost, name: string): Promise<Account> {
  const { did } = web;
  const handle = `${name}${pds.handleDomain}`;
  const own = await Secp256k1Keypair.create();
  const document = (signingKey: string): object => ({
    "@context": ["https://www.w3.org/ns/did/v1"],
    id: did,
    alsoKnownAs: [`at://${handle}`, "https://alice.example.com"],
    verificationMethod: [
      { id: `${did}#mine`, type: "Multikey", controller: did, publicKeyMultibase: own.did().slice("did:key:".length) },
      { id: "#atproto", type: "Multikey", controller: did, publicKeyMultibase: signingKey.slice("did:key:".length) },
    ],
    service: [
      { id: "#atproto_pds", type: "AtprotoPersonalDataServer", serviceEndpoint: pds.publicUrl },
      { id: "#blog", type: "Blog", serviceEndpoint: "https://alice.example.com" },
    ],
  });
  const publish = (signingKey: string): void => {
    web.document = JSON.stringify(document(signingKey));
  };
  // The server asks for a token that the key of the document has signed.
  publish(own.did());
  const lxm = "com.atproto.server.createAccount";
  const email = `${name}@old.example.com`;
  const password = "the-old-password";
  const { accessJwt } = await procedure<{ accessJwt: string }>(
    pds.url,
    lxm,
    { did, handle, email, password },
    { token: await serviceToken(own, { iss: did, aud: pds.did, lxm }) },
  );
  const { verificationMethods } = await query<{ verificationMethods: { atproto: string } }>(
    pds.url,
    "com.atproto.identity.getRecommendedDidCredentials",
    { token: accessJwt },
  );
  publish(verificationMethods.atproto);
  await procedure(pds.url, "com.atproto.server.activateAccount", undefined, { token: accessJwt });
  const account = { pds, did, handle, email, password, accessJwt };
  await populate(account, { records: 24, blobs: 4, seed: 15 });
  return account;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

async function serviceToken(key: Secp256k1Keypair, claims: Record<string, string>): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const body = `${part({ typ: "JWT", alg: "ES256K" })}.${part({ ...claims, iat: now, exp: now + 60, jti: `${now}` })}`;
  return `${body}.${Buffer.from(await key.sign(Buffer.from(body))).toString("base64url")}`;
}
