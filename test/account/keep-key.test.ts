import { describe, expect, test } from "vitest";
import { keepKey, type KeyForm } from "../../src/account/keep-key.ts";
import { DecampError } from "../../src/errors.ts";
import { parsePrivateKey } from "../../src/identity/private-key.ts";
import type { KeyStore } from "../../src/services/secrets/key-store.ts";

const key = parsePrivateKey("7".repeat(64));
const other = parsePrivateKey("8".repeat(64));
const form: KeyForm = { write: (made) => made.reveal(), read: async (text) => parsePrivateKey(text) };

/** A store that gives back what `change` makes of what it was given. */
function storeThat(change: (text: string) => string | undefined): KeyStore & { calls: string[] } {
  const calls: string[] = [];
  let kept: string | undefined;
  return {
    calls,
    keep: async (text) => {
      calls.push("keep");
      kept = change(text);
    },
    recall: async () => {
      calls.push("recall");
      return kept;
    },
  };
}

test("a key is kept, and what is handed on is what was read back", async () => {
  const store = storeThat((text) => text);
  const kept = await keepKey(store, key, form);
  expect(store.calls).toEqual(["keep", "recall"]);
  expect(kept).not.toBe(key);
  expect(kept.didKey).toBe(key.didKey);
});

describe("nobody relies on a key that was not kept", () => {
  test.each<[string, (text: string) => string | undefined, object]>([
    [
      "nothing comes back",
      () => undefined,
      { code: "storage", message: expect.stringContaining("not there") as string },
    ],
    [
      "another key comes back",
      () => other.reveal(),
      { code: "storage", message: expect.stringContaining("another key") as string },
    ],
    ["half of it comes back", (text) => text.slice(0, 20), { code: "key-unusable" }],
  ])("%s", async (_name, change, expected) => {
    await expect(keepKey(storeThat(change), key, form)).rejects.toMatchObject(expected);
  });

  test("it cannot be kept", async () => {
    const store = storeThat(() => {
      throw new DecampError("no-keychain", "none");
    });
    await expect(keepKey(store, key, form)).rejects.toMatchObject({ code: "no-keychain" });
    expect(store.calls).toEqual(["keep"]);
  });
});
