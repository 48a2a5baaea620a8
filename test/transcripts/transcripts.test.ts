/** Every transcript that needs no network; and that there is one for every command and every example of the help. */
import { describe, expect, test, vi } from "vitest";
import { main } from "../../src/cli/main.ts";
import { captured } from "../cli/support/streams.ts";
import { escaped } from "./match.ts";
import { needsNetwork } from "./parse.ts";
import { problemText, readTranscripts, runTranscript } from "./run.ts";

// Many processes, one after the other, and the key files of the help are meant to take a second each.
vi.setConfig({ testTimeout: 300_000 });

const transcripts = await readTranscripts();

describe("a transcript", () => {
  test.for(transcripts.filter(({ transcript }) => !needsNetwork(transcript)))("$name", async ({ transcript }) => {
    expect(problemText(await runTranscript(transcript))).toBe("");
  });
});

/** What a command's help says. */
async function help(words: readonly string[]): Promise<string> {
  const { parts, stdout } = captured();
  expect(await main([...words, "--help"], parts)).toBe(0);
  return stdout();
}

interface Helped {
  readonly words: readonly string[];
  readonly text: string;
  /** Whether it only leads to others. */
  readonly isGroup: boolean;
}

/** The help of a command, and of all below it. */
async function helps(words: readonly string[]): Promise<Helped[]> {
  const text = await help(words);
  const [, below = ""] = /^Commands:\n((?: .*\n?)*)/m.exec(text) ?? [];
  const names = [...below.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = ""]) => name).filter((name) => name !== "help");
  const all: Helped[] = [{ words, text, isGroup: names.length > 0 }];
  for (const name of names) {
    all.push(...(await helps([...words, name])));
  }
  return all;
}

/** The commands among the examples of a help. One that ends with a backslash goes on in the next line. */
function examples(text: string): string[] {
  const [, block = ""] = /Examples:\n((?:(?: .*)?\n)*?)\nUsage:/.exec(text) ?? [];
  return [...block.matchAll(/^ {4}\$ ((?:.*\\\n)*.*)$/gm)].map(([, command = ""]) => squeezed(command));
}

function squeezed(command: string): string {
  return command.replaceAll(/\s*\\\n\s*/g, " ").replaceAll(/ +/g, " ");
}

/** What in an example stands for something of that kind. */
const stands: readonly [RegExp, string][] = [
  [/did:plc:[a-z0-9]+|did:plc:…|\bDID\b/g, "(?:did:plc:[a-z2-7]{24}|<did[a-z-]*>)"],
  [/did:key:z\w*…?/g, "(?:did:key:z\\w+|<key[a-z-]*>)"],
  [/\b3k\w{11}\b/g, "(?:3\\w{12}|<rev[a-z0-9-]*>)"],
];

/** What a transcript may have behind an example: the answers that a person would give. */
const answers = "(?: --(?:json|no-input|yes|confirm-did \\S+|[a-z-]+-(?:file|command) (?:'[^']*'|\\S+)))*";

function pattern(example: string): RegExp {
  const source = stands.reduce((text, [what, by]) => text.replaceAll(what, `\u0000${by}\u0000`), example);
  const parts = source.split("\u0000").map((text, index) => (index % 2 === 0 ? escaped(text) : text));
  return new RegExp(`^(?:[A-Z_]+=\\S+ )*${parts.join("")}${answers}$`);
}

/** What does not succeed in any transcript, and why. It is there with how it fails. */
const refused: Readonly<Record<string, string>> = {
  "decamp migrate": "a person who is asked",
  "decamp account handle alice.example.com alice.example.org": "a domain that a server finds in the public net",
  "decamp key generate": "a system's keychain, which test machines do not have",
  "decamp key import": "the same; and a person who types the key",
  "decamp key import did:key:zQ3s… -o copy.age": "a system's keychain",
};

describe("in the transcripts is", async () => {
  const all = await helps([]);
  const sessions = transcripts.flatMap(({ transcript }) =>
    transcript.sessions.map(({ command, exitCode }) => ({ command: squeezed(command), exitCode })),
  );

  test("every command", () => {
    const leaves = all.filter(({ isGroup, words }) => !isGroup || ["migrate", "restore"].includes(words.join(" ")));
    expect(leaves.length).toBeGreaterThan(20);
    const missing = leaves.filter(({ words }) => {
      const called = new RegExp(`(?:^(?:[A-Z_]+=\\S+ )*|\\| )decamp ${words.join(" ")}(?: (?!status|cancel)|$)`);
      return !sessions.some(({ command }) => called.test(command));
    });
    expect(missing.map(({ words }) => words.join(" "))).toEqual([]);
  });

  const wanted = [...new Set(all.flatMap(({ text }) => examples(text)))];
  const runs = wanted.map((example) => ({
    example,
    exitCodes: sessions.flatMap(({ command, exitCode }) => (pattern(example).test(command) ? [exitCode] : [])),
  }));

  test("every example of the help", () => {
    expect(wanted.length).toBeGreaterThan(60);
    expect(runs.filter(({ exitCodes }) => exitCodes.length === 0)).toEqual([]);
  });

  test("every example of the help that succeeds, but for what a test machine lacks", () => {
    const failing = runs.filter(({ exitCodes }) => !exitCodes.includes(0)).map(({ example }) => example);
    expect(failing).toEqual(Object.keys(refused));
  });
});
