/** Which key it is, where it is kept, and what it can do for an account. */
import { isArmored } from "../../services/secrets/age-file.ts";
import { createKeychain } from "../../services/secrets/keychain.ts";
import type { KeyInspectFlags } from "./declare.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import type { Edge, Invocation } from "../command.ts";
import { keyInputSecrets, readKeyInput } from "./key-input.ts";
import { withPrompter } from "../talk/prompter.ts";
import { openKey } from "../talk/rotation-key.ts";
import { checkSecretFlags, createSecrets } from "../talk/secrets.ts";
import { stoppable } from "../talk/signals.ts";
import type { Terminal } from "../talk/terminal.ts";

/** The account that is asked about. */
interface Asked {
  readonly did: string;
  /** The most powerful first. */
  readonly rotationKeys: readonly string[];
}

/** Opens a key, tries it, and says what it is. Returns the exit code. */
export async function inspectKey(
  { args, flags, globals: raw }: Invocation<KeyInspectFlags>,
  { terminal, secrets: known }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [what] = args;
  const secretFlags = keyInputSecrets(what, flags, terminal);
  checkSecretFlags(secretFlags, terminal);
  const { key, input, account } = await stoppable(
    async (signal, leave) =>
      withPrompter(terminal, { ...globals, signal, leave }, async (prompter) => {
        const secrets = createSecrets(terminal, secretFlags, prompter, known, signal);
        const asked = await readAccount(flags, globals, terminal, signal);
        const found = await readKeyInput({ secrets, keychain: createKeychain(), signal }, what, asked?.rotationKeys);
        const opened = await openKey(found.text, secrets, flags.curve);
        await (await import("../../account/keep-key.ts")).trySigning(opened);
        return { key: opened, input: found, account: asked };
      }),
    () => undefined,
  );
  const encrypted = isArmored(input.text);
  const place = account === undefined ? 0 : account.rotationKeys.indexOf(key.didKey) + 1;
  if (globals.json) {
    const listed = place > 0;
    const standing = account && {
      did: account.did,
      listed,
      ...(listed ? { place } : {}),
      of: account.rotationKeys.length,
    };
    terminal.out.json({
      type: "result",
      version: 1,
      command: "key inspect",
      didKey: key.didKey,
      curve: key.curve,
      where: input.where,
      encrypted,
      ...(standing === undefined ? {} : { account: standing }),
    });
    return 0;
  }
  terminal.out.line("Public key  ", { text: key.didKey, style: "bold" });
  terminal.out.line("Curve       ", key.curve);
  terminal.out.line("Comes from  ", input.where, encrypted ? ", encrypted" : "");
  terminal.out.line("Signs       ", "yes, tried");
  if (account !== undefined) {
    terminal.out.line("Account     ", account.did, ": ", inWords(place, account.rotationKeys.length));
  }
  return 0;
}

/** The network is loaded only for an account. */
async function readAccount(
  { account, from }: KeyInspectFlags,
  globals: GlobalFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Asked | undefined> {
  if (account === undefined) {
    return undefined;
  }
  const [{ servicesFor }, { parseAccount }, { parseServerUrl }, { findPlcDid }, { readLog }, { rotationKeysOf }] =
    await Promise.all([
      import("../services.ts"),
      import("../../identity/names.ts"),
      import("../../identity/addresses.ts"),
      import("../../account/find.ts"),
      import("../../account/read-log.ts"),
      import("../../plc/operation.ts"),
    ]);
  const services = servicesFor(globals, terminal);
  try {
    const server = from === undefined ? undefined : parseServerUrl(from, globals);
    const did = await findPlcDid(services, parseAccount(account), server, signal);
    return { did, rotationKeys: rotationKeysOf((await readLog(services, did, signal)).log.head.operation) };
  } finally {
    services.close();
  }
}

/** @param place from 1, which is the most powerful; 0 if the key is not listed */
function inWords(place: number, of: number): string {
  if (place === 0) {
    return "does not list this key. It has no power there";
  }
  return place === 1
    ? `lists it first of ${of}: it can take back what any other key did`
    : `lists it as number ${place} of ${of}: it cannot take back what the keys above it did`;
}
