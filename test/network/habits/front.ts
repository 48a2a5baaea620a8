/** What the fronts of other makes of servers have in common: answers in other words, and a commit of their own. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { Secp256k1Keypair } from "@atproto/crypto";
import { blocksToCarFile, readCarWithRoot, signCommit } from "@atproto/repo";
import { decode } from "@ipld/dag-cbor";
import { tid } from "../../repo/tools/account.ts";
import type { Answer, Exchange, Fault, Proxy } from "../../faults/proxy.ts";
import type { PdsHandle } from "../pds.ts";

/** A proxy before a reference PDS that is to look like another make. */
export interface Front {
  readonly proxy: Proxy;
  readonly server: PdsHandle;
}

/** The server is asked, and a refusal of it is said in other words; what is no refusal is passed on. */
export function inOtherWords(say: (refusal: Refusal, exchange: Exchange) => Answer | undefined): Fault {
  return async (exchange) => {
    const answer = await exchange.ask();
    const other = answer.status < 400 ? undefined : say({ ...readRefusal(answer), status: answer.status }, exchange);
    exchange.reply(other ?? answer);
  };
}

/** What the reference server says when it refuses. */
export interface Refusal {
  readonly status: number;
  readonly error?: string;
  readonly message?: string;
}

/** An answer in JSON. */
export function json(status: number, value: unknown, headers: Answer["headers"] = {}): Answer {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}

/** The value of an answer in JSON. */
export function valueOf({ body }: Answer): Record<string, unknown> {
  return JSON.parse(body.toString("utf8")) as Record<string, unknown>;
}

function readRefusal(answer: Answer): Omit<Refusal, "status"> {
  try {
    return valueOf(answer);
  } catch {
    return {};
  }
}

/** One parameter of a query. */
export function param({ request }: Exchange, name: string): string {
  return new URL(request.path, "http://localhost").searchParams.get(name) ?? "";
}

/** Reads as the operator does: a server that shows a deactivated account to everybody. */
export function asOperator(front: Front): Fault {
  return async (exchange) => exchange.reply(await askAsOperator(front, exchange.request.path));
}

/** @param where path and query */
export async function askAsOperator({ server }: Front, where: string): Promise<Answer> {
  const authorization = `Basic ${Buffer.from(`admin:${server.adminPassword}`).toString("base64")}`;
  const answer = await fetch(`http://127.0.0.1:${server.port}${where}`, { headers: { authorization } });
  const type = answer.headers.get("content-type");
  return {
    status: answer.status,
    headers: type === null ? {} : { "content-type": type },
    body: Buffer.from(await answer.arrayBuffer()),
  };
}

/** Whose session token it is. */
export function signedIn({ request }: Exchange): string {
  const payload = (request.authorization ?? "").split(".")[1] ?? "";
  try {
    const { sub } = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as { sub?: string };
    return sub ?? "";
  } catch {
    return "";
  }
}

/** The same tree under a commit of the server's own, signed with the account's key there, and newer. */
export async function signAgain({ server }: Front, car: Buffer): Promise<Buffer> {
  const { root, blocks } = await readCarWithRoot(new Uint8Array(car));
  const { sig: _sig, ...commit } = decode<UnsignedCommit>(blocks.get(root) ?? new Uint8Array());
  const folder = createHash("sha256").update(commit.did).digest("hex").slice(0, 2);
  const key = await readFile(path.join(server.dataDirectory, "actors", folder, commit.did, "key"));
  const rev = tid(Date.now() * 1000);
  const keypair = await Secp256k1Keypair.import(new Uint8Array(key));
  const cid = await blocks.add(await signCommit({ ...commit, rev } as never, keypair));
  blocks.delete(root);
  return Buffer.from(await blocksToCarFile(cid, blocks));
}

interface UnsignedCommit {
  did: string;
  rev: string;
  sig?: Uint8Array;
}
