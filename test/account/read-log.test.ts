import { expect, test } from "vitest";
import { readLog } from "../../src/account/read-log.ts";
import { auditLog, hour, operation, signed, testCid, testDid, testKey } from "../tools/plc.ts";
import { forever, logServices } from "./support.ts";

const [user, server] = await Promise.all([testKey("user"), testKey("server")]);
const usual = { rotationKeys: [user.did, server.did] };
const genesis = await signed(operation(null, usual), server);
const renamed = await signed(operation(testCid(genesis), { ...usual, alsoKnownAs: ["at://b.example.com"] }), server);
const rescue = await signed(operation(testCid(genesis), { ...usual, alsoKnownAs: ["at://c.example.com"] }), user);
const did = testDid(genesis);

test("the head is remembered, and the next log has to have it", async () => {
  const { services, heads } = logServices([auditLog([genesis]), auditLog([genesis, renamed])]);
  await readLog(services, did, forever);
  expect(heads.get(did)).toEqual({ did, cid: testCid(genesis), seenAt: "2026-01-06T00:00:00.000Z" });
  const { log } = await readLog(services, did, forever);
  expect(log.head.cid).toBe(testCid(renamed));
  expect(heads.get(did)?.cid).toBe(testCid(renamed));
});

test("a log without the head that was seen last is an alarm, and what was seen stays", async () => {
  const { services, heads, reads } = logServices([auditLog([genesis])], { [did]: testCid(renamed) });
  await expect(readLog(services, did, forever)).rejects.toMatchObject({
    code: "identity-invalid",
    exitCode: 9,
    data: { rule: "plc/seen-head", cid: testCid(renamed) },
    hint: expect.stringContaining(`/heads/${did}`) as string,
  });
  expect(reads()).toBeGreaterThan(1);
  expect(heads.get(did)?.cid).toBe(testCid(renamed));
});

test("a log that replaced what was seen by another operation is an alarm too", async () => {
  const { services } = logServices([auditLog([genesis, rescue])], { [did]: testCid(renamed) });
  await expect(readLog(services, did, forever)).rejects.toMatchObject({ data: { rule: "plc/seen-head" } });
});

test("a directory that lags is asked again", async () => {
  const { services, waits } = logServices([auditLog([genesis]), auditLog([genesis, renamed])], {
    [did]: testCid(renamed),
  });
  expect((await readLog(services, did, forever)).log.head.cid).toBe(testCid(renamed));
  expect(waits()).toBe(1);
});

test("a head that was nullified by a recovery is still in the log: no alarm", async () => {
  const recovered = auditLog([genesis, renamed, rescue], { times: [0, hour, 2 * hour], nullified: [1] });
  const { services, heads } = logServices([recovered], { [did]: testCid(renamed) });
  expect((await readLog(services, did, forever)).log.head.cid).toBe(testCid(rescue));
  expect(heads.get(did)?.cid).toBe(testCid(rescue));
});

test("a log that does not verify is not remembered", async () => {
  const { services, heads } = logServices([auditLog([genesis, { ...renamed, sig: genesis.sig }])]);
  await expect(readLog(services, did, forever)).rejects.toMatchObject({ code: "identity-invalid" });
  expect(heads.size).toBe(0);
});
