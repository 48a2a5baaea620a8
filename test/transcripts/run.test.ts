/** What a transcript notices: a test of the tests. */
import { expect, test } from "vitest";
import { readLine, runInProcess } from "./in-process.ts";
import { parseTranscript } from "./parse.ts";
import { problemText, runTranscript } from "./run.ts";

const good = `# A remark.
set GREETING=hello
copy given.json fixtures/certificates/valid/both-signed.json expect
file notes.txt
  one
  two
program greet
  echo "$GREETING $1"

$ greet world; \\
  echo "1| 2" >&2
hello world
2| 1| 2

$ ./greet did:plc:ewvi7nxzyoun6zhxrhs64oiz; cat given.json; echo; echo did:plc:ewvi7nxzyoun6zhxrhs64oiz
hello <did>
1| "identical"
<did>

$ echo <did> > seen; mkdir -p a/b; touch a/b/c a/d; cat notes.txt; exit 3
one
two
[exit 3]
files:
  a/ (2 files)
  seen

$ echo more >> notes.txt; rm greet; printf '{"b": [1, 2], "a": "x", "more": 3}\\n{\\n "n": 5\\n}\\nend\\n'
{ "a": "x", "b": [1, 2], ... }
{ "n": "<count>" }
...
files:
  a/b/c
  a/d
  - greet
  ~ notes.txt
  seen
`;

const run = async (text: string): Promise<string> => problemText(await runTranscript(parseTranscript(text)));

test("what is as it is written is no problem", async () => {
  expect(await run(good)).toBe("");
});

test("signs of life are not looked at", async () => {
  const said = ["export: still working", "blobs: 57 of 812 blobs", "export: 12.1 MB"].join("\\n");
  expect(await run(`$ printf '${said}\\nexport: done\\n' >&2\n2| export: done\n`)).toBe("");
});

test.for([
  ["a wrong line", "hello world\n", "hello word\n", "stdout is expected"],
  ["a line too many", "hello world\n", "hello world\nhello world\n", "stdout is expected"],
  ["a missing line", "one\ntwo\n[exit", "one\n[exit", "stdout is expected"],
  ["a line of stderr that is not expected", "2| 1| 2\n", "", "stderr is expected"],
  ["a wrong exit code", "[exit 3]", "[exit 2]", "exit code 2 is expected, and it was 3"],
  ["an exit code that is not expected", "[exit 3]\n", "", "exit code 0 is expected, and it was 3"],
  ["another value where the same name stands", "; echo did:plc:e", "; echo did:plc:f", "stdout is expected"],
  ["what does not look like its kind", "hello <did>", "hello <cid>", "stdout is expected"],
  ["a file too many", "  seen\n\n", "\n", "files is expected"],
  ["a missing file", "  seen\n\n", "  seen\n  unseen\n\n", "files is expected"],
  ["another number of files in a folder", "(2 files)", "(3 files)", "files is expected"],
  ["a given file that has changed, and nobody says so", "  ~ notes.txt\n", "", "files is expected"],
  ["a given file that is gone, and nobody says so", "  - greet\n", "", "files is expected"],
  ["another value in JSON", '"a": "x", "b"', '"a": "y", "b"', "stdout is expected"],
  ["an entry too many in JSON", "[1, 2], ...", "[1], ...", "stdout is expected"],
  ["a field too many in JSON", "[1, 2], ... }", "[1, 2] }", "stdout is expected"],
  ["a missing field in JSON", "{ ", '{ "c": 1, ', "stdout is expected"],
  ["a command with a name that nobody knows", "echo <did> > seen", "echo <cid> > seen", "<cid> is not known yet"],
])("%s is a problem", async ([, right = "", wrong = "", problem = ""]) => {
  expect(good).toContain(right);
  expect(await run(good.replace(right, wrong))).toContain(problem);
});

test.for([
  ["nothing to run", "# only a remark\n"],
  ["a line before the first command that is none of those", "acount alice\n\n$ true\n"],
  ["an account that is not described in full", "account alice records=20\n\n$ true\n"],
  ["text among files", "$ true\nfiles:\nfile.txt\n"],
])("%s is no transcript", ([, text = ""]) => {
  expect(() => parseTranscript(text)).toThrow("transcript");
});

const inOneProcess = `copy alice.car fixtures/compat/cfdfa5a/archive/files/snapshots/3n3fvwe5m2v2l/repo.car
mode 000 alice.car

$ decamp verify nothing.car
2| Error: Cannot read nothing.car: there is no such file.
2| Hint: Check the path.
[exit 2]

$ decamp verify --limit much - < /dev/null
2| ...
[exit 2]
`;

test.for([
  ["nothing is wrong", "", "", ""],
  ["another exit code", "[exit 2]", "[exit 3]", "exit code 3 is expected, and it was 2"],
  ["another sentence", "no such file", "no file", "stderr is expected"],
  ["a file that nobody names", "verify nothing.car", "repo unpack readable.car records", "files is expected"],
])("in one process, %s", async ([, right = "", wrong = "", problem = ""]) => {
  const more =
    "copy readable.car fixtures/compat/cfdfa5a/archive/files/snapshots/3n3fvwe5m2v2l/repo.car\nmode 644 readable.car\n";
  const problems = problemText(await runInProcess(parseTranscript(more + inOneProcess.replace(right, wrong))));
  expect(problem === "" ? problems : problems.includes(problem)).toBe(problem === "" ? "" : true);
});

test("a line that is read without a shell", () => {
  expect(readLine("A=b decamp verify 'a b.car' \"\" --json < c.car")).toEqual({
    variables: { A: "b" },
    argv: ["verify", "a b.car", "", "--json"],
    input: "c.car",
  });
  for (const line of ["cat a | decamp verify -", "decamp verify a > b", "decamp verify a; true", "true"]) {
    expect(() => readLine(line)).toThrow("only a shell can run this");
  }
});
