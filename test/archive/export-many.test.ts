import { expect, test } from "vitest";
import type { ExportResult } from "../../src/archive/export/export-account.ts";
import { exportMany, type ManyOptions, type Outcome } from "../../src/archive/export/export-many.ts";
import { DecampError } from "../../src/errors.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const result = { mode: "unchanged" } as ExportResult;

/** Exports one account on whose archive another run is at work for so long (milliseconds). */
async function meet(busyFor: number, given: Partial<ManyOptions> = {}): Promise<{ told: Outcome[]; now: number }> {
  let now = 0;
  const told: Outcome[] = [];
  await exportMany(
    (async function* () {
      yield { name: did, account: { type: "did", did } as const };
    })(),
    {
      jobs: 1,
      signal: new AbortController().signal,
      findDid: async () => did,
      export: async () => {
        if (now < busyFor) {
          throw new DecampError("locked", "Another run is at work.");
        }
        return result;
      },
      onOutcome: async (outcome) => {
        told.push(outcome);
      },
      sleep: async (milliseconds) => {
        now += milliseconds;
      },
      ...given,
    },
  );
  return { told, now };
}

test("an archive on which another run is at work is waited for", async () => {
  expect((await meet(20_000)).told).toEqual([{ name: did, did, result }]);
});

test("but a minute at the most: then the account has failed", async () => {
  const { told, now } = await meet(3_600_000);
  expect(told).toEqual([{ name: did, did, error: expect.objectContaining({ code: "locked" }) as unknown }]);
  expect(now).toBe(60_000);
});

test("whoever gives no way to wait is told at once", async () => {
  const { told } = await meet(1, { sleep: undefined });
  expect(told).toEqual([{ name: did, did, error: expect.objectContaining({ code: "locked" }) as unknown }]);
});

test("a stop ends the waiting", async () => {
  const stopped = new DecampError("interrupted", "Interrupted.");
  const controller = new AbortController();
  const sleep = async (_: number, signal: AbortSignal): Promise<void> => {
    controller.abort(stopped);
    signal.throwIfAborted();
  };
  await expect(meet(1, { signal: controller.signal, sleep })).rejects.toBe(stopped);
});
