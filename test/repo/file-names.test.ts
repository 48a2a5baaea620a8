import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isDecampError } from "../../src/errors.ts";
import { recordFileName, recordPath } from "../../src/archive/record-files.ts";

const rkey = fc
  .oneof(
    fc.string({
      unit: fc.constantFrom(...`ABCXYZabcxyz0189.-_~:=`.replace("=", "").split("")),
      minLength: 1,
      maxLength: 512,
    }),
    fc.constantFrom(
      "con",
      "CON",
      "nul.txt",
      "com1",
      "Aux",
      "...",
      "..a",
      "a.",
      "-",
      "x".repeat(512),
      "A".repeat(512),
      ".".repeat(300),
    ),
  )
  .filter((text) => text !== "." && text !== "..");
const path = fc
  .tuple(fc.constantFrom("app.bsky.feed.post", "com.Example.myRecord", "aux.con.nul"), rkey)
  .map((parts) => parts.join("/"));

const device = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?$/i;

test("a name leads back to its key, and is one that every system takes", () => {
  fc.assert(
    fc.property(path, (key) => {
      const name = recordFileName(key);
      expect(recordPath(name)).toBe(key);
      expect(name).toMatch(/^[a-z0-9\-_.=/]+$/);
      for (const part of name.split("/")) {
        expect(part).not.toMatch(/^\.|\.$|^$/);
        expect(part).not.toMatch(device);
        expect(part.length).toBeLessThan(255);
      }
    }),
    { numRuns: 2000 },
  );
});

test("names differ where keys differ, even where case does not count", () => {
  fc.assert(
    fc.property(path, path, (a, b) => {
      expect(recordFileName(a).toLowerCase() === recordFileName(b).toLowerCase()).toBe(a === b);
    }),
    { numRuns: 2000 },
  );
  const lower = recordFileName("app.bsky.feed.post/abc").toLowerCase();
  expect(recordFileName("app.bsky.feed.post/aBc").toLowerCase()).not.toBe(lower);
});

test("no name is the folder of another", () => {
  const long = recordFileName(`a.b.c/${"x".repeat(512)}`).split("/");
  expect(recordFileName(`a.b.c/${"x".repeat(200)}`)).not.toBe(long.slice(0, 2).join("/"));
});

test.each([
  ["app.bsky.feed.post/3jzfcijpj2z2a", "app.bsky.feed.post/3jzfcijpj2z2a.json"],
  ["app.bsky.actor.profile/self", "app.bsky.actor.profile/self.json"],
  ["com.example.myRecord/A:b", "com.example.my=record/=a=3ab.json"],
  ["a.b.c/con", "a.b.c/=63on.json"],
  ["a.b.c/...", "a.b.c/=2e.=2e.json"],
])("%s → %s", (key, name) => {
  expect(recordFileName(key)).toBe(name);
});

describe("is no path of a record:", () => {
  test.each(["", "/", "a", "a/", "/a", "a/b/c", "../a/b", "a.b.c/\0", "a.b.c/ü"])("%j", (key) => {
    expect(() => recordFileName(key)).toThrow(expect.toSatisfy((error) => isDecampError(error, "damaged")) as Error);
  });
});

test.each(["a.b.c/x", "x.json", "a.b.c/X.json", "a.b.c/=2d.json", "../a.b.c/x.json", "a.b.c/x=.json"])(
  "%j is no file of ours",
  (name) => {
    expect(recordPath(name)).toBeUndefined();
  },
);
