/**
 * Where a secret comes from: the file or the command that a flag names, the environment, or a prompt, in this order.
 * A secret is never the value of a flag. It is read when it is needed and not before.
 */
import type { KnownSecrets } from "../../data/known-secrets.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { isArmored } from "../../services/secrets/age-file.ts";
import {
  lookAtSecretFile,
  readSecretFile,
  readSecretStream,
  runSecretCommand,
} from "../../services/secrets/secret-source.ts";
import { secretKinds, secretNames, withoutSecrets, type SecretName } from "../secret-kinds.ts";
import { askYesOrNo, type Prompter } from "./prompter.ts";
import type { Terminal } from "./terminal.ts";

/** What the flags of one secret said. */
interface SecretFlags {
  readonly file?: string | undefined;
  readonly command?: string | undefined;
}

export type AllSecretFlags = Readonly<Partial<Record<SecretName, SecretFlags>>>;

export interface SecretQuestion {
  readonly message: string;
  /** Said before it is asked for. */
  readonly lead?: string | undefined;
  /** What it is in this place, in a sentence; what it usually is unless given. */
  readonly what?: string;
  /** What would have answered; the secret's own flags and variables unless given. */
  readonly answeredBy?: string;
  /** Asks a second time with this message, to catch a slip of the fingers. */
  readonly repeat?: string | undefined;
  /** Said once it was typed, where what follows takes a while. */
  readonly afterwards?: string;
  /** It encrypts a file that others may get: a person who types a short one is asked whether to keep it. */
  readonly guardsFile?: boolean;
  /** It is good for one use, and is checked against a mail: it is shown while it is typed, and may be left empty. */
  readonly isCode?: boolean;
  /** A person may type the name of a file that holds it, which no secret of this kind looks like. */
  readonly mayBeFile?: boolean;
  /** The first answer was refused: only a person can give another one. */
  readonly again?: boolean;
  /** It is for something new: what a person has typed for something else is not taken for it. */
  readonly isNew?: boolean;
  /** Only what a person has typed for this host counts, and why: a sentence. */
  readonly onlyTyped?: { readonly host: string; readonly why: string } | undefined;
}

export interface Secrets {
  /**
   * The secret: from its flag, the environment, or by asking.
   *
   * @throws DecampError `unreadable-file`, `input-needed`, `interrupted`
   */
  read(name: SecretName, question: SecretQuestion): Promise<string>;
  /**
   * The secret from its flag or the environment; undefined if neither gives it.
   *
   * @throws DecampError `unreadable-file`, `refused`, `input-needed`, `interrupted`
   */
  readGiven(name: SecretName): Promise<string | undefined>;
  /** Whether `readGiven` gives what a person has typed before, perhaps for something else. */
  isTyped(name: SecretName): boolean;
  /** Keeps a text that was made from a secret out of what is printed, too. */
  conceal(text: string): void;
  /** Runs a command, without the secrets that stand in our environment, and with the terminal as it was before us. */
  command<T>(run: (env: NodeJS.ProcessEnv) => Promise<T>): Promise<T>;
  /** Whether the secret stands in a file or in the environment now, before anybody is asked or any command is run. */
  isGivenBeforehand(name: SecretName): boolean;
}

/**
 * Checks the flags before anything else happens.
 *
 * @throws DecampError `usage` if one secret has two sources, or two secrets want the standard input
 */
export function checkSecretFlags(flags: AllSecretFlags, terminal: Pick<Terminal, "stdin">): void {
  const fromStdin: string[] = [];
  for (const name of secretNames) {
    const { flag } = secretKinds[name];
    const { file, command } = flags[name] ?? {};
    if (file !== undefined && command !== undefined) {
      throw new DecampError("usage", `--${flag}-file and --${flag}-command answer the same question: give only one.`);
    }
    if (file === "-") {
      fromStdin.push(`--${flag}-file`);
    }
  }
  const [first, second] = fromStdin;
  if (first !== undefined && second !== undefined) {
    throw new DecampError("usage", `${first} and ${second} cannot both read the standard input.`, {
      hint: "Put one of them into a file, or use the command form of the flag.",
    });
  }
  if (first !== undefined && terminal.stdin.isTTY) {
    throw new DecampError("usage", `${first} - reads the standard input, but that is a terminal.`, {
      hint: "Leave the flag out to be asked, or pipe the secret in.",
    });
  }
}

/** What is needed whatever course a move takes. A code may be mailed, and so its file be written, later. */
const neededAnyhow: readonly SecretName[] = ["sourcePassword", "targetPassword", "rotationKey", "passphrase"];

/**
 * Looks, before any work is done, at the files that the flags name. None is kept: a secret is read when it is needed.
 *
 * @param keyFile of the key that is to be put first
 * @throws DecampError `unreadable-file`, `refused`, `interrupted`
 */
export async function lookAtSecretFiles(
  flags: AllSecretFlags,
  keyFile: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (const name of neededAnyhow) {
    const { file = "-" } = flags[name] ?? {};
    const { what, isClosed } = secretKinds[name];
    if (file !== "-") {
      await lookAtSecretFile(file, what, { mayBeSeen: isClosed === true ? isArmored : undefined, signal });
    }
  }
  if (keyFile !== undefined) {
    await lookAtSecretFile(keyFile, newKeyName, { mayBeSeen: isArmored, signal });
  }
}

/** What a key that is to be added is called in a sentence. */
export const newKeyName = "the new rotation key";

/**
 * @param known every secret that is read is added to it, so that it can be kept out of what is printed
 * @param called what secrets are in this command, in a sentence, where that is not what they usually are
 */
export function createSecrets(
  terminal: Terminal,
  flags: AllSecretFlags,
  prompter: Prompter,
  known: KnownSecrets,
  signal: AbortSignal,
  called: Readonly<Partial<Record<SecretName, string>>> = {},
): Secrets {
  const whatIs = (name: SecretName): string => called[name] ?? secretKinds[name].what;
  // Nobody types a password twice, and the standard input can be read only once.
  const kept = new Map<SecretName, string>();
  const typed = new Map<SecretName, SecretQuestion["onlyTyped"]>();

  const fromFlags = async (name: SecretName): Promise<string | undefined> => {
    const { file, command } = flags[name] ?? {};
    const what = whatIs(name);
    if (file === "-") {
      known.expect();
      return readSecretStream(terminal.stdin, "the standard input", what, signal);
    }
    if (file !== undefined) {
      return fromFile(name, file);
    }
    return command === undefined ? undefined : runOutside(async (env) => runSecretCommand(command, what, env, signal));
  };

  const fromFile = async (name: SecretName, file: string): Promise<string> => {
    const mayBeSeen = secretKinds[name].isClosed === true ? isArmored : undefined;
    return readSecretFile(file, whatIs(name), { mayBeSeen, signal });
  };

  const runOutside: Secrets["command"] = async (run) => {
    known.expect();
    return prompter.lend(async () => run(withoutSecrets(terminal.env)));
  };

  const fromEnvironment = (name: SecretName): string | undefined =>
    secretKinds[name].env
      .map((variable) => terminal.env[variable])
      .find((value) => value !== undefined && value !== "");

  const readGiven = async (name: SecretName): Promise<string | undefined> => {
    const secret = kept.get(name) ?? (await fromFlags(name)) ?? fromEnvironment(name);
    return secret === undefined ? undefined : remember(name, secret);
  };

  const isGiven = (name: SecretName): boolean =>
    kept.has(name) ||
    Object.values(flags[name] ?? {}).some((one) => one !== undefined) ||
    fromEnvironment(name) !== undefined;

  const remember = (name: SecretName, secret: string): string => {
    known.add(secret);
    if (name === "passphrase" && hasControl(secret)) {
      throw new DecampError("usage", "The passphrase has a line break, a tab or another control character in it.", {
        hint: "Give one that is a single line: nobody can type another one at a prompt.",
      });
    }
    if (!secretKinds[name].once) {
      kept.set(name, secret);
    }
    return secret;
  };

  return {
    readGiven,
    isTyped: (name) => typed.has(name),
    conceal: (text) => void known.add(text),
    command: runOutside,

    isGivenBeforehand: (name) => {
      const { file, command } = flags[name] ?? {};
      return command === undefined && file !== "-" && (file !== undefined || fromEnvironment(name) !== undefined);
    },

    read: async (name, question) => {
      const { again = false, isNew = false, onlyTyped, ...asked } = question;
      const isPassedOver = onlyTyped !== undefined && typed.get(name)?.host !== onlyTyped.host;
      let secret = again || isPassedOver || (isNew && typed.has(name)) ? undefined : await readGiven(name);
      if (secret === undefined) {
        known.expect();
        const { flag, env } = secretKinds[name];
        const ownWays = `--${flag}-file, --${flag}-command, or ${env.join(" or ")} in the environment`;
        const { what = whatIs(name), answeredBy = ownWays, afterwards, repeat, guardsFile = false } = asked;
        let filesTried = 0;
        if (asked.isCode === true) {
          const { message, lead } = asked;
          secret = await prompter.text({ message, lead, what, answeredBy, mayBeEmpty: true });
          return secret === "" ? secret : remember(name, secret);
        }
        for (let { message } = asked; ;) {
          const lead =
            isPassedOver && !again && isGiven(name)
              ? `${onlyTyped.why} So what was given beforehand is not sent there.`
              : undefined;
          const last = repeat === undefined ? { afterwards, lead } : { lead };
          secret = await prompter.secret({ message, what, answeredBy, ...last });
          if (asked.mayBeFile === true && namesFile(secret)) {
            try {
              secret = await fromFile(name, secret.replace(/^~(?=\/)/, terminal.env["HOME"] ?? "~"));
              break;
            } catch (error) {
              filesTried += 1;
              if (!isDecampError(error, "unreadable-file") || filesTried >= mostFiles) {
                throw error;
              }
              message = `${error.message} ${asked.message}`;
              continue;
            }
          }
          if (guardsFile && secret.length < shortPassphrase && !(await isKept(prompter))) {
            continue;
          }
          // Both are asked for anew: what was typed cannot be seen, and a slip may be in either.
          if (
            repeat === undefined ||
            (await prompter.secret({ message: repeat, what, answeredBy, afterwards })) === secret
          ) {
            break;
          }
          message = `The two were not the same. ${asked.message}`;
        }
        typed.set(name, onlyTyped);
      }
      return remember(name, secret);
    },
  };
}

/** Whether no prompt takes it. */
function hasControl(text: string): boolean {
  return /[\p{Cc}\u2028\u2029]/u.test(text);
}

/** So many names of files are tried that a person types. */
const mostFiles = 3;

/**
 * Whether it names a file, and is no key: nothing that could be one is ever taken for a name, since names are repeated.
 */
function namesFile(text: string): boolean {
  return /[./\\]|^~/.test(text) && !/^(?:\{|-----)|[0-9A-Za-z]{40}/.test(text);
}

/** A passphrase with fewer letters is guessed before long by whoever has the file. */
const shortPassphrase = 10;

async function isKept(prompter: Prompter): Promise<boolean> {
  const message = `That has fewer than ${shortPassphrase} characters: whoever gets the file can try many such passphrases. Keep it all the same?`;
  return askYesOrNo(prompter, { message, what: message, answeredBy: "a person" }, true);
}
