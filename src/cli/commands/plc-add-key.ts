/** `decamp plc add-key`: a rotation key of the user's own, before all others. */
import { addRotationKey } from "../../account/add-key.ts";
import type { Signer } from "../../account/sign-by-key.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { isArmored } from "../../services/age-file.ts";
import { createKeychain } from "../../services/keychain.ts";
import { readSecretFile, readSecretStream } from "../../services/secret-source.ts";
import { refusePrivateKey, requireDidKey } from "../did-key.ts";
import { talkIdentity, type IdentityTalk } from "../identity-talk.ts";
import type { Edge, Invocation } from "../invocation.ts";
import { changeJson, changeLines } from "../plan-lines.ts";
import { openKey, recallKey } from "../rotation-key.ts";
import type { Terminal } from "../terminal.ts";

/** Runs `decamp plc add-key`. */
export async function plcAddKeyCommand(invocation: Invocation<"plc add-key">, edge: Edge): Promise<number> {
  const { args, flags } = invocation;
  const { terminal } = edge;
  const [account = "", what = ""] = args;
  const { via = "server" } = flags;
  refusePrivateKey(what);
  const replace = flags.replace === undefined ? undefined : requireDidKey(flags.replace);
  return talkIdentity(invocation, flags, edge, async (talk) => {
    const { parts, globals, from } = talk;
    const { key, proof } = await newKey(what, flags.curve, talk, terminal);
    if (proof === undefined && !globals.json) {
      terminal.err.line(
        { text: "Warning:", style: "yellow" },
        " the private part of this key is not at hand, so nobody can try it. Make sure that you have it.",
      );
      terminal.err.line();
    }
    const signBy = flags.signBy ?? (talk.hasRotationKey ? "key" : "server");
    const result = await addRotationKey(parts, {
      account,
      from,
      key,
      proof,
      replace,
      openSigner: signBy === "key" ? talk.openSigner : undefined,
      route: via,
      allowPrivateHosts: globals.allowPrivateHosts,
    });
    const { did, state } = result;
    const added = state === "added" ? result : undefined;
    const proved = proof !== undefined;
    if (globals.json) {
      const change = added === undefined ? {} : changeJson(added);
      terminal.out.json({ type: "result", version: 1, command: "plc add-key", did, state, key, proved, ...change });
      return 0;
    }
    if (added === undefined) {
      terminal.out.line("This key stands first already. Nothing was sent.");
      return 0;
    }
    terminal.out.line({ text: "Your key stands first.", style: "bold" });
    for (const line of changeLines(added, via === "directory")) {
      terminal.out.line(...line);
    }
    terminal.out.line("Keep the key safe, and not only on this machine: nobody can give it back to you.");
    return 0;
  });
}

interface NewKey {
  readonly key: string;
  /** The private part, where it is at hand. */
  readonly proof?: Signer;
}

/** What is to be added: a file with the private key, or a public one, whose private part may be in the keychain. */
async function newKey(
  what: string,
  curve: "k256" | "p256" | undefined,
  { secrets, parts: { signal } }: IdentityTalk,
  terminal: Terminal,
): Promise<NewKey> {
  if (!what.startsWith("did:")) {
    const name = "the new rotation key";
    if (what === "-" && terminal.stdin.isTTY) {
      throw new DecampError("usage", "- reads the standard input, but that is a terminal.", {
        hint: "Give the path of a file, or pipe the key in.",
      });
    }
    const text =
      what === "-"
        ? await readSecretStream(terminal.stdin, "the standard input", name)
        : await readSecretFile(what, name, isArmored);
    secrets.conceal(text);
    const proof = await openKey(text, secrets, curve);
    return { key: proof.didKey, proof };
  }
  const key = requireDidKey(what);
  try {
    const kept = await recallKey({ secrets, keychain: createKeychain(), signal }, key);
    return kept === undefined ? { key } : { key, proof: await openKey(kept, secrets, curve) };
  } catch (error) {
    // Nobody said that the key is there: a machine without a keychain is no failure.
    if (isDecampError(error, "no-keychain")) {
      return { key };
    }
    throw error;
  }
}
