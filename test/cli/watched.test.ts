/** Who is watched of a folder of archives: those that are there, and those that come. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { archivedAccounts } from "../../src/cli/plc/watched.ts";

const archive = path.resolve("fixtures/compat/cfdfa5a/archive/files");
const [newest = ""] = readdirSync(path.join(archive, "snapshots")).toSorted().toReversed();
const manifest = (at: string): string => path.join(at, "snapshots", newest, "manifest.json");
const { did } = JSON.parse(readFileSync(manifest(archive), "utf8")) as { did: string };
const other = `did:plc:${"a".repeat(24)}`;
const { signal } = new AbortController();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "decamp-watched-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test("an archive that comes is found by a later look, once; one that is only begun is told of once", async () => {
  const [first, second] = [path.join(folder, "first"), path.join(folder, other.replaceAll(":", "-"))];
  cpSync(archive, first, { recursive: true });
  cpSync(archive, second, { recursive: true });
  writeFileSync(manifest(second), readFileSync(manifest(second), "utf8").replaceAll(did, other));
  renameSync(path.join(second, "snapshots"), path.join(folder, "aside"));
  const said: string[] = [];
  const watched = await archivedAccounts(folder, (_, message) => said.push(message), signal);
  expect(watched).toMatchObject({ dids: [did], unwatched: [{ path: second }] });
  expect(watched.archived.get(did)).toMatch(/^bafyrei/);
  expect(await watched.joined()).toEqual([]);
  expect(said).toEqual([expect.stringContaining(`${second} is not watched: `)]);
  renameSync(path.join(folder, "aside"), path.join(second, "snapshots"));
  expect(await watched.joined()).toEqual([other]);
  // What was read is not read again.
  writeFileSync(manifest(first), "rubbish");
  expect(await watched.joined()).toEqual([]);
  expect(said).toHaveLength(1);
});
