import { describe, expect, test } from "vitest";
import { submitOperation } from "../../src/account/submit.ts";
import { DecampError } from "../../src/errors.ts";
import { parseSignedOperation, type PlcOperation } from "../../src/plc/operation.ts";
import { storageError } from "../../src/services/disk/files.ts";
import { at, auditLog, hour, operation, signed, testCid, testDid, testKey } from "../tools/plc.ts";
import { forever, logServices } from "./support.ts";

const [user, server] = await Promise.all([testKey("user"), testKey("server")]);
const usual = { rotationKeys: [user.did, server.did] };
const genesis = await signed(operation(null, usual), server);
const ours = await signed(operation(testCid(genesis), { ...usual, alsoKnownAs: ["at://b.example.com"] }), server);
const theirs = await signed(operation(testCid(genesis), { ...usual, alsoKnownAs: ["at://c.example.com"] }), server);
const before = auditLog([genesis]);
const taken = auditLog([genesis, ours]);

function submission(send: () => Promise<void>) {
  return {
    did: testDid(genesis),
    operation: parseSignedOperation(ours) as PlcOperation,
    cid: testCid(ours),
    plannedHead: testCid(genesis),
    host: "pds.example.com",
    send,
  };
}
const sent = () => Promise.resolve();
const lost = () => Promise.reject(new DecampError("unreachable", "The answer was lost."));
const never = () => Promise.reject(new Error("sent"));
const refused = () => Promise.reject(new DecampError("server-refused", "No.", { data: { status: 400 } }));

describe("submitting", () => {
  test("is over when the log has the operation", async () => {
    const { services } = logServices([before, before, taken]);
    expect(await submitOperation(services, submission(sent), forever)).toMatchObject({
      entry: { cid: testCid(ours) },
      nullified: [],
      recoverableUntil: at(73 * hour),
    });
  });

  test("after a lost answer the log decides, and nothing is sent twice", async () => {
    let count = 0;
    const { services } = logServices([before, taken]);
    await submitOperation(
      services,
      submission(() => {
        count += 1;
        return lost();
      }),
      forever,
    );
    expect(count).toBe(1);
  });

  test.each(["ENOSPC", "ENOTDIR"])(
    "a log that cannot be read after the submission, or kept, says nothing about it",
    async (reason) => {
      const { services, waits } = logServices([before, { broken: true }, { broken: true }, taken]);
      let submitted = false;
      const heads: typeof services.heads = {
        ...services.heads,
        remember: async (head) =>
          submitted
            ? Promise.reject(storageError("heads", Object.assign(new Error("write"), { code: reason })))
            : services.heads.remember(head),
      };
      const send = (): Promise<void> => {
        submitted = true;
        return sent();
      };
      const { entry } = await submitOperation({ ...services, heads }, submission(send), forever);
      expect({ cid: entry.cid, waits: waits() }).toEqual({ cid: testCid(ours), waits: 2 });
    },
  );

  test("an operation that the log has already is not sent", async () => {
    const { services } = logServices([taken]);
    expect((await submitOperation(services, submission(never), forever)).entry.cid).toBe(testCid(ours));
  });

  test("with another head than the planned one nothing is sent", async () => {
    const { services } = logServices([auditLog([genesis, theirs])]);
    await expect(submitOperation(services, submission(never), forever)).rejects.toMatchObject({
      code: "head-moved",
      data: { expected: testCid(genesis), found: testCid(theirs) },
    });
  });

  test("somebody else was faster", async () => {
    const { services } = logServices([before, auditLog([genesis, theirs])]);
    await expect(submitOperation(services, submission(refused), forever)).rejects.toMatchObject({ code: "head-moved" });
  });

  test("a refusal is passed on when the log agrees", async () => {
    const { services, reads } = logServices([before]);
    await expect(submitOperation(services, submission(refused), forever)).rejects.toMatchObject({
      code: "server-refused",
      message: "No.",
    });
    expect(reads()).toBe(2);
  });

  test("a 200 is no proof", async () => {
    const { services } = logServices([before]);
    await expect(submitOperation(services, submission(sent), forever)).rejects.toMatchObject({ code: "refused" });
  });

  test("what it nullified is said", async () => {
    const rescue = await signed(operation(testCid(genesis), usual), user);
    const { services } = logServices([before, auditLog([genesis, theirs, rescue], { nullified: [1] })]);
    const result = await submitOperation(
      services,
      { ...submission(sent), operation: parseSignedOperation(rescue) as PlcOperation, cid: testCid(rescue) },
      forever,
    );
    expect(result.nullified).toEqual([testCid(theirs)]);
    // Signed by the key that stands first: nobody can undo it.
    expect(result).not.toHaveProperty("recoverableUntil");
  });

  test("an operation that was nullified meanwhile does not count as submitted", async () => {
    const rescue = await signed(operation(testCid(genesis), usual), user);
    const { services } = logServices([auditLog([genesis, ours, rescue], { nullified: [1] })]);
    await expect(submitOperation(services, submission(sent), forever)).rejects.toMatchObject({
      code: "head-moved",
      data: { by: testCid(rescue) },
    });
  });
});
