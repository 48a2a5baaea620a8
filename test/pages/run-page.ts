/**
 * Types what stands on a page: every command, in its order, in a shell at a terminal of 80 columns, on a machine where
 * nothing is but decamp, and answers what is asked. What is on the screen then is held against the page.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { onProgram } from "../cli/support/pty.ts";
import type { Network } from "../network/control.ts";
import type { MailQuery } from "../network/mail.ts";
import { readSetting, type Session } from "../transcripts/parse.ts";
import { inShell, runTranscript, type Problem, type Written } from "../transcripts/run.ts";
import { openWorld } from "../transcripts/world.ts";
import { prepared, sessionsOf } from "./blocks.ts";
import { root, type Installation } from "./install.ts";

/**
 * What is asked, as it stands on the screen behind its "? ", and what is typed then; or the subject of the mail whose
 * code is typed.
 */
export type Answer = readonly [question: string, answer: string | { readonly mail: string }];

/** What a page needs to be followed. */
export interface PageTable {
  /** Accounts, servers, files and variables, as a transcript says it (`test/transcripts/parse.ts`). */
  readonly setting?: string;
  /** What stands on the page → what it is here. `<did-alice>` is known. */
  readonly stands?: Readonly<Record<string, string>>;
  /** What is asked, in its order. Each question has to stand on the page, too. */
  readonly answers?: readonly Answer[];
  /**
   * What happened before a command of the page, on an earlier day or elsewhere: command on the page → commands that
   * nobody sees, run without a terminal. "" is the beginning of the page.
   */
  readonly before?: Readonly<Record<string, readonly string[]>>;
  /** Servers that are gone when the page begins. */
  readonly gone?: readonly string[];
  /** Commands that are not typed here: the exceptions, and what another test runs. */
  readonly leaveOut?: ReadonlySet<string>;
  /** Commands that are typed on another page, the same to the letter: command → page. */
  readonly typedOn?: Readonly<Record<string, string>>;
}

/** A page that was followed. */
export interface Followed {
  /** What was not as it stands there. */
  readonly problems: readonly Problem[];
  /** The commands that were typed, as they stand on the page. */
  readonly typed: readonly string[];
}

/** Follows a page, given by its path from the root. */
export async function followPage(
  page: string,
  table: PageTable,
  { network, installation }: { readonly network: Network; readonly installation: Installation },
): Promise<Followed> {
  const text = await readFile(path.join(root, page), "utf8");
  const onPage = sessionsOf(text).filter(
    ({ command }) => !(table.leaveOut?.has(command) ?? false) && table.typedOn?.[command] === undefined,
  );
  const setting = readSetting((table.setting ?? "").split("\n"));
  const name = path.basename(page, ".md").toLowerCase();
  const needsServers = setting.accounts.length + setting.servers.length > 0;
  const world = needsServers ? await openWorld(network, name, setting) : undefined;
  // Codes are mailed to the first account.
  const reader = `${setting.accounts[0]?.name}@${name}.example.com`;
  try {
    const answers = [...(table.answers ?? [])];
    const unseen = (command: string): Session[] =>
      (table.before?.[command] ?? []).map((line) => {
        return { line: 0, command: line, stdout: ["..."], stderr: ["..."], exitCode: 0, files: undefined };
      });
    const ready = prepared(onPage, table.stands ?? {});
    const sessions = onPage.flatMap(({ command }, index) => [...unseen(command), ...ready.slice(index, index + 1)]);
    const typed: string[] = [];
    let isSeen = false;
    const gone = new Set(table.gone);
    const env: NodeJS.ProcessEnv = { TZ: "UTC", ...installation.env, ...world?.env };
    const problems = await runTranscript(
      { setting, sessions: [...unseen(""), ...sessions] },
      { env, known: world?.known ?? {} },
      {
        installed: installation.programs,
        shell: async (command, cwd, given) => {
          if (!isSeen) {
            return inShell(command, cwd, given);
          }
          // Commands of npm are typed in the clone, all others at home.
          const place = command.startsWith("npm ") ? installation.clone : cwd;
          return atTerminal(command, place, given, { answers, network, reader });
        },
        before: async ({ line }) => {
          isSeen = line > 0;
          if (isSeen) {
            typed.push(...onPage.filter((session) => session.line === line).map(({ command }) => command));
            await Promise.all([...gone].map(async (host) => world?.takeAway(host)));
            gone.clear();
          }
        },
      },
    );
    const plain = squeezed(text);
    return {
      problems: [
        ...problems,
        ...answers.map(([question]) => ({ line: 0, command: page, what: `nobody asked ${JSON.stringify(question)}` })),
        ...(table.answers ?? [])
          .filter(([question]) => !plain.includes(squeezed(question)))
          .map(([question]) => ({ line: 0, command: page, what: `the page does not say ${JSON.stringify(question)}` })),
      ],
      typed,
    };
  } finally {
    await world?.[Symbol.asyncDispose]();
  }
}

function squeezed(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

/** How long a question that nobody knows, or an answer that is none, may hold a page up; milliseconds. */
const patience = 60_000;

interface Asked {
  readonly answers: Answer[];
  readonly network: Network;
  readonly reader: string;
}

/** Runs a command at a terminal, and takes the answers that it asks for. @returns the screen as `stdout` */
async function atTerminal(
  command: string,
  cwd: string,
  env: NodeJS.ProcessEnv,
  { answers, network, reader }: Asked,
): Promise<Written> {
  let after = Date.now();
  const screen = onProgram("/bin/sh", ["-c", 'cd "$1" && eval "$2"', "sh", cwd, command], env, 80);
  let hung = false;
  const timer = globalThis.setTimeout(() => {
    hung = true;
    screen.hangUp();
  }, patience);
  const run = { isOver: false };
  const ended = screen.ended.finally(() => (run.isOver = true));
  const shown = (text: string): boolean =>
    screen.lines().join("").replaceAll(/\s/g, "").includes(text.replaceAll(/\s/g, ""));
  try {
    while (!run.isOver) {
      const [text, answer] = answers[0] ?? ["nothing more", ""];
      const question = `? ${text}`;
      if (shown(question)) {
        answers.shift();
        const keys =
          typeof answer === "string" ? answer : await code(network, { to: reader, subject: answer.mail, after });
        after = Date.now();
        screen.type(`${keys}\r`);
        // Once it is answered, the question does not begin with its question mark any more, or is gone.
        while (!run.isOver && shown(question)) {
          await setTimeout(10);
        }
      }
      await setTimeout(10);
    }
  } catch (error) {
    screen.hangUp();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  const status = await ended;
  return { code: hung ? null : status, stdout: screen.lines().join("\n"), stderr: "" };
}

/** The code of the newest mail that fits. */
async function code(network: Network, query: MailQuery): Promise<string> {
  const { token } = await network.waitForMail(query);
  if (token === undefined) {
    throw new Error(`the mail has no code: ${JSON.stringify(query)}`);
  }
  return token;
}
