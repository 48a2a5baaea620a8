/**
 * The one error class, and the two tables that belong to it: which exit code a code ends the process with, and which
 * hint goes with it when the place that throws knows no better one. Codes and exit codes are public (CLI contract):
 * they are only added to.
 */

/** The closed set of things that can go wrong and are expected to. Anything else that is thrown is a bug. */
export type ErrorCode =
  // wrong usage
  | "usage"
  | "invalid-account"
  | "invalid-url"
  | "insecure-url"
  | "same-server"
  | "unsupported"
  | "unreadable-file"
  | "key-unusable"
  // the data is not what it should be
  | "damaged"
  | "limit-exceeded"
  // authentication
  | "auth-refused"
  | "app-password"
  | "auth-factor-required"
  | "plc-token-refused"
  | "passphrase-refused"
  // a server could not be reached, or refused
  | "unreachable"
  | "bad-answer"
  | "server-refused"
  | "account-not-found"
  | "account-unavailable"
  | "invite-refused"
  | "handle-refused"
  | "handle-taken"
  | "email-refused"
  | "email-taken"
  // incomplete, waiting, unsafe
  | "incomplete"
  | "input-needed"
  | "no-keychain"
  | "rate-limited"
  | "not-published"
  | "account-unconfirmed"
  | "private-address"
  | "refused"
  | "identity-invalid"
  | "head-moved"
  | "operation-differs"
  | "second-opinion"
  | "target-in-use"
  | "locked"
  | "interrupted"
  | "storage";

/** Code → exit code of the process. */
const exitCodes: Record<ErrorCode, number> = {
  usage: 2,
  "invalid-account": 2,
  "invalid-url": 2,
  "insecure-url": 2,
  "same-server": 2,
  unsupported: 2,
  "unreadable-file": 2,
  "key-unusable": 2,
  damaged: 3,
  "limit-exceeded": 3,
  "auth-refused": 4,
  "app-password": 4,
  "auth-factor-required": 4,
  "plc-token-refused": 4,
  "passphrase-refused": 4,
  unreachable: 5,
  "bad-answer": 5,
  "server-refused": 5,
  "account-not-found": 5,
  "account-unavailable": 5,
  "invite-refused": 5,
  "handle-refused": 5,
  "handle-taken": 5,
  "email-refused": 5,
  "email-taken": 5,
  incomplete: 6,
  "input-needed": 7,
  "no-keychain": 7,
  "rate-limited": 8,
  "not-published": 8,
  "account-unconfirmed": 8,
  "private-address": 9,
  refused: 9,
  "identity-invalid": 9,
  "head-moved": 9,
  "operation-differs": 9,
  "second-opinion": 9,
  "target-in-use": 9,
  locked: 11,
  interrupted: 130,
  storage: 1,
};

/**
 * Code → what to try or to look at, when whoever throws has nothing more exact to say. No fact about the world stands
 * here: this table knows none. What was changed is said by `withStanding`.
 */
const hints: Record<ErrorCode, string> = {
  usage: "Run the command with --help to see how it is used.",
  "invalid-account": "Give a handle such as alice.example.com, or a DID such as did:plc:ewvi7nxzyoun6zhxrhs64oiz.",
  "invalid-url": "Give the address of the server, such as https://pds.example.com.",
  "insecure-url": "Use an https address. For a server on your own machine or network, add --allow-private-hosts.",
  "same-server": "Give the address of the server that you want to move to.",
  unsupported: "Run decamp --help to see what this version can do.",
  "unreadable-file": "Check that this is what you meant to give.",
  "key-unusable":
    "A private key starts with z, as decamp and goat print it, or is 64 hex digits, a JWK, a PEM key, or a file that decamp or age has encrypted.",
  damaged: "Get the data once more. decamp verify names everything that is wrong with a file or an archive.",
  "limit-exceeded": "If you trust where this comes from, raise the limit that the message names.",
  "auth-refused": "Try again with the password that the account has at that server; an app password will not do.",
  "app-password": "Use the account's own password: an app password may not change an identity or move an account.",
  "auth-factor-required": "Give the sign-in code with --auth-factor-file or --auth-factor-command.",
  "plc-token-refused": "Run the same command again: it asks for a new mail with a new code.",
  "passphrase-refused":
    "Try again with the passphrase that the file was made with. Without it decamp cannot open the file.",
  unreachable: "Look at the address and at your connection, then run the same command again.",
  "bad-answer": "Try again later. Look whether the address is that of an AT Protocol server, or ask its operator.",
  "server-refused": "Read what the server says, then run the same command again.",
  "account-not-found": "Look at the name once more, or give the account's DID.",
  "account-unavailable": "Sign in at that server to see the state of the account, or ask its operator.",
  "invite-refused": "Ask the operator of the new server for an invite code, and give it with --invite-code.",
  "handle-refused": "Choose another handle with --new-handle.",
  "handle-taken": "Choose another handle with --new-handle.",
  "email-refused": "Give another e-mail address with --new-email.",
  "email-taken": "Give another e-mail address with --new-email.",
  incomplete: "Run the same command again: it fetches only what is missing.",
  "input-needed": "Answer it with a flag, a file, a command or an environment variable: see --help.",
  "no-keychain": "Keep the key in an encrypted file instead, or start the system's keychain and unlock it.",
  "rate-limited": "Wait, then run the same command again.",
  "account-unconfirmed":
    "Confirm the account as that server asks for it, most likely in a mail. Then run the same command again.",
  "not-published": "Publish the document, then run the same command again.",
  "private-address": "If that is your own machine or network, add --allow-private-hosts.",
  refused: "Read the reason, and run the same command again once it is out of the way.",
  "identity-invalid": "Look at the log of the identity with decamp plc history, and find the reason before you go on.",
  "head-moved": "Look with decamp plc history at what changed the identity, then run the same command again.",
  "operation-differs": "Do not submit what was signed, and do not trust whoever signed it before the reason is known.",
  "second-opinion":
    "Two programs that should agree do not, so decamp does not go on. Tell the makers of decamp what stands here, and do not do this in another way before the reason is known.",
  "target-in-use": "Look what that account holds before anybody removes it, or choose another server.",
  locked: "Wait until the other run has ended.",
  interrupted: "Run the same command again to go on.",
  storage: "Check the free space and the permissions of the folder, then run the same command again.",
};

/** Facts that go with an error, for `--json` and for tests. Never a secret. */
export type ErrorData = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/**
 * What is known of an identity when work on it stops: nothing was sent, it was sent and nobody knows yet whether it was
 * taken, or it is changed.
 */
export type IdentityStanding = "unchanged" | "sent" | "changed";

/** That, and the sentence that says so. */
export interface KnownStanding {
  readonly identity: IdentityStanding;
  readonly sentence: string;
}

/** What may be said of an error beside its code and its sentence. */
export interface ErrorOptions {
  /** What to try; replaces the hint of the code. */
  hint?: string;
  data?: ErrorData;
  cause?: unknown;
  /**
   * For `withStanding`, and for who makes a new error of one that has it. It stands before the hint, and in the data.
   */
  known?: KnownStanding | undefined;
}

/** An expected failure: a sentence that says what is wrong, and a hint that says what to try. */
export class DecampError extends Error {
  override readonly name: string = "DecampError";
  readonly code: ErrorCode;
  readonly hint: string;
  readonly data: ErrorData;
  /** What is known of the identity that was worked on; see `withStanding`. */
  readonly known: KnownStanding | undefined;

  /**
   * @param code what went wrong, from the closed set
   * @param message one plain sentence, without secrets, that names the thing that is wrong
   */
  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    const { hint = hints[code], data = {}, known } = options;
    this.hint = [known?.sentence ?? "", hint].filter((part) => part !== "").join(" ");
    this.data = known === undefined ? data : { ...data, identity: known.identity };
    this.known = known;
  }

  /** The exit code of a process that ends with this error. */
  get exitCode(): number {
    return exitCodeOf(this.code);
  }
}

/** The exit code of a process that ends with this: an error, or a result that lacks something. */
export function exitCodeOf(code: ErrorCode): number {
  return exitCodes[code];
}

/** Whether `error` is a DecampError, and if codes are given, one of these. */
export function isDecampError(error: unknown, ...codes: readonly ErrorCode[]): error is DecampError {
  return error instanceof DecampError && (codes.length === 0 || codes.includes(error.code));
}

/** The same error with another hint, where it is known better what helps. */
export function withHint(error: DecampError, hint: string): DecampError {
  const { code, message, data } = error;
  return new DecampError(code, message, { hint, data, cause: error });
}

/** The hint of an error, without what `withStanding` has put before it. */
export function ownHint({ hint, known }: DecampError): string {
  return known === undefined ? hint : hint.replace(known.sentence, "").trim();
}

/** The same error with another hint of its own, and more data; what `withStanding` has put before it stays there. */
export function withOwnHint(error: DecampError, hint: string, more: ErrorData = {}): DecampError {
  const { code, message, data, cause, known } = error;
  return new DecampError(code, message, { hint, data: { ...data, ...more }, cause, known });
}

/**
 * The failure, for who goes on without what has failed. A bug is thrown again, and the reason of who has given up.
 *
 * @param error what was caught
 */
export function expectedFailure(error: unknown, signal: AbortSignal): DecampError {
  signal.throwIfAborted();
  if (!isDecampError(error)) {
    throw error;
  }
  return error;
}

/**
 * The same error, with what is known of the identity. To be called by the one place that knows: the loop of a
 * migration, and whoever takes a change to the directory. An error that has been told once stays as it is, and so does
 * a bug.
 *
 * @param sentence what stands now, and where the account lives; it comes before the hint
 */
export function withStanding(error: unknown, standing: IdentityStanding, sentence: string): unknown {
  if (!isDecampError(error) || error.known !== undefined) {
    return error;
  }
  const { code, message, hint, data, cause } = error;
  return new DecampError(code, message, { hint, data, cause, known: { identity: standing, sentence } });
}
