/** Lines for narrow terminals. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Line, Piece } from "../../src/cli/talk/terminal.ts";
import { wrapLine } from "../../src/cli/talk/wrap.ts";

const textOf = (line: Line): string => line.map((piece) => (typeof piece === "string" ? piece : piece.text)).join("");
const wrapped = (line: Line, width: number): string[] => wrapLine(line, width).map(textOf);

test.each<[string, Line, number, string[]]>([
  ["a line that fits", ["It fits."], 8, ["It fits."]],
  ["between words", ["It does not fit."], 8, ["It does", "not fit."]],
  ["what follows begins where the first begins", ["  It does not fit."], 10, ["  It does", "  not fit."]],
  ["a wide space that stays in a line", ["DID     did:plc:x and more"], 18, ["DID     did:plc:x", "and more"]],
  [
    "a word that is too wide stays whole",
    ["See did:plc:ewvi7nxzyoun6 there"],
    12,
    ["See", "did:plc:ewvi7nxzyoun6", "there"],
  ],
  ["a command stays whole", ["  decamp verify alice.car --online"], 12, ["  decamp verify alice.car --online"]],
  ["a command at the end of a line, too", ["To undo it: decamp plc undo x"], 12, ["To undo it:", "decamp plc undo x"]],
  [
    "flags before its name, too",
    ["  decamp --plain migrate a.b --archive ."],
    12,
    ["  decamp --plain migrate a.b --archive ."],
  ],
  ["but not a sentence", ["decamp --plain says less."], 14, ["decamp --plain", "says less."]],
  ["an example, too", ["    $ decamp verify alice.car"], 12, ["    $ decamp verify alice.car"]],
])("%s", (_, line, width, expected) => {
  expect(wrapped(line, width)).toEqual(expected);
});

test("behind a label that hangs, what follows begins behind it, but on a narrow screen", () => {
  const line: Line = [{ text: "ok   ", style: "green", hangs: true }, "All that was asked for is there, and proved."];
  expect(wrapped(line, 40)).toEqual(["ok   All that was asked for is there,", "     and proved."]);
  expect(wrapped(line, 24)).toEqual(["ok   All that was asked", "     for is there, and", "     proved."]);
  expect(wrapped(line, 18)).toEqual(["ok   All that was", "asked for is", "there, and proved."]);
});

test("a style stays on its words, also on a word that changes it", () => {
  const line = [{ text: "All is well", style: "bold" }, "here."] as const;
  expect(wrapLine(line, 9)).toEqual([
    [{ text: "All", style: "bold" }, " ", { text: "is", style: "bold" }],
    [{ text: "well", style: "bold" }, "here."],
  ]);
});

const words = (text: string): string[] => text.split(/ +/).filter((word) => word !== "");
const pieces = fc.array(fc.string({ unit: fc.constantFrom("a", "b", " ", ".", "é") }), { maxLength: 8 });

test("whatever the line: no word is lost, broken or moved, and no line is wider than it has to be", () => {
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 40 }), (texts, width) => {
      const line: Piece[] = texts.map((text, index) => (index % 2 === 0 ? text : { text, style: "dim" }));
      const lines = wrapped(line, width);
      expect(lines.flatMap(words)).toEqual(words(textOf(line)));
      for (const one of lines.filter((text) => text.length > width)) {
        expect(words(one)).toHaveLength(1);
      }
    }),
  );
});
