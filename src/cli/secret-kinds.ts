/** The secrets that there are, and the flags and variables that give them. */

export type SecretName =
  | "sourcePassword"
  | "authFactor"
  | "targetPassword"
  | "adminPassword"
  | "oldPassword"
  | "plcToken"
  | "deleteToken"
  | "rotationKey"
  | "passphrase";

interface SecretKind {
  /** `--<flag>-file` and `--<flag>-command`. */
  readonly flag: string;
  readonly env: readonly string[];
  /** In a sentence. */
  readonly what: string;
  /** Whether it is good for one use: then every question gets a fresh answer. */
  readonly once: boolean;
  /** Whether others may read a file with it only if the secret is encrypted there. */
  readonly isClosed?: true;
}

/** Public: the names in this table are the command line's contract. */
export const secretKinds: Readonly<Record<SecretName, SecretKind>> = {
  sourcePassword: {
    flag: "password",
    env: ["DECAMP_SOURCE_PASSWORD", "ATP_PASSWORD"],
    what: "the password for your old server",
    once: false,
  },
  authFactor: {
    flag: "auth-factor",
    env: ["ATP_AUTH_FACTOR_TOKEN"],
    what: "the sign-in code that your old server mailed to you",
    once: true,
  },
  targetPassword: {
    flag: "new-password",
    env: ["DECAMP_TARGET_PASSWORD", "NEW_ACCOUNT_PASSWORD"],
    what: "the password for your new server",
    once: false,
  },
  // PDS_ADMIN_PASSWORD is left alone: it may be that of another server than the one that is named.
  adminPassword: {
    flag: "admin-password",
    env: ["DECAMP_ADMIN_PASSWORD"],
    what: "the admin password of the server",
    once: false,
    isClosed: true,
  },
  oldPassword: {
    flag: "old-password",
    env: ["DECAMP_OLD_PASSWORD"],
    what: "the password at the server where your account has lived",
    once: false,
  },
  plcToken: {
    flag: "plc-token",
    env: ["PLC_SIGN_TOKEN"],
    what: "the code that your old server mailed to you to confirm the move",
    once: true,
  },
  deleteToken: {
    flag: "delete-token",
    env: ["DECAMP_DELETE_TOKEN"],
    what: "the code that your new server mailed to you to delete the account there",
    once: true,
  },
  rotationKey: {
    flag: "rotation-key",
    env: ["PLC_SIGNING_KEY"],
    what: "your rotation key",
    once: false,
    isClosed: true,
  },
  passphrase: {
    flag: "passphrase",
    env: ["DECAMP_PASSPHRASE"],
    what: "the passphrase of the key file",
    once: false,
  },
};

export const secretNames: readonly SecretName[] = [
  "sourcePassword",
  "authFactor",
  "targetPassword",
  "adminPassword",
  "oldPassword",
  "plcToken",
  "deleteToken",
  "rotationKey",
  "passphrase",
];

const secretVariables: ReadonlySet<string> = new Set(Object.values(secretKinds).flatMap((kind) => kind.env));

/** Whether a variable gives this one. */
export function isInEnvironment(name: SecretName, env: Readonly<NodeJS.ProcessEnv>): boolean {
  return secretKinds[name].env.some((variable) => (env[variable] ?? "") !== "");
}

/** Whether one of them is set. */
export function holdsSecret(env: Readonly<NodeJS.ProcessEnv>): boolean {
  return [...secretVariables].some((name) => (env[name] ?? "") !== "");
}

/** The variable that has a command remember, by the name of its job, when it last ended well: this one alone. */
export const jobVariable = "DECAMP_INSURED";

/**
 * What a command finds that is told of a job that has failed, or has noticed something: the name of the job, and what
 * is to be said. Nothing in it was chosen by whoever signed an operation.
 */
export const failedVariable = "DECAMP_FAILED";
export const noticeVariable = "DECAMP_NOTICE";

/** What the commands that we run inherit: all but the variables that hold secrets, and the one that names our job. */
export function withoutSecrets(env: Readonly<NodeJS.ProcessEnv>): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secretVariables.has(name) && name !== jobVariable));
}
