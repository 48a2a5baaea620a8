/** Whatever decamp says with `--json` is JSON: help, the version, and what was typed wrong, too. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { reportFailure } from "../../src/cli/talk/failure.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import { faultsOfDocument } from "../json/hold.ts";
import { runNode, startScript } from "./support/child.ts";
import { run } from "./support/run.ts";
import { captured } from "./support/streams.ts";

const packageJson = JSON.parse(readFileSync(fileURLToPath(new URL("../../package.json", import.meta.url)), "utf8")) as {
  version: string;
};

// The helper `run` holds every line against docs/JSON.md, too.
test.each([[["--help"]], [["help", "migrate"]], [["plc", "--help"]], [["plc", "add-key", "-h"]]])(
  "help, as a person reads it: %j",
  async (argv) => {
    const person = await run(argv);
    expect(person).toMatchObject({ exitCode: 0, stderr: "" });
    for (const words of [
      [...argv, "--json"],
      ["--json", ...argv],
    ]) {
      const { exitCode, stdout, stderr } = await run(words, { terminals: ["stdout"] });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      const document: unknown = JSON.parse(stdout);
      expect(document).toEqual({
        type: "result",
        version: 1,
        command: argv[0] === "completion" ? "completion" : "help",
        text: person.stdout,
      });
    }
  },
);

test("what a shell asks about a line with --json is answered as ever", async () => {
  const { code, stdout } = await runNode([startScript, "__complete", "verify", "--json"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^--json\t/);
});

test.each([[["--version", "--json"]], [["migrate", "--json", "--version"]]])("the version: %j", async (argv) => {
  const { exitCode, stdout, stderr } = await run(argv);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const document: unknown = JSON.parse(stdout);
  expect(document).toEqual({ type: "result", version: 1, command: "version", decamp: packageJson.version });
});

test.each([
  ["no command", ["--json"]],
  ["half a command", ["plc", "--json"]],
  ["an unknown command", ["sing", "--json"]],
  ["an unknown flag", ["verify", "x.car", "--loud", "--json"]],
  ["an argument that is missing", ["verify", "--json"]],
  ["an argument too many", ["--json", "verify", "a", "b"]],
  ["an empty argument", ["verify", "", "--json"]],
  ["a value that is none", ["export", "alice.example", "--concurrency", "many", "--json"]],
  ["flags that contradict each other", ["verify", "x.car", "-q", "-v", "--json"]],
  ["a secret as the value of a flag", ["migrate", "--password", "hunter2", "--json"]],
])("wrong usage is one error on stderr: %s", async (_, argv) => {
  const { exitCode, stdout, stderr } = await run(argv);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  const document: unknown = JSON.parse(stderr);
  expect(document).toMatchObject({ type: "error", version: 1, code: "usage", exitCode: 2 });
});

test("behind -- the word is none of ours", async () => {
  const { exitCode, stderr } = await run(["verify", "--", "--json"]);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^Error: /);
});

test("a bug is one line as well, with its place", async () => {
  const { parts, stderr } = captured();
  const terminal = await openTerminal(parts, { noColor: false });
  const options = { json: true, verbose: false, version: "0.1.0" };
  expect(reportFailure(terminal, new TypeError("x is not a function"), options)).toBe(1);
  const document: unknown = JSON.parse(stderr());
  expect(document).toMatchObject({ code: "internal", exitCode: 1, decamp: "0.1.0" });
  expect(faultsOfDocument(document)).toEqual([]);
});

test.each([
  ["valid/both-signed.json", 0, "identical"],
  ["invalid/new-commit-of-another-tree.json", 3, "different"],
  ["invalid/log-that-does-not-verify.json", 3, "unproved"],
])("what a certificate proves: %s", async (name, code, copy) => {
  const file = fileURLToPath(new URL(`../../fixtures/certificates/${name}`, import.meta.url));
  const { certificate } = JSON.parse(readFileSync(file, "utf8")) as { certificate: unknown };
  const input = JSON.stringify(certificate);
  const { exitCode, stdout, stderr } = await run(["verify", "--certificate", "-", "--json"], { input });
  expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: "" });
  const document: unknown = JSON.parse(stdout);
  expect(document).toMatchObject({ command: "verify", ok: code === 0, certificate: { ok: code === 0, copy } });
});

test("a Node that is too old, before anything of decamp is read", async () => {
  const bin = fileURLToPath(new URL("../../bin/decamp.js", import.meta.url));
  const old = 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.19.0" } })';
  const before = ["--import", `data:text/javascript,${encodeURIComponent(old)}`, bin, "verify", "x.car"];
  const person = await runNode(before);
  expect(person).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(/^decamp needs .* 20\.19\.0\.\n$/),
  });
  const { code, stdout, stderr } = await runNode([...before, "--json"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  const document: unknown = JSON.parse(stderr);
  expect(document).toMatchObject({ code: "unsupported", exitCode: 2, message: person.stderr.trim() });
  expect(faultsOfDocument(document)).toEqual([]);
});
