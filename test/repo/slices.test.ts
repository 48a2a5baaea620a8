/** What takes long is done in slices: it gives the same, and stops after the slice at hand when it is aborted. */
import { describe, expect, test } from "vitest";
import { atOnce, collect, itemsInTurns, SliceCounter } from "../../src/data/slices.ts";
import { extractCommit } from "../../src/repo/commit-proof.ts";
import { diffInTurns, diffRepos } from "../../src/repo/diff.ts";
import { mergeRepos } from "../../src/repo/write/merge.ts";
import { splitRepo } from "../../src/repo/write/split.ts";
import { blobRefsInTurns, readBlobRefs, readRecords, recordsInTurns } from "../../src/repo/records.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { createRepoVerifier, verifyRepo } from "../../src/repo/verify.ts";
import { makeAccount, makeRecords } from "./tools/account.ts";
import { makeCar, sortBlocks } from "./tools/build.ts";
import { Random } from "./tools/random.ts";

// More blocks than one slice takes.
const records = makeRecords(11, 1500);
const account = await makeAccount({ records });
const car = bytesSource(makeCar(account.commit.cid, account.blocks));
const before = await makeAccount({ records: records.slice(0, -3) });
const old = bytesSource(makeCar(before.commit.cid, before.blocks));
const reason = new Error("enough");

test("slice by slice it is the same as at once", async () => {
  expect(await collect(recordsInTurns(car))).toEqual([...readRecords(car)]);
  expect(await collect(diffInTurns(old, car))).toEqual([...diffRepos(old, car)]);
  expect(await blobRefsInTurns(car)).toEqual(readBlobRefs(car));
  expect(readBlobRefs(car).size).toBeGreaterThan(0);
});

describe("an abort is heard before it is done", () => {
  const stop = new AbortController();
  const { signal } = stop;
  // Each has begun, and has done its first slice, when the signal comes.
  const begun: Readonly<Record<string, () => Promise<unknown>>> = {
    records: async () => collect(recordsInTurns(car, { signal })),
    diff: async () => collect(diffInTurns(old, car, { signal })),
    "blob refs": async () => blobRefsInTurns(car, { signal }),
    parts: async () => collect(splitRepo(car, 50_000, signal)),
    "its commit": async () => extractCommit(car, signal),
  };
  const running = Object.entries(begun).map(([name, begin]) => [name, begin()] as const);
  for (const [, promise] of running) {
    promise.catch(() => undefined);
  }
  stop.abort(reason);
  test.each(running)("%s", async (_name, promise) => {
    await expect(promise).rejects.toBe(reason);
  });

  test("the end of a verification", async () => {
    const late = new AbortController();
    // Nothing is known to lead to any of these, so all are looked at once more in the end.
    const rest = account.blocks.filter((block) => block !== account.commit);
    const bytes = makeCar(account.commit.cid, sortBlocks(rest, "random", new Random(3)));
    const verifier = createRepoVerifier({}, { source: bytesSource(bytes) });
    verifier.write(bytes);
    const finishing = verifier.finish(late.signal);
    late.abort(reason);
    await expect(finishing).rejects.toBe(reason);
    expect(await verifyRepo(bytesSource(bytes), {})).toMatchObject({ ok: false, strays: rest.length });
  });
});

test("a merge gives empty pieces between its slices, so that who writes it can let others have their turn", () => {
  const pieces = [...mergeRepos(old, car)];
  expect(pieces.filter(({ length }) => length === 0).length).toBeGreaterThan(0);
  expect(pieces.some(({ length }) => length > 0)).toBe(true);
});

/** How many steps of so many bytes a slice has. */
function stepsOf(bytes: number): number {
  const counter = new SliceCounter();
  let count = 1;
  while (!counter.isOver(bytes)) {
    count += 1;
  }
  return count;
}

test("a slice is over after so many steps, or so many bytes, whichever comes first", () => {
  expect([0, 4 << 20, 2048].map(stepsOf)).toEqual([1024, 1, 512]);
});

function* work(): Generator<{ name: string } | undefined, void, undefined> {
  yield { name: "a" };
  yield { name: "b" };
  yield undefined;
  yield { name: "c" };
}

function* three(): Generator<undefined, number, undefined> {
  yield undefined;
  return 3;
}

test("others have their turn where a slice ends, and nowhere else", async () => {
  const seen: string[] = [];
  setImmediate(() => seen.push("other"));
  for await (const { name } of itemsInTurns(work(), undefined)) {
    seen.push(name);
  }
  expect(seen).toEqual(["a", "b", "other", "c"]);
  expect(atOnce(three())).toBe(3);
});
