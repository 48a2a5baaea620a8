/** The log of a run: what stands in it, where it may lie, and that it changes nothing about the run. */
import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readGlobals } from "../../src/cli/globals.ts";
import { networkOptions } from "../../src/cli/network.ts";
import { RunLog } from "../../src/cli/talk/log/run-log.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import { limitsWith } from "../../src/data/budgets.ts";
import type { KnownSecrets } from "../../src/data/known-secrets.ts";
import { LogFile } from "../../src/services/disk/named/run-log-file.ts";
import { Http } from "../../src/services/http/http.ts";
import { scriptedServer, sendJson } from "../faults/scripted-server.ts";
import { holdLog } from "../json/hold.ts";
import { auditLog, operation, signed, testDid, testKey } from "../tools/plc.ts";
import { documentOf } from "./support/directory.ts";
import { run } from "./support/run.ts";
import { captured } from "./support/streams.ts";

const folder = mkdtempSync(path.join(tmpdir(), "decamp-log-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = path.join(folder, "log");

const key = await testKey("owner");
const genesis = await signed(operation(null, { rotationKeys: [key.did] }), key);
const did = testDid(genesis);

describe("a command", () => {
  let directory: Awaited<ReturnType<typeof scriptedServer>>;
  beforeAll(async () => {
    directory = await scriptedServer(({ url }, response) => {
      sendJson(response, 200, url === `/${did}/log/audit` ? auditLog([genesis]) : documentOf(did, genesis));
    });
    return async () => directory[Symbol.asyncDispose]();
  });
  const audit = async (...more: readonly string[]): ReturnType<typeof run> =>
    run(["plc", "audit", did, "--plc-url", directory.origin, "--allow-private-hosts", "--state-dir", folder, ...more]);

  test("says when it began and what was typed, each request, and how it ended; a second run is written behind it", async () => {
    const plain = await audit("--json");
    const first = await audit("--json", "--log-file", file);
    expect(first).toEqual(plain);
    const [begun, ...rest] = holdLog(readFileSync(file, "utf8"));
    expect(begun).toMatchObject({ type: "run", command: "plc audit", pid: process.pid });
    expect(begun).toHaveProperty("line", expect.stringContaining(`decamp plc audit ${did} `));
    const requests = rest.filter(({ type }) => type === "request");
    const url = `${directory.origin}/${did}/log/audit`;
    expect(requests).toContainEqual(expect.objectContaining({ method: "GET", url, status: 200 }));
    const [result, end] = rest.slice(-2);
    expect(result).toMatchObject(JSON.parse(plain.stdout) as object);
    expect(end).toMatchObject({ type: "end", exitCode: 0 });
    expect(statSync(file).mode & 0o777).toBe(0o600);

    const before = readFileSync(file, "utf8");
    expect((await audit("-q", "--log-file", file)).exitCode).toBe(0);
    const both = readFileSync(file, "utf8");
    expect(both.startsWith(before)).toBe(true);
    expect(holdLog(both.slice(before.length)).map(({ type }) => type)).toEqual([
      "run",
      ...requests.map(() => "request"),
      "end",
    ]);
  });

  test("an error is there as with --json, whatever the screen shows", async () => {
    const log = path.join(folder, "error");
    const { exitCode, stderr } = await run(["verify", "/nowhere", "-q", "--log-file", log]);
    expect(exitCode).toBe(2);
    const [, error, end] = holdLog(readFileSync(log, "utf8"));
    expect(error).toMatchObject({ type: "error", code: "unreadable-file", exitCode: 2 });
    expect(stderr).toContain((error as { message?: string }).message);
    expect(end).toMatchObject({ type: "end", exitCode: 2 });
  });

  test("a disk that is full changes nothing about the run, and is told once", async () => {
    const write = vi.spyOn(LogFile.prototype, "write").mockImplementation(() => {
      throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    });
    const log = path.join(folder, "full");
    const plain = await audit("--json");
    const { exitCode, stdout, stderr } = await audit("--json", "--log-file", log);
    expect([exitCode, stdout]).toEqual([0, plain.stdout]);
    const message = `The log ${log} cannot be written: there is no room left. The run goes on, and lines are missing there.`;
    expect(JSON.parse(stderr)).toEqual({ type: "warning", version: 1, code: "log-incomplete", message });
    expect((await audit("--log-file", log)).stderr.split(message)).toHaveLength(2);
    expect(write.mock.calls.length).toBeGreaterThan(4);
    write.mockRestore();
  });

  test("the configuration names it, and is told in it; /dev/null on the command line is none", async () => {
    const config = path.join(folder, "decamp", "config.toml");
    mkdirSync(path.dirname(config));
    const log = path.join(folder, "configured");
    writeFileSync(config, `log-file = '${log}'\nlimit-rate = "2M"\n`, { mode: 0o600 });
    const env = { DECAMP_CONFIG: config };
    expect((await run(["verify", "/nowhere"], { env })).exitCode).toBe(2);
    const [begun] = holdLog(readFileSync(log, "utf8"));
    const settings = { "log-file": log, "limit-rate": 2 * 1024 ** 2 };
    expect(begun).toMatchObject({ configuration: { file: config, settings } });
    const { size } = statSync(log);
    await run(["verify", "/nowhere", "--log-file", "/dev/null"], { env });
    expect(statSync(log).size).toBe(size);
  });

  test.each<[string, (place: string) => void, string]>([
    ["a folder", (place) => mkdirSync(place), "it is a folder"],
    ["in no folder", () => undefined, "there is no such folder"],
    ["below a file", (place) => writeFileSync(path.dirname(place), ""), "is a file, and no folder"],
    ["a pipe", (place) => void execFileSync("mkfifo", [place]), "it is no plain file"],
    ["a link", (place) => symlinkSync(file, place), "it is a symbolic link"],
    ["a second name", (place) => linkSync(file, place), "it has a second name"],
  ])("%s is refused before anything happens", async (name, make, why) => {
    const asked = directory.requests.length;
    const place = path.join(folder, /^(?:in|below)/.test(name) ? `under ${name}` : "", `as ${name}`);
    writeFileSync(file, "");
    make(place);
    const { exitCode, stdout, stderr } = await audit("--log-file", place);
    expect([exitCode, stdout, directory.requests.length]).toEqual([2, "", asked]);
    expect(stderr).toContain(why);
  });
});

interface Opened {
  readonly log: RunLog;
  readonly lines: string[];
  readonly secrets: KnownSecrets;
}

async function opened(): Promise<Opened> {
  const { log, secrets } = await openTerminal(captured().parts, { noColor: true });
  const lines: string[] = [];
  log.open({ write: (line) => void lines.push(line), close: async () => Promise.resolve() }, () => undefined);
  return { log, lines, secrets };
}

test("a request without an answer is told as well, in the log and by --verbose, without its query", async () => {
  const { parts, stderr } = captured();
  const terminal = await openTerminal(parts, { noColor: true });
  const lines: string[] = [];
  terminal.log.open({ write: (line) => void lines.push(line), close: async () => Promise.resolve() }, () => undefined);
  const globals = readGlobals({ verbose: true, limitRate: 4096 }, { XDG_STATE_HOME: "/state" });
  const { limitRate, onRequest = () => undefined } = networkOptions(globals, terminal);
  expect(limitRate).toBe(4096);
  const limits = limitsWith({ attempts: 1 });
  const http = new Http({ userAgent: "test", allowPrivateHosts: true, limits, onRequest });
  const { signal } = new AbortController();
  const sent = http.send({ url: new URL("http://127.0.0.1:9/x?y=z"), signal });
  await expect(sent).rejects.toMatchObject({ code: "unreachable" });
  http.close();
  const url = "http://127.0.0.1:9/x";
  expect(holdLog(`${lines.join("\n")}\n`)).toMatchObject([
    { type: "request", method: "GET", url, failure: "ECONNREFUSED" },
  ]);
  expect(stderr()).toMatch(new RegExp(`^GET ${url} ECONNREFUSED \\d+ ms\n$`));
});

describe("a line", () => {
  test("has its time, no secret in any form, and nothing that moves a cursor", async () => {
    const { log, lines, secrets } = await opened();
    secrets.add("hunter-22");
    const coded = Buffer.from("hunter-22").toString("base64");
    log.record({ type: "warning", code: "x", message: `hunter-22 ${coded} \u001b[2J\u202e\n` });
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/hunter-22|[\p{Cc}\p{Cf}]/u);
    expect(lines[0]).not.toContain(coded.slice(0, 8));
    const [document] = holdLog(`${lines[0]}\n`);
    expect(document).toMatchObject({ message: expect.stringContaining("\u001b[2J\u202e\n") as string });
  });

  test("has no secret that was shown because somebody has asked to see it", async () => {
    const { parts, stdout } = captured();
    const { log, out, secrets } = await openTerminal(parts, { noColor: true });
    const lines: string[] = [];
    log.open({ write: (line) => void lines.push(line), close: async () => Promise.resolve() }, () => undefined);
    secrets.add("hunter-22").release("hunter-22");
    out.json({ type: "result", version: 1, command: "version", decamp: "hunter-22" });
    expect(stdout()).toContain("hunter-22");
    expect(holdLog(`${lines.join("\n")}\n`)).toMatchObject([{ type: "result", decamp: "[secret]" }]);
  });

  test("of progress comes every ten seconds", () => {
    const clock = { at: 0 };
    const lines: string[] = [];
    const log = new RunLog(JSON.stringify, () => clock.at);
    log.open({ write: (line) => void lines.push(line), close: async () => Promise.resolve() }, () => undefined);
    for (; clock.at < 30_000; clock.at += 1000) {
      log.record({ type: "progress", step: "export", unit: "bytes", done: clock.at });
    }
    expect(holdLog(`${lines.join("\n")}\n`)).toMatchObject([{ done: 0 }, { done: 10_000 }, { done: 20_000 }]);
  });

  test("that cannot be written is told once, and the next one is tried again", () => {
    const told: unknown[] = [];
    const lines: string[] = [];
    const full = Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    const sink = {
      isFull: true,
      write: (line: string): void => {
        if (sink.isFull) {
          throw full;
        }
        lines.push(line);
      },
      close: async () => Promise.resolve(),
    };
    const log = new RunLog(JSON.stringify);
    log.open(sink, (error) => told.push(error));
    log.record({ type: "end", exitCode: 0 });
    log.record({ type: "end", exitCode: 0 });
    sink.isFull = false;
    log.record({ type: "end", exitCode: 3 });
    expect(told).toEqual([full]);
    expect(holdLog(`${lines.join("\n")}\n`)).toMatchObject([{ exitCode: 3 }]);
  });

  test("behind one that was cut off is a line of its own", async () => {
    const torn = path.join(folder, "torn");
    writeFileSync(torn, '{"half', { mode: 0o600 });
    const log = await LogFile.open(torn);
    log.write("one");
    log.write("two");
    await log.close();
    expect(readFileSync(torn, "utf8")).toBe('{"half\none\ntwo\n');
  });
});
