/**
 * Command lines, and what a command receives for them. A row is the part that matters of a line and what it changes of
 * what is received without it; `argv.test.ts` types each in every form, in every place.
 */
import { join, resolve } from "node:path";
import { keyA, keyB, blobA, blobB, did, operation, theft } from "./names.ts";

/** A part of a line, and what it changes. Nothing for what is the same without it. */
export type Row = readonly [typed: string, changes: object];

export interface CommandRows {
  /** What stands behind the name of the command in every row, and what is received of that alone. */
  readonly typed: string;
  readonly receives: object;
  /** Lines with the command's own flags. */
  readonly rows: readonly Row[];
  /** Lines that differ in their arguments, whole, and what is received of each. */
  readonly lines?: readonly Row[];
}

/** What every command receives of its global flags without any. */
export const plainGlobals = {
  quiet: false,
  verbose: false,
  json: false,
  noInput: false,
  yes: false,
  noColor: false,
  plcUrl: "https://plc.directory",
  allowPrivateHosts: false,
  stateDir: join("/state", "decamp"),
  limit: {},
};

/** Global flags, for every command, before and behind its name. */
export const globalRows: readonly Row[] = [
  ["-q", { quiet: true }],
  ["--quiet", { quiet: true }],
  ["-v", { verbose: true }],
  ["--verbose", { verbose: true }],
  ["--json", { json: true }],
  ["--no-input", { noInput: true }],
  ["-y", { yes: true }],
  ["--yes", { yes: true }],
  ["--no-color", { noColor: true }],
  ["--plc-url https://plc.example", { plcUrl: "https://plc.example" }],
  ["--allow-private-hosts", { allowPrivateHosts: true }],
  ["--state-dir s", { stateDir: resolve("s") }],
  ["--state-dir /s", { stateDir: resolve("/s") }],
  ["--limit-rate 500k", { limitRate: 500 * 1024 }],
  ["--limit-rate 2M", { limitRate: 2 * 1024 ** 2 }],
  ["--limit-rate 100000", { limitRate: 100_000 }],
  // Where the log goes is no part of what a command receives, nor is how the terminal draws.
  ["--log-file l", {}],
  ["--plain", {}],
  ["--limit block-bytes=10MB", { limit: { "block-bytes": 10_000_000 } }],
  // Short ones in one word; what is given twice; the last one counts, but for limits, which add up.
  ["-qy", { quiet: true, yes: true }],
  ["-yv --json", { yes: true, verbose: true, json: true }],
  ["--json --json", { json: true }],
  ["--plc-url https://a.example --plc-url https://b.example", { plcUrl: "https://b.example" }],
  ["--limit block-bytes=1KiB --limit json-values=7", { limit: { "block-bytes": 1024, "json-values": 7 } }],
  ["--limit block-bytes=1 --limit block-bytes=2", { limit: { "block-bytes": 2 } }],
];

/** What variables change, and what flags change of that. */
export const globalVariables: readonly (readonly [NodeJS.ProcessEnv, typed: string, object])[] = [
  [{ ATP_PLC_HOST: "https://env.example" }, "", { plcUrl: "https://env.example" }],
  [{ ATP_PLC_HOST: "https://env.example" }, "--plc-url https://flag.example", { plcUrl: "https://flag.example" }],
  [{ ATP_PLC_HOST: "" }, "", {}],
  [{ XDG_STATE_HOME: "/other" }, "", { stateDir: join("/other", "decamp") }],
  [{ XDG_STATE_HOME: "/other" }, "--state-dir /flag", { stateDir: resolve("/flag") }],
  // How to draw and to ask is no variable's business here: they change what the terminal does, not what is received.
  [{ NO_COLOR: "1", TERM: "dumb", CI: "true" }, "", {}],
];

const flags = (changed: object): object => ({ flags: changed });

/** Both flags of a secret. */
function secret(name: string): Row[] {
  const field = name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  return [
    [`--${name}-file f`, flags({ [`${field}File`]: "f" })],
    [`--${name}-file -`, flags({ [`${field}File`]: "-" })],
    [`--${name}-command c`, flags({ [`${field}Command`]: "c" })],
  ];
}

const curves: readonly Row[] = [
  ["--curve p256", flags({ curve: "p256" })],
  ["--curve k256", {}],
];

/** Whoever signs with a rotation key takes all of these. */
const rotationKey: readonly Row[] = [
  ...secret("rotation-key"),
  ...secret("passphrase"),
  ...curves,
  ["--rotation-signer-command c", flags({ rotationSignerCommand: "c" })],
  [`--rotation-signer-key ${keyA}`, flags({ rotationSignerKey: keyA })],
];

const options = (changed: object): object => ({ options: changed });
const given = (changed: object): object => ({ given: changed });

/** Both flags of a secret, where it is received as one. */
function readAs(field: string, name: string): Row[] {
  return [
    [`--${name}-file f`, { secretFlags: { [field]: { file: "f" } } }],
    [`--${name}-file -`, { secretFlags: { [field]: { file: "-" } } }],
    [`--${name}-command c`, { secretFlags: { [field]: { command: "c" } } }],
  ];
}

/** What a move and a restore are told alike: they receive it as the options of the use case, not as flags. */
function moving({ to, from, namesKey }: { to: string; from: readonly Row[]; namesKey: object }): readonly Row[] {
  return [
    [`--to ${to}`, options({ to })],
    ...from,
    ["--home-is-lost", options({ homeIsLost: true })],
    ["--dry-run", options({ dryRun: true })],
    ["--until verify", options({ until: "verify" })],
    ["--concurrency 1", options({ concurrency: 1 })],
    ["--concurrency 64", options({ concurrency: 64 })],
    ["--chunked-import", options({ chunkedImport: true })],
    ["--allow-missing-blobs", options({ allowMissingBlobs: true })],
    [`--skip-blob ${blobA}`, options({ skipBlobs: [blobA] })],
    [`--skip-blob ${blobA} --skip-blob ${blobB}`, options({ skipBlobs: [blobA, blobB] })],
    ["--accept-future-rev", options({ acceptFutureRev: true })],
    ["--document-wait 90", options({ documentWait: 5_400_000 })],
    ["--document-wait 0", options({ documentWait: 0 })],
    [`--accept-key ${keyA} --accept-key ${keyB}`, options({ acceptKeys: [keyA, keyB] })],
    ["--relay https://relay.example", { relay: "https://relay.example" }],
    ["--new-handle alice.new.example", given({ newHandle: "alice.new.example" })],
    ["--new-email a@b.example", given({ newEmail: "a@b.example" })],
    ["--invite-code i", given({ inviteCode: "i" })],
    [`--confirm-did ${did}`, given({ confirmDid: did })],
    ["--curve p256", given({ curve: "p256" })],
    ["--yes", { given: { yes: true }, globals: { yes: true } }],
    ["--allow-private-hosts", { options: { allowPrivateHosts: true }, globals: { allowPrivateHosts: true } }],
    ["--state-dir /s", { options: { stateDir: resolve("/s") }, globals: { stateDir: resolve("/s") } }],
    ...readAs("authFactor", "auth-factor"),
    ...readAs("targetPassword", "new-password"),
    ...readAs("deleteToken", "delete-token"),
    ...readAs("passphrase", "passphrase"),
    ...readAs("rotationKey", "rotation-key").map(([typed, changed]): Row => [typed, { ...namesKey, ...changed }]),
    [
      `--rotation-signer-command c --rotation-signer-key ${keyA}`,
      { ...namesKey, given: { signByKey: true, outside: { command: "c", didKey: keyA } } },
    ],
  ];
}

export const migrateReceives = {
  options: {
    account: "alice.example",
    to: "https://new.example",
    homeIsLost: false,
    replaceCopy: false,
    proveAfterActivation: false,
    dryRun: false,
    stateDir: join("/state", "decamp"),
    allowPrivateHosts: false,
    allowMissingBlobs: false,
    acceptFutureRev: false,
    addRecoveryKey: false,
    freeze: false,
    chunkedImport: false,
    firstWrite: false,
    bringLateWrites: false,
  },
  given: { signByKey: false, curve: "k256", yes: false },
  secretFlags: {
    sourcePassword: {},
    authFactor: {},
    targetPassword: {},
    plcToken: {},
    deleteToken: {},
    rotationKey: {},
    passphrase: {},
  },
  warnings: [],
};

const migrateRows: readonly Row[] = [
  ...moving({
    to: "https://other.example",
    from: [["--from https://old.example", { options: { from: "https://old.example" } }]],
    namesKey: { given: { signByKey: true } },
  }),
  ["--replace-copy", { options: { replaceCopy: true } }],
  ["--prove-after-activation", { options: { proveAfterActivation: true } }],
  ["--guide", { guide: true }],
  ["--archive a/b", { options: { archive: "a/b" } }],
  ["--freeze", { options: { freeze: true } }],
  ["--bring-late-writes", { options: { bringLateWrites: true } }],
  ["--first-write", { options: { firstWrite: true } }],
  ["--recovery-key k.age", { options: { addRecoveryKey: true }, given: { recoveryKey: "k.age" } }],
  [`--recovery-key ${keyA}`, { options: { addRecoveryKey: true }, given: { recoveryKey: keyA } }],
  ...readAs("sourcePassword", "password"),
  ...readAs("plcToken", "plc-token"),
];

const restoreReceives = {
  options: {
    archive: "backup",
    to: "https://new.example",
    homeIsLost: false,
    namesKey: false,
    replaceNewer: false,
    dryRun: false,
    stateDir: join("/state", "decamp"),
    allowPrivateHosts: false,
    chunkedImport: false,
    allowMissingBlobs: false,
    acceptFutureRev: false,
  },
  given: { signByKey: true, curve: "k256", yes: false },
  secretFlags: { authFactor: {}, targetPassword: {}, deleteToken: {}, rotationKey: {}, passphrase: {} },
  warnings: [],
};

const restoreRows: readonly Row[] = [
  ...moving({ to: "https://other.example", from: [], namesKey: { options: { namesKey: true } } }),
  [`--nullify ${operation}`, { options: { nullify: operation } }],
  ["--also https://old.example", { options: { also: ["https://old.example"] } }],
  ["--also https://old.example --also other", { options: { also: ["https://old.example", "other"] } }],
  ["--replace-newer", { options: { replaceNewer: true } }],
  [`--drop-key ${keyA} --drop-key ${keyB}`, { options: { dropKeys: [keyA, keyB] } }],
];

const from: Row = ["--from https://s.example", flags({ from: "https://s.example" })];
const confirmDid: Row = [`--confirm-did ${did}`, flags({ confirmDid: did })];

/** Both passwords, and the mailed code for a sign-in. */
const passwords: readonly Row[] = [...secret("password"), ...secret("auth-factor"), ...secret("new-password")];

const outputFile: readonly Row[] = [
  ["--output o.json", flags({ output: "o.json" })],
  ["-o o.json", flags({ output: "o.json" })],
  ["-o -", flags({ output: "-" })],
];

const keepKey: readonly Row[] = [
  ["--out k.age", flags({ out: "k.age" })],
  ["-o k.age", flags({ out: "k.age" })],
  ["--reveal", flags({ reveal: true })],
  ...secret("passphrase"),
  ...curves,
];

/** Of `decamp blob get` and `push`. */
const giverRows: readonly Row[] = [
  ["--from https://a.example --from https://b.example", flags({ from: ["https://a.example", "https://b.example"] })],
  ...secret("password"),
  ...secret("auth-factor"),
  ...secret("old-password"),
];

const nothingElse = (...args: string[]): object => ({ args, flags: {} });

/** Name of the command → its rows. */
export const commandRows: Readonly<Record<string, CommandRows>> = {
  migrate: {
    typed: "alice.example --to https://new.example",
    receives: migrateReceives,
    rows: migrateRows,
    lines: [
      [`${did} --to https://new.example`, { options: { account: did } }],
      ["--to https://new.example -- alice.example", {}],
    ],
  },
  "migrate status": {
    typed: "alice.example",
    receives: { args: ["alice.example"], flags: { curve: "k256" } },
    rows: [
      ["--to https://new.example", flags({ to: "https://new.example" })],
      from,
      ["--archive a", flags({ archive: "a" })],
    ],
    lines: [["", { args: [] }]],
  },
  "migrate cancel": {
    typed: "alice.example",
    receives: { ...migrateReceives, options: { ...migrateReceives.options, to: "" } },
    rows: migrateRows,
  },
  restore: {
    typed: "backup --to https://new.example",
    receives: restoreReceives,
    rows: restoreRows,
    lines: [["backup/snapshots/3k --to https://new.example", { options: { archive: "backup/snapshots/3k" } }]],
  },
  "restore cancel": {
    typed: "backup",
    receives: { ...restoreReceives, options: { ...restoreReceives.options, to: "" } },
    rows: restoreRows,
  },
  doctor: {
    typed: "alice.example --archive backup",
    receives: { args: ["alice.example"], flags: { archive: "backup", curve: "k256" } },
    rows: [
      ["--archive b", flags({ archive: "b" })],
      ["--to https://new.example", flags({ to: "https://new.example" })],
      ["--quick", flags({ quick: true })],
      ["--watch", flags({ watch: true })],
      ["--server https://new.example", flags({ server: "https://new.example" })],
      ["--report report.json", flags({ report: "report.json" })],
      from,
      ["--relay https://relay.example", flags({ relay: "https://relay.example" })],
      ["--app-view https://view.example", flags({ appView: "https://view.example" })],
      ["--sign-in", flags({ signIn: true })],
      ...secret("password"),
      ...secret("auth-factor"),
      ...rotationKey,
    ],
  },
  insure: {
    typed: "alice.example --output backup",
    receives: { args: ["alice.example"], flags: { output: "backup" } },
    rows: [
      ["--output b", flags({ output: "b" })],
      ["-o b", flags({ output: "b" })],
      ["--for systemd", flags({ for: "systemd" })],
      ["--for launchd", flags({ for: "launchd" })],
      ["--for cron", flags({ for: "cron" })],
      ["--password-file f", flags({ passwordFile: "f" })],
      ["--password-command c", flags({ passwordCommand: "c" })],
      ["--notify-command c", flags({ notifyCommand: "c" })],
      ["--ping-command c", flags({ pingCommand: "c" })],
      ["--watch-ping-command c", flags({ watchPingCommand: "c" })],
      [`--own-key ${keyA} --own-key ${keyB}`, flags({ ownKey: [keyA, keyB] })],
      ["--write units", flags({ write: "units" })],
    ],
  },
  "blob get": {
    typed: "alice.example backup",
    receives: nothingElse("alice.example", "backup"),
    rows: giverRows,
    lines: [["alice.example", nothingElse("alice.example")]],
  },
  "blob push": {
    typed: "alice.example backup",
    receives: nothingElse("alice.example", "backup"),
    rows: giverRows,
    lines: [["alice.example", nothingElse("alice.example")]],
  },
  "account status": {
    typed: "alice.example",
    receives: nothingElse("alice.example"),
    rows: [from, ["--sign-in", flags({ signIn: true })], ...secret("password"), ...secret("auth-factor")],
  },
  "account handle": {
    typed: "alice.example alice.example.org",
    receives: nothingElse("alice.example", "alice.example.org"),
    rows: [
      from,
      ["--wait 0", flags({ wait: 0 })],
      ["--wait 90", flags({ wait: 90 })],
      ...secret("password"),
      ...secret("auth-factor"),
    ],
  },
  "account preferences": {
    typed: "alice.example backup",
    receives: nothingElse("alice.example", "backup"),
    rows: [from, ["--replace", flags({ replace: true })], ...secret("password"), ...secret("auth-factor")],
  },
  "account deactivate": {
    typed: "alice.example",
    receives: nothingElse("alice.example"),
    rows: [
      from,
      ["--server https://pds.example", flags({ server: "https://pds.example" })],
      ...secret("password"),
      ...secret("auth-factor"),
    ],
  },
  "account activate": {
    typed: "alice.example",
    receives: nothingElse("alice.example"),
    rows: [from, ...secret("password"), ...secret("auth-factor")],
  },
  export: {
    typed: "alice.example",
    receives: nothingElse("alice.example"),
    rows: [
      ["--output backup", flags({ output: "backup" })],
      ["-o backup", flags({ output: "backup" })],
      ["-o -", flags({ output: "-" })],
      from,
      ["--sign-in", flags({ signIn: true })],
      ["--public-only", flags({ publicOnly: true })],
      ["--recheck", flags({ recheck: true })],
      ["--compress zstd", flags({ compress: "zstd" })],
      ["--allow-known-missing", flags({ allowKnownMissing: true })],
      ["--ping-command c", flags({ pingCommand: "c" })],
      ["--concurrency 12", flags({ concurrency: 12 })],
      ...secret("password"),
      ...secret("auth-factor"),
      ...secret("admin-password"),
      ["--include-taken-down", flags({ includeTakenDown: true })],
      // That one account was named, too, is refused later.
      ["--all", flags({ all: true })],
      ["--pds https://s.example", flags({ pds: "https://s.example" })],
      ["--accounts list.txt", flags({ accounts: "list.txt" })],
      ["--accounts -", flags({ accounts: "-" })],
      ["--jobs 8", flags({ jobs: 8 })],
      ["--shard 0/3", flags({ shard: { index: 0, count: 3 } })],
      ["--fail-on moved,gone", flags({ failOn: ["moved", "gone"] })],
      ["--shard 2/3", flags({ shard: { index: 2, count: 3 } })],
      ["--metrics-file decamp.prom", flags({ metricsFile: "decamp.prom" })],
    ],
    lines: [
      ["--all --pds https://s.example -o b", { args: [], flags: { all: true, pds: "https://s.example", output: "b" } }],
      ["@alice.example", { args: ["alice.example"] }],
      ["https://bsky.app/profile/alice.example", { args: ["alice.example"] }],
      ["Alice.Example", { args: ["alice.example"] }],
      ["at://did:plc:ewvi7nxzyoun6zhxrhs64oiz", { args: ["did:plc:ewvi7nxzyoun6zhxrhs64oiz"] }],
    ],
  },
  verify: {
    typed: "alice.car",
    receives: nothingElse("alice.car"),
    rows: [
      [`--did ${did}`, flags({ did })],
      [`--signing-key ${keyA}`, flags({ signingKey: keyA })],
      ["--online", flags({ online: true })],
      ["--allow-partial", flags({ allowPartial: true })],
      ["--certificate", flags({ certificate: true })],
      ["--sample 1%", flags({ sample: 100 })],
      ["--sample 0.1%", flags({ sample: 1000 })],
      ["--sample 50%", flags({ sample: 2 })],
    ],
    lines: [
      ["-", { args: ["-"] }],
      ["-- -x.car", { args: ["-x.car"] }],
      // Behind -- nothing is a flag.
      ["-- --online", { args: ["--online"] }],
      ["--online -- -", { args: ["-"], flags: { online: true } }],
    ],
  },
  "archive ls": { typed: "backup", receives: nothingElse("backup"), rows: [] },
  "archive status": {
    typed: "backups",
    receives: nothingElse("backups"),
    rows: [
      ["--older-than 2d", flags({ olderThan: "2d" })],
      ["--on-disk", flags({ onDisk: true })],
      ["--metrics-file decamp.prom", flags({ metricsFile: "decamp.prom" })],
    ],
  },
  "archive diff": { typed: "a b", receives: nothingElse("a", "b"), rows: [] },
  "archive prune": {
    typed: "backup",
    receives: nothingElse("backup"),
    rows: [
      ["--release 3a", flags({ release: ["3a"] })],
      ["--release 3a --release 3b", flags({ release: ["3a", "3b"] })],
      ["--dry-run", flags({ dryRun: true })],
      ["--gone 30d", flags({ gone: "30d" })],
      ["--include-moved", flags({ includeMoved: true })],
      ["--keep 1", flags({ keep: 1 })],
      ["--keep-daily 7", flags({ keepDaily: 7 })],
      ["--keep-weekly 5", flags({ keepWeekly: 5 })],
      ["--keep-monthly 12", flags({ keepMonthly: 12 })],
      ["--keep-yearly 3", flags({ keepYearly: 3 })],
      ["--keep-within 1y6m14d12h", flags({ keepWithin: "1y6m14d12h" })],
    ],
  },
  "repo ls": {
    typed: "alice.car",
    receives: nothingElse("alice.car"),
    rows: [
      ["--collection a.b.c", flags({ collection: ["a.b.c"] })],
      ["--collection a.b.c --collection a.b.d", flags({ collection: ["a.b.c", "a.b.d"] })],
    ],
  },
  "repo get": { typed: "alice.car a.b.c/self", receives: nothingElse("alice.car", "a.b.c/self"), rows: [] },
  "repo unpack": { typed: "- records", receives: nothingElse("-", "records"), rows: [] },
  "repo diff": { typed: "a.car b.car", receives: nothingElse("a.car", "b.car"), rows: [] },
  "blob ls": { typed: "alice.car", receives: nothingElse("alice.car"), rows: [] },
  "plc history": {
    typed: "alice.example",
    receives: nothingElse("alice.example"),
    rows: [from, [`--did ${did}`, flags({ did })]],
    // A path is no name of an account.
    lines: [["./alice.example", { args: ["./alice.example"] }]],
  },
  "plc audit": {
    typed: "log.json",
    receives: nothingElse("log.json"),
    rows: [from, [`--did ${did}`, flags({ did })]],
    lines: [["-", { args: ["-"] }]],
  },
  "plc diff": {
    typed: "alice.example",
    receives: nothingElse("alice.example"),
    rows: [
      from,
      ["--to https://new.example", flags({ to: "https://new.example" })],
      [`--accept-key ${keyA} --accept-key ${keyB}`, flags({ acceptKey: [keyA, keyB] })],
      [`--add-rotation-key ${keyA} --add-rotation-key ${keyB}`, flags({ addRotationKey: [keyA, keyB] })],
      [`--remove-rotation-key ${keyA} --remove-rotation-key ${keyB}`, flags({ removeRotationKey: [keyA, keyB] })],
      ["--handle b.example", flags({ handle: "b.example" })],
      ["--handle @B.example", flags({ handle: "b.example" })],
      ["--pds https://s.example", flags({ pds: "https://s.example" })],
      [`--signing-key ${keyA}`, flags({ signingKey: keyA })],
      ["--operation o.json", flags({ operation: "o.json" })],
      ["--operation -", flags({ operation: "-" })],
      ...outputFile,
      ...passwords,
    ],
  },
  "plc sign": {
    typed: "operation.json",
    receives: { args: ["operation.json"], flags: { curve: "k256" } },
    rows: [
      ["--log l.json", flags({ log: "l.json" })],
      ["--without-log", flags({ withoutLog: true })],
      ["--nullify", flags({ nullify: true })],
      ...rotationKey,
    ],
    lines: [["", { args: [] }]],
  },
  "plc submit": {
    typed: "alice.example signed.json",
    receives: { args: ["alice.example", "signed.json"], flags: { via: "server" } },
    rows: [
      from,
      ["--nullify", flags({ nullify: true })],
      ["--via directory", flags({ via: "directory" })],
      ["--via server", {}],
      confirmDid,
      ...passwords,
    ],
    lines: [["alice.example", { args: ["alice.example"] }]],
  },
  "plc add-key": {
    typed: "alice.example new.age",
    receives: { args: ["alice.example", "new.age"], flags: { via: "server", curve: "k256" } },
    rows: [
      from,
      [`--replace ${keyA}`, flags({ replace: keyA })],
      ["--sign-by key", flags({ signBy: "key" })],
      ["--sign-by server", flags({ signBy: "server" })],
      ["--via directory", flags({ via: "directory" })],
      confirmDid,
      ...secret("password"),
      ...secret("auth-factor"),
      ...secret("plc-token"),
      ...rotationKey,
    ],
    lines: [[`alice.example ${keyA}`, { args: ["alice.example", keyA] }]],
  },
  "plc repair": {
    typed: "alice.example",
    receives: { args: ["alice.example"], flags: { via: "server", curve: "k256" } },
    rows: [
      from,
      ["--server https://pds.example", flags({ server: "https://pds.example" })],
      ["--archive backup", flags({ archive: "backup" })],
      ["--sign-by key", flags({ signBy: "key" })],
      ["--sign-by server", flags({ signBy: "server" })],
      ["--via directory", flags({ via: "directory" })],
      confirmDid,
      ...secret("password"),
      ...secret("auth-factor"),
      ...secret("plc-token"),
      ...rotationKey,
    ],
  },
  "plc recover": {
    typed: "alice.example",
    receives: { args: ["alice.example"], flags: { via: "directory", curve: "k256" } },
    rows: [
      from,
      [`--operation ${operation}`, flags({ operation })],
      [`--drop-key ${keyA} --drop-key ${keyB}`, flags({ dropKey: [keyA, keyB] })],
      [`--held-key ${keyA} --held-key ${keyB}`, flags({ heldKey: [keyA, keyB] })],
      ...outputFile,
      ["--via server", flags({ via: "server" })],
      confirmDid,
      ...passwords,
      ...rotationKey,
    ],
  },
  "plc undo": {
    typed: "alice.example",
    receives: { args: ["alice.example"], flags: { curve: "k256" } },
    rows: [from, [`--operation ${operation}`, flags({ operation })], confirmDid, ...passwords, ...rotationKey],
  },
  "plc watch": {
    typed: "alice.example",
    receives: nothingElse("alice.example"),
    rows: [
      from,
      ["--archives backups", flags({ archives: "backups" })],
      ["--second-directory https://plc.example", flags({ secondDirectory: "https://plc.example" })],
      [`--own-key ${keyA} --own-key ${keyB}`, flags({ ownKey: [keyA, keyB] })],
      [`--own-operation ${operation} --own-operation ${theft}`, flags({ ownOperation: [operation, theft] })],
      ["--notify-command ./tell", flags({ notifyCommand: "./tell" })],
      ["--ping-command ./alive", flags({ pingCommand: "./alive" })],
      ["--once", flags({ once: true })],
      ["--interval 5", flags({ interval: 5 })],
      ["--memory seen.json", flags({ memory: "seen.json" })],
    ],
    lines: [
      ["", { args: [] }],
      ["alice.example bob.example", { args: ["alice.example", "bob.example"] }],
    ],
  },
  "key generate": { typed: "", receives: { args: [], flags: { curve: "k256" } }, rows: keepKey },
  "key import": {
    typed: "key.txt",
    receives: { args: ["key.txt"], flags: { curve: "k256" } },
    rows: keepKey,
    lines: [
      ["", { args: [] }],
      ["-", { args: ["-"] }],
      [keyA, { args: [keyA] }],
    ],
  },
  "key inspect": {
    typed: "key.txt",
    receives: { args: ["key.txt"], flags: { curve: "k256" } },
    rows: [
      ["--account alice.example", flags({ account: "alice.example" })],
      ["--account @Alice.Example", flags({ account: "alice.example" })],
      from,
      ...secret("passphrase"),
      ...curves,
    ],
    lines: [["", { args: [] }]],
  },
  completion: { typed: "bash", receives: nothingElse("bash"), rows: [], lines: [["fish", { args: ["fish"] }]] },
  help: {
    typed: "plc add-key",
    receives: nothingElse("plc", "add-key"),
    rows: [],
    lines: [["", { args: [] }]],
  },
};

/** Variables, for the commands that read some beside the global ones: flags count more, an empty one is none. */
export const variableRows: readonly (readonly [NodeJS.ProcessEnv, line: string, object])[] = [
  [{ DECAMP_TARGET_PDS: "https://e.example" }, "migrate alice.example", { options: { to: "https://e.example" } }],
  [{ DECAMP_TARGET_PDS: "https://e.example" }, "migrate alice.example --to https://new.example", {}],
  [
    { DECAMP_SOURCE_PDS: "https://e.example" },
    "migrate alice.example --to https://new.example",
    { options: { from: "https://e.example" } },
  ],
  [
    { DECAMP_SOURCE_PDS: "https://e.example" },
    "migrate alice.example --to https://new.example --from https://f.example",
    { options: { from: "https://f.example" } },
  ],
  [{ DECAMP_SOURCE_PDS: "" }, "migrate alice.example --to https://new.example", {}],
  [
    { NEW_ACCOUNT_HANDLE: "e.example", NEW_ACCOUNT_EMAIL: "e@e.example" },
    "migrate alice.example --to https://new.example",
    { given: { newHandle: "e.example", newEmail: "e@e.example" } },
  ],
  [
    { NEW_ACCOUNT_HANDLE: "e.example", NEW_ACCOUNT_EMAIL: "e@e.example" },
    "migrate alice.example --to https://new.example --new-handle f.example --new-email f@f.example",
    { given: { newHandle: "f.example", newEmail: "f@f.example" } },
  ],
  [{ NEW_ACCOUNT_HANDLE: "", NEW_ACCOUNT_EMAIL: "" }, "migrate alice.example --to https://new.example", {}],
  // A key in the environment means that a key signs; what it is is read only when it is needed.
  [{ PLC_SIGNING_KEY: "x" }, "migrate alice.example --to https://new.example", { given: { signByKey: true } }],
  [{ PLC_SIGNING_KEY: "" }, "migrate alice.example --to https://new.example", {}],
  [
    { DECAMP_TARGET_PDS: "https://e.example" },
    "migrate cancel alice.example",
    { options: { to: "https://e.example" } },
  ],
  [{ DECAMP_TARGET_PDS: "https://e.example" }, "restore backup", { options: { to: "https://e.example" } }],
  [{ DECAMP_TARGET_PDS: "https://e.example" }, "restore backup --to https://new.example", {}],
  [{ DECAMP_TARGET_PDS: "https://e.example" }, "restore cancel backup", { options: { to: "https://e.example" } }],
  [
    { NEW_ACCOUNT_HANDLE: "e.example", NEW_ACCOUNT_EMAIL: "e@e.example" },
    "restore backup --to https://new.example",
    { given: { newHandle: "e.example", newEmail: "e@e.example" } },
  ],
  [{ PLC_SIGNING_KEY: "x" }, "restore backup --to https://new.example", { options: { namesKey: true } }],
  // The server of an archive is no server of a move's.
  [{ DECAMP_SOURCE_PDS: "https://e.example" }, "restore backup --to https://new.example", {}],
];
