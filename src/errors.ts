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

/** Code → what to try, when whoever throws has nothing more exact to say. */
const hints: Record<ErrorCode, string> = {
  usage: "Run the command with --help to see how it is used.",
  "invalid-account": "Give a handle such as alice.example.com, or a DID such as did:plc:ewvi7nxzyoun6zhxrhs64oiz.",
  "invalid-url": "Give the address of the server, such as https://pds.example.com.",
  "insecure-url": "Use an https address. For a server on your own machine or network, add --allow-private-hosts.",
  "same-server": "Give the address of the server that you want to move to.",
  unsupported: "Run decamp --help to see what this version can do.",
  "unreadable-file": "Check the path, and that you may read the file.",
  "key-unusable":
    "A private key starts with z, as decamp and goat print it, or is 64 hex digits, a JWK, a PEM key, or a file that decamp or age has encrypted.",
  damaged: "Nothing was changed. Fetch the data again; if it stays like this, the server's copy is damaged.",
  "limit-exceeded": "If you trust where this comes from, raise the limit that the message names.",
  "auth-refused": "Check the password. It has to be the account's own, not an app password.",
  "app-password": "An app password cannot move an account. Use the account's own password.",
  "auth-factor-required": "Give the code that was mailed to you with --auth-factor-file or --auth-factor-command.",
  "plc-token-refused": "Nothing is lost. Run the same command again: it asks for a new mail with a new code.",
  "passphrase-refused": "Check the passphrase. Without it nobody can open the file, decamp neither.",
  unreachable: "Check the address and your connection, then run the same command again.",
  "bad-answer": "Check the address: this does not look like a healthy AT Protocol server. Try again later.",
  "server-refused": "Nothing was lost. Read what the server says, then run the same command again.",
  "account-not-found": "Check the spelling, or give the account's DID.",
  "account-unavailable": "Sign in at the server that holds the account to see its state.",
  "invite-refused": "Ask the operator of the new server for an invite code, and give it with --invite-code.",
  "handle-refused": "Choose another handle with --new-handle.",
  "handle-taken": "Choose another handle with --new-handle.",
  "email-refused": "Give another e-mail address with --new-email.",
  "email-taken": "Give another e-mail address with --new-email.",
  incomplete: "Run the same command again: it fetches only what is missing.",
  "input-needed": "Answer it with a flag, a file, a command or an environment variable: see --help.",
  "no-keychain": "Keep the key in an encrypted file instead, or start the system's keychain and unlock it.",
  "rate-limited": "Wait, then run the same command again. It goes on from where it stopped.",
  "private-address": "If that is your own machine or network, add --allow-private-hosts.",
  refused: "Nothing was changed.",
  "identity-invalid": "Do not go on with this account before the reason is known.",
  "head-moved": "Find out who changed the identity, then run the same command again.",
  "operation-differs": "The identity was not changed. Do not trust the server that answered this.",
  "second-opinion":
    "Two programs that should agree do not, so decamp does not go on. Tell the makers of decamp what stands here, and do not do this in another way before the reason is known.",
  "target-in-use": "Choose another server, or ask the operator of the new one to remove that account.",
  locked: "Wait until the other run has ended.",
  interrupted: "Run the same command again: it goes on from where it stopped.",
  storage: "Check the free space and the permissions of the folder, then run the same command again.",
};

/** Facts that go with an error, for `--json` and for tests. Never a secret. */
export type ErrorData = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface ErrorOptions {
  /** What to try; replaces the hint of the code. */
  hint?: string;
  data?: ErrorData;
  cause?: unknown;
}

/** An expected failure: a sentence that says what is wrong, and a hint that says what to try. */
export class DecampError extends Error {
  override readonly name: string = "DecampError";
  readonly code: ErrorCode;
  readonly hint: string;
  readonly data: ErrorData;

  /**
   * @param code what went wrong, from the closed set
   * @param message one plain sentence, without secrets, that names the thing that is wrong
   */
  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? hints[code];
    this.data = options.data ?? {};
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

/**
 * What is known of an identity when work on it stops: nothing was sent, it was sent and nobody knows yet whether it was
 * taken, or it is changed.
 */
export type IdentityStanding = "unchanged" | "sent" | "changed";

/**
 * The same error, with what is known of the identity. To be called by the one place that knows: the loop of a migration,
 * and whoever takes a change to the directory. An error that has been told once stays as it is, and so does a bug.
 *
 * @param sentence what stands now, and where the account lives; it comes before the hint
 */
export function withStanding(error: unknown, standing: IdentityStanding, sentence: string): unknown {
  if (!isDecampError(error) || error.data["identity"] !== undefined) {
    return error;
  }
  return new DecampError(error.code, error.message, {
    hint: [sentence, error.hint].filter((part) => part !== "").join(" "),
    data: { ...error.data, identity: standing },
    cause: error.cause,
  });
}
