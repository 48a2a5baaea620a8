/**
 * The guided move: what a person at a terminal has not said is asked for, one thing at a time, with what was found as
 * the answer that Enter gives. Nothing is changed before the plan was seen and agreed to, but for a key file that is
 * made because somebody wants one. Who leaves gets the command that takes it up with all that was answered.
 */
import { randomBytes } from "node:crypto";
import { findAnyIdentity } from "../../account/find.ts";
import { pastOf, type AnyIdentity } from "../../account/web/any-identity.ts";
import { homeBefore, homeOf, livesAt, whereIs } from "../../account/where.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { noHandle, parseAccount } from "../../identity/names.ts";
import { makePrivateKey, type PrivateKey } from "../../identity/private-key.ts";
import type { MigrationPlan, MigrationResult } from "../../migration/events.ts";
import { migrate } from "../../migration/run.ts";
import { knownMoves, type KnownMove } from "../../migration/journal.ts";
import { keysThatCameAlone } from "../../plc/came-alone.ts";
import type { OpenServices } from "../../services/open.ts";
import { createKeychain } from "../../services/secrets/keychain.ts";
import { keyFileAt, refuseTaken } from "../../services/secrets/key-store.ts";
import type { ServerDescription } from "../../services/servers/pds.ts";
import type { Edge, Invocation } from "../command.ts";
import { commandLine, resumable } from "../command-line.ts";
import { nonEmpty, readGlobals, type GlobalFlags } from "../globals.ts";
import { converse } from "../talk/converse.ts";
import { hostName } from "../talk/identity-answers.ts";
import { keepNewKey } from "../talk/keys/keep-new-key.ts";
import { askYesOrNo, withPrompter, type Prompter, type Question } from "../talk/prompter.ts";
import { bytesText } from "../talk/reporters/amounts.ts";
import { openKey } from "../talk/rotation-key.ts";
import { createSecrets } from "../talk/secrets.ts";
import { stoppable, tellStopping } from "../talk/signals.ts";
import type { Channel, Line } from "../talk/terminal.ts";
import { wrapLine } from "../talk/wrap.ts";
import { askedLines } from "./asked-for.ts";
import type { MigrateFlags } from "./declare.ts";
import { readMigrateRequest, type MigrateRequest } from "./request.ts";
import { resultLines } from "./result.ts";

/** A move that a person has been asked about, and agreed to. */
export interface Guided {
  /** What was typed, with what was answered. */
  readonly invocation: Invocation<MigrateFlags>;
  /** The new rotation key, if one was made: nobody types its passphrase once more. */
  readonly key?: PrivateKey | undefined;
  /** Whether the plan was seen and agreed to. */
  readonly isAgreed?: true;
}

/** What was answered so far. */
interface Draft {
  account: string | undefined;
  /** The old server, where it was named. */
  readonly from: string | undefined;
  to: string | undefined;
  recoveryKey: string | undefined;
  newHandle: string | undefined;
  inviteCode: string | undefined;
}

/**
 * Asks for what is missing, shows the plan, and asks whether to begin.
 *
 * @returns undefined where the answer is no
 * @throws DecampError `interrupted` with the command that goes on, and whatever stops a dry run
 */
export async function guide(
  typed: Invocation<MigrateFlags>,
  edge: Edge,
  services: OpenServices,
): Promise<Guided | undefined> {
  const { terminal } = edge;
  const globals = readGlobals(typed.globals, terminal.env);
  const { flags } = typed;
  const draft: Draft = {
    account: typed.args[0],
    from: flags.from ?? nonEmpty(terminal.env["DECAMP_SOURCE_PDS"]),
    to: flags.to ?? nonEmpty(terminal.env["DECAMP_TARGET_PDS"]),
    recoveryKey: flags.recoveryKey,
    newHandle: flags.newHandle ?? nonEmpty(terminal.env["NEW_ACCOUNT_HANDLE"]),
    inviteCode: flags.inviteCode,
  };
  try {
    const key = await talk(edge, globals, async (ask) => askWhatIsMissing(ask, draft, edge, globals, services));
    const request = readMigrateRequest(complete(typed, draft), terminal.env);
    const plan = await makePlan(request, draft, edge, services, key);
    const isAgreed = await talk(edge, globals, async (ask) => agree(ask, plan, request, edge, key !== undefined));
    if (!isAgreed) {
      terminal.err.line("The move was not begun. To take it up again:");
      terminal.err.line("  ", commandLine(guidedAgain(typed, draft)));
      return undefined;
    }
    return { invocation: complete(typed, draft), key, isAgreed };
  } catch (error) {
    throw resumable(error, guidedAgain(typed, draft));
  }
}

/** What to type to be asked for the rest. */
function guidedAgain(typed: Invocation<MigrateFlags>, draft: Draft): readonly string[] {
  const { argv } = complete(typed, draft);
  return argv.includes("--guide") ? argv : [...argv, "--guide"];
}

/** What was typed, with what was answered behind it. */
function complete(typed: Invocation<MigrateFlags>, draft: Draft): Invocation<MigrateFlags> {
  const { account, to, recoveryKey, newHandle, inviteCode } = draft;
  const given = typed.flags;
  const added = Object.entries({
    "--to": given.to === undefined ? to : undefined,
    "--new-handle": given.newHandle === undefined ? newHandle : undefined,
    "--invite-code": given.inviteCode === undefined ? inviteCode : undefined,
    "--recovery-key": given.recoveryKey === undefined ? recoveryKey : undefined,
  }).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  return {
    ...typed,
    args: account === undefined ? [] : [account],
    flags: {
      ...given,
      ...(to === undefined ? {} : { to }),
      ...(newHandle === undefined ? {} : { newHandle }),
      ...(inviteCode === undefined ? {} : { inviteCode }),
      ...(recoveryKey === undefined ? {} : { recoveryKey }),
    },
    argv: [...typed.argv, ...(typed.args.length === 0 && account !== undefined ? [account] : []), ...added],
  };
}

/** Questions, and what is said between them. */
interface Ask {
  readonly err: Channel;
  readonly prompter: Prompter;
  readonly signal: AbortSignal;
  /** Asks until `take` makes something of the answer; what is wrong with it is said. */
  readonly until: <T>(
    question: Omit<Question, "what" | "answeredBy">,
    take: (answer: string) => Promise<T>,
  ) => Promise<T>;
  /** @param isTyped whether a yes has to be typed; else Enter alone is one */
  readonly yes: (message: string, isTyped?: boolean) => Promise<boolean>;
}

/** What would have answered, where nobody can. */
const answeredBy = "the flags of decamp migrate";

async function talk<T>(edge: Edge, globals: GlobalFlags, work: (ask: Ask) => Promise<T>): Promise<T> {
  const { terminal } = edge;
  const { err } = terminal;
  return stoppable(
    async (signal, leave) =>
      withPrompter(terminal, { ...globals, signal, leave }, async (prompter) => {
        const text = async (question: Omit<Question, "what" | "answeredBy">): Promise<string> =>
          prompter.text({ ...question, what: question.message, answeredBy });
        const until: Ask["until"] = async (question, take) => {
          for (let { suggestion } = question; ;) {
            const answer = await text({ ...question, suggestion });
            try {
              return await take(answer);
            } catch (error) {
              if (!isDecampError(error) || error.code === "interrupted") {
                throw error;
              }
              err.line({ text: "That did not work:", style: "yellow" }, " ", error.message);
              err.line(...(error.hint === "" ? [] : [hintHere(error.hint)]));
            }
            suggestion = answer === suggestion ? undefined : suggestion;
          }
        };
        const yes: Ask["yes"] = async (message, isTyped) =>
          askYesOrNo(prompter, { message, what: message, answeredBy }, isTyped);
        const said = await work({ err, prompter, signal, until, yes });
        // A key is made and kept to the end, whatever is pressed meanwhile; nothing is asked behind it.
        signal.throwIfAborted();
        return said;
      }),
    tellStopping(terminal, globals),
  );
}

/** The hint of an error where the question is asked once more: nothing has to be run again for that. */
function hintHere(hint: string): string {
  return hint.replace("run the same command again", "type it again");
}

/** @returns the new rotation key, if one was made */
async function askWhatIsMissing(
  ask: Ask,
  draft: Draft,
  edge: Edge,
  globals: GlobalFlags,
  services: OpenServices,
): Promise<PrivateKey | undefined> {
  const { err, signal } = ask;
  err.line({ text: "A move to another server", style: "bold" });
  say(
    err,
    "One question at a time; Enter takes the answer in brackets. Nothing is moved before you have seen the plan and agreed to it. Ctrl-C leaves, at any question.",
  );
  err.line();
  const { moves } = await knownMoves(globals.stateDir);
  const identity = await askAccount(ask, draft, moves, globals, services);
  const home = homeOf(pastOf(identity));
  // Before anything else is asked, or a key made: one that does not answer ends this.
  const source = home === undefined ? undefined : await services.openPds(home).describe(signal);
  const target = await askServer(ask, draft, { identity, home, source, moves }, globals, services);
  const key = await offerKey(ask, draft, identity, edge);
  explainHandle(err, identity.handle, { home, source, target });
  return key;
}

async function askAccount(
  { err, prompter, signal, until }: Ask,
  draft: Draft,
  moves: readonly KnownMove[],
  globals: GlobalFlags,
  services: OpenServices,
): Promise<AnyIdentity> {
  const find = async (text: string, server = draft.from): Promise<AnyIdentity> => {
    const from = server === undefined ? undefined : serverAt(server, globals);
    return findAnyIdentity(services, parseAccount(text), { past: true, from }, signal);
  };
  /** A name that leads nowhere from here may be known to the old server. Of what that finds the DID is kept. */
  const findThere = async (text: string, error: unknown): Promise<AnyIdentity> => {
    const isSilent = isDecampError(error, "account-not-found", "unreachable");
    if (!isSilent || draft.from !== undefined || parseAccount(text).type === "did") {
      throw error;
    }
    err.line({ text: "That did not work:", style: "yellow" }, " ", error.message);
    const message = "The address of your old server, which may know the name (Enter alone: another name, or the DID):";
    const server = await prompter.text({ message, what: message, answeredBy, mayBeEmpty: true });
    if (server === "") {
      throw new DecampError("account-not-found", `${text.trim()} was not found.`, {
        hint: "Type another name, or the DID of your account: it begins with did:",
      });
    }
    return find(text, server);
  };
  const [begun] = moves.length === 1 ? moves : [];
  const identity =
    draft.account === undefined
      ? await until(
          { message: "Your account, its handle or its DID:", suggestion: begun?.handle ?? begun?.did },
          async (answer) => {
            const found = await find(answer).catch(async (error: unknown) => {
              const there = await findThere(answer, error);
              draft.account = there.did;
              return there;
            });
            draft.account ??= answer.trim();
            return found;
          },
        )
      : await find(draft.account);
  const { handle, did } = identity;
  err.line("  ", { text: handle === noHandle ? "It has no handle" : handle, style: "bold" }, `, ${did}`);
  err.line(`  It lives at ${homeOf(pastOf(identity)) ?? "no server that can be used"}.`);
  err.line();
  return identity;
}

async function askServer(
  { err, signal, until }: Ask,
  draft: Draft,
  { identity, home, source, moves }: Home & { identity: AnyIdentity; moves: readonly KnownMove[] },
  globals: GlobalFlags,
  services: OpenServices,
): Promise<ServerDescription> {
  const look = async (text: string, isTyped = true): Promise<ServerDescription> => {
    const origin = serverAt(text, globals);
    const description = await services.openPds(origin).describe(signal);
    const isHome = origin === home || description.did === source?.did;
    if (isTyped && isHome && !(await isUnfinished(identity, origin, services, signal))) {
      throw new DecampError("same-server", `${origin} is the server where your account lives now.`);
    }
    draft.to = origin;
    return description;
  };
  const begun = moves.find(({ did, target }) => did === identity.did && target !== home);
  const description =
    draft.to === undefined
      ? await until({ message: "Your new server, its address:", suggestion: begun?.target }, async (answer) =>
          look(answer),
        )
      : await look(draft.to, false);
  const { availableUserDomains, blobUploadLimit, inviteCodeRequired, termsOfService, privacyPolicy } = description;
  err.line("  ", { text: draft.to ?? "", style: "bold" }, " answers.");
  err.line(
    availableUserDomains.length === 0
      ? "  It gives out no handles: you need a domain of your own."
      : `  It gives out handles under ${availableUserDomains.join(", ")}.`,
  );
  err.line(
    blobUploadLimit === undefined
      ? "  It does not say how large a picture or video may be."
      : `  It takes pictures and videos of up to ${bytesText(blobUploadLimit)} each.`,
  );
  if (inviteCodeRequired) {
    err.line("  It wants an invite code; you are asked for it.");
  }
  for (const [what, link] of [["terms", termsOfService] as const, ["privacy policy", privacyPolicy] as const]) {
    if (link !== undefined) {
      err.line(`  Its ${what}: ${link}`);
    }
  }
  err.line();
  return description;
}

/** The server where the account lives: its origin, and what it says of itself. */
interface Home {
  readonly home: string | undefined;
  readonly source: ServerDescription | undefined;
}

/** Whether a move to the server that the identity names still lacks something: the same command ends it. */
async function isUnfinished(
  identity: AnyIdentity,
  target: string,
  services: OpenServices,
  signal: AbortSignal,
): Promise<boolean> {
  const past = pastOf(identity);
  const source = homeBefore(past);
  if (source === undefined || !livesAt(past, target)) {
    return false;
  }
  const { state } = await whereIs(services, past, { source, target }, signal);
  return state !== "moved";
}

/** The origin of a server as somebody types it. @throws DecampError as `parseServerUrl` */
function serverAt(text: string, globals: GlobalFlags): string {
  return parseServerUrl(/^https?:\/\//i.test(text.trim()) ? text : `https://${text.trim()}`, globals);
}

/** Offers a rotation key before anything else is done: who may undo the move is settled by what comes before it. */
async function offerKey(
  { err, prompter, signal, until, yes }: Ask,
  draft: Draft,
  identity: AnyIdentity,
  { terminal, secrets: known }: Edge,
): Promise<PrivateKey | undefined> {
  if (draft.recoveryKey !== undefined || identity.log === undefined) {
    return undefined; // a did:web has no rotation keys
  }
  const [own] = keysThatCameAlone(identity.log);
  err.line({ text: "A rotation key of your own", style: "bold" });
  if (own !== undefined) {
    say(err, `  Your identity has one already, as far as its log shows: ${own}`);
    err.line();
    return undefined;
  }
  say(
    err,
    "  With it you can take the move back for 72 hours, and later leave a server that does not help you. As far as the log shows, your identity has none now: only servers can sign for it. It is put first before the move, and your old server mails one more code for that.",
  );
  if (!(await yes("Make one now?"))) {
    err.line();
    return undefined;
  }
  let isMade = true;
  let isGiven = false;
  const key = await until(
    { message: "Where to keep it: a file, or the word keychain:", suggestion: "rotation-key.age" },
    async (place) => {
      const path = place.toLowerCase() === "keychain" ? undefined : place;
      // Another file has a passphrase of its own.
      const secrets = createSecrets(terminal, {}, prompter, known, signal);
      const there = path === undefined ? undefined : await keyFileAt(path);
      if (
        there !== undefined &&
        (await yes(`${place} is there already, and looks like a key file. Use the key in it?`))
      ) {
        const opened = await openKey(there, secrets);
        draft.recoveryKey = path;
        isMade = false;
        return opened;
      }
      if (path !== undefined) {
        await refuseTaken(path);
      }
      const made = makePrivateKey("k256", randomBytes);
      secrets.conceal(made.reveal());
      isGiven = secrets.isGivenBeforehand("passphrase");
      const kept = await keepNewKey(made, path, { secrets, keychain: createKeychain(), signal });
      draft.recoveryKey = path ?? kept.didKey;
      return kept;
    },
  );
  say(
    err,
    draft.recoveryKey === key.didKey
      ? "  Kept in the keychain of this machine, read back and tried."
      : isMade
        ? `  Kept in ${draft.recoveryKey}, encrypted${isGiven ? " with the passphrase in DECAMP_PASSPHRASE" : ""}; read back and tried.`
        : `  The key in ${draft.recoveryKey} is taken: ${key.didKey}`,
  );
  say(err, "  Keep a copy elsewhere, and the passphrase where you will find it in ten years.");
  err.line();
  return key;
}

/** Says something in lines that are not too long to read. */
function say(err: Channel, ...pieces: Line): void {
  for (const line of wrapLine(pieces, Math.min(err.width, 80))) {
    err.line(...line);
  }
}

function explainHandle(err: Channel, handle: string, of: Home & { target: ServerDescription }): void {
  const { home = "", source, target } = of;
  err.line({ text: "Your handle", style: "bold" });
  if (handle === noHandle) {
    err.line("  The account has none, and needs one at the new server.");
  } else if (source?.availableUserDomains.some((domain) => handle.endsWith(domain)) === true) {
    say(
      err,
      `  ${handle} is a name that ${hostName(home)} gives out: it goes with that server. At the new one you choose another, or give a domain of your own that leads to your account already.`,
    );
  } else {
    say(err, `  ${handle} is no name of ${hostName(home)}'s: it can stay, as long as it leads to your account.`);
  }
  if (target.availableUserDomains.length > 0) {
    err.line(`  Names there end with ${target.availableUserDomains.join(" or ")}.`);
  }
  err.line();
}

/** A dry run, in which the handle and the invite code are asked for. Keeps what was answered. */
async function makePlan(
  request: MigrateRequest,
  draft: Draft,
  edge: Edge,
  services: OpenServices,
  key: PrivateKey | undefined,
): Promise<{ plan: MigrationPlan | undefined; result: MigrationResult }> {
  let plan: MigrationPlan | undefined;
  const options = { ...request.options, dryRun: true };
  const result = await converse(
    { ...request, options, newKey: keyAtHand(key) },
    edge,
    async (answers, report, signal) =>
      migrate(
        options,
        services,
        {
          ...answers,
          inviteCode: async (of) => {
            const code = await answers.inviteCode(of);
            draft.inviteCode = code;
            return code;
          },
        },
        (event) => {
          if (event.type === "plan") {
            ({ plan } = event);
            draft.newHandle = event.plan.newHandle;
          }
          report(event);
        },
        signal,
      ),
  );
  return { plan, result };
}

/** How the move gets the key that was just made. */
export function keyAtHand(key: PrivateKey | undefined): MigrateRequest["newKey"] {
  return key === undefined ? undefined : () => Promise.resolve({ key: key.didKey, proof: key });
}

/** Shows the plan and what will be asked for, and asks whether to begin. */
async function agree(
  { err, yes }: Ask,
  { plan, result }: { plan: MigrationPlan | undefined; result: MigrationResult },
  request: MigrateRequest,
  { terminal }: Edge,
  hasNewKey: boolean,
): Promise<boolean> {
  err.line();
  const asked = plan === undefined ? [] : askedLines(request, plan, terminal.env, hasNewKey);
  for (const line of resultLines(result, plan, undefined, request.complete, asked)) {
    err.line(...line);
  }
  err.line();
  return yes("Begin?", true);
}
