/** Standard outputs that are written to without a stream: nothing is lost, nobody is waited for. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDirectOutput } from "../../src/services/disk/output/direct-output.ts";

const folder = mkdtempSync(path.join(tmpdir(), "decamp-direct-"));
const pipe = path.join(folder, "pipe");
beforeAll(() => execFileSync("mkfifo", [pipe]));
afterAll(() => rmSync(folder, { recursive: true }));

/** More than a pipe holds, and no two pieces of it alike. */
const long = Buffer.from(Array.from({ length: 200_000 }, (_, index) => `${index}\n`).join(""));

/** @param wait whether who writes to it is to wait, as it is with what a shell makes */
function openPipe(wait: boolean): { readonly reader: number; readonly writer: number } {
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: openSync(pipe, constants.O_WRONLY | (wait ? 0 : constants.O_NONBLOCK)) };
}

function readAll(fd: number): Buffer {
  const memory = Buffer.alloc(1 << 20);
  let at = 0;
  try {
    for (let more = 1; more > 0; at += more) {
      more = readSync(fd, memory, at, memory.length - at, null);
    }
  } catch (error) {
    expect(error).toMatchObject({ code: "EAGAIN" });
  }
  return memory.subarray(0, at);
}

test.each([true, false])("a full pipe gives back what it does not take, and waits for nobody (%s)", (wait) => {
  const { reader, writer } = openPipe(wait);
  const write = openDirectOutput(writer);
  const rest = write?.(long) ?? Buffer.of();
  expect(rest.length).toBeGreaterThan(0);
  expect(write?.(Buffer.from("x"))).toHaveLength(1);
  const taken = readAll(reader);
  expect(Buffer.concat([taken, rest]).equals(long)).toBe(true);
  expect(write?.(Buffer.from("more"))).toHaveLength(0);
  expect(readAll(reader).toString()).toBe("more");
  [reader, writer].forEach((fd) => closeSync(fd));
});

test("a pipe whose reader has gone says so", () => {
  const { reader, writer } = openPipe(true);
  const write = openDirectOutput(writer);
  closeSync(reader);
  expect(() => write?.(Buffer.from("x"))).toThrow(expect.objectContaining({ code: "EPIPE" }));
  // Now there is none to begin with: that is for the usual way to say.
  expect(openDirectOutput(writer)).toBeUndefined();
  closeSync(writer);
});

test("a file has all, behind what was there", () => {
  const file = path.join(folder, "file");
  for (const text of ["one\n", "two\n"]) {
    const fd = openSync(file, "a");
    expect(openDirectOutput(fd)?.(Buffer.from(text))).toHaveLength(0);
    closeSync(fd);
  }
  expect(readFileSync(file, "utf8")).toBe("one\ntwo\n");
});

test("what swallows everything does so, and a device that may be a terminal is left to others", () => {
  const fds = ["/dev/null", "/dev/full"].map((device) => openSync(device, "w"));
  const [none, full] = fds.map(openDirectOutput);
  expect(none?.(long)).toHaveLength(0);
  expect(full).toBeUndefined();
  fds.forEach((fd) => closeSync(fd));
});

test("a socket and what is closed are left to others", async () => {
  const server = createServer().listen(path.join(folder, "socket"));
  const fd = await new Promise<number>((resolve) => {
    server.once("listening", () => {
      const { _handle: handle } = server as unknown as { _handle: { fd: number } };
      resolve(handle.fd);
    });
  });
  expect(openDirectOutput(fd)).toBeUndefined();
  await new Promise((resolve) => server.close(resolve));
  expect(openDirectOutput(fd)).toBeUndefined();
});
