import { expect, test } from "vitest";
import { DistinctCount } from "../../src/repo/proof/distinct.ts";
import { Random } from "./tools/random.ts";

test("counts each digest once, however often it comes", () => {
  const random = new Random(6);
  const digests = Array.from({ length: 20_000 }, () => random.bytes(32));
  const count = new DistinctCount();
  for (const digest of random.shuffle([...digests, ...digests, ...digests.slice(0, 100)])) {
    count.add(new DataView(digest.buffer), 0);
  }
  expect(count.size).toBe(20_000);
});
