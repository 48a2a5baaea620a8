/** What is tried with a server of another make: one cell of the table each, with an account of its own. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { changedJson, end, meanwhile, refuse, status } from "../../faults/faults.ts";
import { startProxy, type Proxy } from "../../faults/proxy.ts";
import { login, type Account } from "../account.ts";
import type { Network } from "../control.ts";
import type { PdsHandle } from "../pds.ts";
import { png } from "../pictures.ts";
import { applyWrites, createFilled, uploadBlob } from "../populate.ts";
import { freePort } from "../ports.ts";
import { lookBefore, proveMove, type Before } from "../prove.ts";
import { seededRandom } from "../random.ts";
import { listBlobs, repoStatus } from "../read.ts";
import { prepareMove, runDecamp, startDecamp, type Ended, type Move, type Run } from "../run-decamp.ts";
import { procedure, query } from "../xrpc.ts";
import { addOwnParts, auditLog, didDocument, generateUserKey } from "../identity.ts";
import { entrywayOf } from "./entryway.ts";
import { json } from "./front.ts";
import { takeOn, type Habit } from "./index.ts";

/**
 * What is wrong, a line each; nothing if it went as it has to.
 *
 * @param sentence of a move that is to be refused: what has to be said then, with nothing changed
 */
export type Cell = (network: Network, habit: Habit, sentence?: string) => Promise<string[]>;

/** Makes that write a commit of their own over what they import. */
export const signsAgain: ReadonlySet<Habit> = new Set(["cocoon", "tranquil"]);
/** Makes that show nothing of a copy: a key of one's own is needed there, and a yes to a proof that comes later. */
const hidesCopy: ReadonlySet<Habit> = new Set(["tranquil"]);
/** Where preferences have no place, a move is done and not whole. */
export const whole = (habit: Habit): number => (habit === "minimal" ? 6 : 0);

/** With it decamp's waits are short. */
const hurry = new URL("../../faults/hurry.ts", import.meta.url);

const size = { records: 25, blobs: 3 };
let count = 0;

/** A server behind its front, and how it is reached without it. */
export interface Dressed {
  pds: PdsHandle;
  direct: PdsHandle;
  proxy: Proxy;
  /** before the front: what is done here leaves its habits alone */
  gate: Proxy;
  /** which no other one has */
  name: string;
  /** the same */
  number: number;
}

/** A server of its own, which has no habits yet. */
export async function undressed(network: Network, habit: Habit): Promise<Dressed> {
  const number = ++count;
  const publicPort = await freePort();
  const name = `${habit}${number}`;
  const pds = await network.addPds({ name, publicPort });
  const front = await startProxy({ targetPort: pds.port });
  const gate = await startProxy({ port: publicPort, targetPort: Number(new URL(front.url).port) });
  const stop = async (): Promise<void> => void (await Promise.all([gate.stop(), front.stop()]));
  return {
    pds,
    direct: { ...pds, url: `http://localhost:${pds.port}` },
    proxy: { ...front, stop },
    gate,
    name,
    number,
  };
}

/** A file with a private key. */
async function keyFile({ folder }: Move, hex: string): Promise<string> {
  const file = path.join(folder, "key");
  await writeFile(file, hex, { mode: 0o600 });
  return file;
}

/** The same move with a key of the user's own that is in the identity, and the yes to a proof that comes later. */
async function withWayBack(network: Network, account: Account, move: Move): Promise<Move> {
  const { privateKeyHex } = await addOwnParts(network, account);
  const key = await keyFile(move, privateKeyHex);
  return { ...move, args: [...move.args, "--rotation-key-file", key, "--prove-after-activation"] };
}

/** Moves a filled account of the reference server in, as `how` says, and proves what came of it. */
export async function into(
  network: Network,
  habit: Habit,
  how: (move: Move, at: Dressed & { account: Account; late: () => Promise<void> }) => Promise<Ended | "proved">,
): Promise<string[]> {
  const dressed = await undressed(network, habit);
  const { pds, direct, proxy, number } = dressed;
  const account = await createFilled(network.a, `in${number}`, { ...size, seed: number });
  takeOn({ proxy, server: pds }, habit, account.did);
  const plain = await prepareMove(network, account, pds);
  const move = hidesCopy.has(habit) ? await withWayBack(network, account, plain) : plain;
  const before = await lookBefore(network.plcUrl, account);
  if (habit === "cirrus") {
    await makeOnly(direct, account, move);
  }
  try {
    const late = async (): Promise<void> => void Object.assign(before, await writeLate(network, account));
    const ended = await how(move, { ...dressed, account, late });
    if (ended === "proved") {
      return [];
    }
    if (ended.code !== whole(habit)) {
      return [endOf(ended)];
    }
    const checks = await proveMove(network.plcUrl, before, direct, {
      handle: move.newHandle,
      password: move.newPassword,
    });
    return checks
      .filter(({ ok, name }) => !ok && !isOther(habit, name))
      .map(({ name, detail }) => `${name}: ${detail}`);
  } finally {
    await move.remove();
    await proxy.stop();
  }
}

/** One post with a picture more, at the old server. @returns the account as it is then */
async function writeLate({ plcUrl }: Network, account: Account): Promise<Before> {
  const image = await uploadBlob(account, png(seededRandom(1)));
  const value = { $type: "app.example.picture", text: "late", image };
  await applyWrites(account, [{ collection: "app.example.picture", rkey: "late", value }]);
  return lookBefore(plcUrl, account);
}

/** What cannot be the same there: the commit of a server that writes its own, and what it has no place for. */
function isOther(habit: Habit, check: string): boolean {
  return (
    (signsAgain.has(habit) && check.includes("the same head commit")) ||
    (habit === "minimal" && check.includes("preferences"))
  );
}

/** The account that a server of one account has before anything was imported. */
export async function makeOnly(
  direct: PdsHandle,
  account: Account,
  move: Pick<Move, "newHandle" | "newEmail" | "newPassword">,
): Promise<void> {
  const method = "com.atproto.server.createAccount";
  const ask = `com.atproto.server.getServiceAuth?aud=${encodeURIComponent(direct.did)}&lxm=${method}`;
  const { token } = await query<{ token: string }>(account.pds.url, ask, { token: account.accessJwt });
  const input = { did: account.did, handle: move.newHandle, email: move.newEmail, password: move.newPassword };
  await procedure(direct.url, method, input, { token });
}

/** An account that lives at such a server. */
export async function livingAt(network: Network, habit: Habit): Promise<Dressed & { account: Account }> {
  const dressed = await undressed(network, habit);
  const account = await createFilled(dressed.direct, `at${dressed.number}`, { ...size, seed: dressed.number });
  takeOn({ proxy: dressed.proxy, server: dressed.pds }, habit, account.did, true);
  return { ...dressed, account };
}

/** A move in, without interruption. */
export const moveIn: Cell = async (network, habit) => into(network, habit, async ({ args }) => runDecamp(args));

/** A move in that stops when all is there; what is posted at the old server by then comes along when it goes on. */
export const moveInLate: Cell = async (network, habit) =>
  into(network, habit, async ({ args }, { late }) => {
    const stopped = await runDecamp([...args, "--until", "compare"]);
    if (stopped.code !== whole(habit)) {
      return stopped;
    }
    await late();
    return runDecamp(args);
  });

/** A move to the reference server, and back to the server where the account began, by the name that people know. */
export const moveHome: Cell = async (network, habit) =>
  out(network, habit, async ({ args }, { account, pds, direct }) => {
    const away = await runDecamp(args);
    if (away.code !== whole(habit)) {
      return away;
    }
    const name = account.handle.split(".")[0] ?? "";
    const guest = await login(network.b, `${name}${network.b.handleDomain}`, "the-new-password");
    await applyWrites(guest, [post("From abroad.")]);
    return goBack(
      network,
      { ...guest, email: `${name}@new.example.com` },
      {
        pds: habit === "entryway" ? { ...pds, url: entrywayOf(pds) } : pds,
        direct,
        password: account.password,
        handle: account.handle,
        habit,
      },
    );
  });

/** A move in that is undone within the 72 hours, with a rotation key of the user's own. */
export const undoIt: Cell = async (network, habit) =>
  into(network, habit, async ({ args, folder, stateDir }, { account, pds, direct }) => {
    const key = hidesCopy.has(habit) ? undefined : await addOwnParts(network, account);
    const before = await lookBefore(network.plcUrl, account);
    const moved = await runDecamp(args);
    if (moved.code !== whole(habit)) {
      return moved;
    }
    const file = async (name: string, text: string): Promise<string> => {
      const place = path.join(folder, name);
      await writeFile(place, text, { mode: 0o600 });
      return place;
    };
    const undone = await runDecamp([
      "plc",
      "undo",
      account.did,
      "--allow-private-hosts",
      "--no-input",
      ...flags({
        "--plc-url": network.plcUrl,
        "--state-dir": stateDir,
        "--confirm-did": account.did,
        "--from": pds.url,
        "--rotation-key-file": key === undefined ? path.join(folder, "key") : await file("key", key.privateKeyHex),
        "--password-file": path.join(folder, "old"),
        "--new-password-file": path.join(folder, "new"),
      }),
    ]);
    if (undone.code !== 0) {
      return undone;
    }
    const [there, here] = await Promise.all(
      [account.pds, direct].map(async ({ url }) => repoStatus({ url, did: account.did })),
    );
    const now = await lookBefore(network.plcUrl, await login(account.pds, account.handle, account.password));
    const isBack = isDeepStrictEqual([now.head, now.document, now.blobs], [before.head, before.document, before.blobs]);
    return there === "active" && here === "deactivated" && isBack
      ? "proved"
      : { ...undone, code: 1, stderr: `${there} on the old server, ${here} on the new one, as before: ${isBack}` };
  });

function flags(values: Record<string, string>): string[] {
  return Object.entries(values).flat();
}

/** A move in, and back to the server that the account came from. */
export const moveBack: Cell = async (network, habit) =>
  into(network, habit, async ({ args, folder, newHandle, newEmail, newPassword }, { account, pds, direct }) => {
    const there = await runDecamp(args);
    if (there.code !== whole(habit)) {
      return there;
    }
    const guest = await login(direct, newHandle, newPassword);
    await applyWrites(guest, [post("From abroad.")]);
    const { handle, password } = account;
    const home = { pds: network.a, direct: network.a, password, handle, habit };
    const key = hidesCopy.has(habit) ? ["--rotation-key-file", path.join(folder, "key")] : [];
    return goBack(network, { ...guest, pds, email: newEmail }, home, { now: direct, key });
  });

interface Home {
  /** as it is named on the command line */
  pds: PdsHandle;
  direct: PdsHandle;
  password: string;
  handle: string;
  habit: Habit;
}

/**
 * Goes back to where the account has lived, and proves it: nothing is asked but passwords and the mailed code.
 *
 * @param how `now`: where it is now, if not through the front; `key`: the flags of a key that signs
 */
async function goBack(
  network: Network,
  guest: Account,
  { pds, direct, password, handle, habit }: Home,
  { now = guest.pds, key = [] }: { now?: PdsHandle; key?: readonly string[] } = {},
): Promise<"proved" | Ended> {
  const before = await lookBefore(network.plcUrl, { ...guest, pds: now });
  const back = await prepareMove(network, guest, pds, ["--new-handle", "--new-email"]);
  try {
    await writeFile(path.join(back.folder, "new"), password);
    const ended = await runDecamp([...back.args, ...key]);
    // Where nothing is brought out, there is nothing to bring back that has no place.
    if (ended.code !== 0 && ended.code !== whole(habit)) {
      return ended;
    }
    const checks = await proveMove(network.plcUrl, before, direct, { handle, password });
    const wrong = checks.filter(({ ok, name }) => !ok && !isOther(habit, name));
    const stderr = wrong.map(({ name, detail }) => `${name}: ${detail}`).join("; ");
    return wrong.length === 0 ? "proved" : { ...ended, code: 1, stderr };
  } finally {
    await back.remove();
  }
}

function post(text: string): Parameters<typeof applyWrites>[1][number] {
  const value = { $type: "app.bsky.feed.post", text, createdAt: new Date().toISOString() };
  return { collection: "app.bsky.feed.post", rkey: "3kabroadpost2", value };
}

/** A move in that stops behind each of these steps, and goes on; of a copy that is not shown also without a journal. */
export const moveInResumed: Cell = async (network, habit) =>
  into(network, habit, async ({ args, stateDir }) => {
    const unseen = ["import-repo", "transfer-blobs", "submit-operation", "activate", "prove-there"];
    for (const step of hidesCopy.has(habit) ? unseen : ["create-account", "compare", "submit-operation"]) {
      const stopped = await runDecamp([...args, "--until", step]);
      // 8: the identity has changed, and the account waits to be activated.
      if (![0, whole(habit), 8].includes(stopped.code ?? 1)) {
        return stopped;
      }
      if (hidesCopy.has(habit) && step === "submit-operation") {
        await rm(path.join(stateDir, "migrations"), { recursive: true });
      }
    }
    return runDecamp(args);
  });

/** A move in to a server that lets nobody sign in before the account is confirmed: it waits for that, and goes on. */
export const moveInUnconfirmed: Cell = async (network, habit) =>
  into(network, habit, async ({ args }, { proxy, account }) => {
    let isConfirmed = false;
    proxy.when({ kind: "com.atproto.server.createAccount" }, changedJson(asksForConfirmation));
    proxy.when({ kind: "com.atproto.server.createSession" }, async (exchange) => {
      const refusal = { error: "account_not_verified", message: "Please verify your account before logging in" };
      await (isConfirmed ? exchange.pass() : exchange.reply(json(403, refusal)));
    });
    const stopped = await runDecamp(args);
    const isUntouched = (await repoStatus({ url: account.pds.url, did: account.did })) === "active";
    const isSaid = /account is confirmed[\s\S]*Please verify[\s\S]*unchanged/.test(stopped.stderr);
    if (stopped.code !== 8 || !isSaid || !isUntouched) {
      return { ...stopped, code: stopped.code === 0 ? 1 : stopped.code };
    }
    isConfirmed = true;
    return runDecamp(args);
  });

function asksForConfirmation(answer: Record<string, unknown>): object {
  return { ...answer, verificationRequired: true, verificationChannel: "email" };
}

/** A move out, to the reference server. */
export const moveOut: Cell = async (network, habit) =>
  out(network, habit, async ({ args }) => {
    if (habit === "tranquil") {
      const { code, ...refused } = await runDecamp(args.slice(0, -2));
      if (code !== 5 || !refused.stderr.includes("--recovery-key")) {
        return { ...refused, code: code === 0 ? 1 : code };
      }
    }
    return runDecamp(args);
  });

/** Makes that show nothing of a deactivated account, or not its blobs, not even to its owner. */
const hides: ReadonlySet<Habit> = new Set(["cocoon", "tranquil"]);

/**
 * A move out with `--freeze`. Where a frozen account cannot be read, it is refused before anything is made, with the
 * account active; and the move goes on without it, after a kill in the middle, too.
 */
export const moveOutFrozen: Cell = async (network, habit, sentence = "") =>
  out(network, habit, async ({ args }, { account, direct, proxy }) => {
    const frozen = await runDecamp([...args, "--freeze", "--json"]);
    if (!hides.has(habit) && frozen.code === whole(habit)) {
      return frozen;
    }
    const { data } = JSON.parse(frozen.stderr.trim().split("\n").at(-1) ?? "{}") as { data?: { reason?: string } };
    const states = [
      await repoStatus({ url: direct.url, did: account.did }),
      await repoStatus({ url: network.b.url, did: account.did }),
    ];
    const isRefused = frozen.code === 9 && data?.reason === "frozen-unreadable" && frozen.stderr.includes(sentence);
    if (!isRefused || states.join() !== "active,absent") {
      return { ...frozen, code: frozen.code === 0 ? 1 : frozen.code, stderr: `${frozen.stderr} ${states.join()}` };
    }
    // Killed before it is active again: the next run mends that, whatever it is asked for.
    const run: Run = startDecamp([...args, "--freeze"]);
    const kill = async (): Promise<void> => void run.child.kill("SIGKILL");
    proxy.when({ kind: "com.atproto.server.activateAccount", times: 1 }, end("before", kill));
    const killed = await run.ended;
    if ((await repoStatus({ url: direct.url, did: account.did })) !== "deactivated") {
      return { ...killed, code: 1, stderr: "the account is not deactivated after the kill" };
    }
    const mended = await runDecamp([...args, "--until", "sign-in"]);
    const state = await repoStatus({ url: direct.url, did: account.did });
    if (mended.code !== 0 || state !== "active") {
      return { ...mended, code: mended.code === 0 ? 1 : mended.code };
    }
    return runDecamp(args);
  });

async function out(
  network: Network,
  habit: Habit,
  how: (move: Move, at: Dressed & { account: Account }) => Promise<Ended | "refused" | "proved">,
): Promise<string[]> {
  const dressed = await livingAt(network, habit);
  const { pds, proxy, account } = dressed;
  const before = await lookBefore(network.plcUrl, account);
  const plain = await prepareMove(network, { ...account, pds }, network.b);
  // One that signs nothing without its own keys puts that of the user first, which signs in its place then.
  const key = habit === "tranquil" ? await generateUserKey() : undefined;
  const added = key === undefined ? [] : ["--recovery-key", await keyFile(plain, key.privateKeyHex)];
  const move = { ...plain, args: [...plain.args, ...added] };
  try {
    const ended = await how(move, dressed);
    if (typeof ended === "string") {
      return [];
    }
    if (ended.code !== whole(habit)) {
      return [endOf(ended)];
    }
    const moved = { handle: move.newHandle, password: move.newPassword };
    const checks = await proveMove(network.plcUrl, before, network.b, moved);
    const wrong = checks
      .filter(({ ok, name }) => !ok && !(habit === "minimal" && isOther(habit, name)))
      .filter(({ name }) => key === undefined || !oneOperation.has(name))
      .map(({ name, detail }) => `${name}: ${detail}`);
    return [...wrong, ...(key === undefined ? [] : await faultsOfTwo(network, account, key.didKey))];
  } finally {
    await move.remove();
    await proxy.stop();
  }
}

/** What cannot hold of a move with an operation for the key before it. */
const oneOperation: ReadonlySet<string> = new Set(["one operation was added", "it follows the one before"]);

/** Of a move in two operations: the first adds the key and nothing else, the second moves, and leaves no old key. */
async function faultsOfTwo(network: Network, { did }: Account, key: string): Promise<string[]> {
  const [genesis, added, moved, ...more] = (await auditLog(network.plcUrl, did)).map(({ operation }) => operation);
  const old = genesis?.rotationKeys ?? [];
  const isAdded =
    isDeepStrictEqual(added?.rotationKeys, [key, ...old]) && isDeepStrictEqual(added?.services, genesis?.services);
  const isMoved = moved?.rotationKeys[0] === key && !moved.rotationKeys.some((one) => old.includes(one));
  return isAdded && isMoved && more.length === 0 ? [] : ["the two operations are not as they have to be"];
}

/** An export, and a proof of what it made. */
export const exportIt: Cell = async (network, habit) => {
  const { pds, proxy, account } = await livingAt(network, habit);
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-habit-"));
  try {
    await writeFile(path.join(folder, "password"), account.password, { mode: 0o600 });
    const archive = path.join(folder, "archive");
    const flags = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--no-input", "--from", pds.url];
    const password = ["--password-file", path.join(folder, "password")];
    const exported = await runDecamp(["export", account.did, "-o", archive, ...flags, ...password]);
    if (exported.code !== whole(habit)) {
      return [endOf(exported)];
    }
    const verified = await runDecamp(["verify", archive, "--json"]);
    return verified.code === 0 ? [] : [endOf(verified)];
  } finally {
    await rm(folder, { recursive: true });
    await proxy.stop();
  }
};

/** `migrate status` towards such a server, before anything was begun. */
export const statusOf: Cell = async (network, habit) => {
  const { pds, direct, proxy, number } = await undressed(network, habit);
  try {
    // Somebody lives there, as nearly everywhere.
    const other = await createFilled(direct, `other${number}`, { records: 20, blobs: 2, seed: number });
    const account = await createFilled(network.a, `st${number}`, { records: 20, blobs: 2, seed: number });
    takeOn({ proxy, server: pds }, habit, other.did, true);
    const flags = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--json"];
    const asked = await runDecamp(["migrate", "status", account.did, "--to", pds.url, ...flags]);
    if (asked.code !== 0) {
      return [endOf(asked)];
    }
    const { state } = JSON.parse(asked.stdout) as { state: string };
    // One that says the same of every account that it does not show, and names no other, says nothing.
    const isMute = habit === "minimal" || habit === "cocoon";
    return state === (isMute ? "target-unknown" : "not-begun") ? [] : [state];
  } finally {
    await proxy.stop();
  }
};

/** A move that is taken back when everything is there, and the identity has not changed. */
export const cancelIt: Cell = async (network, habit) => {
  const { pds, direct, proxy, number } = await undressed(network, habit);
  const account = await createFilled(network.a, `ca${number}`, { ...size, seed: number });
  takeOn({ proxy, server: pds }, habit, account.did);
  const plain = await prepareMove(network, account, pds);
  const move = hidesCopy.has(habit) ? await withWayBack(network, account, plain) : plain;
  if (habit === "cirrus") {
    await makeOnly(direct, account, move);
  }
  try {
    const value = (flag: string): string => move.args[move.args.indexOf(flag) + 1] ?? "";
    const reader = value("--plc-token-command").split(" ").slice(0, 3).join(" ");
    const cancel = async (stateDir: string): Promise<Ended> =>
      runDecamp([
        "migrate",
        "cancel",
        account.did,
        "--allow-private-hosts",
        "--no-input",
        "--yes",
        "--state-dir",
        stateDir,
        ...["--to", "--plc-url", "--password-file", "--new-password-file"].flatMap((flag) => [flag, value(flag)]),
        "--delete-token-command",
        `${reader} ${move.newEmail} 0 'Account Deletion'`,
      ]);
    if (habit === "cocoon") {
      // Active, and nothing of it is shown: only who has made it may delete it.
      const made = await runDecamp([...move.args, "--until", "create-account"]);
      const elsewhere = await cancel(path.join(value("--state-dir"), "elsewhere"));
      if (made.code !== 0 || elsewhere.code === 0 || !elsewhere.stderr.includes("It is not deleted")) {
        return [`made: ${endOf(made)}`, `from elsewhere: ${endOf(elsewhere)}`];
      }
    }
    const stopped = await runDecamp([...move.args, "--until", "compare"]);
    if (stopped.code !== whole(habit)) {
      return [`move: ${endOf(stopped)}`];
    }
    await writeLate(network, account);
    const cancelled = await cancel(value("--state-dir"));
    if (cancelled.code !== 0) {
      return [endOf(cancelled)];
    }
    const there = await repoStatus({ url: account.pds.url, did: account.did });
    const here = await repoStatus({ url: direct.url, did: account.did });
    const left = habit === "cirrus" ? "deactivated" : "absent";
    return [
      ...(there === "active" ? [] : [`the account is ${there} on the old server`]),
      ...(here === left ? [] : [`the account is ${here} on the new server`]),
    ];
  } finally {
    await move.remove();
    await proxy.stop();
  }
};

/** A make that takes in no account that has not lived there says so, and nothing is changed. */
export const refuseNew: Cell = async (network, habit, sentence = "") => {
  const { pds, direct, proxy, number } = await undressed(network, habit);
  const account = await createFilled(network.a, `no${number}`, { ...size, seed: number });
  takeOn({ proxy, server: pds }, habit, account.did);
  const move = await prepareMove(network, account, pds);
  try {
    const ended = await runDecamp(move.args);
    const [here, there] = await Promise.all(
      [account.pds.url, direct.url].map(async (url) => repoStatus({ url, did: account.did })),
    );
    return [
      ...(ended.code === 5 && ended.stderr.includes(sentence) ? [] : [endOf(ended)]),
      ...(here === "active" && there === "absent" ? [] : [`${here} on the old server, ${there} on the new one`]),
      ...((await auditLog(network.plcUrl, account.did)).length === 1 ? [] : ["the identity was changed"]),
    ];
  } finally {
    await move.remove();
    await proxy.stop();
  }
};

/** A make that shows nothing of a copy is not moved to unless that was agreed to, and there is a way back. */
export const refuseIt: Cell = async (network, habit) => {
  const { pds, direct, proxy, number } = await undressed(network, habit);
  const account = await createFilled(network.a, `re${number}`, { ...size, seed: number });
  takeOn({ proxy, server: pds }, habit, account.did);
  const plain = await prepareMove(network, account, pds);
  const wrong: string[] = [];
  const expect = async (what: string, flags: readonly string[], code: number, word: string, copy: string) => {
    const ended = await runDecamp([...plain.args, ...flags]);
    if (ended.code !== code || !ended.stderr.includes(word)) {
      wrong.push(`${what}: ${endOf(ended)}`);
    }
    const [here, there] = await Promise.all(
      [account.pds.url, direct.url].map(async (url) => repoStatus({ url, did: account.did })),
    );
    if (here !== "active" || there !== copy) {
      wrong.push(`${what}: ${here} on the old server, ${there} on the new one`);
    }
  };
  try {
    const agreed = "--prove-after-activation";
    await expect("no key", [agreed], 9, "--rotation-key-file", "absent");
    await expect("frozen", [agreed, "--freeze"], 9, "--freeze", "absent");
    await expect("no key and no yes", ["--yes"], 9, "--recovery-key", "deactivated");
    const log = await auditLog(network.plcUrl, account.did);
    const key = ["--rotation-key-file", await keyFile(plain, (await addOwnParts(network, account)).privateKeyHex)];
    await expect("no yes", [...key, "--yes"], 7, agreed, "deactivated");
    proxy.when({ kind: "com.atproto.repo.listRecords" }, (exchange) => exchange.reply(json(200, { records: [] })));
    await expect("other records", [...key, agreed], 9, "names other records", "deactivated");
    return [...wrong, ...(log.length === 1 ? [] : ["the identity was changed"])];
  } finally {
    await plain.remove();
    await proxy.stop();
  }
};

/** A server that shows something else once the account is active: the old one stays, and the way back works. */
export const takeBack: Cell = async (network, habit) => {
  const { pds, direct, proxy, number } = await undressed(network, habit);
  const account = await createFilled(network.a, `un${number}`, { ...size, seed: number });
  takeOn({ proxy, server: pds }, habit, account.did);
  const move = await withWayBack(network, account, await prepareMove(network, account, pds));
  const before = await didDocument(network.plcUrl, account.did);
  proxy.when(
    { kind: "com.atproto.server.activateAccount" },
    meanwhile("after", async () => loseRecord(direct, move)),
  );
  try {
    const failed = await runDecamp([...move.args, "--json"]);
    const status = ["migrate", "status", account.did, "--json", "--state-dir", move.stateDir];
    const directory = ["--plc-url", network.plcUrl, "--allow-private-hosts"];
    const where = JSON.parse((await runDecamp([...status, ...directory])).stdout) as { moves: object[]; state: string };
    const error = JSON.parse(failed.stderr.trim().split("\n").at(-1) ?? "{}") as { data?: { next?: string } };
    const undo = (error.data?.next ?? "").split(" ").slice(1);
    const passwords = ["--password-file", "--new-password-file"].flatMap((flag) => [
      flag,
      move.args[move.args.indexOf(flag) + 1] ?? "",
    ]);
    const more = ["--state-dir", move.stateDir, "--no-input", "--confirm-did", account.did, ...passwords];
    const undone = await runDecamp([...undo, ...more]);
    const [here, there] = await Promise.all(
      [account.pds.url, direct.url].map(async (url) => repoStatus({ url, did: account.did })),
    );
    const after = await didDocument(network.plcUrl, account.did);
    return [
      ...(failed.code === 9 && failed.stderr.includes("not-proved") ? [] : [`move: ${endOf(failed)}`]),
      ...(where.state === "source-active" && isUnproved(where.moves[0]) ? [] : [`status: ${JSON.stringify(where)}`]),
      ...(undone.code === 0 ? [] : [`undo: ${endOf(undone)}`]),
      ...(here === "active" && there === "deactivated" ? [] : [`${here} on the old server, ${there} on the new one`]),
      ...(isDeepStrictEqual(after, before) ? [] : ["the identity is not as it was"]),
    ];
  } finally {
    await move.remove();
    await proxy.stop();
  }
};

/**
 * Killed once the account is active there, and all that decamp keeps is lost: that both have the same records shows no
 * blob, so the old account stays until each was read back.
 */
export const proveLost: Cell = async (network, habit) =>
  into(network, habit, async ({ args, stateDir }, { proxy, account, pds }) => {
    const run = startDecamp(args);
    const kill = end("after", async () => {
      run.child.kill("SIGKILL");
      await run.ended;
    });
    proxy.when({ kind: "com.atproto.server.activateAccount", times: 1 }, kill);
    await run.ended;
    await rm(stateDir, { recursive: true });
    const [blob = ""] = await listBlobs({ url: account.pds.url, did: account.did });
    proxy.when({ kind: "com.atproto.sync.getBlob" }, async (exchange) => {
      const isIt = exchange.request.path.includes(blob);
      await (isIt ? refuse(400, "BlobNotFound", "Blob not found")(exchange) : exchange.pass());
    });
    const kept = await runDecamp(args);
    const state = await repoStatus({ url: account.pds.url, did: account.did });
    if (kept.code !== 8 || state !== "active" || !kept.stderr.includes(blob)) {
      return { ...kept, code: kept.code === 0 ? 1 : kept.code };
    }
    proxy.behave();
    takeOn({ proxy, server: pds }, habit, account.did);
    return runDecamp(args);
  });

/**
 * After the switch: a server that does not activate the account, and then one that does not say what it has. Both ends
 * say how the account is on both sides, and the same command goes on.
 */
export const stumble: Cell = async (network, habit) =>
  into(network, habit, async ({ args }, { proxy, account, pds, direct }) => {
    const run = async (): Promise<Ended> => runDecamp([...args, "--json"], { preload: hurry });
    const states = async (): Promise<string> => {
      const urls = [account.pds.url, direct.url];
      return (await Promise.all(urls.map(async (url) => repoStatus({ url, did: account.did })))).join(", ");
    };
    const dress = (): void => {
      proxy.behave();
      takeOn({ proxy, server: pds }, habit, account.did);
    };
    proxy.when({ kind: "com.atproto.server.activateAccount" }, refuse(400, "InvalidRequest", "Not today"));
    const refused = await run();
    const { hint = "", data = {} } = lastError(refused);
    const says = `does not have the account active, and ${new URL(account.pds.url).host} still has.`;
    const undo = `plc undo ${account.did} --rotation-key-file`;
    if (refused.code !== 5 || !hint.includes(says) || !String(data["next"]).includes(undo)) {
      return { ...refused, code: 1 };
    }
    dress();
    proxy.when({ kind: "com.atproto.sync.getRepo" }, status(500));
    const silent = await run();
    const there = await states();
    if (silent.code !== 5 || !String(lastError(silent).hint).includes("has not said what it has") || there !== both) {
      return { ...silent, code: 1 };
    }
    dress();
    return run();
  });

const both = "active, active";

function lastError({ stderr }: Ended): { hint?: string; data?: Record<string, unknown> } {
  return JSON.parse(stderr.trim().split("\n").at(-1) ?? "{}") as { hint?: string; data?: Record<string, unknown> };
}

/** What a server has shown of a copy in one run it may not hide in the next, whatever is agreed to. */
export const hideAgain: Cell = async (network, habit) =>
  into(network, habit, async (plain, { proxy, account, pds, late }) => {
    const { args } = await withWayBack(network, account, plain);
    await late(); // the key came by an operation of its own, which is not the move's
    await runDecamp([...plain.args, "--until", "transfer-blobs"]);
    proxy.when(
      { kind: /^com\.atproto\.sync\.(getRepo|getLatestCommit|getBlob|listBlobs)$/ },
      refuse(400, "RepoDeactivated"),
    );
    const hidden = await runDecamp(args);
    if (hidden.code !== 9 || !hidden.stderr.includes("has shown the copy of the account before")) {
      return { ...hidden, code: 1 };
    }
    proxy.behave();
    takeOn({ proxy, server: pds }, habit, account.did);
    return runDecamp(plain.args);
  });

function isUnproved(move: object | undefined): boolean {
  return move !== undefined && "unproved" in move && move.unproved === true;
}

/** One record less, and signed as it has to be. */
async function loseRecord(direct: PdsHandle, { newHandle, newPassword }: Move): Promise<void> {
  const { did, accessJwt } = await login(direct, newHandle, newPassword);
  const collection = "app.bsky.feed.post";
  const list = `com.atproto.repo.listRecords?repo=${did}&collection=${collection}&limit=1`;
  const { records } = await query<{ records: { uri: string }[] }>(direct.url, list);
  const rkey = records[0]?.uri.split("/").at(-1) ?? "";
  await procedure(direct.url, "com.atproto.repo.deleteRecord", { repo: did, collection, rkey }, { token: accessJwt });
}

/** How it ended, and its last words. */
export function endOf({ code, stdout, stderr }: Ended): string {
  return `exit ${code}: ${(stderr.trim() || stdout.trim()).split("\n").slice(-3).join(" | ")}`;
}
