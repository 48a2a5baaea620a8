import * as fc from "fast-check";
import { expect, test } from "vitest";
import { checkOperation } from "../../src/plc/check.ts";
import { diffOperations } from "../../src/plc/diff.ts";
import { normalizeOperation } from "../../src/plc/operation.ts";
import type { PlcOperation, UnsignedOperation } from "../../src/plc/operation.ts";
import { moveOperation } from "../../src/plc/update.ts";
import type { Move } from "../../src/plc/update.ts";
import { testCid, testKey } from "../tools/plc.ts";

const pool = await Promise.all(Array.from({ length: 9 }, async (_, index) => (await testKey(`pool ${index}`)).did));

const key = fc.constantFrom(...pool);
const keys = fc.uniqueArray(key, { maxLength: 6 });
const name = fc.oneof(fc.constantFrom("atproto", "atproto_pds", "__proto__", "constructor", "bsky_fg"), fc.string());
const alias = fc.oneof(
  fc.constantFrom("a", "b", "c", "d").map((label) => `at://${label}.example.com`),
  fc.webUrl(),
  fc.constant("at://not a handle"),
);
const service = fc.record({ type: fc.string(), endpoint: fc.webUrl() });
const map = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.array(fc.tuple(name, value), { maxLength: 5 }).map((entries) => Object.fromEntries(entries));

const head: fc.Arbitrary<PlcOperation> = fc.record({
  type: fc.constant("plc_operation" as const),
  // a head may list a key twice: the directory lets it
  rotationKeys: fc.array(key, { maxLength: 6 }),
  verificationMethods: map(key),
  alsoKnownAs: fc.uniqueArray(alias, { maxLength: 5 }),
  services: map(service),
  prev: fc.constant(null),
  sig: fc.constant(""),
});

const move: fc.Arbitrary<Move> = fc.record(
  {
    target: fc.record({
      rotationKeys: fc.uniqueArray(key, { minLength: 1, maxLength: 2 }),
      signingKey: key,
      alsoKnownAs: fc.constantFrom<readonly string[]>(
        [],
        ["at://new.example.com"],
        ["https://x.example", "at://c.example.com"],
      ),
      pds: fc.constant({ type: "AtprotoPersonalDataServer", endpoint: "https://new.example.com" }),
    }),
    sourceRotationKeys: keys,
    oldHandle: fc.constantFrom("a.example.com", "b.example.com", "z.example.com"),
    newHandle: fc.constantFrom("a.example.com", "d.example.com", "new.example.com"),
  },
  { requiredKeys: ["target", "sourceRotationKeys"] },
);

function moved(operation: PlcOperation, plan: Move): { before: UnsignedOperation; after: UnsignedOperation } {
  return {
    before: normalizeOperation(operation),
    after: moveOperation({ cid: testCid("head"), operation }, plan),
  };
}

/** Items without repetition, and without those that are excepted. */
function rest(items: readonly string[], ...except: readonly string[]): string[] {
  return [...new Set(items)].filter((item) => !except.includes(item));
}

function others(items: Readonly<Record<string, unknown>>, own: string): [string, unknown][] {
  return Object.entries(items).filter(([id]) => id !== own);
}

test("no key of the user is lost, and none gets another key above it", () => {
  fc.assert(
    fc.property(head, move, (operation, plan) => {
      const { before, after } = moved(operation, plan);
      const userKeys = rest(before.rotationKeys, ...plan.sourceRotationKeys);
      expect(after.rotationKeys.slice(0, userKeys.length)).toEqual(userKeys);
      const findings = checkOperation(after, {
        userKeys,
        headKeys: before.rotationKeys,
        expectedKeys: plan.target.rotationKeys,
        leavingKeys: plan.sourceRotationKeys,
      });
      const rules = findings.map(({ rule }) => rule);
      for (const rule of ["user-key-lost", "user-key-demoted", "unknown-key", "key-lost", "duplicate-rotation-key"]) {
        expect(rules).not.toContain(`plc/${rule}`);
      }
    }),
  );
});

test("the keys are the user's and the new server's, each once, and no other", () => {
  fc.assert(
    fc.property(head, move, (operation, plan) => {
      const { before, after } = moved(operation, plan);
      const expected = [...rest(before.rotationKeys, ...plan.sourceRotationKeys), ...plan.target.rotationKeys];
      expect(after.rotationKeys).toEqual([...new Set(expected)]);
    }),
  );
});

test("other methods and services are the same, in the same order", () => {
  fc.assert(
    fc.property(head, move, (operation, plan) => {
      const { before, after } = moved(operation, plan);
      expect(others(after.verificationMethods, "atproto")).toEqual(others(before.verificationMethods, "atproto"));
      expect(others(after.services, "atproto_pds")).toEqual(others(before.services, "atproto_pds"));
      expect(after.verificationMethods["atproto"]).toBe(plan.target.signingKey);
      expect(after.services["atproto_pds"]).toEqual(plan.target.pds);
    }),
  );
});

test("at most one alias leaves and one comes; the others keep their order", () => {
  fc.assert(
    fc.property(head, move, (operation, plan) => {
      const { before, after } = moved(operation, plan);
      const added = rest(after.alsoKnownAs, ...before.alsoKnownAs);
      const removed = rest(before.alsoKnownAs, ...after.alsoKnownAs);
      expect(added.length).toBeLessThanOrEqual(1);
      expect(removed.length).toBeLessThanOrEqual(1);
      expect(removed.every((text) => text.startsWith("at://"))).toBe(true);
      const first = after.alsoKnownAs[0] ?? "";
      expect(rest(after.alsoKnownAs, first)).toEqual(rest(before.alsoKnownAs, first, ...removed));
      const asked = plan.newHandle ?? plan.target.alsoKnownAs.find((text) => text.startsWith("at://"))?.slice(5);
      expect(asked === undefined || first === `at://${asked}`).toBe(true);
    }),
  );
});

test("the differences that are shown explain the whole change, and a second move changes nothing", () => {
  fc.assert(
    fc.property(head, move, (operation, plan) => {
      const { before, after } = moved(operation, plan);
      const shown = diffOperations(before, after).map(({ field }) => field);
      const allowed =
        /^(rotationKeys|alsoKnownAs)(\[\d+\])?$|^verificationMethods\.atproto$|^services\.atproto_pds(\.type|\.endpoint)?$/;
      expect(shown.filter((field) => !allowed.test(field))).toEqual([]);
      const again = moved({ ...after, sig: "" }, { target: plan.target, sourceRotationKeys: [] }).after;
      const settled = plan.newHandle === undefined ? diffOperations(after, again) : [];
      expect(settled).toEqual([]);
    }),
  );
});
