/** Whoever looks at an archive while others work on it takes nothing that is half for damage. */
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { lookInPeace } from "../../src/archive/check/in-peace.ts";
import { lockFile, snapshotFolder } from "../../src/archive/layout.ts";
import { DecampError } from "../../src/errors.ts";

const minute = 60_000;
const living = 1;
const lockOwner = { pid: 2, host: "here", isAlive: (pid: number) => pid === living };
let top = "";
let archive = "";
beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), "decamp-peace-"));
});
afterAll(async () => rm(top, { recursive: true }));
beforeEach(async () => {
  archive = join(await mkdtemp(join(top, "archive-")), "archive");
  await mkdir(snapshotFolder(archive, "2222222222222"), { recursive: true });
});

const lock = async (pid: number, host = "here"): Promise<void> =>
  writeFile(lockFile(archive), JSON.stringify({ pid, host, since: "2026-01-01T00:00:00.000Z", beat: 15_000 }));

/**
 * What is seen, and how often it was looked.
 *
 * @param seen by each look, the last one by all that follow
 * @param onPause what becomes of the archive meanwhile
 */
async function looked(
  seen: readonly (boolean | DecampError)[],
  { onPause, onLook }: { onPause?: () => Promise<unknown>; onLook?: () => Promise<unknown> } = {},
): Promise<{ end: unknown; looks: number; waited: number }> {
  let [looks, waited] = [0, 0];
  const look = async (): Promise<{ ok: boolean }> => {
    const one = seen[Math.min(looks, seen.length - 1)];
    looks += 1;
    await onLook?.();
    if (one instanceof DecampError) {
      throw one;
    }
    return { ok: one === true };
  };
  const pause = async (milliseconds: number): Promise<void> => {
    waited += milliseconds;
    await onPause?.();
  };
  const { signal } = new AbortController();
  const peace = { isGood: ({ ok }: { ok: boolean }) => ok, lockOwner, now: Date.now, pause, signal };
  const end = await lookInPeace(archive, look, peace).catch((error: unknown) => (error as DecampError).code);
  return { end, looks, waited };
}

/** The run has ended. */
const onPause = async (): Promise<void> => rm(lockFile(archive));

const damaged = new DecampError("damaged", "It is damaged.");
const [good, bad] = [{ ok: true }, { ok: false }];

test.each<[string, boolean | DecampError, unknown]>([
  ["bad", false, bad],
  ["an error", damaged, "damaged"],
])("what is %s while nobody is at work is so at the first look", async (_, seen, end) => {
  expect(await looked([seen])).toEqual({ end, looks: 1, waited: 0 });
  await lock(3);
  expect(await looked([seen])).toEqual({ end, looks: 1, waited: 0 });
  // On another machine, and not touched any more.
  await lock(3, "elsewhere");
  await utimes(lockFile(archive), new Date(), new Date(Date.now() - 6 * minute));
  expect(await looked([seen])).toEqual({ end, looks: 1, waited: 0 });
});

test.each<[string, boolean | DecampError]>([
  ["bad", false],
  ["an error", damaged],
])("what is %s while a run is at work is looked at again after that", async (_, seen) => {
  await lock(living);
  expect(await looked([seen, true], { onPause })).toEqual({ end: good, looks: 2, waited: 250 });
  await lock(3, "elsewhere");
  expect(await looked([seen, false], { onPause })).toEqual({ end: bad, looks: 2, waited: 250 });
});

test("what is good needs no peace; what a run is at work on for longer than a minute is not judged", async () => {
  await lock(living);
  expect(await looked([true])).toEqual({ end: good, looks: 1, waited: 0 });
  expect(await looked([false])).toEqual({ end: "locked", looks: 1, waited: minute });
});

test("an archive that was changed meanwhile is looked at again, and not for ever", async () => {
  let number = 2;
  const onLook = async (): Promise<unknown> => mkdir(snapshotFolder(archive, `2222222222222-${number++}`));
  expect(await looked([false, true], { onLook })).toEqual({ end: good, looks: 2, waited: 0 });
  expect(await looked([false], { onLook })).toEqual({ end: bad, looks: 3, waited: 0 });
});
