/** Exports from a server that lies, breaks off, or names things as no server should. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ExportResult } from "../../src/archive/export/export-account.ts";
import type { ExportEvent } from "../../src/archive/events.ts";
import { hasAllBlobs, type Manifest } from "../../src/archive/manifest.ts";
import type { LocatedAccount } from "../../src/account/find.ts";
import { exportLines } from "../../src/cli/export/result.ts";
import { commandLine } from "../../src/cli/command-line.ts";
import { encodeCbor } from "../../src/data/cbor.ts";
import { DecampError } from "../../src/errors.ts";
import { readRoot } from "../../src/repo/block-index.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { Records, assemble, ok, repo, signer } from "../repo/fixtures/fixture.ts";
import { CidLink } from "../../src/data/cid.ts";
import { sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { aliceDid, makeAccount, type Account } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";
import { cid, exportInto, giveBlob, hostile, lonely, lonelyCid, picture, withPicture } from "./hostile-server.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "decamp-hostile-"));
});
afterEach(async () => rm(folder, { recursive: true }));

async function exportFrom(
  server: ScriptedServer,
  account: Account,
  options: { signal?: AbortSignal; onEvent?: (event: ExportEvent) => void } = {},
): Promise<ExportResult> {
  return exportInto(join(folder, "archive"), server, account, options);
}

/** Every file under the folder, which is the parent of the archive. */
async function files(): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** A manifest without its time. */
function timeless(manifest: Manifest): object {
  return { ...manifest, createdAt: "" };
}

const blobPath = (of: string): string => `archive/blobs/${of.slice(-2)}/${of}`;

test("a repository of several megabytes lies on the disk as it came", async () => {
  const account = await makeAccount({
    records: Array.from({ length: 60 }, (_, index) => ({
      key: `app.example.note/n${index + 10}`,
      value: { text: `${index}`.repeat(60_000) },
    })),
  });
  await using server = await hostile({ account });
  const { manifest, received } = await exportFrom(server, account);
  const came = await readFile(join(folder, "archive", "snapshots", manifest.snapshot, "repo.car"));
  expect(received.repoBytes).toBeGreaterThan(5_000_000);
  expect(came.equals(makeCar(account.commit.cid, account.blocks))).toBe(true);
});

async function noDocument(): Promise<never> {
  await setImmediate();
  throw new DecampError("unreachable", "The directory does not answer.");
}

test("a DID document that cannot be had ends an export before the blobs, and the next one has the repository", async () => {
  const account = await makeAccount({ records: withPicture("image/png") });
  await using server = await hostile({ account });
  const archive = join(folder, "archive");
  await expect(exportInto(archive, server, account, {}, { document: noDocument })).rejects.toMatchObject({
    code: "unreachable",
  });
  const asked = (): string[] => server.requests.map(({ path }) => path.replace(/.*sync\.|\?.*/g, ""));
  expect(asked()).toContain("getRepo");
  expect(asked()).not.toContain("getBlob");
  expect((await exportInto(archive, server, account)).manifest.blobs).toHaveLength(1);
  expect(asked().filter((method) => method === "getRepo")).toHaveLength(1);
});

/** An account with this record, in hexadecimal digits. */
async function brokenAccount(record: string): Promise<{ account: Account; car: Buffer }> {
  const account = await makeAccount({ records: [] });
  const records = new Records().addBytes("app.example.note/one", Buffer.from(record, "hex"));
  const car = assemble(await repo("broken", "", ok, { records }), "as-made");
  return { account: { ...account, signer, commit: { ...account.commit, cid: readRoot(bytesSource(car)) } }, car };
}

describe("records that break the data model", () => {
  const ref = Buffer.from(encodeCbor({ $type: "blob", ref: new CidLink(cid), mimeType: "image/png", size: 9 }));
  // A float before the picture; and a head that nobody can read.
  const readable = `a26161fb3ff80000000000006162${ref.toString("hex")}`;
  const unreadable = `a261611c6162${ref.toString("hex")}`;

  test("a picture of a record with a float is in the archive", async () => {
    const script = await brokenAccount(readable);
    await using server = await hostile(script);
    const { manifest } = await exportFrom(server, script.account);
    expect(manifest).toMatchObject({ blobs: [{ cid, mimeType: "image/png" }], missing: [], unreadRecords: [] });
    expect(hasAllBlobs(manifest)).toBe(true);
    expect(await files()).toContain(blobPath(cid));
  });

  test("an archive whose version did not look for it gets it, though the account has not changed", async () => {
    const script = await brokenAccount(readable);
    await using server = await hostile(script);
    const { manifest } = await exportFrom(server, script.account);
    const path = join(folder, "archive", "snapshots", manifest.snapshot, "manifest.json");
    const { unreadRecords: _, ...old } = { ...manifest, blobs: [], blobBytes: 0 };
    await writeFile(path, JSON.stringify(old));
    await rm(join(folder, blobPath(cid)));
    const second = await exportFrom(server, script.account);
    expect(second).toMatchObject({ mode: "present", received: { repoBytes: 0, blobs: 1 } });
    expect(second.manifest.blobs.map((blob) => blob.cid)).toEqual([cid]);
    expect(await exportFrom(server, script.account)).toMatchObject({ mode: "unchanged", received: { blobs: 0 } });
  });

  test("an archive is not called complete whose records cannot be read to the end", async () => {
    const script = await brokenAccount(unreadable);
    await using server = await hostile(script);
    const events: ExportEvent[] = [];
    const { manifest } = await exportFrom(server, script.account, { onEvent: (event) => events.push(event) });
    expect(manifest).toMatchObject({ blobs: [], missing: [], unreadRecords: ["app.example.note/one"] });
    expect(events).toContainEqual({
      type: "warning",
      code: "blobs-unknown",
      message: "Records cannot be read to their end (app.example.note/one): whether they need blobs is not known.",
    });
    const again = await exportFrom(server, script.account);
    expect([again.mode, hasAllBlobs(again.manifest)]).toEqual(["unchanged", false]);
    const lines = exportLines("archive", { did: aliceDid } as LocatedAccount, again, {
      quiet: true,
      complete: commandLine,
    });
    expect(lines.flat()).toEqual([
      {
        text: `The archive of ${aliceDid} holds all blobs that are known; 1 record cannot be read to the end, and may need more.`,
        style: "yellow",
      },
    ]);
  });
});

describe("names that a server chooses", () => {
  test("rkeys, media types and aliases are content, and never a path", async () => {
    const strange = ["...", "-", "~", "a:b", "CON", "nul.txt"].map((rkey) => `app.example.note/${rkey}`).sort();
    const account = await makeAccount({
      records: [...withPicture("../../../../tmp/picture"), ...strange.map((key) => ({ key, value: { key } }))].sort(
        (a, b) => (a.key < b.key ? -1 : 1),
      ),
    });
    await using server = await hostile({
      account,
      list: () => ({ cids: [lonelyCid] }),
      blob: (response, wanted) => {
        response.writeHead(200, { "content-type": "../../../../tmp/lonely" }).end(wanted === cid ? picture : lonely);
      },
    });
    const { manifest } = await exportFrom(server, account);
    expect(manifest.blobs.map(({ mimeType }) => mimeType).sort()).toEqual([
      "../../../../tmp/lonely",
      "../../../../tmp/picture",
    ]);
    const snapshot = `archive/snapshots/${manifest.snapshot}`;
    expect(await files()).toEqual(
      [
        "archive/README.txt",
        blobPath(cid),
        blobPath(lonelyCid),
        "archive/decamp.json",
        ...["did.json", "manifest.json", "repo.car"].map((name) => `${snapshot}/${name}`),
      ].sort(),
    );
  });

  test.each(["../../../outside", "/tmp/outside", `${cid}/../../outside`, cid.toUpperCase(), "", `${cid}\u0000`])(
    "a list of blobs with the name %j is no list of blobs",
    async (name) => {
      const account = await makeAccount({ records: withPicture("image/png") });
      await using server = await hostile({ account, list: () => ({ cids: [name] }) });
      await expect(exportFrom(server, account)).rejects.toMatchObject({ code: "bad-answer" });
      expect((await files()).filter((path) => path.includes("outside") || path.endsWith("manifest.json"))).toEqual([]);
    },
  );

  test("a manifest that was tampered with names no file outside of its folder", async () => {
    const account = await makeAccount({ records: withPicture("image/png") });
    await using server = await hostile({ account });
    const { manifest } = await exportFrom(server, account);
    const path = join(folder, "archive", "snapshots", manifest.snapshot, "manifest.json");
    const file = manifest.files["repo.car"];
    for (const name of ["../../x.car", "/etc/passwd", "..", "a/b.car"]) {
      await writeFile(path, JSON.stringify({ ...manifest, files: { ...manifest.files, [name]: file } }));
      // It counts as lost, and is written anew.
      expect((await exportFrom(server, account)).manifest.files).toEqual(manifest.files);
      expect(await readFile(path, "utf8")).not.toContain(name === ".." ? '"..":' : name);
    }
  });
});

describe("blobs that come broken", () => {
  test("other bytes: tried again, then reported, and nothing of it is stored; the next run tries again", async () => {
    const account = await makeAccount({ records: withPicture("image/png") });
    let good = false;
    await using server = await hostile({
      account,
      blob: (response) => response.end(good ? picture : "something else"),
    });
    const { manifest } = await exportFrom(server, account);
    expect(manifest.missing).toEqual([
      { cid, reason: expect.stringContaining("other bytes") as string, records: ["app.example.note/one"] },
    ]);
    expect(server.requests.filter(({ path }) => path.includes("getBlob"))).toHaveLength(3);
    expect((await files()).filter((path) => path.includes(cid))).toEqual([]);
    good = true;
    const again = await exportFrom(server, account);
    expect(again).toMatchObject({ mode: "present", manifest: { snapshot: manifest.snapshot, missing: [] } });
    expect(await readFile(join(folder, blobPath(cid)))).toEqual(picture);
  });

  test("short bytes: tried again", async () => {
    const account = await makeAccount({ records: withPicture("image/png") });
    await using server = await hostile({
      account,
      blob: (response, _wanted, count) => {
        if (count === 1) {
          response.writeHead(200, { "content-length": picture.length }).write(picture.subarray(0, 4), () => {
            response.destroy();
          });
        } else {
          giveBlob(response, cid);
        }
      },
    });
    expect((await exportFrom(server, account)).manifest).toMatchObject({ missing: [], blobs: [{ cid }] });
  });

  test("a web page, a redirect, an error of the server's own: each is reported, and the others come", async () => {
    const account = await makeAccount({ records: withPicture("image/png") });
    for (const answer of [
      (response: ServerResponse) => response.writeHead(302, { location: "https://store.invalid/" }).end(),
      (response: ServerResponse) => response.writeHead(404, { "content-type": "text/html" }).end("<html>"),
      (response: ServerResponse) => sendJson(response, 400, { error: "InvalidRequest", message: "Blob not found" }),
    ]) {
      await using server = await hostile({
        account,
        list: () => ({ cids: [lonelyCid] }),
        blob: (response, wanted) => (wanted === cid ? answer(response) : giveBlob(response, wanted)),
      });
      const { manifest } = await exportFrom(server, account);
      expect(manifest).toMatchObject({ missing: [{ cid }], blobs: [{ cid: lonelyCid }] });
      await rm(join(folder, "archive"), { recursive: true });
    }
  });

  test("what was missing the last time is known, and what is missing for the first time is not", async () => {
    const account = await makeAccount({ records: withPicture("image/png") });
    const lost = new Set([cid]);
    await using server = await hostile({
      account,
      list: () => ({ cids: [lonelyCid] }),
      blob: (response, wanted) => (lost.has(wanted) ? response.writeHead(404).end() : giveBlob(response, wanted)),
    });
    const next = async (): Promise<[number, ExportResult["asBefore"]]> => {
      const { manifest, asBefore } = await exportFrom(server, account);
      return [manifest.missing.length, asBefore];
    };
    expect(await next()).toEqual([1, undefined]);
    expect(await next()).toEqual([1, true]);
    lost.add(lonelyCid);
    await rm(join(folder, blobPath(lonelyCid)));
    expect(await next()).toEqual([2, undefined]);
    expect(await next()).toEqual([2, true]);
    lost.clear();
    expect(await next()).toEqual([0, undefined]);
  });

  test("a list that goes on for ever, with another cursor each time", async () => {
    const account = await makeAccount({ records: [] });
    let page = 0;
    await using server = await hostile({
      account,
      list: () => {
        page += 1;
        return { cids: Array.from({ length: 600 }, () => lonelyCid), cursor: `page-${page}` };
      },
    });
    await expect(exportFrom(server, account)).rejects.toMatchObject({ code: "bad-answer" });
    expect(page).toBe(2);
    expect((await files()).filter((path) => path.endsWith("manifest.json"))).toEqual([]);
  });
});

describe("a run that is stopped", () => {
  test.each(["repository", "blobs", "manifest"])(
    "at the step %s: the next one goes on, to the same end",
    async (step) => {
      const account = await makeAccount({ records: withPicture("image/png") });
      await using server = await hostile({ account, list: () => ({ cids: [lonelyCid] }) });
      const whole = await exportFrom(server, account);
      const expected = await files();
      await rm(join(folder, "archive"), { recursive: true });

      const stop = new AbortController();
      const stopped = exportFrom(server, account, {
        signal: stop.signal,
        onEvent: (event) => {
          if (event.type === "step" && event.id === step && event.state === "start") {
            stop.abort(new Error("stopped"));
          }
        },
      });
      // What is left to do at the end is not worth stopping for.
      const outcome = await stopped.then(
        () => "finished",
        (error: unknown) => (error as Error).message,
      );
      expect(outcome).toBe(step === "manifest" ? "finished" : "stopped");
      const requests = server.requests.length;
      const next = await exportFrom(server, account);
      expect(timeless(next.manifest)).toEqual(timeless(whole.manifest));
      expect(await files()).toEqual(expected);
      const asked = server.requests.slice(requests).map(({ path }) => path);
      expect(asked.some((path) => path.includes("getRepo"))).toBe(step === "repository");
    },
  );
});
