/** The files of an insurance, as whoever reads them does: systemd, a shell behind cron, a property list. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cronLines } from "../../src/cli/insure/cron.ts";
import { foreseen } from "../../src/cli/insure/foreseen.ts";
import { jobsOf, type Insurance, type Units } from "../../src/cli/insure/jobs.ts";
import { findLauncher } from "../../src/cli/insure/launcher.ts";
import { launchdNotice, launchdUnits } from "../../src/cli/insure/launchd.ts";
import { systemdNotice, systemdUnits } from "../../src/cli/insure/systemd.ts";
import { isLocal, wholeCommand } from "../../src/cli/insure/written-commands.ts";
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
  watchPingCommand: `echo "$HOME" 50%; true`,
  ownKeys: ["did:key:zQ3shXpu8NCysoXFYQAbCCNjrTbgFRToZXW7E5astUQuKJzkJ"],
};

const plain: Insurance = {
  account: "alice.example.com",
  archive: "/home/alice/backup",
  launcher: ["/usr/local/bin/node", "/usr/local/bin/decamp"],
  complete: (words) => words,
};

/** What every command of every job has to be given. */
function expected(insurance: Insurance, desktop: string | undefined): unknown[][] {
  return jobsOf(insurance, { desktop }).flatMap(({ name, commands }) =>
    commands.map((words) => [name, ...words.slice(insurance.launcher.length)]),
  );
}

const contents = ({ units }: Units): string[] => units.map(({ content }) => content);

describe("whatever stands in a path or a command comes to decamp as it was typed", () => {
  test.each([
    ["cron", undefined, (): string[][] => contents(cronLines(awkward)).flatMap(cronCommands)],
    ["launchd", launchdNotice, (): string[][] => contents(launchdUnits(awkward)).map(listedStrings)],
  ])("%s", (_system, desktop, commands) => {
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
    expect(named(said)).toEqual(named(expected(awkward, desktop)));
  });

  test("systemd", () => {
    const { units } = systemdUnits(awkward);
    const started = units
      .filter(({ name }) => name.endsWith(".service") && !name.includes("@"))
      .flatMap(({ content }) => startedWords(content));
    expect(started).toEqual(jobsOf(awkward, { desktop: systemdNotice }).flatMap(({ commands }) => commands));
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

describe("the commands on the page that tell of a job that failed", () => {
  const page = readFileSync(fileURLToPath(new URL("../../docs/INSURANCE.md", import.meta.url)), "utf8");
  const examples = Array.from(
    page.matchAll(/^ {4}decamp insure \S+ -o backup --notify-command '(.*)'$/gm),
    ([, command = ""]) => command,
  );
  const programs = path.join(scratch, "programs");
  beforeAll(() => {
    mkdirSync(programs);
    for (const name of ["sendmail", "curl", "notify-send"]) {
      writeFileSync(
        path.join(programs, name),
        `#!/bin/sh\nprintf '%s\\n' ${name} "$@"; [ ${name} != sendmail ] || cat\n`,
        {
          mode: 0o755,
        },
      );
    }
    writeFileSync(path.join(programs, "decamp"), "#!/bin/sh\nexit 9\n", { mode: 0o755 });
  });
  const env = { PATH: `${programs}:/usr/bin:/bin` };
  const said = ([program = "", ...words]: readonly string[], more: NodeJS.ProcessEnv = {}): string => {
    const { stdout, stderr, status } = spawnSync(program, words, { env: { ...env, ...more }, encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
    return stdout;
  };

  test("are three", () => {
    expect(examples.map((one) => /sendmail|curl|notify-send/.exec(one)?.[0])).toEqual([
      "sendmail",
      "curl",
      "notify-send",
    ]);
  });

  test.each(examples)("%s", (notifyCommand) => {
    const told: Insurance = { ...plain, launcher: [path.join(programs, "decamp")], notifyCommand };
    const name = "export-alice.example.com";
    const notifier = systemdUnits(told).units.at(-1)?.content ?? "";
    expect(notifier).toContain(
      `Environment=DECAMP_FAILED=%i\nEnvironment="DECAMP_NOTICE=%i has failed. journalctl --user -u decamp-%i says why."\n`,
    );
    const ways = [
      said(cronCommands(contents(cronLines(told))[0] ?? "")[0] ?? []),
      said(listedStrings(contents(launchdUnits(told))[0] ?? "")),
      said(startedWords(notifier)[0] ?? [], { DECAMP_FAILED: name, DECAMP_NOTICE: `${name} has failed. Say why.` }),
    ];
    for (const way of ways) {
      expect(way).toMatch(new RegExp(`${name} has failed\\. .*why\\.`));
      expect(way).not.toContain("DECAMP_");
    }
    // The watch tells by itself what it has noticed, and is not told of once more as a job that failed.
    for (const [code, isSaid] of [
      [3, false],
      [5, true],
    ] as const) {
      writeFileSync(path.join(programs, "watcher"), `#!/bin/sh\nexit ${code}\n`, { mode: 0o755 });
      const watch = { ...told, launcher: [path.join(programs, "watcher")] };
      const [, line = ""] = contents(cronLines(watch))[0]?.split("\n") ?? [];
      expect(said(cronCommands(`${line}\n`)[0] ?? []).includes("watch-alice.example.com")).toBe(isSaid);
    }
    const watching = systemdUnits(told).units.find(({ name: one }) => /watch.*service/.test(one))?.content ?? "";
    expect(watching).toContain("SuccessExitStatus=3\n");
    expect(startedWords(watching)[0]).toContain(notifyCommand);
  });

  test("and what is there without one", () => {
    const env = { DECAMP_NOTICE: "Something 'quoted' & $HOME." };
    const [notify = []] = startedWords(systemdUnits(plain).units.at(-1)?.content ?? "");
    expect(said(notify, env)).toBe(`notify-send\n--urgency=critical\ndecamp\n${env.DECAMP_NOTICE}\n`);
    // A screen takes nothing: the watch is told so, and tells it again.
    const [watching = []] = startedWords(systemdUnits(plain).units[2]?.content ?? "");
    const command = watching[watching.indexOf("--notify-command") + 1] ?? "";
    expect(spawnSync("/bin/sh", ["-c", command], { env: { PATH: `${programs}:/usr/bin:/bin`, ...env } }).status).toBe(
      8,
    );
    expect(spawnSync("/bin/sh", ["-c", command], { env: { PATH: "/nowhere", ...env } }).status).toBe(127);
    expect(contents(cronLines(plain))[0]).not.toContain("--notify-command");
  });
});

/** A machine on which only this is there. */
const here = (...there: string[]): Parameters<typeof foreseen>[1] => ({
  env: {},
  folders: ["/usr/bin/"],
  follow: (at) => (there.includes(at) ? at : undefined),
});

describe("what may go wrong later is seen now", () => {
  const printed = {
    system: "systemd",
    isOwn: true,
    launcher: { words: [] },
    passwordFile: undefined,
    notifyCommand: undefined,
    crontab: undefined,
    commands: {},
  } as const;

  test("a program that tells, a password, a proxy, a long line", () => {
    expect(foreseen(printed, here("/usr/bin/notify-send"))).toEqual([]);
    expect(foreseen(printed, here()).join()).toMatch(/^notify-send is not on this machine/);
    expect(foreseen({ ...printed, notifyCommand: "mail me" }, here())).toEqual([]);
    expect(foreseen({ ...printed, isOwn: false, passwordFile: "/pw" }, here())).toEqual([]);
    expect(foreseen({ ...printed, system: "cron" }, here("/usr/sbin/sendmail"))).toEqual([]);
    expect(foreseen({ ...printed, system: "cron" }, here()).join()).toMatch(
      /^There is no program on this machine that sends mail/,
    );
    const told = { ...printed, notifyCommand: "mail me" };
    expect(foreseen({ ...told, passwordFile: "/pw" }, here()).join()).toMatch(/^\/pw is not there yet/);
    expect(foreseen(told, { ...here(), env: { HTTPS_PROXY: "http://u:secret@p", NO_PROXY: "x" } })).toEqual([
      "HTTPS_PROXY of this shell is not known to what a timer starts: set it there, too.",
    ]);
    const commands = {
      "--notify-command": "sh ./tell-me",
      "--ping-command": "/bin/ping",
      "--watch-ping-command": undefined,
    };
    expect(foreseen({ ...told, commands }, here()).join()).toMatch(/^--notify-command names a path .* whole path\.$/);
    expect(foreseen({ ...told, system: "cron", crontab: "x".repeat(999) }, here()).join()).toMatch(
      /^A line is so long/,
    );
  });
});

test("a configuration that the environment names is found by every form, and a long name is cut to one that fits", () => {
  const config = `/etc/my "decamp" 100%.toml`;
  const account = `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.example`;
  const named: Insurance = { ...plain, account, config };
  const [service] = systemdUnits(named).units;
  expect(service?.content).toContain(`Environment="DECAMP_CONFIG=/etc/my \\"decamp\\" 100%%.toml"\n`);
  expect(contents(launchdUnits(named))[0]).toContain(`<key>DECAMP_CONFIG</key>\n    <string>${config}</string>`);
  const [, , line = ""] = cronCommands(contents(cronLines(named))[0] ?? "")[0] ?? [];
  const [exported = ""] = /export [^;]*;/.exec(line) ?? [];
  expect(execFileSync("/bin/sh", ["-c", `${exported} printf %s "$DECAMP_CONFIG"`], { encoding: "utf8" })).toBe(config);
  const names = systemdUnits(named).units.map(({ name }) => name);
  const other = systemdUnits({ ...named, account: account.replace("d.example", "e.example") }).units[0]?.name;
  expect(names.filter((name) => name.length > 250)).toEqual([]);
  expect(names).not.toContain(other);
  expect(`decamp-notify@${jobsOf(named)[0]?.name}.service`.length).toBeLessThan(256);
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

  test.each([
    "/nix/store/abc-nodejs-24.1.0/bin/node",
    "/snap/node/9000/bin/node",
    "/home/a/.npm/_npx/0123abcd/node_modules/decamp/bin/decamp.js",
    "/home/a/.cache/pnpm/dlx-4711/node_modules/decamp/bin/decamp.js",
    "/home/a/.volta/tools/image/node/24.1.0/bin/node",
  ])("%s is likely to go", (at) => {
    expect(findLauncher({ program: at, script: undefined, folders: [], follow: (one) => one })).toMatchObject({
      passing: at,
    });
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
    expect(await after("export-a.example", 5, state, now + 2 * day)).toEqual([]);
    expect(await after("../../evil", 0, state, now)).toEqual([]);
    expect(await after(undefined, 0, state, now + 2 * day)).toEqual([]);
    const [said, ...more] = await after(undefined, 0, state, now + 4 * day);
    expect(more).toEqual([]);
    expect(said).toContain("the last export of a.example by a timer of this machine was 4 days ago.");
    expect(await after("export-a.example", 0, state, now + 4 * day)).toEqual([]);
    expect(await after(undefined, 0, state, now + 4 * day)).toEqual([]);
  });

  test("has done its work where something is missing that no server has; a watch, where it has noticed something", async () => {
    const state = path.join(scratch, "work");
    const jobs: [string, number][] = [
      ["export-a.example", 6],
      ["watch-a.example", 3],
      ["check-a.example", 6],
    ];
    for (const [job, code] of jobs) {
      await after(job, 0, state, now - 30 * day);
      await after(job, code, state, now);
    }
    expect(await after(undefined, 0, state, now + day)).toEqual([]);
    await after("watch-a.example", 5, state, now + 3 * day);
    const [said] = await after(undefined, 0, state, now + 3 * day);
    expect(said).toMatch(/the last (?:export|watch) of a\.example .* 3 days ago\..* Others are late, too\./);
  });

  test("that has never come to its end is told by its first try", async () => {
    const state = path.join(scratch, "tried");
    await after("export-a.example", 4, state, now);
    await after("export-a.example", 4, state, now + 3 * day);
    const [said] = await after(undefined, 0, state, now + 4 * day);
    expect(said).toContain("no export of a.example by a timer of this machine has come to its end");
    expect(said).toContain("4 days ago");
    await after("export-a.example", 0, state, now + 4 * day);
    expect(await after(undefined, 0, state, now + 4 * day)).toEqual([]);
  });

  test("is told where the clock was set back meanwhile", async () => {
    const state = path.join(scratch, "clock");
    await after("watch-a.example", 0, state, now + 400 * day);
    const [said] = await after(undefined, 0, state, now);
    expect(said).toContain("a day that is yet to come");
    await after("watch-a.example", 0, state, now + 60_000);
    expect(await after(undefined, 0, state, now)).toEqual([]);
  });

  test("is found among thousands, and whatever else lies there is none", { timeout: 60_000 }, async () => {
    const state = path.join(scratch, "many");
    await after("export-late.example", 0, state, now - 9 * day);
    const folder = path.join(state, "insured");
    const put = (name: string, text: string, at: number): void => {
      writeFileSync(path.join(folder, name), text, { mode: 0o600 });
      utimesSync(path.join(folder, name), at / 1000, at / 1000);
    };
    for (let index = 0; index < 3000; index += 1) {
      put(`watch-a${index}.example`, `${new Date(now).toISOString()}\n`, now);
    }
    // What a killed run has left, a folder, a link, another user's, and what is no time.
    const old = `${new Date(now - 99 * day).toISOString()}\n`;
    put("export-b.example.0123456789abcdef.part", old, now - 99 * day);
    mkdirSync(path.join(folder, "export-folder.example"));
    utimesSync(path.join(folder, "export-folder.example"), 1, 1);
    symlinkSync("/etc/hostname", path.join(folder, "export-link.example"));
    put("export-open.example", old, now - 99 * day);
    chmodSync(path.join(folder, "export-open.example"), 0o666);
    put("export-garbage.example", "\u0000yesterday", now - 99 * day);
    const [said, ...more] = await after(undefined, 0, state, now);
    expect(said).toContain("the last export of late.example by a timer of this machine was 9 days ago.");
    expect(said).not.toContain("Others");
    expect(more).toEqual([]);
  });

  test("that ends several times at once is remembered once", async () => {
    const state = path.join(scratch, "at-once");
    const runs = Array.from({ length: 20 }, async (_, index) => after("export-a.example", index % 2, state, now));
    await Promise.all(runs);
    expect(readdirSync(path.join(state, "insured"))).toEqual(["export-a.example"]);
    await after("export-a.example", 0, state, now);
    expect(readFileSync(path.join(state, "insured/export-a.example"), "utf8")).toBe("2026-11-30T00:00:00.000Z\n");
  });

  test("is never said to a script", async () => {
    const env = { XDG_STATE_HOME: path.join(scratch, "xdg") };
    const own = path.join(scratch, "xdg", "decamp");
    await after("export-a.example", 0, own, now - 90 * day);
    const archive = fileURLToPath(new URL("../../fixtures/compat/cfdfa5a/archive/files", import.meta.url));
    const told = async (...flags: string[]): Promise<boolean> => {
      const stderr = flags[0] !== "no-terminal";
      const words = ["archive", "ls", archive, ...flags.filter((flag) => flag.startsWith("-"))];
      return (await run(words, { env, terminals: stderr ? ["stderr"] : [] })).stderr.includes(
        "by a timer of this machine",
      );
    };
    expect(await told()).toBe(true);
    // A command that fails says it, too.
    expect((await run(["archive", "ls", "/none"], { env, terminals: ["stderr"] })).stderr).toMatch(
      /by a timer of this machine[^]*Error:/,
    );
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

test.each(["backup.car", "-"])("-o %s is no archive", async (output) => {
  expect(await run(["insure", "alice.example", "-o", output, "--for", "cron"])).toMatchObject({
    exitCode: 2,
    stdout: "",
  });
});

test.each(["--ping-command", "--watch-ping-command", "--notify-command"])(
  "what would break out of a unit is refused: %s",
  async (flag) => {
    const ran = await run(["insure", "alice.example", "-o", "x", "--for", "cron", flag, "a\nb"]);
    expect(ran).toMatchObject({ exitCode: 2, stdout: "" });
  },
);

test("the watch has a ping of its own, and knows the keys that were named or stand in the file", async () => {
  const key = "did:key:zQ3shXpu8NCysoXFYQAbCCNjrTbgFRToZXW7E5astUQuKJzkJ";
  const words = [
    "insure",
    "alice.example",
    "-o",
    "x",
    "--for",
    "cron",
    "--ping-command",
    "p",
    "--watch-ping-command",
    "w",
  ];
  const watchOf = async (more: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string[]> => {
    const { stdout } = await run([...words, ...more], { env });
    const line = stdout.split("\n").find((one) => one.includes(" plc watch ")) ?? "";
    return line.slice(line.indexOf("watch alice"), line.indexOf(" --state-dir")).split(" ");
  };
  const expected = ["watch", "alice.example", "--own-key", key, "--ping-command", "w", "--once", "--quiet"];
  expect(await watchOf(["--own-key", key])).toEqual(expected);
  const file = path.join(scratch, "config.toml");
  writeFileSync(file, `[insure]\nown-key = "${key}"\n`, { mode: 0o600 });
  expect(await watchOf([], { DECAMP_CONFIG: file })).toEqual(expected);
});

test("the words of a shell are read as sh reads them", () => {
  const [, , line = ""] = cronCommands(`1 2 * * *  printf '\\%s' 100\\%\n`)[0] ?? [];
  expect(execFileSync("/bin/sh", ["-c", line], { encoding: "utf8" })).toBe("100%");
});

test.each([
  ["./tell-me", "/home/alice/tell-me", false],
  ["../bin/tell 'a b'", "/home/bin/tell 'a b'", false],
  ["scripts/tell;true", "/home/alice/scripts/tell;true", false],
  ["'my scripts/tell' x", "'/home/alice/my scripts/tell' x", false],
  ["tell-me", "tell-me", false],
  ["/usr/bin/tell ./x", "/usr/bin/tell ./x", true],
  ["~/tell-me", "~/tell-me", false],
  ["A=./x tell", "A=./x tell", true],
  ["sh tell.sh </dev/null", "sh tell.sh </dev/null", false],
  ["curl https://ping.example.net/../id", "curl https://ping.example.net/../id", false],
  ['"$HOME/x/tell"', '"$HOME/x/tell"', false],
  ["cat ./a | ./b", "cat ./a | ./b", true],
])("%s is written as %s", (typed, written, isLocalStill) => {
  const command = wholeCommand(typed, (at) => path.posix.resolve("/home/alice", at));
  expect([command, isLocal(command)]).toEqual([written, isLocalStill]);
});

const write = async (folder: string, system: string, ...more: string[]): Promise<Awaited<ReturnType<typeof run>>> =>
  run(["insure", "xn--alice.example", "-o", "x", "--for", system, "--write", folder, ...more]);

describe("--write", () => {
  test.each(["systemd", "launchd", "cron"])("puts the files of %s where it is said, once", async (system) => {
    const folder = path.join(scratch, `it's written ${system}`, "here");
    const first = await write(folder, system);
    expect(first).toMatchObject({ exitCode: 0 });
    const names = readdirSync(folder);
    const printed = await run(["insure", "xn--alice.example", "-o", "x", "--for", system, "--json"]);
    const { units } = JSON.parse(printed.stdout) as { units: { name: string; content: string }[] };
    expect(names.toSorted()).toEqual(units.map(({ name }) => name).toSorted());
    for (const { name, content } of units) {
      expect(readFileSync(path.join(folder, name), "utf8")).toBe(content);
      expect(statSync(path.join(folder, name)).mode & 0o777).toBe(0o600);
    }
    expect(await write(folder, system)).toMatchObject({ exitCode: 0, stdout: first.stdout });
    const changed = path.join(folder, names[0] ?? "");
    rmSync(path.join(folder, names[1] ?? "none"), { force: true });
    writeFileSync(changed, "mine");
    const refused = await write(folder, system);
    expect(refused).toMatchObject({ exitCode: 9, stdout: "" });
    expect(refused.stderr).toContain(changed);
    expect(readdirSync(folder)).toHaveLength(Math.max(1, names.length - 1));
    expect(readFileSync(changed, "utf8")).toBe("mine");
  });

  test("says so where there can be no such folder", async () => {
    const link = path.join(scratch, "leads-nowhere");
    symlinkSync(path.join(scratch, "nowhere"), link);
    expect(await write(link, "cron")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^Error: .*leads-nowhere cannot be used/) as string,
    });
  });

  test("prints what copies and installs them, as it can be typed", async () => {
    const folder = path.join(scratch, "it's typed");
    const home = path.join(scratch, "home");
    mkdirSync(home);
    const stub = path.join(scratch, "stubs");
    mkdirSync(stub);
    for (const name of ["systemctl", "loginctl", "launchctl"]) {
      writeFileSync(path.join(stub, name), `#!/bin/sh\necho "${name} $*"\n`, { mode: 0o755 });
    }
    // Keeps what is in it, as crontab does.
    writeFileSync(
      path.join(stub, "crontab"),
      `#!/bin/sh\n[ "$1" != -l ] || { cat '${home}/cron' 2>/dev/null; exit; }\ncat > '${home}/new'; mv '${home}/new' '${home}/cron'\n`,
      { mode: 0o755 },
    );
    writeFileSync(path.join(home, "cron"), "# before\n");
    const typed = (text: string): string =>
      execFileSync("/bin/sh", ["-eu"], {
        input: text,
        encoding: "utf8",
        env: { HOME: home, PATH: `${stub}:/usr/bin:/bin` },
      });
    for (const system of ["systemd", "launchd", "cron"]) {
      typed((await write(path.join(folder, system), system)).stdout);
    }
    expect(readdirSync(path.join(home, ".config/systemd/user"))).toHaveLength(7);
    expect(readdirSync(path.join(home, "Library/LaunchAgents"))).toHaveLength(3);
    expect(readFileSync(path.join(home, "cron"), "utf8")).toMatch(/^# before\n(?:.* xn--alice\.example .*\n){3}$/);
    // Typed once more, as after an update of Node.js, it replaces its own lines and no other's.
    const others = `1 3 * * *  export DECAMP_INSURED=export-my-xn--alice.example; true\n`;
    writeFileSync(path.join(home, "cron"), others + readFileSync(path.join(home, "cron"), "utf8"));
    const again = readFileSync(path.join(home, "cron"), "utf8");
    typed((await write(path.join(folder, "cron"), "cron")).stdout);
    expect(readFileSync(path.join(home, "cron"), "utf8")).toBe(again);
    // Where they belong there is nothing to be copied.
    const place = path.join(home, ".config/systemd/user");
    const there = await run(
      ["insure", "xn--alice.example", "-o", "x", "--for", "systemd", "--write", place, "--json"],
      {
        env: { HOME: home },
      },
    );
    expect(JSON.parse(there.stdout)).toMatchObject({
      install: ["systemctl --user daemon-reload", /enable/, /linger/].map((one) =>
        typeof one === "string" ? one : (expect.stringMatching(one) as string),
      ),
    });
  });
});

test("a property list begins with what makes it one, and says where it belongs in words of its own language", async () => {
  const { stdout } = await run(["insure", "xn--alice.example", "-o", "x", "--for", "launchd"]);
  const lists = stdout.split(/(?=^<\?xml )/m);
  expect(lists).toHaveLength(3);
  for (const list of lists) {
    const [whole = ""] = /^<\?xml [^]*?<\/plist>\n/.exec(list) ?? [];
    expect(whole.split("\n")[1]).toMatch(
      /^<\?put-into ~\/Library\/LaunchAgents\/decamp\..*-xn--alice\.example\.plist\?>$/,
    );
    // Whoever reads XML reads it, where there is somebody.
    const read = spawnSync("python3", ["-c", "import plistlib,sys; plistlib.loads(sys.stdin.buffer.read())"], {
      input: whole,
    });
    expect(read.error === undefined ? read.status : 0).toBe(0);
  }
});
