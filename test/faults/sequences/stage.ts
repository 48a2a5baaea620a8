/** Three real servers of one network, and accounts on them that a sequence happens to. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createAccount, login, type Account } from "../../network/account.ts";
import type { Network } from "../../network/control.ts";
import { changeIdentity, generateUserKey, type UserKey } from "../../network/identity.ts";
import type { PdsHandle } from "../../network/pds.ts";
import { png } from "../../network/pictures.ts";
import { applyWrites, uploadBlob } from "../../network/populate.ts";
import { integer, seededRandom, type Random } from "../../network/random.ts";
import type { ServerName } from "./actions.ts";
import type { Model, Post } from "./model.ts";
import type { Servers } from "./world.ts";

export interface Stage extends AsyncDisposable {
  network: Network;
  servers: Servers;
}

/** Adds three servers to the network. @param name three to nine letters and digits, free among its servers */
export async function openStage(network: Network, name: string): Promise<Stage> {
  const add = async (which: ServerName): Promise<PdsHandle> =>
    network.addPds({ name: `${name}${which.toLowerCase()}` });
  const servers = { A: await add("A"), B: await add("B"), C: await add("C") };
  return {
    network,
    servers,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(Object.values(servers).map(async (pds) => network.stopPds(pds)));
    },
  };
}

/** A rotation key, and the file in which it lies. */
export interface KeyInFile extends UserKey {
  file: string;
}

/** An account, and the folder with its secrets and with what decamp keeps. */
export interface Subject extends AsyncDisposable {
  stage: Stage;
  did: string;
  /** the first part of its handles; each server adds its domain */
  label: string;
  folder: string;
  stateDir: string;
  /** the same everywhere: what the wrong command could do, it can do */
  password: string;
  email: string;
  keys: KeyInFile[];
  model: Model;
  /** the servers that can be asked */
  running: Set<ServerName>;
  random: Random;
  /** the journals after each action, for those who restore an old one */
  journals: string[];
  newPost: (at: ServerName, blob?: string) => Post;
}

let subjects = 0;

/** Makes a small account at A. */
export async function openSubject(stage: Stage, seed: number, ownKey: boolean): Promise<Subject> {
  subjects += 1;
  const random = seededRandom(seed);
  const label = `s${seed}x${subjects}`;
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-sequence-"));
  const [password, email] = ["the-password", `${label}@example.com`];
  const { A } = stage.servers;
  const account = await createAccount(A, { handle: `${label}${A.handleDomain}`, email, password });
  await writeFile(path.join(folder, "password"), `${password}\n`, { mode: 0o600 });
  let posts = 0;
  const subject: Subject = {
    stage,
    did: account.did,
    label,
    folder,
    stateDir: path.join(folder, "state"),
    password,
    email,
    keys: [],
    model: {
      posts: new Map(),
      userKeys: new Set(),
      dataHome: "A",
      darkBy: undefined,
      undoPending: false,
      pair: { from: "A", to: "B" },
    },
    running: new Set(["A", "B", "C"]),
    random,
    journals: [],
    newPost: (at, blob) => {
      posts += 1;
      return { path: `app.bsky.feed.post/${recordKey(posts)}`, at, blob };
    },
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true, force: true }),
  };
  await writePosts(subject, "A", integer(random, 5, 12));
  if (ownKey) {
    const key = await newKey(subject);
    await changeIdentity(stage.network, account, ({ rotationKeys }) => ({
      rotationKeys: [key.didKey, ...rotationKeys],
    }));
    subject.model.userKeys.add(key.didKey);
  }
  return subject;
}

/** A fresh key in a file of its own; it is the user's, whether or not the identity knows it. */
export async function newKey({ keys, folder }: Subject): Promise<KeyInFile> {
  const key = { ...(await generateUserKey()), file: path.join(folder, `key-${keys.length}`) };
  await writeFile(key.file, key.privateKeyHex, { mode: 0o600 });
  keys.push(key);
  return key;
}

/** A session of the account at one server, whatever state it is in there. */
export async function signIn({ stage, did, password, email }: Subject, server: ServerName): Promise<Account> {
  return { ...(await login(stage.servers[server], did, password)), email };
}

/** Writes posts at one server, the first of them with a picture. */
export async function writePosts(subject: Subject, at: ServerName, count: number, picture = true): Promise<void> {
  const account = await signIn(subject, at);
  const image = picture ? await uploadBlob(account, png(subject.random)) : undefined;
  const posts = Array.from({ length: count }, (_, index) =>
    subject.newPost(at, index === 0 ? image?.ref.$link : undefined),
  );
  await applyWrites(
    account,
    posts.map(({ path: where }, index) => ({
      collection: "app.bsky.feed.post",
      rkey: where.split("/")[1] ?? "",
      value: {
        $type: "app.bsky.feed.post",
        text: where,
        createdAt: new Date().toISOString(),
        ...(index === 0 && image !== undefined
          ? { embed: { $type: "app.bsky.embed.images", images: [{ image, alt: "" }] } }
          : {}),
      },
    })),
  );
  for (const post of posts) {
    subject.model.posts.set(post.path, post);
  }
}

/** A TID, and one that tells which post it is. */
function recordKey(number: number): string {
  const digits = "234567abcdefghijklmnopqrstuvwxyz";
  return `3sequence22${digits[(number >> 5) & 31] ?? ""}${digits[number & 31] ?? ""}`;
}
