/**
 * Types what stands on a page: every command, in its order, in a shell at a terminal of 80 columns, on a machine where
 * nothing is but decamp, and answers what is asked. What is on the screen then is held against the page.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { onProgram } from "../cli/support/pty.ts";
import type { Network } from "../network/control.ts";
import { readSetting, type Session } from "../transcripts/parse.ts";
import { inShell, runTranscript, type Problem, type Written } from "../transcripts/run.ts";
import { openWorld } from "../transcripts/world.ts";
import { prepared, sessionsOf } from "./blocks.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** What is asked, as it stands on the screen, and what is typed then; or the subject of the mail whose code is typed. */
export type Answer = readonly [question: string, answer: string | { readonly mail: string }];

/** What a page needs to be followed. */
export interface PageTable {
  /** Accounts, servers, files and variables, as a transcript says it (`test/transcripts/parse.ts`). */
  readonly setting?: string;
  /** What stands on the page → what it is here. `<did-alice>` is known. */
  readonly stands?: Readonly<Record<string, string>>;
  /** What is asked, in its order. Each question has to stand on the page, too. */
  readonly answers?: readonly Answer[];
  /** Commands that were typed before, on a day when all was well. Nobody sees what they print. */
  readonly before?: readonly string[];
  /** Servers that are gone when the page begins. */
  readonly gone?: readonly string[];
  /** Commands that are not typed here: the exceptions, and what another test runs. */
  readonly leaveOut?: ReadonlySet<string>;
  /** To whom codes are mailed, of the accounts; the first one if nobody says. */
  readonly reader?: string;
}

/** What is there: servers, and an installation. */
export interface Surroundings {
  readonly network: Network;
  /** The folder with `decamp`, `node` and `npm`. */
  readonly installed: string;
  readonly env?: Readonly<NodeJS.ProcessEnv>;
}

/** A page that was followed. */
export interface Followed {
  /** What was not as it stands there. */
  readonly problems: readonly Problem[];
  /** The commands that were typed, as they stand on the page. */
  readonly typed: readonly string[];
}

/** Follows a page, given by its path from the root. */
export async function followPage(page: string, table: PageTable, around: Surroundings): Promise<Followed> {
  const text = await readFile(path.join(root, page), "utf8");
  const onPage = sessionsOf(text).filter(({ command }) => !(table.leaveOut?.has(command) ?? false));
  const setting = readSetting((table.setting ?? "").split("\n"));
  const name = path.basename(page, ".md").toLowerCase();
  const { network, installed } = around;
  const needsServers = setting.accounts.length + setting.servers.length > 0;
  const world = needsServers ? await openWorld(network, name, setting) : undefined;
  const reader = `${table.reader ?? setting.accounts[0]?.name}@${name}.example.com`;
  try {
    const answers = [...(table.answers ?? [])];
    const before = (table.before ?? []).map((command): Session => {
      return { line: 0, command, stdout: ["..."], stderr: ["..."], exitCode: 0, files: undefined };
    });
    const typed: string[] = [];
    let isBefore = true;
    const env: NodeJS.ProcessEnv = { TZ: "UTC", ...around.env, ...world?.env };
    const problems = await runTranscript(
      { setting, sessions: [...before, ...prepared(onPage, table.stands ?? {})] },
      { env, known: world?.known ?? {} },
      {
        installed,
        shell: async (command, cwd, given) => {
          if (isBefore) {
            return inShell(command, cwd, given);
          }
          // Commands of npm are typed in the clone, all others at home.
          const place = command.startsWith("npm ") ? root : cwd;
          return atTerminal(command, place, given, { answers, network, reader });
        },
        before: async ({ line }) => {
          const asItStands = onPage.find((session) => session.line === line);
          typed.push(...(asItStands === undefined ? [] : [asItStands.command]));
          if (isBefore && line > 0) {
            isBefore = false;
            await Promise.all((table.gone ?? []).map(async (host) => world?.takeAway(host)));
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
          .filter(([question]) => !plain.includes(squeezed(question.replace(/^\? /, ""))))
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
  const timer = setTimeout(() => screen.hangUp(), patience);
  for (let next = answers[0]; next !== undefined; next = answers[0]) {
    const [question, answer] = next;
    const asked = await screen.spells(question.replaceAll(/\s/g, "")).then(
      () => true,
      () => false,
    );
    if (!asked) {
      break;
    }
    answers.shift();
    const keys =
      typeof answer === "string"
        ? answer
        : ((await network.waitForMail({ to: reader, subject: answer.mail, after })).token ?? "");
    after = Date.now();
    screen.type(`${keys}\r`);
  }
  const code = await screen.ended;
  clearTimeout(timer);
  return { code, stdout: screen.lines().join("\n"), stderr: "" };
}
