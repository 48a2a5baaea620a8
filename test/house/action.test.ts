/** What can be held of action.yml without a run of it. `test/e2e/action.test.ts` plays it. */
import { expect, test } from "vitest";
import { argumentsFor, isForLog, outputFile, outputsOf, tellingDocument } from "../release/action-plan.ts";
import { actionFile } from "../release/play-action.ts";

const none = { mode: "", path: "", account: "", output: "", arguments: "" };

test("no script of the action has an expression in it: what is given comes as environment alone", () => {
  const { steps } = actionFile.runs;
  expect(steps.length).toBeGreaterThan(1);
  expect(steps.filter(({ run }) => run.includes("${{"))).toEqual([]);
  // Every input is handed over, and nothing else is.
  const handed = steps.flatMap(({ env }) => Object.values(env ?? {})).toSorted();
  const inputs = Object.keys(actionFile.inputs).toSorted();
  expect(handed).toEqual(inputs.map((name) => `\${{ inputs.${name} }}`));
});

test("every output is one that the step gives, and no input asks for a secret", () => {
  const given = Object.keys(outputsOf(0, undefined, ""));
  const wanted = given.map((name) => [name, `\${{ steps.decamp.outputs.${name} }}`]);
  expect(Object.entries(actionFile.outputs).map(([name, { value }]) => [name, value])).toEqual(wanted);
  expect(Object.keys(actionFile.inputs).filter((name) => /password|secret|token|key/i.test(name))).toEqual([]);
});

test("the inputs are arguments of decamp, each a word of its own", () => {
  expect(argumentsFor({ ...none, mode: "verify", path: "-v $(a) \"b\n'" })).toEqual([
    "verify",
    "--json",
    "--no-input",
    "--",
    "-v $(a) \"b\n'",
  ]);
  const more = "\n--from=https://pds.example.org \r\n\n--sign-in";
  const exported = { ...none, mode: "export", account: "--all", output: "--a b", arguments: more };
  expect(argumentsFor(exported)).toEqual(
    ["export", "--output=--a b", "--from=https://pds.example.org", "--sign-in"].concat([
      "--json",
      "--no-input",
      "--",
      "--all",
    ]),
  );
});

test.each([
  [{}, "The input mode is neither verify nor export."],
  [
    { mode: "verify", path: "a", arguments: "--online\n--version" },
    "The input arguments has --version: with it nothing is done.",
  ],
  [{ mode: "verify", path: "a", arguments: " -qh \n" }, "The input arguments has -qh: with it nothing is done."],
  [{ mode: "toString" }, "The input mode is neither verify nor export."],
  [{ mode: "verify" }, "The input path is missing: verify needs it."],
  [{ mode: "export", account: "a.example" }, "The input output is missing: export needs it."],
  [{ mode: "verify", path: "a", account: "a.example" }, "The input account is not for verify."],
  [{ mode: "export", account: "a.example", output: "-" }, 'The input output has to be a name, and not "-".'],
])("inputs that say too little, or too much: %j", (inputs, said) => {
  expect(argumentsFor({ ...none, ...inputs })).toBe(said);
});

test("the outputs are those of the result, or else the error is where the result would be", () => {
  const result = '{"type":"result","did":"did:plc:a","rev":"3a"}';
  const error = '{"type":"error","code":"busy","did":"did:plc:b"}';
  const lines = ["words", '{"type":"step","did":"did:plc:c"}', error, result, "[1]", "null"];
  expect(tellingDocument(lines)).toBe(result);
  expect(outputsOf(6, result, "/f")).toEqual({ "exit-code": "6", result: "/f", did: "did:plc:a", rev: "3a" });
  expect(tellingDocument(lines.slice(0, 3))).toBe(error);
  expect(outputsOf(11, error, "/f")).toEqual({ "exit-code": "11", result: "/f", did: "", rev: "" });
  expect(tellingDocument(["words"])).toBeUndefined();
  expect(outputsOf(1, undefined, "/f")).toEqual({ "exit-code": "1", result: "", did: "", rev: "" });
});

test("a value of an output stays one, also with lines in it", () => {
  const outputs = { "exit-code": "0", result: "/a\nrev=1", did: "", rev: "3a" };
  expect(outputFile(outputs, "END")).toBe(
    "exit-code<<END\n0\nEND\nresult<<END\n/a\nrev=1\nEND\ndid<<END\n\nEND\nrev<<END\n3a\nEND\n",
  );
});

test("the log has what decamp says, but not how far it is", () => {
  expect(["words", '{"type":"progress"}', '{"type":"step"}'].filter(isForLog)).toEqual(["words", '{"type":"step"}']);
});
