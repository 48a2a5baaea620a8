/** `decamp export`: options, one call of the use case, and what is said about its result. */
import { locateAccount, type LocatedAccount } from "../../account/locate.ts";
import type { AccountServices } from "../../account/services.ts";
import { signIn } from "../../account/sign-in.ts";
import type { ReportExport } from "../../archive/events.ts";
import { exportAccount, type ExportResult } from "../../archive/export.ts";
import { archiveName } from "../../archive/layout.ts";
import { readManifests } from "../../archive/manifest.ts";
import { DecampError, exitCodeOf, isDecampError } from "../../errors.ts";
import { parseAccount, parseServerUrl, type Account } from "../../identity/syntax.ts";
import type { Pds } from "../../services/pds.ts";
import { openAccountServices } from "../account-services.ts";
import { commandLine } from "../command-line.ts";
import type { ExportFlags } from "../declare/export.ts";
import { nonEmpty, readGlobals } from "../globals.ts";
import { createIdentityAnswers } from "../identity-answers.ts";
import type { Edge, Invocation } from "../invocation.ts";
import { thisProcess } from "../lock-owner.ts";
import { packageFacts } from "../package.ts";
import { createPrompter, type Prompter } from "../prompter.ts";
import { createReporter } from "../reporters/reporter.ts";
import { checkSecretFlags, createSecrets, secretKinds, type AllSecretFlags, type Secrets } from "../secrets.ts";
import { stoppable } from "../signals.ts";
import { defaultConcurrency, exportLines, resultFacts } from "./export-result.ts";

/** Runs `decamp export`. Exit code 6 if blobs are missing. */
export async function exportCommand(
  invocation: Invocation<"export">,
  { terminal, secrets: known }: Edge,
): Promise<number> {
  const { args, flags, globals: raw, argv } = invocation;
  const globals = readGlobals(raw, terminal.env);
  const account = parseAccount(oneAccount(args, flags));
  const archive = flags.output ?? folderOf(account);
  const from = flags.from ?? nonEmpty(terminal.env["DECAMP_SOURCE_PDS"]);
  const origin = from === undefined ? undefined : parseServerUrl(from, globals);
  const secretFlags: AllSecretFlags = {
    sourcePassword: { file: flags.passwordFile, command: flags.passwordCommand },
    authFactor: { file: flags.authFactorFile, command: flags.authFactorCommand },
  };
  checkSecretFlags(secretFlags, terminal.stdin.isTTY);
  const { services, close } = openAccountServices(globals, terminal);
  try {
    const { located, result } = await stoppable(
      async (signal) => {
        const prompter = createPrompter(terminal, {
          ...globals,
          signal,
          beforeAsking: () => reporter.suspend(),
          afterAsking: () => reporter.resume(),
        });
        const reporter = await createReporter(terminal, { ...globals, identityIsAsked: false, planIsTheResult: false });
        const secrets = createSecrets(terminal, secretFlags, prompter, known, signal);
        const report: ReportExport = (event) => reporter.report(event);
        try {
          report({ type: "step", id: "locate", title: "Find the account", state: "start" });
          const found = await locateAccount(
            services,
            account,
            { from: origin, known: await knownDid(archive, account) },
            signal,
          );
          report({ type: "step", id: "locate", title: "Find the account", state: "done", detail: found.did });
          const pds = services.openPds(parseServerUrl(found.pds, globals));
          try {
            if (wantsSignIn(flags, terminal.env)) {
              report({ type: "step", id: "sign-in", title: "Sign in", state: "start" });
              await openSession(pds, found, { terminal, secrets: known }, secrets, prompter, report, signal);
              report({ type: "step", id: "sign-in", title: "Sign in", state: "done" });
            }
            return { located: found, result: await run(archive, found, pds, flags, services, report, signal) };
          } finally {
            await pds.signOut();
          }
        } finally {
          reporter.close();
        }
      },
      () => {
        if (!globals.json && !globals.quiet) {
          terminal.err.line("Stopping as soon as the work at hand is safe. Press Ctrl-C again to stop at once.");
        }
      },
    );
    if (globals.json) {
      terminal.out.json({ type: "result", version: 1, command: "export", archive, ...resultFacts(result) });
    } else {
      for (const line of exportLines(archive, located, result, globals)) {
        terminal.out.line(...line);
      }
    }
    return result.manifest.missing.length > 0 ? exitCodeOf("incomplete") : 0;
  } catch (error) {
    if (isDecampError(error, "interrupted")) {
      throw new DecampError("interrupted", error.message, {
        hint: `Nothing is lost. To go on from here, run:\n  ${commandLine(argv)}`,
        data: { resume: commandLine(argv) },
        cause: error,
      });
    }
    throw error;
  } finally {
    await close();
  }
}

async function run(
  archive: string,
  located: LocatedAccount,
  pds: Pds,
  flags: ExportFlags,
  services: AccountServices,
  report: ReportExport,
  signal: AbortSignal,
): Promise<ExportResult> {
  return exportAccount(
    archive,
    { ...located, pds },
    {
      concurrency: flags.concurrency ?? defaultConcurrency,
      signal,
      now: services.now(),
      sleep: services.sleep,
      writtenBy: `decamp ${packageFacts().version}`,
      lockOwner: thisProcess(),
      publicOnly: flags.publicOnly ?? false,
      report,
    },
  );
}

/** @throws DecampError `usage` for none, and for flags of many */
function oneAccount([name]: readonly string[], { pds, jobs, shard }: ExportFlags): string {
  if (name === undefined) {
    throw new DecampError("usage", "Which account? Give a handle or a DID, or --all, or --accounts.", {
      hint: "Run decamp export --help to see how it is used.",
    });
  }
  if (pds !== undefined || jobs !== undefined || shard !== undefined) {
    throw new DecampError("usage", "--pds, --jobs and --shard go with --all or --accounts.", {
      hint: "The server of one account is named with --from.",
    });
  }
  return name;
}

/** A folder here, named like the account. */
function folderOf(account: Account): string {
  return account.type === "handle" ? account.handle : archiveName(account.did);
}

/** The DID that the archive knows for a handle. */
async function knownDid(archive: string, account: Account): Promise<string | undefined> {
  const last = account.type === "handle" ? (await readManifests(archive)).at(-1) : undefined;
  return account.type === "handle" && last?.handle === account.handle ? last.did : undefined;
}

/** Whether a password is given, or is to be asked for. */
function wantsSignIn(flags: ExportFlags, env: Readonly<NodeJS.ProcessEnv>): boolean {
  return (
    flags.signIn === true ||
    flags.passwordFile !== undefined ||
    flags.passwordCommand !== undefined ||
    secretKinds.sourcePassword.env.some((name) => nonEmpty(env[name]) !== undefined)
  );
}

async function openSession(
  pds: Pds,
  located: LocatedAccount,
  { terminal }: Edge,
  secrets: Secrets,
  prompter: Prompter,
  report: ReportExport,
  signal: AbortSignal,
): Promise<void> {
  const answers = createIdentityAnswers(terminal, {}, secrets, prompter, {
    source: "your server",
    target: "",
    isNewPassword: false,
    explain: () => undefined,
    notConfirmed: "",
  });
  await signIn(pds, located, answers, "sourcePassword", signal, true);
  if (pds.isAppPassword) {
    report({
      type: "warning",
      code: "app-password",
      message: "This is an app password: the server leaves the date of birth out of the preferences.",
    });
  }
}
