/** `decamp key generate` and `decamp key import`: a private key is kept, read back, tried, and then named. */
import { randomBytes } from "node:crypto";
import { DecampError, isDecampError } from "../../errors.ts";
import { makePrivateKey, type PrivateKey } from "../../identity/private-key.ts";
import { refuseTaken } from "../../services/secrets/key-store.ts";
import { createKeychain } from "../../services/secrets/keychain.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import type { Edge, Invocation } from "../command.ts";
import type { KeyKeepFlags } from "./declare.ts";
import { keyInputSecrets, readKeyInput } from "./key-input.ts";
import { keepNewKey } from "../talk/keys/keep-new-key.ts";
import { withPrompter } from "../talk/prompter.ts";
import { openKey, rotationKeySecrets, type KeySources } from "../talk/rotation-key.ts";
import { checkSecretFlags, createSecrets, type AllSecretFlags } from "../talk/secrets.ts";
import { stoppable } from "../talk/signals.ts";
import type { Terminal } from "../talk/terminal.ts";

/** Runs `decamp key generate`. */
export async function keyGenerateCommand(invocation: Invocation<KeyKeepFlags>, edge: Edge): Promise<number> {
  const { curve = "k256" } = invocation.flags;
  return keep(invocation, edge, rotationKeySecrets(invocation.flags), async () => makePrivateKey(curve, randomBytes));
}

/** Runs `decamp key import`. */
export async function keyImportCommand(invocation: Invocation<KeyKeepFlags>, edge: Edge): Promise<number> {
  const { args, flags } = invocation;
  const [what] = args;
  return keep(invocation, edge, keyInputSecrets(what, flags, edge.terminal), async (sources) => {
    const { text } = await readKeyInput(sources, what);
    return openKey(text, sources.secrets, flags.curve);
  });
}

/** @param make the key, once it is clear that there is a place for it */
async function keep(
  { command, flags, globals: raw }: Invocation<KeyKeepFlags>,
  { terminal, secrets: known }: Edge,
  secretFlags: AllSecretFlags,
  make: (sources: KeySources) => Promise<PrivateKey>,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const { out, reveal } = flags;
  checkSecretFlags(secretFlags, terminal);
  const key = await stoppable(
    async (signal, leave) =>
      withPrompter(terminal, { ...globals, signal, leave }, async (prompter) => {
        const secrets = createSecrets(terminal, secretFlags, prompter, known, signal);
        const sources = { secrets, keychain: createKeychain(), signal };
        if (out !== undefined) {
          await refuseTaken(out);
        }
        const made = await make(sources);
        secrets.conceal(made.reveal());
        return keepNewKey(made, out, sources).catch((error: unknown) => {
          throw out === undefined && isDecampError(error, "no-keychain") ? noKeychain(command, error) : error;
        });
      }),
    () => undefined,
  );
  if (reveal === true) {
    known.release(key.reveal());
  }
  show(key, command, out, reveal === true, globals, terminal);
  return 0;
}

function noKeychain(command: string, cause: DecampError): DecampError {
  return new DecampError("no-keychain", cause.message, {
    hint: `Keep the key in an encrypted file instead: decamp ${command} -o rotation-key.age`,
    data: cause.data,
    cause,
  });
}

function show(
  key: PrivateKey,
  command: string,
  out: string | undefined,
  reveal: boolean,
  globals: GlobalFlags,
  { out: data, err }: Terminal,
): void {
  const { didKey, curve } = key;
  if (globals.json) {
    data.json({
      type: "result",
      version: 1,
      command,
      didKey,
      curve,
      where: out ?? "the keychain",
      encrypted: out !== undefined,
      ...(reveal ? { privateKey: key.reveal() } : {}),
    });
    return;
  }
  data.line("Public key   ", { text: didKey, style: "bold" });
  data.line("Curve        ", curve);
  data.line("Kept in      ", out === undefined ? "the keychain" : `${out}, encrypted`);
  data.line("Signs        ", "yes, read back and tried");
  if (reveal) {
    data.line("Private key  ", key.reveal());
  }
  if (!globals.quiet) {
    err.line();
    // What comes from elsewhere may stand in identities already, as the key of a server does.
    const power = command === "key import" ? "Where it has none yet, give it power over" : "Give it power over";
    for (const line of [
      ...(out === undefined ? adviceKeychain(didKey) : adviceFile),
      `${power} an account:`,
      `    decamp plc add-key ACCOUNT ${out ?? didKey}`,
    ]) {
      err.line(line);
    }
  }
}

function adviceKeychain(didKey: string): string[] {
  return [
    "The key lies on this machine only. Make a copy in a file, and keep that elsewhere:",
    `    decamp key import ${didKey} -o rotation-key.age`,
  ];
}

const adviceFile = [
  "Keep copies of the file, and the passphrase where you will find it in ten years:",
  "without both, the key is lost. age --decrypt opens the file, too.",
];
