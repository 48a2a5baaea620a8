/**
 * What people get wrong: `bad-input/` has it, and what is said. Here is asked that each row is as it is written, that
 * no kind of bad input lacks a command that can get it, and what holds for whatever is said.
 */
import type { Argument, Command, Option } from "commander";
import { describe, expect, test } from "vitest";
import { everyCommand } from "../../src/cli/every-command.ts";
import { declareAll } from "../../src/cli/program.ts";
import { readLine, runInProcess } from "./in-process.ts";
import type { Session } from "./parse.ts";
import { problemText, readTranscripts } from "./run.ts";

const transcripts = await readTranscripts("bad-input");

test.for(transcripts)("$name", async ({ transcript }) => {
  expect(problemText(await runInProcess(transcript))).toBe("");
});

const channel = { width: 80, text: () => undefined };
const all = everyCommand(declareAll({ out: channel, err: channel }));
/** What runs: the others only lead there. */
const runnable = all.filter(
  ({ name, command }) => command.commands.length === 0 || ["migrate", "restore"].includes(name),
);

interface Row {
  readonly file: string;
  readonly session: Session;
  /** Name of the command, or what was typed in its place. */
  readonly name: string;
  /** The words behind its name. */
  readonly rest: readonly string[];
  /** All that it says. */
  readonly says: string;
}

const rows: readonly Row[] = transcripts.flatMap(({ name: file, transcript }) =>
  transcript.sessions.map((session) => {
    const { argv } = readLine(session.command);
    const names = all.map(({ name }) => name).filter((name) => `${argv.join(" ")} `.startsWith(`${name} `));
    const name = names.toSorted((one, other) => other.length - one.length)[0] ?? "";
    const rest = argv.slice(name === "" ? 0 : name.split(" ").length);
    return { file, session, name, rest, says: [...session.stdout, ...session.stderr].join("\n") };
  }),
);

/** The commands without a row. */
function lacking(
  commands: readonly { readonly name: string; readonly command: Command }[],
  has: (row: Row, command: Command) => boolean,
): string[] {
  return commands
    .filter(({ name, command }) => !rows.some((row) => row.name === name && has(row, command)))
    .map(({ name }) => name);
}

test.for(transcripts.map(({ name }) => name))("%s: each ends with a sentence and a hint", (name) => {
  for (const { session, says } of rows.filter(({ file }) => file === name)) {
    const { command, exitCode, stdout, stderr } = session;
    expect({ command, exitCode }).not.toEqual({ command, exitCode: 0 });
    // Findings are what verify and audit were asked for; the rest is one error.
    if (stdout.length === 0) {
      const [error = "", hint = "", ...more] = stderr;
      if (error.startsWith("{")) {
        expect(JSON.parse(error)).toMatchObject({ type: "error", exitCode, hint: /./, message: /./ });
      } else {
        expect(error).toMatch(/^Error: .*[.)]$/);
        expect(hint).toMatch(/^Hint: .*[.?)…]$|^Hint: .* https:\S+$/);
        expect({ command, more }).toEqual({ command, more: [] });
      }
    }
    expect(says).not.toMatch(/\bat .*:\d+:\d+|undefined|\bE[A-Z]{4,}\b|\[object|NaN|hunter2|:pw@/);
  }
});

describe("there is a row for every command that can get it:", () => {
  test("an argument too few, each by its name", () => {
    for (const { name, command } of runnable) {
      for (const argument of command.registeredArguments.filter(({ required }) => required)) {
        const says = `<${argument.name()}> is missing: ${argument.description}.`;
        expect([name, rows.some((row) => row.name === name && row.says.includes(says))]).toEqual([name, true]);
      }
    }
    expect(lacking(runnable, ({ says }, { options }) => lacksNoFlag(options, says))).toEqual([]);
  });

  test("an argument too many", () => {
    const limited = runnable.filter(({ command }) => !command.registeredArguments.some(({ variadic }) => variadic));
    expect(lacking(limited, ({ says }) => / takes .*, and got [0-9]+: /.test(says))).toEqual([]);
  });

  test("a flag that there is not, and one that is near", () => {
    expect(lacking(all, ({ says }) => says.includes("Unknown option '--"))).toEqual([]);
    const withFrom = all.filter(({ command }) => command.options.some(({ long }) => long === "--from"));
    expect(lacking(withFrom, ({ says }) => says.includes("Did you mean --from?"))).toEqual([]);
  });

  test("a flag without its value", () => {
    expect(lacking(all, ({ says }) => says.includes(" needs a value: "))).toEqual([]);
  });

  test("a value that has not the form, for every flag that has one", () => {
    const missing = runnable.flatMap(({ name, command }) =>
      command.options
        .filter(hasForm)
        .filter(({ long }) => !rows.some((row) => row.name === name && isAboutFlag(row, long ?? "")))
        .map(({ long }) => `${name} ${long}`),
    );
    expect(missing).toEqual([]);
  });

  test("a name that is no account", () => {
    const withAccount = runnable.filter(({ command }) =>
      command.registeredArguments.some((argument) => argument.name() === "account"),
    );
    expect(lacking(withAccount, ({ says }) => says.includes("neither a handle nor a DID"))).toEqual([]);
  });

  test.each(["nothing", "photos", "notes.txt"])(
    "a path that leads to %s, for every file or folder that is read",
    (what) => {
      const missing = runnable.flatMap(({ name, command }) => {
        const read = [
          ...command.registeredArguments.filter((one) => isRead(one, name)),
          ...command.options.filter(isReadFlag),
        ];
        const there = rows.filter((row) => row.name === name && row.rest.some((word) => isNamed(word, what)));
        return there.length < read.length
          ? [`${name}: ${read.length} rows with ${what}, and there are ${there.length}`]
          : [];
      });
      expect(missing).toEqual([]);
    },
  );

  test("a file in which nothing is, where a file is read", () => {
    const reading = runnable.filter(({ name, command }) =>
      command.registeredArguments.some((one) => isRead(one, name) && /file/i.test(one.description)),
    );
    expect(reading.length).toBeGreaterThan(10);
    expect(lacking(reading, isAboutEmpty)).toEqual([]);
  });

  test("a repository that was cut", () => {
    const reading = runnable.filter(({ command }) =>
      command.registeredArguments.some(({ description }) => description.startsWith("a CAR file")),
    );
    expect(lacking(reading, ({ rest, session }) => rest.includes("cut.car") && session.exitCode === 3)).toEqual([]);
  });

  test("- for the standard input, which is a terminal", () => {
    const reading = runnable.filter(({ command }) =>
      command.registeredArguments.some(({ description }) => /, or -$|- for the standard input/.test(description)),
    );
    expect(reading.length).toBeGreaterThan(10);
    expect(lacking(reading, ({ says }) => says.includes("but that is a terminal."))).toEqual([]);
  });

  test("a secret as the value of a flag", () => {
    expect(lacking(all, ({ says }) => says.includes("A secret is never the value of a flag"))).toEqual([]);
  });

  test("-o that names what is there already, where nothing is asked of a server before", () => {
    const writing = runnable.filter(({ name, command }) => {
      const writes = command.options.some(({ short }) => short === "-o") || name === "repo unpack";
      return writes && !["plc diff", "plc recover"].includes(name);
    });
    expect(writing.length).toBeGreaterThan(3);
    expect(lacking(writing, ({ file, session }) => file === "outputs" && session.exitCode > 0)).toEqual([]);
  });
});

function lacksNoFlag(options: readonly Option[], says: string): boolean {
  return options.every(({ mandatory, long }) => !mandatory || says.includes(`${long} is missing: `));
}

/** What only a server judges is no form. So is what may be a path. */
function hasForm({ flags, long, argChoices }: Option): boolean {
  const kinds = /<(?:url|did:key|did|cid|n|minutes|i\/n|span|nsid|handle|account|address|step|key|snapshot)>$/;
  return (kinds.test(flags) || argChoices !== undefined) && long !== "--new-handle";
}

function isAboutFlag({ rest, says, session }: Row, long: string): boolean {
  const value = rest[rest.indexOf(long) + 1] ?? "";
  return session.exitCode === 2 && rest.includes(long) && (says.includes(`${long}: `) || says.includes(value));
}

/** Whether a file or folder is read that an argument names. */
function isRead(argument: Argument, command: string): boolean {
  const isPath = ["path", "before", "after", "archive", "operation", "key", "dir"].includes(argument.name());
  const isLog = argument.name() === "account" && argument.description.includes("audit log");
  return (isPath || isLog) && !(command === "repo unpack" && argument.name() === "dir");
}

function isReadFlag({ flags, long }: Option): boolean {
  return /^--(?:accounts|operation) <file>$/.test(flags) || long === "--log";
}

function isAboutEmpty({ rest, file }: Row): boolean {
  return file !== "outputs" && rest.some((word) => isNamed(word, "empty"));
}

function isNamed(word: string, what: string): boolean {
  return new RegExp(`^(?:\\./)?${what.replace(".", "\\.")}(?:\\.[a-z]+)?$`).test(word);
}
