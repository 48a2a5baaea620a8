/** Answers what a migration asks for: from flags, files, commands, the environment, or a person. */
import { DecampError } from "../../errors.ts";
import type { Curve } from "../../identity/keys.ts";
import { noHandle } from "../../identity/names.ts";
import type { Answers } from "../../migration/answers.ts";
import type { ChangeFacts } from "../../plc/change-facts.ts";
import { factsLines } from "./facts-lines.ts";
import { nonEmpty } from "../globals.ts";
import { createIdentityAnswers, hostName, refusalTeller, type IdentityWords } from "./identity-answers.ts";
import { askYesOrNo, type Prompter } from "./prompter.ts";
import { identityLines, notAllThere, notProvedYet } from "./reporters/lines.ts";
import type { OutsideSigner } from "./rotation-key.ts";
import type { Secrets } from "./secrets.ts";
import type { Line, Terminal } from "./terminal.ts";
import type { Complete } from "../next-command.ts";
import { commandLine } from "../command-line.ts";

/** What was given beforehand and is no secret. */
export interface GivenAnswers {
  readonly newHandle?: string | undefined;
  readonly newEmail?: string | undefined;
  readonly inviteCode?: string | undefined;
  readonly confirmDid?: string | undefined;
  /** A file with the key that is put first before the move, or its public part. */
  readonly recoveryKey?: string | undefined;
  /** Whether a rotation key of the user's own signs in place of the old server, and its curve if it is given in hex. */
  readonly signByKey?: boolean | undefined;
  readonly curve?: Curve | undefined;
  /** A command that signs with that key, which lies elsewhere. */
  readonly outside?: OutsideSigner | undefined;
  /** `--yes`: takes what would be suggested. It never answers for the identity. */
  readonly yes: boolean;
}

/** Flags over environment. */
export function readGivenAnswers(
  flags: Omit<GivenAnswers, "yes">,
  yes: boolean,
  env: Readonly<NodeJS.ProcessEnv>,
): GivenAnswers {
  return {
    newHandle: flags.newHandle ?? nonEmpty(env["NEW_ACCOUNT_HANDLE"]),
    newEmail: flags.newEmail ?? nonEmpty(env["NEW_ACCOUNT_EMAIL"]),
    inviteCode: flags.inviteCode,
    confirmDid: flags.confirmDid,
    recoveryKey: flags.recoveryKey,
    signByKey: flags.signByKey,
    curve: flags.curve,
    outside: flags.outside,
    yes,
  };
}

const allThere = [["All data is on your new server; what is left is the identity."]];

const moveWords: IdentityWords = {
  source: "your old server",
  target: "your new server",
  says: ({ purpose }) => (purpose === undefined ? "This is the point of no return. " : ""),
  explain: (err, { did, handle, differences, facts, purpose, leftBehind, provedLater, document }, complete) => {
    err.line();
    err.line("The identity of ", { text: handle, style: "bold" }, `, ${did},`);
    err.line("will change like this:");
    for (const line of identityLines(differences)) {
      err.line(...line);
    }
    err.line();
    const lines = factsLines(facts, { did, handle, complete, document });
    // The last says that no key above the signer's could undo it: a key that can sign once more takes this back.
    const isWithoutUndo = purpose === "temporary-key" || purpose === "old-signing-key";
    for (const line of isWithoutUndo && document === undefined ? lines.slice(0, -1) : lines) {
      err.line(...line);
    }
    err.line();
    // Last, so that it stands on the screen together with the question.
    if (purpose === "recovery-key") {
      err.line({ text: "Your own rotation key", style: "bold" });
      err.line("It is put first, before the account moves.");
      err.line("With it you can take the move back, and leave a server that does not help.");
    } else if (purpose === "temporary-key") {
      err.line({ text: "A change of the signing key, for a while", style: "bold" });
      err.line(
        "Your new server has to be shown that it is you who asks. Your account stays where it is named, but what is written there from now on does not count. This can be taken back, with decamp restore cancel.",
      );
      for (const line of outranked(facts)) {
        err.line(...line);
      }
    } else if (purpose === "old-signing-key") {
      err.line({ text: "The old signing key again", style: "bold" });
      err.line("It takes the place of the temporary one. What the old server signs counts again.");
    } else {
      err.line({ text: "The point of no return", style: "bold" });
      for (const line of leftBehind === undefined && provedLater === undefined ? allThere : []) {
        err.line(...line);
      }
      for (const line of leftBehind === undefined ? [] : notAllThere(leftBehind)) {
        err.line(...line);
      }
      for (const line of provedLater === undefined ? [] : notProvedYet) {
        err.line(...line);
      }
      err.line("From then on your account lives on your new server.");
      err.line("Your old server cannot take that back.");
    }
    err.line();
  },
};

/** Said where a key of the old server stands above the one that signs: it can take back what that one signs. */
function outranked({ keys }: ChangeFacts): Line[] {
  const own = keys.find(({ owner }) => owner === "user");
  const above = keys.filter(
    ({ owner, rankBefore = Infinity }) => owner === "old-server" && rankBefore < (own?.rankBefore ?? 0),
  );
  return above.length === 0
    ? []
    : [
        [],
        [{ text: "Your old server could take both changes back.", style: "yellow" }],
        [`Its key stands above yours: ${above.map(({ key }) => key).join(", ")}`],
        ["For 72 hours after each change it can undo it, and your key cannot prevent that."],
      ];
}

/** @param complete makes a command complete */
export function createAnswers(
  terminal: Terminal,
  given: GivenAnswers,
  secrets: Secrets,
  prompter: Prompter,
  complete: Complete = commandLine,
): Answers {
  const identity = createIdentityAnswers(terminal, given, secrets, prompter, moveWords, complete);
  const refused = refusalTeller(terminal, prompter);
  let lastHandle: string | undefined;

  return {
    ...identity,

    targetHandle: async ({ current, keep, domains, reason }) => {
      const again = refused(reason);
      if (given.newHandle !== undefined && !again) {
        return given.newHandle;
      }
      if (keep && !again) {
        return current;
      }
      const suggestion = suggestHandle(current, domains);
      // What Enter stands for stays, unless that was refused.
      lastHandle = await prompter.text({
        message: `Your handle on the new server${domains.length === 0 ? "" : ` (it offers names under ${domains.join(", ")})`}:`,
        what: "your handle on the new server",
        answeredBy: "--new-handle, or NEW_ACCOUNT_HANDLE in the environment",
        suggestion: again && (lastHandle ?? given.newHandle) === suggestion ? undefined : suggestion,
      });
      return lastHandle;
    },

    targetEmail: async ({ current, reason }) => {
      const again = refused(reason);
      if (given.newEmail !== undefined && !again) {
        return given.newEmail;
      }
      if (current !== undefined && !again && (given.yes || !prompter.canAsk)) {
        return current;
      }
      return prompter.text({
        message: "Your e-mail address on the new server:",
        what: "your e-mail address for the new server",
        answeredBy: "--new-email, or NEW_ACCOUNT_EMAIL in the environment",
        suggestion: again ? undefined : current,
        check: (answer) => /^[^\s@]+@[^\s@]+$/.test(answer.trim()) || "That is no e-mail address: it has no name@host.",
      });
    },

    inviteCode: async ({ host, reason }) => {
      const again = refused(reason);
      if (given.inviteCode !== undefined && !again) {
        return given.inviteCode;
      }
      return prompter.text({
        message: `Invite code for ${hostName(host)}:`,
        what: `an invite code for ${hostName(host)}, which takes no account without one`,
        answeredBy: "--invite-code",
      });
    },

    confirmReplacement: async ({ host }) => {
      // Who cannot be asked has said so with the flag that this is about.
      if (!given.yes && prompter.canAsk) {
        await requireYes(prompter, `replace what ${hostName(host)} has`, "replaced", "replacement");
      }
    },

    // `--yes` does not cover it: whoever agrees names the server.
    agreeToLateProof: async ({ host }) => {
      const name = hostName(host);
      if (prompter.canAsk) {
        prompter.makeRoom();
        terminal.err.line();
        terminal.err.line({ text: "A weaker proof", style: "bold" });
        for (const line of lateProof(name)) {
          terminal.err.line(line);
        }
      }
      const typed = await prompter.text({
        message: `Type ${name} to go on like this, or nothing to stop here:`,
        what: `the yes to proving what ${name} has only after the identity has changed`,
        answeredBy: "--prove-after-activation",
        mayBeEmpty: true,
        startsOver: true,
        check: (answer) =>
          ["", name].includes(answer.trim().toLowerCase()) || `Type ${name}, or leave the line empty to stop.`,
      });
      if (typed.trim().toLowerCase() !== name) {
        throw new DecampError("interrupted", "The weaker proof was not agreed to.");
      }
    },

    confirmDeletion: async ({ did, handle, host }) => {
      // Who cannot be asked has said so with the code that the server mails.
      if (given.yes || !prompter.canAsk) {
        return;
      }
      prompter.makeRoom();
      terminal.err.line(`The account ${handle}, ${did}, at ${hostName(host)} will be deleted, with all that is in it.`);
      terminal.err.line("That is the copy that the move has made. The account itself stays where it lives.");
      await requireYes(prompter, "delete it", "deleted", "deletion");
    },

    ...(prompter.canAsk
      ? {
          accountConfirmed: async ({ host, said }: { host: string; said: string }) => {
            prompter.makeRoom();
            terminal.err.line({ text: "The account is not confirmed yet.", style: "bold" });
            terminal.err.line(said);
            await prompter.text({
              lead: `Do what the mail of ${hostName(host)} says. Ctrl-C leaves; the same command goes on later.`,
              message: "Enter once it is confirmed:",
              what: "whether the account is confirmed",
              answeredBy: "a person",
              mayBeEmpty: true,
            });
          },
        }
      : {}),

    // Who wants to be asked for little has said so; what is left is said at the end.
    ...(prompter.canAsk && !given.yes ? { emailConfirmation: emailAnswers(terminal, secrets, prompter, refused) } : {}),

    deletionCode: ({ host, email, again }) =>
      secrets.read("deleteToken", {
        message: `Code from the mail that ${hostName(host)} has sent${email === undefined ? "" : ` to ${email}`}:`,
        again: refused(again),
      }),
  };
}

/** What is weaker, and what holds all the same. */
function lateProof(name: string): readonly string[] {
  return [
    `${name} shows nothing of your account before it is active there, not even to you.`,
    "So nobody can look, before the identity changes, whether all that was sent has arrived as it should: your records are only counted, and that server only says that it has the blobs.",
    "Once the account is active there, all of it is read back and proved. Only then is your old account deactivated.",
    "If something is wrong then, your rotation key takes the change back, with decamp plc undo. In between, others may see what that server shows.",
  ];
}

/** The questions of `emailConfirmation`: each can be left, and that is said. */
function emailAnswers(
  { err }: Terminal,
  secrets: Secrets,
  prompter: Prompter,
  refused: (reason: string | undefined) => boolean,
): NonNullable<Answers["emailConfirmation"]> {
  return {
    isWanted: async ({ email, host }) => {
      prompter.makeRoom();
      err.line();
      err.line({ text: "The move is done.", style: "bold" });
      err.line(`At ${hostName(host)} your e-mail address is not confirmed yet: ${email}`);
      err.line("What that server has to tell you goes there, such as the codes of a next move.");
      return askYesOrNo(prompter, {
        message: "Have a code mailed there now, to confirm it?",
        what: "whether to confirm your e-mail address",
        answeredBy: "a person",
      });
    },
    code: async ({ email, isAnother, again }) => {
      refused(again);
      const code = await prompter.text({
        lead: isAnother
          ? "Another mail was asked for. Enter alone leaves this for later."
          : `The code comes by mail from your new server, to ${email}. Enter alone has another one sent; skip leaves this for later.`,
        message: "Code from the mail:",
        what: "the code that confirms your e-mail address",
        answeredBy: "a person",
        mayBeEmpty: true,
      });
      secrets.conceal(code);
      return code;
    },
  };
}

/** @throws DecampError `interrupted` for anything but a yes */
async function requireYes(prompter: Prompter, todo: string, done: string, name: string): Promise<void> {
  const typed = await prompter.text({
    message: `Type yes to ${todo}, or nothing to stop here:`,
    what: `the confirmation that the copy may be ${done}`,
    answeredBy: "--yes",
    mayBeEmpty: true,
  });
  if (typed.toLowerCase() !== "yes") {
    throw new DecampError("interrupted", `The ${name} was not confirmed.`);
  }
}

/** alice.old.example under `.new.example` → alice.new.example. */
function suggestHandle(current: string, domains: readonly string[]): string | undefined {
  const [domain] = domains;
  const [name] = current.split(".");
  return domain === undefined || name === undefined || current === noHandle ? undefined : `${name}${domain}`;
}
