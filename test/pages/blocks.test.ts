/** What is read from a page: commands, what they show, and what differs from run to run. */
import { expect, test } from "vitest";
import { matchLines } from "../transcripts/match.ts";
import { blocksOf, prepared, sessionsOf } from "./blocks.ts";

const page = `# A page

\`\`\`sh
one
# a remark
two \\
  --more
\`\`\`

    three

Text.

\`\`\`console exit=5
$ four # and a remark
shown
...

$ five
Error: …
\`\`\`

\`\`\`json
{ "six": 6 }
\`\`\`
`;

test("commands are those of sh and console, and of indented blocks; each has its line", () => {
  expect(sessionsOf(page).map(({ line, command, stdout, exitCode }) => ({ line, command, stdout, exitCode }))).toEqual([
    { line: 4, command: "one", stdout: ["..."], exitCode: 0 },
    { line: 6, command: "two \\\n  --more", stdout: ["..."], exitCode: 0 },
    { line: 10, command: "three", stdout: ["..."], exitCode: 0 },
    { line: 15, command: "four # and a remark", stdout: ["shown", "..."], exitCode: 0 },
    { line: 19, command: "five", stdout: ["Error: …"], exitCode: 5 },
  ]);
  expect(blocksOf(page).map(({ language }) => language)).toEqual(["sh", "sh", "console", "json"]);
});

test("a block that has no end, and a console that begins with something else than a command, are refused", () => {
  expect(() => blocksOf("```sh\none")).toThrow("line 1: the block has no end");
  expect(() => sessionsOf("```console\none\n```")).toThrow("line 2: a block of a console begins with $");
});

const [cid, other] = ["a", "b"].map((letter) => `bafy${letter.repeat(55)}`) as [string, string];
const [first, second] = ["c", "d"].map((letter) => `bafy${letter.repeat(55)}`) as [string, string];

test("what is the same text on the page has to be the same when it is run, and what is not may differ", () => {
  const [session] = prepared(
    sessionsOf(`\`\`\`console\n$ look alice\nFrom ${cid}\nto ${other}\nand ${cid}, 12.5 kB, at home\n\`\`\``),
    { alice: "<did-alice>", "at home": "elsewhere" },
  );
  expect(session?.command).toBe("look <did-alice>");
  const shown = (...cids: string[]): boolean =>
    matchLines(
      session?.stdout ?? [],
      [`From ${cids[0]}`, `to ${cids[1]}`, `and ${cids[2]}, 3 bytes, elsewhere`],
      {},
    ) !== undefined;
  expect(shown(first, second, first)).toBe(true);
  expect(shown(first, second, second)).toBe(false);
  expect(shown(first, "bafy", first)).toBe(false);
});
