import { assert, constantFrom, oneof, property, string, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import { recordFile, recordPath } from "../../src/archive/record-names.ts";

const rkey = string({ unit: constantFrom(..."abcXYZ019.-_~:".split("")), minLength: 1, maxLength: 512 });
const anyName = oneof(rkey, string({ unit: "binary", minLength: 1, maxLength: 40 }));

describe("a record's path as a file name", () => {
  test.each([
    ["app.bsky.feed.post/3jzfcijpj2z2a", "app.bsky.feed.post/3jzfcijpj2z2a.json"],
    ["app.bsky.actor.profile/self", "app.bsky.actor.profile/self.json"],
    ["app.example.camelCase/a", "app.example.camel%43ase/a.json"],
    ["a.b.c/A", "a.b.c/%41.json"],
    ["a.b.c/did:web:x", "a.b.c/did%3aweb%3ax.json"],
    ["a.b.c/a~1", "a.b.c/a%7e1.json"],
    ["a.b.c/..", "a.b.c/%2e..json"],
    ["a.b.c/.hidden", "a.b.c/%2ehidden.json"],
    ["a.b.c/con", "a.b.c/%63on.json"],
    ["a.b.c/lpt1.x", "a.b.c/%6cpt1.x.json"],
    ["con.b.c/console", "%63on.b.c/console.json"],
    ["a.b.c/%41", "a.b.c/%2541.json"],
  ])("%s", (path, file) => {
    expect(recordFile(path).join("/")).toBe(file);
    expect(recordPath(file.split("/"))).toBe(path);
  });

  test("leads back to the path, whatever the path", () => {
    assert(
      property(anyName, anyName, (collection, key) => {
        const path = `${collection.replaceAll("/", "")}a/${key.replaceAll("/", "")}b`;
        expect(recordPath(recordFile(path))).toBe(Buffer.from(path).toString());
      }),
    );
  });

  test("is safe on every system", () => {
    assert(
      property(anyName, anyName, (collection, key) => {
        for (const part of recordFile(`${collection.replaceAll("/", "")}a/${key.replaceAll("/", "")}b`)) {
          expect(part).toMatch(/^[a-z0-9_%-][a-z0-9_.%-]*$/);
          expect(part).not.toMatch(/[. ]$/);
          expect(part.length).toBeLessThanOrEqual(210);
          expect(part).not.toMatch(/^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/);
        }
      }),
    );
  });

  test("keeps apart what differs only by case", () => {
    assert(
      property(tuple(rkey, rkey), ([a, b]) => {
        const names = [a, b].map((name) => recordFile(`a.b.c/${name}`).join("/").toLowerCase());
        expect(names[0] === names[1]).toBe(a === b);
      }),
    );
  });

  test("a file that is never written is no record", () => {
    for (const file of ["a.b.c/A.json", "a.b.c/self.txt", "a.b.c", "a.b.c/d/e.json", "a.b.c/%4.json", "a/../b.json"]) {
      expect(recordPath(file.split("/"))).toBeUndefined();
    }
  });

  test("what is no path of a record is refused", () => {
    for (const path of ["", "a", "/a", "a/", "a/b/c"]) {
      expect(() => recordFile(path)).toThrow("This is no path of a record");
    }
  });
});
