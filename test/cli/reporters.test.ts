import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  barText,
  bytesText,
  createMeter,
  durationText,
  progressText,
  statusText,
  timeText,
  type Amount,
} from "../../src/cli/talk/reporters/amounts.ts";
import { createJsonReporter } from "../../src/cli/talk/reporters/json-lines.ts";
import { createPlainReporter } from "../../src/cli/talk/reporters/plain.ts";
import { timeRange } from "../../src/cli/talk/size-lines.ts";
import { createReporter } from "../../src/cli/talk/reporters/create.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import type { MigrationEvent, MigrationPlan } from "../../src/migration/events.ts";
import { moveFacts } from "./support/facts.ts";
import { captured } from "./support/streams.ts";

const plan: MigrationPlan = {
  did: "did:plc:abc",
  handle: "alice.example",
  source: "https://old.example",
  target: "https://new.example",
  archive: "/archive",
  plcHead: "bafy",
  steps: [],
};
const start: MigrationEvent = { type: "step", id: "transfer-blobs", title: "Transfer the blobs", state: "start" };
const progress = (done: number): MigrationEvent => ({
  type: "progress",
  step: "transfer-blobs",
  unit: "blobs",
  done,
  total: 40,
});
const done: MigrationEvent = { ...start, state: "done", detail: "40 blobs" };
const identity: MigrationEvent = {
  type: "identity",
  did: "did:plc:abc",
  handle: "alice.example",
  differences: [
    { field: "services.atproto_pds", kind: "changed", before: "https://old.example", after: "https://new.example" },
    { field: "rotationKeys", kind: "added", after: "did:key:zNew" },
    { field: "rotationKeys", kind: "removed", before: "did:key:zOld" },
  ],
  facts: moveFacts,
};
const options = { quiet: false, verbose: false, identityIsAsked: false, planIsTheResult: false };

test.each([false, true])("what to publish, and where, is said to whoever asks for quiet, too: %s", async (quiet) => {
  const { parts, stderr } = captured();
  const { err } = await openTerminal(parts, { noColor: false });
  const reporter = createPlainReporter(err, { ...options, quiet });
  reporter.report({
    type: "document",
    did: "did:web:alice.example",
    url: "https://alice.example/.well-known/did.json",
    file: "/state/did.json",
    kept: "/state/before.json",
    until: "2026-01-06T00:30:00.000Z",
  });
  reporter.close();
  expect(stderr()).toBe(
    "Publish this file now: /state/did.json\n" +
      "  as https://alice.example/.well-known/did.json\n" +
      "  decamp waits for it until 2026-01-06T00:30:00.000Z, and asks again and again.\n" +
      "  The document that is there now is kept in /state/before.json\n",
  );
});

describe("plain lines", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("one line a change of state, and a sign of life at most every ten seconds", async () => {
    const { parts, stdout, stderr } = captured();
    const { err } = await openTerminal(parts, { noColor: false });
    const reporter = createPlainReporter(err, options);
    reporter.report({ type: "plan", plan });
    reporter.report(start);
    for (let second = 1; second <= 25; second += 1) {
      vi.advanceTimersByTime(1000);
      reporter.report(progress(second));
    }
    reporter.report({ type: "warning", code: "x", message: "One blob\u202e is odd." });
    reporter.report(done);
    vi.advanceTimersByTime(60_000);
    reporter.report({ type: "step", id: "import-preferences", title: "Import the preferences", state: "skipped" });
    reporter.close();
    vi.advanceTimersByTime(60_000);
    expect(stdout()).toBe("");
    expect(stderr().split("\n")).toEqual([
      "Moving alice.example to https://new.example",
      "did:plc:abc, from https://old.example",
      "transfer-blobs: Transfer the blobs",
      "transfer-blobs: 9 of 40 blobs, 1.0 blobs/s, 31 s left",
      "transfer-blobs: 19 of 40 blobs, 1.0 blobs/s, 21 s left",
      "Warning: One blob\\u{202e} is odd.",
      "transfer-blobs: done (40 blobs)",
      "import-preferences: skipped, nothing to do",
      "",
    ]);
  });

  test("a step that reports no progress is still known to be at work", async () => {
    const { parts, stderr } = captured();
    const { err } = await openTerminal(parts, { noColor: false });
    const reporter = createPlainReporter(err, options);
    reporter.report(start);
    vi.advanceTimersByTime(10_000);
    reporter.close();
    expect(stderr()).toBe("transfer-blobs: Transfer the blobs\ntransfer-blobs: still working\n");
  });

  test("quiet: only warnings", async () => {
    const { parts, stderr } = captured();
    const { err } = await openTerminal(parts, { noColor: false });
    const reporter = createPlainReporter(err, { ...options, quiet: true });
    for (const event of [{ type: "plan", plan } as const, start, progress(1), identity, done]) {
      reporter.report(event);
      vi.advanceTimersByTime(30_000);
    }
    reporter.report({ type: "warning", code: "x", message: "Look here." });
    reporter.close();
    expect(stderr()).toBe("Warning: Look here.\n");
  });
});

test("the change of the identity is said in sentences first, and is readable without colour", async () => {
  const { parts, stderr } = captured();
  const { err } = await openTerminal(parts, { noColor: false });
  const reporter = createPlainReporter(err, options);
  reporter.report(identity);
  reporter.close();
  expect(stderr().split("\n")).toEqual([
    "alice.example moves from https://old.example to https://new.example.",
    "Its handle becomes alice.new.example.",
    "Your old server's rotation key leaves: did:key:zOld",
    "Your new server's rotation key comes, at rank 2 of 2: did:key:zNew",
    "Your own rotation key stays, at rank 1 of 2: did:key:zUser",
    "Rank 1 is the highest: for 72 hours a key can undo what one below it signs.",
    "For 72 hours it can be undone with did:key:zUser: decamp plc undo did:plc:abc --rotation-key-file FILE",
    "The identity changes like this:",
    "  - services.atproto_pds: https://old.example",
    "  + services.atproto_pds: https://new.example",
    "  + rotationKeys: did:key:zNew",
    "  - rotationKeys: did:key:zOld",
    "",
  ]);
});

test("what is not on the new server comes before the change of the identity", async () => {
  const { parts, stderr } = captured();
  const { err } = await openTerminal(parts, { noColor: false });
  const reporter = createPlainReporter(err, options);
  const blob = { cid: "bafkx", reason: "skipped, as you asked", records: ["a.b.c/d"], archived: true };
  const some = { missingBlobs: [], blobsNotMoved: [blob], blobsThere: 149, blobsNeeded: 150 };
  reporter.report({ ...identity, leftBehind: some });
  const preferencesNotMoved = { reason: "they could not be written" };
  reporter.report({
    ...identity,
    leftBehind: { missingBlobs: [], preferencesNotMoved, blobsThere: 150, blobsNeeded: 150 },
  });
  reporter.close();
  const [before = "", between = ""] = stderr().split("alice.example moves from");
  expect(before).toContain("Not all data is on your new server: it has 149 of 150 blobs.\n");
  expect(before).toContain("bafkx  skipped, as you asked; the archive has it\n");
  expect(between).toContain("Not all data is on your new server.\n");
  expect(between).toContain("they could not be written\n");
});

describe("JSON Lines", () => {
  test("each event with type and version; progress at most once a second; the result is left to the command", async () => {
    let now = 0;
    const { parts, stdout, stderr } = captured();
    const { out } = await openTerminal(parts, { noColor: false });
    const reporter = createJsonReporter(out, { quiet: false }, () => now);
    reporter.report(start);
    for (let tenth = 0; tenth < 25; tenth += 1) {
      reporter.report(progress(tenth));
      now += 100;
    }
    reporter.report(done);
    reporter.report({ type: "result", result: { missingBlobs: [] } as never });
    reporter.close();
    expect(stderr()).toBe("");
    const lines = stdout().trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { ...start, version: 1 },
      { ...progress(0), version: 1 },
      { ...progress(10), version: 1 },
      { ...progress(20), version: 1 },
      { ...done, version: 1 },
    ]);
    expect(lines.every((line) => /^\{"type":"[a-z]+","version":1,/.test(line))).toBe(true);
  });
});

test("JSON with --quiet still says what happens to the identity", async () => {
  const { parts, stdout } = captured();
  const { out } = await openTerminal(parts, { noColor: false });
  const reporter = createJsonReporter(out, { quiet: true });
  for (const event of [start, progress(3), identity, done]) {
    reporter.report(event);
  }
  expect(JSON.parse(stdout())).toEqual({ version: 1, ...identity });
});

test("without a terminal, with --quiet, and on a dumb terminal nothing is drawn", async () => {
  for (const streams of [
    {},
    { terminals: ["stderr"] as const, env: { TERM: "dumb" } },
    { terminals: ["stdout", "stdin"] as const },
  ]) {
    const { parts, stderr } = captured(streams);
    const terminal = await openTerminal(parts, { noColor: false });
    const reporter = await createReporter(terminal, { ...options, json: false });
    reporter.report(start);
    reporter.report(progress(3));
    reporter.report(done);
    reporter.close();
    expect(stderr()).toBe("transfer-blobs: Transfer the blobs\ntransfer-blobs: done (40 blobs)\n");
  }
});

const blobs = (done: number, bytes?: number): Amount => ({
  unit: "blobs",
  done,
  total: 400,
  ...(bytes === undefined ? {} : { bytes }),
});

describe("amounts", () => {
  test.each([
    [0, "0 bytes"],
    [999, "999 bytes"],
    [1000, "1.0 kB"],
    [1_234_567, "1.2 MB"],
    [99_940_000, "99.9 MB"],
    [99_960_000, "100 MB"],
    [999_600, "1.0 MB"],
    [387_000_000_000, "387 GB"],
  ])("%d bytes", (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  test.each([
    [0.2, "1 s"],
    [59.4, "59 s"],
    [75, "1 min 15 s"],
    [600, "10 min"],
    [3600, "1 h 0 min"],
    [5400, "1 h 30 min"],
  ])("%d seconds", (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });

  test.each([
    ["UTC", "2026-12-01 00:30 (UTC)"],
    ["Europe/Berlin", "2026-12-01 01:30 (UTC+1)"],
    ["America/St_Johns", "2026-11-30 21:00 (UTC-3:30)"],
    ["Asia/Kathmandu", "2026-12-01 06:15 (UTC+5:45)"],
  ])("of the clock, in %s", (zone, text) => {
    vi.stubEnv("TZ", zone);
    expect(timeText("2026-12-01T00:30:59.000Z")).toBe(text);
    vi.unstubAllEnvs();
  });

  test("progress", () => {
    expect(progressText("blobs", 12, 1400)).toBe("12 of 1,400 blobs");
    expect(progressText("blobs", 1)).toBe("1 blob");
    expect(progressText("bytes", 1_500_000, 40_000_000)).toBe("1.5 MB of 40.0 MB");
  });

  test("a bar is as wide as it is told, whatever a server claims", () => {
    expect(barText(1, 4, 8, false)).toBe("##------");
    expect(barText(9, 4, 8, false)).toBe("########");
    expect(barText(0, 0, 4, false)).toBe("####");
    expect(barText(2, 4, 4, true)).toBe("██░░");
  });

  test("rate and time left: from the pace since the first sample, and not too early", () => {
    const meter = createMeter();
    // 100 were there before: they say nothing about the pace.
    expect(meter.read(blobs(100, 5_000_000), 0)).toEqual({});
    expect(meter.read(blobs(110, 6_000_000), 1000)).toEqual({});
    expect(meter.read(blobs(200, 25_000_000), 10_000)).toEqual({ rate: "2.0 MB/s", left: "20 s left" });
    const others = createMeter();
    others.read(blobs(0), 0);
    expect(others.read(blobs(30), 10_000)).toEqual({ rate: "3.0 blobs/s", left: "2 min 3 s left" });
    const bytes = createMeter();
    bytes.read({ unit: "bytes", done: 0 }, 0);
    expect(bytes.read({ unit: "bytes", done: 6_000_000 }, 3000)).toEqual({ rate: "2.0 MB/s" });
    expect(createMeter().read(blobs(5), 60_000)).toEqual({});
  });

  test.each([
    [Infinity, "200 of 400 blobs, 25.0 MB, 2.0 MB/s, 20 s left"],
    [40, "200 of 400 blobs, 2.0 MB/s, 20 s left"],
    [30, "200 of 400 blobs, 20 s left"],
    [20, "200 of 400 blobs"],
    [9, ""],
  ])("what is said of the amount on %d columns", (room, text) => {
    const amount = { unit: "blobs", done: 200, total: 400, bytes: 25_000_000 } as const;
    expect(statusText(amount, { rate: "2.0 MB/s", left: "20 s left" }, room)).toBe(text);
  });

  test.each([
    [2, 8, "less than a minute"],
    [30, 120, "about 1 to 2 minutes"],
    [250, 260, "about 5 minutes"],
    [700, 2800, "about 15 to 50 minutes"],
    [3000, 12_000, "about 50 minutes to 4 hours"],
    [9000, 36_000, "about 3 to 10 hours"],
  ])("from %d to %d seconds", (least, most, text) => {
    expect(timeRange({ least, most })).toBe(text);
  });
});

describe("a step that is over without what it was for", () => {
  const step = { type: "step", id: "deactivate-source", title: "Deactivate the account" } as const;
  const events: readonly MigrationEvent[] = [
    { ...step, state: "start" },
    { type: "warning", code: "source-still-active", message: "It refused." },
    { ...step, state: "done", outcome: "left", detail: "left to you" },
    start,
    { type: "warning", code: "x", message: "One blob is odd." },
    done,
  ];
  const shown = async (json: boolean, terminals: readonly ("stdout" | "stderr")[]): Promise<string> => {
    const { parts, stdout, stderr } = captured({ terminals, env: { LANG: "C.UTF-8", NO_COLOR: "1" } });
    // What is drawn over is not looked at here, but in person.test.ts.
    const still = { cursorTo: () => true, clearLine: () => true, moveCursor: () => true };
    Object.assign(parts.stderr, still);
    const reporter = await createReporter(await openTerminal(parts, { noColor: true }), { ...options, json });
    events.forEach((event) => reporter.report(event));
    reporter.close();
    return stripVTControlCharacters(json ? stdout() : stderr());
  };

  test("a person sees no tick", async () => {
    const lines = await shown(false, ["stderr"]);
    expect(lines).toContain("! Deactivate the account  left to you\n");
    expect(lines).toContain("✔ Transfer the blobs  40 blobs\n");
    expect(lines).not.toContain("✔ Deactivate");
  });

  test("a log does not say that it is done", async () => {
    const lines = (await shown(false, [])).split("\n");
    expect(lines).toContain("deactivate-source: not done (left to you)");
    expect(lines).toContain("transfer-blobs: done (40 blobs)");
  });

  test("a script reads it in the event", async () => {
    const lines = (await shown(true, [])).trim().split("\n");
    const over = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ state }) => state === "done");
    expect(over.map(({ id, outcome }) => [id, outcome])).toEqual([
      ["deactivate-source", "left"],
      ["transfer-blobs", undefined],
    ]);
  });
});
