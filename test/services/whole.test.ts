/**
 * What lies under its name is whole, and what was said to be written is: on a disk that takes less, and through a kill.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { AppendFile } from "../../src/services/disk/append-file.ts";
import { spoolCar } from "../../src/services/disk/car-file.ts";
import { refuseTaken } from "../../src/services/secrets/key-store.ts";
import { writeOutput } from "../../src/services/disk/output/output-file.ts";
import { writeAll } from "../../src/services/disk/write-whole.ts";
import type { Breakage } from "../faults/break-files.ts";

const writer = fileURLToPath(new URL("writer.ts", import.meta.url));
const breakFiles = new URL("../faults/break-files.ts", import.meta.url).href;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "decamp-whole-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const at = (name: string): string => path.join(folder, name);

/** The system itself takes no byte of a file behind the first kilobyte. */
function writeLimited(what: string, place: string): unknown {
  const script = 'ulimit -f 1 && exec "$0" "$@"';
  return JSON.parse(execFileSync("bash", ["-c", script, process.execPath, writer, what, place], { encoding: "utf8" }));
}

function writeBroken(what: string, place: string, breakage: Omit<Breakage, "path">): string | null {
  const env = { ...process.env, DECAMP_BREAK: JSON.stringify({ path: place, ...breakage }) };
  const { stdout, signal } = spawnSync(process.execPath, ["--import", breakFiles, writer, what, place], {
    encoding: "utf8",
    env,
  });
  return signal ?? stdout;
}

test("what the system does not take at once is offered again, and what it takes none of is an error", async () => {
  const kept: number[] = [];
  let most = 3;
  const handle = {
    write: async (bytes: Uint8Array, offset: number, length: number) => {
      const taken = Math.min(most, length);
      kept.push(...bytes.subarray(offset, offset + taken));
      return Promise.resolve({ bytesWritten: taken, buffer: bytes });
    },
  } as Parameters<typeof writeAll>[0];
  const bytes = Uint8Array.from({ length: 10 }, (_, index) => index);
  await writeAll(handle, bytes);
  expect(kept).toEqual([...bytes]);
  most = 0;
  await expect(writeAll(handle, bytes)).rejects.toMatchObject({ code: "EIO" });
});

describe("a file of lines", () => {
  test("whose disk is full in the middle of one says so, and has nothing of it; what fits behind it is read", () => {
    expect(writeLimited("lines", at("log"))).toEqual(["done", "EFBIG", "done"]);
    expect(readFileSync(at("log"), "utf8")).toBe(`${"a".repeat(900)}\nc\n`);
  });

  test("of which the system takes a half and says so is whole", () => {
    expect(writeBroken("lines", at("log"), { nth: 2, how: "short" })).toBe('["done","done","done"]');
    expect(readFileSync(at("log"), "utf8")).toBe(`${"a".repeat(900)}\n${"b".repeat(900)}\nc\n`);
  });

  test("keeps a piece of a line that was left, as a line of its own", async () => {
    writeFileSync(at("log"), "one\ntwo\n");
    truncateSync(at("log"), 6);
    const file = await AppendFile.open(at("log"));
    await file.append("three");
    await file.close();
    expect(readFileSync(at("log"), "utf8")).toBe("one\ntw\nthree\n");
  });
});

describe("a key file", () => {
  test("that does not fit on the disk is not there, and nothing beside it", () => {
    expect(writeLimited("new", at("key"))).toEqual(["EFBIG"]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("is whole or not there, wherever its run is killed; and the next one leaves nothing of that behind", () => {
    // It is made, written, and given its name.
    const moments = [
      { nth: 2, how: "torn", isThere: false },
      { nth: 3, how: "before", isThere: false },
      { nth: 3, how: "after", isThere: true },
    ] as const;
    for (const { isThere, ...moment } of moments) {
      expect([moment, writeBroken("new", at("key"), moment)]).toEqual([moment, "SIGKILL"]);
      expect([moment, readdirSync(folder).includes("key")]).toEqual([moment, isThere]);
    }
    expect(readFileSync(at("key"), "utf8")).toBe("x".repeat(3000));
    rmSync(at("key"));
    expect(readdirSync(folder)).toHaveLength(3);
    writeFileSync(at("key.txt.part"), "of the user");
    expect(writeBroken("new", at("key"), { nth: 0, how: "nothing" })).toBe('["done"]');
    expect(readdirSync(folder).toSorted()).toEqual(["key", "key.txt.part"]);
  });

  test.each([
    ["is empty", ""],
    ["was cut off", "-----BEGIN AGE ENC"],
    ["was cut off", "-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlw\n"],
  ])("as an older version could leave it %s: that is said, and it stays", async (what, content) => {
    writeFileSync(at("key"), content);
    await expect(refuseTaken(at("key"))).rejects.toMatchObject({
      code: "refused",
      message: `${at("key")} is there already, and ${what}: no key can be read from it.`,
      hint: expect.stringContaining(`rm ${at("key")}`) as string,
    });
    expect(readFileSync(at("key"), "utf8")).toBe(content);
  });

  test("of which nothing can be said but that it is there", async () => {
    writeFileSync(at("key"), "precious");
    const refused = { code: "refused", message: `${at("key")} is there already, and is not overwritten.` };
    await expect(refuseTaken(at("key"))).rejects.toMatchObject(refused);
    symlinkSync(at("nothing"), at("link"));
    await expect(refuseTaken(at("link"))).rejects.toMatchObject({ code: "refused" });
    await expect(refuseTaken(at("free"))).resolves.toBeUndefined();
  });
});

describe("a file that a user names", () => {
  test("replaces what has that name, and no other name of it; a link leads to where it is written", async () => {
    writeFileSync(at("old"), "old");
    linkSync(at("old"), at("other"));
    symlinkSync(at("old"), at("link"));
    await writeOutput(at("link"), "new");
    expect(readFileSync(at("old"), "utf8")).toBe("new");
    expect(readFileSync(at("other"), "utf8")).toBe("old");
    expect(readdirSync(folder).toSorted()).toEqual(["link", "old", "other"]);
    writeFileSync(at("fresh.part"), "of the user");
    await writeOutput(at("fresh"), "new");
    expect(readFileSync(at("fresh.part"), "utf8")).toBe("of the user");
  });

  test("that is a pipe is written to, and stays one", async () => {
    execFileSync("mkfifo", [at("pipe")]);
    const [read] = await Promise.all([readFile(at("pipe"), "utf8"), writeOutput(at("pipe"), "new")]);
    expect(read).toBe("new");
    expect(statSync(at("pipe")).isFIFO()).toBe(true);
  });

  test("that is a folder, or a link to nothing, is refused", async () => {
    symlinkSync(at("nothing"), at("link"));
    await expect(writeOutput(at("link"), "x")).rejects.toMatchObject({ code: "refused" });
    await expect(writeOutput(folder, "x")).rejects.toMatchObject({ code: "storage" });
    expect(readdirSync(folder)).toEqual(["link"]);
  });
});

async function* stream(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("one ");
  yield Promise.resolve(Buffer.from("two"));
}

test.skipIf(process.platform === "win32")(
  "what is kept of a stream has no name, so that no kill leaves it behind",
  async () => {
    vi.stubEnv("TMPDIR", folder);
    const car = await spoolCar(stream(), "a stream");
    vi.unstubAllEnvs();
    expect(readdirSync(folder)).toEqual([]);
    expect(Buffer.from(car.source.read(2, 4)).toString()).toBe("e tw");
    car.close();
  },
);
