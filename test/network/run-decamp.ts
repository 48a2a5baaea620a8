/**
 * Runs the real `bin/decamp.js` as a person or a script would: secrets in files, answers in flags. What it prints with
 * `--json` is held against docs/JSON.md.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { hold } from "../json/hold.ts";
import type { Account } from "./account.ts";
import type { Network } from "./control.ts";
import type { PdsHandle } from "./pds.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const ownBin = path.join(root, "bin", "decamp.js");
/** `DECAMP_NODE` names another Node than that of the tests, of which decamp supports several. */
const node = process.env["DECAMP_NODE"] ?? process.execPath;
const readMail = path.join(root, "test", "network", "read-mail.ts");

/** How a run ended. */
export interface Ended {
  code: number | null;
  /** what killed it, if anything did */
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A move and the folder in which its secrets and its state lie. */
export interface Move {
  /** the arguments of a complete `decamp migrate`, ready to run */
  args: string[];
  folder: string;
  stateDir: string;
  newHandle: string;
  newEmail: string;
  newPassword: string;
  remove(): Promise<void>;
}

/** Puts together the command that moves `account` to `target` without a question. Flags that are named are left out. */
export async function prepareMove(
  network: Network,
  account: Account,
  target: PdsHandle,
  leaveOut: readonly string[] = [],
): Promise<Move> {
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-move-"));
  const newPassword = "the-new-password";
  await writeFile(path.join(folder, "old"), `${account.password}\n`, { mode: 0o600 });
  await writeFile(path.join(folder, "new"), `${newPassword}\n`, { mode: 0o600 });
  const name = account.handle.split(".")[0] ?? "";
  const newHandle = `${name}${target.handleDomain}`;
  const newEmail = `${name}@new.example.com`;
  const stateDir = path.join(folder, "state");
  const flags: Record<string, string> = {
    "--from": account.pds.url,
    "--to": target.url,
    "--plc-url": network.plcUrl,
    "--state-dir": stateDir,
    "--password-file": path.join(folder, "old"),
    "--new-password-file": path.join(folder, "new"),
    "--new-handle": newHandle,
    "--new-email": newEmail,
    "--plc-token-command": `node ${readMail} ${network.controlUrl} ${account.email} ${Date.now()}`,
    "--confirm-did": account.did,
  };
  const args = Object.entries(flags).flatMap(([flag, value]) => (leaveOut.includes(flag) ? [] : [flag, value]));
  return {
    args: ["migrate", account.handle, ...args, "--allow-private-hosts", "--no-input"],
    folder,
    stateDir,
    newHandle,
    newEmail,
    newPassword,
    remove: async () => rm(folder, { recursive: true, force: true }),
  };
}

/**
 * Puts together a complete `decamp restore` of `archive`, and its secrets in `folder`.
 *
 * @param account as it is to be at the target, and `rotationKey` in hex
 */
export async function prepareRestore(
  folder: string,
  archive: string,
  {
    did,
    plcUrl,
    target,
    rotationKey,
    account,
  }: Pick<Network, "plcUrl"> & {
    did: string;
    target: PdsHandle;
    rotationKey: string;
    account: { handle: string; email: string; password: string };
  },
): Promise<string[]> {
  const fileWith = async (name: string, text: string): Promise<string> => {
    const file = path.join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  const flags = {
    "--to": target.publicUrl,
    "--rotation-key-file": await fileWith("key", rotationKey),
    "--passphrase-file": await fileWith("passphrase", "only for this restore"),
    "--new-handle": account.handle,
    "--new-email": account.email,
    "--new-password-file": await fileWith("password", account.password),
    "--confirm-did": did,
    "--plc-url": plcUrl,
    "--state-dir": path.join(folder, "state"),
  };
  return ["restore", archive, ...Object.entries(flags).flat(), "--allow-private-hosts", "--no-input"];
}

interface RunOptions {
  /** `bin/decamp.js` of another build */
  bin?: string;
  /** its output goes to ours */
  show?: boolean;
  env?: NodeJS.ProcessEnv;
  /** a module that is loaded before decamp, in the same process */
  preload?: URL | undefined;
  cwd?: string;
  /** what stands on its standard input */
  input?: string | undefined;
}

/** A run that may still be going on. */
export interface Run {
  child: ChildProcess;
  ended: Promise<Ended>;
}

/** Starts decamp. */
export function startDecamp(args: readonly string[], options: RunOptions = {}): Run {
  const { bin = ownBin, show = false, env, preload, cwd, input } = options;
  const before = preload === undefined ? [] : ["--import", preload.href];
  const child = spawn(node, [...before, bin, ...args], {
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdio: [input === undefined ? "ignore" : "pipe", show ? "inherit" : "pipe", show ? "inherit" : "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdin?.end(input);
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close").then((values) => {
    const [code, signal] = values as [number | null, NodeJS.Signals | null];
    if (bin === ownBin && !show) {
      hold(args, { code, stdout, stderr });
    }
    return { code, signal, stdout, stderr };
  });
  return { child, ended };
}

/** Runs decamp to its end. */
export async function runDecamp(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return startDecamp(args, options).ended;
}
