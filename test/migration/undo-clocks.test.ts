/** `plc undo` where the clocks of this machine and of the directory cannot both be right. */
import { expect, test } from "vitest";
import { isDecampError } from "../../src/errors.ts";
import { moveBy } from "../../src/account/where.ts";
import { planUndo } from "../../src/migration/undo.ts";
import { verifyLog } from "../../src/plc/log.ts";
import { at, hour, logOf, servedAt, testKey, type TestKey } from "../tools/plc.ts";

const [user, server, next] = await Promise.all([testKey("user"), testKey("server"), testKey("next server")]);

/** The undoing of a move, an hour after the beginning, that has left these keys. */
async function undo(left: readonly TestKey[], hours: number, apart?: number): Promise<object> {
  const entries = await logOf([
    { keys: [user, server], by: server },
    { keys: left, by: server, change: servedAt("https://new.example.com") },
  ]);
  const log = verifyLog(entries[0]!.did, entries);
  const moved = moveBy(log, log.head.cid);
  const account = { did: log.did, handle: undefined, log, rawLog: [] };
  try {
    const plan = planUndo(
      account,
      moved!,
      { didKey: user.did, temporaryKeys: [] },
      Date.parse(at(hours * hour)),
      apart,
    );
    const follows = plan.operation.prev === moved?.before.cid ? "in its place" : "behind it";
    return [follows, plan.judgement.findings.some(({ rule }) => rule === "plc/clocks-differ")];
  } catch (error) {
    return isDecampError(error) ? [error.code, error.data["reason"]] : [error];
  }
}

test("with clocks that are minutes apart, no 72 hours are called over: the directory decides, and that is said", async () => {
  expect(await undo([next], 2)).toEqual(["in its place", false]);
  expect(await undo([next], 80)).toEqual(["refused", "too-late"]);
  expect(await undo([next], 80, 600_000)).toEqual(["in its place", true]);
  expect(await undo([next], 80, -600_000)).toEqual(["in its place", true]);
  // A key that is still there says the old state once more where it is too late, and the clocks can say so.
  expect(await undo([user, next], 80)).toEqual(["behind it", false]);
  expect(await undo([user, next], 80, 600_000)).toEqual(["in its place", true]);
});
