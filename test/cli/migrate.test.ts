import { describe, expect, test } from "vitest";
import { runMigrate, type Move } from "../../src/cli/migrate/begin.ts";
import { reportFailure } from "../../src/cli/talk/failure.ts";
import { readArguments } from "../../src/cli/program.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import { DecampError } from "../../src/errors.ts";
import type { MigrationPlan, MigrationResult } from "../../src/migration/events.ts";
import { captured, type StreamOptions } from "./support/streams.ts";

const result: MigrationResult = {
  did: "did:plc:abc",
  oldHandle: "alice.old.example",
  handle: "alice.new.example",
  source: "https://old.example",
  target: "https://new.example",
  archive: "/archive",
  state: "moved",
  commit: "bafycommit",
  records: 3270,
  blobs: 57,
  preferences: 1,
  missingBlobs: [],
  sourceState: "deactivated",
};
const plan: MigrationPlan = {
  did: "did:plc:abc",
  handle: "alice.old.example",
  newHandle: "alice.new.example",
  source: "https://old.example",
  target: "https://new.example",
  archive: "/archive",
  plcHead: "bafyhead",
  steps: [
    { id: "export", title: "Export the account", pointOfNoReturn: false },
    { id: "submit-operation", title: "Change the identity", pointOfNoReturn: true },
  ],
};

/** Runs the command with `move` in place of the use case. */
async function run(move: Move, flags: readonly string[] = [], streams: StreamOptions = {}) {
  const { parts, stdout, stderr } = captured(streams);
  const terminal = await openTerminal(parts, { noColor: false });
  const argv = ["migrate", "alice.old.example", "--to", "https://new.example", ...flags];
  const read = readArguments(argv, terminal);
  if (!("invocation" in read) || read.invocation.command !== "migrate") {
    throw new Error("no invocation");
  }
  let exitCode: number;
  try {
    exitCode = await runMigrate({ invocation: read.invocation }, { terminal, secrets: terminal.secrets }, move);
  } catch (error) {
    const json = flags.includes("--json");
    exitCode = reportFailure(terminal, error, { json, verbose: false, bugs: "https://bugs.example", version: "0" });
  }
  return { exitCode, stdout: stdout(), stderr: stderr() };
}

/** A dry run that comes to this plan. */
const planned =
  (more: Partial<MigrationPlan>): Move =>
  (_options, _answers, report) => {
    report({ type: "plan", plan: { ...plan, state: "not-begun", ...more } });
    return Promise.resolve({ ...result, state: "planned" });
  };

describe("the result", () => {
  test("for a person: where the account is, what to do next, what is kept", async () => {
    const { exitCode, stdout } = await run(() =>
      Promise.resolve({ ...result, recoverableUntil: "2026-12-01T00:00:00.000Z", undoKeys: ["did:key:zUser"] }),
    );
    expect(exitCode).toBe(0);
    for (const fact of [
      "alice.new.example lives at https://new.example now.",
      "did:plc:abc",
      "alice.old.example → alice.new.example",
      "3,270 records, 57 blobs, 1 preference",
      "bafycommit",
      "What to do next",
      "What is kept",
      "https://old.example still has the account, deactivated. Do not delete it there for some days: it is your way back.\n",
      "/archive",
      " it can be undone with did:key:zUser: decamp plc undo did:plc:abc --rotation-key-file FILE\n",
    ]) {
      expect(stdout).toContain(fact);
    }
    // By the clock of whoever runs the tests.
    expect(stdout).toMatch(/^Until 2026-(?:11-30|12-01) \d\d:\d\d \(UTC(?:[+-]\d[\d:]*)?\) it can/m);
  });

  test("where nobody can undo it: in plain words, and the old account is still not to be deleted", async () => {
    const { stdout } = await run(() =>
      Promise.resolve({ ...result, undoKeys: [], certificate: "/archive/certificate.json" }),
    );
    expect(stdout).toContain(
      "It cannot be undone with a rotation key of your own: none is known to stand above the key that signs it.\n",
    );
    expect(stdout).toContain("Do not delete it there for some days: something may turn out to be missing.\n");
    expect(stdout).not.toContain("way back");
    expect(stdout).toContain("The proof of the move is in /archive/certificate.json\n");
    const elsewhere = await run(() => Promise.resolve({ ...result, sourceState: "absent" }));
    expect(elsewhere.stdout).not.toMatch(/delete|proof/);
  });

  test("with -q: nothing, unless something is left to do or the plan was asked for", async () => {
    const done = await run(() => Promise.resolve(result), ["-q"]);
    expect(done).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    const left = await run(
      () => Promise.resolve({ ...result, sourceStillActive: true, sourceState: "active" }),
      ["-q"],
    );
    expect(left.exitCode).toBe(8);
    expect(left.stdout).toContain("deactivate it");
    const dry = await run(
      (_options, _answers, report) => {
        report({ type: "plan", plan });
        return Promise.resolve({ ...result, state: "planned" });
      },
      ["-q", "--dry-run"],
    );
    expect(dry.stdout).toContain("This is the plan.");
  });

  test("with --json: the last line on stdout, and nothing on stderr", async () => {
    const { exitCode, stdout, stderr } = await run(
      (_options, _answers, report) => {
        report({ type: "plan", plan });
        report({ type: "step", id: "resolve", title: "Find the account", state: "start" });
        report({ type: "step", id: "resolve", title: "Find the account", state: "done" });
        report({ type: "result", result });
        return Promise.resolve(result);
      },
      ["--json"],
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string });
    expect(lines.map((line) => line.type)).toEqual(["plan", "step", "step", "result"]);
    expect(lines.at(-1)).toEqual({ type: "result", version: 1, command: "migrate", ...result });
  });

  test("with missing blobs: exit code 6, each named with the records that need it", async () => {
    const missingBlobs = [{ cid: "bafkmissing", reason: "not found", records: ["app.bsky.feed.post/3abc"] }];
    const { exitCode, stdout } = await run(() => Promise.resolve({ ...result, missingBlobs }));
    expect(exitCode).toBe(6);
    expect(stdout).toContain("3,270 records, 57 of 58 blobs,");
    expect(stdout).toContain("Missing: 1 blob that");
    expect(stdout).toContain("bafkmissing  not found\n");
    expect(stdout).toContain("needed by app.bsky.feed.post/3abc\n");
  });

  test("with blobs and preferences that stayed behind: exit code 6, why, and where they are", async () => {
    const blob = { cid: "bafklarge", size: 2_000_000, reason: "too large", records: ["app.bsky.feed.post/3abc"] };
    const blobsNotMoved = [
      { ...blob, archived: true },
      { cid: "bafkgone", reason: "skipped, as you asked", records: [], archived: false },
    ];
    const left = await run(() => Promise.resolve({ ...result, blobsNotMoved }));
    expect(left.exitCode).toBe(6);
    expect(left.stdout).toContain("Left behind: 2 blobs\n");
    // The archive has 57, and one of these two.
    expect(left.stdout).toContain("56 of 58 blobs");
    expect(left.stdout).toMatch(/bafklarge {2}2\S* MB {2}too large; the archive has it\n {4}needed by app/);
    expect(left.stdout).toContain("bafkgone  skipped, as you asked\n");

    const preferencesNotMoved = { reason: "they could not be written", archived: "/archive/preferences.json" };
    const { exitCode, stdout } = await run(() => Promise.resolve({ ...result, preferencesNotMoved }));
    expect(exitCode).toBe(6);
    expect(stdout).toContain("they could not be written\n");
    expect(stdout).toContain("they are in /archive/preferences.json\n");
  });

  test("of a run whose old server keeps the account active says so, and what to do", async () => {
    const { stdout, exitCode } = await run(() =>
      Promise.resolve({ ...result, sourceStillActive: true, sourceState: "active" }),
    );
    expect(exitCode).toBe(8);
    expect(stdout).toContain("sign in at https://old.example and deactivate it");
    expect(stdout).not.toContain("deactivated.");
  });

  test("of a run that found nothing left to do and has no copy names no archive", async () => {
    const { commit: _, records: __, blobs: ___, preferences: ____, ...bare } = result;
    const { stdout } = await run(() => Promise.resolve(bare));
    expect(stdout).toContain("alice.new.example lives at https://new.example now.");
    expect(stdout).not.toContain("/archive");
  });

  test("of a dry run is the plan, with the point of no return marked", async () => {
    const { exitCode, stdout, stderr } = await run(
      (options, _answers, report) => {
        expect(options.dryRun).toBe(true);
        report({ type: "plan", plan });
        return Promise.resolve({ ...result, state: "planned" });
      },
      ["--dry-run"],
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain("Nothing was changed.");
    expect(stdout).toMatch(/ {2}export +Export the account\n/);
    expect(stdout).toMatch(/ {2}submit-operation +Change the identity {2}← the point of no return\n/);
  });

  test("of a dry run says how large the account is, what is free, how long it takes, and what will be asked for", async () => {
    const sized = { blobs: 812, repoBytes: 12_300_000, blobBytes: 310_000_000, sampled: 16, free: 2_000_000_000 };
    const whole = await run(planned({ ...sized, seconds: { least: 100, most: 400 } }), ["--dry-run"]);
    for (const line of [
      "Repository  12.3 MB",
      "Blobs       812, about 310 MB together",
      "Free space  2.0 GB on the disk of the archive",
      "Time        about 2 to 7 minutes for the data, and what your answers take",
      "            by how fast 16 of the blobs were fetched just now; how fast your new server is shows later",
      "What you will be asked for",
      "  - the password at your old server: the account's own, no app password",
      "  - a password for the new server, typed twice",
      "  - the code that your old server then mails to you",
    ]) {
      expect(whole.stdout.split("\n")).toContain(line);
    }
    const tight = await run(planned({ ...sized, sampled: 812, free: 300_000_000 }), ["--dry-run"]);
    expect(tight.stdout).toContain("Blobs       812, 310 MB together\n");
    expect(tight.stdout).toContain("The archive needs about 322 MB: that is more than is free.\n");
    expect(tight.stdout).not.toContain("Time ");
    const given =
      "--password-file a --new-password-command b --new-email c@d.example --plc-token-command e --confirm-did did:plc:abc";
    const answered = await run(planned({}), ["--dry-run", ...given.split(" ")]);
    expect(answered.stdout).not.toContain("asked for");
    const begun = await run(planned({ state: "begun" }), ["--dry-run"]);
    expect(begun.stdout).toContain("  - the password at your new server\n");
    expect(begun.stdout).not.toMatch(/typed twice|e-mail/);
    const moved = await run(planned({ state: "switched" }), ["--dry-run"]);
    expect(moved.stdout).toContain("  - the password at your new server, if it is needed\n");
    expect(moved.stdout).not.toContain("code");
  });

  test("of a run with --until", async () => {
    const { stdout } = await run(() => Promise.resolve({ ...result, state: "stopped" }), ["--until", "compare"]);
    expect(stdout).toContain("Stopped after the step compare, as you asked.\n");
    expect(stdout).not.toMatch(/Moved|same on both sides/);
  });
});

/** Is interrupted while it works, and breaks for that reason. */
const stopped: Move = async (_options, _answers, _report, signal) => {
  setImmediate(() => process.emit("SIGINT"));
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new DecampError("unreachable", "The connection was closed.")));
  });
};

describe("an interruption", () => {
  test("by a person who does not confirm it ends with 130, and says what to type to go on", async () => {
    const { exitCode, stderr } = await run(() => Promise.reject(new DecampError("interrupted", "Not confirmed.")));
    expect(exitCode).toBe(130);
    expect(stderr).toBe(
      "Stopped. To go on from here, run:\n  decamp migrate alice.old.example --to https://new.example\n",
    );
  });

  test("fires the signal, ends with 130, and says what to type to go on", async () => {
    const listeners = process.listenerCount("SIGINT");
    const { exitCode, stdout, stderr } = await run(stopped, ["--archive", "my files"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: "" });
    expect(stderr).toContain("Press Ctrl-C again to stop at once.\n");
    expect(stderr).toContain("Stopped. To go on from here, run:\n");
    expect(stderr).toContain("decamp migrate alice.old.example --to https://new.example --archive 'my files'\n");
    expect(stderr).not.toContain("connection");
    expect(process.listenerCount("SIGINT")).toBe(listeners);
  });

  test("with --json is one error line", async () => {
    const { exitCode, stderr } = await run(stopped, ["--json"]);
    expect(exitCode).toBe(130);
    expect(JSON.parse(stderr)).toMatchObject({ type: "error", code: "interrupted", exitCode: 130 });
  });

  test("after the point of no return presses on", async () => {
    const { stderr } = await run((options, answers, report, signal) => {
      report({ type: "step", id: "submit-operation", title: "Change the identity", state: "done" });
      return stopped(options, answers, report, signal);
    });
    expect(stderr).toContain("The identity already names your new server, so finish this soon.");
  });
});

test("an expected error ends with its own exit code", async () => {
  const { exitCode, stderr } = await run(() => Promise.reject(new DecampError("locked", "Another run is at it.")));
  expect(exitCode).toBe(11);
  expect(stderr).toContain("Error: Another run is at it.\n");
});

test("a warning about an ignored variable comes first, in JSON too", async () => {
  const env = { ATP_PDS_HOST: "https://x.example" };
  const plain = await run(() => Promise.resolve(result), [], { env });
  expect(plain.stderr).toMatch(/^Warning: ATP_PDS_HOST is ignored/);
  const json = await run(() => Promise.resolve(result), ["--json"], { env });
  expect(JSON.parse(json.stdout.split("\n")[0] ?? "")).toMatchObject({ type: "warning", code: "variable-ignored" });
});

test("without a terminal nobody is asked: exit code 7, and the flag is named", async () => {
  const { exitCode, stderr } = await run(async (_options, answers) => {
    await answers.sourcePassword({ handle: "alice.old.example", host: "https://old.example" });
    return result;
  });
  expect(exitCode).toBe(7);
  expect(stderr).toContain("--password-file, --password-command, or DECAMP_SOURCE_PASSWORD");
});
