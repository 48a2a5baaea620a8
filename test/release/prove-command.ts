/** Whether a `decamp`, however it was packed, does what matters on real servers: an export, its proof, and a move. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Network } from "../network/control.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { prepareMove } from "../network/run-decamp.ts";
import { unportableBelow } from "./portable-names.ts";

/** How a run ended. */
export interface Said {
  /** null if a signal ended it */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A way to run decamp. @param folder where all files lie that the arguments name */
export type Runner = (args: readonly string[], folder: string) => Promise<Said>;

/** Runs `words` and keeps what it says. */
export async function hear(words: readonly [string, ...string[]], env: NodeJS.ProcessEnv = {}): Promise<Said> {
  const [command, ...args] = words;
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      { env: { ...process.env, ...env }, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const said = error !== null && stderr === "" ? error.message : stderr;
        resolve({ code: error === null ? 0 : (child.exitCode ?? null), stdout, stderr: said });
      },
    );
    child.stdin?.end();
  });
}

/** As `hear`, for what has to succeed. Returns its output. */
export async function must(words: readonly [string, ...string[]], env?: NodeJS.ProcessEnv): Promise<string> {
  const { code, stdout, stderr } = await hear(words, env);
  if (code !== 0) {
    throw new Error(`${words.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
  }
  return stdout;
}

/**
 * Exports an account, verifies the archive, and moves the account.
 *
 * @param name of the account, which is made for it
 * @returns what did not hold, a line each
 */
export async function proveCommand(network: Network, name: string, decamp: Runner): Promise<string[]> {
  const account = await createFilled(network.a, name, { records: 30, blobs: 3, seed: 31 });
  const before = await lookBefore(network.plcUrl, account);
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-proof-"));
  const move = await prepareMove(network, account, network.b);
  try {
    const password = path.join(folder, "password");
    // Whoever runs decamp may be another user than this one.
    await writeFile(password, account.password, { mode: 0o644 });
    const archive = path.join(folder, "archive");
    const at = ["--from", network.a.url, "--plc-url", network.plcUrl, "--allow-private-hosts"];
    const state = ["--state-dir", path.join(folder, "state")];
    const exported = await decamp(
      ["export", account.did, "-o", archive, "--password-file", password, ...at, ...state, "--json"],
      folder,
    );
    const verified = await decamp(["verify", archive, "--json"], folder);
    const failed = [
      ...wrong("export", exported),
      ...wrong("verify", verified),
      ...unportableBelow(folder).map((file) => `a name that not every system takes: ${file}`),
      ...(/"ok":true.*"records":30\b/.test(verified.stdout)
        ? []
        : [`verify did not find 30 records: ${verified.stdout}`]),
    ];
    const moved = await decamp(move.args, move.folder);
    if (moved.code !== 0) {
      return [...failed, ...wrong("migrate", moved)];
    }
    const checks = await proveMove(network.plcUrl, before, network.b, {
      handle: move.newHandle,
      password: move.newPassword,
    });
    failed.push(...unportableBelow(move.stateDir).map((file) => `a name that not every system takes: ${file}`));
    return [...failed, ...checks.filter(({ ok }) => !ok).map((check) => `${check.name}: ${check.detail}`)];
  } finally {
    await move.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

function wrong(what: string, { code, stdout, stderr }: Said): string[] {
  return code === 0 ? [] : [`${what} ended with ${code}: ${stdout}${stderr}`];
}
