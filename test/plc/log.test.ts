import { describe, expect, test } from "vitest";
import { verifyLog } from "../../src/plc/log.ts";
import { auditLog, hour, operation, signed, testCid, testKey } from "../tools/plc.ts";

const server = await testKey("server");
const user = await testKey("user", "p256");
const next = await testKey("next server");

const genesis = await signed(
  operation(null, { rotationKeys: [user.did, server.did], verificationMethods: { atproto: server.did } }),
  server,
);
const hostile = await signed(
  operation(testCid(genesis), { rotationKeys: [server.did], verificationMethods: { atproto: server.did } }),
  server,
);
const recovery = await signed(
  operation(testCid(genesis), { rotationKeys: [user.did, next.did], verificationMethods: { atproto: next.did } }),
  user,
);
const did = auditLog([genesis])[0]!.did;

test("a log with a recovery: the state, the signers, the keys that were in force", () => {
  const entries = auditLog([genesis, hostile, recovery], { nullified: [1] });
  const log = verifyLog(did, entries);
  expect(log.entries.map(({ cid, nullified, signer }) => ({ cid, nullified, signer }))).toEqual([
    { cid: testCid(genesis), nullified: false, signer: server.did },
    { cid: testCid(hostile), nullified: true, signer: server.did },
    { cid: testCid(recovery), nullified: false, signer: user.did },
  ]);
  expect(log.head).toEqual(log.entries[2]);
  expect(log.head.createdAt).toBe(entries[2]!.createdAt);
  expect(log.tombstoned).toBe(false);
  expect(log.signingKeys).toEqual([next.did, server.did]);
});

test("a tombstone at the head", async () => {
  const end = await signed({ type: "plc_tombstone", prev: testCid(genesis) }, user);
  const log = verifyLog(did, auditLog([genesis, end]));
  expect(log.tombstoned).toBe(true);
  expect(log.signingKeys).toEqual([server.did]);
});

test("the 72 hours are counted to the millisecond", () => {
  const log = (late: number): unknown =>
    auditLog([genesis, hostile, recovery], { nullified: [1], times: [0, hour, 73 * hour + late] });
  expect(verifyLog(did, log(0)).head.cid).toBe(testCid(recovery));
  expect(() => verifyLog(did, log(1))).toThrow(
    expect.objectContaining({ data: { rule: "plc/recovery-late", index: 2, cid: testCid(recovery) } }),
  );
});

test("a field that an entry has besides is no fault, it is not part of what is signed", () => {
  const entries = [{ ...auditLog([genesis])[0], seq: 12_345, type: "sequenced_op" }];
  expect(verifyLog(did, entries).head.cid).toBe(testCid(genesis));
});

describe("an audit log that is refused", () => {
  const entries = auditLog([genesis, hostile]);
  const second = { ...entries[1]! };
  test.each<[string, string, unknown, string]>([
    ["for what is no did:plc", "did:web:example.com", entries, "plc/did"],
    ["an object", did, { log: entries }, "plc/log-form"],
    ["empty", did, [], "plc/log-empty"],
    ["an entry that is null", did, [null], "plc/entry-form"],
    ["nullified as text", did, [{ ...entries[0], nullified: "false" }], "plc/entry-form"],
    ["no cid", did, [{ ...entries[0], cid: undefined }], "plc/entry-form"],
    [
      "an entry of another DID",
      did,
      [entries[0], { ...second, did: `did:plc:${"a".repeat(24)}` }],
      "plc/foreign-entry",
    ],
    ["no entry of this DID", `did:plc:${"a".repeat(24)}`, entries, "plc/foreign-entry"],
    ["a time in words", did, [entries[0], { ...second, createdAt: "yesterday" }], "plc/time"],
    ["a time without zone", did, [entries[0], { ...second, createdAt: "2026-01-05T12:00:00" }], "plc/time"],
    ["a day that does not exist", did, [entries[0], { ...second, createdAt: "2026-13-05T12:00:00Z" }], "plc/time"],
  ])("%s", (_, asked, value, rule) => {
    expect(() => verifyLog(asked, value)).toThrow(
      expect.objectContaining({ code: "identity-invalid", data: expect.objectContaining({ rule }) as unknown }),
    );
  });
});

test("a hundred operations", async () => {
  const operations: { sig: string }[] = [genesis];
  for (let count = 1; count < 100; count++) {
    const content = { rotationKeys: [user.did, server.did], alsoKnownAs: [`at://a${count}.example.com`] };
    operations.push(await signed(operation(testCid(operations.at(-1)), content), count % 2 === 0 ? user : server));
  }
  const log = verifyLog(did, auditLog(operations));
  expect(log.entries).toHaveLength(100);
  expect(log.head.signer).toBe(server.did);
});
