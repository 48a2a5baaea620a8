/** docs/JSON.md says all that `--json` prints. What the other tests print is held against it where they run decamp. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { expect, test } from "vitest";
import { whereStates } from "../../src/account/where.ts";
import { commands } from "../../src/cli/commands.ts";
import { maybeWords, ofElsewhere, ownWords, whoseField } from "../../src/cli/talk/reporters/contract-words.ts";
import { KnownSecrets } from "../../src/data/known-secrets.ts";
import { faultsOfDocument, faultsOfRun } from "../json/hold.ts";
import { readPage } from "../json/page.ts";
import { schemaPath, schemaText } from "../json/schema.ts";

const page = readPage();
const src = fileURLToPath(new URL("../../src", import.meta.url));
const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const step = { type: "step", version: 1, id: "verify", title: "Prove the archive", state: "done" };
const error = { type: "error", version: 1, code: "usage", message: "No.", hint: "", exitCode: 2 };

test("the schema is what the page says", async () => {
  expect(readFileSync(schemaPath, "utf8")).toBe(await schemaText());
});

test("every command has its result on the page, and the page has no others", () => {
  const program = new Command("decamp");
  const names = commands
    .flatMap(({ declare }) => declare(program))
    .map(({ command }) => (command.parent === program ? "" : `${command.parent?.name()} `) + command.name());
  const results = page.tables.flatMap(({ kind, commands: of }) => (kind === "result" ? of : []));
  expect([...new Set(results)].sort()).toEqual([...names, "help", "version"].sort());
});

test("the codes of errors and their exit codes are those of errors.ts", () => {
  const [, table = ""] = /const exitCodes: [^{]+\{([^}]+)\}/.exec(readFileSync(join(src, "errors.ts"), "utf8")) ?? [];
  const codes = [...table.matchAll(/^ +"?([a-z-]+)"?: (\d+),$/gm)].map(([, code = "", exit]) => [code, Number(exit)]);
  expect(codes.length).toBeGreaterThan(30);
  expect(Object.fromEntries(page.codes)).toEqual({ ...Object.fromEntries(codes), internal: 1 });
});

test("the facts that go with errors are on the page, whether a test sees the error or not", () => {
  const list = /\[[^[\]]*\]/g;
  const known = new Set(page.tables.find(({ object }) => object === "ErrorData")?.rows.map(({ field }) => field));
  const facts = readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(join(src, file), "utf8"))
    .filter((text) => text.includes("DecampError"))
    // What stands in a list, and in a list in it, are values.
    .map((text) => text.replaceAll(list, "").replaceAll(list, ""))
    .flatMap((text) => [...text.matchAll(/\bdata(?:: | = )\{([^{}]*)\}/g)])
    .flatMap(([, body = ""]) => [...body.matchAll(/(?:^|,)\s*(\w+)\s*(?=[:,]|$)/g)].map(([, name = ""]) => name));
  expect(facts.length).toBeGreaterThan(100);
  expect([...new Set(facts)].filter((name) => !known.has(name))).toEqual([]);
});

const isWord = (type: string): boolean => /^(?:list of )?word(?: or count)?$|^"[^"]*"(?: or "[^"]*")*$/.test(type);
const isOpen = (type: string): boolean => /^JSON$|^map of /.test(type);

test("a secret is not looked for in the words that the page has, and in everything else it is", () => {
  const all = page.tables.flatMap(({ rows }) =>
    rows.map(({ field, type }) => ({ name: field.replaceAll("[]", "").split(".").at(-1) ?? "", type })),
  );
  const typesOf = Map.groupBy(all, ({ name }) => name);
  const named = (fits: (types: readonly string[]) => boolean): string[] =>
    [...typesOf].flatMap(([name, rows]) => (fits(rows.map(({ type }) => type)) ? [name] : [])).toSorted();
  // They stand at the top of every document, and of every result; that of a run has its command as a name.
  const atTop = ["command", "type"];
  expect([...ownWords].toSorted()).toEqual([...named((types) => types.every(isWord)), ...atTop].toSorted());
  expect([...ofElsewhere].toSorted()).toEqual(named((types) => types.some(isOpen)));
  // Where a field has words in one table, and something else in another, all the words are known.
  const words = (name: string): string[] =>
    (typesOf.get(name) ?? []).flatMap(({ type }) => Array.from(type.matchAll(/"([^"]+)"/g), ([, one = ""]) => one));
  for (const name of ["state", "reason", "document"]) {
    expect([name, words(name).filter((one) => maybeWords[name]?.has(one) !== true)]).toEqual([name, []]);
  }
  expect(Object.keys(whereStates).filter((one) => maybeWords["state"]?.has(one) !== true)).toEqual([]);
});

test("what comes from elsewhere is without the secret, whatever it is called", () => {
  const secrets = new KnownSecrets().add("version");
  const document = {
    type: "result",
    version: 1,
    command: "version",
    message: "It says version.",
    reason: "version",
    source: { url: "https://old.example", state: "version" },
    collections: { version: 1 },
    value: { type: "version", code: "version", version: 2 },
    rules: ["version", "car/version"],
  };
  expect(secrets.redactIn(document, whoseField)).toEqual({
    ...document,
    message: "It says [secret].",
    reason: "[secret]",
    source: { url: "https://old.example", state: "[secret]" },
    collections: { "[secret]": 1 },
    value: { type: "[secret]", code: "[secret]", "[secret]": 2 },
  });
});

test.each([
  ["a line", step, []],
  ["a field more", { ...step, extra: 1 }, [".extra is not known"]],
  ["a field less", { ...step, title: undefined }, [".title is missing"]],
  ["another version", { ...step, version: 2 }, [".version should be 1, and is 2"]],
  ["a word that is not in the list", { ...step, state: "begun" }, ['.state should be "start", and is "begun"']],
  ["a text for a number", { ...error, exitCode: "2" }, ['.exitCode should be of the type number, and is "2"']],
  ["a negative count", progress(-1), [".done should be at least 0, and is -1"]],
  ["a fact that is not known", { ...error, data: { colour: "red" } }, [".data.colour is not known"]],
  ["a field of an object in a list", checks({ id: "key", state: "ok" }), [".checks[0].message is missing"]],
  ["a result of no command", { type: "result", version: 1, command: "sing" }, ["the page knows no result of sing"]],
  ["no type", {}, ["the page knows no document without type"]],
])("what is held against the page: %s", (_, document, faults) => {
  // As it comes back from a line.
  expect(faultsOfDocument(JSON.parse(JSON.stringify(document)))).toEqual(faults);
});

function progress(done: number): object {
  return { type: "progress", version: 1, step: "blobs", unit: "blobs", done };
}

function checks(...list: readonly object[]): object {
  const facts = { did, handle: "alice.example", archive: "backup", archivedAt: "2026-01-01T00:00:00.000Z", ok: true };
  return { type: "result", version: 1, command: "doctor", ...facts, checks: list, losses: [], next: "decamp restore" };
}

const line = (...documents: readonly object[]): string => documents.map((one) => `${JSON.stringify(one)}\n`).join("");
const version = { type: "result", version: 1, command: "version", decamp: "0.1.0" };

test.each([
  ["a result", { code: 0, stdout: line(step, version), stderr: "" }, []],
  ["words", { code: 0, stdout: `Hello\n${line(version)}`, stderr: "" }, ["no JSON: Hello"]],
  ["words beside it", { code: 0, stdout: line(version), stderr: "Careful\n" }, ["no JSON: Careful"]],
  ["nothing", { code: 0, stdout: "", stderr: "" }, ["neither a result nor an error"]],
  ["an error", { code: 2, stdout: "", stderr: line(error) }, []],
  ["an error behind a list that was cut off", { code: 2, stdout: '{"type":"res', stderr: line(error) }, []],
  ["another exit code", { code: 3, stdout: "", stderr: line(error) }, ["exit code 3, unlike the error"]],
  ["an error among the data", { code: 2, stdout: line(error), stderr: "" }, ["an error on the standard output"]],
  [
    "more behind the result",
    { code: 0, stdout: line(version, step), stderr: "" },
    ["a result that is not the last document"],
  ],
  ["the end of a process", { code: null, stdout: `${line(step)}{"ty`, stderr: "" }, []],
])("a run as it is held against the page: %s", (_, printed, faults) => {
  expect(faultsOfRun(["--json"], printed)).toEqual(faults);
  expect(faultsOfRun([], printed)).toEqual([]);
});
