import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { fittingHint, withFittingHint } from "../../src/cli/help/fitting-hint.ts";
import { reportFailure } from "../../src/cli/talk/failure.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import { DecampError } from "../../src/errors.ts";
import { captured } from "./support/streams.ts";

async function reported(error: unknown, options: { json?: boolean; verbose?: boolean; secrets?: string[] } = {}) {
  const { parts, stdout, stderr } = captured();
  const terminal = await openTerminal(parts, { noColor: false });
  for (const secret of options.secrets ?? []) {
    terminal.secrets.add(secret);
  }
  const exitCode = reportFailure(terminal, error, {
    json: options.json ?? false,
    verbose: options.verbose ?? false,
    bugs: "https://bugs.example",
    version: "1.2.3",
  });
  expect(stdout()).toBe("");
  return { exitCode, stderr: stderr() };
}

describe("an expected error", () => {
  test("is a sentence and a hint, without a stack", async () => {
    expect(await reported(new DecampError("unreachable", "pds.example does not answer."))).toEqual({
      exitCode: 5,
      stderr:
        "Error: pds.example does not answer.\n" +
        "Hint: Look at the address and at your connection, then run the same command again.\n",
    });
  });

  test("is one line of JSON with --json", async () => {
    const error = new DecampError("head-moved", "The log has a new head.", { hint: "Look.", data: { head: "bafy" } });
    const { exitCode, stderr } = await reported(error, { json: true });
    expect(exitCode).toBe(9);
    expect(stderr.endsWith("}\n")).toBe(true);
    expect(stderr.trimEnd()).not.toContain("\n");
    expect(JSON.parse(stderr)).toEqual({
      type: "error",
      version: 1,
      code: "head-moved",
      message: "The log has a new head.",
      hint: "Look.",
      exitCode: 9,
      data: { head: "bafy" },
    });
  });

  test("cannot bring a server's control characters to the screen", async () => {
    const error = new DecampError("server-refused", "It says: \u001b]0;owned\u0007\u202e.");
    expect((await reported(error)).stderr).toContain("It says: \\u{1b}]0;owned\\u{7}\\u{202e}.");
    expect((await reported(error, { json: true })).stderr.trimEnd()).not.toMatch(/[\p{Cf}\p{Cc}]/u);
  });

  test("shows what caused it with --verbose", async () => {
    const error = new DecampError("unreachable", "No answer.", { cause: new Error("ECONNRESET by peer") });
    expect((await reported(error)).stderr).not.toContain("ECONNRESET");
    expect((await reported(error, { verbose: true })).stderr).toContain("ECONNRESET by peer");
  });

  test("an interruption is not called an error, and says how to go on", async () => {
    const error = new DecampError("interrupted", "Interrupted.", { hint: "To go on, run:\n  decamp migrate a" });
    expect(await reported(error)).toEqual({
      exitCode: 130,
      stderr: "Stopped. To go on, run:\n  decamp migrate a\n",
    });
  });
});

describe("anything else is a bug", () => {
  test("that is said, with a stack, versions and where to take it", async () => {
    const { exitCode, stderr } = await reported(new TypeError("x is undefined"));
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Error: This is a bug in decamp: x is undefined\n");
    expect(stderr).toContain("Hint: Please report it at https://bugs.example with this text.\n");
    expect(stderr).toContain(`decamp 1.2.3, Node.js ${process.version}, ${process.platform}`);
    expect(stderr).toContain("failure.test.ts");
  });

  test("also when it is no Error at all", async () => {
    expect((await reported("just text")).stderr).toContain("This is a bug in decamp: just text");
    expect((await reported(undefined)).exitCode).toBe(1);
  });

  test("and as JSON", async () => {
    const error = JSON.parse((await reported(new TypeError("x"), { json: true })).stderr) as Record<string, unknown>;
    expect(error).toMatchObject({ type: "error", version: 1, code: "internal", exitCode: 1, decamp: "1.2.3" });
    expect((error["stack"] as string[]).join("\n")).toContain("failure.test.ts");
  });
});

test("secrets are cut out of messages, hints, stacks and JSON", async () => {
  const secret = 'hun"ter\\2';
  const error = new DecampError("server-refused", `no ${secret} here`, {
    hint: `try ${secret}`,
    data: { said: secret },
    cause: new Error(`inner ${secret}`),
  });
  for (const thrown of [error, new Error(`bug ${secret}`)]) {
    for (const json of [false, true]) {
      const { stderr } = await reported(thrown, { json, verbose: true, secrets: [secret] });
      expect(stderr).toContain("[secret]");
      expect(stderr).not.toContain("ter\\");
    }
  }
});

const takes = (flag: string): boolean => flag === "--to" || flag === "--json";

describe("a hint and the flags of the command", () => {
  test("a sentence that names a flag which the command does not take is left out", () => {
    const both = "Give the account's DID. Or name the server that knows the handle with --from.";
    expect(fittingHint(both, takes)).toBe("Give the account's DID.");
    expect(fittingHint(both, () => true)).toBe(both);
    expect(fittingHint("Name it with --to https://pds.example.org.", takes)).toMatch(/ --to https/);
    expect(fittingHint("Leave out --to and --from.", takes)).toBe("");
    expect(fittingHint("Run it with --help.", takes)).toBe("Run it with --help.");
    expect(fittingHint("Leave it (--from) out. Wait.", takes)).toBe("Wait.");
  });

  test("what speaks of another command, or is one, stays", () => {
    const command = "Go on from there:\n  decamp migrate DID --from URL";
    expect(fittingHint(command, takes)).toBe(command);
    expect(fittingHint("See decamp export --from.", takes)).toBe("See decamp export --from.");
  });

  test("all else of the error stays", () => {
    const error = new DecampError("account-not-found", "It leads nowhere.", { hint: "Use --from.", data: { a: 1 } });
    expect(withFittingHint(error, takes)).toMatchObject({
      code: "account-not-found",
      message: "It leads nowhere.",
      hint: "",
      data: { a: 1 },
    });
    expect(withFittingHint(error, () => true)).toBe(error);
  });
});

test.each([
  ["a package", 'import "no-such-package";'],
  ["a part of its own", 'import "./no-such-part.js";'],
])("where %s is missing, decamp says so in a sentence", (_, main) => {
  const folder = mkdtempSync(path.join(tmpdir(), "decamp-parts-"));
  try {
    cpSync(new URL("../../bin/decamp.js", import.meta.url), path.join(folder, "bin/decamp.js"));
    mkdirSync(path.join(folder, "dist/cli"), { recursive: true });
    writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(path.join(folder, "dist/cli/main.js"), main);
    const run = (...flags: string[]) =>
      spawnSync(process.execPath, [path.join(folder, "bin/decamp.js"), ...flags], { encoding: "utf8" });
    const { status, stderr } = run("--version");
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/^Parts of decamp are missing [^\n]* npm ci and npm run build [^\n]*\.\n$/),
    });
    expect(JSON.parse(run("--json").stderr)).toMatchObject({ type: "error", code: "unsupported", exitCode: 2 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
