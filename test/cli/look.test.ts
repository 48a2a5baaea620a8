import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { recordPath } from "../../src/archive/record-files.ts";
import { encodeCbor } from "../../src/data/cbor.ts";
import { CidLink } from "../../src/data/cid.ts";
import { Records, assemble, ok, repo } from "../repo/fixtures/fixture.ts";
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

  test("an address of another account is refused; whether a handle is this account is not known", async () => {
    const path = "app.bsky.actor.profile/self";
    const own = await run(["repo", "get", car, `at://${account.did}/${path}`]);
    expect(own).toMatchObject({ exitCode: 0, stderr: "" });
    const other = await run(["repo", "get", car, `at://did:plc:44ybard66vv44zksje25o7dz/${path}`]);
    expect(other).toMatchObject({ exitCode: 2, stdout: "" });
    expect(other.stderr).toContain(`and this repository is that of ${account.did}.`);
    const handle = await run(["repo", "get", car, `at://alice.example/${path}`]);
    expect(handle.stdout).toBe(own.stdout);
    expect(handle.stderr).toBe(`Note: Whether alice.example is ${account.did} was not looked up.\n`);
    const none = await run(["repo", "get", car, "at://alice.example/app.bsky.actor.profile"]);
    expect(none).toMatchObject({ exitCode: 2, stdout: "" });
    expect(none.stderr).toContain("This is not the address of a record");
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

  test("a record of too many values is not written as JSON: it is named, with the limit that allows it", async () => {
    const names = (await run(["repo", "ls", car])).stdout.trimEnd().split("\n");
    const profile = "app.bsky.actor.profile/self";
    const few = ["--limit", "json-values=2"];
    const got = await run(["repo", "get", car, profile, ...few]);
    expect(got).toMatchObject({ exitCode: 3, stdout: "" });
    expect(got.stderr).toContain(`The record ${profile} has more than 2 values.`);
    expect(got.stderr).toContain("--limit json-values=NUMBER");
    const target = join(folder, "few");
    const { exitCode, stderr } = await run(["repo", "unpack", car, target, ...few]);
    expect(exitCode).toBe(6);
    expect(stderr.split("\n").filter((line) => line.startsWith("Left out: "))).toHaveLength(names.length);
    const json = await run(["repo", "unpack", car, join(folder, "few-2"), ...few, "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      records: 0,
      unreadable: [],
      oversized: names.map((line) => line.split(" ")[0]),
    });
  });

  test("a path that leads nowhere is told as that, and not as one that is taken", async () => {
    const target = join(folder, "a-file");
    writeFileSync(target, "mine");
    const taken = await run(["repo", "unpack", car, target]);
    expect(taken).toMatchObject({ exitCode: 2 });
    expect(taken.stderr).toContain(`There is something at ${target} already.`);
    const below = await run(["repo", "unpack", car, join(target, "x")]);
    expect(below).toMatchObject({ exitCode: 2 });
    expect(below.stderr).toContain(
      `${join(target, "x")} cannot be used: ${target} is a file, and no folder.\nHint: Check`,
    );
    const long = await run(["repo", "unpack", car, join(folder, "x".repeat(5000))]);
    expect(long).toMatchObject({ exitCode: 2 });
    expect(long.stderr).toContain("cannot be used: a name in it is too long.\nHint: Check the path.");
    expect(long.stderr.length).toBeLessThan(500);
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

describe("records that break the data model", () => {
  // {"a": 1.5, "b": a picture}; {"a": undefined}; one that ends early, with something that may be a picture.
  const ref = Buffer.from(
    encodeCbor({ $type: "blob", ref: new CidLink(picture), mimeType: "image/png", size: 9 }),
  ).toString("hex");
  const broken = repo("broken", "", ok, {
    records: new Records()
      .addBytes("a.b.c/cut", Buffer.from(`a261616261`, "hex"))
      .addBytes("a.b.c/float", Buffer.from(`a26161fb3ff80000000000006162${ref}`, "hex"))
      .addBytes("a.b.c/hidden", Buffer.from(`a261611c6162${ref}`, "hex"))
      .addBytes("a.b.c/undefined", Buffer.from("a16161f7", "hex")),
  }).then((fixture) => assemble(fixture, "as-made"));

  test("get shows what JSON has no form for, marked, and says so", async () => {
    const input = await broken;
    const shown = await run(["repo", "get", "-", "a.b.c/float"], { input });
    expect(shown.exitCode).toBe(0);
    expect(JSON.parse(shown.stdout)).toMatchObject({ a: { $float: 1.5 }, b: { ref: { $link: picture } } });
    expect(shown.stderr).toContain("This record breaks the data model: There is a floating-point number.");
    const json = await run(["repo", "get", "-", "a.b.c/undefined", "--json"], { input });
    expect(JSON.parse(json.stdout)).toMatchObject({
      fault: "There is a simple value other than false, true and null.",
      value: { a: { $undefined: true } },
    });
    const cut = await run(["repo", "get", "-", "a.b.c/cut"], { input });
    expect(cut).toMatchObject({ exitCode: 3, stdout: "" });
    expect(cut.stderr).toContain(
      "the standard input: the record a.b.c/cut has no JSON form. The CBOR ends in the middle of a value.",
    );
    expect(shown.stderr + json.stderr + cut.stderr).not.toContain("canonical");
  });

  test("unpack writes them, marked, and leaves out what cannot be read", async () => {
    const target = join(folder, "broken-records");
    const { exitCode, stdout } = await run(["repo", "unpack", "-", target, "--json"], { input: await broken });
    expect(exitCode).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject({
      records: 2,
      marked: ["a.b.c/float", "a.b.c/undefined"],
      unreadable: ["a.b.c/cut", "a.b.c/hidden"],
    });
    expect(JSON.parse(readFileSync(join(target, "a.b.c", "float.json"), "utf8"))).toMatchObject({ a: { $float: 1.5 } });
  });

  test("blob ls has the blobs in them; exit code 6 where some may be lacking", async () => {
    const { exitCode, stdout, stderr } = await run(["blob", "ls", "-"], { input: await broken });
    expect({ exitCode, stdout }).toEqual({ exitCode: 6, stdout: `${picture} 9 image/png a.b.c/float\n` });
    expect(stderr).toBe("Not known: a.b.c/hidden cannot be read to its end, and may need more blobs.\n");
    const json = await run(["blob", "ls", "-", "--json"], { input: await broken });
    expect({ ...json, stdout: JSON.parse(json.stdout) as unknown }).toMatchObject({
      exitCode: 6,
      stdout: { blobs: [{ cid: picture }], unreadRecords: ["a.b.c/hidden"] },
      stderr: "",
    });
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
    expect(stderr).toContain("Error: the standard input: this looks like an HTML page, not like a CAR file.");
  }
});
