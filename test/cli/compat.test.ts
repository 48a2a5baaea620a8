/** The archives of earlier versions, as those wrote them (test/tools/compat.ts), in the hands of this one. */
import { cpSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { run } from "./support/run.ts";

const folder = fileURLToPath(new URL("../../fixtures/compat/", import.meta.url));
const scratch = mkdtempSync(path.join(tmpdir(), "decamp-compat-"));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

/** What went into an archive. */
interface About {
  did: string;
  /** Of each snapshot. */
  records: readonly number[];
  blobs: number;
  /** What the later one has more. */
  added: object;
}

async function json(...args: string[]): Promise<unknown> {
  const { exitCode, stdout, stderr } = await run([...args, "--json"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return JSON.parse(stdout);
}

describe.each(globSync("*/archive", { cwd: folder }))("%s", (place) => {
  const archive = path.join(folder, place, "files");
  const about = JSON.parse(readFileSync(path.join(folder, place, "about.json"), "utf8")) as About;
  const snapshots = readdirSync(path.join(archive, "snapshots")).toSorted();

  test("verify proves it", async () => {
    const { did, records } = about;
    expect(await json("verify", archive)).toMatchObject({
      ok: true,
      did,
      records: records.at(-1),
      structure: "valid",
      signature: "valid",
      completeness: "complete",
    });
  });

  test("archive ls has both snapshots", async () => {
    const blobs = { count: about.blobs };
    expect(await json("archive", "ls", archive)).toMatchObject({
      did: about.did,
      snapshots: about.records.map((records) => ({ records, blobs, missing: 0, private: true })),
      storedBlobs: about.blobs,
    });
  });

  test("archive diff has what was written in between, and nothing else of the repository", async () => {
    const paths = snapshots.map((name) => path.join(archive, "snapshots", name));
    const { changes } = (await json("archive", "diff", ...paths)) as { changes: { what: string }[] };
    expect(changes.filter(({ what }) => what !== "file")).toMatchObject([
      { what: "record", kind: "added", path: expect.stringMatching(/^app\.bsky\.feed\.post\//) as string },
    ]);
  });

  test("repo unpack gives the records as they were written", async () => {
    const target = path.join(scratch, `${place.replaceAll("/", "-")}-unpacked`);
    await json("repo", "unpack", archive, target);
    const written = globSync("**/*.json", { cwd: target }).map(
      (name) => JSON.parse(readFileSync(path.join(target, name), "utf8")) as unknown,
    );
    expect(written).toContainEqual(about.added);
  });

  test("archive prune takes the older snapshot away, and what is left is proved", async () => {
    const copy = path.join(scratch, `${place.replaceAll("/", "-")}-pruned`);
    cpSync(archive, copy, { recursive: true });
    expect(await json("archive", "prune", copy, "--keep", "1")).toMatchObject({
      kept: snapshots.slice(1),
      removed: snapshots.slice(0, 1),
      blobs: { count: 0 },
    });
    expect(await json("verify", copy)).toMatchObject({ ok: true, records: about.records.at(-1) });
  });
});
