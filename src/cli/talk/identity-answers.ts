/** Answers to what work on an identity asks for: passwords, mailed codes, and the yes to the point of no return. */
import type { IdentityAnswers } from "../../account/answers.ts";
import { DecampError } from "../../errors.ts";
import { isHandle, noHandle } from "../../identity/names.ts";
import type { Answers } from "../../migration/answers.ts";
import type { Prompter } from "./prompter.ts";
import type { SecretQuestion, Secrets } from "./secrets.ts";
import type { Channel, Terminal } from "./terminal.ts";
import type { Complete } from "../next-command.ts";
import { commandLine } from "../command-line.ts";

/** How a command speaks about what it does. */
export interface IdentityWords {
  /** The server that holds the account now: "your old server", or "your server". */
  readonly source: string;
  /** The server that will hold it. */
  readonly target: string;
  /** What the question says before it asks, such as that there is no way back. */
  readonly says?: (change: Parameters<Answers["confirmIdentityChange"]>[0]) => string;
  /** Says to a person what is about to be confirmed. */
  readonly explain: (err: Channel, change: Parameters<Answers["confirmIdentityChange"]>[0], complete: Complete) => void;
}

/** @param complete makes a command complete, for the commands that are named */
export function createIdentityAnswers(
  terminal: Terminal,
  given: { readonly confirmDid?: string | undefined },
  secrets: Secrets,
  prompter: Prompter,
  words: IdentityWords,
  complete: Complete = commandLine,
): IdentityAnswers {
  const refused = refusalTeller(terminal, prompter);
  const { source, target } = words;

  return {
    canAskAgain: prompter.canAsk,
    hasPlcToken: secrets.isGivenBeforehand("plcToken"),

    sourcePassword: ({ handle, host, onlyTyped, again }) =>
      secrets.read("sourcePassword", {
        onlyTyped: typedFor(host, onlyTyped),
        message: `Password of ${handle} at ${source}, ${hostName(host)}:`,
        what: `the password for ${source}`,
        again: refused(again),
      }),

    authFactorCode: ({ host, again }) =>
      secrets.read("authFactor", {
        message: `Sign-in code that ${hostName(host)} has mailed to you:`,
        what: `the sign-in code that ${hostName(host)} mailed to you`,
        again: refused(again),
      }),

    targetPassword: ({ handle, host, onlyTyped, isNew = false, again }) =>
      secrets.read("targetPassword", {
        onlyTyped: typedFor(host, onlyTyped),
        message: `${isNew ? "New password for" : "Password of"} ${handle} at ${target}, ${hostName(host)}:`,
        what: `the password for ${target}`,
        repeat: isNew ? "The same password once more:" : undefined,
        again: refused(again),
      }),

    plcToken: async ({ email, again, isAnother = false }) =>
      secrets.read("plcToken", {
        lead: isAnother
          ? "Another mail was asked for."
          : `The code comes by mail from ${source}${email === undefined ? "" : `, to ${email}`}. Enter alone has another one sent.`,
        message: "Code from the mail:",
        what: `the code that ${source} mailed to you to confirm the change`,
        isCode: true,
        again: refused(again) || isAnother,
      }),

    confirmIdentityChange: async (change) => {
      const { did, handle } = change;
      if (given.confirmDid !== undefined) {
        if (given.confirmDid === did) {
          return;
        }
        throw new DecampError("refused", `--confirm-did names ${given.confirmDid}, but this account is ${did}.`, {
          hint: "Look which account you mean.",
        });
      }
      if (prompter.canAsk) {
        prompter.makeRoom();
        words.explain(terminal.err, change, complete);
      }
      const names = isHandle(handle) && handle !== noHandle ? [did, handle] : [did];
      const typed = await prompter.text({
        message: `${words.says?.(change) ?? ""}Type the DID${names.length > 1 ? " or the handle" : ""} to go on, or nothing to stop here:`,
        what: "the confirmation that the identity may be changed",
        answeredBy: `--confirm-did ${did}`,
        mayBeEmpty: true,
        startsOver: true,
        check: (answer) =>
          ["", ...names.map(named)].includes(named(answer)) ||
          `That is not this account. Type ${names.join(" or ")}, or leave the line empty to stop.`,
      });
      if (!names.map(named).includes(named(typed))) {
        // The only other answer that the question takes: it was asked for, and is no danger.
        throw new DecampError("interrupted", "The change of the identity was not confirmed.");
      }
    },
  };
}

function typedFor(host: string, why: string | undefined): SecretQuestion["onlyTyped"] {
  return why === undefined ? undefined : { host, why };
}

/** A handle is the same in capitals; a DID is not. */
function named(answer: string): string {
  const name = answer.trim();
  return /^did:/i.test(name) ? name : name.toLowerCase();
}

/** Says why an earlier answer was refused; returns whether there was one. */
export function refusalTeller({ err }: Terminal, prompter: Prompter): (reason: string | undefined) => boolean {
  return (reason) => {
    if (reason !== undefined && prompter.canAsk) {
      prompter.makeRoom();
      err.line({ text: "That did not work:", style: "yellow" }, " ", reason);
    }
    return reason !== undefined;
  };
}

/** The part of an origin that people know a server by. */
export function hostName(host: string): string {
  return host.replace(/^https:\/\//, "");
}
