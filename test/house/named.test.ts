/** What the pages name in a sentence is there: commands of decamp, and their flags. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { pageOf, topicNames } from "../../src/cli/help/asked.ts";
import { pages as helps } from "../../src/cli/help/ready-help.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pages = ["README.md", "SECURITY.md"]
  .concat(
    readdirSync(path.join(root, "docs"))
      // What is measured is named wrongly, too, on purpose.
      .filter((name) => name.endsWith(".md") && !name.startsWith("BENCHMARKS"))
      .map((name) => `docs/${name}`),
  )
  .map((page) => ({ page, text: readFileSync(path.join(root, page), "utf8").replaceAll(/^(`{3,})[^]*?^\1$/gm, "") }));

/** Code in a line, of all pages. */
const spans = pages.flatMap(({ page, text }) =>
  Array.from(text.matchAll(/`([^`]+)`/g), ([, code = ""]) => ({ page, code: code.replaceAll(/\s+/g, " ") })),
);
const names = Object.keys(helps.pages).filter((name) => name !== "");

/** Each `a|b` as one of the two, in turn. */
function alternatives(code: string): string[] {
  const [, before = "", choice, after = ""] = /^(.*?)([a-z-]+(?:\\?\|[a-z-]+)+)(.*)$/.exec(code) ?? [];
  return choice === undefined ? [code] : choice.split(/\\?\|/).map((one) => `${before}${one}${after}`);
}

test("every command is one, and has the flags that stand behind it", () => {
  const commands = spans
    .filter(({ code }) => /^decamp [a-z]/.test(code))
    .flatMap(({ page, code }) => alternatives(code).map((one) => ({ page, code: one.slice("decamp ".length) })));
  const wrong = commands.filter(({ code }) => {
    if (code.startsWith("help ")) {
      const known: readonly string[] = ["TOPIC", ...topicNames, ...names];
      return !known.includes(code.slice("help ".length));
    }
    const name = names.filter((one) => `${code} `.startsWith(`${one} `)).toSorted((a, b) => b.length - a.length)[0];
    const help = name === undefined ? undefined : pageOf(helps, name);
    const flags = Array.from(code.matchAll(/ (--[a-z-]+)/g), ([, flag = ""]) => flag);
    return help === undefined || flags.some((flag) => !help.includes(`${flag} `) && !help.includes(`${flag}\n`));
  });
  expect(commands.length).toBeGreaterThan(40);
  expect(wrong).toEqual([]);
});

/** Flags of programs that the pages speak of, too. */
const others = ["--mark", "--prefix", "--user", "--build-arg", "--immutable"];

test("every flag is one of some command", () => {
  const all = [...names.map((name) => pageOf(helps, name)), ...others.map((flag) => `${flag} `)].join("\n");
  // Those in SECURITY.md are Node's.
  const flags = spans.filter(({ page, code }) => page !== "SECURITY.md" && /^--[a-z]/.test(code));
  const wrong = flags.filter(({ code }) =>
    Array.from(code.matchAll(/(?:^| )(--[a-z-]+)/g), ([, flag = ""]) => flag).some(
      (flag) => !new RegExp(`${flag}[ ,\n]`).test(all),
    ),
  );
  expect(flags.length).toBeGreaterThan(40);
  expect(wrong).toEqual([]);
});
