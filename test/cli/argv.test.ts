/** From command lines to what a command receives, for every flag of every command; `argv/rows.ts` has the lines. */
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { everyCommand } from "../../src/cli/every-command.ts";
import { readGlobals, relayOf } from "../../src/cli/globals.ts";
import type { MigrateFlags } from "../../src/cli/migrate/declare.ts";
import { readMigrateRequest } from "../../src/cli/migrate/request.ts";
import { declareAll, readArguments } from "../../src/cli/program.ts";
import { readRestoreRequest } from "../../src/cli/restore/request.ts";
import { run } from "./support/run.ts";
import { commandRows, globalRows, globalVariables, plainGlobals, variableRows } from "./argv/rows.ts";

const channel = { width: 80, text: () => undefined };
const nowhere = { out: channel, err: channel };

type Fields = Readonly<Record<string, unknown>>;

/** What the code of the command receives; of a move and a restore what its use case is told. */
async function received(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Fields> {
  const ready = readArguments(argv, nowhere);
  if (!("received" in ready)) {
    throw new Error(`${argv.join(" ")} runs nothing`);
  }
  const invocation = await ready.received(() => undefined);
  const { command, args, flags, globals } = invocation;
  const variables = { XDG_STATE_HOME: "/state", ...env };
  if (!/^(?:migrate|restore)(?: cancel)?$/.test(command)) {
    return { args, flags, globals: readGlobals(globals, variables) };
  }
  const isMigrate = command.startsWith("migrate");
  const request = isMigrate
    ? readMigrateRequest(invocation, variables)
    : readRestoreRequest(invocation, variables, command === "restore cancel");
  const { options, given, secretFlags, warnings } = request;
  const { guide } = flags as MigrateFlags;
  return {
    options,
    given,
    secretFlags,
    warnings,
    guide,
    relay: relayOf(flags, variables),
    globals: request.globals,
  };
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Field by field; a list, and what is no object, as a whole. */
function changed(before: unknown, changes: unknown): unknown {
  if (!isObject(before) || !isObject(changes)) {
    return changes;
  }
  const fields = Object.entries(changes).map(([name, value]) => [name, changed(before[name], value)] as const);
  return { ...before, ...Object.fromEntries(fields) };
}

const wordsOf = (line: string): string[] => line.split(" ").filter((word) => word !== "");

/** A part of a line in each of its forms: `--flag value`, `--flag=value`, `-f value`, `-fvalue`. */
function forms(typed: string): string[][] {
  const words = wordsOf(typed);
  const joined: string[] = [];
  for (const word of words) {
    const last = joined.at(-1) ?? "";
    const isValue = (!word.startsWith("-") || word === "-") && last.startsWith("-") && !last.includes("=");
    joined.push(isValue ? `${joined.pop() ?? ""}${last.startsWith("--") ? "=" : ""}${word}` : word);
  }
  return joined.length === words.length ? [words] : [words, joined];
}

const names = Object.keys(commandRows);

function rowsOf(name: string): (typeof commandRows)[string] {
  const rows = commandRows[name];
  if (rows === undefined) {
    throw new Error(`there are no rows of ${name}`);
  }
  return rows;
}

describe.each(names)("%s", (name) => {
  const { typed, receives, rows, lines = [] } = rowsOf(name);
  const command = name.split(" ");
  const behind = wordsOf(typed);
  const base = changed({ globals: plainGlobals }, receives);

  test("alone", async () => {
    expect(await received([...command, ...behind])).toEqual(base);
  });

  test("its arguments", async () => {
    for (const [line, changes] of lines) {
      expect([line, await received([...command, ...wordsOf(line)])]).toEqual([line, changed(base, changes)]);
    }
  });

  test("its flags, in each form, before and behind the arguments", async () => {
    for (const [part, changes] of rows) {
      const expected = changed(base, changes);
      for (const form of forms(part)) {
        expect([form, await received([...command, ...behind, ...form])]).toEqual([form, expected]);
      }
      // Of a flag that stands in the line already the last one counts.
      const [form = []] = behind.some((word) => word.startsWith("--")) ? [] : forms(part);
      expect([form, await received([...command, ...form, ...behind])]).toEqual([
        form,
        form.length === 0 ? base : expected,
      ]);
    }
  });

  test("global flags, before and behind", async () => {
    const all = "-qy --no-input --no-color --json --plc-url=https://p.example --state-dir /s --limit block-bytes=1";
    const given = { quiet: true, yes: true, noInput: true, noColor: true, json: true, plcUrl: "https://p.example" };
    const more = { stateDir: resolve("/s"), limit: { "block-bytes": 1 } };
    const { globals } = changed(base, { globals: { ...given, ...more } }) as Fields;
    expect((await received([...wordsOf(all), ...command, ...behind]))["globals"]).toEqual(globals);
    expect((await received([...command, ...behind, ...wordsOf(all)]))["globals"]).toEqual(globals);
  });

  test("global variables, and flags over them", async () => {
    for (const [env, part, changes] of globalVariables) {
      const { globals } = changed(base, { globals: changes }) as Fields;
      expect((await received([...command, ...behind, ...wordsOf(part)], env))["globals"]).toEqual(globals);
    }
  });
});

test.each(["verify a.car", "migrate cancel alice.example", "key generate"])(
  "%s: every global flag in each form, before and behind",
  async (line) => {
    for (const [part, changes] of globalRows) {
      for (const form of forms(part)) {
        const expected = { ...plainGlobals, ...changes };
        expect([form, (await received([...form, ...line.split(" ")]))["globals"]]).toEqual([form, expected]);
        expect([form, (await received([...line.split(" "), ...form]))["globals"]]).toEqual([form, expected]);
      }
    }
  },
);

test("flags of a group stand on both sides of the command in it", async () => {
  for (const line of ["migrate --to https://n.example cancel a.example", "restore --to https://n.example cancel b"]) {
    expect(await received(line.split(" "))).toMatchObject({ options: { to: "https://n.example" } });
  }
});

test.each(variableRows)("%j %s", async (env, line, changes) => {
  const argv = line.split(" ");
  expect(await received(argv, env)).toEqual(changed(await received(argv.concat(restated(line))), changes));
});

/** What the line lacks without its variables; the change replaces it. */
function restated(line: string): string[] {
  return line.includes(" cancel ") || line.includes("--to") ? [] : ["--to", "https://replaced.example"];
}

/** Variables that a command reads when it runs. An address that is none tells which one counts. */
describe.each([
  ["export alice.example", "--from", "DECAMP_SOURCE_PDS"],
  ["migrate status did:plc:ewvi7nxzyoun6zhxrhs64oiz", "--from", "DECAMP_SOURCE_PDS"],
  ["migrate status did:plc:ewvi7nxzyoun6zhxrhs64oiz", "--to", "DECAMP_TARGET_PDS"],
  ["migrate alice.example --to https://new.example", "--relay", "ATP_RELAY_HOST"],
  ["restore backup --to https://new.example", "--relay", "ATP_RELAY_HOST"],
])("%s", (line, flag, variable) => {
  test.each([
    [[], "ftp://variable.example"],
    [[flag, "ftp://flag.example"], "ftp://flag.example"],
  ])(`${flag} and ${variable}: %j`, async (more, counts) => {
    const ended = await run([...line.split(" "), ...more], { env: { [variable]: "ftp://variable.example" } });
    expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(`"${counts}"`) as string });
  });
});

describe("the rows are about", () => {
  const all = everyCommand(declareAll(nowhere)).filter(({ command }) => command.commands.length === 0);
  const groups = everyCommand(declareAll(nowhere)).filter(({ name }) => ["migrate", "restore"].includes(name));
  const typable = [...groups, ...all];

  test("every command", () => {
    expect(names.toSorted()).toEqual(typable.map(({ name }) => name).toSorted());
  });

  test.each(typable)("every flag of $name", ({ name, command }) => {
    const words = new Set(rowsOf(name).rows.flatMap(([part]) => wordsOf(part)));
    const flags = command.options.flatMap(({ long, short }) => [long, short].filter((flag) => flag !== undefined));
    expect(flags.filter((flag) => flag !== null && !words.has(flag))).toEqual([]);
  });

  test("every flag that may be repeated, repeated", () => {
    for (const { name, command } of typable) {
      const often = command.options.filter(({ description }) => description.includes("may be repeated"));
      const missing = often.filter(
        ({ long }) => !rowsOf(name).rows.some(([part]) => wordsOf(part).filter((word) => word === long).length > 1),
      );
      expect(missing.map(({ long }) => `${name} ${long}`)).toEqual([]);
    }
  });

  test("every choice of a flag", () => {
    for (const { name, command } of typable) {
      const typed = new Set(rowsOf(name).rows.map(([part]) => part));
      for (const { long, argChoices = [], defaultValue } of command.options) {
        const missing = argChoices.filter((choice) => choice !== defaultValue && !typed.has(`${long} ${choice}`));
        expect([name, long, missing]).toEqual([name, long, []]);
      }
    }
  });

  test("every global flag", () => {
    const words = new Set(globalRows.flatMap(([part]) => part.split(" ")));
    const [program] = everyCommand(declareAll(nowhere));
    const flags = program?.command.options.flatMap(({ long, short }) => [long, short]) ?? [];
    expect(flags.length).toBeGreaterThan(10);
    // --version runs nothing; help.test.ts has it.
    expect(flags.filter((flag) => flag && flag !== "--version" && !words.has(flag))).toEqual([]);
  });
});

test.each(["--input", "--color", "--no-quiet", "--no-json", "--verb", "--plc", "-j"])(
  "%s is no form of a flag: there is one way to say each",
  (flag) => {
    expect(() => readArguments(["verify", "a.car", flag], nowhere)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(flag) as string }),
    );
  },
);
