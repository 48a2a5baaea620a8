import { encode } from "@ipld/dag-cbor";
import { expect, test } from "vitest";
import { firstWords } from "../../src/data/first-words.ts";

test.each([
  [
    { $type: "app.bsky.feed.post", text: "  One two\n three four five six seven eight nine" },
    "One two three four five six seven eight…",
  ],
  [{ text: "x".repeat(61) }, `${"x".repeat(60)}…`],
  [{ text: "\u{1f600}".repeat(60) }, "\u{1f600}".repeat(60)],
  [{ text: "y ".repeat(3000) }, "y y y y y y y y…"],
  [{ text: " ", displayName: "Alice" }, "Alice"],
  [{ text: 3, description: "Me." }, "Me."],
  [{ other: "words" }, undefined],
  [["text"], undefined],
])("%j", (record, words) => {
  expect(firstWords(encode(record))).toBe(words);
});

test("a record that cannot be read has none", () => {
  expect(firstWords(Uint8Array.of(0xff))).toBeUndefined();
});
