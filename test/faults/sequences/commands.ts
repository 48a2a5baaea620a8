/** Which command line an action is. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { serverNames, type Action, type Called, type ServerName, type Undo } from "./actions.ts";
import type { Post } from "./model.ts";
import { newKey, type KeyInFile, type Subject } from "./stage.ts";
import { homesOf, type World } from "./world.ts";

const readMail = fileURLToPath(new URL("../../network/read-mail.ts", import.meta.url));
const postThenReadMail = fileURLToPath(new URL("post-then-read-mail.ts", import.meta.url));

/** A command that is ready to run. */
export interface CommandLine {
  args: string[];
  env: NodeJS.ProcessEnv;
  /** the servers that it could take for the old and the new one */
  source: ServerName | undefined;
  target: ServerName | undefined;
  /** a post that is written while it runs, if the file is there afterwards */
  meanwhile?: { post: Post; mark: string };
  /** a key that it adds */
  newKey?: string;
}

export type DecampAction = Extract<Action, { do: "move" | "undo" | "recover" | "cancel" | "add-key" }>;

export function isDecamp(action: Action): action is DecampAction {
  return ["move", "undo", "recover", "cancel", "add-key"].includes(action.do);
}

/** @returns undefined if it makes no sense now, as a recovery without a key */
export async function commandLine(
  action: DecampAction,
  subject: Subject,
  world: World,
): Promise<CommandLine | undefined> {
  switch (action.do) {
    case "move":
      return moveLine(action, subject, world);
    case "undo":
      return undoLine(action, subject, world);
    case "recover":
      return recoverLine(subject, world);
    case "cancel":
      return cancelLine(action, subject, world);
    case "add-key":
      return addKeyLine(subject, world);
  }
}

/** `migrate status` about every account that this machine knows. */
export function allStatusArgs(subject: Subject): string[] {
  return ["migrate", "status", ...everywhere(subject)];
}

/** `migrate status` about one move, or about all of the account that this machine knows. */
export function statusArgs(subject: Subject, pair?: { from: ServerName; to: ServerName }): string[] {
  const { servers } = subject.stage;
  const move = pair === undefined ? [] : ["--from", servers[pair.from].url, "--to", servers[pair.to].url];
  return ["migrate", "status", subject.did, ...move, ...everywhere(subject)];
}

function everywhere({ stage, stateDir }: Subject): string[] {
  const { plcUrl } = stage.network;
  return ["--plc-url", plcUrl, "--state-dir", stateDir, "--allow-private-hosts", "--no-input", "--json"];
}

function moveLine(action: Extract<Action, { do: "move" }>, subject: Subject, world: World): CommandLine {
  const { to, from, fromEnv, account, until, freeze, bringLateWrites, sign, postMeanwhile } = action;
  const { stage, did, label, folder, email, password } = subject;
  const { servers, network } = stage;
  const source = from ?? (world.home === to ? homesOf(world, servers).at(-2) : world.home);
  const key = sign === "key" ? heldKey(subject, world) : undefined;
  const meanwhile =
    postMeanwhile === true && key === undefined && source !== undefined
      ? { post: subject.newPost(source), mark: path.join(folder, `mark-${Date.now()}`) }
      : undefined;
  const code =
    meanwhile === undefined || source === undefined
      ? mailCommand(subject)
      : [
          `node ${postThenReadMail}`,
          `${servers[source].url} ${did} ${password} ${rkeyOf(meanwhile.post)} ${meanwhile.mark}`,
          `${network.controlUrl} ${email} ${Date.now()}`,
        ].join(" ");
  return {
    args: [
      "migrate",
      accountName(subject, world, account),
      ...(from === undefined || fromEnv === true ? [] : ["--from", servers[from].url]),
      "--to",
      servers[to].url,
      ...passwords(subject),
      "--new-handle",
      `${label}${servers[to].handleDomain}`,
      "--new-email",
      email,
      ...(key === undefined ? ["--plc-token-command", code] : ["--rotation-key-file", key.file]),
      ...(until === undefined ? [] : ["--until", until]),
      ...(freeze === true ? ["--freeze"] : []),
      ...(bringLateWrites === true ? ["--bring-late-writes"] : []),
      "--confirm-did",
      did,
      ...everywhere(subject),
    ],
    env: from !== undefined && fromEnv === true ? { DECAMP_SOURCE_PDS: servers[from].url } : {},
    source,
    target: to,
    ...(meanwhile === undefined ? {} : { meanwhile }),
  };
}

function undoLine(
  { account, newPassword, operation, key: age }: Undo,
  subject: Subject,
  world: World,
): CommandLine | undefined {
  const key = age === "newest" ? heldKey(subject, world) : heldKey(subject, world, true);
  if (key === undefined) {
    return undefined;
  }
  const cid = lastMove(world);
  return {
    args: [
      "plc",
      "undo",
      accountName(subject, world, account),
      ...(operation && cid !== undefined ? ["--operation", cid] : []),
      "--rotation-key-file",
      key.file,
      ...passwords(subject).slice(0, newPassword ? 4 : 2),
      "--confirm-did",
      subject.did,
      ...everywhere(subject),
    ],
    env: {},
    source: homesOf(world, subject.stage.servers).at(-2),
    target: world.home,
  };
}

function recoverLine(subject: Subject, world: World): CommandLine | undefined {
  const key = heldKey(subject, world);
  const cid = lastMove(world);
  if (key === undefined || cid === undefined) {
    return undefined;
  }
  return {
    args: [
      "plc",
      "recover",
      subject.did,
      "--operation",
      cid,
      "--rotation-key-file",
      key.file,
      "--confirm-did",
      subject.did,
      ...everywhere(subject),
    ],
    env: {},
    source: homesOf(world, subject.stage.servers).at(-2),
    target: world.home,
  };
}

function cancelLine({ from, to }: Extract<Action, { do: "cancel" }>, subject: Subject, world: World): CommandLine {
  const { servers } = subject.stage;
  return {
    args: [
      "migrate",
      "cancel",
      subject.did,
      ...(from === undefined ? [] : ["--from", servers[from].url]),
      ...(to === undefined ? [] : ["--to", servers[to].url]),
      ...passwords(subject),
      "--delete-token-command",
      `${mailCommand(subject)} 'Account Deletion'`,
      ...everywhere(subject),
    ],
    env: {},
    source: from ?? world.home,
    // Without --to it is for the command to know.
    target: to ?? subject.model.pair.to,
  };
}

async function addKeyLine(subject: Subject, world: World): Promise<CommandLine | undefined> {
  const key = heldKey(subject, world);
  if (key === undefined) {
    return undefined;
  }
  const added = await newKey(subject);
  return {
    args: [
      "plc",
      "add-key",
      subject.did,
      added.file,
      "--rotation-key-file",
      key.file,
      "--via",
      "directory",
      "--confirm-did",
      subject.did,
      ...everywhere(subject),
    ],
    env: {},
    source: world.home,
    target: world.home,
    newKey: added.didKey,
  };
}

/** Both passwords, the old server's first. */
function passwords({ folder }: Subject): string[] {
  const file = path.join(folder, "password");
  return ["--password-file", file, "--new-password-file", file];
}

function mailCommand({ stage, email }: Subject): string {
  return `node ${readMail} ${stage.network.controlUrl} ${email} ${Date.now()}`;
}

function rkeyOf({ path: where }: Post): string {
  return where.split("/").at(-1) ?? where;
}

function accountName({ did, label, stage }: Subject, world: World, called: Called): string {
  if (called === "did") {
    return did;
  }
  const alias = world.log.findLast(({ nullified }) => !nullified)?.operation.alsoKnownAs[0];
  const server = serverNames.find((name) => called === `handle at ${name}`);
  return server === undefined ? (alias?.slice("at://".length) ?? did) : `${label}${stage.servers[server].handleDomain}`;
}

/** The user's key of the highest rank, which is the newest; or the oldest. */
export function heldKey({ keys }: Subject, { rotationKeys }: World, oldest = false): KeyInFile | undefined {
  const held = keys.filter(({ didKey }) => rotationKeys.includes(didKey));
  return oldest ? held[0] : held.at(-1);
}

/** The last operation that changed the server. */
function lastMove({ log }: World): string | undefined {
  const valid = log.filter(({ nullified }) => !nullified);
  const endpoint = (index: number): string | undefined => valid[index]?.operation.services["atproto_pds"]?.endpoint;
  return valid.findLast((_, index) => index > 0 && endpoint(index) !== endpoint(index - 1))?.cid;
}
