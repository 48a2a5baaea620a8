import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { cidFor } from "../../src/data/cid.ts";
import { KeyBatch, shortKey } from "../../src/repo/hashing/key-batch.ts";
import { keyDepth } from "../../src/repo/path.ts";
import { depthOf } from "./tools/build.ts";
import { Random } from "./tools/random.ts";

const random = new Random(5);

function viewOf(key: Uint8Array): DataView {
  const memory = Buffer.alloc(128, 0xee);
  memory.set(key);
  return new DataView(memory.buffer, memory.byteOffset, memory.length);
}

test("the level of any key", () => {
  for (let i = 0; i < 3000; i++) {
    const key = Buffer.from(random.bytes(1 + (i % 200)));
    expect(keyDepth(key)).toBe(depthOf(key.toString("latin1")));
  }
});

test("a batch finds exactly the keys that stand on a wrong level, and says in which node", () => {
  const found: string[] = [];
  const batch = new KeyBatch((key, level, node) => found.push(`${key} ${level} ${node}`));
  const expected: string[] = [];
  let position = 0;
  for (let node = 0; node < 4000; node++) {
    const content = random.bytes(10);
    const digest = createHash("sha256").update(content).digest();
    const size = random.below(6);
    const mark = batch.begin(new DataView(digest.buffer, digest.byteOffset, 32), 0, size);
    const isBad = random.below(20) === 0;
    for (let i = 0; i < size; i++) {
      const key = Buffer.from(`a.b.c/${"x".repeat(random.below(shortKey - 10))}${position++}`);
      const depth = keyDepth(key);
      const level = random.below(50) === 0 ? depth + 1 : depth;
      if (mark >= 0) {
        batch.add(viewOf(key), key.length, level);
        if (level !== depth && !isBad) {
          expected.push(`${key.toString()} ${level} ${cidFor("dag-cbor", content)}`);
        }
      }
    }
    if (isBad && mark >= 0) {
      batch.goBack(mark);
    }
  }
  batch.flush();
  expect(expected.length).toBeGreaterThan(20);
  expect(found).toEqual(expected);
});

test.each([
  ["2653ae71", 0],
  ["blue", 1],
  ["88bfafc7", 2],
  ["2a92d355", 4],
  ["884976f5", 6],
  ["app.bsky.feed.post/454397e440ec", 4],
  ["app.bsky.feed.post/9adeb165882c", 8],
])("%s belongs on level %i", (key, level) => {
  expect(keyDepth(Buffer.from(key))).toBe(level);
});
