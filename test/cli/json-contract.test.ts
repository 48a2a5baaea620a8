/** docs/JSON.md says all that `--json` prints. What the other tests print is held against it where they run decamp. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { expect, test } from "vitest";
import { commands } from "../../src/cli/commands.ts";
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
