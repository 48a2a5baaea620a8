/** `decamp key inspect`: which key it is, where it is kept, and what it can do for an account. */
import { DecampError } from "../../errors.ts";
import { verifySignature } from "../../identity/keys.ts";
import type { PrivateKey } from "../../identity/private-key.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import { isArmored } from "../../services/age-file.ts";
import { createKeychain } from "../../services/keychain.ts";
import type { KeyInspectFlags } from "../declare/key.ts";
import { refusePrivateKey } from "../did-key.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import type { Edge, Invocation } from "../invocation.ts";
import { createPrompter } from "../prompter.ts";
import { openKey, rotationKeySecrets } from "../rotation-key.ts";
import { checkSecretFlags, createSecrets, type Secrets } from "../secrets.ts";
import { stoppable } from "../signals.ts";
import type { Terminal } from "../terminal.ts";

/** The key, and where it lies in a few words. */
interface Found {
  readonly text: string;
  readonly where: string;
}

/** What an account says about the key. */
interface Standing {
  readonly did: string;
  /** From 1, which is the most powerful; undefined if the account does not list it. */
  readonly place: number | undefined;
  readonly of: number;
}

/** Runs `decamp key inspect`. */
export async function keyInspectCommand(
  { args, flags, globals: raw }: Invocation<"key inspect">,
  { terminal, secrets: known }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [what] = args;
  refusePrivateKey(what);
  const inKeychain = what?.startsWith("did:key:") === true;
  const secretFlags = rotationKeySecrets({
    ...flags,
    ...(what === undefined || inKeychain ? {} : { rotationKeyFile: what }),
  });
  checkSecretFlags(secretFlags, terminal.stdin.isTTY);
  const { key, found, standing } = await stoppable(
    async (signal) => {
      const prompter = createPrompter(terminal, { ...globals, signal });
      const secrets = createSecrets(terminal, secretFlags, prompter, known, signal);
      const place = inKeychain ? await inKeychainOf(what, signal) : await elsewhere(what, secrets);
      const opened = await openKey(place.text, secrets, flags.curve);
      testSign(opened);
      return { key: opened, found: place, standing: await standingOf(opened, flags, globals, terminal, signal) };
    },
    () => undefined,
  );
  const encrypted = isArmored(found.text);
  if (globals.json) {
    terminal.out.json({
      type: "result",
      version: 1,
      command: "key inspect",
      didKey: key.didKey,
      curve: key.curve,
      where: found.where,
      encrypted,
      ...(standing === undefined ? {} : { account: { ...standing, listed: standing.place !== undefined } }),
    });
    return 0;
  }
  terminal.out.line("Public key  ", { text: key.didKey, style: "bold" });
  terminal.out.line("Curve       ", key.curve);
  terminal.out.line("Comes from  ", found.where, encrypted ? ", encrypted" : "");
  terminal.out.line("Signs       ", "yes, tried");
  if (standing !== undefined) {
    terminal.out.line("Account     ", standing.did, ": ", inWords(standing));
  }
  return 0;
}

async function inKeychainOf(didKey: string, signal: AbortSignal): Promise<Found> {
  const text = await createKeychain().find(didKey, signal);
  if (text === undefined) {
    throw new DecampError("input-needed", `The keychain has no key ${didKey}.`, {
      hint: "Give the file that has it, or look whether this is the right user on the right machine.",
    });
  }
  return { text, where: "the keychain" };
}

async function elsewhere(path: string | undefined, secrets: Secrets): Promise<Found> {
  const given = await secrets.readGiven("rotationKey");
  if (given !== undefined) {
    return { text: given, where: path === undefined ? "PLC_SIGNING_KEY" : path === "-" ? "the standard input" : path };
  }
  const text = await secrets.read("rotationKey", { message: "The private key (z…, or 64 hex digits):" });
  return { text, where: "what was typed" };
}

/** @throws DecampError `key-unusable`; no key that could be read is known to fail */
function testSign(key: PrivateKey): void {
  const data = new TextEncoder().encode("decamp key inspect");
  if (!verifySignature(key.didKey, data, key.sign(data))) {
    throw new DecampError("key-unusable", `What the key ${key.didKey} signs does not verify.`);
  }
}

/** The network is loaded only for an account. */
async function standingOf(
  { didKey }: PrivateKey,
  { account, from }: KeyInspectFlags,
  globals: GlobalFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Standing | undefined> {
  if (account === undefined) {
    return undefined;
  }
  const [{ openAccountServices }, { parseAccount, parseServerUrl }, { findPlcDid }, { readLog }] = await Promise.all([
    import("../account-services.ts"),
    import("../../identity/syntax.ts"),
    import("../../account/resolve-account.ts"),
    import("../../account/read-log.ts"),
  ]);
  const { services, close } = openAccountServices(globals, terminal);
  try {
    const server = from === undefined ? undefined : parseServerUrl(from, globals);
    const did = await findPlcDid(services, parseAccount(account), server, signal);
    const keys = rotationKeysOf((await readLog(services, did, signal)).log.head.operation);
    const index = keys.indexOf(didKey);
    return { did, place: index < 0 ? undefined : index + 1, of: keys.length };
  } finally {
    await close();
  }
}

function inWords({ place, of }: Standing): string {
  if (place === undefined) {
    return "does not list this key. It has no power there";
  }
  return place === 1
    ? `lists it first of ${of}: it can take back what any other key did`
    : `lists it as number ${place} of ${of}: it cannot take back what the keys above it did`;
}
