/** The entry of the command line: from the arguments to an exit code. */
import { resumable } from "./command-line.ts";
import { lostOutput, reportFailure } from "./talk/failure.ts";
import type { Edge, Ready } from "./command.ts";
import { readGlobals } from "./globals.ts";
import { helpAsked, helpWidth, isShell, pageOf, type Asked } from "./help/asked.ts";
import { withFittingHint } from "./help/fitting-hint.ts";
import { withNextCommand } from "./next-command.ts";
import { hasInsurance } from "../services/config-place.ts";
import { isDecampError } from "../errors.ts";
import { packageFacts } from "../services/package.ts";
import type { Shown } from "./program.ts";
import { settingsLine, type FileSettings } from "./settings/apply-settings.ts";
import { findSettings } from "./settings/find-settings.ts";
import { outliveSession } from "./talk/signals.ts";
import { openTerminal, processParts, type Terminal, type TerminalParts } from "./talk/terminal.ts";

/**
 * Runs decamp.
 *
 * @param argv the arguments behind the program's name
 * @param parts the streams and the environment; those of the process unless a test hands over others
 * @returns the exit code, as in the contract of the command line
 */
export async function main(argv: readonly string[], parts: TerminalParts = processParts()): Promise<number> {
  // How to speak has to be known even when the arguments cannot be understood.
  const early = argv.slice(0, argv.includes("--") ? argv.indexOf("--") : undefined);
  const { settings, refused } = await readFile(early, parts.env);
  const file = settings?.early(early);
  if (early.includes("plc") && early.includes("watch")) {
    // Before thousands of accounts on the command line are read, which would take 14 MB more.
    (await import("./collector.ts")).stayLean();
  }
  const json = early.includes("--json") || file?.json === true;
  const verbose =
    early.some((argument) => argument === "--verbose" || /^-[a-z]*v[a-z]*$/.test(argument)) || file?.verbose === true;
  const noColor = early.includes("--no-color") || file?.noColor === true;
  const plain = early.includes("--plain") || file?.plain === true;
  const terminal = await openTerminal(parts, { noColor, plain });
  const { secrets } = terminal;
  const fail = (error: unknown): number => reportFailure(terminal, error, { json, verbose, ...packageFacts });
  const end = (code: number): number => {
    terminal.log.record({ type: "end", exitCode: code });
    return code;
  };
  const onBug = (error: unknown): void => {
    process.exit(end(fail(error)));
  };
  process.on("uncaughtException", onBug);
  let outlived: (() => void) | undefined;
  try {
    // Nothing that is shorter can be a key, and help needs no code for it.
    if (argv.some((argument) => /\w{25}/.test(argument))) {
      const { guardArguments } = await import("./argument-guard.ts");
      guardArguments(argv, secrets);
    }
    if (refused !== undefined) {
      throw refused.reason;
    }
    // What a shell asks about a line to be completed is no flag of ours.
    const isAsked = json && argv[0] !== "__complete";
    const shown = isAsked ? (await import("./shown-as-json.ts")).collectShown(terminal) : undefined;
    const read = await understand(argv, shown?.terminal ?? terminal, settings);
    const edge = { terminal: shown?.terminalFor(read) ?? terminal, secrets };
    let code: number;
    if ("exitCode" in read) {
      code = read.exitCode;
    } else {
      outlived = outliveSession();
      code = await runNamed(read, edge);
    }
    shown?.tell(code);
    await terminal.out.settled();
    const { failure } = terminal.out;
    if (failure === undefined) {
      return end(code);
    }
    // What was done is done: a run that failed keeps its own code.
    const failed = fail(lostOutput(failure));
    return end(code === 0 ? failed : code);
  } catch (error) {
    const code = end(fail(resumable(error, argv)));
    if (terminal.out.abandoned) {
      // What is on its way to a reader that does not read would keep the process alive.
      process.exit(code);
    }
    return code;
  } finally {
    process.off("uncaughtException", onBug);
    outlived?.();
    await terminal.log.close();
  }
}

/** What is to run. The version, and help where it is plainly asked for, are shown without what commands need. */
async function understand(
  argv: readonly string[],
  terminal: Terminal,
  settings: FileSettings | undefined,
): Promise<Ready | Shown> {
  if (argv.length === 1 && argv[0] === "--version") {
    terminal.out.text(`${packageFacts.version}\n`);
    return { exitCode: 0 };
  }
  if (argv[0] === "__complete") {
    const { answerShell } = await import("./help/complete.ts");
    terminal.out.text(answerShell(argv.slice(1), terminal.env, settings?.of("")["state-dir"]));
    return { exitCode: 0 };
  }
  if (argv[0] === "completion" && argv.length === 2 && isShell(argv[1])) {
    const { shellScript } = await import("./help/shell-scripts.ts");
    terminal.out.text(shellScript(argv[1]));
    return { exitCode: 0 };
  }
  const asked = terminal.out.width < helpWidth ? undefined : helpAsked(argv);
  const help = asked === undefined ? undefined : await readyHelp(asked);
  if (help?.text !== undefined) {
    terminal.out.text(help.text);
    return { exitCode: 0 };
  }
  if (help !== undefined && argv[0] === "help") {
    const { explainWord } = await import("./help/explain-word.ts");
    explainWord(argv.slice(1), help.commands, terminal);
    return { exitCode: 0 };
  }
  const { readArguments } = await import("./program.ts");
  return readArguments(argv, terminal, undefined, settings);
}

/** The configuration file, or why it cannot be used: that is said once it is known how to speak. */
async function readFile(
  early: readonly string[],
  env: Readonly<NodeJS.ProcessEnv>,
): Promise<{ readonly settings?: FileSettings | undefined; readonly refused?: PromiseRejectedResult }> {
  const [found] = await Promise.allSettled([findSettings(early, env)]);
  if (found.status === "fulfilled") {
    return { settings: found.value };
  }
  // A shell is told nothing.
  return early[0] === "__complete" ? {} : { refused: found };
}

/** The text that is asked for, if there is one, and the names of all commands. */
async function readyHelp({ topic, command }: Asked): Promise<{ text?: string | undefined; commands: string[] }> {
  const about = topic === undefined ? undefined : (await import("./help/topics.ts")).topicText(topic);
  const { pages } = await import("./help/ready-help.ts");
  const page = pageOf(pages, command);
  const text = about === undefined || page === undefined ? (about ?? page) : `${about}\n${page}`;
  return { text, commands: Object.keys(pages.pages) };
}

/** Runs a command; an error that knows what to do next says it with all flags of this run. */
async function runNamed(ready: Ready, edge: Edge): Promise<number> {
  const { invocation, given, run, takes } = ready;
  const [{ allowNames }, { processSettings, refuseRevealing }, { findCollector }, { collectWith }] = await Promise.all([
    import("./open-names.ts"),
    import("./node-settings.ts"),
    import("./collector.ts"),
    import("../services/spent-memory.ts"),
  ]);
  allowNames(edge.secrets, invocation.argv);
  collectWith(findCollector);
  refuseRevealing(invocation.command, edge.terminal.env, processSettings(), edge.secrets);
  const { verbose, json, logFile } = invocation.globals;
  if (logFile !== undefined) {
    await (await import("./talk/log/open-log.ts")).openLog(logFile, ready, edge.terminal);
  }
  if (given !== undefined && verbose === true && json !== true) {
    edge.terminal.err.line({ text: settingsLine(given), style: "dim" });
  }
  try {
    const code = await run(edge);
    await aboutInsurance(ready, code, edge.terminal);
    return code;
  } catch (error) {
    const { quiet: _quiet, ...raw } = invocation.globals;
    const failed = withNextCommand(withFittingHint(error, takes), {
      raw,
      globals: readGlobals(raw, edge.terminal.env),
    });
    await aboutInsurance(ready, isDecampError(error) ? error.exitCode : 1, edge.terminal);
    throw failed;
  }
}

/** A job of an insurance remembers how it ended; else a person hears of one that is overdue. */
async function aboutInsurance({ invocation }: Ready, code: number, terminal: Terminal): Promise<void> {
  const { DECAMP_INSURED: job = "" } = terminal.env;
  const { quiet, json } = invocation.globals;
  const isSeen = terminal.err.isTerminal && quiet !== true && json !== true;
  const stateDir = job !== "" || isSeen ? readGlobals(invocation.globals, terminal.env).stateDir : "";
  if (job !== "" || (isSeen && hasInsurance(stateDir))) {
    const { tellInsurance } = await import("./talk/reporters/insured.ts");
    await tellInsurance(job === "" ? undefined : job, code, stateDir, terminal, Date.now());
  }
}
