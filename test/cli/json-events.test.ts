/** Everything that a move can say, with every field that it can have: `Required` asks for those that come anew. */
import { expect, test } from "vitest";
import { createJsonReporter } from "../../src/cli/talk/reporters/json-lines.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import type { LeftBehindNow, MigrationEvent, MigrationPlan, MigrationResult } from "../../src/migration/events.ts";
import type { KnownMove } from "../../src/migration/journal.ts";
import type { MoveStatus } from "../../src/migration/status.ts";
import { whereStates } from "../../src/account/where.ts";
import { whoseField } from "../../src/cli/talk/reporters/contract-words.ts";
import { KnownSecrets } from "../../src/data/known-secrets.ts";
import { stepIds } from "../../src/migration/step-ids.ts";
import { faultsOfDocument } from "../json/hold.ts";
import { readPage } from "../json/page.ts";
import { moveFacts } from "./support/facts.ts";
import { captured } from "./support/streams.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const cid = "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
const key = "did:key:zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF";
const at = "2026-11-29T20:00:00.000Z";
const source = "https://old.example";
const target = "https://new.example";
const handle = "alice.example";

const plan: Required<MigrationPlan> = {
  did,
  handle,
  newHandle: "alice.new.example",
  source,
  target,
  state: "not-begun",
  archive: "/archive",
  blobs: 2,
  blobLimit: 100_000_000,
  repoBytes: 1000,
  blobBytes: 2000,
  sampled: 1,
  seconds: { least: 1, most: 4 },
  free: 5_000_000,
  skipBlobs: [cid],
  weakerProofs: [{ id: "prove-after-activation", message: "It is proved later." }],
  plcHead: cid,
  rotationKey: key,
  steps: [{ id: "resolve", title: "Find the account", pointOfNoReturn: false }],
};

const preferences = { reason: "It does not answer.", archived: "/archive/preferences.json" };
const missing = { cid, reason: "It is gone.", records: ["app.bsky.feed.post/a"] };
const left: Required<LeftBehindNow> = {
  missingBlobs: [missing],
  blobsNotMoved: [{ ...missing, size: 9, archived: true }],
  preferencesNotMoved: preferences,
  preferencesFromArchive: { ...preferences, of: at },
  blobsThere: 1,
  blobsNeeded: 3,
};
const { blobsThere: _there, blobsNeeded: _needed, ...leftBehind } = left;

const document = {
  url: "https://alice.example/.well-known/did.json",
  file: "/state/new.json",
  kept: "/state/old.json",
};

const result: Required<MigrationResult> = {
  did,
  oldHandle: handle,
  handle,
  source,
  target,
  archive: "/archive",
  state: "moved",
  commit: cid,
  records: 3,
  blobs: 2,
  preferences: 1,
  temporaryKey: { key, file: "/state/key.age" },
  document,
  operation: cid,
  recoverableUntil: at,
  undoKeys: [key],
  certificate: "/archive/certificate.json",
  lateWrites: ["app.bsky.feed.post/b"],
  sourceStillActive: true,
  sourceState: "deactivated",
  dark: true,
  emailConfirmed: false,
  seenByOthers: { host: "view.example", before: { followers: 1, follows: 2, posts: 3 }, after: { followers: 1 } },
  warnings: [{ code: "clock-skew", message: "The clock is wrong." }],
  ...leftBehind,
};

const events: Record<Exclude<MigrationEvent["type"], "result">, MigrationEvent> = {
  plan: { type: "plan", plan },
  step: { type: "step", id: "import-preferences", title: "Import", state: "done", outcome: "left", detail: "none" },
  progress: { type: "progress", step: "transfer-blobs", unit: "blobs", done: 1, total: 2, bytes: 9 },
  warning: { type: "warning", code: "clock-skew", message: "The clock is wrong." },
  records: {
    type: "records",
    purpose: "replace",
    host: "new.example",
    added: 0,
    changed: 1,
    removed: 0,
    records: [{ kind: "changed", path: "app.bsky.feed.post/a", words: "Hello" }],
  },
  identity: {
    type: "identity",
    did,
    handle,
    differences: [{ field: "rotationKeys[0]", kind: "changed", before: "a", after: "b" }],
    facts: moveFacts,
    leftBehind: left,
    document: { url: document.url, file: document.file },
  },
  document: { type: "document", did: "did:web:alice.example", until: at, ...document },
};

test.each(Object.values(events))("the event $type", async (event) => {
  const { parts, stdout } = captured();
  const { out } = await openTerminal(parts, { noColor: false });
  createJsonReporter(out, { quiet: false }).report(event);
  const document = JSON.parse(stdout()) as Record<string, unknown>;
  const { type, ...rest } = event;
  expect(document).toEqual({ type, version: 1, ...rest });
  expect(faultsOfDocument(document)).toEqual([]);
});

const server = { url: target, state: "takendown" };
const status: Required<MoveStatus> = {
  source: server,
  target: server,
  state: "begun",
  phase: "in-progress",
  reversible: true,
  frozen: true,
  dark: true,
  undoUntil: at,
  undoKeys: [key],
  copyExpiresDays: 3,
  unsettled: target,
  begunAt: at,
  isHistory: false,
  next: ["migrate", did],
  undo: ["plc", "undo", did],
  unproved: true,
  archive: "/archive",
  restore: true,
  temporaryKey: key,
  document,
};
const known: Required<KnownMove> = { did, handle, newHandle: handle, source, target, begunAt: at };

const results: [string, object][] = [
  ["migrate", result],
  ["restore", result],
  ["migrate status", { knownMoves: [known], damaged: ["/state/migrations/a.journal"] }],
  // The commands are whole there.
  [
    "migrate status",
    {
      did,
      handle,
      livesAt: source,
      state: "begun",
      dark: false,
      moves: [{ ...status, next: "decamp a", undo: "decamp b" }],
    },
  ],
];

test.each(results)("the result of %s", (command, facts) => {
  expect(faultsOfDocument({ type: "result", version: 1, command, ...facts })).toEqual([]);
});

test("a secret that is a word of the contract takes nothing from a document that a script needs", () => {
  const { tables, codes } = readPage();
  const names = tables.flatMap(({ kind, commands, rows }) => [
    kind,
    ...commands,
    ...rows.flatMap(({ field, type }) => [
      ...field.split(/\W+/),
      ...Array.from(type.matchAll(/"([^"]+)"/g), ([, one = ""]) => one),
    ]),
  ]);
  const words = new Set([
    ...names,
    ...codes.keys(),
    ...Object.keys(whereStates),
    ...stepIds,
    "left-out",
    "deactivated",
  ]);
  const documents = [
    ...results.map(([command, facts]) => ({ type: "result", version: 1, command, ...facts })),
    { type: "step", version: 1, id: "export", title: "Export", state: "start" },
    { type: "error", version: 1, code: "refused", message: "No.", hint: "", exitCode: 9, data: { identity: "sent" } },
    { type: "warning", version: 1, code: "left-out", message: "Something." },
    { type: "plan", version: 1, plan },
  ];
  // Commands are texts, which may hold anything: with this they are none any more.
  words.delete("decamp");
  for (const word of words) {
    const secrets = new KnownSecrets().add(word);
    for (const one of documents) {
      expect([word, faultsOfDocument(secrets.redactIn(one, whoseField))]).toEqual([word, []]);
    }
  }
});
