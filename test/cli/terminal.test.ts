import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { assert, constantFrom, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { openTerminal, printable, printableJson, showsColor } from "../../src/cli/talk/terminal.ts";
import { runProgram, startScript, type Ended } from "./support/child.ts";
import { captured } from "./support/streams.ts";

const hostile = {
  "escape sequence": ["\u001b[31mred", "\\u{1b}[31mred"],
  "clipboard (OSC 52)": ["\u001b]52;c;AAAA\u0007", "\\u{1b}]52;c;AAAA\\u{7}"],
  "overwritten line": ["good\rbad", "good\\u{d}bad"],
  "line feed": ["one\ntwo", "one\\u{a}two"],
  tab: ["a\tb", "a\\u{9}b"],
  DEL: ["a\u007f", "a\\u{7f}"],
  "C1 introducer": ["\u009b31m", "\\u{9b}31m"],
  "bidi override": ["user\u202egpj.exe", "user\\u{202e}gpj.exe"],
  "bidi isolate": ["\u2066a\u2069", "\\u{2066}a\\u{2069}"],
  "direction mark": ["\u200fa\u061c", "\\u{200f}a\\u{61c}"],
  "zero width": ["a\u200bb\u200cc\u200dd\ufeff", "a\\u{200b}b\\u{200c}c\\u{200d}d\\u{feff}"],
  "soft hyphen": ["a\u00adb", "a\\u{ad}b"],
  "line separator": ["a\u2028b\u2029", "a\\u{2028}b\\u{2029}"],
  "tag characters": ["a\u{e0041}", "a\\u{e0041}"],
  "lone surrogate": ["a\ud800", "a\\u{d800}"],
  "invisible letters": ["\u3164\u115f", "\\u{3164}\\u{115f}"],
} as const;

describe("what comes from servers is escaped", () => {
  test.each(Object.entries(hostile))("%s", (_name, [text, expected]) => {
    expect(printable(text)).toBe(expected);
  });

  test("ordinary text of any script stays as it is", () => {
    for (const text of ["alice.example", "Grüße, 世界", "🎉 done", "é e\u0301", "שלום", "C:\\Users\\a"]) {
      expect(printable(text)).toBe(text);
    }
  });

  test("in every piece of a line, styled or not, and colour is added around it", async () => {
    const { parts, stderr } = captured({ env: { FORCE_COLOR: "1" } });
    const { err } = await openTerminal(parts, { noColor: false });
    err.line("\u001b[2J", { text: "\u001b[1mloud\u0007", style: "red" });
    expect(stderr()).toBe("\\u{1b}[2J\u001b[31m\\u{1b}[1mloud\\u{7}\u001b[39m\n");
  });

  test("JSON stays the same value, and holds no such character", () => {
    assert(
      property(string({ unit: "binary" }), constantFrom(...Object.values(hostile)), (text, [bad]) => {
        const value = { [text]: text + bad };
        const safe = printableJson(JSON.stringify(value));
        expect(JSON.parse(safe)).toEqual(value);
        expect(safe).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});

describe("colour", () => {
  test.each<[string, boolean, NodeJS.ProcessEnv, boolean, boolean]>([
    ["terminal", true, {}, false, true],
    ["no terminal", false, {}, false, false],
    ["--no-color", true, {}, true, false],
    ["--no-color over FORCE_COLOR", true, { FORCE_COLOR: "1" }, true, false],
    ["NO_COLOR", true, { NO_COLOR: "1" }, false, false],
    ["empty NO_COLOR", true, { NO_COLOR: "" }, false, true],
    ["FORCE_COLOR without a terminal", false, { FORCE_COLOR: "1" }, false, true],
    ["FORCE_COLOR=0", true, { FORCE_COLOR: "0" }, false, false],
    ["FORCE_COLOR over NO_COLOR, as in Node.js", false, { FORCE_COLOR: "1", NO_COLOR: "1" }, false, true],
    ["TERM=dumb", true, { TERM: "dumb" }, false, false],
  ])("%s", (_name, isTerminal, env, noColor, expected) => {
    expect(showsColor(isTerminal, env, noColor)).toBe(expected);
  });

  test("is decided for each stream apart", async () => {
    const { parts, stdout, stderr } = captured({ terminals: ["stderr"] });
    const { out, err } = await openTerminal(parts, { noColor: false });
    for (const channel of [out, err]) {
      channel.line({ text: "text", style: "green" });
    }
    expect(stdout()).toBe("text\n");
    expect(stderr()).not.toBe("text\n");
    expect(stripVTControlCharacters(stderr())).toBe("text\n");
  });
});

test("a dumb terminal is not drawn over", async () => {
  const dumb = await openTerminal(captured({ terminals: ["stderr"], env: { TERM: "dumb" } }).parts, { noColor: false });
  expect([dumb.err.isTerminal, dumb.err.canAnimate]).toEqual([true, false]);
  const clever = await openTerminal(captured({ terminals: ["stderr"] }).parts, { noColor: false });
  expect(clever.err.canAnimate).toBe(true);
});

test("plain: no colour and no signs beside ASCII, whatever the environment says; names keep theirs", async () => {
  for (const [options, streams, line] of [
    [{ plain: true }, { env: { FORCE_COLOR: "1", LANG: "C.UTF-8" } }, "Łódź -> a.b, ok ... <- -"],
    [{ plain: true }, { terminals: ["stderr"], env: { LANG: "C.UTF-8" } }, "Łódź -> a.b, ok ... <- -"],
    [{}, { terminals: ["stderr"], env: { TERM: "dumb" } }, "Łódź -> a.b, ok ... <- -"],
    [{}, { terminals: ["stderr"], env: { LANG: "C", NO_COLOR: "1" } }, "Łódź -> a.b, ok ... <- -"],
    [{}, { env: { LANG: "C", TERM: "dumb" } }, "Łódź → a.b, ✔ … ← –"],
  ] as const) {
    const { parts, stderr } = captured(streams);
    const { err } = await openTerminal(parts, { noColor: false, ...options });
    err.line("Łódź → a.b, ", { text: "✔ … ← –", style: "green" });
    expect(stderr()).toBe(`${line}\n`);
  }
});

test("a reader that goes away is no error", async () => {
  const child = spawn(process.execPath, [startScript, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});

const longOutput = fileURLToPath(new URL("support/long-output.ts", import.meta.url));

/** Runs a script of the shell; the program that writes much is its `"$0" "$@"`. */
const inShell = async (script: string): Promise<Ended> =>
  runProgram("sh", ["-c", script, process.execPath, longOutput]);

test("all arrives in order, in a file and in a pipe, whose reader may be slow or leave", async () => {
  const all = `begun\n${Array.from({ length: 50_000 }, (_, number) => `${number}\n`).join("")}`;
  const slow = await inShell(`"$0" "$@" 2>&1 | { sleep 1; cat; }`);
  expect(slow).toEqual({ code: 0, stdout: `${all}ended\n`, stderr: "" });
  const folder = mkdtempSync(join(tmpdir(), "decamp-output-"));
  const filed = await inShell(`"$0" "$@" > ${folder}/both 2>&1; cat ${folder}/both`);
  expect(filed.stdout).toBe(`${all}ended\n`);
  rmSync(folder, { recursive: true });
  const left = await inShell(`"$0" "$@" | head -n 2`);
  expect(left).toEqual({ code: 0, stdout: "0\n1\n", stderr: "begun\nended\n" });
});

/**
 * Runs decamp with its standard output in a file, and with a limit on the size of that file if one is given (512
 * bytes).
 */
async function printInto(file: string, args: readonly string[], limit = "unlimited"): Promise<Ended> {
  const start = `trap '' XFSZ; ulimit -f ${limit}; exec "$0" "$@" > "$OUTPUT"`;
  return runProgram("sh", ["-c", start, process.execPath, startScript, ...args], { OUTPUT: file });
}

describe.skipIf(!existsSync("/dev/full"))("a standard output that takes nothing", () => {
  const reason = "there is no room left";

  test("exit code 1 at the end, and a sentence", async () => {
    const { code, stderr } = await printInto("/dev/full", ["--help"]);
    expect(code).toBe(1);
    expect(stderr).toContain(`Error: The standard output could not be written: ${reason}.`);
    expect(stderr).not.toMatch(/bug|\bat /);
  });

  test("so in JSON", async () => {
    const { code, stderr } = await printInto("/dev/full", ["--version", "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ code: "storage", exitCode: 1, data: { reason: "ENOSPC" } });
  });

  test("a run that fails by itself keeps its code", async () => {
    const { code, stderr } = await printInto("/dev/full", ["verify", "/nothing-is-there"]);
    expect(code).toBe(2);
    expect(stderr).not.toContain("standard output");
  });

  test("only the last part of the text did not fit", async () => {
    const folder = mkdtempSync(join(tmpdir(), "decamp-output-"));
    const file = join(folder, "help");
    const { code, stderr } = await printInto(file, ["--help"], "1");
    expect(statSync(file).size).toBeGreaterThan(0);
    expect(code).toBe(1);
    expect(stderr).toContain("could not be written: EFBIG");
    rmSync(folder, { recursive: true });
  });

  test("what is told beside it goes on, and its loss changes no exit code", async () => {
    const program = `"$0" "$@" 2> /dev/full`;
    const { code, stdout } = await runProgram("sh", ["-c", program, process.execPath, startScript, "--version"], {});
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^\d/) as unknown });
    const failing = await runProgram("sh", ["-c", program, process.execPath, startScript, "verify", "/no"], {});
    expect(failing.code).toBe(2);
  });
});

test("the loss is noted once, and what is written later is dropped", async () => {
  const { parts } = captured();
  const { out } = await openTerminal(parts, { noColor: false });
  const broken = Object.assign(new Error("write"), { code: "EIO" });
  parts.stdout.emit("error", broken);
  parts.stdout.emit("error", Object.assign(new Error("write"), { code: "EPIPE" }));
  out.line("more");
  await out.settled();
  expect([out.closed, out.failure, parts.stdout.writableLength]).toEqual([true, "EIO", 0]);
});

test("an animation that a terminal no longer takes does not go on for ever", async () => {
  const { parts } = captured();
  await openTerminal(parts, { noColor: false });
  let writes = 0;
  parts.stdout.on("drain", () => {
    writes += 1;
    if (writes < 100) {
      process.nextTick(() => parts.stdout.emit("error", Object.assign(new Error("write"), { code: "EIO" })));
    }
  });
  parts.stdout.emit("error", Object.assign(new Error("write"), { code: "EIO" }));
  await new Promise((resolve) => setImmediate(resolve));
  expect(writes).toBe(1);
});
