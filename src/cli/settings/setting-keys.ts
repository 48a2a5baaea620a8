/**
 * What may stand in the configuration file: each is named like the flag that it stands for. `docs/CONFIGURATION.md`
 * shows the table, and a test compares the two.
 */

/** What a value has to be. */
export type SettingType = "switch" | "path" | "rate" | "count" | "keys" | "format";

export interface SettingKey {
  readonly name: string;
  readonly type: SettingType;
  /** The tables in which it stands; where none is named, also the top of the file. */
  readonly tables?: readonly string[];
  /** What it sets, as the page says it. */
  readonly says: string;
}

export const settingKeys: readonly SettingKey[] = [
  { name: "json", type: "switch", says: "results and progress as JSON" },
  { name: "quiet", type: "switch", says: "nothing on success; only for commands that change no account and no key" },
  { name: "verbose", type: "switch", says: "more detail" },
  { name: "color", type: "switch", says: "`false`: no colour" },
  { name: "plain", type: "switch", says: "plain lines in ASCII, for screen readers and logs" },
  { name: "state-dir", type: "path", says: "where journals are kept" },
  { name: "log-file", type: "path", says: "write what happens to this file, too" },
  { name: "limit-rate", type: "rate", says: "send and fetch at most so many bytes a second" },
  { name: "concurrency", type: "count", says: "blobs in flight at once" },
  { name: "output", type: "path", tables: ["export"], says: "the archive; of many accounts, the folder for them" },
  { name: "jobs", type: "count", tables: ["export"], says: "accounts at once, of many" },
  { name: "compress", type: "format", tables: ["export"], says: "keep repositories compressed from now on" },
  { name: "own-key", type: "keys", tables: ["plc", "insure"], says: "rotation keys that are yours, for the watch" },
];

/** The first words of the commands that may have a table. */
export const settingTables: readonly string[] = [
  ["migrate", "restore", "doctor", "account", "export", "verify"],
  ["insure", "archive", "repo", "blob", "plc", "key"],
].flat();

/** The range of a count. */
export const mostCount = 64;

/**
 * Commands that a file may have say nothing: they look, or copy. Any other one changes what cannot simply be had again,
 * and then it is said.
 */
export const mayBeQuiet: ReadonlySet<string> = new Set([
  "export",
  "verify",
  "doctor",
  "archive ls",
  "archive diff",
  "repo ls",
  "repo get",
  "repo unpack",
  "repo diff",
  "blob ls",
  "plc history",
  "plc audit",
  "plc diff",
  "key inspect",
] as const);
