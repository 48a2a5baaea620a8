/**
 * A private key that lies elsewhere, on a token or in a KMS: a command gets the bytes on its standard input, and prints
 * the signature. What it prints is verified here, by decamp's own code and by somebody else's.
 */
import { DecampError } from "../../errors.ts";
import { parseDidKey, verifySignature } from "../../identity/keys.ts";
import { readSignature } from "../../identity/signature-forms.ts";
import { runCommand } from "./run-command.ts";
import { agreeOnSignature } from "../second-opinion.ts";

/** A person may have to touch the token, or to type its PIN. Milliseconds. */
const patience = 120_000;

/** More than any form of a signature needs. */
const mostBytes = 4096;

export interface SignerCommand {
  readonly command: string;
  /** The public part of the key that it signs with. */
  readonly didKey: string;
  /** The environment of the command. */
  readonly env: Readonly<NodeJS.ProcessEnv>;
  readonly signal: AbortSignal;
  /** Milliseconds after which it is given up; two minutes unless given. */
  readonly deadline?: number;
}

/**
 * The signature of `data` that a command makes: ECDSA over the SHA-256, in a form that `readSignature` knows.
 *
 * @returns 64 bytes r‖s, S in the lower half
 * @throws DecampError `input-needed` if the command fails or takes too long, `key-unusable` if what it prints is no
 *   signature by this key, `second-opinion`, `interrupted`
 */
export async function signByCommand(
  { command, didKey, env, signal, deadline = patience }: SignerCommand,
  data: Uint8Array,
): Promise<Uint8Array> {
  const options = { env, input: data, deadline, signal };
  const output = await runCommand(command, "sign with your rotation key", options, readAll);
  const signature = readSignature(output, parseDidKey(didKey).curve);
  if (signature === undefined) {
    throw unusable(
      `What the command that should sign with your rotation key printed (${output.length} bytes) is no signature.`,
    );
  }
  if (!verifySignature(didKey, data, signature)) {
    throw unusable(`What the command that should sign with your rotation key printed is no signature by ${didKey}.`);
  }
  await agreeOnSignature(didKey, data, signature);
  return signature;
}

async function readAll(stdout: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdout) {
    size += chunk.length;
    if (size > mostBytes) {
      throw new RangeError("too much for a signature");
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function unusable(message: string): DecampError {
  return new DecampError("key-unusable", message, {
    hint: "It has to sign all of its standard input, by ECDSA with SHA-256: 64 bytes or DER, as they are or in hex or base64.",
  });
}
