import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createSeenHeads } from "../../src/services/disk/seen-heads.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-heads-"));
afterAll(() => rmSync(folder, { recursive: true }));
const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const head = { did, cid: "bafyreiabc", seenAt: "2026-01-05T12:00:00.000Z" };

test("what is remembered is recalled by another run, and readable by its owner alone", async () => {
  const heads = createSeenHeads(folder);
  expect(await heads.recall(did)).toBeUndefined();
  await heads.remember({ ...head, cid: "bafyreiolder" });
  await heads.remember(head);
  expect(await createSeenHeads(folder).recall(did)).toEqual(head);
  expect(readdirSync(join(folder, "heads"))).toEqual(["did-plc-ewvi7nxzyoun6zhxrhs64oiz.json"]);
  expect(statSync(heads.place(did)).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, "heads")).mode & 0o777).toBe(0o700);
});

test("runs that remember at the same time do not disturb each other", async () => {
  const shared = join(folder, "shared");
  const cids = Array.from({ length: 50 }, (_, index) => `bafyrei${index}`);
  await Promise.all(cids.map(async (cid) => createSeenHeads(shared).remember({ ...head, cid })));
  expect(cids).toContain((await createSeenHeads(shared).recall(did))?.cid);
  expect(readdirSync(join(shared, "heads"))).toEqual(["did-plc-ewvi7nxzyoun6zhxrhs64oiz.json"]);
});

test.each(["", "{}", "null", '{"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa","cid":"x","seenAt":"y"}'])(
  "a file that holds %j is no memory, and is not taken for none",
  async (text) => {
    const heads = createSeenHeads(folder);
    writeFileSync(heads.place(did), text);
    await expect(heads.recall(did)).rejects.toMatchObject({ code: "damaged", data: { path: heads.place(did) } });
  },
);
