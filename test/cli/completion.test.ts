/** What shells offer: what can be typed where, which accounts are known, and the scripts as the shells run them. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerShell, complete } from "../../src/cli/help/complete.ts";
import { shells } from "../../src/cli/help/asked.ts";
import { main } from "../../src/cli/main.ts";
import { knownAccounts } from "../../src/services/disk/known-accounts.ts";
import { openJournal } from "../../src/migration/journal.ts";
import { restoreStepIds, stepIds } from "../../src/migration/step-ids.ts";
import { captured } from "./support/streams.ts";

const alice = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const folder = mkdtempSync(path.join(tmpdir(), "decamp-completion-"));
const stateDir = path.join(folder, "state", "decamp");
const env = { XDG_STATE_HOME: path.join(folder, "state") };

beforeAll(async () => {
  const target = "https://new.example";
  const journal = await openJournal(stateDir, alice, target);
  const source = "https://old.example";
  await journal.append({ type: "begin", did: alice, handle: "alice.example.com", source, target, at: "2026-01-01" });
  // One that was chosen, one that was refused, and the one that the server has taken.
  await journal.append({ type: "handle", newHandle: "alice.wish.example" });
  await journal.append({ type: "handle", newHandle: "alice.wish.example", state: "refused" });
  await journal.append({ type: "handle", newHandle: "alice.new.example", state: "taken" });
  await journal.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What is offered behind these words, with `|` for what was typed of the next one. */
function offered(line: string): { words: string[]; others: string } {
  const typed = line.split(" ");
  const { words, others } = complete(typed.slice(0, -1), typed.at(-1) ?? "", () => knownAccounts(stateDir));
  return { words: words.map(([word]) => word), others };
}
const known = ["alice.example.com", "alice.new.example"];

/** A line of a journal. */
const line = (fields: object): string => `0123456789abcdef ${JSON.stringify(fields)}\n`;

const shown = async (...argv: string[]): Promise<string> => {
  const { parts, stdout, stderr } = captured();
  expect([await main(argv, parts), stderr()]).toEqual([0, ""]);
  return stdout();
};

describe("what is offered", () => {
  test.each<[string, readonly string[], string]>([
    ["mi", ["migrate"], "none"],
    ["plc a", ["audit", "add-key"], "none"],
    ["--json plc au", ["audit"], "none"],
    ["--plc-url plc key i", ["import", "inspect"], "none"],
    ["nonsense ", [], "none"],
    ["migrate ", ["status", "cancel", ...known], "none"],
    ["migrate c", ["cancel"], "none"],
    ["migrate status ", known, "none"],
    ["migrate alice.example.com ", [], "none"],
    ["export al", known, "none"],
    ["export did", [alice], "none"],
    ["migrate a --confirm-did ", [alice], "none"],
    ["plc history ", known, "files"],
    ["verify ", [], "files"],
    ["archive ls ", [], "folders"],
    ["restore ", ["cancel"], "folders"],
    ["export a -o ", [], "files"],
    ["migrate a --password-file ", [], "files"],
    ["migrate a --password-file x ", [], "none"],
    ["migrate a --until ", stepIds, "none"],
    ["restore a --until ", restoreStepIds, "none"],
    ["migrate a --until=sub", ["--until=submit-operation"], "none"],
    ["key generate --curve ", ["k256", "p256"], "none"],
    ["migrate a --state", ["--state-dir"], "none"],
    ["migrate status --to", ["--to"], "none"],
    ["migrate a --dry-run --d", ["--document-wait", "--delete-token-file", "--delete-token-command"], "none"],
    ["migrate a --skip-blob x --sk", ["--skip-blob"], "none"],
    ["completion ", shells, "none"],
    ["help ro", ["rotation-key"], "none"],
    ["help plc su", ["submit"], "none"],
    ["help plc submit ", [], "none"],
    ["export -- --s", [], "none"],
    ["constructor toS", [], "none"],
  ])("decamp %s|", (line, words, others) => {
    expect(offered(line)).toEqual({ words, others });
  });

  test("every flag of a command, those of the commands above it, and those of all", () => {
    const { words } = offered("migrate status --");
    expect(words).toEqual(expect.arrayContaining(["--to", "--password-file", "--json", "--limit", "--help"]));
    expect(new Set(words).size).toBe(words.length);
  });
});

describe("accounts that are known", () => {
  test("are those of the journals; what is no journal, cut off, or no plain name is passed over", () => {
    const other = mkdtempSync(path.join(folder, "other-"));
    const journals = path.join(other, "migrations");
    mkdirSync(journals);
    writeFileSync(path.join(journals, "a.journal"), line({ did: "did:web:a.example", handle: "b.example" }));
    writeFileSync(path.join(journals, "b.journal"), line({ did: "$(touch x)", handle: "a.example;\u202e.com" }));
    writeFileSync(path.join(journals, "c.journal"), '0123456789abcdef {"type":"begin","handle":"cut.exam');
    writeFileSync(path.join(journals, "d.txt"), line({ handle: "not.a.journal.example" }));
    mkdirSync(path.join(journals, "e.journal"));
    symlinkSync(path.join(journals, "d.txt"), path.join(journals, "f.journal"));
    if (process.platform !== "win32") {
      spawnSync("mkfifo", [path.join(journals, "g.journal")]);
    }
    expect(knownAccounts(other)).toEqual({ handles: ["b.example"], dids: ["did:web:a.example"] });
    expect(knownAccounts(path.join(folder, "nowhere"))).toEqual({ handles: [], dids: [] });
  });

  test("are those of the folder that --state-dir names", () => {
    const other = ["export", "--state-dir", path.join(folder, "nowhere")];
    expect(answerShell(["fish", "=al", ...other], env)).toBe(":none\n");
    expect(answerShell(["fish", "=al", "export"], env)).toBe(
      "alice.example.com\tknown here\nalice.new.example\tknown here\n:none\n",
    );
  });
});

test("bash gives its line as it is, with quotes, and replaces what stands behind the last break", () => {
  const breaks = " \t\n\"'@><=;|&(:";
  const answer = (line: string): string => answerShell(["bash", `=${line}`, breaks], env);
  expect(answer("decamp export did:plc:ew")).toBe("ewvi7nxzyoun6zhxrhs64oiz\n:none\n");
  expect(answer("decamp --limit='a b' \"plc\" ad\\d")).toBe("add-key\n:none\n");
  expect(answer("decamp migrate a --until=com")).toBe("compare\n:none\n");
  expect(answer("decamp plc audit my\\ fi")).toBe(":files\n");
});

test.each(shells)("decamp completion %s prints the script, plain or not, and says how it is used", async (shell) => {
  const script = await shown("completion", shell);
  expect(script).toContain(`decamp completion ${shell}`);
  expect(await shown("--no-color", "completion", shell)).toBe(script);
});

test("another shell is wrong usage", async () => {
  const { parts, stderr } = captured();
  expect(await main(["completion", "tcsh"], parts)).toBe(2);
  expect(stderr()).toContain("It must be bash, zsh, fish or powershell.");
});

/** The shells by the program that runs them, and how each is made to say what it offers for a line. */
const programs: readonly [name: string, program: string, ask: (line: string) => string][] = [
  [
    "bash",
    "bash",
    (line) => `eval "$(decamp completion bash)"
      COMP_LINE='${line}' COMP_POINT=${line.length} COMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:'
      _decamp decamp; printf '%s\\n' "\${COMPREPLY[@]}"; complete -p decamp`,
  ],
  [
    "zsh",
    "zsh",
    // As its completion calls a function of this kind.
    (line) => `compdef() { print "complete $*" }; _files() { print files }; _describe() { print -rl -- "\${(@P)2}" }
      eval "$(decamp completion zsh)"
      words=(${line}) CURRENT=\${#words} PREFIX=\${words[-1]}; _decamp`,
  ],
  ["fish", "fish", (line) => `decamp completion fish | source; complete -C '${line}' | string replace -r '\\t.*' ''`],
  [
    "powershell",
    "pwsh",
    (line) => `decamp completion powershell | Out-String | Invoke-Expression
      (TabExpansion2 -inputScript '${line}' -cursorColumn ${line.length}).CompletionMatches.CompletionText`,
  ],
];

describe("the script as a shell runs it", () => {
  const bin = path.join(folder, "bin");
  beforeAll(() => {
    mkdirSync(bin);
    const start = fileURLToPath(new URL("../../bin/decamp.js", import.meta.url));
    writeFileSync(path.join(bin, "decamp"), `#!/bin/sh\nexec "${process.execPath}" "${start}" "$@"\n`);
    chmodSync(path.join(bin, "decamp"), 0o755);
  });

  describe.each(programs)("%s", (name, program, ask) => {
    const { error } = spawnSync(program, ["-c", "exit"]);
    const said = error === undefined ? "" : ` (skipped: ${program} is not installed)`;
    const inShell = (line: string): string[] => {
      const options = { cwd: folder, env: { PATH: `${bin}:${process.env["PATH"]}`, HOME: folder, ...env } };
      const { stdout, stderr } = spawnSync(program, ["-c", ask(line)], { ...options, encoding: "utf8" });
      expect(stderr).toBe("");
      // zsh gets the words with what they are, behind a colon that is none of the word's own.
      const words = name === "zsh" ? stdout.replaceAll(/(?<!\\):.*/g, "").replaceAll("\\:", ":") : stdout;
      return words.split("\n").filter((one) => one !== "");
    };
    test.skipIf(said !== "")(`offers commands, flags, and accounts${said}`, () => {
      expect(inShell("decamp plc a")).toEqual(expect.arrayContaining(["audit", "add-key"]));
      expect(inShell("decamp plc a")).not.toContain("undo");
      expect(inShell("decamp migrate x --un")).toContain("--until");
      const did = inShell("decamp export did:plc:ew");
      expect(did).toContain(name === "bash" ? alice.slice("did:plc:".length) : alice);
    });
  });
});
