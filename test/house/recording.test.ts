/** The picture of the guided move: well-formed, small, safe to show, and of what the screens of the test say. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { shownAs } from "../tools/picture.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const svg = read("docs/guided-move.svg");

/** The names of elements that are open in the end, or what is not well-formed. */
function wellFormed(xml: string): readonly string[] {
  const open: string[] = [];
  const rest = xml.replaceAll(
    /<(\/?)([A-Za-z]+)((?: [A-Za-z:-]+="[^"<&]*")*)(\/?)>|&(?:amp|lt|gt);/g,
    (_, close: string | undefined, name: string | undefined, _attributes, alone: string | undefined) => {
      if (name !== undefined && alone === "") {
        if (close === "") {
          open.push(name);
        } else if (open.pop() !== name) {
          open.push(`not ${name}`);
        }
      }
      return "";
    },
  );
  return [...open, ...(rest.match(/[<&]/g) ?? [])];
}

test("the check of well-formedness sees what is not", () => {
  expect(wellFormed('<a b="c"><d/>x &amp; y</a>')).toEqual([]);
  for (const wrong of ["<a>", "<a></b>", "<a>&</a>", "<a b=c></a>", "a < b", "</a>"]) {
    expect(wellFormed(wrong)).not.toEqual([]);
  }
});

test("it is well-formed, small, and asks nobody for anything", () => {
  expect(wellFormed(svg)).toEqual([]);
  expect(svg.length).toBeLessThan(60_000);
  expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/<script|href|url\(|@import|src=|\son\w+=/);
});

test("each of its lines stands on a screen of the test, after the same replacements", () => {
  const screens = ["until-the-window-is-closed-80", "until-the-end-80"];
  const lines = new Set(
    screens.flatMap((name) =>
      read(`test/e2e/guided/${name}.txt`)
        .split("\n")
        .map((line) => shownAs(line)),
    ),
  );
  const texts = [...svg.matchAll(/<text [^>]*y="\d+"[^>]*>(.*?)<\/text>/g)].map(([, text = ""]) =>
    text
      .replaceAll(/<[^>]*>/g, "")
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&amp;", "&")
      .trimEnd(),
  );
  expect(texts.length).toBeGreaterThan(100);
  expect(texts.filter((text) => !lines.has(text) && text !== "$ decamp migrate")).toEqual([]);
  for (const said of ["This is the plan.", "The point of no return", "The move is done.", "What is kept"]) {
    expect(texts.some((text) => text.startsWith(said))).toBe(true);
  }
});
