/** What a snapshot lacks comes from whoever has it, and nothing is believed. */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { completeSnapshot, type BlobGiver } from "../../src/archive/export/complete-snapshot.ts";
import { blobFile, snapshotFile, snapshotFolder } from "../../src/archive/layout.ts";
import { parseManifest, type Manifest } from "../../src/archive/manifest.ts";
import { cidFor } from "../../src/data/cid.ts";
import { DecampError } from "../../src/errors.ts";

const archive = await mkdtemp(path.join(tmpdir(), "decamp-complete-"));
afterAll(async () => rm(archive, { recursive: true }));

const [one, two, three] = ["one", "two", "three"].map((text) => ({ text, cid: cidFor("raw", Buffer.from(text)) }));
const wanted = [one!, two!, three!];

/** Somebody who answers with these texts, whatever is asked for. */
function giver(name: string, texts: Record<string, string>): BlobGiver {
  return {
    name,
    open: async (cid) => {
      const text = texts[cid];
      if (text === undefined) {
        throw new DecampError("server-refused", `${name} has no such blob.`, { data: { error: "BlobNotFound" } });
      }
      const bytes = (async function* (): AsyncGenerator<Uint8Array> {
        yield Promise.resolve(Buffer.from(text));
      })();
      return Promise.resolve({ bytes, mimeType: "text/plain", length: text.length });
    },
  };
}

test("each is asked in turn; what is wrong is not taken, and what nobody has stays missing", async () => {
  const snapshot = "3mfxgngas2222";
  await mkdir(snapshotFolder(archive, snapshot), { recursive: true });
  const manifest: Manifest = {
    format: 1,
    snapshot,
    writtenBy: "test",
    createdAt: "2026-01-05T12:00:00.000Z",
    did: "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
    source: "https://old.example.com",
    commit: one!.cid,
    rev: snapshot,
    data: two!.cid,
    records: 3,
    collections: {},
    files: {},
    blobs: [],
    blobBytes: 0,
    missing: wanted.map(({ cid }) => ({ cid, reason: "not found", records: [`a.b.c/${cid}`] })),
  };
  const failures: string[] = [];
  const completed = await completeSnapshot(
    archive,
    manifest,
    [
      { name: "dead", open: () => Promise.reject(new DecampError("rate-limited", "not now")) },
      giver("liar", { [one!.cid]: "one", [two!.cid]: "another" }),
      giver("mirror", { [two!.cid]: "two" }),
    ],
    {
      concurrency: 2,
      signal: new AbortController().signal,
      pause: () => Promise.resolve(),
      now: Date.parse("2026-02-01T00:00:00.000Z"),
      lockOwner: { pid: process.pid, host: "here", isAlive: () => true },
      onFailure: ({ name }) => failures.push(name),
      onProgress: () => undefined,
    },
  );
  expect(failures).toEqual(["dead"]);
  expect(completed.missing.map(({ cid }) => cid)).toEqual([three!.cid]);
  expect(completed.missing[0]?.reason).toBe("not found");
  expect(new Map(completed.blobs.map(({ cid, size }) => [cid, size]))).toEqual(
    new Map([
      [one!.cid, 3],
      [two!.cid, 3],
    ]),
  );
  expect(completed).toMatchObject({ blobBytes: 6, updatedAt: "2026-02-01T00:00:00.000Z" });
  const written = snapshotFile(archive, snapshot, "manifest");
  expect(parseManifest(await readFile(written), written)).toEqual(completed);
  expect(await readFile(blobFile(archive, two!.cid), "utf8")).toBe("two");
});
