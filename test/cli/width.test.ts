/** No message is wider than the terminal; on a pipe nothing is broken. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { Terminal as Screen } from "@xterm/headless";
import { expect, test, vi } from "vitest";
import { topicNames } from "../../src/cli/help/asked.ts";
import { pages } from "../../src/cli/help/ready-help.ts";
import { main } from "../../src/cli/main.ts";
import { createPrompter } from "../../src/cli/talk/prompter.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import { columns } from "../../src/cli/talk/wrap.ts";
import { said } from "../house/said.ts";
import { readTranscripts } from "../transcripts/run.ts";
import { captured } from "./support/streams.ts";

const widths = [80, 40, 20];

/** What is too wide for good: a word that cannot be broken, alone in its line, and a command, which is to be copied. */
function mayBeWide(line: string): boolean {
  const isCommand = /^ *(?:\$ )?decamp [a-z]/.test(line) && !/[^.][.?!:]$/.test(line);
  return !line.trim().includes(" ") || isCommand;
}

function tooWide(text: string, width: number): string[] {
  const lines = stripVTControlCharacters(text).split("\n");
  return lines.filter((line) => columns(line) > width && !mayBeWide(line));
}

/** What `line` writes to a terminal, or to a pipe. */
async function written(lines: readonly string[], width: number, isTerminal = true): Promise<string> {
  const { parts, stderr } = captured({ terminals: isTerminal ? ["stderr"] : [], columns: width });
  const { err } = await openTerminal(parts, { noColor: false });
  for (const line of lines) {
    err.line(line);
  }
  return stderr();
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

const screens = fileURLToPath(new URL("../e2e/guided/", import.meta.url));

/** What people see: screens and transcripts, without lists, which are data, and without JSON. */
async function shownLines(): Promise<string[]> {
  const all = [...(await readTranscripts()), ...(await readTranscripts("bad-input"))];
  const told = all.flatMap(({ transcript }) =>
    transcript.sessions
      .filter(({ command }) => !/\b(?:ls|diff|history|completion|help)\b|--help|--json/.test(command))
      .flatMap(({ stdout, stderr }) => [...stdout, ...stderr]),
  );
  const drawn = readdirSync(screens, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".txt"))
    .flatMap((name) => readFileSync(`${screens}${name}`, "utf8").split("\n"));
  return [...told, ...drawn].filter((line) => !/^[ [{}\]"]*[{"]/.test(line));
}

const shown = await shownLines();
const sentences = said().flatMap(({ text }) => text.split("\n"));

test("there is enough to look at", () => {
  expect(shown.length).toBeGreaterThan(1500);
  expect(sentences.length).toBeGreaterThan(2500);
});

test.each(widths)("on %i columns: screens, errors and everything else that decamp can say", async (width) => {
  expect(tooWide(await written([...shown, ...sentences], width), width)).toEqual([]);
});

test.each(widths)("on %i columns: an error and its hint, with colours", async (width) => {
  for (const [argv, code] of [
    [["verify", "nothing-is-there"], 2],
    [["restore", "x", "--to", "https://y.example", "--until", "z"], 2],
  ] as const) {
    const { parts, stderr } = captured({ terminals: ["stdout", "stderr"], columns: width });
    expect(await main(argv, parts)).toBe(code);
    expect(stderr()).toContain("\u001b[");
    expect(tooWide(stderr(), width)).toEqual([]);
  }
});

test.each([40, 20])("on %i columns: the help of every command, its usage too, and every topic", async (width) => {
  for (const name of [
    ...Object.keys(pages.pages).map((one) => `${one} --help`),
    ...topicNames.map((one) => `help ${one}`),
  ]) {
    const { parts, stdout } = captured({ terminals: ["stdout"], columns: width });
    expect(await main(name.trim().split(" "), parts)).toBe(0);
    const prose = stdout().replaceAll(/^ {4}\$ (?:.*\\\n)*.*$/gm, "");
    expect([name, tooWide(prose, width)]).toEqual([name, []]);
  }
});

test("a topic is broken anew on a narrow terminal: no line ends in the middle of one", async () => {
  const { parts, stdout } = captured({ terminals: ["stdout"], columns: 60 });
  await main(["help", "point", "of", "no", "return"], parts);
  // Two lines that are as full as they can be.
  expect(stdout()).toContain(
    "After it, your account is dark for everybody until the rest\nis done: it is activated on the new server, and deactivated\n",
  );
});

test.each([80, 40, 20])("on %i columns: a question, and what is said before it", async (width) => {
  const { parts, stderr } = captured({ terminals: ["stdin", "stderr"], columns: width });
  const terminal = await openTerminal(parts, { noColor: false });
  const prompter = createPrompter(terminal, {
    noInput: false,
    json: false,
    noColor: false,
    signal: new AbortController().signal,
    leave: () => undefined,
  });
  const lead = "The code comes by mail from your old server, to alice@example.com. Enter alone has another one sent.";
  const message = "Type the DID or the handle of your account to go on, or nothing to stop here:";
  const asked = prompter.text({
    lead,
    message,
    what: "the DID",
    answeredBy: "--confirm-did",
  });
  const screen = new Screen({ cols: width, rows: 60, allowProposedApi: true });
  await vi.waitFor(() => expect(stderr()).toContain("here:"), 20_000);
  await new Promise<void>((resolve) => screen.write(stderr().replaceAll(/\r?\n/g, "\r\n"), resolve));
  const lines = Array.from({ length: 60 }, (_, row) => screen.buffer.active.getLine(row));
  // What the terminal had to break itself begins in one line and goes on in the next.
  expect(lines.filter((line) => line?.isWrapped)).toEqual([]);
  const text = lines.map((line) => line?.translateToString(true).trim() ?? "").filter((line) => line !== "");
  expect(text.join(" ")).toBe(`${lead} ? ${message}`);
  parts.stdin.emit("data", Buffer.from("alice\r"));
  expect(await asked).toBe("alice");
});

test.each([1, 2, 3, 7])("on %i columns nothing hangs, and no word is lost", async (width) => {
  const some = sentences.slice(0, 200);
  expect(words(await written(some, width))).toEqual(words(await written(some, 80, false)));
});

test("on a pipe nothing is broken, however narrow the terminal beside it", async () => {
  expect(await written(shown, 20, false)).toBe(`${shown.join("\n")}\n`);
});

test.each([
  ["letters", "abc", 3],
  ["with marks that are drawn over them", "e\u0301a\u0308", 2],
  ["Chinese", "世界", 4],
  ["Japanese", "ひらカナ", 8],
  ["half as wide", "ｶﾅ", 2],
  ["twice as wide", "ＡＢ", 4],
  ["Korean", "한글", 4],
  ["pictures", "🎉🌾", 4],
  ["Hebrew", "שלום", 4],
  ["what decamp draws", "✔ – … █", 7],
])("columns: %s", (_name, text, expected) => {
  expect(columns(text)).toBe(expected);
});

test("a line of wide characters breaks where the terminal ends", async () => {
  expect(await written(["世界 世界 世界 世界 世界"], 20)).toBe("世界 世界 世界 世界\n世界\n");
});
