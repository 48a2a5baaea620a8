/** The files of an insurance, as whoever reads them does: systemd, a shell behind cron, a property list. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cronLines } from "../../src/cli/insure/cron.ts";
import { jobsOf, type Insurance, type Units } from "../../src/cli/insure/jobs.ts";
import { findLauncher } from "../../src/cli/insure/launcher.ts";
import { launchdUnits } from "../../src/cli/insure/launchd.ts";
import { systemdUnits } from "../../src/cli/insure/systemd.ts";
import { tellInsurance } from "../../src/cli/talk/reporters/insured.ts";
import type { Piece } from "../../src/cli/talk/terminal.ts";
import { cronCommands, listedStrings, startedWords } from "../network/read-units.ts";
import { run } from "./support/run.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "decamp-insure-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Says what it was given, a line of JSON each time. */
const parrot = path.join(scratch, `a "parrot" it's $HOME 100% & <b> ;.mjs`);
const heard = path.join(scratch, "heard");
beforeAll(() => {
  const record = `JSON.stringify([process.env.DECAMP_INSURED, ...process.argv.slice(2)]) + "\\n"`;
  writeFileSync(
    parrot,
    `import { appendFileSync } from "node:fs"; appendFileSync(${JSON.stringify(heard)}, ${record});`,
  );
});

const awkward: Insurance = {
  account: "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
  archive: `/srv/100%/it's "$HOME" \`id\` \\ & <b>`,
  launcher: [process.execPath, parrot],
  complete: (words) => words,
  pingCommand: `curl -d "a%20b $(hostname) \${X}" 'https://ping.example.net/?a=1&b=2'; true # 100%`,
};

const plain: Insurance = {
  account: "alice.example.com",
  archive: "/home/alice/backup",
  launcher: ["/usr/local/bin/node", "/usr/local/bin/decamp"],
  complete: (words) => words,
};

/** What every command of every job has to be given. */
function expected(insurance: Insurance): unknown[][] {
  return jobsOf(insurance).flatMap(({ name, commands }) =>
    commands.map((words) => [name, ...words.slice(insurance.launcher.length)]),
  );
}

const contents = ({ units }: Units): string[] => units.map(({ content }) => content);

describe("whatever stands in a path or a command comes to decamp as it was typed", () => {
  test.each([
    ["cron", (): string[][] => contents(cronLines(awkward)).flatMap(cronCommands)],
    ["launchd", (): string[][] => contents(launchdUnits(awkward)).map(listedStrings)],
  ])("%s", (_system, commands) => {
    rmSync(heard, { force: true });
    for (const [program = "", ...words] of commands()) {
      const ended = spawnSync(program, words, { env: { PATH: process.env["PATH"] }, encoding: "utf8" });
      expect([ended.status, ended.stderr]).toEqual([0, ""]);
    }
    const said = readFileSync(heard, "utf8")
      .trim()
      .split("\n")
      .map((line): unknown[] => JSON.parse(line));
    // launchd sets the variable itself.
    const named = (rows: unknown[][]): unknown[][] => (_system === "cron" ? rows : rows.map(([, ...words]) => words));
    expect(named(said)).toEqual(named(expected(awkward)));
  });

  test("systemd", () => {
    const { units } = systemdUnits(awkward);
    const started = units
      .filter(({ name }) => name.endsWith(".service") && !name.includes("@"))
      .flatMap(({ content }) => startedWords(content));
    expect(started).toEqual(jobsOf(awkward).flatMap(({ commands }) => commands));
  });
});

test("systemd finds nothing wrong with its units", () => {
  const folder = path.join(scratch, "units");
  mkdirSync(folder);
  const program = path.join(scratch, "decamp");
  writeFileSync(program, "", { mode: 0o755 });
  const { units } = systemdUnits({
    ...awkward,
    launcher: [program],
    passwordFile: "/etc/a b%.password",
    notifyCommand: `mail -s "$DECAMP_FAILED" me`,
  });
  for (const { name, content } of units) {
    writeFileSync(path.join(folder, name), content);
  }
  const files = units.map(({ name }) => path.join(folder, name.replace("@.", "@x.")));
  writeFileSync(path.join(folder, "decamp-notify@x.service"), units.at(-1)?.content ?? "");
  const verify = spawnSync("systemd-analyze", ["verify", "--user", "--man=no", ...files], {
    env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:/usr/lib/systemd/user`, XDG_RUNTIME_DIR: scratch },
    encoding: "utf8",
  });
  // Where there is no systemd its own verdict is not to be had; what it reads is held above.
  const isThere = verify.error === undefined;
  expect(isThere ? [verify.status, verify.stderr] : [0, ""]).toEqual([0, ""]);
});

test("no unit holds a secret, or leaves a password to be typed", () => {
  const secret = { ...plain, passwordFile: "/home/alice/pw" };
  const [service] = systemdUnits(secret).units;
  expect(service?.content).toContain("LoadCredential=password:/home/alice/pw\n");
  expect(service?.content).toContain(" --password-file %d/password ");
  const [lines] = cronLines(secret).units;
  expect(lines?.content.match(/--password-file \S+/g)).toEqual(["--password-file /home/alice/pw"]);
});

test("a did:web has no log to be watched", () => {
  const names = jobsOf({ ...plain, account: "did:web:alice.example.com" }).map(({ name }) => name);
  expect(names).toEqual(["export-did-web-alice.example.com", "check-did-web-alice.example.com"]);
});

test("the page shows what is printed", () => {
  const page = readFileSync(fileURLToPath(new URL("../../docs/INSURANCE.md", import.meta.url)), "utf8");
  const [service, timer] = systemdUnits(plain).units;
  const [lines] = cronLines(plain).units;
  for (const unit of [service, timer, lines]) {
    expect(page).toContain(unit?.content ?? "nothing is printed");
  }
});

describe("the paths of decamp and of Node.js", () => {
  const links: Readonly<Record<string, string>> = {
    "/home/a/.nvm/versions/node/v24.1.0/bin/node": "/home/a/.nvm/versions/node/v24.1.0/bin/node",
    "/opt/homebrew/Cellar/node/24.1.0/bin/node": "/opt/homebrew/Cellar/node/24.1.0/bin/node",
    "/opt/homebrew/bin/node": "/opt/homebrew/Cellar/node/24.1.0/bin/node",
    "/usr/bin/node": "/usr/bin/node",
  };
  const found = (program: string, script: string | undefined, folders: readonly string[]): object =>
    findLauncher({ program, script, folders, follow: (at) => links[at] });

  test("are those that an update leaves where they are", () => {
    const cellar = "/opt/homebrew/Cellar/node/24.1.0/bin/node";
    expect(found(cellar, "/usr/local/bin/decamp", ["/usr/bin", "/opt/homebrew/bin/"])).toEqual({
      words: ["/opt/homebrew/bin/node", "/usr/local/bin/decamp"],
    });
    expect(found("/home/a/bin/decamp", undefined, [])).toEqual({ words: ["/home/a/bin/decamp"] });
  });

  test("and where there are none, it is known", () => {
    const nvm = "/home/a/.nvm/versions/node/v24.1.0/bin/node";
    expect(found(nvm, "/home/a/decamp/bin/decamp.js", ["/home/a/.nvm/versions/node/v24.1.0/bin", "/usr/bin"])).toEqual({
      words: [nvm, "/home/a/decamp/bin/decamp.js"],
      passing: nvm,
    });
  });
});

/** What a run of a job, or of a person, says at its end. */
const after = async (job: string | undefined, code: number, state: string, at: number): Promise<string[]> => {
  const lines: string[] = [];
  const line = (...pieces: readonly Piece[]): void => {
    lines.push(pieces.map((piece) => (typeof piece === "string" ? piece : piece.text)).join(""));
  };
  const err = { line } as unknown as Parameters<typeof tellInsurance>[3]["err"];
  await tellInsurance(job, code, state, { err }, at);
  return lines;
};

describe("a job that is overdue", () => {
  const day = 24 * 60 * 60_000;
  const now = Date.UTC(2026, 10, 30);
  test("is said once, and one that failed counts as none", async () => {
    const state = path.join(scratch, "state");
    expect(await after("export-a.example", 0, state, now)).toEqual([]);
    expect(await after("check-a.example", 0, state, now)).toEqual([]);
    expect(await after("export-a.example", 6, state, now + 2 * day)).toEqual([]);
    expect(await after("../../evil", 0, state, now)).toEqual([]);
    expect(await after(undefined, 0, state, now + 2 * day)).toEqual([]);
    const [said, ...more] = await after(undefined, 0, state, now + 4 * day);
    expect(more).toEqual([]);
    expect(said).toContain("the last export of a.example that ended well");
    expect(said).toContain("4 days ago");
    expect(await after("export-a.example", 0, state, now + 4 * day)).toEqual([]);
    expect(await after(undefined, 0, state, now + 4 * day)).toEqual([]);
  });

  test("is never said to a script", async () => {
    const env = { XDG_STATE_HOME: path.join(scratch, "xdg") };
    const own = path.join(scratch, "xdg", "decamp");
    await after("export-a.example", 0, own, now - 90 * day);
    const archive = fileURLToPath(new URL("../../fixtures/compat/cfdfa5a/archive/files", import.meta.url));
    const told = async (...flags: string[]): Promise<boolean> => {
      const stderr = flags[0] !== "no-terminal";
      const words = ["archive", "ls", archive, ...flags.filter((flag) => flag.startsWith("-"))];
      return (await run(words, { env, terminals: stderr ? ["stderr"] : [] })).stderr.includes("that ended well");
    };
    expect(await told()).toBe(true);
    expect(await told("no-terminal")).toBe(false);
    expect(await told("--quiet")).toBe(false);
    expect(await told("--json")).toBe(false);
  });

  test("that cannot be remembered fails nothing", async () => {
    const file = path.join(scratch, "file");
    writeFileSync(file, "");
    expect(await after("export-a.example", 0, file, now)).toEqual([]);
    expect(await after(undefined, 0, file, now)).toEqual([]);
  });
});

test("what would break out of a unit is refused", async () => {
  const ran = await run(["insure", "alice.example", "-o", "x", "--for", "cron", "--ping-command", "a\nb"]);
  expect(ran).toMatchObject({ exitCode: 2, stdout: "" });
});

test("the words of a shell are read as sh reads them", () => {
  const [, , line = ""] = cronCommands(`1 2 * * *  printf '\\%s' 100\\%\n`)[0] ?? [];
  expect(execFileSync("/bin/sh", ["-c", line], { encoding: "utf8" })).toBe("100%");
});
