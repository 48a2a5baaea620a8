/** Reads one secret from a file, from a stream, or from what a command prints. */
import { stat } from "node:fs/promises";
import { DecampError } from "../../errors.ts";
import { runCommand } from "./run-command.ts";
import { openNamed, pieces, readOpened } from "../disk/incoming.ts";
import { ownRules } from "../system-rules.ts";
import { unreadable } from "../disk/unreadable.ts";

/** More than any password or key needs; whoever names a film by mistake is told so. */
const maxSecretBytes = 64 * 1024;

/**
 * The secret in a file, without the line end behind it.
 *
 * @param what what it is, for messages: "the password of your old server"
 * @param options.mayBeSeen whether this content may lie in a file that others can read; it may unless this is given
 * @throws DecampError `unreadable-file` if it cannot be read, is empty, too long, or no UTF-8 text; `refused` if others
 *   can read it who should not; the signal's reason
 */
export async function readSecretFile(
  path: string,
  what: string,
  options: { readonly mayBeSeen?: ((secret: string) => boolean) | undefined; readonly signal?: AbortSignal } = {},
): Promise<string> {
  const { mayBeSeen = () => true, signal } = options;
  try {
    const file = await openNamed(path);
    const secret = await readSecretStream(readOpened(file, signal), `the file ${path}`, what);
    // A pipe has no other readers.
    const readByOthers = ownRules.hasModes && file.stat.isFile() && (file.stat.mode & 0o077) !== 0;
    if (readByOthers && !mayBeSeen(secret)) {
      throw new DecampError("refused", `Others on this machine can read the file ${path}, which holds ${what}.`, {
        hint: `Run chmod 600 ${path}, and think about who may have read it.`,
      });
    }
    return secret;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DecampError) {
      throw error;
    }
    throw unreadable(`${what} from ${path}`, error);
  }
}

/**
 * Looks whether `readSecretFile` could read this file. What can be read only once, such as a pipe, is left alone.
 *
 * @throws DecampError as `readSecretFile`
 */
export async function lookAtSecretFile(...of: Parameters<typeof readSecretFile>): Promise<void> {
  const [path, what] = of;
  let isFile: boolean;
  try {
    const found = await stat(path);
    isFile = found.isFile() || found.isDirectory();
  } catch (error) {
    throw unreadable(`${what} from ${path}`, error);
  }
  if (isFile) {
    await readSecretFile(...of);
  }
}

/**
 * The secret that a stream carries, without the line end behind it.
 *
 * @param from the stream's name, for messages
 * @throws DecampError `unreadable-file` as readSecretFile; the signal's reason
 */
export async function readSecretStream(
  stream: AsyncIterable<Uint8Array | string>,
  from: string,
  what: string,
  signal?: AbortSignal,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const bytes of pieces(stream, signal)) {
    size += bytes.length;
    if (size > maxSecretBytes) {
      throw new DecampError("unreadable-file", `Cannot read ${what} from ${from}: it is longer than 64 KiB.`);
    }
    chunks.push(bytes);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw new DecampError("unreadable-file", `Cannot read ${what} from ${from}: it is not UTF-8 text.`, {
      cause: error,
    });
  }
  const secret = text.replace(/[\r\n]+$/, "");
  if (secret === "") {
    throw new DecampError("unreadable-file", `Cannot read ${what} from ${from}: it is empty.`);
  }
  return secret;
}

/**
 * Runs `command` by the system's shell and takes what it prints as the secret, without the line end behind it. Its
 * messages go to our stderr; it gets no input.
 *
 * @param env the environment of the command
 * @throws DecampError `input-needed` if it fails or prints nothing, `interrupted` if `signal` fires
 */
export async function runSecretCommand(
  command: string,
  what: string,
  env: Readonly<NodeJS.ProcessEnv>,
  signal?: AbortSignal,
): Promise<string> {
  return runCommand(command, `print ${what}`, { env, signal }, async (stdout) =>
    readSecretStream(stdout, "the command", what),
  );
}
