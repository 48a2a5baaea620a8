/** What is named by a path may never bring anything, or never end: whoever is asked to stop stops all the same. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultBudgets, limitsWith } from "../../src/data/budgets.ts";
import { collect } from "../../src/data/slices.ts";
import { verifyRepo } from "../../src/repo/verify.ts";
import { openNamedCar, spoolCar } from "../../src/services/disk/car-file.ts";
import { awaitWriter, pieces, readNamed } from "../../src/services/disk/incoming.ts";
import { readJsonFile, readJsonStream, readJsonValues } from "../../src/services/disk/json-file.ts";
import { fileLines, streamLines } from "../../src/services/disk/text-lines.ts";
import { readSecretFile, readSecretStream } from "../../src/services/secrets/secret-source.ts";
import { carOfAlice } from "../cli/support/car.ts";

const folder = mkdtempSync(path.join(tmpdir(), "decamp-incoming-"));
const pipe = path.join(folder, "pipe");
beforeAll(() => execFileSync("mkfifo", [pipe]));
afterAll(() => rmSync(folder, { recursive: true }));

const why = new Error("asked to stop");

/** A signal that fires while the work has begun. */
function soon(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(why), 30);
  return controller.signal;
}

const text = async (bytes: AsyncIterable<Uint8Array>): Promise<string> =>
  Buffer.concat(await collect(bytes)).toString();

/** A stream that is open, and brings nothing. */
const silent = (): Readable => new Readable({ read: () => undefined });

/** This one never waits for anything. */
async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) {
    yield await Promise.resolve(Buffer.from("\n\n#\n"));
  }
}

async function* zeros(told: { size: number }, most = Infinity): AsyncGenerator<Uint8Array> {
  for (; told.size < most; told.size += 65_536) {
    yield Promise.resolve(new Uint8Array(65_536));
  }
}

const readers: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
  "a CAR": async (signal) => openNamedCar(pipe, { signal }),
  "a CAR in a stream": async (signal) => spoolCar(silent(), "it", { signal }),
  JSON: async (signal) => readJsonFile(pipe, { signal }),
  "JSON in a stream": async (signal) => readJsonStream(silent(), "it", { signal }),
  "lines of JSON": async (signal) => readJsonValues(pipe, signal),
  "lines of JSON in a stream": async (signal) => readJsonValues({ stream: silent(), name: "it" }, signal),
  "a secret": async (signal) => readSecretFile(pipe, "the password", { signal }),
  "a secret in a stream": async (signal) => readSecretStream(silent(), "it", "the password", signal),
  "a list": async (signal) => collect(fileLines(pipe, signal)),
  "a list in a stream": async (signal) => collect(streamLines(silent(), "it", signal)),
};

describe("nothing comes", () => {
  test.each(Object.entries(readers))("%s: the signal ends it", async (_name, read) => {
    await expect(read(soon())).rejects.toBe(why);
    await expect(read(AbortSignal.abort(why))).rejects.toBe(why);
  });

  test("also where somebody has the pipe open, and where a pipe would look like one that has ended", async () => {
    const held = openSync(pipe, "r+");
    await expect(text(readNamed(pipe, soon()))).rejects.toBe(why);
    closeSync(held);
    const fd = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    await expect(awaitWriter(fd, soon())).rejects.toBe(why);
  });
});

describe("a pipe", () => {
  test("has what somebody writes to it later, in pieces", async () => {
    const read = text(readNamed(pipe));
    await delay(20);
    const writer = openSync(pipe, "w");
    writeSync(writer, "one ");
    await delay(20);
    writeSync(writer, "two");
    closeSync(writer);
    expect(await read).toBe("one two");
  });

  test("to which nobody writes a word is empty", async () => {
    const read = text(readNamed(pipe));
    await delay(20);
    closeSync(openSync(pipe, "w"));
    expect(await read).toBe("");
  });

  test("is waited for until somebody has opened it, with what was written until then", async () => {
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const waits = awaitWriter(reader);
    await delay(20);
    const writer = openSync(pipe, "w");
    expect(await waits).toHaveLength(0);
    writeSync(writer, "a word");
    expect(Buffer.from(await awaitWriter(reader)).toString()).toBe("a word");
    [reader, writer].forEach((fd) => closeSync(fd));
  });
});

test("what has no end is read until the signal fires", async () => {
  await expect(
    (async () => {
      for await (const _ of readNamed("/dev/zero", soon())) {
        // Nothing is done with it.
      }
    })(),
  ).rejects.toBe(why);
  await expect(
    (async () => {
      for await (const _ of streamLines(endless(), "it", soon())) {
        // Nothing is done with it.
      }
    })(),
  ).rejects.toBe(why);
  await expect(
    (async () => {
      for await (const _ of pieces(endless(), soon())) {
        // Nothing is done with it.
      }
    })(),
  ).rejects.toBe(why);
});

describe("lines", () => {
  test("come without their ends, also the last one", async () => {
    expect(await collect(streamLines(Readable.from(["a\nb", "\r\n\nc"]), "it"))).toEqual(["a", "b", "", "c"]);
    writeFileSync(path.join(folder, "list"), "ä\nö");
    expect(await collect(fileLines(path.join(folder, "list")))).toEqual(["ä", "ö"]);
  });

  test("that do not end are an error, whatever comes behind them", async () => {
    const error = { code: "unreadable-file", message: "Cannot read it: a line is longer than 100000 letters." };
    const long = "x".repeat(100_001);
    await expect(collect(streamLines(Readable.from([`a\n${long}\nb`]), "it"))).rejects.toMatchObject(error);
    await expect(collect(streamLines(Readable.from([long]), "it"))).rejects.toMatchObject(error);
    await expect(collect(fileLines("/dev/zero"))).rejects.toMatchObject({ code: "unreadable-file" });
  });

  test("of a file that is not there are none", async () => {
    await expect(collect(fileLines(path.join(folder, "nothing")))).rejects.toMatchObject({ code: "unreadable-file" });
  });
});

describe("a CAR that comes in a stream", () => {
  test("that is none is given up after strayBytes, and what is kept says what is wrong", async () => {
    const limits = limitsWith({ strayBytes: 300_000 });
    const told = { size: 0 };
    const car = await spoolCar(zeros(told), "it", { limits });
    const { findings } = await verifyRepo(car.source, {});
    car.close();
    expect(findings.map(({ rule }) => rule)).toEqual(["car/header"]);
    expect(told.size).toBeGreaterThan(300_000);
    expect(told.size).toBeLessThan(500_000);
    // One that ends by itself before that is kept as it is.
    const whole = await spoolCar(zeros({ size: 0 }, 131_072), "it", { limits });
    expect(whole.size).toBe(131_072);
    whole.close();
  });

  test("is taken up to repoBytes", async () => {
    const { bytes } = await carOfAlice(1);
    const limits = { ...defaultBudgets, repoBytes: bytes.length };
    (await spoolCar(Readable.from([bytes]), "it", { limits })).close();
    await expect(spoolCar(Readable.from([bytes, Buffer.of(1)]), "it", { limits })).rejects.toMatchObject({
      code: "limit-exceeded",
      message: `What comes from it has more than ${bytes.length} bytes.`,
      hint: "If you trust where this comes from, raise the limit with --limit repo-bytes=NUMBER.",
    });
  });
});
