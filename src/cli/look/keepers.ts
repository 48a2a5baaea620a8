/** `decamp blob get` and `push`: servers that give blobs to the owner alone, and what is said of both results. */
import { DecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import type { Keeper, KeeperAnswers, OwnerOnly } from "../../migration/afterwards/blob-givers.ts";
import type { Edge, Invocation } from "../command.ts";
import { completer } from "../next-command.ts";
import { isInEnvironment, type SecretName } from "../secret-kinds.ts";
import type { GiverFlags } from "../shape.ts";
import { asOwner, type Owner } from "../talk/answers/as-owner.ts";
import { askYesOrNo } from "../talk/prompter.ts";
import type { Terminal } from "../talk/terminal.ts";

/** What such work gets. */
export interface Keepers extends Owner {
  /** Origins that were named. */
  readonly servers: readonly string[];
  readonly keepers: KeeperAnswers;
}

/**
 * Runs `work` as `asOwner`. A password that was given beforehand goes only to the one server that was named with it.
 *
 * @throws DecampError `usage` for a password without that one server; whatever `work` throws
 */
export async function withKeepers<T>(
  invocation: Invocation<GiverFlags>,
  edge: Edge,
  work: (keepers: Keepers) => Promise<T>,
): Promise<T> {
  const { from: named = [], oldPasswordFile: file, oldPasswordCommand: command, ...flags } = invocation.flags;
  if ((file !== undefined || command !== undefined) && named.length !== 1) {
    const flag = `--old-password-${file === undefined ? "command" : "file"}`;
    throw new DecampError("usage", `${flag} is the password at one server.`, {
      hint: "Name that server, and no other, with --from.",
    });
  }
  const { env } = edge.terminal;
  const isSet = (name: SecretName): boolean => isInEnvironment(name, env);
  const isOldGiven = named.length === 1 && (file !== undefined || command !== undefined || isSet("oldPassword"));
  const isOwnGiven = flags.passwordFile !== undefined || flags.passwordCommand !== undefined || isSet("sourcePassword");
  const owner = { ...invocation, flags: named[0] === undefined ? flags : { ...flags, from: named[0] } };
  return asOwner(
    owner,
    edge,
    async (talk) => {
      const { answers, prompter, secrets, globals } = talk;
      return work({
        ...talk,
        servers: named.map((url) => parseServerUrl(url, globals)),
        keepers: keeperAnswers({ isOldGiven, isOwnGiven }, { answers, prompter, secrets }),
      });
    },
    { secretFlags: { oldPassword: { file, command } } },
  );
}

/**
 * What is answered where a server gives blobs to the owner alone.
 *
 * @param given which passwords were given beforehand: `isOldGiven` the one for the server that was named, `isOwnGiven`
 *   the one for the server where the account lives. For every other server a person is asked
 */
export function keeperAnswers(
  { isOldGiven, isOwnGiven }: { readonly isOldGiven: boolean; readonly isOwnGiven: boolean },
  { answers, prompter, secrets }: Pick<Owner, "answers" | "prompter" | "secrets">,
): KeeperAnswers {
  const isForIt = ({ isNamed }: Pick<Keeper, "isNamed">): boolean => isNamed && isOldGiven;
  return {
    canAskAgain: answers.canAskAgain,
    authFactorCode: async (of) => answers.authFactorCode(of),
    wantsSignIn: async ({ host, handle, isHome, isNamed }) => {
      if (isForIt({ isNamed }) || (isHome && isOwnGiven)) {
        return true;
      }
      return (
        prompter.canAsk &&
        (await askYesOrNo(prompter, {
          message: `${host} may give blobs of ${handle} to the owner alone. Sign in there?`,
          what: `whether to sign in at ${host}`,
          answeredBy: "--from and --old-password-file",
        }))
      );
    },
    keeperPassword: async ({ isHome, isNamed, ...of }) =>
      isHome && !isForIt({ isNamed })
        ? answers.sourcePassword(of)
        : secrets.read("oldPassword", {
            message: `Password of ${of.handle} at ${of.host}:`,
            what: `the password at ${of.host}`,
            // What was given, or typed, is for another server.
            again: of.again !== undefined || !isForIt({ isNamed }),
          }),
  };
}

/** What is left, and what else can be done about it. */
interface Left {
  readonly did: string;
  readonly left: readonly { readonly cid: string; readonly reason: string }[];
  readonly ownerOnly: readonly OwnerOnly[];
}

/** The next command, where something is left that the owner may be given; undefined where there is none. */
export function nextOf(
  { globals: raw, args: [, archive] }: Invocation<GiverFlags>,
  globals: Owner["globals"],
  command: "get" | "push",
  { did, left, ownerOnly }: Left,
): string | undefined {
  const first = ownerOnly.find(({ reason }) => reason === undefined);
  return first === undefined || left.length === 0
    ? undefined
    : completer({ raw, globals })([
        "blob",
        command,
        did,
        ...(archive === undefined ? [] : [archive]),
        "--from",
        first.server,
      ]);
}

/** Prints what is left, and who may give it to the owner. */
export function tellLeft({ out }: Terminal, { left, ownerOnly }: Left, next: string | undefined): void {
  for (const { cid, reason } of left) {
    out.line({ text: "missing  ", style: "red" }, `${cid}: ${reason}`);
  }
  for (const { server, reason } of left.length === 0 ? [] : ownerOnly) {
    out.line(
      reason === undefined
        ? `${server} may give to the owner of the account what it gives to nobody else.`
        : `Nobody could sign in at ${server}. ${reason}`,
    );
  }
  if (next !== undefined) {
    out.line("This asks there once more, and for the password:");
    out.line(`  ${next}`);
  }
}

/** "1 is", "2 are". */
export function isOrAre(count: number): string {
  return count === 1 ? "1 is" : `${count} are`;
}
