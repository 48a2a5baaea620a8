/** What people and operators do without decamp. */
import { cp, rm } from "node:fs/promises";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Secp256k1Keypair } from "@atproto/crypto";
import { changeIdentity, lastOperation, type PlcFields } from "../../network/identity.ts";
import type { PdsHandle } from "../../network/pds.ts";
import { procedure, query } from "../../network/xrpc.ts";
import { signed, testCid } from "../../tools/plc.ts";
import type { Action, ServerName } from "./actions.ts";
import { heldKey, type DecampAction } from "./commands.ts";
import { postsAt } from "./model.ts";
import { signIn, writePosts, type Subject } from "./stage.ts";
import type { World } from "./world.ts";

/** It is not possible now, and nothing was done. */
export class NotNow extends Error {}

/** Does it. @throws NotNow, or what a server answers */
export async function doByHand(action: Exclude<Action, DecampAction>, subject: Subject, world: World): Promise<void> {
  const { stage, running, stateDir, did } = subject;
  const { network, servers } = stage;
  switch (action.do) {
    case "post":
      need(world.lived.has(action.at), "nobody posts where the account never was");
      need(world.places[action.at].state === "active" && running.has(action.at), "it is not active there");
      return writePosts(subject, action.at, 1, action.picture === true);
    case "delete":
      return deletePost(subject, world, action.at);
    case "lose":
      return rm(path.join(stateDir, action.what === "state" ? "." : "migrations"), { recursive: true, force: true });
    case "restore-journals":
      return restoreJournals(subject, action.ago);
    case "name":
      await nameServer(subject, world, action);
      subject.model.pair = { from: world.home ?? subject.model.pair.from, to: action.server };
      return;
    case "activate":
    case "deactivate": {
      const { accessJwt } = await signIn(subject, action.at);
      const input = action.do === "activate" ? undefined : {};
      await procedure(servers[action.at].url, `com.atproto.server.${action.do}Account`, input, { token: accessJwt });
      return;
    }
    case "show-copy":
      need(world.places[action.at].state === "deactivated", "there is no such copy");
      return showCopy(servers[action.at], did);
    case "take-down":
    case "lift": {
      need(world.places[action.at].state !== "absent", "the account is not there");
      const subjectOf = { $type: "com.atproto.admin.defs#repoRef", did };
      const input = { subject: subjectOf, takedown: { applied: action.do === "take-down" } };
      await asOperator(servers[action.at], "com.atproto.admin.updateSubjectStatus", input);
      return;
    }
    case "delete-copy":
      need(!world.lived.has(action.at) && world.places[action.at].state !== "absent", "there is no such copy");
      await asOperator(servers[action.at], "com.atproto.admin.deleteAccount", { did });
      return;
    case "stop":
      running.delete(action.server);
      return network.stopPds(servers[action.server]);
    case "start":
      running.add(action.server);
      return network.startPds(servers[action.server]);
  }
}

/** Keeps what the journals are now. */
export async function keepJournals({ folder, stateDir, journals }: Subject): Promise<void> {
  const copy = path.join(folder, `journals-${journals.length}`);
  await cp(path.join(stateDir, "migrations"), copy, { recursive: true }).catch(() => undefined);
  journals.push(copy);
}

async function restoreJournals({ stateDir, journals }: Subject, ago: number): Promise<void> {
  const copy = journals.at(-1 - ago);
  need(copy !== undefined, "there are no journals of that time");
  const folder = path.join(stateDir, "migrations");
  await rm(folder, { recursive: true, force: true });
  await cp(copy, folder, { recursive: true }).catch(() => undefined);
}

async function deletePost(subject: Subject, world: World, at: ServerName): Promise<void> {
  const { stage, model, did } = subject;
  need(world.places[at].state === "active", "it is not active there");
  const post = postsAt(model, world, at).at(-1);
  need(post !== undefined, "there is no post");
  const [collection, rkey] = post.path.split("/");
  const { accessJwt } = await signIn(subject, at);
  const { url } = stage.servers[at];
  await procedure(url, "com.atproto.repo.deleteRecord", { repo: did, collection, rkey }, { token: accessJwt });
  model.posts.delete(post.path);
}

/** An operation of the user's that names a server, whatever is there. */
async function nameServer(
  subject: Subject,
  world: World,
  { server, with: what, sign }: Extract<Action, { do: "name" }>,
): Promise<void> {
  const { stage, did, label, model } = subject;
  const { home } = world;
  const pds = stage.servers[server];
  need(home !== undefined && home !== server, "it names that server already");
  if (what === "account" && world.places[server].state === "absent") {
    await createEmpty(subject, home, server);
  }
  const theirs = world.places[server].state !== "absent" || what === "account" ? await recommended() : {};
  const change = (last: PlcFields): PlcFields => ({
    ...last,
    ...theirs,
    rotationKeys: [
      ...new Set([
        ...last.rotationKeys.filter((key) => model.userKeys.has(key)),
        ...(theirs.rotationKeys ?? last.rotationKeys),
      ]),
    ],
    alsoKnownAs: [`at://${label}${pds.handleDomain}`],
    services: { ...last.services, atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: pds.publicUrl } },
  });
  const key = sign === "key" ? heldKey(subject, world) : undefined;
  if (key === undefined) {
    return changeIdentity(stage.network, await signIn(subject, home), change);
  }
  const last = await lastOperation(stage.network.plcUrl, did);
  const pair = await Secp256k1Keypair.import(key.privateKeyHex);
  const next = { ...change(last), type: "plc_operation", prev: testCid(last) };
  const operation = await signed(next, { did: pair.did(), sign: async (data) => pair.sign(data) });
  const response = await fetch(`${stage.network.plcUrl}/${did}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(operation),
  });
  need(response.ok, await response.text());

  async function recommended(): Promise<Partial<PlcFields>> {
    const { accessJwt } = await signIn(subject, server);
    const nsid = "com.atproto.identity.getRecommendedDidCredentials";
    const { rotationKeys, verificationMethods } = await query<PlcFields>(pds.url, nsid, { token: accessJwt });
    return { rotationKeys, verificationMethods };
  }
}

/** An account at `server` with nothing in it, made with a token of the home. */
async function createEmpty(subject: Subject, home: ServerName, server: ServerName): Promise<void> {
  const { stage, did, label, email, password } = subject;
  const pds = stage.servers[server];
  const nsid = "com.atproto.server.createAccount";
  const { accessJwt } = await signIn(subject, home);
  const params = { aud: pds.did, lxm: nsid };
  const { token } = await query<{ token: string }>(stage.servers[home].url, "com.atproto.server.getServiceAuth", {
    params,
    token: accessJwt,
  });
  await procedure(pds.url, nsid, { did, handle: `${label}${pds.handleDomain}`, email, password }, { token });
}

function showCopy({ dataDirectory }: PdsHandle, did: string): void {
  const database = new DatabaseSync(path.join(dataDirectory, "account.sqlite"));
  try {
    database.prepare("UPDATE actor SET deactivatedAt = NULL, deleteAfter = NULL WHERE did = ?").run(did);
  } finally {
    database.close();
  }
}

async function asOperator(pds: PdsHandle, nsid: string, input: object): Promise<void> {
  const authorization = `Basic ${Buffer.from(`admin:${pds.adminPassword}`).toString("base64")}`;
  await procedure(pds.url, nsid, input, { headers: { authorization } });
}

function need(condition: unknown, message: string): asserts condition {
  if (condition === undefined || condition === false) {
    throw new NotNow(message);
  }
}
