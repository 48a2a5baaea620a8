/** What somebody else's code says of a key, a signature and a CAR file, and what stands in the way of a difference. */
import { Readable } from "node:stream";
import { CarReader } from "@ipld/car";
import { describe, expect, test } from "vitest";
import { cidFor } from "../../src/data/cid.ts";
import { collect } from "../../src/data/slices.ts";
import { makePrivateKey, type PrivateKey } from "../../src/identity/private-key.ts";
import { parseSignedOperation, type PlcOperation } from "../../src/plc/operation.ts";
import { splitRepo, type RepoPart } from "../../src/repo/write/split.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { agreeOnCar, agreeOnKey, agreeOnOperation, agreeOnSignature } from "../../src/services/second-opinion.ts";
import { assemble } from "../repo/fixtures/fixture.ts";
import { valid } from "../repo/fixtures/valid.ts";
import { makeAccount, makeRecords } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";
import { Random } from "../repo/tools/random.ts";
import { inDer, operation, signed, testCid, testKey, withBitsLeftOver, withHighS } from "../tools/plc.ts";

const { signal } = new AbortController();
const random = new Random(12);
const differs = { code: "second-opinion", exitCode: 9 };
const newKey = (curve: "k256" | "p256"): PrivateKey => makePrivateKey(curve, (size) => random.bytes(size));

describe.each(["k256", "p256"] as const)("a key of %s", (curve) => {
  test("is agreed on, whatever its number", async () => {
    for (let count = 0; count < 32; count += 1) {
      await agreeOnKey(newKey(curve));
    }
  });

  test("that says another public part is not, and is not shown", async () => {
    const [key, other] = [newKey(curve), newKey(curve)];
    const doctored = { curve, didKey: other.didKey, reveal: () => key.reveal() };
    const error: unknown = await agreeOnKey(doctored).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ ...differs, data: { about: "key", ours: other.didKey, theirs: key.didKey } });
    expect(JSON.stringify([error, String(error)])).not.toContain(key.reveal());
    await expect(agreeOnKey({ ...doctored, reveal: () => "zzz" })).rejects.toMatchObject(differs);
  });

  test("signs what is agreed on, and nothing else", async () => {
    const key = newKey(curve);
    const data = Buffer.from("what is signed");
    const signature = await key.sign(data);
    await agreeOnSignature(key.didKey, data, signature);
    const text = Buffer.from(signature).toString("base64url");
    const flipped = Uint8Array.from(signature);
    flipped[5]! ^= 1;
    const wrong: [string, Uint8Array, Uint8Array][] = [
      [key.didKey, data, Buffer.from(withHighS(text, curve), "base64url")],
      [key.didKey, data, Buffer.from(inDer(text), "base64url")],
      [key.didKey, data, signature.subarray(1)],
      [key.didKey, data, flipped],
      [key.didKey, Buffer.from("something else"), signature],
      [newKey(curve).didKey, data, signature],
      ["did:key:zNone", data, signature],
    ];
    for (const args of wrong) {
      await expect(agreeOnSignature(...args)).rejects.toMatchObject(differs);
    }
  });
});

const read = (value: unknown): PlcOperation => parseSignedOperation(value) as PlcOperation;

describe("an operation", async () => {
  const [user, server] = await Promise.all([testKey("user"), testKey("server")]);
  const keys = [user.did, server.did];
  const asked = operation(testCid("before"), { rotationKeys: keys, alsoKnownAs: ["at://ü.example.com", "at://😀"] });
  const good = await signed(asked, server);

  test("is agreed on", async () => {
    await agreeOnOperation(read(good), testCid(good), keys);
    await agreeOnOperation(read(await signed(asked, user)), testCid(good), keys);
  });

  test.each<[string, string, readonly string[]]>([
    ["with high S", withHighS(good.sig, "k256"), keys],
    ["that no key of these has signed", good.sig, [user.did]],
    ["that nobody may sign", good.sig, []],
    ["with another one's signature", (await signed({ ...asked, prev: null }, server)).sig, keys],
  ])("%s is not", async (_name, sig, allowed) => {
    await expect(agreeOnOperation(read({ ...asked, sig }), testCid(good), allowed)).rejects.toMatchObject({
      ...differs,
      data: { about: "signature" },
    });
  });

  test("whose signature is spelled in a second way is not", async () => {
    const other = { ...read(good), sig: withBitsLeftOver(good.sig) };
    await expect(agreeOnOperation(other, testCid(good), keys)).rejects.toMatchObject(differs);
  });

  test("that other code cannot encode is not", async () => {
    const doctored = { ...read(good), note: undefined } as PlcOperation;
    await expect(agreeOnOperation(doctored, testCid(good), keys)).rejects.toMatchObject(differs);
  });
});

/** The bytes as a file to be sent, in pieces of so many bytes. */
function upload(bytes: Uint8Array, piece = bytes.length): { length: number; open: () => Readable } {
  const pieces = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, i) =>
    bytes.subarray(i * piece, (i + 1) * piece),
  );
  return { length: bytes.length, open: () => Readable.from(pieces) };
}

describe("a CAR file", async () => {
  const fixtures = await Promise.all(valid);
  const account = await makeAccount({ records: makeRecords(5, 300) });
  const whole = makeCar(account.commit.cid, account.blocks);
  const parts: RepoPart[] = await collect(splitRepo(bytesSource(whole), 45_000));

  test("that is valid is agreed on: every fixture, every part, in pieces of any size", async () => {
    let count = 0;
    for (const fixture of fixtures) {
      const car = assemble(fixture, "random");
      const roots = await (await CarReader.fromBytes(car)).getRoots();
      if (roots.length > 1) {
        // It is read, and never sent as it is.
        await expect(agreeOnCar(upload(car), String(roots[0]), signal)).rejects.toThrow("it names the roots");
        continue;
      }
      const [root] = roots;
      if (fixture.name === "record-of-codec-dag-json") {
        // A codec that differs from that of the link cannot be told from one that is foreign, so none is sent.
        await expect(agreeOnCar(upload(car), String(root), signal)).rejects.toThrow("a block of another kind");
        continue;
      }
      for (const piece of [1, 7, 4096]) {
        await agreeOnCar(upload(car, car.length > 100_000 ? 4096 : piece), String(root), signal);
      }
      count += 1;
    }
    expect(count).toBeGreaterThanOrEqual(20);
    expect(parts.length).toBeGreaterThan(1);
    for (const { car, commit } of parts) {
      await agreeOnCar(upload(car, 1000), commit, signal);
    }
  });

  test("with any byte changed is not", async () => {
    const small = await makeAccount({ records: makeRecords(6, 2) });
    const [part] = await collect(splitRepo(bytesSource(makeCar(small.commit.cid, small.blocks)), 1 << 20));
    const { car, commit } = part!;
    const unnoticed: string[] = [];
    for (let at = 0; at < car.length; at += 1) {
      for (const bit of [0x01, 0x80]) {
        const changed = Uint8Array.from(car);
        changed[at]! ^= bit;
        await agreeOnCar(upload(changed), commit, signal).then(
          () => unnoticed.push(`byte ${at} ^ ${bit}`),
          (error: unknown) => expect(error).toMatchObject({ ...differs, data: { about: "car", root: commit } }),
        );
      }
    }
    expect(unnoticed).toEqual([]);
  });

  test.each<[string, Uint8Array, { length?: number; root?: string }]>([
    ["that is not there", new Uint8Array(), {}],
    ["that is cut off", whole.subarray(0, -1), {}],
    ["that has something behind it", Buffer.concat([whole, Buffer.of(0)]), {}],
    ["of another root", whole, { root: cidFor("dag-cbor", Buffer.from("x")) }],
    ["without the block of its root", makeCar(account.commit.cid, account.blocks.slice(1)), {}],
    ["of another length than is announced", whole, { length: whole.length + 1 }],
  ])("%s is not", async (_name, car, { length = car.length, root = account.commit.cid }) => {
    const file = { ...upload(car, 5000), length };
    await expect(agreeOnCar(file, root, signal)).rejects.toMatchObject({ ...differs, data: { about: "car" } });
  });

  test("that cannot be read is no difference, and neither is an interruption", async () => {
    const broken = new Error("the disk is gone");
    const failing = { length: 9, open: () => Readable.from(failAfter(whole.subarray(0, 500), broken)) };
    await expect(agreeOnCar(failing, account.commit.cid, signal)).rejects.toBe(broken);
    const reason = new Error("stopped");
    await expect(agreeOnCar(upload(whole), account.commit.cid, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

async function* failAfter(bytes: Uint8Array, error: Error): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
  throw error;
}
