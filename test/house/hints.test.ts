/**
 * A hint says what can be tried or looked at. What was changed, what a server has, and whose fault it is cannot be
 * known where hints are written: the first is said by `withStanding`, in the place that knows, and the others by a
 * message that says what was seen.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const source = fileURLToPath(new URL("../../src", import.meta.url));

/** What no hint may say, and why. */
const forbidden: readonly [RegExp, string][] = [
  [
    /nothing (was|is|has been) (changed|lost|done|sent)/i,
    "only the place that sends knows; it says so by withStanding",
  ],
  [/\bunchanged\b|not (been )?changed|was not taken/i, "the same, in other words"],
  [/\b(still|is) on your (old|new) server|as before\b/i, "where the account lives is asked from the log"],
  [/account has moved/i, "the same, after the move"],
  [/check the (spelling|password|passphrase)|wrong password/i, "a refusal does not say which part was wrong"],
  [/copy is damaged|may have lost|no longer ha[sd]|was deleted/i, "what a server has is for a message that quotes it"],
  [/do not move there/i, "that is for the person to decide, who is told what was seen"],
];
/** Only where an answer contradicts what was asked: what was signed is not what was asked to be signed. */
const contradiction = [/do not trust/i, "operation-differs"] as const;

/** Where a hint, or what becomes one, begins: a field, a variable, a default. */
const beginning = /\b(?:hints?|\w+Hint|lead)\b(?:: Record<[^>]*> =|\s*[:=])\s*(?=["'`{(\w])/g;

/** The text from `start` to the end of the expression there. */
function expressionAt(text: string, start: number): string {
  let depth = 0;
  let quote = "";
  for (let at = start; at < text.length; at += 1) {
    const letter = text[at] ?? "";
    if (quote !== "") {
      at += letter === "\\" ? 1 : 0;
      quote = letter === quote ? "" : quote;
    } else if (/["'`]/.test(letter)) {
      quote = letter;
    } else if (/[([{]/.test(letter)) {
      depth += 1;
    } else if (/[)\]}]/.test(letter)) {
      depth -= 1;
    }
    if (depth < 0 || (depth === 0 && quote === "" && /[,;]/.test(letter))) {
      return text.slice(start, at);
    }
  }
  return text.slice(start);
}

const hints = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .flatMap((name) => {
    const text = readFileSync(path.join(source, name), "utf8");
    return [...text.matchAll(beginning)].map((match) => ({
      name: name.replaceAll(path.sep, "/"),
      // A text that is put together of several lines is one text.
      hint: expressionAt(text, match.index + match[0].length).replaceAll(/["`] \+\s*["`]/g, ""),
    }));
  });

test("hints are found: the table of the codes, fields, variables and defaults", () => {
  expect(hints.length).toBeGreaterThan(80);
  const found = (part: string): string[] => hints.filter(({ hint }) => hint.includes(part)).map(({ name }) => name);
  expect(found("--new-handle.")).toContain("errors.ts");
  expect(found("NODE_EXTRA_CA_CERTS")).toContain("services/http/unreachable.ts");
  expect(found("Name the new server with --to")).toContain("migration/cancel.ts");
  expect(found("To go on from here")).toContain("cli/command-line.ts");
});

test.each(forbidden)("no hint says %s: %s", (phrase) => {
  expect(hints.filter(({ hint }) => phrase.test(hint))).toEqual([]);
});

test("not to trust somebody is said of a contradiction alone", () => {
  const [phrase, code] = contradiction;
  const found = hints.filter(({ hint }) => phrase.test(hint));
  expect(found.map(({ name }) => name)).toEqual(["errors.ts"]);
  expect(found[0]?.hint).toMatch(new RegExp(`"${code}":\\s*"[^"]*do not trust`, "i"));
});
