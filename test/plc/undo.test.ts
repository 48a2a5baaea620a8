/** Undoing one operation, and keeping what its owner has changed since. */
import { describe, expect, test } from "vitest";
import { undoBetween } from "../../src/plc/undo.ts";
import type { UnsignedOperation } from "../../src/plc/operation.ts";

function said(parts: Partial<UnsignedOperation> & { server: string }): UnsignedOperation {
  const { server, ...rest } = parts;
  return {
    type: "plc_operation",
    rotationKeys: ["own", server],
    verificationMethods: { atproto: `key of ${server}` },
    alsoKnownAs: [`at://alice.${server}.example`],
    services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: `https://${server}.example` } },
    prev: null,
    ...rest,
  };
}

const before = said({ server: "old" });
const moved = said({ server: "new" });

test("where nothing has come after it, all is as before", () => {
  expect(undoBetween(before, moved, moved)).toEqual(before);
});

const undone = (old: string[], then: string[], now: string[]): readonly string[] =>
  undoBetween({ ...before, rotationKeys: old }, { ...moved, rotationKeys: then }, { ...moved, rotationKeys: now })
    .rotationKeys;

describe("rotation keys", () => {
  test.each<[string, string[], string[], string[], string[]]>([
    ["added first stays first", ["own", "old"], ["own", "new"], ["added", "own", "new"], ["added", "own", "old"]],
    [
      "added last gets no other key above it",
      ["own", "old"],
      ["own", "new"],
      ["own", "new", "added"],
      ["own", "added", "old"],
    ],
    ["added before one that stays", ["own", "old"], ["own", "new"], ["own", "added", "new"], ["own", "added", "old"]],
    ["two added keep their order", ["own", "old"], ["own", "new"], ["x", "y", "own", "new"], ["x", "y", "own", "old"]],
    [
      "added between two that stay",
      ["one", "two", "old"],
      ["one", "two", "new"],
      ["one", "added", "two", "new"],
      ["one", "added", "two", "old"],
    ],
    [
      "above the old server's, where it stood first",
      ["old", "own"],
      ["own", "new"],
      ["x", "own", "new"],
      ["x", "old", "own"],
    ],
    ["taken out since stays out", ["own", "other", "old"], ["own", "other", "new"], ["own", "new"], ["own", "old"]],
    [
      "one that came since stays, whosever it is: it is shown",
      ["own", "old"],
      ["own", "new"],
      ["own", "newer"],
      ["own", "newer", "old"],
    ],
  ])("%s", (_name, old, then, now, expected) => {
    expect(undone(old, then, now)).toEqual(expected);
  });
});

test("the signing key and the server go back, whatever came of them since", () => {
  const since = {
    ...moved,
    verificationMethods: { atproto: "a rotated key", labeler: "own label key" },
    services: {
      atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://new2.example" },
      labeler: { type: "AtprotoLabeler", endpoint: "https://labels.example" },
    },
  };
  expect(undoBetween(before, moved, since)).toEqual({
    ...before,
    verificationMethods: { ...before.verificationMethods, labeler: "own label key" },
    services: { ...before.services, labeler: since.services.labeler },
  });
});

test("a service that was taken out since does not come back, and an alias that was added stays behind the handle", () => {
  const labeler = { labeler: { type: "AtprotoLabeler", endpoint: "https://labels.example" } };
  const old = { ...before, services: { ...before.services, ...labeler } };
  const then = { ...moved, services: { ...moved.services, ...labeler } };
  const now = { ...moved, alsoKnownAs: [...moved.alsoKnownAs, "https://alice.example"] };
  expect(undoBetween(old, then, now)).toEqual({
    ...before,
    alsoKnownAs: [...before.alsoKnownAs, "https://alice.example"],
  });
});
