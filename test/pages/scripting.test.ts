/** Every block of docs/SCRIPTING.md is run, in its order, on one machine with one small network. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { jobVariable } from "../../src/cli/secret-kinds.ts";
import { secretKinds } from "../../src/cli/secret-kinds.ts";
import { hold, holdLines } from "../json/hold.ts";
import { connectNetwork } from "../network/control.ts";
import { forwardMails, startImap, type ImapServer } from "../network/imap.ts";
import { listen, stopServer } from "../network/ports.ts";
import { didDocument } from "../network/identity.ts";
import { openWorld } from "../transcripts/world.ts";
import { runCrontab } from "./scripting/cron.ts";
import { pathOf, root, startMachine, type Machine } from "./scripting/machine.ts";
import { fileOf, readBlocks, type Block } from "./scripting/page.ts";
import { startService, verifyUnits } from "./scripting/systemd.ts";
import { runWorkflow, type Repository } from "./scripting/workflow.ts";

const network = connectNetwork(inject("network"));
const page = readFileSync(path.join(root, "docs/SCRIPTING.md"), "utf8");
const blocks = readBlocks(page);

const oldPassword = "the-old-password";
const newPassword = "the-new-password";
const mailPassword = "the-mail-password";
const exampleDid = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

let machine: Machine;
let repository: Repository;
let world: Awaited<ReturnType<typeof openWorld>>;
const mailboxes: Record<string, ImapServer> = {};
const closing: (() => Promise<void> | void)[] = [];
const stopped = new AbortController();
let pings = 0;

beforeAll(async () => {
  world = await openWorld(network, "scripting", {
    env: {},
    accounts: ["alice", "bob"].map((name) => ({ name, records: 20, blobs: 2 })),
    servers: ["pds.example.org"],
    files: [],
  });
  closing.push(async () => world[Symbol.asyncDispose]());
  const ping = createServer((_, response) => {
    pings += 1;
    response.end();
  });
  const pingPort = await listen(ping, 0);
  closing.push(async () => stopServer(ping));
  for (const name of ["alice", "bob"]) {
    const mailbox = await startImap({ name, password: mailPassword });
    const forwarding = forwardMails(network, `${name}@scripting.example.com`, mailbox, stopped.signal);
    mailboxes[name] = mailbox;
    closing.push(
      async () => mailbox[Symbol.asyncDispose](),
      async () => forwarding,
    );
  }
  machine = startMachine(
    {
      [exampleDid]: world.known["did-alice"] ?? "",
      "imap.example.com": "localhost",
      "https://ping.example.net/your-id": `http://127.0.0.1:${pingPort}/your-id`,
    },
    world.env,
  );
  closing.push(() => machine[Symbol.dispose]());
  furnish();
});
afterAll(async () => {
  stopped.abort();
  for (const close of closing.toReversed()) {
    await close();
  }
});

/** What the page says is there already. */
function furnish(): void {
  // A clone, in which the units lie.
  symlinkSync(path.join(root, "deploy"), machine.at("/home/deploy"));
  // Where systemd puts the state of a service whose user exists only while it runs.
  mkdirSync(machine.at("/var/lib/private/decamp"), { recursive: true });
  symlinkSync("private/decamp", machine.at("/var/lib/decamp"));
  // There is no systemd that runs here. What is switched on has to be a unit that is there.
  machine.put(
    "/usr/local/bin/systemctl",
    `#!/bin/sh
case "$*" in
  daemon-reload) ;;
  "enable --now "*@*) test -f "${machine.at("/etc/systemd/system")}/$(echo "$3" | sed 's/@.*\\./@./')" ;;
  *) exit 1 ;;
esac
`,
    0o755,
  );
  const secrets = { "old.password": oldPassword, "new.password": newPassword, "mail.password": mailPassword };
  for (const [name, secret] of Object.entries(secrets)) {
    machine.put(`/etc/decamp/${name}`, `${secret}\n`, 0o600);
  }
  cpSync(path.join(root, "examples/read-mail.mjs"), machine.at("/etc/decamp/read-mail.mjs"));

  // A repository on GitHub, with a tarball. Whether the real one installs is a matter of what packs it.
  const files = machine.at("/repository");
  const made = machine.at("/tarball/package");
  mkdirSync(files);
  mkdirSync(made, { recursive: true });
  cpSync(path.join(root, "examples/read-mail.mjs"), path.join(files, "read-mail.mjs"));
  cpSync(machine.at("/usr/local/bin/decamp"), path.join(made, "decamp"));
  const manifest = { name: "decamp", version: "0.0.0", bin: { decamp: "decamp" } };
  writeFileSync(path.join(made, "package.json"), JSON.stringify(manifest));
  const packing = ["-czf", path.join(files, "decamp-0.0.0.tgz"), "-C", path.dirname(made), "package"];
  expect(spawnSync("tar", packing).status).toBe(0);
  const kept = machine.at("/github");
  mkdirSync(kept);
  repository = {
    files,
    kept,
    prefix: machine.at("/npm"),
    installed: new Set(),
    env: { npm_config_offline: "true", npm_config_update_notifier: "false" },
  };
}

const well = { code: 0, stdout: "", stderr: "" };

/**
 * Has the next move end as one does whose new server takes no more blobs for now. @returns whether that has happened
 */
function letOnePend(): () => boolean {
  const pending = machine.at("/pending");
  const error = {
    type: "error",
    version: 1,
    code: "rate-limited",
    message: "pds.example.org takes no more for now.",
    hint: "Run the same command again then.",
    exitCode: 8,
    // When the script looks, that is past, by less than a second or by more.
    data: { until: new Date().toISOString() },
  };
  // What decamp may really print.
  hold(["migrate", "--json"], { code: 8, stdout: "", stderr: `${JSON.stringify(error)}\n` });
  machine.put("pending.json", `${JSON.stringify(error)}\n`);
  machine.put(
    "/usr/local/bin/decamp",
    `#!/bin/sh
if mkdir ${pending} 2> /dev/null; then
  cat ${machine.at("/home/pending.json")} >&2
  exit 8
fi
exec node ${path.join(root, "bin/decamp.js")} "$@"
`,
    0o755,
  );
  return () => existsSync(pending);
}

/** What a block of commands ends with, if not with 0; by what stands in it. */
const otherEnds: Readonly<Record<string, number>> = {
  // Alice has no rotation key of her own, and so her account could not come back.
  "decamp doctor": 6,
};

/** Crontabs give on what they set. */
const cronVariables: Record<string, string> = {};

const environment = (): Record<string, string> => ({
  PATH: pathOf(machine),
  HOME: machine.at("/home"),
  IMAP_PORT: String(mailboxes["alice"]?.port),
});

async function runCommands(block: Block): Promise<void> {
  const [text, name] = [machine.fill(block.text), fileOf(block)];
  const script = machine.put(name ?? `block-${block.line}.sh`, text);
  const input = block.text.includes("\ncat >") ? `${oldPassword}\n` : undefined;
  const hasPended = name === "/etc/decamp/move.sh" ? letOnePend() : () => true;
  // Commands are typed one by one, until one fails. A script knows what it does then.
  const args = name === undefined ? ["-e", script] : [script];
  const { code, stdout, stderr } = await machine.run("sh", args, { env: environment(), input });
  const [, expected = 0] = Object.entries(otherEnds).find(([words]) => text.startsWith(words)) ?? [];
  expect({ code, stderr: code === expected ? "" : stderr }).toEqual({ code: expected, stderr: "" });
  expect(hasPended()).toBe(true);
  if (text.includes(" --json\n")) {
    holdLines(text, `${stdout}\n${stderr}`);
  }
}

async function runCron(block: Block): Promise<void> {
  const before = pings;
  const jobs = await runCrontab(machine.fill(block.text), machine, cronVariables);
  // What a job prints is mailed: where all is well, nothing.
  const [check, ...more] = jobs.filter(({ command }) => command.includes(" doctor "));
  expect(more).toEqual([]);
  expect({ code: check?.code, stderr: check?.stderr }).toEqual({ code: otherEnds["decamp doctor"], stderr: "" });
  expect(check?.stdout).toContain("rotation key");
  const others = jobs.filter((job) => job !== check);
  expect(others).toEqual(others.map(({ command }) => ({ command, ...well })));
  expect(jobs.length).toBeGreaterThan(0);
  expect(pings - before).toBe(block.text.match(/curl/g)?.length ?? 0);
}

/** Units that this machine has put where they belong. */
const unit = "decamp-export@alice.example.com";

async function runUnit(block: Block): Promise<void> {
  const name = fileOf(block) ?? "";
  machine.put(name, machine.fill(block.text));
  const source = path.join(root, "deploy/systemd", path.basename(name));
  const isShipped = !name.includes(".d/");
  expect(isShipped ? readFileSync(source, "utf8") : block.text).toBe(block.text);
  // The service is there before the timer.
  const known = ["service", "timer"].filter((kind) =>
    existsSync(machine.at(`/etc/systemd/system/decamp-export@.${kind}`)),
  );
  const verified = await verifyUnits(
    machine,
    known.map((kind) => `${unit}.${kind}`),
  );
  expect(verified ?? well).toEqual(well);
  if (name.endsWith(".timer")) {
    return;
  }
  const before = pings;
  const lines = Array.from(block.text.matchAll(/^Exec\w+=(.+)$/gm), ([, line = ""]) => machine.fill(line));
  const commands = await startService(machine, `${unit}.service`, (command) => lines.includes(command));
  expect(commands).toEqual(lines.map((command) => ({ command, ...well })));
  expect(pings - before).toBe(lines.filter((line) => line.includes("curl")).length);
}

/** The numbers of runs on GitHub. */
let runs = 100;

async function runOnGitHub(block: Block): Promise<void> {
  expect(fileOf(block)).toMatch(/^\.github\/workflows\/\w+\.yml$/);
  // Alice has moved already, by the script: this is another account.
  const text = machine.fill(block.text.replaceAll("alice", "bob"));
  runs += 1;
  const before = pings;
  const steps = await runWorkflow(
    text,
    machine,
    { ...repository, env: { ...repository.env, IMAP_PORT: String(mailboxes["bob"]?.port) } },
    {
      "github.run_id": String(runs),
      "github.run_attempt": "1",
      "inputs.did": world.known["did-bob"] ?? "",
      "secrets.OLD_PASSWORD": oldPassword,
      "secrets.NEW_PASSWORD": newPassword,
      "secrets.MAIL_PASSWORD": mailPassword,
    },
  );
  expect(steps.filter(({ code }) => code !== 0)).toEqual([]);
  expect(pings - before).toBe(block.text.match(/curl/g)?.length ?? 0);
  expect(steps).toHaveLength(block.text.match(/^ +run: /gm)?.length ?? 0);
}

const runners: Readonly<Record<string, (block: Block) => Promise<void>>> = {
  sh: runCommands,
  crontab: runCron,
  ini: runUnit,
  yaml: runOnGitHub,
};
const ran = new Set<number>();

test.each(blocks.map((block) => [block.line, block.language, block.heading, block] as const))(
  "line %i, %s: %s",
  async (line, language, _, block) => {
    await runners[language]?.(block);
    ran.add(line);
  },
);

/** Whether the newest snapshot of an archive has what only comes with a password. */
function hasPreferences(archive: string): boolean {
  const snapshots = path.join(archive, "snapshots");
  return existsSync(path.join(snapshots, readdirSync(snapshots).sort().at(-1) ?? "", "preferences.json"));
}

test("what the page says has come about", async () => {
  for (const name of ["alice", "bob"]) {
    const { alsoKnownAs, service } = await didDocument(network.plcUrl, world.known[`did-${name}`] ?? "");
    expect(service).toMatchObject([{ serviceEndpoint: "https://pds.example.org" }]);
    expect(alsoKnownAs).toEqual([`at://${name}.pds.example.org`]);
  }
  expect(hasPreferences(machine.at("/srv/backup/alice"))).toBe(true);
  expect(hasPreferences(machine.at("/var/lib/decamp/archives/alice.example.com"))).toBe(true);
  // What others can download is public.
  expect(hasPreferences(machine.at("/github/artifacts/archive/archive"))).toBe(false);
  // No secret is in what a move has written down.
  const written = readFileSync(machine.at("/etc/decamp/move.jsonl"), "utf8");
  expect([oldPassword, newPassword, mailPassword].filter((secret) => written.includes(secret))).toEqual([]);
  expect(written.trim().split("\n").at(-1)).toContain('"state":"moved"');
});

test("every variable on the page is one that decamp or read-mail.mjs reads", () => {
  const reader = readFileSync(path.join(root, "examples/read-mail.mjs"), "utf8");
  const known = new Set([
    jobVariable,
    ...Object.values(secretKinds).flatMap(({ env }) => env),
    ...(reader.match(/\bIMAP_\w+/g) ?? []),
  ]);
  const named = page.match(/\b(?:DECAMP|IMAP)_[A-Z_]+/g) ?? [];
  expect(named.filter((name) => !known.has(name))).toEqual([]);
  expect(named.length).toBeGreaterThan(5);
});

test("blocks on the page = blocks run", () => {
  expect(blocks.flatMap(({ line }) => (ran.has(line) ? [] : [line]))).toEqual([]);
  expect(blocks.map(({ language }) => language).filter((language) => runners[language] === undefined)).toEqual([]);
  expect(blocks.length).toBeGreaterThan(12);
});
