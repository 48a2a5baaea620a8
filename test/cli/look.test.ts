import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { recordPath } from "../../src/repo/file-names.ts";
import { makeAccount } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";
import { carOfAlice, oldPicture, picture } from "./support/car.ts";
import { run } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-look-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const { account, bytes } = await carOfAlice();
const car = join(folder, "alice.car");
writeFileSync(car, bytes);
const listed = account.leaves
  .map(({ key, value }) => `${key} ${value}`)
  .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

describe("repo ls", () => {
  test("a path and a CID a line, in the order of the paths", async () => {
    const { exitCode, stdout, stderr } = await run(["repo", "ls", car]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout.trimEnd().split("\n")).toEqual(listed);
  });

  test("only some collections", async () => {
    const wanted = ["--collection", "app.example.note", "--collection", "app.bsky.actor.profile"];
    const { stdout } = await run(["repo", "ls", car, ...wanted]);
    expect(stdout.trimEnd().split("\n")).toEqual(listed.filter((line) => /^app\.(example|bsky\.actor)/.test(line)));
  });

  test("as one JSON document, from the standard input", async () => {
    const { stdout } = await run(["repo", "ls", "-", "--json"], { input: bytes });
    expect(JSON.parse(stdout)).toEqual({
      type: "result",
      version: 1,
      command: "repo ls",
      records: listed.map((line) => ({ path: line.split(" ")[0], cid: line.split(" ")[1] })),
    });
  });

  test("an empty repository is an empty list", async () => {
    const empty = await makeAccount({ records: [] });
    const input = makeCar(empty.commit.cid, empty.blocks);
    expect((await run(["repo", "ls", "-"], { input })).stdout).toBe("");
    expect(JSON.parse((await run(["repo", "ls", "-", "--json"], { input })).stdout)).toMatchObject({ records: [] });
  });
});

describe("repo get", () => {
  test("the record as JSON: links, bytes, and integers that are not rounded", async () => {
    const { exitCode, stdout } = await run(["repo", "get", car, "app.example.note/Ab:c"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('"big": 9007199254740993');
    const link = { $link: picture };
    expect(JSON.parse(stdout)).toMatchObject({ bytes: { $bytes: "AQI" }, link, old: { cid: oldPicture } });
  });

  test("by its at:// address, and with --json its CID beside it", async () => {
    const { stdout } = await run(["repo", "get", car, "at://alice.example/app.bsky.actor.profile/self", "--json"]);
    expect(stdout.trimEnd()).not.toContain("\n");
    // Invisible characters are escaped, and stay the same value.
    expect(stdout).not.toMatch(/\p{Cf}/u);
    expect(JSON.parse(stdout)).toMatchObject({
      type: "result",
      version: 1,
      command: "repo get",
      path: "app.bsky.actor.profile/self",
      cid: account.leaves.find(({ key }) => key.endsWith("/self"))?.value,
      value: { displayName: "Alice\u202e" },
    });
  });

  test("a record that is not there: exit code 2", async () => {
    const { exitCode, stdout, stderr } = await run(["repo", "get", car, "app.bsky.feed.post/none"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain("There is no record app.bsky.feed.post/none in this repository.");
  });
});

describe("repo unpack", () => {
  test("one file a record, with names that lead back to the paths", async () => {
    const target = join(folder, "records");
    const { exitCode, stdout, stderr } = await run(["repo", "unpack", car, target]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
    expect(stderr).toBe(`53 records written to ${target}\n`);
    const files = readdirSync(target, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json"));
    const paths = files.map((name) => recordPath(name.split(sep).join("/")));
    expect(new Set(paths)).toEqual(new Set(account.leaves.map(({ key }) => key)));
    expect(paths).toHaveLength(53);
    // Two keys that differ only by case are two files on every system.
    expect(new Set(files.map((name) => name.toLowerCase())).size).toBe(53);
    expect(JSON.parse(readFileSync(join(target, "app.bsky.actor.profile", "self.json"), "utf8"))).toMatchObject({
      displayName: "Alice\u202e",
    });
  });

  test("a folder that has something in it is not touched: exit code 2", async () => {
    const target = mkdtempSync(join(folder, "full-"));
    writeFileSync(join(target, "mine"), "");
    const { exitCode, stderr } = await run(["repo", "unpack", car, target]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("There is something at");
    expect(readdirSync(target)).toEqual(["mine"]);
  });

  test("nothing is left when it fails on the way", async () => {
    const target = join(folder, "broken");
    const input = makeCar(account.commit.cid, account.blocks.slice(0, -1));
    const { exitCode, stderr } = await run(["repo", "unpack", "-", target], { input });
    expect(exitCode).toBe(3);
    expect(stderr).toContain("is not in the file");
    expect([existsSync(target), existsSync(`${target}.part`)]).toEqual([false, false]);
  });
});

describe("repo diff", () => {
  const value = { changed: true };
  const changed = account.leaves.map(({ key }) => key);
  const next = makeAccount({
    records: [...changed.slice(2).map((key) => ({ key, value })), { key: "app.example.note/new", value }],
  });

  test("signs, paths and CIDs", async () => {
    const after = await next;
    const path = join(folder, "next.car");
    writeFileSync(path, makeCar(after.commit.cid, after.blocks));
    const { exitCode, stdout } = await run(["repo", "diff", car, path]);
    expect(exitCode).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    const cid = after.leaves[0]?.value;
    const [first, , third] = account.leaves;
    expect(lines).toHaveLength(54);
    expect(lines).toContain(`- ${first?.key} ${first?.value}`);
    expect(lines).toContain(`~ ${third?.key} ${third?.value} ${cid}`);
    expect(lines).toContain(`+ app.example.note/new ${cid}`);
  });

  test("as one JSON document, one of the two from the standard input", async () => {
    const { stdout } = await run(["repo", "diff", car, "-", "--json"], { input: bytes });
    expect(JSON.parse(stdout)).toEqual({ type: "result", version: 1, command: "repo diff", changes: [] });
    const both = await run(["repo", "diff", "-", "-"], { input: bytes });
    expect(both.exitCode).toBe(2);
  });
});

describe("blob ls", () => {
  test("CID, size, MIME type, and the records that need it; typed and legacy refs", async () => {
    const { exitCode, stdout } = await run(["blob", "ls", car]);
    expect(exitCode).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toContain(`${picture} 9 image/png app.bsky.actor.profile/self app.example.note/ab:c`);
    expect(lines).toContain(`${oldPicture} - image/gif app.example.note/Ab:c`);
  });

  test("as one JSON document", async () => {
    const { stdout } = await run(["blob", "ls", car, "--json"]);
    const { blobs, ...rest } = JSON.parse(stdout) as { blobs: unknown[] };
    expect(rest).toEqual({ type: "result", version: 1, command: "blob ls" });
    const records = ["app.bsky.actor.profile/self", "app.example.note/ab:c"];
    expect(blobs).toContainEqual({ cid: picture, size: 9, mimeType: "image/png", records });
    expect(blobs).toContainEqual({ cid: oldPicture, mimeType: "image/gif", records: ["app.example.note/Ab:c"] });
  });
});

test("what is no repository ends with exit code 3 and says what it is", async () => {
  for (const argv of [
    ["repo", "ls", "-"],
    ["repo", "get", "-", "a.b.c/d"],
    ["repo", "unpack", "-", join(folder, "never")],
    ["blob", "ls", "-"],
  ]) {
    const { exitCode, stderr } = await run(argv, { input: "<!doctype html><p>" });
    expect(exitCode).toBe(3);
    expect(stderr).toContain("This is an HTML page, not a CAR file.");
  }
});
