/** `decamp export ACCOUNT`: options, one call of the use case, and what is said about its result. */
import { exportOptions } from "../../archive/export/export-options.ts";
import { exportFound, findToExport } from "../../archive/export/find-and-export.ts";
import { pastOfLocated } from "../../account/find.ts";
import { signIn, type SessionOwner } from "../../account/sign-in.ts";
import type { ReportExport } from "../../archive/events.ts";
import { usualFolder } from "../../archive/export/usual-archive.ts";
import { comparedHeads } from "../../archive/export/compared-heads.ts";
import { readableManifests } from "../../archive/manifest.ts";
import { DecampError, exitCodeOf } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import type { Account } from "../../identity/names.ts";
import { isNoFolder } from "../../services/disk/hash-file.ts";
import type { OpenServices } from "../../services/open.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { ExportFlags } from "./declare.ts";
import { nonEmpty, readGlobals } from "../globals.ts";
import { beside, carTarget, checkTarget, exportToCar, type CarTarget } from "./to-car.ts";
import { createIdentityAnswers } from "../talk/identity-answers.ts";
import type { Edge, Invocation } from "../command.ts";
import { servicesFor } from "../services.ts";
import { ping } from "../talk/reporters/ping.ts";
import type { Prompter } from "../talk/prompter.ts";
import { reportAndAsk } from "../talk/report-and-ask.ts";
import { isInEnvironment } from "../secret-kinds.ts";
import { checkSecretFlags, createSecrets, type AllSecretFlags, type Secrets } from "../talk/secrets.ts";
import { stoppable, tellStopping } from "../talk/signals.ts";
import { tellDocument, type Terminal } from "../talk/terminal.ts";
import { carFacts, carLines, tellCar } from "./car-result.ts";
import { exportLines, keyFacts, lacksSomething, resultFacts } from "./result.ts";
import { completer } from "../next-command.ts";

/**
 * Exports one account. Exit code 6 if blobs are missing, or may be, if a private part could not be read, if something
 * is damaged and stays so, if much is gone, or if a pipe did not take all.
 */
export async function exportAccount(
  account: Account,
  invocation: Invocation<ExportFlags>,
  { terminal: given, secrets: known }: Edge,
): Promise<number> {
  const { flags, globals: raw } = invocation;
  const globals = readGlobals(raw, given.env);
  const archive = flags.output ?? usualFolder(account);
  const target = await carTarget(flags.output);
  const terminal = beside(given, target);
  if (target !== undefined) {
    if (flags.recheck === true) {
      throw new DecampError("usage", "--recheck proves what is in an archive, and a CAR file is none.", {
        hint: "decamp verify proves a CAR file.",
      });
    }
    if (flags.compress !== undefined) {
      throw new DecampError("usage", "--compress is for archives, and a CAR file is none.", {
        hint: "Leave it out, and compress the file with zstd: decamp reads that.",
      });
    }
    if (flags.allowKnownMissing === true) {
      throw new DecampError("usage", "--allow-known-missing is about blobs, and a CAR file has none.", {
        hint: "Leave it out.",
      });
    }
    await checkTarget(target, given);
  } else if (await isNoFolder(archive)) {
    throw new DecampError("usage", `${archive} is a file, not an archive.`, {
      hint: "Name a folder, or a file that ends in .car for the repository alone.",
      data: { path: archive },
    });
  }
  const from = flags.from ?? nonEmpty(terminal.env["DECAMP_SOURCE_PDS"]);
  const origin = from === undefined ? undefined : parseServerUrl(from, globals);
  const secretFlags: AllSecretFlags = {
    sourcePassword: { file: flags.passwordFile, command: flags.passwordCommand },
    authFactor: { file: flags.authFactorFile, command: flags.authFactorCommand },
  };
  checkSecretFlags(secretFlags, terminal);
  const opened = servicesFor(globals, terminal);
  const services = target === undefined ? { ...opened, heads: comparedHeads(() => archive, opened.heads) } : opened;
  try {
    const ended = await stoppable(
      async (signal, leave) =>
        reportAndAsk(
          terminal,
          { globals, signal, leave, identityIsAsked: () => false, planIsTheResult: false },
          async (prompter, report) => {
            report({ type: "step", id: "locate", title: "Find the account", state: "start" });
            const did = account.type === "did" ? account.did : await archivedDid(archive, account.handle, target);
            const signsIn = wantsSignIn(flags, terminal.env);
            const found = await findToExport(
              archive,
              account,
              { origin, did, asksAhead: !signsIn && target === undefined },
              services,
              signal,
            );
            const { pds, ahead, located } = found;
            report({ type: "step", id: "locate", title: "Find the account", state: "done", detail: located.did });
            try {
              if (signsIn) {
                const before = target === undefined ? await signedInAt(archive) : undefined;
                const secrets = createSecrets(terminal, secretFlags, prompter, known, signal, secretsHere);
                report({ type: "step", id: "sign-in", title: "Sign in", state: "start" });
                const owner = { past: pastOfLocated(located), handle: located.handle, named: [origin, before] };
                await openSession(services, pds, owner, { terminal, secrets, prompter, report }, signal);
                report({ type: "step", id: "sign-in", title: "Sign in", state: "done" });
              }
              const { concurrency, recheck, compress, publicOnly = false } = flags;
              const options = exportOptions(services, { signal, concurrency, recheck, compress, publicOnly, report });
              return target === undefined
                ? { located, result: await exportFound(archive, found, options) }
                : { car: tellCar(target, located, pds, await exportToCar(target, found, options, given.out)) };
            } finally {
              ahead?.close();
              await pds.signOut();
            }
          },
        ),
      tellStopping(terminal, globals),
    );
    const begin = { type: "result", version: 1, command: "export" };
    if (ended.car !== undefined) {
      const { futureRev, taken } = ended.car.result;
      // A revision of the future: as verify has it.
      const code = futureRev ? exitCodeOf("damaged") : taken ? 0 : exitCodeOf("incomplete");
      await ping(flags.pingCommand, code, globals, terminal);
      const told = tellDocument(terminal, globals.json, { ...begin, ...carFacts(ended.car) });
      if (!told && (!globals.quiet || !taken)) {
        carLines(ended.car).forEach((line) => terminal.out.line(...line));
      }
      return code;
    }
    const { located, result } = ended;
    const isLacking = lacksSomething(result, flags.allowKnownMissing);
    const lacks = isLacking ? exitCodeOf("incomplete") : 0;
    const code = result.futureRev ? exitCodeOf("damaged") : lacks;
    await ping(flags.pingCommand, code, globals, terminal);
    const facts = { ...begin, archive, ...resultFacts(archive, result), ...keyFacts(located) };
    const isSilent = globals.quiet && !isLacking;
    if (!tellDocument(terminal, globals.json, facts) && !isSilent) {
      for (const line of exportLines(archive, located, result, {
        quiet: globals.quiet,
        complete: completer({ raw, globals }),
      })) {
        terminal.out.line(...line);
      }
    }
    return code;
  } finally {
    opened.close();
  }
}

/** There is one server, and no old one. */
const secretsHere = {
  sourcePassword: "the password for your server",
  authFactor: "the sign-in code that your server mailed to you",
};

/** The DID that the archive knows for a handle, if it is one. */
async function archivedDid(
  archive: string,
  handle: string,
  target: CarTarget | undefined,
): Promise<string | undefined> {
  if (target !== undefined) {
    return undefined;
  }
  const last = (await readableManifests(archive)).at(-1);
  return last?.handle === handle ? last.did : undefined;
}

/**
 * The server that gave an archive, the last time, what only the owner is given: it was named, or was settled. What is
 * public is taken from any server that the identity names, and settles nothing.
 */
async function signedInAt(archive: string): Promise<string | undefined> {
  return (await readableManifests(archive)).findLast(({ files }) => Object.values(files).some((file) => file.private))
    ?.source;
}

/** Whether a password is given, or is to be asked for. */
function wantsSignIn(flags: ExportFlags, env: Readonly<NodeJS.ProcessEnv>): boolean {
  return (
    flags.signIn === true ||
    flags.passwordFile !== undefined ||
    flags.passwordCommand !== undefined ||
    isInEnvironment("sourcePassword", env)
  );
}

/** What there is to talk with. */
interface Around {
  readonly terminal: Terminal;
  readonly secrets: Secrets;
  readonly prompter: Prompter;
  readonly report: ReportExport;
}

async function openSession(
  services: OpenServices,
  pds: Pds,
  owner: SessionOwner,
  { terminal, secrets, prompter, report }: Around,
  signal: AbortSignal,
): Promise<void> {
  const answers = createIdentityAnswers(terminal, {}, secrets, prompter, {
    source: "your server",
    target: "",
    explain: () => undefined,
  });
  await signIn(services, pds, owner, answers, "sourcePassword", signal, true);
  if (pds.isAppPassword) {
    report({
      type: "warning",
      code: "app-password",
      message: "This is an app password: the server leaves the date of birth out of the preferences.",
    });
  }
}
