/**
 * Mutated CAR files, with the seed that makes each of them again. Whatever comes in, a verification must end with a
 * report, keep to its limits, and say the same for the same bytes however they arrive.
 */
import { cidFor, type Cid } from "../../../src/data/cid.ts";
import { bytesSource } from "../../../src/repo/source.ts";
import { createRepoVerifier, type Expectation } from "../../../src/repo/verify.ts";
import type { RepoReport } from "../../../src/repo/report.ts";
import { makeAccount, makeRecords, testNow } from "../tools/account.ts";
import { makeCar, orders, sortBlocks, varint } from "../tools/build.ts";
import { Random } from "../tools/random.ts";

export interface FuzzResult {
  cases: number;
  /** Cases whose repository was still good: changes in strays and duplicates. */
  stillGood: number;
}

const limits = { blockBytes: 1 << 16, nodeEntries: 64, indexEntries: 10_000, heldBytes: 1 << 20, findings: 500 };

function verify(car: Uint8Array, expectation: Expectation, chunk: number, withSource: boolean): RepoReport {
  const verifier = createRepoVerifier(expectation, withSource ? { source: bytesSource(car), limits } : { limits });
  for (let at = 0; at < car.length; at += chunk) {
    verifier.write(car.subarray(at, at + chunk));
  }
  return verifier.end();
}

/** Sections with their places, as far as the frame holds. */
function sectionsOf(car: Buffer, headerEnd: number): { start: number; end: number }[] {
  const sections: { start: number; end: number }[] = [];
  for (let at = headerEnd; at < car.length;) {
    let length = 0;
    let shift = 1;
    let next = at;
    for (; (car[next] ?? 0) >= 0x80; next++) {
      length += ((car[next] ?? 0) & 0x7f) * shift;
      shift *= 128;
    }
    length += (car[next] ?? 0) * shift;
    sections.push({ start: at, end: next + 1 + length });
    at = next + 1 + length;
  }
  return sections;
}

type Mutation = (car: Buffer, random: Random, headerEnd: number) => Buffer;

function splice(car: Buffer, start: number, end: number, content: Uint8Array): Buffer {
  return Buffer.concat([car.subarray(0, start), content, car.subarray(end)]);
}

/** Changes the content of a block and gives it the CID of the new content. */
function rehash(car: Buffer, random: Random, headerEnd: number): Buffer {
  const { start, end } = random.pick(sectionsOf(car, headerEnd));
  const lengthBytes = varint(end - start - 1).length === 1 ? 1 : 2;
  const data = Buffer.from(car.subarray(start + lengthBytes + 36, end));
  if (data.length === 0) {
    return car;
  }
  for (let i = random.below(4); i >= 0; i--) {
    data[random.below(data.length)] = random.pick([0, 0x80, 0xa0, 0xff, 0xd8, 0x9f, 0x5f, 0xfb, random.below(256)]);
  }
  const old = car.subarray(start + lengthBytes, start + lengthBytes + 36);
  const cid = cidBytes(cidFor("dag-cbor", data));
  const changed = splice(car, start + lengthBytes, end, Buffer.concat([cid, data]));
  // Whatever led to the old block leads to the new one, in blocks whose own hashes are wrong then.
  const at = random.below(2) === 0 ? -1 : changed.indexOf(old);
  return at < 0 ? changed : splice(changed, at, at + 36, cid);
}

function cidBytes(cid: Cid): Buffer {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  let bits = "";
  for (const character of cid.slice(1)) {
    bits += alphabet.indexOf(character).toString(2).padStart(5, "0");
  }
  return Buffer.from(Array.from({ length: 36 }, (_, i) => Number.parseInt(bits.slice(i * 8, i * 8 + 8), 2)));
}

const mutations: readonly Mutation[] = [
  (car, random) => {
    const at = random.below(car.length);
    return splice(car, at, at + 1, Uint8Array.of(car[at]! ^ (1 << random.below(8))));
  },
  (car, random) => car.subarray(0, random.below(car.length)),
  (car, random) => splice(car, random.below(car.length), car.length, random.bytes(random.below(200))),
  (car, random) => {
    const at = random.below(car.length);
    return splice(car, at, at, random.bytes(1 + random.below(10)));
  },
  (car, random) => {
    const at = random.below(car.length);
    return splice(car, at, at + 1 + random.below(50), new Uint8Array());
  },
  (car, random) => {
    const from = random.below(car.length);
    const to = random.below(car.length);
    return splice(car, to, to, car.subarray(from, from + random.below(400)));
  },
  (car, random, headerEnd) => {
    const { start } = random.pick(sectionsOf(car, headerEnd));
    return splice(
      car,
      start,
      start + 1,
      varint(random.pick([0, 1, 36, 127, 128, 2 ** 14, 2 ** 31, 2 ** 32, 2 ** 53 - 1])),
    );
  },
  (car, random, headerEnd) => {
    const { start, end } = random.pick(sectionsOf(car, headerEnd));
    return splice(car, start, start, car.subarray(start, end));
  },
  (car, random, headerEnd) => {
    const { start, end } = random.pick(sectionsOf(car, headerEnd));
    return splice(car, start, end, new Uint8Array());
  },
  rehash,
  rehash,
];

/**
 * Runs mutated files through the verifier until one of the bounds is reached.
 *
 * @param seed makes the same files each time
 * @param isOver asked before each case
 * @throws Error with the number of the case when a promise is broken
 */
export async function fuzzVerifier(seed: number, cases: number, isOver: () => boolean): Promise<FuzzResult> {
  const accounts = await Promise.all(
    [3, 30, 120].map((count) => makeAccount({ records: makeRecords(seed + count, count) })),
  );
  let stillGood = 0;
  let done = 0;
  for (; done < cases && !isOver(); done++) {
    const random = new Random(seed * 1_000_003 + done);
    const account = random.pick(accounts);
    const whole = makeCar(account.commit.cid, sortBlocks(account.blocks, random.pick(orders), random));
    const headerEnd = makeCar(account.commit.cid, []).length;
    let car = whole;
    for (let i = random.below(3); i >= 0; i--) {
      const changed: Buffer = random.pick(mutations)(car, random, headerEnd);
      car = changed.length === 0 ? car : changed;
      if (sectionsOf(car, headerEnd).length === 0) {
        break;
      }
    }
    const expectation = { did: account.did, signingKeys: [account.signer.didKey], now: testNow };
    const report = verify(car, expectation, car.length, true);
    const cut = verify(car, expectation, 1 + random.below(2000), true);
    const streamed = verify(car, expectation, 4096, false);
    const where = `seed ${seed}, case ${done}`;
    if (JSON.stringify(cut) !== JSON.stringify(report)) {
      throw new Error(`${where}: the report depends on how the bytes are cut.`);
    }
    if (streamed.ok !== report.ok || streamed.structure !== report.structure) {
      throw new Error(`${where}: the verdict depends on whether the bytes can be read again.`);
    }
    if (report.findings.length > limits.findings + 1) {
      throw new Error(`${where}: ${report.findings.length} findings.`);
    }
    if (report.ok) {
      stillGood++;
      if (
        report.commit !== account.commit.cid ||
        report.data !== account.data ||
        report.records !== account.leaves.length
      ) {
        throw new Error(`${where}: a good report about something else.`);
      }
    }
  }
  return { cases: done, stillGood };
}
