import { createHash } from "node:crypto";
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  findJournal,
  isProofOwed,
  knownMoves,
  openJournal,
  readJournals,
  rememberedDids,
} from "../../src/migration/journal.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const target = "https://new.example.com";
const begin = {
  type: "begin",
  did,
  handle: "alice.old.example.com",
  source: "https://old.example.com",
  target,
  at: "2026-11-25T00:00:00.000Z",
} as const;

const { type: _type, ...withoutType } = begin;

let stateDir = "";
beforeEach(async () => {
  stateDir = await mkdtemp(path.join(tmpdir(), "decamp-journal-"));
});
afterEach(async () => rm(stateDir, { recursive: true }));

async function write(): Promise<string> {
  const journal = await openJournal(stateDir, did, target);
  await journal.append(begin);
  await journal.append({ type: "handle", newHandle: "alice.new.example.com" });
  await journal.append({ type: "signed", cid: "bafy", operation: { type: "plc_operation" } });
  await journal.close();
  const [name = ""] = await readdir(path.join(stateDir, "migrations"));
  return path.join(stateDir, "migrations", name);
}

async function read(): Promise<Record<string, unknown>> {
  const journal = await openJournal(stateDir, did, target);
  await journal.close();
  return { ...journal.state };
}

test("what was written is read again", async () => {
  await write();
  expect(await read()).toEqual({
    did,
    handle: begin.handle,
    source: begin.source,
    target,
    at: begin.at,
    newHandle: "alice.new.example.com",
    hasNewHandle: false,
    signed: { cid: "bafy", operation: { type: "plc_operation" } },
  });
});

test("what was taken unseen is read again, and is owed a proof until that is taken down", async () => {
  await write();
  const journal = await openJournal(stateDir, did, target);
  await journal.append({ type: "shown" });
  await journal.append({ type: "late-proof" });
  await journal.append({ type: "unseen-import", commit: "bafyours", there: "bafytheirs" });
  await journal.append({ type: "uploaded", cids: ["bafka", "bafkb"] });
  await journal.append({ type: "uploaded", cids: ["bafkc"] });
  await journal.append({ type: "compared", commit: "bafyours", unseen: true });
  await journal.close();
  const state = await findJournal(stateDir, did, target);
  expect(state).toMatchObject({
    wasShown: true,
    lateProof: true,
    unseenImport: { commit: "bafyours", there: "bafytheirs" },
    uploaded: new Set(["bafka", "bafkb", "bafkc"]),
    isUnseen: true,
  });
  expect(["bafy", "bafyother"].map((arrival) => isProofOwed(state ?? {}, arrival))).toEqual([true, false]);
  const later = await openJournal(stateDir, did, target);
  await later.append({ type: "proved-there", operation: "bafy" });
  await later.close();
  expect(isProofOwed((await findJournal(stateDir, did, target)) ?? {}, "bafy")).toBe(false);
});

test("what is left behind is read again as the last of it was", async () => {
  await write();
  const blob = { cid: "bafkx", reason: "too large", records: ["a.b.c/d"] };
  const journal = await openJournal(stateDir, did, target);
  // Of an earlier version: it is read, and says nothing any more.
  await journal.append({ type: "skip-blobs", cids: ["bafkx", "bafky"] });
  const preferences = { reason: "refused", again: true };
  await journal.append({ type: "left-out", missing: [blob], notMoved: [], preferences });
  await journal.append({ type: "left-out", missing: [], notMoved: [{ ...blob, size: 3, archived: true }] });
  await journal.close();
  expect(await read()).toMatchObject({
    leftOut: { missing: [], notMoved: [{ ...blob, size: 3, archived: true }] },
  });
  expect((await read())["leftOut"]).not.toHaveProperty("preferences");
  expect(await read()).not.toHaveProperty("newer");
});

test("a new beginning forgets all but the temporary keys: the identity may name one", async () => {
  await write();
  const journal = await openJournal(stateDir, did, target);
  await journal.append({ type: "temporary-key", key: "did:key:zOne" });
  await journal.append({ type: "temporary-key" });
  await journal.append({ type: "temporary-key", key: "did:key:zTwo" });
  await journal.append({ ...begin, archive: "/elsewhere", restore: true });
  await journal.close();
  const kept = { temporaryKey: "did:key:zTwo", temporaryKeys: ["did:key:zOne", "did:key:zTwo"] };
  expect(await read()).toEqual({ ...withoutType, archive: "/elsewhere", restore: true, ...kept });
});

test("a last line that was cut off anywhere is as if it had never been written", async () => {
  const file = await write();
  const whole = await readFile(file);
  const lastLine = whole.lastIndexOf("\n", whole.length - 2) + 1;
  for (let length = lastLine; length < whole.length - 1; length += 7) {
    await writeFile(file, whole.subarray(0, length));
    expect(await read()).not.toHaveProperty("signed");
    expect(await read()).toHaveProperty("newHandle");
  }
});

test("what is written behind a line that was cut off is read", async () => {
  const file = await write();
  await truncate(file, (await readFile(file)).length - 10);
  const journal = await openJournal(stateDir, did, target);
  await journal.append({ type: "handle", newHandle: "other.new.example.com" });
  await journal.close();
  expect(await read()).toMatchObject({ newHandle: "other.new.example.com" });
});

test("a line that was changed does not count", async () => {
  const file = await write();
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace("alice.new.example.com", "mallory.example.com"));
  expect(await read()).not.toHaveProperty("newHandle");
});

test("lines of no known kind are passed over", async () => {
  const file = await write();
  await appendFile(file, "no checksum at all, and a good length\n\n");
  expect(await read()).toHaveProperty("signed");
});

test("a byte that was changed is damage, and every piece of a last line is none", async () => {
  const file = await write();
  const journal = await openJournal(stateDir, did, target);
  await journal.append({
    type: "left-out",
    missing: [{ cid: "bafk", reason: "{é,", records: ["a/b"] }],
    notMoved: [{ cid: "bafk", reason: "", records: [], size: 3, archived: true }],
  });
  await journal.close();
  const whole = await readFile(file);
  const last = whole.lastIndexOf("\n", whole.length - 2) + 1;
  for (let at = 0; at < whole.length; at += 4) {
    const changed = Buffer.from(whole);
    changed[at] = 0x58;
    await writeFile(file, changed);
    expect([at, (await readJournals(stateDir)).damaged]).toEqual([at, [file]]);
  }
  for (let length = last; length < whole.length; length += 1) {
    const piece = whole.subarray(0, length);
    for (const torn of [piece, Buffer.concat([piece, Buffer.from("\n"), whole.subarray(0, last)])]) {
      await writeFile(file, torn);
      expect([length, (await readJournals(stateDir)).damaged]).toEqual([length, []]);
    }
  }
});

test("a journal that is empty is damaged; one that was opened, and told nothing, is not there", async () => {
  const journal = await openJournal(stateDir, did, target);
  await journal.close();
  expect(await readdir(path.join(stateDir, "migrations"))).toEqual([]);
  const file = await write();
  await writeFile(file, "");
  await writeFile(path.join(stateDir, "migrations", "other.journal"), line(begin));
  const { moves, damaged } = await knownMoves(stateDir);
  expect([moves.map((move) => move.did), damaged]).toEqual([[did], [file]]);
});

test("a journal is found by the DID, for its own target only", async () => {
  await write();
  expect(await findJournal(stateDir, did, target)).toMatchObject({ source: begin.source });
  expect(await findJournal(stateDir, did, "https://other.example.com")).toBeUndefined();
  expect(await findJournal(stateDir, "did:plc:other", target)).toBeUndefined();
});

test("the old and the new handle are remembered, and nobody else's", async () => {
  await write();
  expect(await rememberedDids(stateDir, begin.handle)).toEqual([did]);
  expect(await rememberedDids(stateDir, "alice.new.example.com")).toEqual([did]);
  expect(await rememberedDids(stateDir, "bob.example.com")).toEqual([]);
});

/** Notes a handle; what a run then has chosen, and what is told of the move. */
const told = async (state?: "taken" | "refused"): Promise<unknown[]> => {
  const journal = await openJournal(stateDir, did, target);
  await journal.append({
    type: "handle",
    newHandle: "alice.new.example.com",
    ...(state === undefined ? {} : { state }),
  });
  await journal.close();
  const { moves } = await knownMoves(stateDir);
  return [(await read())["newHandle"], moves[0]?.newHandle];
};

test("a handle is chosen until the server has refused it, and told once it was taken", async () => {
  await write();
  expect(await told()).toEqual(["alice.new.example.com", undefined]);
  expect(await told("refused")).toEqual([undefined, undefined]);
  expect(await told("taken")).toEqual(["alice.new.example.com", "alice.new.example.com"]);
});

test("facts belong to one move: a new beginning has none", async () => {
  await write();
  const journal = await openJournal(stateDir, did, target);
  await journal.append({ type: "compared", commit: "bafy" });
  await journal.append({ type: "skip-blobs", cids: ["bafk"] });
  await journal.append({ type: "left-out", missing: [], notMoved: [], preferences: { reason: "x", again: false } });
  await journal.append({ type: "source-compared", operation: "bafy" });
  await journal.append({ type: "frozen", frozen: true });
  await journal.append({ ...begin, at: "2026-12-01T00:00:00.000Z" });
  await journal.close();
  const { type: _, ...facts } = begin;
  expect(await read()).toEqual({ ...facts, at: "2026-12-01T00:00:00.000Z" });
});

test("what a version before said of the old server names no operation, and counts for none", async () => {
  const file = await write();
  await appendFile(file, line({ type: "source-compared" }));
  expect(await read()).not.toHaveProperty("sourceCompared");
});

test.each([
  ["a later format", { ...begin, format: 3 }, /format 3/],
  ["a line of a kind that is not known", { type: "teleported", to: "mars" }, /"teleported"/],
])("%s is refused by its name, whole as it is", async (_name, value, named) => {
  const file = await write();
  await appendFile(file, line(value));
  await expect(openJournal(stateDir, did, target)).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringMatching(named) as string,
  });
  // Cut off in the middle it was never written.
  await truncate(file, (await readFile(file)).length - 2);
  expect(await read()).toHaveProperty("signed");
});

/** A line as decamp writes it. */
function line(value: object): string {
  const text = JSON.stringify(value);
  return `${createHash("sha256").update(text).digest("hex").slice(0, 16)} ${text}\n`;
}
