/**
 * A log at its limits, and beyond them: it is measured before any of its signatures is checked, and proved slice by
 * slice.
 */
import { expect, test } from "vitest";
import { limitsWith, type Limits } from "../../src/data/budgets.ts";
import { inTurns } from "../../src/data/slices.ts";
import { auditLogFile } from "../../src/plc/log-file.ts";
import { logSlices, proveLog, verifyLog } from "../../src/plc/log.ts";
import { operationBytes, parseSignedOperation, type PlcOperation } from "../../src/plc/operation.ts";
import { auditLog, operation, signed, testCid, testKey } from "../tools/plc.ts";

const key = await testKey("limits");
const first = await signed(operation(null, { rotationKeys: [key.did], alsoKnownAs: ["at://a.test"] }), key);
const second = await signed(operation(testCid(first), { rotationKeys: [key.did], alsoKnownAs: ["at://b.test"] }), key);
const entries = auditLog([first, second]);
const did = entries[0]!.did;
/** A signature that nobody made. Whoever checks it says so. */
const sig = Buffer.alloc(64, 1).toString("base64url");

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `at://a${i}.test`);
const entry = (more: object): unknown => ({ ...first, sig, ...more });
const sized = (bytes: number): unknown => {
  const empty = { ...first, sig, alsoKnownAs: [""] } as PlcOperation;
  // A text of 256 letters and more has three bytes before it; the empty one has one.
  return { ...empty, alsoKnownAs: ["x".repeat(bytes - operationBytes(empty).length - 2)] };
};
const methods = (count: number): object =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, key.did]));
const services = (count: number): object =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${i}`, { type: "x", endpoint: "https://x.test" }]));

test.each<[string, Partial<Limits>, (amount: number) => unknown, number, string]>([
  ["names", { operationEntries: 12 }, (n) => entry({ alsoKnownAs: names(n) }), 12, "operation-entries"],
  [
    "rotation keys",
    { operationEntries: 12 },
    (n) => entry({ rotationKeys: Array(n).fill(key.did) }),
    12,
    "operation-entries",
  ],
  [
    "verification methods",
    { operationEntries: 12 },
    (n) => entry({ verificationMethods: methods(n) }),
    12,
    "operation-entries",
  ],
  ["services", { operationEntries: 12 }, (n) => entry({ services: services(n) }), 12, "operation-entries"],
  ["bytes", {}, sized, 7500, "operation-bytes"],
])("%s of an operation", (_name, changed, make, most, name) => {
  const limits = limitsWith(changed);
  expect(parseSignedOperation(make(most), limits)).toEqual(make(most));
  const error = expect.objectContaining({
    code: "limit-exceeded",
    message: expect.stringContaining(`more than ${most} `) as unknown,
    hint: expect.stringContaining(`--limit ${name}=NUMBER`) as unknown,
  }) as unknown;
  expect(() => parseSignedOperation(make(most + 1), limits)).toThrow(error);
  // In a log, too, and before anybody looks whether the genesis is signed, and founds the DID.
  expect(() => verifyLog(did, [{ ...entries[0], operation: make(most + 1) }], limits)).toThrow(error);
});

test("operations of a log: logOperations, before any signature is checked", async () => {
  expect(verifyLog(did, entries, limitsWith({ logOperations: 2 })).entries).toHaveLength(2);
  const forged = entries.map((one) => ({ ...one, operation: entry({}) }));
  const error = expect.objectContaining({
    code: "limit-exceeded",
    message: `The audit log of ${did} has more than 1 operations.`,
    hint: expect.stringContaining("--limit log-operations=NUMBER") as unknown,
  }) as unknown;
  const limits = limitsWith({ logOperations: 1 });
  expect(() => verifyLog(did, forged, limits)).toThrow(error);
  await expect(auditLogFile({ value: forged, lines: false }, did, { limits })).rejects.toEqual(error);
  const bare = forged.map((one) => one.operation);
  await expect(auditLogFile({ value: bare, lines: false }, did, { limits })).rejects.toEqual(error);
});

test("a log is proved in slices, and stops after the one at hand when it is aborted", async () => {
  const limits = limitsWith();
  expect([...logSlices(did, entries, limits)]).toHaveLength(3);
  const stop = new AbortController();
  const reason = new Error("enough");
  const proving = proveLog(did, entries, { signal: stop.signal });
  stop.abort(reason);
  await expect(proving).rejects.toBe(reason);
  const auditing = auditLogFile({ value: entries, lines: false }, did, { signal: stop.signal });
  await expect(auditing).rejects.toBe(reason);
});

test("between two slices others have their turn", async () => {
  const done: string[] = [];
  function* work(): Generator<undefined, void> {
    for (const name of ["first", "second", "third"]) {
      done.push(name);
      yield;
    }
  }
  const stop = new AbortController();
  const working = inTurns(work(), stop.signal);
  setImmediate(() => stop.abort(new Error("enough")));
  await expect(working).rejects.toThrow("enough");
  expect(done).not.toContain("third");
});
