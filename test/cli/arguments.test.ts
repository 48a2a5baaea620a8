import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { readMigrateRequest, type MigrateRequest } from "../../src/cli/migrate/request.ts";
import { main } from "../../src/cli/main.ts";
import { stateDirectory } from "../../src/services/defaults.ts";
import { readArguments } from "../../src/cli/program.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import { migrateReceives } from "./argv/rows.ts";
import { captured } from "./support/streams.ts";

async function request(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<MigrateRequest> {
  const terminal = await openTerminal(captured().parts, { noColor: false });
  const read = readArguments(argv, terminal);
  if (!("invocation" in read) || read.invocation.command !== "migrate") {
    throw new Error("this is not migrate");
  }
  return readMigrateRequest(read.invocation, { XDG_STATE_HOME: "/state", ...env });
}

const blob = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
const base = ["migrate", "alice.example", "--to", "https://new.example"];

describe("migrate: arguments to options", () => {
  test("only what is necessary", async () => {
    expect((await request(base)).options).toEqual(migrateReceives.options);
  });

  test("a blob that is skipped is named by its CID", async () => {
    await expect(request([...base, "--skip-blob", "photo.jpg"])).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining('"photo.jpg" is not the CID of a blob') as string,
    });
  });

  test("everything", async () => {
    const { options, given, secretFlags, globals } = await request([
      ...base,
      ...(
        "--from https://old.example --home-is-lost --replace-copy --prove-after-activation --dry-run --until verify --archive a/b --concurrency 3 " +
        "--new-handle alice.new.example --new-email a@b.example --invite-code new-1 --yes " +
        "--confirm-did did:plc:x --allow-missing-blobs --accept-future-rev --freeze --chunked-import --first-write --bring-late-writes --allow-private-hosts --state-dir s " +
        "--password-file p --auth-factor-command c --new-password-file - --plc-token-command d " +
        `--skip-blob ${blob} --skip-blob ${blob} ` +
        "--accept-key did:key:zQ3shSpXWhf77qcjau2sSgLhTBG8ZCa7mA5Ur6Z5KmxXPDhvN " +
        "--recovery-key new.age --rotation-key-file k --passphrase-command e --curve p256 " +
        "--plc-url http://localhost:2582 --json --no-input --no-color -v --limit-rate 500k --log-file l --limit blob-bytes=2GB --limit stray-bytes=1KiB"
      ).split(" "),
    ]);
    expect(options).toEqual({
      account: "alice.example",
      to: "https://new.example",
      from: "https://old.example",
      homeIsLost: true,
      replaceCopy: true,
      proveAfterActivation: true,
      dryRun: true,
      until: "verify",
      archive: "a/b",
      stateDir: resolve("s"),
      allowPrivateHosts: true,
      concurrency: 3,
      allowMissingBlobs: true,
      acceptFutureRev: true,
      skipBlobs: [blob, blob],
      addRecoveryKey: true,
      freeze: true,
      chunkedImport: true,
      firstWrite: true,
      bringLateWrites: true,
      acceptKeys: ["did:key:zQ3shSpXWhf77qcjau2sSgLhTBG8ZCa7mA5Ur6Z5KmxXPDhvN"],
    });
    expect(given).toEqual({
      newHandle: "alice.new.example",
      newEmail: "a@b.example",
      inviteCode: "new-1",
      confirmDid: "did:plc:x",
      recoveryKey: "new.age",
      signByKey: true,
      curve: "p256",
      yes: true,
    });
    expect(secretFlags).toEqual({
      sourcePassword: { file: "p" },
      authFactor: { command: "c" },
      targetPassword: { file: "-" },
      plcToken: { command: "d" },
      deleteToken: {},
      rotationKey: { file: "k" },
      passphrase: { command: "e" },
    });
    expect(globals).toEqual({
      limit: { "blob-bytes": 2_000_000_000, "stray-bytes": 1024 },
      limitRate: 512_000,
      quiet: false,
      verbose: true,
      json: true,
      noInput: true,
      yes: true,
      noColor: true,
      plcUrl: "http://localhost:2582",
      allowPrivateHosts: true,
      stateDir: resolve("s"),
    });
  });

  test.each<[string[], Partial<MigrateRequest["globals"]>]>([
    [["--json"], { json: true }],
    [["-q"], { quiet: true }],
    [["-v"], { verbose: true }],
    [["--no-input", "-y"], { noInput: true, yes: true }],
    [["--no-color"], { noColor: true }],
    [["--limit-rate", "2M"], { limitRate: 2 * 1024 ** 2 }],
    [["--limit-rate=100000"], { limitRate: 100_000 }],
    [["--plc-url", "https://plc.example"], { plcUrl: "https://plc.example" }],
    [["--allow-private-hosts"], { allowPrivateHosts: true }],
  ])("%s before and behind the command", async (flags, expected) => {
    const before = await request([...flags, ...base]);
    const behind = await request([...base, ...flags]);
    expect(before.globals).toMatchObject(expected);
    expect(behind.globals).toEqual(before.globals);
  });

  test("flags over environment, environment over defaults; an empty variable is none", async () => {
    const env = {
      DECAMP_TARGET_PDS: "https://env-new.example",
      DECAMP_SOURCE_PDS: "https://env-old.example",
      ATP_PLC_HOST: "https://env-plc.example",
      NEW_ACCOUNT_HANDLE: "env.example",
      NEW_ACCOUNT_EMAIL: "env@example.com",
    };
    const fromEnv = await request(["migrate", "alice.example"], env);
    expect(fromEnv.options).toMatchObject({ to: "https://env-new.example", from: "https://env-old.example" });
    expect(fromEnv.globals.plcUrl).toBe("https://env-plc.example");
    expect(fromEnv.given).toMatchObject({ newHandle: "env.example", newEmail: "env@example.com" });

    const flags = ["--from", "https://o", "--plc-url", "https://p", "--new-handle", "h.example", "--new-email", "e@e"];
    const fromFlags = await request([...base, ...flags], env);
    expect(fromFlags.options).toMatchObject({ to: "https://new.example", from: "https://o" });
    expect(fromFlags.globals.plcUrl).toBe("https://p");
    expect(fromFlags.given).toMatchObject({ newHandle: "h.example", newEmail: "e@e" });

    const empty = await request(base, { DECAMP_SOURCE_PDS: "", ATP_PLC_HOST: "", NEW_ACCOUNT_HANDLE: "" });
    expect(empty.options.from).toBeUndefined();
    expect(empty.globals.plcUrl).toBe("https://plc.directory");
    expect(empty.given.newHandle).toBeUndefined();
  });

  test("ATP_PDS_HOST is not used, and that is said", async () => {
    const { options, warnings } = await request(base, { ATP_PDS_HOST: "https://ambiguous.example" });
    expect(JSON.stringify(options)).not.toContain("ambiguous");
    expect(warnings).toEqual([
      { code: "variable-ignored", message: expect.stringContaining("ATP_PDS_HOST") as string },
    ]);
    expect((await request(base)).warnings).toEqual([]);
  });
});

describe("wrong usage (test/transcripts/bad-input has all of it)", () => {
  test("as one line of JSON with --json, wherever it stands", async () => {
    for (const argv of [
      ["--json", "migrat"],
      ["migrat", "--json"],
    ]) {
      const { parts, stdout, stderr } = captured();
      expect(await main(argv, parts)).toBe(2);
      expect(stdout()).toBe("");
      expect(stderr().split("\n")).toHaveLength(2);
      expect(JSON.parse(stderr())).toEqual({
        type: "error",
        version: 1,
        code: "usage",
        message: "Unknown command 'migrat'.",
        hint: "Did you mean migrate? Run decamp --help to see how it is used.",
        exitCode: 2,
      });
    }
  });

  test("a secret flag that reads a terminal", async () => {
    const { parts, stderr } = captured({ terminals: ["stdin"] });
    expect(await main([...base, "--password-file", "-"], parts)).toBe(2);
    expect(stderr()).toContain("that is a terminal");
  });
});

test.each<[string | undefined, NodeJS.ProcessEnv, NodeJS.Platform, string]>([
  [undefined, {}, "linux", "/home/a/.local/state/decamp"],
  [undefined, { XDG_STATE_HOME: "/x" }, "linux", "/x/decamp"],
  [undefined, { XDG_STATE_HOME: "relative" }, "linux", "/home/a/.local/state/decamp"],
  [undefined, { XDG_STATE_HOME: "" }, "linux", "/home/a/.local/state/decamp"],
  [undefined, {}, "darwin", "/home/a/Library/Application Support/decamp"],
  [undefined, { XDG_STATE_HOME: "/x" }, "darwin", "/x/decamp"],
  [undefined, { LOCALAPPDATA: "D:\\local" }, "win32", "D:\\local\\decamp"],
  [undefined, { XDG_STATE_HOME: "D:\\x" }, "win32", "D:\\x\\decamp"],
  [undefined, {}, "win32", "\\home\\a\\AppData\\Local\\decamp"],
  ["/given", { XDG_STATE_HOME: "/x" }, "linux", "/given"],
  ["D:\\given\\..\\other", {}, "win32", "D:\\other"],
])("state folder: flag %s, environment %j, %s", (flag, env, platform, expected) => {
  expect(stateDirectory(flag, env, platform, () => "/home/a")).toBe(expected);
});

const none = (): never => {
  throw new Error("uv_os_homedir returned ENOENT");
};

test("a user without a home is told what names the state folder, where nothing does", () => {
  expect(() => stateDirectory(undefined, {}, "linux", none)).toThrow(
    expect.objectContaining({ code: "usage", hint: expect.stringContaining("--state-dir") as string }),
  );
  expect(stateDirectory(undefined, { XDG_STATE_HOME: "/x" }, "linux", none)).toBe("/x/decamp");
});

describe("what is empty is refused, not taken for the folder at hand", () => {
  test.each([
    ["--archive", ["migrate", "alice.example", "--to", "https://new.example", "--archive", ""]],
    ["--to", ["migrate", "alice.example", "--to="]],
    ["--state-dir", ["migrate", "status", "--state-dir", ""]],
    ["--skip-blob", [...base, "--skip-blob", blob, "--skip-blob", ""]],
    ["--output", ["export", "alice.example", "-o", ""]],
    ["--output", ["export", "--all", "--from", "https://old.example", "-o", ""]],
    ["--plc-url", ["plc", "audit", "did:plc:ewvi7nxzyoun6zhxrhs64oiz", "--plc-url", ""]],
    ["--out", ["key", "generate", "--out", ""]],
    ["An argument", ["verify", ""]],
    ["An argument", ["archive", "prune", "", "--keep-daily", "7"]],
  ])("%s in %j", async (what, argv) => {
    const terminal = await openTerminal(captured().parts, { noColor: false });
    expect(() => readArguments(argv, terminal)).toThrow(
      expect.objectContaining({ code: "usage", message: `${what} is empty.` }),
    );
  });
});

test.each([
  "--server https://new.example",
  "--quick",
  "--watch",
  "--report report.json",
  "--from https://old.example",
  "--relay https://relay.example",
  "--app-view https://view.example",
])("doctor --archive takes no %s: what it asks for would not be done", async (more) => {
  const streams = captured();
  expect(await main(["doctor", "alice.example", "--archive", "backup", ...more.split(" ")], streams.parts)).toBe(2);
  expect(streams.stderr()).toContain(`${more.split(" ")[0] ?? ""} and --archive do not go together.`);
});

test.each([
  [["--bogus", "--version"], 2, ""],
  [["--json", "--plc-url", "--x", "--bogus=1", "--version"], 2, ""],
  [["--plc-url", "https://plc.example", "-q", "--version"], 0, "version"],
])("an unknown flag is refused beside --version, too: %j", async (argv, code, shown) => {
  const streams = captured();
  expect(await main(argv, streams.parts)).toBe(code);
  expect(streams.stdout() === "").toBe(shown === "");
});
