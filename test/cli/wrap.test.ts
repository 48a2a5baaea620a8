import { expect, test } from "vitest";
import { labelled, wrap } from "../../src/cli/wrap.ts";

const label = { text: "Hint:", style: "cyan" } as const;

test("lines are broken between words, and longer words stand alone", () => {
  expect(wrap("one two three four", 9)).toEqual(["one two", "three", "four"]);
  expect(wrap("one two three four", 9, 3)).toEqual(["one", "two three", "four"]);
  expect(wrap("a https://pds.example.com/long b", 10)).toEqual(["a", "https://pds.example.com/long", "b"]);
  expect(wrap("", 10)).toEqual([""]);
});

test("a command to be copied is one line, and so is everything where there is no terminal", () => {
  const text = "To go on, run this command:\n  decamp migrate alice.example.com --to https://pds.example.com";
  expect(labelled({ isTerminal: true, width: 20 }, label, text)).toEqual([
    [label, " ", "To go on, run"],
    ["this command:"],
    ["  decamp migrate alice.example.com --to https://pds.example.com"],
  ]);
  expect(labelled({ isTerminal: false, width: 20 }, label, "To go on, run this command:")).toEqual([
    [label, " ", "To go on, run this command:"],
  ]);
});
