import { globSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { isDecampError } from "../../src/errors.ts";
import { verifyLog } from "../../src/plc/log.ts";
import { fixturePath, fixtureText, folder, plcFixtures } from "./fixtures.ts";

const fixtures = await plcFixtures();

test("the committed files are what the generator makes, no more and no fewer", () => {
  expect(globSync("*/*.json", { cwd: folder.pathname }).toSorted()).toEqual(fixtures.map(fixturePath).toSorted());
  for (const fixture of fixtures) {
    expect(readFileSync(new URL(fixturePath(fixture), folder), "utf8")).toBe(fixtureText(fixture));
  }
});

/** What decamp says about a file: `valid`, or the rule that refuses it. */
function verdict(path: string): string {
  const { did, log } = JSON.parse(readFileSync(new URL(path, folder), "utf8")) as { did: string; log: unknown };
  try {
    verifyLog(did, log);
    return "valid";
  } catch (error) {
    return isDecampError(error, "identity-invalid") ? String(error.data["rule"]) : `threw ${String(error)}`;
  }
}

test.each(fixtures.map((fixture) => [fixturePath(fixture), fixture.expect]))("%s: %s", (path, expected) => {
  expect(verdict(path)).toBe(expected);
});

interface LibEntry {
  did: string;
  operation: unknown;
  cid: { toString(): string };
  nullified: boolean;
  createdAt: Date;
}

interface PlcLib {
  assureValidNextOp(did: string, ops: LibEntry[], proposed: unknown): Promise<{ nullified: { toString(): string }[] }>;
  getLastOpWithCid(ops: unknown[]): Promise<{ cid: LibEntry["cid"] }>;
  def: Record<"compatibleOp" | "compatibleOpOrTombstone", { safeParse(value: unknown): { success: boolean } }>;
}

const limits =
  "It holds to the limits of its time also when it reads: one to five rotation keys, and these two curves.";
const extra = "Its schemas let fields pass that do not belong there.";
const clock = "It never reads createdAt: times are the directory's own business.";
const spelling = "Its cryptography of 2022 takes signatures in forms that the specification forbids since 2025.";

/** Where the published library judges otherwise, and why. */
const libDiffers: ReadonlyMap<string, string> = new Map([
  ["no-rotation-key-any-more", limits],
  ["nine-rotation-keys", limits],
  ["verification-method-of-another-curve", limits],
  ["field-more", extra],
  ["field-more-in-a-service", extra],
  ["field-more-in-a-tombstone", extra],
  ["time-is-none", clock],
  ["recovery-at-the-time-of-the-head", clock],
  ["recovery-before-the-head", clock],
  ["signature-padded", spelling],
  ["signature-in-der", spelling],
  ["signature-with-high-s-p256", spelling],
]);

const lib = createRequire(import.meta.url)("@did-plc/lib") as PlcLib;

/**
 * Replays a log with the published library, as the directory did when it took the operations. The library counts the 72
 * hours by the clock on the wall, so the clock is put to the time of each entry.
 */
async function libAccepts(did: string, log: unknown): Promise<boolean> {
  if (!Array.isArray(log) || log.length === 0) {
    return false;
  }
  const all: LibEntry[] = [];
  try {
    for (const entry of log as { did: string; operation: unknown; cid: string; createdAt: string }[]) {
      if (entry.did !== did || !lib.def.compatibleOpOrTombstone.safeParse(entry.operation).success) {
        return false;
      }
      const createdAt = new Date(entry.createdAt);
      vi.setSystemTime(createdAt);
      const active = all.filter((other) => !other.nullified);
      const { nullified } = await lib.assureValidNextOp(did, active, entry.operation);
      const { cid } = await lib.getLastOpWithCid([entry.operation]);
      if (String(cid) !== entry.cid) {
        return false;
      }
      for (const other of all.filter((other) => nullified.map(String).includes(String(other.cid)))) {
        other.nullified = true;
      }
      all.push({ did, operation: entry.operation, cid, nullified: false, createdAt });
    }
  } catch {
    return false;
  }
  return all.every((entry, index) => entry.nullified === (log[index] as LibEntry).nullified);
}

describe("the published library", () => {
  beforeAll(() => {
    vi.useFakeTimers({ toFake: ["Date"] });
  });
  afterAll(() => {
    vi.useRealTimers();
  });

  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))("%s", async (_, fixture) => {
    const accepted = await libAccepts(fixture.did, JSON.parse(JSON.stringify(fixture.log)));
    const agrees = accepted === (fixture.expect === "valid");
    expect(agrees).toBe(!libDiffers.has(fixture.name));
  });
});
