/** Names of accounts as people paste them: a command gets them plain, and what was understood is said. */
import type { Command } from "commander";
import { isDecampError } from "../errors.ts";
import type { Channel } from "./talk/terminal.ts";

/** What needs no look: a handle, a DID, or the standard input. */
const plain = /^(?:(?:[a-z0-9-]+\.)+[a-z0-9-]+|did:(?:plc|web):[a-zA-Z0-9.%:-]*[a-zA-Z0-9]|-)$/;

/** What may be a path where an account can be a file, too. */
const mayBePath = /^(?!(?:https?|at):\/\/)(?=.*[/\\])/i;

/** Says that something was read as a name, unless nobody wants to hear it. */
export type Say = (given: string, name: string) => void;

/** Says it on stderr. */
export function sayOn(err: Channel): Say {
  return (given, name) => err.line(`${given} is read as ${name}.`);
}

/**
 * The arguments of a command, with the names of accounts among them plain.
 *
 * @throws DecampError `invalid-account` for what is no name where nothing else can stand
 */
export async function plainArguments(command: Command, args: readonly string[], say: Say): Promise<readonly string[]> {
  return Promise.all(
    args.map(async (given, index) => {
      const argument = command.registeredArguments[index];
      const mayBeFile = /\bfile\b/.test(argument?.description ?? "");
      return argument?.name() !== "account" || (mayBeFile && mayBePath.test(given))
        ? given
        : plainName(given, say, !mayBeFile);
    }),
  );
}

/** The flags of a command, with the names of accounts and handles among them plain. */
export async function plainFlags<Flags extends object>(command: Command, flags: Flags, say: Say): Promise<Flags> {
  const changed: Record<string, string> = {};
  for (const option of command.options.filter(({ flags: text }) => /<(?:account|handle)>$/.test(text))) {
    const name = option.attributeName();
    const value: unknown = command.getOptionValue(name);
    if (typeof value === "string") {
      changed[name] = await plainName(value, say);
    }
  }
  return { ...flags, ...changed };
}

/** @param mustBe whether what is no name is an error here; else it stays as it is, and the command says so */
async function plainName(given: string, say: Say, mustBe = false): Promise<string> {
  if (plain.test(given)) {
    return given;
  }
  const { parseAccount } = await import("../identity/names.ts");
  try {
    const account = parseAccount(given);
    const name = account.type === "did" ? account.did : account.handle;
    // Nobody has to be told what these mean.
    if (
      given
        .trim()
        .replace(/^@|^at:\/\//i, "")
        .toLowerCase() !== name.toLowerCase()
    ) {
      say(given, name);
    }
    return name;
  } catch (error) {
    if (isDecampError(error) && !mustBe) {
      return given;
    }
    throw error;
  }
}
