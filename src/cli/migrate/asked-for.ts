/** What a move is going to ask for: said before it begins, so that it lies at hand. */
import type { WhereState } from "../../account/where.ts";
import { isWebDid } from "../../identity/names.ts";
import type { MigrationPlan } from "../../migration/events.ts";
import { nonEmpty } from "../globals.ts";
import { secretKinds, type SecretName } from "../secret-kinds.ts";
import type { Line } from "../talk/terminal.ts";
import type { MigrateRequest } from "./request.ts";

/**
 * @param hasNewKey whether the key that is put first lies at hand already, opened
 * @returns no line where nothing is asked for
 */
export function askedLines(
  request: MigrateRequest,
  plan: MigrationPlan,
  env: Readonly<NodeJS.ProcessEnv>,
  hasNewKey: boolean = false,
): readonly Line[] {
  const asked = whatIsAsked(request, plan, env, hasNewKey);
  return asked.length === 0
    ? []
    : [[{ text: "What you will be asked for", style: "bold" }], ...asked.map((what): Line => [`  - ${what}`])];
}

/** Where the identity names the new server already. */
const switched: ReadonlySet<WhereState> = new Set([
  "switched",
  "switched-empty",
  "switched-absent",
  "source-active",
  "source-unknown",
  "moved",
] as const);

function whatIsAsked(
  { secretFlags, given, options }: MigrateRequest,
  { did, state, newHandle }: MigrationPlan,
  env: Readonly<NodeJS.ProcessEnv>,
  hasNewKey: boolean,
): string[] {
  const isOpen = (name: SecretName): boolean =>
    secretFlags[name]?.file === undefined &&
    secretFlags[name]?.command === undefined &&
    secretKinds[name].env.every((variable) => nonEmpty(env[variable]) === undefined);
  const old = isOpen("sourcePassword") ? ["the password at your old server: the account's own, no app password"] : [];
  const there = isOpen("targetPassword") ? ["the password at your new server"] : [];
  if (state !== undefined && switched.has(state)) {
    // Which of the two is needed depends on what is left.
    return [...there, ...old].map((what) => `${what}, if it is needed`);
  }
  const isThere = state === "begun" || state === "frozen" || state === "returned";
  const signsByKey = given.signByKey === true;
  return [
    ...old,
    ...(signsByKey && given.outside === undefined && isOpen("passphrase")
      ? ["the passphrase of your rotation key, if its file has one"]
      : []),
    ...(isThere
      ? there
      : [
          ...(newHandle === undefined ? ["your handle on the new server"] : []),
          ...(given.newEmail === undefined && !given.yes ? ["your e-mail address for the new server"] : []),
          ...(isOpen("targetPassword") ? ["a password for the new server, typed twice"] : []),
        ]),
    ...(options.addRecoveryKey
      ? [
          ...(isOpen("passphrase") && !hasNewKey
            ? ["the passphrase of your new rotation key, if it lies in a file that has one"]
            : []),
          `your DID or handle${signsByKey ? "" : " and a mailed code"}, to put your new rotation key first${isThere ? ", unless it is by now" : ""}`,
        ]
      : []),
    ...(given.confirmDid === undefined
      ? ["your DID or handle before the identity changes: the point of no return"]
      : []),
    ...(isWebDid(did)
      ? ["to publish the document that decamp makes then, on the host of your did:web"]
      : isOpen("plcToken") && !signsByKey
        ? ["the code that your old server then mails to you"]
        : []),
  ];
}
